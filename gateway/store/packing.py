"""A frame's values as bytes and back. Pure.

Two forms, and numbers take the type of their point. *Struct* rows have fixed places (8 bytes a float, 4 an int, 1 a
bool or an enumeration's code), so that one column of a day is read without the others. A row that does not fit (a
missing value, a text, an int beyond 32 bits) is *free*: MessagePack, which describes itself. Quality follows if it is
not all GOOD. A checksum that covers position, layout and flags closes the row: SQLite does not notice a flipped bit
(E17).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from enum import IntFlag

import msgspec

from gateway.model import Layout, PointType, Quality, Value
from gateway.store.errors import CorruptRow


class Flag(IntFlag):
    """The low two bits hold the frame's kind."""

    KIND = 0b11
    SOURCE = 0b100  # the event's time is the device's
    FREE = 0b1000
    QUALITY = 0b1_0000
    SAME_QUALITY = 0b10_0000  # one byte stands for all points
    ASKED = 0b100_0000  # somebody waits for the row: a message may be delivered again (0002_aside.sql)


_KIND, _FREE, _QUALITY, _SAME = (int(f) for f in (Flag.KIND, Flag.FREE, Flag.QUALITY, Flag.SAME_QUALITY))

Row = tuple[list[Value], list[int] | None]
_CODES = 255
_FORMATS = {PointType.FLOAT: "d", PointType.INT: "i", PointType.BOOL: "B", PointType.ENUM: "B"}
_free = msgspec.msgpack.Encoder()
_read_free = msgspec.msgpack.Decoder(list[float | int | bool | str | None])


Cell = tuple[Value, int]
"""A value and its quality."""


class Packing:
    """How frames of one layout are packed. `number` is the layout's number in its file."""

    def __init__(self, layout: Layout, number: int) -> None:
        self.layout = layout
        self.number = number
        points = layout.points
        fixed = all(p.type is not PointType.TEXT and len(p.codes) <= _CODES for p in points)
        self._struct = struct.Struct("<" + "".join(_FORMATS[p.type] for p in points)) if fixed else None
        self._codes = {i: p.codes for i, p in enumerate(points) if p.type is PointType.ENUM}
        self._code_numbers = [(i, {code: n for n, code in enumerate(codes)}) for i, codes in self._codes.items()]
        self._bools = [i for i, p in enumerate(points) if p.type is PointType.BOOL]
        self._offsets = self._places() if fixed else []

    def _places(self) -> list[tuple[struct.Struct, int]]:
        places, offset = [], 0
        for point in self.layout.points:
            one = struct.Struct("<" + _FORMATS[point.type])
            places.append((one, offset))
            offset += one.size
        return places

    def pack(
        self, position: int, values: Sequence[Value], quality: Sequence[int] | None, flags: int
    ) -> tuple[int, bytes]:
        """The row's flags and bytes. A value that no row can hold (an int beyond 64 bits) is kept as BAD_DECODE."""
        if len(values) != len(self.layout.points) or (quality is not None and len(quality) != len(values)):
            raise ValueError(f"a frame of {self.layout.device} does not have as many values as its layout")
        try:
            body = self._pack_fixed(values)
        except (struct.error, KeyError, TypeError, OverflowError):
            flags |= _FREE
            body, quality = _pack_free(values, quality)
        if quality is not None:
            marks = bytes(quality)
            flags |= _QUALITY
            if marks == marks[:1] * len(marks):
                flags |= _SAME
                marks = marks[:1]
            body += marks
        check = zlib.crc32(body, self._seed(position, flags))
        return flags, body + check.to_bytes(4, "little")

    def _pack_fixed(self, values: Sequence[Value]) -> bytes:
        if self._struct is None:
            raise TypeError
        if self._code_numbers:
            values = list(values)
            for i, numbers in self._code_numbers:
                values[i] = numbers[values[i]]  # type: ignore[index]
        return self._struct.pack(*values)

    def unpack(self, position: int, flags: int, blob: bytes) -> Row:
        """Values and quality (None: all GOOD) of a row. CorruptRow when the row is not what was packed."""
        body = self._checked(position, flags, blob)
        count = len(self.layout.points)
        quality: list[int] | None = None
        if flags & _QUALITY:
            marks = 1 if flags & _SAME else count
            body, tail = body[: len(body) - marks], body[len(body) - marks :]
            quality = list(tail) * (count if flags & _SAME else 1)
        values = _unpack_free(body) if flags & _FREE else self._unpack_fixed(body)
        if len(values) != count or (quality is not None and len(quality) != count):
            raise self._corrupt(position)
        return values, quality

    def _unpack_fixed(self, body: bytes) -> list[Value]:
        if self._struct is None or len(body) != self._struct.size:
            raise CorruptRow(f"a row of {self.layout.device} has the wrong length")
        values: list[Value] = list(self._struct.unpack(body))
        for i in self._bools:
            values[i] = bool(values[i])
        for i, codes in self._codes.items():
            values[i] = codes[values[i]]  # type: ignore[index]
        return values

    def column(self, index: int) -> Callable[[int, int, bytes], Cell]:
        """A reader of one point: (position, flags, blob) → its value and quality."""

        def free(position: int, flags: int, blob: bytes) -> Cell:
            values, quality = self.unpack(position, flags, blob)
            return values[index], 0 if quality is None else quality[index]

        if self._struct is None:
            return free
        (one, offset), size = self._offsets[index], self._struct.size
        point = self.layout.points[index]

        mark = 0 if point.type is PointType.BOOL or point.type is PointType.ENUM else 1

        def fixed(position: int, flags: int, blob: bytes) -> Cell:
            if flags & _FREE:
                return free(position, flags, blob)
            body = self._checked(position, flags, blob)
            quality = body[size + (0 if flags & _SAME else index)] if flags & _QUALITY else 0
            value: Value = one.unpack_from(body, offset)[0]
            if not mark:
                value = point.codes[value] if point.codes else bool(value)  # type: ignore[index]
            return value, quality

        return fixed

    def _seed(self, position: int, flags: int) -> int:
        return (position ^ (self.number << 16) ^ (flags << 8)) & 0xFFFFFFFF

    def _checked(self, position: int, flags: int, blob: bytes) -> bytes:
        body = blob[:-4]
        if zlib.crc32(body, self._seed(position, flags)).to_bytes(4, "little") != blob[-4:]:
            raise self._corrupt(position)
        return body

    def _corrupt(self, position: int) -> CorruptRow:
        return CorruptRow(f"the row {position} of {self.layout.device} is damaged: its checksum does not match")


def _pack_free(values: Sequence[Value], quality: Sequence[int] | None) -> tuple[bytes, Sequence[int] | None]:
    kept, marks = list(values), quality
    for i, value in enumerate(values):
        if not _holdable(value):
            marks = list(marks) if marks is not None else [0] * len(kept)
            kept[i], marks[i] = None, int(Quality.BAD_DECODE)
    return _free.encode(kept), marks


def _holdable(value: Value) -> bool:
    if isinstance(value, str):
        return value.isascii() or value.encode("utf-8", "replace").decode() == value
    return not isinstance(value, int) or -(2**63) <= value < 2**64


def _unpack_free(body: bytes) -> list[Value]:
    try:
        return _read_free.decode(body)
    except msgspec.DecodeError as error:
        raise CorruptRow(f"a row is damaged: {error}") from error
