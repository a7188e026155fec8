"""When a device says that something was: RFC 3339, or a number of seconds or milliseconds since 1970. Pure.

A clock that was never set (1970, 2000), seconds where milliseconds are expected and the year 9999 are no time.
Whether a believable time is true is for those to judge who know when the message came.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from gateway.model import SECOND

TimeFormat = Literal["rfc3339", "unix_s", "unix_ms"]

# nothing that speaks today was measured earlier; and no clock is a lifetime ahead
EARLIEST = int(datetime(2015, 1, 1, tzinfo=UTC).timestamp()) * SECOND
LATEST = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * SECOND

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH = datetime(1970, 1, 1).toordinal()  # noqa: DTZ001 - a count of days


def reader(form: TimeFormat) -> Callable[[Any], int | None]:
    """What turns a value of that format into nanoseconds UTC, None when it is no usable time."""
    return {"rfc3339": _rfc3339, "unix_s": _unix_s, "unix_ms": _unix_ms}[form]


def odd(value: Any) -> str:
    """What was said instead of a usable time, short and printable."""
    text = value if isinstance(value, str) else repr(value)
    return "".join(letter if letter.isprintable() else "?" for letter in text[:64])


def _rfc3339(value: Any) -> int | None:
    match = _RFC3339.fullmatch(value) if value.__class__ is str and len(value) <= 64 else None
    if match is None:
        return None  # without a zone nobody knows when
    year, month, day, hour, minute, second, fraction, sign, east_h, east_m = match.groups()
    try:
        days = datetime(int(year), int(month), int(day)).toordinal() - _EPOCH  # noqa: DTZ001 - a count of days
    except ValueError:
        return None
    clock = (int(hour), int(minute), int(second))
    if clock[0] > 23 or clock[1] > 59 or clock[2] > 59:
        return None
    seconds = days * 86_400 + clock[0] * 3_600 + clock[1] * 60 + clock[2]
    if sign:
        if int(east_h) > 23 or int(east_m) > 59:
            return None
        east = int(east_h) * 3_600 + int(east_m) * 60
        seconds -= east if sign == "+" else -east
    return _believable(seconds * SECOND + (int(fraction.ljust(9, "0")) if fraction else 0))


def _unix_s(value: Any) -> int | None:
    if value.__class__ is int:
        return _believable(value * SECOND)
    # a float of seconds has some 100 ns to spare: whole microseconds
    return _believable(round(value * 1e6) * 1000) if value.__class__ is float and abs(value) < 1e12 else None


def _unix_ms(value: Any) -> int | None:
    if value.__class__ is int:
        return _believable(value * 1_000_000)
    return _believable(round(value * 1e3) * 1000) if value.__class__ is float and abs(value) < 1e15 else None


def _believable(nanoseconds: int) -> int | None:
    return nanoseconds if EARLIEST <= nanoseconds < LATEST else None
