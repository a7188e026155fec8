"""How a register's bits become a raw value: type, order, bits, codes, sentinels; every fault at its key. Pure."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

from drivers.language import REASONS, PointFault
from drivers.meaning import CLOSED, Meaning
from drivers.modbus.cell import Cell, Table, WireType, register_cell
from drivers.modbus.decoding import FIELDS, bcd, clock, sign_magnitude, text
from drivers.modbus.parts import Packed
from drivers.modbus.points import ModbusDefaults, ModbusPoint
from gateway.model import PointType, Quality

# what a single bit cannot have
_OF_REGISTERS = (
    "bit", "bits", "gate_bit", "enum", "true_for", "false_for", "sentinels", "sentinel_mask", "length", "byte",
    "byte_order", "word_order", "encoding", "chars", "layout", "zone", "scale_from", "unit_from",
)  # fmt: skip
_OF_STRINGS = ("encoding", "chars")
_OF_CLOCKS = ("layout", "zone", "bcd")
Loc = tuple[str | int, ...]
Decode = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Encoding:
    """One point as it is declared; `loc` is where, `zone` the site's, `packed` the states it is one of."""

    loc: Loc
    point: ModbusPoint
    defaults: ModbusDefaults
    zone: tzinfo = UTC
    packed: Packed | None = None

    def fault(self, field: str, sentence: str) -> PointFault:
        return PointFault((*self.loc, field), sentence)

    # the cell

    def wire(self, table: Table) -> WireType:
        """Its type on the wire, once what stands beside it fits that."""
        return self._bit_type(table) if table.is_bits else self._register_type(table)

    def _bit_type(self, table: Table) -> WireType:
        for field in _OF_REGISTERS:
            if getattr(self.point, field) is not None:
                raise self.fault(field, f"a {table} is a single bit; `{field}` means nothing there")
        if self.point.type not in (None, WireType.BOOL):
            raise self.fault("type", f"a {table} is a bool, not {self.point.type}")
        if self.packed:
            raise self.fault("table", f"states are packed into registers; a {table} is a single bit by itself")
        return WireType.BOOL

    def _register_type(self, table: Table) -> WireType:
        point = self.point
        wire = point.type or self.defaults.type
        if wire is None:
            raise self.fault("type", f"a point of table {table} needs a type, here or under `modbus:`")
        if (wire is WireType.STRING) != (point.length is not None):
            raise self.fault("length", "a string, and only a string, has its length in registers")
        if (wire.size == 8) != (point.byte is not None):
            raise self.fault("byte", "an 8-bit type, and only that, says which byte of its register: high or low")
        if (wire is WireType.DATETIME) != (point.layout is not None):
            raise self.fault("layout", "a datetime, and only that, says what its registers hold: [year, month, day, …]")
        for fields, only in ((_OF_STRINGS, WireType.STRING), (_OF_CLOCKS, WireType.DATETIME)):
            for field in fields:
                if getattr(point, field) and wire is not only:
                    raise self.fault(field, f"`{field}` is of a {only}, but this is a {wire}")
        if self.packed and wire is not WireType.UINT16:
            raise self.fault("type", f"packed states stand in registers of type uint16, not {wire}")
        return wire

    def cell(self, table: Table, address: int, wire: WireType) -> Cell:
        """Where it stands; a value that no request can bring is a fault."""
        point = self.point
        cell = register_cell(
            table,
            address,
            wire,
            length=point.length or len(point.layout or ()) or 1,
            high_byte=point.byte == "high",
            little_bytes=(point.byte_order or self.defaults.byte_order) == "little",
            little_words=(point.word_order or self.defaults.word_order) == "little",
        )
        if cell.words > self.defaults.limits.max_registers:
            raise self.fault(
                "length" if wire is WireType.STRING else "type",
                f"{cell.words} registers do not fit into one request of at most {self.defaults.limits.max_registers}",
            )
        return cell

    # the raw value

    def raw(self, wire: WireType, table: Table) -> tuple[PointType, Meaning]:
        """Type and meaning before scale and curves."""
        kind = wire.point_type
        sentinels, not_a_number = self._sentinels(wire)
        meaning = Meaning(
            field=(self.packed.place(0)[1], (1 << self.packed.bits) - 1) if self.packed else None,
            sentinels=sentinels,
            sentinel_mask=self.point.sentinel_mask,
            floating=kind is PointType.FLOAT,
            not_a_number=not_a_number,
            truth=kind is PointType.BOOL and not table.is_bits,
        )
        if wire is WireType.STRING:
            meaning = replace(meaning, decode=self._text())
        elif wire is WireType.DATETIME:
            meaning = replace(meaning, decode=self._clock())
        elif wire.is_bcd or wire.is_sign_magnitude:
            meaning = replace(meaning, decode=bcd if wire.is_bcd else sign_magnitude(wire.size))
        if (bits := self._bit_range(wire)) is not None:
            low, high = bits
            kind = PointType.BOOL if self.point.bit is not None else PointType.INT
            meaning = replace(
                meaning, bits=(low, (1 << (high - low + 1)) - 1), truth=kind is PointType.BOOL, floating=False
            )
        return self._coded(kind, self._gated(meaning, wire))

    def _size(self, wire: WireType) -> int:
        return self.packed.bits if self.packed else wire.size

    def _what(self, wire: WireType) -> str:
        return f"a state of {self.packed.bits} bits" if self.packed else f"a {wire}"

    def _text(self) -> Decode:
        encoding, chars = self.point.encoding or "ascii", self.point.chars or "both"
        if encoding == "utf-16" and chars != "both":
            raise self.fault("chars", "a character of UTF-16 takes both bytes of its register")
        return text(encoding, chars)

    def _clock(self) -> Decode:
        layout = self.point.layout or ()
        names = [name for item in layout for name in item if name in FIELDS]
        if len(set(names)) < len(names):
            raise self.fault("layout", f"{next(one for one in names if names.count(one) > 1)} stands there twice")
        if missing := [name for name in FIELDS[:3] if name not in names]:
            raise self.fault("layout", f"without a {missing[0]} nobody knows which day it is")
        said = self.point.zone or "site"
        zone = self.zone if said == "site" else UTC if said == "utc" else _offset(said)
        return clock(layout, digits=self.point.bcd, zone=zone)

    def _gated(self, meaning: Meaning, wire: WireType) -> Meaning:
        if self.point.gate_bit is None:
            return meaning
        if self.point.bits is None or (self.point.enum is None and self.point.true_for is None):
            raise self.fault("gate_bit", "a gate opens `bits` that are an `enum`, or a bool by `true_for`")
        return replace(meaning, gate=self._bit("gate_bit", self.point.gate_bit, wire))

    def _bit(self, field: str, number: int, wire: WireType) -> int:
        """A bit of the manual's number, counted from 0."""
        base, size = self.defaults.bit_base, self._size(wire)
        if not base <= number < size + base:
            raise self.fault(field, f"{self._what(wire)} has the bits {base} … {size - 1 + base}, not {number}")
        return number - base

    def _bit_range(self, wire: WireType) -> tuple[int, int] | None:
        point = self.point
        whole_state = self.packed is not None and (point.enum is not None or point.true_for is not None)
        if point.bit is None and point.bits is None:
            return (0, self._size(wire) - 1) if whole_state else None
        field = "bits" if point.bits is not None else "bit"
        if point.bit is not None and point.bits is not None:
            raise self.fault("bits", "either `bit` (a bool) or `bits` (a number), not both")
        if not wire.is_plain:
            raise self.fault(field, f"bits are taken from an unsigned whole number, not from {wire}")
        low, high = point.bits if point.bits is not None else (point.bit or 0, point.bit or 0)
        if low > high:
            raise self.fault(field, f"the lower bit comes first; got {low} … {high}")
        return self._bit(field, low, wire), self._bit(field, high, wire)

    # codes and sentinels

    def _coded(self, kind: PointType, meaning: Meaning) -> tuple[PointType, Meaning]:
        """Numbers or texts that are words (`enum`), or numbers that mean true or false."""
        point = self.point
        if point.enum is not None and point.true_for is not None:
            raise self.fault("true_for", "either `enum`, or a bool by `true_for`, not both")
        for field in ("enum", "true_for", "false_for"):
            fits = kind is PointType.INT or (field == "enum" and kind is PointType.TEXT and point.layout is None)
            wanted = "whole numbers or texts" if field == "enum" else "whole numbers"
            if getattr(point, field) is not None and not fits:
                raise self.fault(field, f"`{field}` needs {wanted}, but this is a point of type {kind}")
        if point.true_for is not None:
            return PointType.BOOL, replace(meaning, codes=self._verdicts(point.true_for), floating=False)
        if point.false_for is not None:
            raise self.fault("false_for", "what is true must be said, too: `true_for`")
        if point.enum is None:
            return kind, meaning
        if not point.enum:
            raise self.fault("enum", "at least one code is needed")
        of, words = (str, "a text") if kind is PointType.TEXT else (int, "a whole number")
        for code in point.enum:
            if not isinstance(code, of):
                raise self.fault("enum", f"{words} is expected here, got {code!r}")
        codes: dict[int | str, str | bool] = dict(point.enum)
        if meaning.gate is not None:
            if 0 not in codes:
                raise self.fault("enum", "while the gate bit is 0 the code counts as 0, so 0 needs its word")
            codes[CLOSED] = codes[0]
        return PointType.ENUM, replace(meaning, codes=codes)

    def _verdicts(self, true_for: tuple[int, ...]) -> dict[int, str | bool]:
        false_for = self.point.false_for or ()
        if not false_for and self.point.gate_bit is None:
            raise self.fault("true_for", "what is false must be said, too: `false_for`; any other number is undeclared")
        if both := set(true_for) & set(false_for):
            raise self.fault("false_for", f"{min(both)} is true already")
        closed = {CLOSED: False} if self.point.gate_bit is not None else {}
        return {**dict.fromkeys(true_for, True), **dict.fromkeys(false_for, False), **closed}

    def _sentinels(self, wire: WireType) -> tuple[Mapping[float, int], int]:
        """Raw value → quality, and the quality of NaN."""
        own = self.point.sentinels
        mask = self.point.sentinel_mask
        if own is None:
            if mask is not None:
                raise self.fault("sentinel_mask", "it says which bits of `sentinels` count, but there are none")
            # a default is of whole registers; a packed state is none
            said = {} if self.packed else self.defaults.sentinels.get(wire, {})
        else:
            said = own
        try:
            reasons, not_a_number = sentinel_table(said, wire, self._size(wire))
        except ValueError as error:
            if own is None:  # told where it stands, under `modbus:`
                return {}, Quality.BAD_DECODE
            raise self.fault("sentinels", str(error)) from None
        if mask is None:
            return reasons, not_a_number
        if (not wire.is_plain and not wire.is_signed) or mask >= 1 << self._size(wire):
            raise self.fault(
                "sentinel_mask", f"bits of a whole number are expected, not {mask:#x} of {self._what(wire)}"
            )
        if strange := [code for code in said if int(code) & ~mask & ((1 << self._size(wire)) - 1)]:
            told = f"has bits outside of sentinel_mask {mask:#x}, so it would never be found"
            raise self.fault("sentinels", f"{int(strange[0]):#x} {told}")
        return {int(code) & mask: reason for code, reason in reasons.items()}, not_a_number


