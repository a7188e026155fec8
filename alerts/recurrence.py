"""Which days a recurrence rule names: a checked subset of RFC 5545's RRULE, in days, with bounded work."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date, datetime, time, timedelta

from dateutil import rrule  # type: ignore[import-untyped]

from alerts.condition.operand import nearest

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_KEYS: dict[str, tuple[str, ...]] = {
    "DAILY": ("BYMONTH", "BYMONTHDAY", "BYDAY"),
    "WEEKLY": ("BYMONTH", "BYDAY"),
    "MONTHLY": ("BYMONTH", "BYMONTHDAY", "BYDAY", "BYSETPOS"),
    "YEARLY": ("BYMONTH", "BYMONTHDAY", "BYDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"),
}
"""What may choose days, by FREQ, as RFC 5545 has it; times of day are the schedule's."""
_CHOOSES = {
    "DAILY": (),
    "WEEKLY": ("BYDAY",),
    "MONTHLY": ("BYMONTHDAY", "BYDAY"),
    "YEARLY": ("BYMONTHDAY", "BYDAY", "BYYEARDAY"),
}
"""One of these is needed: without them the day would be that of the first occurrence, which a rule file has not got."""
_BOUNDS = {"BYMONTH": (1, 12), "BYMONTHDAY": (-31, 31), "BYYEARDAY": (-366, 366), "BYWEEKNO": (-53, 53)}
_LONGEST = {"DAILY": 366, "WEEKLY": 53, "MONTHLY": 24, "YEARLY": 10}
_ELSEWHERE = {
    "DTSTART": "the first day is `since`, the time of day `from`",
    "COUNT": "a schedule has no end; take it out of the file when it is over",
    "UNTIL": "a schedule has no end; take it out of the file when it is over",
    "BYHOUR": "the time of day is `from`",
    "BYMINUTE": "the time of day is `from`",
    "BYSECOND": "the time of day is `from`",
}
_BASE = date(2024, 1, 1)  # a Monday and a first of January
HORIZON = timedelta(days=41 * 366)
"""How far it is looked for the next day. 40 years hold every day that any accepted rule can name, 29 February too."""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A parsed RRULE. `since`: no day before it, and from it an INTERVAL is counted."""

    freq: str
    interval: int
    week_start: int
    chosen: tuple[tuple[str, tuple[int, ...]], ...]
    weekdays: tuple[tuple[int, int | None], ...]
    since: date | None

    def days(self, first: date, last: date) -> Iterator[date]:
        """The days it names within [first, last], in order."""
        if self.since is not None:
            first = max(first, self.since)
        anchor = self._anchor(first)
        # what dateutil takes from the first occurrence, or from the process (`wkst`), is said here
        rule = rrule.rrule(
            getattr(rrule, self.freq),
            dtstart=datetime.combine(anchor, time()),
            until=datetime.combine(last, time()),
            interval=self.interval,
            wkst=self.week_start,
            byweekday=[rrule.weekday(day, n) for day, n in self.weekdays] or None,
            byhour=0,
            byminute=0,
            bysecond=0,
            **{key.lower(): list(numbers) for key, numbers in self.chosen},
        )
        for moment in rule:
            if (day := moment.date()) >= first:
                yield day

    def _anchor(self, first: date) -> date:
        """The beginning of the last period before `first` that the interval hits: nothing is counted from far away."""
        base = self.since or _BASE
        if self.freq == "DAILY":
            behind = (first - base).days % self.interval
            return _back(first, behind)
        if self.freq == "WEEKLY":
            base = _back(base, (base.weekday() - self.week_start) % 7)
            return _back(first, (first - base).days % (7 * self.interval))
        if self.freq == "MONTHLY":
            months = first.year * 12 + first.month - 1
            behind = (months - base.year * 12 - base.month + 1) % self.interval
            year, month = divmod(months - behind, 12)
            return date(max(year, MINYEAR), month + 1, 1)
        return date(max(first.year - (first.year - base.year) % self.interval, MINYEAR), 1, 1)


def _back(day: date, days: int) -> date:
    return day - timedelta(days=min(days, day.toordinal() - 1))


@functools.lru_cache(maxsize=1000)
def parse(text: str, since: date | None) -> Recurrence:
    """`FREQ=MONTHLY;BYDAY=1TU` → its days. ValueError says what is wrong, also of a rule that names no day at all."""
    pairs = _pairs(text)
    freq = pairs.pop("FREQ", None)
    if freq not in _KEYS:
        hint = nearest(freq, _KEYS) if freq else ""
        raise ValueError(f"FREQ is one of {', '.join(_KEYS)}{hint}, such as FREQ=MONTHLY;BYDAY=1TU")
    interval = _interval(pairs.pop("INTERVAL", "1"), freq, since)
    week_start = _week_start(pairs.pop("WKST", "MO"))
    for key in pairs:
        if key in _ELSEWHERE:
            raise ValueError(f"{key} has no place here: {_ELSEWHERE[key]}")
        if key not in _KEYS[freq]:
            known = (*_KEYS[freq], "INTERVAL", "WKST")
            raise ValueError(f"{key} is not for FREQ={freq}{nearest(key, known)}; it takes {', '.join(known)}")
    if _CHOOSES[freq] and not any(key in pairs for key in _CHOOSES[freq]):
        raise ValueError(f"FREQ={freq} must say on which days: {' or '.join(_CHOOSES[freq])}")
    weekdays = _weekdays(pairs.pop("BYDAY", ""), freq, by_week="BYWEEKNO" in pairs)
    if "BYWEEKNO" in pairs and not weekdays:
        raise ValueError("BYWEEKNO must say on which days: BYDAY")
    chosen = tuple((key, _numbers(key, value)) for key, value in pairs.items())
    found = Recurrence(freq, interval, week_start, chosen, weekdays, since)
    first = since or _BASE
    if next(found.days(first, later(first, HORIZON)), None) is None:
        raise ValueError("no day is ever like that")
    return found


def later(day: date, by: timedelta) -> date:
    """The day so much later, or the last one there is."""
    return day + by if day.year + by.days // 365 < MAXYEAR else date.max


def _pairs(text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for part in text.strip().upper().removeprefix("RRULE:").split(";"):
        key, equals, value = part.partition("=")
        if not equals or not value:
            raise ValueError(f"{part!r} is no KEY=VALUE; a rule is such as FREQ=MONTHLY;BYDAY=1TU")
        if key in pairs:
            raise ValueError(f"{key} stands twice")
        pairs[key] = value
    return pairs


def _interval(value: str, freq: str, since: date | None) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= _LONGEST[freq]:
        raise ValueError(f"INTERVAL is a whole number, 1 … {_LONGEST[freq]} for FREQ={freq}")
    if int(value) > 1 and since is None:
        raise ValueError(f"INTERVAL={value} counts from a day: say it with `since`, such as since: 2026-01-05")
    return int(value)


def _week_start(value: str) -> int:
    if value not in _DAYS:
        raise ValueError(f"WKST is one of {', '.join(_DAYS)}")
    return _DAYS.index(value)


def _weekdays(value: str, freq: str, *, by_week: bool) -> tuple[tuple[int, int | None], ...]:
    found = []
    for each in value.split(",") if value else ():
        match = re.fullmatch(r"([+-]?\d{1,2})?([A-Z]{2})", each, re.ASCII)
        if match is None or match[2] not in _DAYS:
            raise ValueError(f"BYDAY takes {', '.join(_DAYS)}, with 1 … or -1 … before them in a month; got {each!r}")
        n = int(match[1]) if match[1] else None
        most = {"MONTHLY": 5, "YEARLY": 0 if by_week else 53}.get(freq, 0)
        if n is not None and not 1 <= abs(n) <= most:
            raise ValueError(f"{each}: the n-th day of its name is within a month (±1 … ±5) or a year (±1 … ±53)")
        found.append((_DAYS.index(match[2]), n))
    if len({n is None for _, n in found}) > 1:
        raise ValueError("BYDAY: all of its days with a number before them, or none")
    return tuple(found)


def _numbers(key: str, value: str) -> tuple[int, ...]:
    low, high = _BOUNDS.get(key, (-366, 366))
    found = []
    for each in value.split(","):
        if not re.fullmatch(r"[+-]?\d{1,3}", each, re.ASCII) or not low <= int(each) <= high or int(each) == 0:
            raise ValueError(f"{key} takes whole numbers {low} … {high}{'' if low > 0 else ', not 0'}; got {each!r}")
        found.append(int(each))
    return tuple(found)
