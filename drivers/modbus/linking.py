"""What a point needs of others: judges, multipliers, units, operands; all of one unit, and none of itself. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from drivers.judges import judge
from drivers.language import PointFault
from drivers.meaning import Judge, Multiplier, UnitCode
from drivers.modbus.encoding import Loc
from drivers.modbus.points import PointMeaning, Scaling
from drivers.modbus.reading import Reading
from gateway.model import Point, PointType
from gateway.units import UnitError, convert

MOST_NEEDS = 64
"""Points that one may need, directly and through others."""


@dataclass(frozen=True, slots=True)
class Linked:
    """A reading with its dependencies, and where each of them is said."""

    reading: Reading
    places: Mapping[str, Loc]


def link(
    key: str, loc: Loc, spec: PointMeaning, readings: Mapping[str, Reading], name: Callable[[str], str]
) -> Iterator[PointFault | Linked]:
    """The faults, and last the reading `key` with what others say of it. `name` makes a key of what its words say."""
    linker = _Linker(loc, readings, name)
    reading = readings[key]
    meaning = replace(
        reading.meaning,
        valid_when=tuple(linker.judges(spec)),
        multipliers=tuple(linker.multipliers(spec)),
        unit_code=linker.unit_code(spec, reading.point),
    )
    yield from linker.faults
    yield Linked(replace(reading, meaning=meaning), linker.places)


class _Linker:
    def __init__(self, loc: Loc, readings: Mapping[str, Reading], name: Callable[[str], str]) -> None:
        self.loc = loc
        self.readings = readings
        self.name = name
        self.faults: list[PointFault] = []
        self.places: dict[str, Loc] = {}

    def other(self, said: str, *place: str | int) -> Point | None:
        """The point that is meant; None, and a fault, when there is none."""
        found = self.readings.get(self.name(said))
        if found is None:
            self.faults.append(PointFault((*self.loc, *place), f"there is no point {said!r} in this profile"))
            return None
        self.places.setdefault(found.point.key, (*self.loc, *place))
        return found.point

    def judges(self, spec: PointMeaning) -> Iterator[Judge]:
        for said, condition in (spec.valid_when or {}).items():
            if (point := self.other(said, "valid_when", said)) is None:
                continue
            try:
                yield judge(condition, point)
            except ValueError as error:
                self.faults.append(PointFault((*self.loc, "valid_when", said), str(error)))

    def multipliers(self, spec: PointMeaning) -> Iterator[Multiplier]:
        for scaling in spec.scale_from or ():
            if (point := self.other(scaling.point, "scale_from")) is None:
                continue
            if (told := _unfit(scaling, point)) is not None:
                self.faults.append(PointFault((*self.loc, "scale_from"), told))
                continue
            yield Multiplier(point.key, scaling.table)

    def unit_code(self, spec: PointMeaning, own: Point) -> UnitCode | None:
        said = spec.unit_from
        if said is None or own.unit is None or (point := self.other(said.point, "unit_from", "point")) is None:
            return None
        if (told := _wrong_code(list(said.units), point)) is not None:
            self.faults.append(PointFault((*self.loc, "unit_from", "units"), told))
            return None
        try:
            lines = {
                code: (convert(1.0, unit, own.unit, difference=True), convert(0.0, unit, own.unit))
                for code, unit in said.units.items()
            }
        except UnitError as error:
            self.faults.append(PointFault((*self.loc, "unit_from", "units"), str(error)))
            return None
        return UnitCode(point.key, lines)


def _unfit(scaling: Scaling, point: Point) -> str | None:
    if scaling.table is not None:
        return _wrong_code(list(scaling.table), point)
    if point.type in (PointType.INT, PointType.FLOAT):
        return None
    hint = f"; say what its words stand for: {{point: {point.name}, table: {{…}}}}" * (point.type is PointType.ENUM)
    return f"{scaling.point!r} is a point of type {point.type}, nothing to multiply by{hint}"


def _wrong_code(codes: list[int | str], point: Point) -> str | None:
    for code in codes:
        if point.type is PointType.INT and isinstance(code, int):
            continue
        if point.type is PointType.ENUM and code in point.codes:
            continue
        if point.type not in (PointType.INT, PointType.ENUM):
            return f"{point.key!r} is a point of type {point.type}; only whole numbers and words stand for something"
        return f"{point.key!r} is never {code!r}" + (f"; it is one of {', '.join(point.codes)}" if point.codes else "")
    return None


def finished(
    linked: Mapping[str, Linked], before: Mapping[str, Reading]
) -> tuple[dict[str, Reading], list[PointFault]]:
    """The readings of `linked` with all that they need, and what is wrong with it. `before` are finished ones."""
    faults: list[PointFault] = []
    done: dict[str, Reading] = {}

    def direct(key: str) -> tuple[str, ...]:
        return (linked[key].reading if key in linked else before[key]).meaning.needs

    for key, one in linked.items():
        came_from = _reached(key, direct)
        if key in came_from:
            way = [came_from[key], key]
            while way[0] != key:
                way.insert(0, came_from[way[0]])
            told = f"{key!r} would be judged by itself: {' → '.join(way)}"
            faults.append(PointFault(one.places.get(way[1], ()), told))
            continue
        if len(came_from) > MOST_NEEDS:
            told = f"{key!r} needs {len(came_from)} other points; at most {MOST_NEEDS} can be kept together"
            faults.append(PointFault(next(iter(one.places.values())), told))
        for other in direct(key):
            there = (linked[other].reading if other in linked else before[other]).unit
            if there != one.reading.unit:
                told = f"{other!r} is read from {_named(there)}, {key!r} from {_named(one.reading.unit)}"
                faults.append(PointFault(one.places[other], f"{told}; they would never be of one moment"))
        done[key] = replace(one.reading, needs=tuple(came_from))
    return done, faults


def _reached(key: str, direct: Callable[[str], tuple[str, ...]]) -> dict[str, str]:
    """Every point that `key` needs, whoever needs it first; the key itself when it needs itself."""
    came_from: dict[str, str] = {}
    waiting = [key]
    while waiting:
        at = waiting.pop(0)
        for other in direct(at):
            if other not in came_from:
                came_from[other] = at
                waiting.append(other)
    return came_from


def _named(unit: str | int | None) -> str:
    return "the device's own unit" if unit is None else f"unit {unit}"
