"""The terms of a meaning: lines, judges, formulas, factors from other points. Pure."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.model import Quality, Value

Marks = dict[int, int]
"""Slot → quality, of the slots that are not GOOD. Their values are None."""
Step = Callable[[list[Any], Marks], None]
Table = Mapping[Value, tuple[float, float]] | None
"""Value of a point → (factor, divisor)."""

# NAMUR NE 43: a 4–20 mA transmitter signals its failure below 3.6 mA or above 21 mA
LOOP_FAILED_BELOW = 3.6
LOOP_FAILED_ABOVE = 21.0
# a table without a live zero may be left by this share of its span (noise of an input at rest), not more
TABLE_MARGIN = 0.05
# the smallest normal float32: no device measures less, but half a number read as a float looks like that
SMALLEST = 2.0**-126
# whole numbers end where the stores' do: 64 bits with a sign
LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1
# the number behind a gate bit that is 0: no code of a device is negative there
CLOSED = -1


@dataclass(frozen=True, slots=True)
class Curve:
    """Straight lines through points (x rising), going on past both ends; outside `low`…`high` there is no value."""

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    low: float
    high: float
    outside: Quality

    @classmethod
    def through(cls, points: Mapping[float, float], *, loop_current: bool) -> Curve:
        """The curve of a table; ValueError when it has fewer than two points."""
        if len(points) < 2:
            raise ValueError("at least two points are needed to draw a line")
        xs = tuple(sorted(points))
        ys = tuple(points[x] for x in xs)
        # a live zero is one that a broken wire cannot show: the table must begin above the failure signal
        if loop_current and xs[0] > LOOP_FAILED_BELOW:
            return cls(xs, ys, LOOP_FAILED_BELOW, max(LOOP_FAILED_ABOVE, xs[-1]), Quality.BAD_SENSOR)
        margin = TABLE_MARGIN * (xs[-1] - xs[0])
        return cls(xs, ys, xs[0] - margin, xs[-1] + margin, Quality.BAD_RANGE)

    def at(self, x: float) -> float:
        right = min(max(bisect_right(self.xs, x), 1), len(self.xs) - 1)
        x0, x1, y0, y1 = self.xs[right - 1], self.xs[right], self.ys[right - 1], self.ys[right]
        if x == x1:
            return y1  # no rounding at the table's own points
        return y0 + (x - x0) * (y1 - y0) / (x1 - x0)

    def line(self) -> Callable[[float], float]:
        """`at` for a curve of two points."""
        (x0, x1), (y0, y1) = self.xs, self.ys
        rise, run = y1 - y0, x1 - x0
        return lambda x: y0 + (x - x0) * rise / run if x != x1 else y1


@dataclass(frozen=True, slots=True)
class Judge:
    """A point that says whether another one is valid: while it is one of `values`, or lies within the bounds.

    `below` and `above` are bounds that it must not reach.
    """

    key: str
    values: frozenset[Value] | None
    at_least: float = -math.inf
    at_most: float = math.inf
    below: float = math.inf
    above: float = -math.inf

    def holds(self, value: Value) -> bool:
        """A point without a value judges nothing good."""
        if self.values is not None:
            return value in self.values
        if not isinstance(value, (int, float)):
            return False
        return self.at_least <= value <= self.at_most and self.above < value < self.below


@dataclass(frozen=True, slots=True)
class Formula:
    """A value made of those of the points `reads`: (their values, their qualities) → (value, quality).

    `said` is by what: the expression with its constants. What says the same makes the same of the same values.
    """

    reads: tuple[str, ...]
    calculate: Callable[[Sequence[Value], Sequence[int]], tuple[Value, int]]
    said: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Multiplier:
    """A point by which another one is multiplied; with a `table`, by what its value stands for there."""

    key: str
    table: Mapping[Any, float] | None = None


@dataclass(frozen=True, slots=True)
class UnitCode:
    """A point that says in which unit another one is: its value → (factor, shift) to the declared unit."""

    key: str
    units: Mapping[Any, tuple[float, float]]
