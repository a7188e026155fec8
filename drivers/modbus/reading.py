"""A profile's point with everything inherited: its cell on the wire and the meaning of what is read there. Pure."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from drivers.conversion import ConversionError, converted, point_of
from drivers.language import REASONS, PointFault
from drivers.meaning import CLOSED, Judge, Meaning
from drivers.modbus.cell import LAST_ADDRESS, AddressError, Cell, Table, WireType, bit_cell, locate, register_cell
from drivers.modbus.decoding import text
from gateway.model import Point, PointType, Quality

if TYPE_CHECKING:
    from drivers.modbus.language import ModbusDefaults, ModbusPoint


# what a single bit cannot have
_OF_REGISTERS = (
    "bit",
    "bits",
    "gate_bit",
    "enum",
    "true_for",
    "false_for",
    "sentinels",
    "length",
    "byte",
    "byte_order",
    "word_order",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """Where a point is read and what is made of it.

    `cell` is None for what is not read: a point that is computed from others, or that this device has not.
    `unit` is which of the device's units has it: a name of `modbus.units`, a number (of a part), or None: its own.
    `needs` are all the points that must be read with it, also those that they need in turn; `every_ns` is its own
    period; an `optional` point need not be there.
    `warm_up` is (reads to discard after a connect, pause in ns after which they begin anew).
    """

    point: Point
    cell: Cell | None
    meaning: Meaning
    unit: str | int | None = None
    needs: tuple[str, ...] = ()
    every_ns: int | None = None
    optional: bool = False
    warm_up: tuple[int, int] | None = None


def cells_of(readings: Iterable[Reading]) -> list[Cell]:
    """The cells of those that are read."""
    return [reading.cell for reading in readings if reading.cell is not None]


def resolve(key: str, point: ModbusPoint, defaults: ModbusDefaults) -> Reading:
    """The reading of `point`; PointFault at the key that is wrong."""
    return _Resolver(key, point, defaults).reading()


def moved(reading: Reading, was: str, part: str, by: int) -> Reading:
    """The reading of the part `was` as that of another part, `by` addresses further on."""

    def name(key: str) -> str:
        return part + key.removeprefix(was) if key.startswith(f"{was}/") else key

    return replace(
        reading,
        point=replace(reading.point, part=part),
        cell=reading.cell and replace(reading.cell, address=reading.cell.address + by),
        meaning=reading.meaning.renamed(name),
        needs=tuple(map(name, reading.needs)),
    )


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
        point = point_of(self.key, made, tuple(dict.fromkeys((self.point.enum or {}).values())))
        return Reading(point, cell, meaning, needs=meaning.needs)

    def bit_type(self, table: Table) -> WireType:
        for field in _OF_REGISTERS:
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
            decode=text("ascii", "both") if kind is PointType.TEXT else None,
            truth=kind is PointType.BOOL and not table.is_bits,
        )
        if (bits := self.bit_range(wire)) is not None:
            low, high = bits
            kind = PointType.BOOL if self.point.bit is not None else PointType.INT
            meaning = replace(
                meaning, bits=(low, (1 << (high - low + 1)) - 1), truth=kind is PointType.BOOL, floating=False
            )
        return self.coded(kind, self.gated(meaning, wire))

    def gated(self, meaning: Meaning, wire: WireType) -> Meaning:
        gate = self.point.gate_bit
        if gate is None:
            return meaning
        if self.point.bits is None or (self.point.enum is None and self.point.true_for is None):
            raise self.fault("gate_bit", "a gate opens `bits` that are an `enum`, or a bool by `true_for`")
        if gate >= wire.size:
            raise self.fault("gate_bit", f"a {wire} has the bits 0 … {wire.size - 1}, not {gate}")
        return replace(meaning, gate=gate)

    def coded(self, kind: PointType, meaning: Meaning) -> tuple[PointType, Meaning]:
        """Numbers that are words (`enum`), or that mean true or false."""
        point = self.point
        if point.enum is not None and point.true_for is not None:
            raise self.fault("true_for", "either `enum`, or a bool by `true_for`, not both")
        for field in ("enum", "true_for", "false_for"):
            if getattr(point, field) is not None and kind is not PointType.INT:
                raise self.fault(field, f"`{field}` needs whole numbers, but this is a point of type {kind}")
        if point.true_for is not None:
            return PointType.BOOL, replace(meaning, codes=self.verdicts(point.true_for), floating=False)
        if point.false_for is not None:
            raise self.fault("false_for", "what is true must be said, too: `true_for`")
        if point.enum is None:
            return kind, meaning
        if not point.enum:
            raise self.fault("enum", "at least one code is needed")
        codes: dict[int, str | bool] = dict(point.enum)
        if meaning.gate is not None:
            if 0 not in codes:
                raise self.fault("enum", "while the gate bit is 0 the code counts as 0, so 0 needs its word")
            codes[CLOSED] = codes[0]
        return PointType.ENUM, replace(meaning, codes=codes)

    def verdicts(self, true_for: tuple[int, ...]) -> dict[int, str | bool]:
        false_for = self.point.false_for or ()
        if not false_for and self.point.gate_bit is None:
            raise self.fault("true_for", "what is false must be said, too: `false_for`; any other number is undeclared")
        if both := set(true_for) & set(false_for):
            raise self.fault("false_for", f"{min(both)} is true already")
        closed = {CLOSED: False} if self.point.gate_bit is not None else {}
        return {**dict.fromkeys(true_for, True), **dict.fromkeys(false_for, False), **closed}

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

    def condition(self) -> tuple[Judge, ...]:
        return tuple(Judge(other, frozenset(good)) for other, good in (self.point.valid_when or {}).items())
