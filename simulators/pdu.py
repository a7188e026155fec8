"""Answers to read requests after "MODBUS Application Protocol Specification" V1.1b3: request PDU in, answer PDU out."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum

READ_QUESTION = struct.Struct(">BHH")
ERROR_BIT = 0x80


class Table(IntEnum):
    """The four tables (§4.3), each named by the function code that reads it (§6.1 to §6.4)."""

    COILS = 1
    DISCRETE_INPUTS = 2
    HOLDING = 3
    INPUT = 4

    @property
    def of_bits(self) -> bool:
        return self in (Table.COILS, Table.DISCRETE_INPUTS)

    @property
    def most(self) -> int:
        """The largest quantity one request may ask for (§6.1 … §6.4)."""
        return 0x07D0 if self.of_bits else 0x007D


READS = frozenset(int(table) for table in Table)


class Refusal(IntEnum):
    """Exception codes (§7)."""

    ILLEGAL_FUNCTION = 1
    ILLEGAL_ADDRESS = 2
    ILLEGAL_VALUE = 3
    BUSY = 6
    GATEWAY_PATH_UNAVAILABLE = 0x0A
    GATEWAY_TARGET_SILENT = 0x0B


RegisterMap = Callable[[Table, int, int], Sequence[int] | None]
"""(table, first address, count) → the words or bits there; None when any of them is not mapped. May raise Refused."""


class Refused(Exception):  # noqa: N818  # it is no error: the device answers, with an exception code
    """A device's own refusal of a question that the standard would allow."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Busy(Refused):
    """A device that cannot answer yet and asks to be asked again."""

    def __init__(self) -> None:
        super().__init__(Refusal.BUSY)


def refuse(function: int, code: int) -> bytes:
    """The exception answer (§7): the function code with its top bit set, then the code."""
    return bytes([function | ERROR_BIT, code])


def answer(request: bytes, registers: RegisterMap) -> bytes:
    """The answer to one request PDU; checks are made in the order of the state diagrams in §6.1 to §6.4."""
    function = request[0]
    if function not in READS:
        return refuse(function, Refusal.ILLEGAL_FUNCTION)
    if len(request) != READ_QUESTION.size:  # §7, code 3: "the implied length is incorrect"
        return refuse(function, Refusal.ILLEGAL_VALUE)
    _, address, count = READ_QUESTION.unpack(request)
    table = Table(function)
    if not 1 <= count <= table.most:
        return refuse(function, Refusal.ILLEGAL_VALUE)
    try:
        found = registers(table, address, count) if address + count <= 0x10000 else None
    except Refused as refusal:
        return refuse(function, refusal.code)
    if found is None:
        return refuse(function, Refusal.ILLEGAL_ADDRESS)
    content = pack_bits(found) if table.of_bits else struct.pack(f">{count}H", *found)
    return bytes([function, len(content)]) + content


def pack_bits(bits: Sequence[int]) -> bytes:
    """§6.1: the first bit is the low bit of the first byte; the last byte is filled with zeros towards its high end."""
    packed = sum(1 << place for place, bit in enumerate(bits) if bit)
    return packed.to_bytes((len(bits) + 7) // 8, "little")


def mapped(tables: Mapping[Table, Mapping[int, int]]) -> RegisterMap:
    """A register map that reads address → value mappings; a change in them is seen by the next request."""

    def registers(table: Table, address: int, count: int) -> Sequence[int] | None:
        words = tables.get(table, {})
        try:
            return [words[place] for place in range(address, address + count)]
        except KeyError:
            return None

    return registers
