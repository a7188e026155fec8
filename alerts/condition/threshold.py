"""C1: a point against a limit with a deadband, against several levels, or against another point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alerts.condition.columns import BAD, Columns, Reading
from alerts.condition.node import Node
from gateway.model import Severity, Truth

_LOW = {"below", "at_most"}
_STRICT = {"above", "below"}


@dataclass(frozen=True, slots=True)
class Band:
    """`above 5, deadband 1` as two numbers: trips at x ≥ trip, clears at x < clear, where x is sign × value.

    Low limits are high limits of the mirrored value. A strict comparison is ≥ the next larger number, so that all four
    share one form: above: x > L / x ≤ L − db; at_least: x ≥ L / x < L − db.
    """

    sign: int
    trip: float
    clear: float
    limit: float

    @classmethod
    def of(cls, comparison: str, limit: float, deadband: float) -> Band:
        sign = -1 if comparison in _LOW else 1
        # fifteen digits: 0.10 − 0.01 is 0.09, not the last bit above it
        trip, clear = sign * limit, float(f"{sign * limit - deadband:.15g}")
        if comparison in _STRICT:
            trip, clear = math.nextafter(trip, math.inf), math.nextafter(clear, math.inf)
        return cls(sign, trip, clear, limit)


def known(columns: Columns, slot: int, *, absolute: bool) -> float | None:
    value: Any = columns.values[slot]
    if value is None or not columns.known(slot):
        return None
    return abs(float(value)) if absolute else float(value)


def outside(sign: int, trip: float, clear: float, value: float | None) -> Truth:
    """Beyond the limit, back from it, or UNKNOWN: in the band only memory could tell."""
    if value is None or value != value:  # noqa: PLR0124 - not a number
        return None
    value *= sign
    return True if value >= trip else False if value < clear else None


class Threshold(Node):
    """One limit. Inside the band the previous answer holds (FALSE when there is none), also across UNKNOWN."""

    __slots__ = ("absolute", "clear", "limit", "sign", "slot", "trip", "tripped", "unit")

    def __init__(self, slot: int, band: Band, unit: str | None, *, absolute: bool = False) -> None:
        super().__init__(frozenset({slot}))
        self.slot = slot
        self.sign, self.trip, self.clear, self.limit = band.sign, band.trip, band.clear, band.limit
        self.unit = unit
        self.absolute = absolute
        self.tripped = False

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        slot = self.slot
        value: Any = columns.values[slot]
        if not 0 <= columns.quality[slot] < BAD or value is None:
            return None
        if self.absolute and value < 0:
            value = -value
        value *= self.sign
        if value < self.clear:
            self.tripped = False
            return False
        if value >= self.trip:
            self.tripped = True
            return True
        # not a number is neither: it must not pass for "in the band"
        return self.tripped if value == value else None  # noqa: PLR0124

    def alone(self, columns: Columns) -> Truth:
        return outside(self.sign, self.trip, self.clear, known(columns, self.slot, absolute=self.absolute))

    def snapshot(self) -> Any:
        return self.tripped

    def restore(self, state: Any) -> None:
        self.tripped = bool(state)

    def reading(self, columns: Columns) -> Reading:
        return Reading(columns.values[self.slot], self.limit, self.unit)


class HighLimit(Threshold):
    """The same for a limit that is exceeded upwards by the value itself: most rules, and most of what is judged."""

    __slots__ = ()

    def __init__(self, slot: int, band: Band, unit: str | None) -> None:
        super().__init__(slot, band, unit)
        if self.sign != 1:
            raise ValueError("a limit from above is expected")

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        slot = self.slot
        value: Any = columns.values[slot]
        if not 0 <= columns.quality[slot] < BAD or value is None:
            return None
        if value < self.clear:
            self.tripped = False
            return False
        if value >= self.trip:
            self.tripped = True
            return True
        return self.tripped if value == value else None  # noqa: PLR0124 - not a number is not in the band


class Levels(Node):
    """Several limits on one point, one alarm: TRUE while any is tripped, `severity` that of the highest tripped."""

    __slots__ = ("_edges", "absolute", "bands", "severities", "slot", "tripped", "unit")

    def __init__(
        self,
        slot: int,
        bands: Sequence[Band],
        severities: Sequence[Severity],
        unit: str | None,
        *,
        absolute: bool = False,
    ) -> None:
        super().__init__(frozenset({slot}))
        self.slot = slot
        self.bands = tuple(bands)
        self._edges = tuple((band.sign, band.trip, band.clear) for band in self.bands)
        self.severities = tuple(severities)
        self.unit = unit
        self.absolute = absolute
        self.tripped = [False] * len(self.bands)

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        quality = columns.quality[self.slot]
        value: Any = columns.values[self.slot]
        if quality >= BAD or quality < 0 or value is None or value != value:  # noqa: PLR0124
            return None
        if self.absolute:
            value = abs(value)
        highest = -1
        for index, (sign, trip, clear) in enumerate(self._edges):
            mirrored = sign * value
            if mirrored >= trip:
                self.tripped[index] = True
            elif mirrored < clear:
                self.tripped[index] = False
            if self.tripped[index]:
                highest = index
        self.severity = self.severities[highest] if highest >= 0 else None
        return highest >= 0

    def alone(self, columns: Columns) -> Truth:
        """Any level is a pulse; the first is the nearest."""
        return outside(*self._edges[0], known(columns, self.slot, absolute=self.absolute))

    def _highest(self) -> int | None:
        return max((index for index, tripped in enumerate(self.tripped) if tripped), default=None)

    def snapshot(self) -> Any:
        return list(self.tripped)

    def restore(self, state: Any) -> None:
        self.tripped = [bool(tripped) for tripped in state]
        highest = self._highest()
        self.severity = None if highest is None else self.severities[highest]

    def reading(self, columns: Columns) -> Reading:
        limit = self.bands[self._highest() or 0].limit
        return Reading(columns.values[self.slot], limit, self.unit)


@dataclass(frozen=True, slots=True)
class MovingLimit:
    """A limit that is another slot's value × factor (+ offset, for temperature scales), in the judged point's unit."""

    slot: int
    factor: float
    offset: float

    def now(self, columns: Columns) -> float | None:
        value: Any = columns.values[self.slot]
        return None if value is None or not columns.known(self.slot) else value * self.factor + self.offset


class ThresholdOfPoint(Node):
    """A point against another point; either side UNKNOWN makes the answer UNKNOWN."""

    __slots__ = ("absolute", "deadband", "limit", "sign", "slot", "strict", "tripped", "unit")

    def __init__(
        self, slot: int, comparison: str, limit: MovingLimit, deadband: float, unit: str | None, *, absolute: bool
    ) -> None:
        super().__init__(frozenset({slot, limit.slot}))
        self.slot = slot
        self.sign = -1 if comparison in _LOW else 1
        self.strict = comparison in _STRICT
        self.limit = limit
        self.deadband = deadband
        self.unit = unit
        self.absolute = absolute
        self.tripped = False

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        value: Any = columns.values[self.slot]
        limit = self.limit.now(columns)
        if limit is None or value is None or not columns.known(self.slot):
            return None
        if self.absolute:
            value = abs(value)
        if not math.isfinite(value) or not math.isfinite(limit):
            return None
        value, limit = self.sign * value, self.sign * limit
        if value > limit or (value == limit and not self.strict):
            self.tripped = True
        elif value < limit - self.deadband or (value == limit - self.deadband and self.strict):
            self.tripped = False
        return self.tripped

    def alone(self, columns: Columns) -> Truth:
        limit, value = self.limit.now(columns), known(columns, self.slot, absolute=self.absolute)
        if limit is None or value is None or not math.isfinite(value) or not math.isfinite(limit):
            return None
        value, limit = self.sign * value, self.sign * limit
        if value > limit or (value == limit and not self.strict):
            return True
        return False if value < limit - self.deadband else None

    def snapshot(self) -> Any:
        return self.tripped

    def restore(self, state: Any) -> None:
        self.tripped = bool(state)

    def reading(self, columns: Columns) -> Reading:
        return Reading(columns.values[self.slot], self.limit.now(columns), self.unit)
