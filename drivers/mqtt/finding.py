"""Which points a message may have: those of a part only when the message names the part. Pure, compiled once.

A panel has thousands of detectors, and a message tells of one: looking for each of them costs more than all the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from drivers.mqtt.path import MISSING, first_of, getter
from drivers.mqtt.reading import MqttReading
from drivers.mqtt.take import Take

FEWEST_PARTS = 4
"""With fewer, everything is looked for."""
_Get = Callable[[Any], Any]
Point = tuple[int, str | None, _Get, Take, tuple[_Get, _Get] | None, tuple[_Get, Any] | None]
"""(bit, the only key of its path, path, take, (path, judge) of its fault, (what must be there, value when absent))."""
_bit = itemgetter(0)


def point_of(bit: int, reading: MqttReading) -> Point:
    """How the point of that bit is found in a message."""
    # most paths are one key, and a call costs more than looking it up
    path = reading.paths[0] if len(reading.paths) == 1 else ()
    key = path[0] if len(path) == 1 and isinstance(path[0], str) else None
    fault = (getter(reading.fault[0]), reading.fault[1]) if reading.fault else None
    absent = (getter(reading.absent[0]), reading.absent[1]) if reading.absent else None
    return bit, key, reading.field or first_of(reading.paths), reading.take, fault, absent


class Index:
    """Finds the parts of a message by the first two keys of their points' paths."""

    def __init__(self, readings: Sequence[MqttReading], points: Sequence[Point]) -> None:
        self._all = list(points)
        self._always: list[Point] = []
        self._of_part: list[list[Point]] = []
        self._by_keys: dict[str, dict[str, list[int]]] = {}
        by_part: dict[str | None, list[int]] = {}
        for place, reading in enumerate(readings):
            by_part.setdefault(reading.point.part, []).append(place)
        for part, places in by_part.items():
            pairs = {pair for place in places for pair in _pairs(readings[place])}
            if part is None or None in pairs:
                self._always += [points[place] for place in places]
                continue
            for pair in pairs:
                if pair is not None:
                    self._by_keys.setdefault(pair[0], {}).setdefault(pair[1], []).append(len(self._of_part))
            self._of_part.append([points[place] for place in places])
        if len(self._of_part) < FEWEST_PARTS:
            self._by_keys.clear()

    def of(self, root: Any) -> Sequence[Point]:
        """The points that the message may have, by rising bits."""
        if not self._by_keys or root.__class__ is not dict:
            return self._all
        parts: set[int] = set()
        for head, by_key in self._by_keys.items():
            within = root.get(head, MISSING)
            if within is MISSING:
                continue
            if within.__class__ is not dict:
                return self._all  # null, or of another type: said of all of them
            for key in within:
                parts.update(by_key.get(key, ()))
        found = list(self._always)
        for part in parts:
            found += self._of_part[part]
        return sorted(found, key=_bit)


def _pairs(reading: MqttReading) -> set[tuple[str, str] | None]:
    """The first two keys of all paths; None when there is one without, or the point stands elsewhere, too."""
    found: set[tuple[str, str] | None] = set()
    if reading.fault or reading.absent or not reading.paths:
        found.add(None)
    for path in reading.paths:
        match path:
            case (str() as head, str() as key, *_):
                found.add((head, key))
            case _:
                found.add(None)
    return found
