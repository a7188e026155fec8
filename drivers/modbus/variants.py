"""Variants of one type of device: by what its identity says, or by what the site says. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pydantic import Field

from drivers.judges import Conditions, judge
from drivers.language import PointFault, PointKey, Spoken
from drivers.meaning import Judge
from drivers.modbus.building import Built
from drivers.modbus.points import VariantPoint
from drivers.modbus.reading import Reading
from gateway.fields import Id, TextField
from gateway.model import Point, PointType, Value


class Variant(Spoken):
    """A model or a firmware of the type: how it is known, and what is different about its points."""

    variant: Id
    title: TextField | None = None
    when: Conditions | None = Field(default=None, description="what its identity says; absent: only a site chooses it")
    points: dict[PointKey, VariantPoint] = Field(default_factory=dict)


class Choice:
    """Which of the variants it is by the values of its identity; the variants have no faults."""

    def __init__(self, variants: Sequence[Variant], points: Mapping[str, Point]) -> None:
        self._judges = [
            tuple(judge(condition, points[key]) for key, condition in (variant.when or {}).items())
            for variant in variants
        ]

    def index(self, values: Mapping[str, Value]) -> int | None:
        """The first variant of which everything holds; None when there is none."""
        for index, judges in enumerate(self._judges):
            if judges and all(_holds(one, values) for one in judges):
                return index
        return None


def _holds(one: Judge, values: Mapping[str, Value]) -> bool:
    return one.holds(values.get(one.key))


def variant_faults(
    variants: Sequence[Variant], identity: Mapping[str, Point], points: Mapping[str, Point], declared: bool
) -> Iterator[PointFault]:
    """What is wrong with variants; `declared`: the profile says what holds when none fits."""
    if identity and not any(variant.when for variant in variants):
        yield PointFault(("identity",), "nothing is chosen by it: `variants` with `when` are missing")
    if declared and not variants:
        yield PointFault(("variants_else",), "there are no `variants`")
    names: set[str] = set()
    for index, variant in enumerate(variants):
        loc = ("variants", index)
        if variant.variant in names:
            yield PointFault((*loc, "variant"), f"there are two variants {variant.variant!r}")
        names.add(variant.variant)
        for key, condition in (variant.when or {}).items():
            if key not in identity:
                known = ", ".join(identity) or "nothing"
                told = f"{key!r} does not stand under `identity`, which has {known}; it would not be asked first"
                yield PointFault((*loc, "when", key), told)
                continue
            try:
                judge(condition, identity[key])
            except ValueError as error:
                yield PointFault((*loc, "when", key), str(error))
        for key in variant.points:
            if key in identity:
                yield PointFault((*loc, "points", key), "the identity decides, so it is the same in all variants")
            elif key not in points:
                yield PointFault((*loc, "points", key), f"there is no point {key!r} in this profile")


def united(base: Built, variants: Sequence[Built]) -> Iterator[PointFault]:
    """Give every point one type and all words, whichever variant it turns out to be; what cannot be united is a fault.

    The layout of a device's samples is fixed before anybody has asked it which variant it is.
    """
    tables = [base.readings, *base.firsts]
    for number, table in enumerate(tables):
        for key in list(table):
            others = [([one.readings, *one.firsts][number][key], index) for index, one in enumerate(variants)]
            mine = table[key].point
            for other, index in others:
                if (told := _different(mine, other.point)) is not None:
                    yield PointFault(("variants", index, "points", key), told)
            made = _common([mine, *(other.point for other, _ in others)])
            for one in (base, *variants):
                found = [one.readings, *one.firsts][number]
                found[key] = _as(made, found[key])


def _different(mine: Point, other: Point) -> str | None:
    numbers = (PointType.INT, PointType.FLOAT)
    if mine.type is not other.type and not (mine.type in numbers and other.type in numbers):
        return f"in `points` it is of type {mine.type}, here of type {other.type}; a point has one type"
    if mine.unit != other.unit:
        return f"in `points` it is in {mine.unit}, here in {other.unit}; a point has one unit, so change the scale"
    if mine.counter != other.counter:
        return f"in `points` it begins again at {mine.counter}, here at {other.counter}; a point has one `counter`"
    return None


def _common(points: Sequence[Point]) -> Point:
    codes = tuple(dict.fromkeys(code for point in points for code in point.codes))
    kind = PointType.FLOAT if any(point.type is PointType.FLOAT for point in points) else points[0].type
    return replace(points[0], type=kind, codes=codes)


def _as(point: Point, reading: Reading) -> Reading:
    meaning = reading.meaning
    if point.type is PointType.FLOAT and reading.point.type is PointType.INT and not meaning.absent:
        meaning = replace(meaning, as_float=True)
    return replace(reading, point=point, meaning=meaning)