def sentinel_table(said: Mapping[int | float, str], wire: WireType, size: int) -> tuple[dict[float, int], int]:
    """Raw value → quality, and the quality of NaN; ValueError with a sentence for what no such type can hold."""
    reasons: dict[float, int] = {}
    not_a_number: int = Quality.BAD_DECODE
    for code, reason in said.items():
        if wire.point_type is PointType.FLOAT:
            if math.isnan(code):
                not_a_number = REASONS[reason]
                continue
            reasons[_as_float(code, wire)] = REASONS[reason]
        elif wire.point_type is not PointType.INT:
            raise ValueError(f"a {wire} has no sentinels")
        else:
            reasons[_as_sent(code, wire, size)] = REASONS[reason]
    return reasons, not_a_number


def _as_float(code: float, wire: WireType) -> float:
    try:
        return float(struct.unpack(">f", struct.pack(">f", code))[0]) if wire is WireType.FLOAT32 else float(code)
    except OverflowError:
        raise ValueError(f"{code} cannot stand in a {wire}") from None


def _as_sent(code: float, wire: WireType, size: int) -> int:
    # manuals write the sentinel of a signed number as its bits: 0xFFFF is -1 in an int16
    negative = wire.is_signed or wire.is_sign_magnitude
    low = -(1 << (size - 1)) if negative else 0
    if not math.isfinite(code) or code != int(code) or not low <= code < 1 << size:
        raise ValueError(
            f"{code} cannot stand in a {wire}" if size == wire.size else f"{code} has more than {size} bits"
        )
    whole = int(code)
    if wire.is_sign_magnitude:
        return (1 << (size - 1)) - whole if whole < 0 else whole
    return whole - (1 << size) if wire.is_signed and whole >= 1 << (size - 1) else whole


def _offset(said: str) -> tzinfo:
    return datetime.strptime(said, "%z").tzinfo or timezone(timedelta())
