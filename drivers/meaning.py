"""What raw numbers mean: from columns of raw values to columns of values with their quality. Pure.

A `Meaning` says it for one point. `compile_steps` turns the meanings of a layout into a few steps, each a loop over
only those slots that need it, because a call per point would cost more than reading it off the wire.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.model import Quality, Value

Marks = dict[int, int]
"""Slot → quality, of the slots that are not GOOD. Their values are None."""
Step = Callable[[list[Any], Marks], None]

# NAMUR NE 43: a 4–20 mA transmitter signals its failure below 3.6 mA or above 21 mA
LOOP_FAILED_BELOW = 3.6
LOOP_FAILED_ABOVE = 21.0
# a table without a live zero may be left by this share of its span (noise of an input at rest), not more
TABLE_MARGIN = 0.05
# the smallest normal float32: no device measures less, but half a number read as a float looks like that
SMALLEST = 2.0**-126
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """How a raw value becomes a value; applied in the order of the fields."""

    sentinels: Mapping[float, int] = field(default_factory=dict)
    floating: bool = False  # may be NaN or infinite
    not_a_number: int = Quality.BAD_DECODE
    text: bool = False
    bits: tuple[int, int] | None = None  # (shift, mask)
    gate: int | None = None  # while this bit is 0, the number is CLOSED; only together with bits
    truth: bool = False  # 0 and 1 become False and True
    codes: Mapping[int, str | bool] | None = None
    scale: float = 1.0
    offset: float = 0.0
    curves: tuple[Curve, ...] = ()
    range: tuple[float, float] | None = None
    invert: bool = False
    valid_when: tuple[str, frozenset[Value]] | None = None  # key of another point, its good values


def compile_steps(meanings: Sequence[Meaning], slot_of: Mapping[str, int], first: int = 0) -> tuple[Step, ...]:
    """The steps that give columns of raw values their meaning: meanings[0] is of slot `first`, `slot_of` of a key."""
    slots = list(enumerate(meanings, first))
    steps = (
        _sentinels([(i, m.sentinels) for i, m in slots if m.sentinels]),
        _finite([(i, m.not_a_number) for i, m in slots if m.floating]),
        _texts([i for i, m in slots if m.text]),
        _bits([(i, *m.bits) for i, m in slots if m.bits and m.gate is None]),
        _gated([(i, m.gate, *m.bits) for i, m in slots if m.bits and m.gate is not None]),
        _truths([i for i, m in slots if m.truth]),
        _codes([(i, m.codes) for i, m in slots if m.codes is not None]),
        _divide([(i, _divisor(m)) for i, m in slots if _divisor(m) != 1.0]),
        _scale([(i, m.scale, m.offset) for i, m in slots if _divisor(m) == 1.0 and (m.scale, m.offset) != (1.0, 0.0)]),
        _curves([(i, m.curves) for i, m in slots if m.curves]),
        # a finite number times a scale may not be finite
        _finite([(i, Quality.BAD_DECODE) for i, m in slots if m.curves or (m.floating and abs(m.scale) > 1)]),
        _ranges([(i, *m.range) for i, m in slots if m.range]),
        _invert([i for i, m in slots if m.invert]),
        _valid_when(_judges_first(meanings, slot_of, first)),
    )
    return tuple(step for step in steps if step is not None)


def run_steps(steps: Sequence[Step], values: list[Any], bad: Marks) -> list[int] | None:
    """Apply `steps` in place; the column of qualities, or None when all are GOOD."""
    for step in steps:
        step(values, bad)
    if not bad:
        return None
    quality = [0] * len(values)
    for slot, reason in bad.items():
        quality[slot] = reason
        values[slot] = None
    return quality


def _judges_first(
    meanings: Sequence[Meaning], slot_of: Mapping[str, int], first: int
) -> list[tuple[int, int, frozenset[Value]]]:
    """(slot, slot of its judge, good values), a judge's own line before those it judges."""

    def depth(slot: int) -> int:
        condition = meanings[slot - first].valid_when
        return 1 + depth(slot_of[condition[0]]) if condition else 0

    judged = [(slot, m.valid_when) for slot, m in enumerate(meanings, first) if m.valid_when]
    judged.sort(key=lambda line: depth(line[0]))
    return [(slot, slot_of[condition[0]], condition[1]) for slot, condition in judged]


