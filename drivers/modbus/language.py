"""The profile language for registers: where each point stands, how it is encoded, what its numbers mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from drivers.conversion import AsTuple, Conversion
from drivers.language import (
    Badness,
    Code,
    Expected,
    PointFault,
    PointKey,
    Profile,
    Reason,
    Source,
    Sources,
    Wire,
    many,
    refuse,
)
from drivers.modbus.cell import LAST_ADDRESS, Table, WireType
from drivers.modbus.limits import Limits, Span
from drivers.modbus.parts import PartId, Template, hint
from drivers.modbus.reading import Reading, moved, resolve
from gateway.fields import Strict, TextField
from gateway.model import PointType, Value


def _word(kind: type[Table] | type[WireType]) -> BeforeValidator:
    def check(value: Any) -> Any:
        if isinstance(value, str) and value in [member.value for member in kind]:
            return kind(value)
        if isinstance(value, kind):
            return value
        raise ValueError(f"one of {', '.join(kind)} is expected, got {value!r}")

    return BeforeValidator(check)


TableName = Annotated[Table, _word(Table)]
TypeName = Annotated[WireType, _word(WireType)]
Order = Literal["big", "little"]


class ModbusDefaults(Strict):
    """What holds for every point that does not say otherwise."""

    table: TableName = Table.HOLDING
    type: TypeName | None = None
    byte_order: Order = "big"
    word_order: Order = "big"
    base: Literal[0, 1, "ref"] = 0
    limits: Limits = Limits()


Numbers = Annotated[tuple[int, ...], BeforeValidator(many), Field(min_length=1)]


class ModbusPoint(Conversion):
    """One point: where it stands, how it is encoded, what its numbers mean."""

    address: int
    table: TableName | None = None
    type: TypeName | None = None
    length: int | None = Field(default=None, ge=1, le=125, description="registers of a string")
    byte: Literal["high", "low"] | None = Field(default=None, description="half of the register of an 8-bit type")
    byte_order: Order | None = None
    word_order: Order | None = None
    bit: int | None = Field(default=None, ge=0, le=63, description="bool from this bit, 0 is the lowest")
    bits: Annotated[tuple[int, int], AsTuple] | None = Field(default=None, description="int from bits low … high")
    gate_bit: int | None = Field(default=None, ge=0, le=63, description="while this bit is 0 the number counts as none")
    enum: dict[int, Code] | None = None
    true_for: Numbers | None = Field(default=None, description="bool: TRUE for these numbers")
    false_for: Numbers | None = Field(default=None, description="and FALSE for these; any other is undeclared")
    sentinels: dict[int | float, Reason] | None = None
    valid_when: dict[PointKey, Annotated[tuple[Code | bool, ...], BeforeValidator(many)]] | None = None
    source: Sources | None = None


class PartPoint(ModbusPoint):
    """A point of every part; its address counts from the part's own."""

    address: int = 0


class Parts(Strict):
    """Instances inside a device, as a template: ids, and the arithmetic of their addresses."""

    id: PartId
    over: dict[Code, Span] = Field(min_length=1, max_length=4)
    address: dict[Code, int] = Field(min_length=1)
    title: TextField | None = None
    points: dict[Code, PartPoint] = Field(min_length=1)

    _template: Template = PrivateAttr()

    @model_validator(mode="after")
    def _arithmetic(self) -> Parts:
        self._template = Template(self.id, self.over, self.address)
        return self

    @property
    def template(self) -> Template:
        return self._template

    def points_of(self, part: str, address: int) -> Iterator[tuple[str, ModbusPoint]]:
        """(key, point) of one part, as if the profile had them itself."""
        for name, point in self.points.items():
            judged = {
                f"{part}/{other}" if other in self.points else other: good
                for other, good in (point.valid_when or {}).items()
            }
            own = {"address": address + point.address, "valid_when": judged or None}
            yield f"{part}/{name}", point.model_copy(update=own)


Word = Annotated[int, Field(ge=0, le=0xFFFF)]
Words = Annotated[tuple[Word, ...], BeforeValidator(many)]
Flags = Annotated[tuple[bool, ...], BeforeValidator(many)]


class Vector(Strict):
    """Registers as the device sends them, and what must come out. `registers` are of the profile's own table."""

    registers: dict[int, Words] = Field(default_factory=dict)
    holding: dict[int, Words] = Field(default_factory=dict)
    input: dict[int, Words] = Field(default_factory=dict)
    coil: dict[int, Flags] = Field(default_factory=dict)
    discrete: dict[int, Flags] = Field(default_factory=dict)
    parts: Annotated[tuple[str, ...], BeforeValidator(many)] = Field(default=(), description="parts that it is about")
    expect: dict[PointKey, Expected] = Field(default_factory=dict)
    bad: dict[PointKey, Badness] = Field(default_factory=dict)


