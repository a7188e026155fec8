"""When a device says that something was: RFC 3339, a clock without a zone, seconds or milliseconds since 1970. Pure.

A clock that was never set (1970, 2000), seconds where milliseconds are expected and the year 9999 are no time.
Whether a believable time is true is for those to judge who know when the message came.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from gateway.model import SECOND

TimeFormat = Literal["rfc3339", "unix_s", "unix_ms", "local"]

# nothing that speaks today was measured earlier; and no clock is a lifetime ahead
EARLIEST = int(datetime(2015, 1, 1, tzinfo=UTC).timestamp()) * SECOND
LATEST = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * SECOND

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_LOCAL = re.compile(r"(\d{4})([-./])(\d\d)\2(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9})\d*)?)?", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1).toordinal()  # noqa: DTZ001 - a count of days


class Said(NamedTuple):
    """A usable local time. `later_ns`: the other moment that it may mean, in the hour that the clock shows twice."""

    ns: int
    later_ns: int | None = None


def reader(form: TimeFormat) -> Callable[[Any], int | None]:
    """What turns a value of that format into nanoseconds UTC, None when it is no usable time; not of `local`."""
    return {"rfc3339": _rfc3339, "unix_s": _unix_s, "unix_ms": _unix_ms}[form]


def local_reader(zone: tzinfo) -> Callable[[Any], Said | None]:
    """The same for a clock in `zone` that does not say so."""
    return lambda value: _local(value, zone)


def zone_of(spoken: str | None, site: str) -> tzinfo:
    """The zone of a clock that says none: `utc`, `+08:00`, or that of the site (an IANA name)."""
    if spoken == "utc":
        return UTC
    if spoken is not None and (match := _OFFSET.fullmatch(spoken)):
        east = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return timezone(east if match[1] == "+" else -east)
    return ZoneInfo(site)


def _local(value: Any, zone: tzinfo) -> Said | None:
    match = _LOCAL.fullmatch(value) if value.__class__ is str and len(value) <= 64 else None
    if match is None:
        return None  # one with a zone is another format: nothing is guessed
    year, _, month, day, hour, minute, second, fraction = match.groups()
    try:
        clock = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=zone)
    except ValueError:
        return None
    first, second_time = clock.utcoffset(), clock.replace(fold=1).utcoffset()
    if first is None or second_time is None or first < second_time:
        return None  # in the hour that is left out in spring no clock is right
    naive = (clock.toordinal() - _EPOCH) * 86_400 + clock.hour * 3_600 + clock.minute * 60 + clock.second
    nanoseconds = int(fraction.ljust(9, "0")) if fraction else 0
    at = _believable((naive - round(first.total_seconds())) * SECOND + nanoseconds)
    if at is None or first == second_time:
        return Said(at) if at is not None else None
    return Said(at, at + round((first - second_time).total_seconds()) * SECOND)


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
