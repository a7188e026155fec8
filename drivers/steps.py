"""What is done to columns of raw values: one loop over the slots that need it, None when none does. Pure.

A step takes (values, marks) and changes both in place; a value that is not GOOD is None and has its mark.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from drivers.terms import CLOSED, HIGHEST, LOWEST, SMALLEST, Curve, Formula, Judge, Marks, Step, Table
from gateway.model import Quality, Value


def absent(entries: list[int]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot in entries:
            values[slot], bad[slot] = None, Quality.BAD_NOT_FITTED

    return step if entries else None


def computed(entries: list[tuple[int, Formula, list[int]]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, formula, sources in entries:
            value, quality = formula.calculate([values[i] for i in sources], [bad.get(i, 0) for i in sources])
            values[slot] = value
            if quality:
                values[slot], bad[slot] = None, quality

    return step if entries else None


def sentinels(entries: list[tuple[int, Mapping[float, int]]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, reasons in entries:
            if (reason := reasons.get(values[slot])) is not None:
                values[slot], bad[slot] = None, reason

    return step if entries else None


def masked(entries: list[tuple[int, Mapping[float, int], int]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, reasons, mask in entries:
            if (value := values[slot]) is not None and (reason := reasons.get(value & mask)) is not None:
                values[slot], bad[slot] = None, reason

    return step if entries else None


def finite(entries: list[tuple[int, int]]) -> Step | None:
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


def decoded(entries: list[tuple[int, Callable[[Any], Any]]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, decode in entries:
            if (raw := values[slot]) is None:
                continue
            values[slot] = value = decode(raw)
            if value is None:
                bad[slot] = Quality.BAD_DECODE

    return step if entries else None


def bits(entries: list[tuple[int, int, int]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, shift, mask in entries:
            if (value := values[slot]) is not None:
                values[slot] = value >> shift & mask

    return step if entries else None


def gated(entries: list[tuple[int, int, int, int]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, gate, shift, mask in entries:
            if (value := values[slot]) is not None:
                values[slot] = value >> shift & mask if value >> gate & 1 else CLOSED

    return step if entries else None


def truths(entries: list[int]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot in entries:
            if (value := values[slot]) in (0, 1):
                values[slot] = value == 1
            elif value is not None:
                values[slot], bad[slot] = None, Quality.BAD_UNDECLARED

    return step if entries else None


def codes(entries: list[tuple[int, Mapping[Any, str | bool]]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, names in entries:
            if (value := values[slot]) is None:
                continue
            values[slot] = name = names.get(value)
            if name is None:
                bad[slot] = Quality.BAD_UNDECLARED

    return step if entries else None


def multiplied(entries: list[tuple[int, list[tuple[int, Table]]]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, sources in entries:
            if (value := values[slot]) is None:
                continue
            for source, table in sources:
                factor, divisor = values[source], 1.0
                if factor is None:
                    bad[slot] = bad.get(source, Quality.BAD_NO_VALUE)
                    break
                if table is not None:
                    if (found := table.get(factor)) is None:
                        bad[slot] = Quality.BAD_UNDECLARED
                        break
                    factor, divisor = found
                elif not 0 < factor < math.inf:
                    # a ratio that nobody has set: the device is not commissioned
                    bad[slot] = Quality.BAD_CONFIG
                    break
                value = value * float(factor) / divisor
            values[slot] = None if slot in bad else value

    return step if entries else None


def divide(entries: list[tuple[int, float]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, divisor in entries:
            if (value := values[slot]) is not None:
                values[slot] = value / divisor

    return step if entries else None


def scale(entries: list[tuple[int, float, float]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, factor, offset in entries:
            if (value := values[slot]) is not None:
                values[slot] = value * factor + offset

    return step if entries else None


def united(entries: list[tuple[int, int, Mapping[Value, tuple[float, float]]]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, source, units in entries:
            if (value := values[slot]) is None:
                continue
            if (code := values[source]) is None:
                values[slot], bad[slot] = None, bad.get(source, Quality.BAD_NO_VALUE)
            elif (line := units.get(code)) is None:
                values[slot], bad[slot] = None, Quality.BAD_UNDECLARED
            else:
                factor, shift = line
                values[slot] = value * factor + shift

    return step if entries else None


def as_float(entries: list[int]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot in entries:
            if (value := values[slot]) is not None:
                values[slot] = float(value)

    return step if entries else None


def curves(entries: list[tuple[int, tuple[Curve, ...]]]) -> Step | None:
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


def whole(entries: list[int]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot in entries:
            if (value := values[slot]) is not None and not LOWEST <= value <= HIGHEST:
                values[slot], bad[slot] = None, Quality.BAD_DECODE

    return step if entries else None


def ranges(entries: list[tuple[int, float, float]]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot, low, high in entries:
            if (value := values[slot]) is not None and not low <= value <= high:
                values[slot], bad[slot] = None, Quality.BAD_RANGE

    return step if entries else None


def invert(entries: list[int]) -> Step | None:
    def step(values: list[Any], bad: Marks) -> None:
        for slot in entries:
            if (value := values[slot]) is not None:
                values[slot] = not value

    return step if entries else None


def valid_when(entries: list[tuple[int, int, Judge]]) -> Step | None:
    plain = [(slot, source, judge.values, judge.holds) for slot, source, judge in entries]

    def step(values: list[Any], bad: Marks) -> None:
        for slot, source, good, holds in plain:
            if slot in bad:
                continue
            value = values[source]
            if value not in good if good is not None else not holds(value):
                reason = bad.get(source, Quality.BAD_SENSOR)
                # a status code nobody declared is not `ok` either
                values[slot], bad[slot] = None, Quality.BAD_SENSOR if reason == Quality.BAD_UNDECLARED else reason

    return step if entries else None
