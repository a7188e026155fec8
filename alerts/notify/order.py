"""No recover before its raise: remembers which notices of an occurrence wait, and until when."""

from __future__ import annotations


class Order:
    """The undelivered notices of one channel that are not due yet, by occurrence."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[int, int]] = {}  # occurrence → seq → due wall ns

    def waits(self, occurrence: str, seq: int, due_wall_ns: int) -> None:
        """This notice will be looked at again at `due_wall_ns`."""
        self._waiting.setdefault(occurrence, {})[seq] = due_wall_ns

    def done(self, occurrence: str, seq: int) -> None:
        """This notice was delivered, or given up."""
        waiting = self._waiting.get(occurrence, {})
        waiting.pop(seq, None)
        if not waiting:
            self._waiting.pop(occurrence, None)

    def held_until(self, occurrence: str, seq: int) -> int | None:
        """When the first notice that this one must follow is due; None when nothing is before it."""
        waiting = self._waiting.get(occurrence)
        first = min(waiting) if waiting else seq
        return self._waiting[occurrence][first] if first < seq else None