def _divisor(meaning: Meaning) -> float:
    # 2302 / 10 is 230.2, 2302 * 0.1 is 230.20000000000002
    if meaning.offset == 0.0 and 0 < abs(meaning.scale) < 1:
        inverse = round(1 / meaning.scale)
        if math.isclose(inverse * meaning.scale, 1.0, rel_tol=1e-12):
            return float(inverse)
    return 1.0


def _sentinels(entries: list[tuple[int, Mapping[float, int]]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, reasons in entries:
            if (reason := reasons.get(values[slot])) is not None:
                values[slot], bad[slot] = None, reason

    return step if entries else None


def _finite(entries: list[tuple[int, int]]) -> Step | None:
    isfinite = math.isfinite

    def step(values: list[Any], bad: Marks) -> None:
        for slot, reason in entries:
            if (value := values[slot]) is None:
                continue
            if not isfinite(value):
                values[slot], bad[slot] = None, reason if math.isnan(value) else Quality.BAD_DECODE
            elif -SMALLEST < value < SMALLEST and value:
                values[slot], bad[slot] = None, Quality.BAD_DECODE

    return step if entries else None


def _texts(entries: list[int]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot in entries:
            if (raw := values[slot]) is None:
                continue
            text = raw.rstrip(b"\0 ").decode("ascii", "replace")
            if text.isprintable() and "\ufffd" not in text:
                values[slot] = text
            else:
                values[slot], bad[slot] = None, Quality.BAD_DECODE

    return step if entries else None


def _bits(entries: list[tuple[int, int, int]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, shift, mask in entries:
            if (value := values[slot]) is not None:
                values[slot] = value >> shift & mask

    return step if entries else None


def _gated(entries: list[tuple[int, int, int, int]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, gate, shift, mask in entries:
            if (value := values[slot]) is not None:
                values[slot] = value >> shift & mask if value >> gate & 1 else CLOSED

    return step if entries else None


def _truths(entries: list[int]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot in entries:
            if (value := values[slot]) in (0, 1):
                values[slot] = value == 1
            elif value is not None:
                values[slot], bad[slot] = None, Quality.BAD_UNDECLARED

    return step if entries else None


def _codes(entries: list[tuple[int, Mapping[int, str | bool]]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, names in entries:
            if (value := values[slot]) is None:
                continue
            values[slot] = name = names.get(value)
            if name is None:
                bad[slot] = Quality.BAD_UNDECLARED

    return step if entries else None


def _divide(entries: list[tuple[int, float]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, divisor in entries:
            if (value := values[slot]) is not None:
                values[slot] = value / divisor

    return step if entries else None


def _scale(entries: list[tuple[int, float, float]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, factor, offset in entries:
            if (value := values[slot]) is not None:
                values[slot] = value * factor + offset

    return step if entries else None


def _curves(entries: list[tuple[int, tuple[Curve, ...]]]) -> Step | None:
    # bound methods and limits are looked up once: this is the dearest step, and a module is made of it
    plain = [
        (
            slot,
            [
                (curve.low, curve.high, curve.at if len(curve.xs) > 2 else curve.line(), curve.outside)
                for curve in curves
            ],
        )
        for slot, curves in entries
    ]

    def step(values: list[Any], bad: Marks) -> None:
        for slot, curves in plain:
            if (value := values[slot]) is None:
                continue
            for low, high, at, outside in curves:
                if not low <= value <= high:
                    value, bad[slot] = None, outside
                    break
                value = at(value)
            values[slot] = value

    return step if entries else None


def _ranges(entries: list[tuple[int, float, float]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, low, high in entries:
            if (value := values[slot]) is not None and not low <= value <= high:
                values[slot], bad[slot] = None, Quality.BAD_RANGE

    return step if entries else None


def _invert(entries: list[int]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot in entries:
            if (value := values[slot]) is not None:
                values[slot] = not value

    return step if entries else None


def _valid_when(entries: list[tuple[int, int, frozenset[Value]]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, judge, good in entries:
            if values[judge] not in good and slot not in bad:
                reason = bad.get(judge, Quality.BAD_SENSOR)
                # a status code nobody declared is not `ok` either
                values[slot], bad[slot] = None, Quality.BAD_SENSOR if reason == Quality.BAD_UNDECLARED else reason

    return step if entries else None
