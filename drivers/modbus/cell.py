"""One thing to read off the wire: where it stands and how its bytes are laid out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.model import PointType

LAST_ADDRESS = 0xFFFF


class Table(StrEnum):
    """The four tables of MODBUS Application Protocol V1.1b3 §4.3, by the words of this project."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"

    @property
    def function(self) -> int:
        """The function code that reads it (§6.1–§6.4): 1, 2, 3 or 4. There is no other in this package."""
        return {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}[self]

    @property
    def is_bits(self) -> bool:
        return self in (Table.COIL, Table.DISCRETE)


class WireType(StrEnum):
    BOOL = "bool"
    UINT8 = "uint8"
    INT8 = "int8"
    UINT16 = "uint16"
    INT16 = "int16"
    UINT32 = "uint32"
    INT32 = "int32"
    UINT64 = "uint64"
    INT64 = "int64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BCD16 = "bcd16"
    BCD32 = "bcd32"
    BCD64 = "bcd64"
    SM16 = "sm16"
    SM32 = "sm32"
    STRING = "string"
    DATETIME = "datetime"

    @property
    def size(self) -> int:
        """Bits on the wire; a string and a datetime have their own length."""
        return {"8": 8, "6": 16, "2": 32, "4": 64}.get(self.value[-1], 16)

    @property
    def point_type(self) -> PointType:
        if self is WireType.BOOL:
            return PointType.BOOL
        if self in (WireType.STRING, WireType.DATETIME):
            return PointType.TEXT
        return PointType.FLOAT if self in (WireType.FLOAT32, WireType.FLOAT64) else PointType.INT

    @property
    def is_signed(self) -> bool:
        return self.value.startswith("int")

    @property
    def is_plain(self) -> bool:
        """An unsigned whole number, as it is: its bits can be taken one by one."""
        return self.value.startswith("uint")

    @property
    def is_bcd(self) -> bool:
        """Binary-coded decimal: a digit in each four bits."""
        return self.value.startswith("bcd")

    @property
    def is_sign_magnitude(self) -> bool:
        """The highest bit is the sign, the others the amount."""
        return self.value.startswith("sm")


_FORMATS = {
    WireType.BOOL: "H",
    WireType.UINT16: "H",
    WireType.INT16: "h",
    WireType.UINT32: "I",
    WireType.INT32: "i",
    WireType.UINT64: "Q",
    WireType.INT64: "q",
    WireType.FLOAT32: "f",
    WireType.FLOAT64: "d",
    WireType.BCD16: "H",
    WireType.BCD32: "I",
    WireType.BCD64: "Q",
    WireType.SM16: "H",
    WireType.SM32: "I",
}


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """`words` registers (or one bit) at `address` of `table`. `swapped` turns each register's bytes round first, and
    `order` (`>` or `<`) then says how the whole is read: so every mixture of byte and word order is one struct."""

    table: Table
    address: int
    words: int
    format: str
    swapped: bool = False
    order: str = ">"

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.address + self.words


def register_cell(
    table: Table,
    address: int,
    wire: WireType,
    *,
    length: int = 1,
    high_byte: bool = False,
    little_bytes: bool = False,
    little_words: bool = False,
) -> Cell:
    """The cell of a register type; `length` is the number of registers of a string or datetime."""
    if wire.point_type is PointType.TEXT:
        return Cell(table, address, length, f"{2 * length}s", little_bytes)
    if wire in (WireType.UINT8, WireType.INT8):
        letter = "B" if wire is WireType.UINT8 else "b"
        return Cell(table, address, 1, f"{letter}x" if high_byte else f"x{letter}")
    # ABCD is `>`, DCBA is `<`; CDAB (words turned round) becomes DCBA when the bytes of each register are swapped
    return Cell(
        table,
        address,
        wire.size // 16,
        _FORMATS[wire],
        swapped=little_bytes != little_words,
        order="<" if little_words else ">",
    )


def bit_cell(table: Table, address: int) -> Cell:
    """One coil or discrete input."""
    return Cell(table, address, 1, "?")


class AddressError(ValueError):
    """A register number that no device can have."""


def locate(number: int, base: int | str, table: Table | None, default: Table) -> tuple[Table, int]:
    """(table, address as sent on the wire) of a manual's register number; AddressError with the arithmetic."""
    if base == "ref":
        found, address = _reference(number)
        if table is not None and table is not found:
            raise AddressError(f"reference {number} is a {found} register, but `table: {table}` is declared")
        return found, address
    address = number - int(base)
    if not 0 <= address <= LAST_ADDRESS:
        first = int(base)
        raise AddressError(f"register numbers go from {first} to {LAST_ADDRESS + first}, got {number}")
    return table or default, address


def _reference(number: int) -> tuple[Table, int]:
    # Modicon numbering, five or six digits: 0xxxx coils, 1xxxx discrete inputs, 3xxxx input and 4xxxx holding registers
    six = number >= 100_000
    digit, rest = divmod(number, 100_000 if six else 10_000)
    table = {0: Table.COIL, 1: Table.DISCRETE, 3: Table.INPUT, 4: Table.HOLDING}.get(digit)
    if table is None or not 1 <= rest <= LAST_ADDRESS + 1:
        raise AddressError(
            f"a reference such as 40001, 30001, 10001 or 1 (coil 00001) is expected, or one of six digits; got {number}"
        )
    return table, rest - 1
