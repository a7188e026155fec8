"""No recover before its raise: remembers which notices of an occurrence wait, and until when."""

from __future__ import annotations

from collections.abc import Iterable

Place = tuple[int, int]
"""(seq, step) of a notice: what is said of one occurrence goes out in this order."""


class Order:
    """The undelivered notices of one channel that are not due yet, by occurrence. One notice may tell of several."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[Place, int]] = {}  # occurrence → place → due wall ns

    def waits(self, occurrences: Iterable[str], place: Place, due_wall_ns: int) -> None:
        """This notice will be looked at again at `due_wall_ns`."""
        for occurrence in occurrences:
            self._waiting.setdefault(occurrence, {})[place] = due_wall_ns

    def done(self, occurrences: Iterable[str], place: Place) -> None:
        """This notice was delivered, or given up."""
        for occurrence in occurrences:
            waiting = self._waiting.get(occurrence, {})
            waiting.pop(place, None)
            if not waiting:
                self._waiting.pop(occurrence, None)

    def held_until(self, occurrences: Iterable[str], place: Place) -> int | None:
        """When the last of the notices that this one must follow is due; None when nothing is before it."""
        held = [self._waiting[one][first] for one in occurrences if (first := self._first(one, place)) < place]
        return max(held, default=None)

    def _first(self, occurrence: str, otherwise: Place) -> Place:
        return min(self._waiting.get(occurrence, ()), default=otherwise)
