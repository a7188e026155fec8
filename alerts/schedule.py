"""When something is meant to happen, in the site's local time: weekly hours, or a recurrence rule (RFC 5545).

A window is what the clock on the wall shows. An hour that the clock skips in spring is in no window, and a window that
would begin in it begins right after it; an hour that comes twice in autumn is in its windows both times.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic.json_schema import WithJsonSchema

from alerts import recurrence
from alerts.condition.located import located, misplaced
from gateway.fields import Duration, Strict, within
from gateway.model import SECOND

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_NAMES: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_NS = 86_400 * SECOND
_SAMPLED = 6 * 3600
_FARTHEST = 24 * 3600
"""No zone is, or was, a day or more away from UTC."""
_UNBROKEN = 400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1)
# what a datetime can say in every zone, however wrong the clock is
_FIRST, _LAST = ((date(year, month, 2) - _EPOCH_DAY).days * 86_400 for year, month in ((1, 1), (9999, 12)))


def _clock(value: str) -> str:
    if value == "24:00":
        raise ValueError('write "00:00": at the end it is the midnight that ends the day')
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value, re.ASCII):
        raise ValueError(f'a time of day is expected, from "00:00" to "23:59"; got {value!r}')
    return value


def _date(value: Any) -> Any:
    return date.fromisoformat(value) if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) else value


TimeOfDay = Annotated[
    str, AfterValidator(_clock), WithJsonSchema({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$"})
]


class Schedule(Strict):
    """`{days: [mon], from: "08:00", to: "18:00"}`, or `{rrule: "FREQ=MONTHLY;BYDAY=1TU", from: "09:00", lasts: 4h}`.

    Half-open [from, to); `to` at or before `from` reaches into the next day. `lasts` instead of `to` is time that
    passes, whatever the clock does. Without `days` every day. `holidays`: what the site's holidays are to it: days
    like others, never, or nothing but them. A window belongs to the day on which it begins. `since`: with `rrule`, no
    window before that day, from which also an INTERVAL is counted.
    """

    days: Annotated[tuple[Day, ...] | None, Field(strict=False)] = None
    from_: TimeOfDay = Field(alias="from")
    to: TimeOfDay | None = None
    lasts: Annotated[Duration, within(SECOND, 31 * _DAY_NS, "1s … 31d")] | None = None
    rrule: Annotated[str, Field(max_length=300)] | None = None
    since: Annotated[date | None, BeforeValidator(_date)] = None
    holidays: Literal["too", "never", "only"] = "too"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.to is None) is (self.lasts is None):
            raise ValueError("either `to` or `lasts` is expected: when it is over, or how long it lasts")
        if self.rrule is None:
            if self.since is not None:
                raise misplaced("is for an `rrule`", "since")
            if self.days is not None and not self.days:
                raise misplaced("at least one is expected", "days")
            return self
        if self.days is not None:
            raise misplaced("stand in the `rrule`, as BYDAY", "days")
        with located("rrule"):
            recurrence.parse(self.rrule, self.since)
        return self


def contains(schedule: Schedule, wall_ns: int, zone: tzinfo, holidays: Collection[date]) -> bool:
    """The UTC time lies within one of its windows in this zone."""
    day = _local_day(wall_ns, zone)
    days = _days(schedule, _shifted(day, -_reach(schedule)), _shifted(day, 1), holidays)
    return any(start <= wall_ns < end for each in days for start, end in _windows(schedule, each, zone))


def next_edge(schedule: Schedule, wall_ns: int, zone: tzinfo, holidays: Collection[date]) -> int | None:
    """The next UTC time after `wall_ns` at which `contains` changes; None: never in the next 40 years.

    Of a window that goes on for more than a year without a break it is a time at which to ask again.
    """
    day = _local_day(wall_ns, zone)
    first = _shifted(day, -_reach(schedule))
    within_until = wall_ns
    ahead: list[tuple[int, int]] = []  # windows that are not sure to be the next: a later day's may begin earlier
    for each in _days(schedule, first, recurrence.later(day, recurrence.HORIZON), holidays):
        sure = _utc(each, 0) - _FARTHEST * SECOND
        while ahead and ahead[0][0] < sure:
            start, end = ahead.pop(0)
            if start > within_until:
                return within_until if within_until > wall_ns else start
            within_until = max(within_until, end)
        if (each - day).days > _UNBROKEN and within_until > wall_ns:
            return within_until
        ahead = sorted([*ahead, *_windows(schedule, each, zone)])
    for start, end in ahead:
        if start > within_until:
            return within_until if within_until > wall_ns else start
        within_until = max(within_until, end)
    return within_until if within_until > wall_ns else None


def _reach(schedule: Schedule) -> int:
    """How many days ago a window may have begun that is not over."""
    return 2 if schedule.lasts is None else schedule.lasts // _DAY_NS + 3


def _days(schedule: Schedule, first: date, last: date, holidays: Collection[date]) -> Iterator[date]:
    """The days within [first, last] on which a window begins, in order."""
    if schedule.holidays == "only":
        candidates: Iterator[date] = iter(sorted(day for day in holidays if first <= day <= last))
        if schedule.rrule is not None:
            named: set[date] = set()
            for day in candidates:
                named.update(recurrence.parse(schedule.rrule, schedule.since).days(day, day))
            candidates = iter(sorted(named))
    elif schedule.rrule is not None:
        candidates = recurrence.parse(schedule.rrule, schedule.since).days(first, last)
    else:
        candidates = (date.fromordinal(day) for day in range(first.toordinal(), last.toordinal() + 1))
    for day in candidates:
        if schedule.days is not None and _NAMES[day.weekday()] not in schedule.days:
            continue
        if schedule.holidays != "never" or day not in holidays:
            yield day


def _windows(schedule: Schedule, day: date, zone: tzinfo) -> Iterator[tuple[int, int]]:
    """The windows of that day in UTC, [start, end): two where the clock goes back within one."""
    begins = _utc(day, _seconds(schedule.from_))
    if schedule.lasts is not None:
        for start in _moments(begins, zone):
            yield start, start + schedule.lasts
        return
    ends = _utc(day, _seconds(schedule.to or schedule.from_))
    if ends <= begins:
        ends += _DAY_NS
    for low, high, offset in _offsets(begins, ends, zone):
        if (start := max(low, begins - offset)) < (end := min(high, ends - offset)):
            yield start, end


def _moments(local_ns: int, zone: tzinfo) -> list[int]:
    """The UTC times at which the clock shows this, one or two; right after a gap, if the clock skips it."""
    pieces = _offsets(local_ns, local_ns, zone)
    found = [local_ns - offset for low, high, offset in pieces if low <= local_ns - offset < high]
    return found or [low for low, _, offset in pieces if low + offset > local_ns][:1]


def _offsets(begins: int, ends: int, zone: tzinfo) -> list[tuple[int, int, int]]:
    """(low, high, offset) in ns: the zone's offsets around a span of local time, each over its UTC span [low, high)."""
    first, last = begins // SECOND - _FARTHEST, -(-ends // SECOND) + _FARTHEST
    pieces = []
    low, offset = first, _offset(first, zone)
    for at in (*range(first + _SAMPLED, last, _SAMPLED), last):
        here = _offset(at, zone)
        if here != offset:
            step = _step(max(low, at - _SAMPLED), at, zone)
            pieces.append((low * SECOND, step * SECOND, offset * SECOND))
            low, offset = step, here
    pieces.append((low * SECOND, last * SECOND, offset * SECOND))
    return pieces


def _step(before: int, after: int, zone: tzinfo) -> int:
    """The second between these two from which on the offset is that of `after`."""
    new = _offset(after, zone)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(middle, zone) == new:
            after = middle
        else:
            before = middle
    return after


def _clock_at(second: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(seconds=min(max(second, _FIRST), _LAST))).astimezone(zone)


def _offset(second: int, zone: tzinfo) -> int:
    return round((_clock_at(second, zone).utcoffset() or timedelta()).total_seconds())


def _local_day(wall_ns: int, zone: tzinfo) -> date:
    return _clock_at(wall_ns // SECOND, zone).date()


def _shifted(day: date, days: int) -> date:
    return date.fromordinal(min(max(day.toordinal() + days, 1), date.max.toordinal()))


def _utc(day: date, seconds: int) -> int:
    """A local time as if it were UTC, ns."""
    return ((day - _EPOCH_DAY).days * 86_400 + seconds) * SECOND


def _seconds(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60
