"""The words of the profile language for registers: where a point stands, how it is encoded, what its numbers mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, StringConstraints, model_validator
from pydantic.json_schema import WithJsonSchema

from drivers.adaptation import Order
from drivers.computed import ComputedPoint
from drivers.conversion import AsTuple, Conversion, UnitField
from drivers.judges import Conditions
from drivers.language import Code, Every, Numbers, PointKey, Reason, Sources, Spoken, many
from drivers.modbus.cell import Table, WireType
from drivers.modbus.decoding import FIELDS, SKIP, Chars, Encoding
from drivers.modbus.limits import Limits, Span
from drivers.modbus.parts import Packed, Template
from drivers.part_ids import PartIdField
from gateway.fields import Duration, Strict, TextField, within
from gateway.model import SECOND


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


def _nan(value: Any) -> Any:
    # a word: the numbers of the house's YAML are finite
    if isinstance(value, Mapping) and "nan" in value:
        return {float("nan") if key == "nan" else key: reason for key, reason in value.items()}
    return value


Sentinels = Annotated[
    dict[int | float, Reason],
    BeforeValidator(_nan),
    WithJsonSchema({"type": "object", "additionalProperties": {"enum": list(get_args(Reason))}}),
]
"""Raw number, or `nan`, → why it is no value."""
Number = Annotated[int, Field(ge=1, le=255)]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=250)]


class ModbusDefaults(Spoken):
    """What holds for every point that does not say otherwise."""

    table: TableName = Table.HOLDING
    type: TypeName | None = None
    byte_order: Order = "big"
    word_order: Order = "big"
    base: Literal[0, 1, "ref"] = 0
    bit_base: Literal[0, 1] = Field(default=0, description="the number of the lowest bit in this manual")
    units: dict[Code, Number] = Field(default_factory=dict, description="further numbers that the device answers to")
    sentinels: dict[TypeName, Sentinels] = Field(
        default_factory=dict, description="by type, for points that have no `sentinels`"
    )
    limits: Limits = Limits()


class Scaling(Strict):
    """A point by which others are multiplied: by its value, or by what its numbers or words stand for in a table."""

    point: PointKey
    table: Annotated[dict[int | Code, Annotated[float, Field(gt=0, le=1e12)]], Field(min_length=1)] | None = None


def _scaling(value: Any) -> Any:
    return {"point": value} if isinstance(value, str) else value


_Factor = Annotated[Scaling, BeforeValidator(_scaling, json_schema_input_type=PointKey | Scaling)]
Scalings = Annotated[tuple[_Factor, ...], BeforeValidator(many), Field(min_length=1, max_length=4)]


class UnitFrom(Strict):
    """A point that says in which unit another one is."""

    point: PointKey
    units: dict[int | Code, UnitField] = Field(min_length=1)


class WarmUp(Strict):
    """First reads that count for nothing, after each connect and after a pause."""

    reads: int = Field(default=1, ge=1, le=100)
    again_after: Annotated[Duration, within(SECOND, 86400 * SECOND, "1s … 1d")] | None = None


def _zone(value: str) -> str:
    if value not in ("utc", "site") and not re.fullmatch(r"[+-](0\d|1[0-4]):[0-5]\d", value):
        raise ValueError(f"utc, site, or an offset such as +08:00 is expected, got {value!r}")
    return value


def _item(value: Any) -> tuple[str, ...]:
    if not isinstance(value, str):
        raise ValueError(f"a name is expected, such as year or year_month, got {value!r}")
    names = tuple(value.split("_"))
    if not 1 <= len(names) <= 2 or any(name not in (*FIELDS, SKIP) for name in names):
        known = ", ".join((*FIELDS, SKIP))
        raise ValueError(f"{value!r}: a register is one of {known}, or two of them (high and low byte): year_month")
    return names


Layout = Annotated[
    tuple[Annotated[tuple[str, ...], BeforeValidator(_item), WithJsonSchema({"type": "string"})], ...],
    AsTuple,
    Field(min_length=1, max_length=12),
]


class PointMeaning(Spoken, Conversion):
    """What a point's numbers mean: what a variant or a site may say otherwise."""

    byte_order: Order | None = None
    word_order: Order | None = None
    encoding: Encoding | None = Field(default=None, description="of a string; ascii where nothing is said")
    chars: Chars | None = Field(default=None, description="which bytes of a register carry a character; both")
    zone: Annotated[str, AfterValidator(_zone)] | None = Field(default=None, description="of a datetime: site's")
    enum: dict[int | _Text, Code] | None = None
    true_for: Numbers | None = Field(default=None, description="bool: TRUE for these numbers")
    false_for: Numbers | None = Field(default=None, description="and FALSE for these; any other is undeclared")
    sentinels: Sentinels | None = None
    sentinel_mask: int | None = Field(default=None, gt=0, description="only these bits are compared with sentinels")
    scale_from: Scalings | None = Field(default=None, description="points by which it is multiplied first")
    unit_from: UnitFrom | None = Field(default=None, description="the point that says the unit; `unit` is made of it")
    valid_when: Conditions | None = None
    every: Every | None = Field(default=None, description="read no more often than this")


