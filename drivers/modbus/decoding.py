"""Raw values that are no plain numbers: decimal digits, sign and magnitude, texts, clocks. Pure.

Each function answers None for what cannot be one: never a plausible value, never an error.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Literal

Encoding = Literal["ascii", "utf-8", "utf-16", "gb18030"]
Chars = Literal["both", "low", "high"]
FIELDS = ("year", "month", "day", "hour", "minute", "second")
SKIP = "skip"
"""An item of a clock's layout that is none of FIELDS: the day of the week, a spare byte."""
CENTURY = 2000
"""Years of two digits count from it."""
_YEARS = range(1970, 2100)
"""No device's clock is older or further on: another number is no year."""
_PADDING = b"\0 "


def _east(made: datetime) -> timedelta:
    return made.utcoffset() or timedelta()


def bcd(raw: int) -> int | None:
    """A number with a decimal digit in each four bits."""
    digits = f"{raw:x}"
    return int(digits) if digits.isdecimal() else None


def sign_magnitude(bits: int) -> Callable[[int], int]:
    """The reader of numbers whose highest bit is their sign."""
    sign = 1 << (bits - 1)
    return lambda raw: raw if raw < sign else sign - raw


def text(encoding: Encoding, chars: Chars) -> Callable[[bytes], str | None]:
    """The reader of texts that spaces and zeros may pad, and that may end in the middle of a character."""
    wide = encoding == "utf-16"
    make = codecs.getincrementaldecoder("utf-16-be" if wide else encoding)
    part = {"both": slice(None), "high": slice(0, None, 2), "low": slice(1, None, 2)}[chars]

    def read(raw: bytes) -> str | None:
        try:
            # neither padding byte is the second one of a character in any of these, but for UTF-16
            found = make("strict").decode(raw[part] if wide else raw[part].rstrip(_PADDING), final=False)
        except UnicodeDecodeError:
            return None
        found = found.rstrip("\0 \u3000")
        # the ideographic space is not `printable`
        return found if found.replace("\u3000", " ").isprintable() else None

    return read


def clock(layout: Sequence[tuple[str, ...]], *, digits: bool, zone: tzinfo) -> Callable[[bytes], str | None]:
    """The reader of a device's clock as ISO 8601: `layout` says for each register what it holds, or its two bytes.

    `digits`: the numbers are binary-coded decimals. A time that a clock set back shows twice is the earlier one.
    """

    def read(raw: bytes) -> str | None:
        found = {"hour": 0, "minute": 0, "second": 0}
        for i, names in enumerate(layout):
            register = int.from_bytes(raw[2 * i : 2 * i + 2], "big")
            numbers = (register,) if len(names) == 1 else (register >> 8, register & 0xFF)
            for name, number in zip(names, numbers, strict=True):
                if name == SKIP:
                    continue
                value = bcd(number) if digits else number
                if value is None:
                    return None
                found[name] = value
        if found["year"] < 100:
            found["year"] += CENTURY
        if found["year"] not in _YEARS:
            return None
        try:
            made = datetime(**found, tzinfo=zone)
        except ValueError:
            return None
        # in the hour that is left out in spring no clock is right
        return None if _east(made) < _east(made.replace(fold=1)) else made.isoformat()

    return read
