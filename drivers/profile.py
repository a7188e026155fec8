"""The profile language: what a type of device has in its registers, as data.

A profile is strict: an unknown key (`write` is one) is refused, every point has a source that says how well its facts
are known, and a code, a sentinel or a number out of range never becomes a plausible value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import pairwise
from typing import Annotated, Any, Literal, NoReturn

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from drivers.conversion import (
    AsTuple,
    ChannelOptions,
    Conversion,
    ConversionError,
    converted,
    point_name,
    point_of,
)
from drivers.modbus.cell import LAST_ADDRESS, Table, WireType
from drivers.modbus.reading import PointFault, Reading, resolve
from gateway.fields import Id, Prose, Strict, TextField
from gateway.model import Point, PointType

__all__ = [
    "ChannelOptions",
    "Limits",
    "ModbusPoint",
    "Profile",
    "Reading",
    "Source",
    "Vector",
    "channel_point",
    "library",
    "profile_points",
]


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
Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Reason = Literal["not_fitted", "no_value", "sensor", "config", "range", "decode"]


def _key(value: str) -> str:
    point_name(value)
    return value


PointKey = Annotated[str, AfterValidator(_key)]


def _span(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    return tuple(value) if isinstance(value, list) else value


def _rises(value: tuple[int, int]) -> tuple[int, int]:
    if value[0] > value[1]:
        raise ValueError(f"the first register comes first, got {value[0]} … {value[1]}")
    return value


Span = Annotated[tuple[int, int], BeforeValidator(_span), AfterValidator(_rises)]


def _many(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


class Source(Strict):
    """Where facts come from, and how they were checked."""

    ref: Prose
    verified: Literal["code", "doc", "issue", "memory"]


Sources = Annotated[tuple[Source, ...], AsTuple, Field(min_length=1)]


class Limits(Strict):
    """What one request may ask of this device (defaults: MODBUS Application Protocol V1.1b3 §6, with room to spare)."""

    max_registers: int = Field(default=120, ge=1, le=125)
    max_bits: int = Field(default=2000, ge=1, le=2000)
    gap: int = Field(default=16, ge=0, le=124, description="registers nobody wants that are read to save a request")
    never_read: Annotated[tuple[Span, ...], AsTuple] = ()
    one_value: bool = Field(default=False, description="one value per request")


class ModbusDefaults(Strict):
    """What holds for every point that does not say otherwise."""

    table: TableName = Table.HOLDING
    type: TypeName | None = None
    byte_order: Order = "big"
    word_order: Order = "big"
    base: Literal[0, 1, "ref"] = 0
    limits: Limits = Limits()


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
    enum: dict[int, Code] | None = None
    sentinels: dict[int | float, Reason] | None = None
    valid_when: dict[PointKey, Annotated[tuple[Code | bool, ...], BeforeValidator(_many)]] | None = None
    source: Sources | None = None


Word = Annotated[int, Field(ge=0, le=0xFFFF)]
Words = Annotated[tuple[Word, ...], BeforeValidator(_many)]
Flags = Annotated[tuple[bool, ...], BeforeValidator(_many)]
Expected = bool | int | float | str


class Vector(Strict):
    """Registers as the device sends them, and what must come out. `registers` are of the profile's own table."""

    registers: dict[int, Words] = Field(default_factory=dict)
    holding: dict[int, Words] = Field(default_factory=dict)
    input: dict[int, Words] = Field(default_factory=dict)
    coil: dict[int, Flags] = Field(default_factory=dict)
    discrete: dict[int, Flags] = Field(default_factory=dict)
    expect: dict[PointKey, Expected] = Field(default_factory=dict)
    bad: dict[PointKey, Reason | Literal["undeclared"]] = Field(default_factory=dict)


class Profile(Strict):
    """A type of device."""

    profile: Id
    title: TextField
    source: Sources
    system: Id | None = None
    modbus: ModbusDefaults = ModbusDefaults()
    points: dict[PointKey, ModbusPoint] = Field(min_length=1)
    vectors: Annotated[tuple[Vector, ...], AsTuple] = ()
    needs_liveness: TextField | None = Field(default=None, description="what the device does when nobody writes to it")

    _readings: dict[str, Reading] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _resolve(self) -> Profile:
        faults: list[PointFault] = []
        for key, point in self.points.items():
            try:
                self._readings[key] = resolve(key, point, self.modbus)
            except PointFault as fault:
                faults.append(fault)
        faults += _conditions(self)
        faults += _forbidden(self)
        faults += _overlaps(self._readings)
        faults += _unknown_in_vectors(self)
        if faults:
            _refuse(self.profile, faults)
        return self

    @property
    def readings(self) -> Mapping[str, Reading]:
        """Every point with its cell and its meaning, in the order of the profile."""
        return self._readings

    def sources(self, key: str) -> tuple[Source, ...]:
        """The point's own sources, or the profile's."""
        return self.points[key].source or self.source