class PointKeys(PointMeaning):
    """What a variant may say otherwise of a point: everything."""

    table: TableName | None = None
    type: TypeName | None = None
    length: int | None = Field(default=None, ge=1, le=125, description="registers of a string")
    byte: Literal["high", "low"] | None = Field(default=None, description="half of the register of an 8-bit type")
    layout: Layout | None = Field(default=None, description="what a datetime's registers hold")
    bcd: bool = Field(default=False, description="the numbers of a datetime are binary-coded decimals")
    bit: int | None = Field(default=None, ge=0, le=64, description="bool from this bit, `bit_base` is the lowest")
    bits: Annotated[tuple[int, int], AsTuple] | None = Field(default=None, description="int from bits low … high")
    gate_bit: int | None = Field(default=None, ge=0, le=64, description="while this bit is 0 the number counts as none")
    at_unit: Code | None = Field(default=None, description="which of the device's units has it; its own")
    optional: bool = Field(default=False, description="need not be there: asked for alone, a refusal is remembered")
    overlaps: bool = Field(default=False, description="it shares bits with another point, and that is meant")
    warm_up: WarmUp | None = None
    source: Sources | None = None


class ModbusPoint(PointKeys):
    """One point: where it stands, how it is encoded, what its numbers mean."""

    address: int


class PartPoint(ModbusPoint):
    """A point of every part; its address counts from the part's own."""

    address: int = 0


class VariantPoint(PointKeys):
    """What is different about a point in a variant."""

    address: int | None = None
    absent: bool = Field(default=False, description="this variant has no such point")


class Parts(Spoken):
    """Instances inside a device, as a template: ids, and the arithmetic of their addresses."""

    id: PartIdField
    over: dict[Code, Span] = Field(min_length=1, max_length=4)
    address: dict[Code, int] = Field(min_length=1)
    unit: dict[Code, int] | None = Field(default=None, description="unit numbers by the variables of the id")
    packed: Packed | None = Field(default=None, description="states of a few bits; `address` then counts states")
    title: TextField | None = None
    points: dict[Code, PartPoint] = Field(min_length=1)
    computed: dict[Code, ComputedPoint] = Field(default_factory=dict)

    _template: Template = PrivateAttr()

    @model_validator(mode="after")
    def _arithmetic(self) -> Parts:
        self._template = Template(self.id, self.over, self.address, unit=self.unit, packed=self.packed)
        return self

    @property
    def template(self) -> Template:
        return self._template

    @property
    def names(self) -> Iterator[str]:
        """Of every part's points."""
        return iter([*self.points, *self.computed])


Changes = Mapping[str, PointKeys | PointMeaning]
"""Key of a point → what is said otherwise of it, by the fields that are set."""
