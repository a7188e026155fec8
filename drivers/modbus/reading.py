"""A profile's point with everything inherited: its cell on the wire and the meaning of what is read there. Pure."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from drivers.conversion import ConversionError, converted, point_of
from drivers.meaning import Meaning
from drivers.modbus.cell import LAST_ADDRESS, AddressError, Cell, Table, WireType, bit_cell, locate, register_cell
from gateway.model import Point, PointType, Quality, Value

if TYPE_CHECKING:
    from drivers.profile import ModbusDefaults, ModbusPoint

REASONS = {quality.reason: quality for quality in Quality if quality.is_bad}


class PointFault(ValueError):  # noqa: N818 - a fault in what somebody wrote, at `loc` inside the profile
    """What is wrong with a point, in a sentence."""

    def __init__(self, loc: tuple[str | int, ...], sentence: str) -> None:
        super().__init__(sentence)
        self.loc = loc
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Reading:
    """Where a point is read and what is made of it."""

    point: Point
    cell: Cell
    meaning: Meaning


def resolve(key: str, point: ModbusPoint, defaults: ModbusDefaults) -> Reading:
    """The reading of `point`; PointFault at the key that is wrong."""
    return _Resolver(key, point, defaults).reading()


class _Resolver:
    def __init__(self, key: str, point: ModbusPoint, defaults: ModbusDefaults) -> None:
        self.key = key
        self.point = point
        self.defaults = defaults

    def fault(self, field: str, sentence: str) -> PointFault:
        return PointFault(("points", self.key, field), sentence)

    def reading(self) -> Reading:
        try:
            table, address = locate(self.point.address, self.defaults.base, self.point.table, self.defaults.table)
        except AddressError as error:
            raise self.fault("address", str(error)) from None
        wire = self.bit_type(table) if table.is_bits else self.register_type(table)
        cell = bit_cell(table, address) if table.is_bits else self.register(table, address, wire)
        if cell.end > LAST_ADDRESS + 1:
            raise self.fault(
                "address",
                f"{cell.words} registers from {address} on end behind register {LAST_ADDRESS}, the last there is",
            )
        kind, raw = self.raw(wire, table)
        try:
            made = converted(self.point, kind, None)
        except ConversionError as error:
            raise self.fault(error.key, str(error)) from None
        then = made.meaning()
        meaning = replace(
            raw,
            scale=then.scale,
            offset=then.offset,
            curves=then.curves,
            range=then.range,
            invert=then.invert,
            valid_when=self.condition(),
        )
        return Reading(point_of(self.key, made, tuple(dict.fromkeys((self.point.enum or {}).values()))), cell, meaning)

    def bit_type(self, table: Table) -> WireType:
        for field in ("bit", "bits", "enum", "sentinels", "length", "byte", "byte_order", "word_order"):
            if getattr(self.point, field) is not None:
                raise self.fault(field, f"a {table} is a single bit; `{field}` means nothing there")
        if self.point.type not in (None, WireType.BOOL):
            raise self.fault("type", f"a {table} is a bool, not {self.point.type}")
        return WireType.BOOL

    def register_type(self, table: Table) -> WireType:
        wire = self.point.type or self.defaults.type
        if wire is None:
            raise self.fault("type", f"a point of table {table} needs a type, here or under `modbus:`")
        if (wire is WireType.STRING) != (self.point.length is not None):
            raise self.fault("length", "a string, and only a string, has its length in registers")
        if (wire.size == 8) != (self.point.byte is not None):
            raise self.fault("byte", "an 8-bit type, and only that, says which byte of its register: high or low")
        return wire

    def register(self, table: Table, address: int, wire: WireType) -> Cell:
        cell = register_cell(
            table,
            address,
            wire,
            length=self.point.length or 1,
            high_byte=self.point.byte == "high",
            little_bytes=(self.point.byte_order or self.defaults.byte_order) == "little",
            little_words=(self.point.word_order or self.defaults.word_order) == "little",
        )
        if cell.words > self.defaults.limits.max_registers:
            raise self.fault(
                "length" if wire is WireType.STRING else "type",
                f"{cell.words} registers do not fit into one request of at most {self.defaults.limits.max_registers}",
            )
        return cell

    def raw(self, wire: WireType, table: Table) -> tuple[PointType, Meaning]:
        """Type and meaning before scale and curves."""
        kind = wire.point_type
        sentinels, not_a_number = self.sentinels(wire)
        meaning = Meaning(
            sentinels=sentinels,
            floating=kind is PointType.FLOAT,
            not_a_number=not_a_number,
            text=kind is PointType.TEXT,
            truth=kind is PointType.BOOL and not table.is_bits,
        )
        if (bits := self.bit_range(wire)) is not None:
            low, high = bits
            kind = PointType.BOOL if self.point.bit is not None else PointType.INT
            meaning = replace(
                meaning, bits=(low, (1 << (high - low + 1)) - 1), truth=kind is PointType.BOOL, floating=False
            )
        if self.point.enum is None:
            return kind, meaning
        if kind is not PointType.INT:
            raise self.fault("enum", f"`enum` needs whole numbers, but this is a point of type {kind}")
        if not self.point.enum:
            raise self.fault("enum", "at least one code is needed")
        return PointType.ENUM, replace(meaning, codes=dict(self.point.enum))

    def bit_range(self, wire: WireType) -> tuple[int, int] | None:
        point = self.point
        if point.bit is None and point.bits is None:
            return None
        field = "bits" if point.bits is not None else "bit"
        if point.bit is not None and point.bits is not None:
            raise self.fault("bits", "either `bit` (a bool) or `bits` (a number), not both")
        if wire.point_type is not PointType.INT or wire.is_signed:
            raise self.fault(field, f"bits are taken from an unsigned whole number, not from {wire}")
        low, high = point.bits if point.bits is not None else (point.bit or 0, point.bit or 0)
        if not 0 <= low <= high:
            raise self.fault(field, f"the lower bit comes first, counted from 0; got {low} … {high}")
        if high >= wire.size:
            raise self.fault(field, f"a {wire} has the bits 0 … {wire.size - 1}, not {high}")
        return low, high

    def sentinels(self, wire: WireType) -> tuple[Mapping[float, int], int]:
        """Raw value → quality, and the quality of NaN."""
        reasons: dict[float, int] = {}
        not_a_number: int = Quality.BAD_DECODE
        for code, reason in (self.point.sentinels or {}).items():
            if wire.point_type is PointType.FLOAT:
                if math.isnan(code):
                    not_a_number = REASONS[reason]
                    continue
                as_sent = struct.unpack(">f", struct.pack(">f", code))[0] if wire is WireType.FLOAT32 else float(code)
                reasons[as_sent] = REASONS[reason]
            elif wire.point_type is not PointType.INT:
                raise self.fault("sentinels", f"a {wire} has no sentinels")
            else:
                reasons[self.as_sent(code, wire)] = REASONS[reason]
        return reasons, not_a_number

    def as_sent(self, code: float, wire: WireType) -> int:
        # manuals write the sentinel of a signed number as its bits: 0xFFFF is -1 in an int16
        low = -(1 << (wire.size - 1)) if wire.is_signed else 0
        if code != int(code) or not low <= code < 1 << wire.size:
            raise self.fault("sentinels", f"{code} cannot stand in a {wire}")
        whole = int(code)
        return whole - (1 << wire.size) if wire.is_signed and whole >= 1 << (wire.size - 1) else whole

    def condition(self) -> tuple[str, frozenset[Value]] | None:
        if not self.point.valid_when:
            return None
        if len(self.point.valid_when) != 1:
            raise self.fault("valid_when", "exactly one point with its good values is expected")
        ((other, good),) = self.point.valid_when.items()
        return other, frozenset(good)