class ModbusProfile(Profile):
    """A type of device with registers."""

    wire: ClassVar[Wire] = "modbus"

    modbus: ModbusDefaults = ModbusDefaults()
    points: dict[PointKey, ModbusPoint] = Field(default_factory=dict)
    parts: Annotated[tuple[Parts, ...], AsTuple] = ()
    vectors: Annotated[tuple[Vector, ...], AsTuple] = ()

    _readings: dict[str, Reading] = PrivateAttr(default_factory=dict)
    _firsts: list[dict[str, Reading]] = PrivateAttr(default_factory=list)
    """The readings of every template's first part; the others' are the same further on."""

    @model_validator(mode="after")
    def _resolve(self) -> ModbusProfile:
        faults = list(self._read_points(self.points))
        faults += _conditions(self)
        faults += _forbidden(self)
        faults += _overlaps(self._readings)
        if not faults:
            faults += _template_faults(self)
        if not faults:
            faults += _unknown_in_vectors(self)
        if not self.points and not self.parts:
            faults.append(PointFault(("points",), "at least 1 point is needed, here or under `parts`"))
        if faults:
            refuse(self.profile, faults)
        return self

    def _read_points(self, points: Mapping[str, ModbusPoint]) -> Iterator[PointFault]:
        for key, point in points.items():
            try:
                self._readings[key] = resolve(key, point, self.modbus)
            except PointFault as fault:
                yield fault

    @property
    def identity(self) -> tuple[str, ...]:
        """The points that are read first after each connect and decide which variant it is; () when nothing need be."""
        return ()

    @property
    def variant_name(self) -> str | None:
        """Which of the type's variants this profile is; None while nobody has chosen, and for a type without any."""
        return None

    def chosen(self, values: Mapping[str, Value]) -> ModbusProfile | None:
        """The profile of the variant that says this of its `identity`; None when there is no such variant.

        It has the same keys in the same order and the same points, with other cells and meanings. A point of the
        identity that has no value fits nothing.
        """
        return self

    @property
    def readings(self) -> Mapping[str, Reading]:
        """Every point with its cell and its meaning, in the order of the profile; of parts those asked for."""
        return self._readings

    @property
    def part_hint(self) -> str:
        return hint([parts.template for parts in self.parts])

    def for_parts(self, ids: Sequence[str]) -> ModbusProfile:
        """The profile with the points of these parts; ValueError with a sentence for an id that is none."""
        if not self.parts:
            return super().for_parts(ids)
        made = self.model_copy(update={"points": dict(self.points)})
        made._readings = dict(self._readings)
        for part in dict.fromkeys(ids):
            index, by = self._part(part)
            was = self.parts[index].template.ends[0]
            for name, reading in self._firsts[index].items():
                made.points[f"{part}/{name}"] = self.parts[index].points[name]
                made._readings[f"{part}/{name}"] = moved(reading, was, part, by)
        for fault in [*_forbidden(made), *_overlaps(made._readings)]:
            raise ValueError(f"{fault.loc[1]}: {fault.sentence}")
        return made

    def _part(self, part: str) -> tuple[int, int]:
        """(which template makes it, how far it stands behind the first of its kind)."""
        for index, parts in enumerate(self.parts):
            if (address := parts.template.address(part)) is not None:
                return index, address - parts.address["start"]
        raise ValueError(f"{self.profile} has no part {part!r}; its parts are {self.part_hint}")

    def sources(self, key: str) -> tuple[Source, ...]:
        return self.points[key].source or self.source

    @property
    def has_examples(self) -> bool:
        return any(vector.expect or vector.bad for vector in self.vectors)


def _conditions(profile: ModbusProfile) -> Iterator[PointFault]:
    for key, point in profile.points.items():
        for other, good in (point.valid_when or {}).items():
            loc: tuple[str | int, ...] = ("points", key, "valid_when", other)
            if other not in profile.points:
                yield PointFault(loc, f"there is no point {other!r} in this profile")
            elif reading := profile.readings.get(other):
                possible = set(reading.point.codes) if reading.point.type is PointType.ENUM else {True, False}
                if reading.point.type not in (PointType.ENUM, PointType.BOOL):
                    yield PointFault(loc, f"{other!r} is neither an enum nor a bool")
                elif _circle(profile, key):
                    yield PointFault(loc, f"{key!r} would be judged by itself")
                elif wrong := [value for value in good if value not in possible]:
                    yield PointFault(loc, f"{other!r} is never {wrong[0]!r}; it is one of {sorted(map(str, possible))}")


