"""Binary payloads: how the bytes stand in a message, and numbers and texts at fixed places in them. Pure."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Callable
from typing import Any, Literal, get_args

from drivers.mqtt.path import BLOCKED, MISSING
from drivers.mqtt.take import Bad, number
from gateway.model import Quality

Encoding = Literal["base64", "hex", "raw"]
FieldType = Literal[
    "uint8", "int8", "uint16", "int16", "uint24", "int24", "uint32", "int32", "uint64", "int64", "float32", "float64"
]
FIELD_TYPES: tuple[str, ...] = get_args(FieldType)
TextEncoding = Literal["ascii", "utf-8", "gb18030"]

BYTES = "\0bytes"
"""Where a message keeps its bytes: no JSON that is read has NUL in a key."""

_LONGEST = 256 * 1024
_NAN = Bad(Quality.BAD_DECODE)  # of the declared type, and no number


def unpacked(text: Any, encoding: Encoding) -> Any:
    """The bytes of a text; MISSING when there is none, BLOCKED when it is none of that encoding."""
    if text is MISSING or text is None or text == "":
        return MISSING
    if text.__class__ is not str or len(text) > _LONGEST:
        return BLOCKED
    try:
        if encoding == "hex":
            return bytes.fromhex(text.removeprefix("0x"))
        # some leave out the padding
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        return BLOCKED


def size_of(kind: str) -> int:
    """Bytes of a number."""
    return int(kind.lstrip("uintfloa")) // 8


def number_at(at: int, kind: str, *, little: bool, bits: tuple[int, int] | None = None) -> Callable[[Any], Any]:
    """Reads a number out of a message's bytes; of `bits` low … high of it. MISSING behind their end."""
    end = at + size_of(kind)
    if kind.startswith("float"):
        form = struct.Struct(("<" if little else ">") + ("f" if end - at == 4 else "d"))

        def floating(blob: bytes) -> Any:
            return form.unpack_from(blob, at)[0]

        return _within(end, floating)
    order: Literal["little", "big"] = "little" if little else "big"
    signed = kind.startswith("int")
    if bits is None:
        return _within(end, lambda blob: int.from_bytes(blob[at:end], order, signed=signed))
    low, mask = bits[0], (1 << bits[1] - bits[0] + 1) - 1
    return _within(end, lambda blob: int.from_bytes(blob[at:end], order) >> low & mask)


def flag_at(at: int, kind: str, *, little: bool, bit: int) -> Callable[[Any], Any]:
    """Reads one bit of a number."""
    get = number_at(at, kind, little=little, bits=(bit, bit))

    def flag(root: Any) -> Any:
        value = get(root)
        return value == 1 if value.__class__ is int else value

    return flag


def text_at(at: int, length: int, encoding: TextEncoding) -> Callable[[Any], Any]:
    """Reads a text that is filled up with zeros or spaces."""

    def read(blob: bytes) -> Any:
        try:
            return blob[at : at + length].split(b"\0")[0].decode(encoding).rstrip(" ")
        except UnicodeDecodeError:
            return BLOCKED

    return _within(at + length, read)


def measured(value: Any) -> Any:
    """`number`, but NaN and infinity are sound, and no value: these bytes can be nothing else."""
    read = number(value)
    return _NAN if read.__class__ is Bad and value.__class__ is float else read


def _within(end: int, read: Callable[[bytes], Any]) -> Callable[[Any], Any]:
    def get(root: Any) -> Any:
        blob = root.get(BYTES, MISSING) if root.__class__ is dict else MISSING
        if blob.__class__ is not bytes:
            return blob
        return read(blob) if len(blob) >= end else MISSING

    return get
