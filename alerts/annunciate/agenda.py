"""When what is due: a heap of moments by key, each key once."""

from __future__ import annotations

import heapq

Key = tuple[str, ...]


class Agenda:
    """`first` is cheap: it is asked at every frame."""

    def __init__(self) -> None:
        self._due: dict[Key, int] = {}
        self._heap: list[tuple[int, Key]] = []

    def set(self, key: Key, due_ns: int | None) -> None:
        """This key is due then and not before; None: never."""
        if due_ns is None:
            self._due.pop(key, None)
        elif self._due.get(key) != due_ns:
            self._due[key] = due_ns
            heapq.heappush(self._heap, (due_ns, key))

    def first(self) -> int | None:
        """The earliest moment."""
        heap = self._heap
        while heap and self._due.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def pop(self) -> Key:
        """Take out the key that is due first; there must be one."""
        self.first()
        _, key = heapq.heappop(self._heap)
        del self._due[key]
        return key

    def clear(self) -> None:
        self._due.clear()
        self._heap.clear()