def _circle(profile: ModbusProfile, key: str) -> bool:
    seen: set[str] = set()
    at: str | None = key
    while at is not None and at not in seen:
        seen.add(at)
        at = next(iter((profile.points[at].valid_when or {}) if at in profile.points else {}), None)
    return at is not None


def _forbidden(profile: ModbusProfile) -> Iterator[PointFault]:
    for index, (low, high) in enumerate(profile.modbus.limits.never_read):
        first = profile.modbus.base if isinstance(profile.modbus.base, int) else 0
        if not first <= low <= high <= LAST_ADDRESS + (first or 400_001):
            yield PointFault(("modbus", "limits", "never_read", index), "there is no such register")
    spans = never_read(profile)
    for key, reading in profile.readings.items():
        for low, high in spans:
            if reading.cell and reading.cell.address <= high and low < reading.cell.end:
                yield PointFault(("points", key, "address"), "this register stands in `never_read`")


def never_read(profile: ModbusProfile) -> tuple[tuple[int, int], ...]:
    """The spans that no request may touch, as addresses on the wire, both ends included."""
    base = profile.modbus.base
    if base == "ref":
        # Modicon references: their last four or five digits, counted from 1
        def bare(number: int) -> int:
            return number % (100_000 if number >= 100_000 else 10_000) - 1

        return tuple((bare(low), bare(high)) for low, high in profile.modbus.limits.never_read)
    return tuple((low - base, high - base) for low, high in profile.modbus.limits.never_read)


def _overlaps(readings: Mapping[str, Reading]) -> Iterator[PointFault]:
    cells = [(reading.cell, key) for key, reading in readings.items() if reading.cell is not None]
    for (one, key), (two, other) in pairwise(
        sorted(cells, key=lambda item: (item[0].table, item[0].address, item[0].words))
    ):
        same = (one.address, one.words) == (two.address, two.words)
        if one.table is two.table and two.address < one.end and not same:
            yield PointFault(
                ("points", other, "address"),
                f"{other!r} (registers {two.address}…{two.end - 1}) overlaps"
                f" {key!r} (registers {one.address}…{one.end - 1}), counted from 0 as sent on the wire",
            )


def _template_faults(profile: ModbusProfile) -> Iterator[PointFault]:
    """What is wrong with a template shows in its first and its last part."""
    for index, parts in enumerate(profile.parts):
        others = [other.template for other in profile.parts[:index]]
        for part in parts.template.ends:
            if any(other.address(part) is not None for other in others):
                yield PointFault(("parts", index, "id"), f"{part!r} is also a part of a template above")
                return
            points = dict(parts.points_of(part, parts.template.address(part) or 0))
            one = profile.model_copy(update={"points": {**profile.points, **points}})
            one._readings = dict(profile.readings)
            faults = [*one._read_points(points), *_conditions(one), *_forbidden(one), *_overlaps(one.readings)]
            for fault in faults:
                name = str(fault.loc[1]).rpartition("/")[2]
                yield PointFault(("parts", index, "points", name, *fault.loc[2:]), f"{part}: {fault.sentence}")
            if faults:
                return
            if part == parts.template.ends[0]:
                firsts = {name: one.readings[f"{part}/{name}"] for name in parts.points}
                profile._firsts.append(firsts)
                yield from _shared(index, parts.template, firsts.values())


def _shared(index: int, template: Template, firsts: Iterable[Reading]) -> Iterator[PointFault]:
    """Parts that would show the same registers: a step was forgotten, or is too short."""
    spans: dict[Table, set[tuple[int, int]]] = {}
    for reading in firsts:
        if cell := reading.cell:
            spans.setdefault(cell.table, set()).add((cell.address, cell.end))
    for of_table in spans.values():
        if (found := template.shared(of_table)) is not None:
            one, other, register = found
            told = f"{one!r} and {other!r} would share the register {register}, counted from 0"
            yield PointFault(("parts", index, "address"), told)
            return


def _unknown_in_vectors(profile: ModbusProfile) -> Iterator[PointFault]:
    for index, vector in enumerate(profile.vectors):
        try:
            known = profile.for_parts(vector.parts).points if vector.parts else profile.points
        except ValueError as error:
            yield PointFault(("vectors", index, "parts"), str(error))
            continue
        for name, keys in (("expect", vector.expect), ("bad", vector.bad)):
            for key in keys:
                if key not in known:
                    yield PointFault(("vectors", index, name, key), f"there is no point {key!r} in this profile")
