"""Who must be looked at when: a heap of (due, index), at most one entry that counts for each index."""

from __future__ import annotations

import heapq

_NEVER = 1 << 200


class Timers:
    """Deadlines on building time. An entry may ring early, never late: whoever rings is asked what is really due.

    A deadline that moves back at every sample (a watchdog's) therefore costs nothing until the old one rings.
    """

    def __init__(self, count: int) -> None:
        self._heap: list[tuple[int, int]] = []
        self._armed = [_NEVER] * count

    def arm(self, index: int, due_ns: int | None) -> None:
        """Ring for `index` at `due_ns` at the latest."""
        if due_ns is not None and due_ns < self._armed[index]:
            self._armed[index] = due_ns
            heapq.heappush(self._heap, (due_ns, index))

    def ring(self, until_ns: int) -> tuple[int, int] | None:
        """Take the earliest (due, index) that is due by `until_ns`."""
        while self._heap and self._heap[0][0] <= until_ns:
            due, index = heapq.heappop(self._heap)
            if self._armed[index] == due:
                self._armed[index] = _NEVER
                return due, index
        return None

    def next(self) -> int | None:
        """When to ring next; None if never."""
        while self._heap and self._armed[self._heap[0][1]] != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