def _conditions(profile: Profile) -> Iterator[PointFault]:
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


def _circle(profile: Profile, key: str) -> bool:
    seen: set[str] = set()
    at: str | None = key
    while at is not None and at not in seen:
        seen.add(at)
        at = next(iter((profile.points[at].valid_when or {}) if at in profile.points else {}), None)
    return at is not None


def _forbidden(profile: Profile) -> Iterator[PointFault]:
    for index, (low, high) in enumerate(profile.modbus.limits.never_read):
        first = profile.modbus.base if isinstance(profile.modbus.base, int) else 0
        if not first <= low <= high <= LAST_ADDRESS + (first or 400_001):
            yield PointFault(("modbus", "limits", "never_read", index), "there is no such register")
    for key, reading in profile.readings.items():
        for low, high in never_read(profile):
            if reading.cell.address <= high and low < reading.cell.end:
                yield PointFault(("points", key, "address"), "this register stands in `never_read`")


def never_read(profile: Profile) -> tuple[tuple[int, int], ...]:
    """The spans that no request may touch, as addresses on the wire, both ends included."""
    base = profile.modbus.base
    if base == "ref":
        # Modicon references: their last four or five digits, counted from 1
        def bare(number: int) -> int:
            return number % (100_000 if number >= 100_000 else 10_000) - 1

        return tuple((bare(low), bare(high)) for low, high in profile.modbus.limits.never_read)
    return tuple((low - base, high - base) for low, high in profile.modbus.limits.never_read)


def _overlaps(readings: Mapping[str, Reading]) -> Iterator[PointFault]:
    in_order = sorted(readings.items(), key=lambda item: (item[1].cell.table, item[1].cell.address, item[1].cell.words))
    for (key, reading), (other, behind) in pairwise(in_order):
        one, two = reading.cell, behind.cell
        same = (one.address, one.words) == (two.address, two.words)
        if one.table is two.table and two.address < one.end and not same:
            yield PointFault(
                ("points", other, "address"),
                f"{other!r} (registers {two.address}…{two.end - 1}) overlaps"
                f" {key!r} (registers {one.address}…{one.end - 1}), counted from 0 as sent on the wire",
            )


def _unknown_in_vectors(profile: Profile) -> Iterator[PointFault]:
    for index, vector in enumerate(profile.vectors):
        for name, keys in (("expect", vector.expect), ("bad", vector.bad)):
            for key in keys:
                if key not in profile.points:
                    yield PointFault(("vectors", index, name, key), f"there is no point {key!r} in this profile")


def _refuse(title: str, faults: list[PointFault]) -> NoReturn:
    raise ValidationError.from_exception_data(
        title,
        [
            InitErrorDetails(
                type=PydanticCustomError("profile", "{sentence}", {"sentence": fault.sentence}),
                loc=fault.loc,
                input=None,
            )
            for fault in faults
        ],
    )


def profile_points(profile: Profile) -> tuple[Point, ...]:
    """The points of a device of this type, in the profile's order."""
    return tuple(reading.point for reading in profile.readings.values())


def channel_point(key: str, options: ChannelOptions, module_profile: Profile) -> Point:
    """The point that a channel becomes; ValueError with a sentence when it cannot."""
    reading = module_profile.readings.get(options.point)
    if reading is None:
        known = ", ".join(module_profile.readings)
        raise ValueError(f"{module_profile.profile} has no point {options.point!r}; it has {known}")
    try:
        made = converted(options, reading.point.type, reading.point.unit)
    except ConversionError as error:
        raise ValueError(f"{error.key}: {error}") from None
    return point_of(key, made, reading.point.codes)


def library() -> Traversable:
    """The folder of the profiles that come with AnLou."""
    return files("drivers").joinpath("profiles")
