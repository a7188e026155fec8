"""C12: windows of local time against a clock that is read minute by minute; recurrence rules against plain days."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.schedule import Schedule, contains, next_edge
from gateway.model import SECOND

NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTE = timedelta(minutes=1)
ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")
BERLIN, NEW_YORK, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Shanghai")
# the days on which these clocks change, and ends of months and years
DAYS = [
    *(date(2026, 3, day) for day in (8, 29, 31)),
    *(date(2026, 10, day) for day in (4, 25)),
    *(date(2026, month, day) for month, day in ((4, 5), (11, 1), (12, 31), (2, 28), (6, 30))),
    date(2028, 2, 29),
]


def schedule(**fields: Any) -> Schedule:
    return Schedule.model_validate({"from" if key == "from_" else key: value for key, value in fields.items()})


def ns(moment: datetime) -> int:
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * SECOND


def utc(text: str) -> int:
    return ns(datetime.fromisoformat(text).replace(tzinfo=UTC))


def iso(wall_ns: int | None) -> str:
    assert wall_ns is not None
    return datetime.fromtimestamp(wall_ns / SECOND, UTC).strftime("%Y-%m-%dT%H:%M")


def naive(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def at(day: date, clock: str) -> datetime:
    return datetime.combine(day, datetime.min.time()) + timedelta(hours=int(clock[:2]), minutes=int(clock[3:]))


def oracle(
    fields: dict[str, Any], chosen: Callable[[date], bool], start: datetime, minutes: int, zone: tzinfo
) -> list[bool]:
    """For each minute from `start` on: does the clock on the wall show a time in a window?"""
    begins, to, lasts = fields["from"], fields.get("to"), fields.get("lasts")
    answers: list[bool] = []
    back = 0 if lasts is None else int(lasts.removesuffix("min"))
    clocks = [naive(start + index * MINUTE, zone) for index in range(-back - 1, minutes)]
    until = -1
    for index in range(1, len(clocks)):
        shows = clocks[index]
        if to is not None:
            inside = False
            for day in (shows.date(), shows.date() - timedelta(days=1)):
                end = at(day, to) if to > begins else at(day + timedelta(days=1), to)
                inside = inside or (chosen(day) and at(day, begins) <= shows < end)
            answers.append(inside)
            continue
        wanted = at(shows.date(), begins)
        skipped = clocks[index - 1] < wanted < shows
        if (shows == wanted or skipped) and chosen(shows.date()):
            until = max(until, index + back)
        if index > back:
            answers.append(index < until)
    return answers


def edges_of(answers: list[bool], start: datetime) -> list[int]:
    return [
        ns(start + index * MINUTE)
        for index, (before, after) in enumerate(itertools.pairwise(answers), start=1)
        if before is not after
    ]


def walked(plan: Schedule, start: datetime, minutes: int, zone: tzinfo, holidays: frozenset[date]) -> list[int]:
    found: list[int] = []
    now = ns(start)
    while (edge := next_edge(plan, now, zone, holidays)) is not None and edge < ns(start + minutes * MINUTE):
        assert edge > now
        found.append(edge)
        now = edge
    return found


def agrees(
    fields: dict[str, Any],
    chosen: Callable[[date], bool],
    start: datetime,
    days: int,
    zone: tzinfo,
    holidays: frozenset[date] = frozenset(),
) -> None:
    plan = Schedule.model_validate(fields)
    minutes = days * 24 * 60
    answers = oracle(fields, chosen, start, minutes, zone)
    edges = edges_of(answers, start)
    assert [iso(edge) for edge in walked(plan, start, minutes, zone, holidays)] == [iso(edge) for edge in edges]
    for index in {0, 1, minutes - 1, *range(7, minutes, 997)}:
        assert contains(plan, ns(start + index * MINUTE), zone, holidays) is answers[index]
    for edge in edges:
        after = answers[(edge - ns(start)) // (60 * SECOND)]
        assert contains(plan, edge, zone, holidays) is after, "half-open: the edge itself is after"
        assert contains(plan, edge - 1, zone, holidays) is not after


clocks = st.one_of(
    st.sampled_from(["00:00", "01:00", "01:59", "02:00", "02:15", "02:30", "03:00", "03:01", "23:50", "00:10"]),
    st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59)),
)
starts = st.builds(
    lambda day, before, minute: (
        datetime.combine(day, datetime.min.time(), UTC) - timedelta(days=before) + minute * MINUTE
    ),
    st.one_of(st.sampled_from(DAYS), st.dates(date(2026, 1, 1), date(2028, 12, 31))),
    st.integers(0, 4),
    st.integers(0, 24 * 60),
)


@settings(deadline=None, max_examples=80)
@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    start=starts,
    begins=clocks,
    end=st.one_of(clocks.map(lambda to: ("to", to)), st.integers(1, 3000).map(lambda n: ("lasts", f"{n}min"))),
    days=st.none() | st.lists(st.sampled_from(NAMES), min_size=1, max_size=7),
    kind=st.sampled_from(["too", "never", "only"]),
    offsets=st.sets(st.integers(-4, 8), max_size=4),
)
def test_windows_are_what_the_clock_on_the_wall_shows(
    zone: tzinfo,
    start: datetime,
    begins: str,
    end: tuple[str, str],
    days: list[str] | None,
    kind: str,
    offsets: set[int],
) -> None:
    holidays = frozenset(start.date() + timedelta(days=offset) for offset in offsets)

    def chosen(day: date) -> bool:
        if days is not None and NAMES[day.weekday()] not in days:
            return False
        return {"too": True, "never": day not in holidays, "only": day in holidays}[kind]

    fields = {"from": begins, end[0]: end[1], "holidays": kind, **({} if days is None else {"days": days})}
    agrees(fields, chosen, start, 6, zone, holidays)


CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def nth(day: date) -> tuple[int, int]:
    """Which of its name in its month, from the front and from the back."""
    length = ((day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day
    return (day.day - 1) // 7 + 1, -((length - day.day) // 7 + 1)


def from_the_end(day: date) -> int:
    return day.day - 1 - ((day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day


@st.composite
def rules(draw: st.DrawFn) -> tuple[dict[str, Any], Callable[[date], bool]]:
    """An RRULE with the plain question whether it names a day."""
    kind = draw(st.sampled_from(["daily", "weekly", "monthday", "nth", "yearly"]))
    interval = draw(st.integers(1, 3))
    since = draw(st.dates(date(2025, 1, 1), date(2026, 6, 30)))
    weekdays = draw(st.sets(st.sampled_from(range(7)), min_size=1, max_size=3))
    months = draw(st.none() | st.sets(st.integers(1, 12), min_size=8))
    week_start = draw(st.sampled_from([0, 6]))
    if kind == "daily":
        freq, tail = "DAILY", ""

        def named(day: date) -> bool:
            return (day - since).days % interval == 0
    elif kind == "weekly":
        freq = "WEEKLY"
        tail = f";BYDAY={','.join(CODES[day] for day in sorted(weekdays))};WKST={CODES[week_start]}"

        def named(day: date) -> bool:
            begun = since - timedelta(days=(since.weekday() - week_start) % 7)
            return day.weekday() in weekdays and (day - begun).days // 7 % interval == 0
    elif kind == "yearly":
        freq, tail, months = "YEARLY", ";BYMONTHDAY=1,-1", None

        def named(day: date) -> bool:
            return (day.day == 1 or from_the_end(day) == -1) and (day.year - since.year) % interval == 0
    else:
        freq = "MONTHLY"
        n = draw(st.integers(1, 5).flatmap(lambda n: st.sampled_from([n, -n])))
        number = draw(st.integers(1, 31).flatmap(lambda n: st.sampled_from([n, -n])))
        codes = ",".join(f"{n}{CODES[day]}" for day in sorted(weekdays))
        tail = f";BYMONTHDAY={number}" if kind == "monthday" else f";BYDAY={codes}"

        def named(day: date) -> bool:
            fits = (
                number in (day.day, from_the_end(day))
                if kind == "monthday"
                else day.weekday() in weekdays and n in nth(day)
            )
            return fits and (day.year * 12 + day.month - since.year * 12 - since.month) % interval == 0

    if months is not None:
        tail += f";BYMONTH={','.join(map(str, sorted(months)))}"
    fields: dict[str, Any] = {"rrule": f"FREQ={freq};INTERVAL={interval}{tail}", "since": since.isoformat()}
    return fields, lambda day: day >= since and (months is None or day.month in months) and named(day)


@settings(deadline=None, max_examples=60)
@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo), start=starts, rule=rules(), begins=clocks, minutes=st.integers(1, 2000)
)
def test_a_recurrence_names_the_days_that_a_calendar_shows(
    zone: tzinfo, start: datetime, rule: tuple[dict[str, Any], Callable[[date], bool]], begins: str, minutes: int
) -> None:
    fields, chosen = rule
    agrees({**fields, "from": begins, "lasts": f"{minutes}min"}, chosen, start, 12, zone)


def open_at(plan: Schedule, *moments: str, zone: tzinfo = BERLIN) -> list[bool]:
    return [contains(plan, utc(moment), zone, frozenset()) for moment in moments]


def test_a_window_across_midnight() -> None:
    plan = schedule(days=["mon"], from_="23:50", to="00:10")  # 2026-11-23 is a Monday; Shanghai is 8 h ahead
    moments = ["2026-11-23T15:49", "2026-11-23T15:50", "2026-11-23T16:09", "2026-11-23T16:10", "2026-11-24T15:55"]
    assert open_at(plan, *moments, zone=SHANGHAI) == [False, True, True, False, False]


def test_the_same_begin_and_end_is_a_whole_day() -> None:
    plan = schedule(days=["sun"], from_="00:00", to="00:00")
    assert [iso(edge) for edge in walked(plan, datetime(2026, 10, 24, tzinfo=UTC), 3 * 1440, BERLIN, frozenset())] == [
        "2026-10-24T22:00",
        "2026-10-25T23:00",
    ], "25 hours on the Sunday on which the clock goes back"


def test_a_begin_in_the_gap_is_the_next_valid_moment() -> None:
    # Berlin, 29 March: 02:00 becomes 03:00 at 01:00 UTC
    lasting = schedule(from_="02:30", lasts="30min")
    assert open_at(lasting, "2026-03-29T00:59", "2026-03-29T01:00", "2026-03-29T01:29", "2026-03-29T01:30") == [
        False,
        True,
        True,
        False,
    ]
    until = schedule(from_="02:30", to="03:30")
    assert open_at(until, "2026-03-29T00:59", "2026-03-29T01:00", "2026-03-29T01:30") == [False, True, False]


def test_a_window_within_the_gap_is_no_time_at_all() -> None:
    plan = schedule(from_="02:15", to="02:45")
    assert iso(next_edge(plan, utc("2026-03-28T12:00"), BERLIN, frozenset())) == "2026-03-30T00:15"


def test_what_comes_twice_is_covered_twice() -> None:
    # New York, 1 November: 02:00 becomes 01:00 at 06:00 UTC
    plan = schedule(from_="01:15", to="01:45")
    edges = walked(plan, datetime(2026, 11, 1, tzinfo=UTC), 1440, NEW_YORK, frozenset())
    assert [iso(edge)[11:] for edge in edges] == ["05:15", "05:45", "06:15", "06:45"]


def test_a_duration_that_begins_twice_ends_after_the_second() -> None:
    plan = schedule(from_="01:15", lasts="4h")
    edges = walked(plan, datetime(2026, 11, 1, tzinfo=UTC), 1440, NEW_YORK, frozenset())
    assert [iso(edge)[11:] for edge in edges] == ["05:15", "10:15"]


def test_the_last_day_of_the_month() -> None:
    plan = schedule(rrule="FREQ=MONTHLY;BYMONTHDAY=-1", from_="09:00", lasts="1h")
    now, days = utc("2028-01-01T00:00"), []
    for _ in range(6):
        edge = next_edge(plan, now, UTC, frozenset())
        assert edge is not None
        if contains(plan, edge, UTC, frozenset()):
            days.append(iso(edge)[:10])
        now = edge
    assert days == ["2028-01-31", "2028-02-29", "2028-03-31"]


def test_the_last_working_day_and_a_leap_day_are_found() -> None:
    last = schedule(rrule="FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", from_="09:00", lasts="1h")
    assert iso(next_edge(last, utc("2026-05-02T00:00"), UTC, frozenset())) == "2026-05-29T09:00"
    leap = schedule(rrule="FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", from_="09:00", lasts="1h")
    assert iso(next_edge(leap, utc("2097-01-01T00:00"), UTC, frozenset())) == "2104-02-29T09:00"


def test_every_fifteen_days_are_counted_from_a_day() -> None:
    plan = schedule(rrule="FREQ=DAILY;INTERVAL=15", since="2026-01-05", from_="09:00", to="11:00")
    assert iso(next_edge(plan, utc("2025-06-01T00:00"), SHANGHAI, frozenset())) == "2026-01-05T01:00"
    assert iso(next_edge(plan, utc("2026-01-05T03:00"), SHANGHAI, frozenset())) == "2026-01-20T01:00"


def test_another_zone_another_time() -> None:
    plan = schedule(from_="08:00", to="18:00")
    moment = utc("2026-11-23T08:30")
    assert [contains(plan, moment, zone, frozenset()) for zone in (BERLIN, NEW_YORK, SHANGHAI)] == [True, False, True]


def test_a_day_of_a_window_is_that_on_which_it_begins() -> None:
    night = schedule(from_="22:00", to="06:00", holidays="only")
    holidays = frozenset({date(2026, 10, 1)})
    assert [iso(edge) for edge in walked(night, datetime(2026, 9, 29, tzinfo=UTC), 5 * 1440, UTC, holidays)] == [
        "2026-10-01T22:00",
        "2026-10-02T06:00",
    ]


def test_what_never_comes_has_no_edge() -> None:
    plan = schedule(from_="22:00", to="06:00", holidays="only")
    assert next_edge(plan, utc("2026-10-01T00:00"), UTC, frozenset()) is None
    assert next_edge(plan, utc("2026-10-03T00:00"), UTC, frozenset({date(2026, 10, 1)})) is None


def test_what_never_ends_is_asked_again_after_a_year() -> None:
    plan = schedule(from_="00:00", to="00:00")
    now = utc("2026-10-01T00:00")
    edge = next_edge(plan, now, BERLIN, frozenset())
    assert edge is not None and edge > now + 365 * 86_400 * SECOND
    assert contains(plan, edge, BERLIN, frozenset())


@pytest.mark.parametrize("year", [1, 2, 1900, 1969, 9997, 9999])
def test_a_clock_that_is_quite_wrong_is_no_error(year: int) -> None:
    wall = ns(datetime(year, 6, 15, 12, tzinfo=UTC))
    for fields in (
        {"from_": "08:00", "to": "07:00"},
        {"from_": "08:00", "lasts": "31d"},
        {"from_": "08:00", "lasts": "1h", "rrule": "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", "since": "2026-01-05"},
        {"from_": "08:00", "lasts": "1h", "rrule": "FREQ=MONTHLY;BYDAY=-1FR"},
    ):
        plan = schedule(**fields)
        edge = next_edge(plan, wall, BERLIN, frozenset())
        assert edge is None or edge > wall
        assert contains(plan, wall, BERLIN, frozenset()) in (True, False)


def test_the_week_of_the_process_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    import calendar

    rule = {"rrule": "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU", "since": "2026-01-05", "from_": "09:00", "lasts": "1h"}
    first = next_edge(schedule(**rule), utc("2026-01-05T00:00"), UTC, frozenset())
    calendar.setfirstweekday(calendar.SUNDAY)
    try:
        assert next_edge(schedule(**rule), utc("2026-01-05T00:00"), UTC, frozenset()) == first
    finally:
        calendar.setfirstweekday(calendar.MONDAY)
    assert iso(first) == "2026-01-11T09:00"


@pytest.mark.parametrize(
    ("fields", "where", "message"),
    [
        ({}, "from", "Field required"),
        ({"from_": "08:00"}, "", "either `to` or `lasts`"),
        ({"from_": "08:00", "to": "09:00", "lasts": "1h"}, "", "either `to` or `lasts`"),
        ({"from_": 480, "to": "09:00"}, "from", "valid string"),
        ({"from_": "8:00", "to": "09:00"}, "from", "a time of day is expected"),
        ({"from_": "08:00", "to": "24:00"}, "to", 'write "00:00"'),
        ({"from_": "08:60", "to": "09:00"}, "from", "a time of day is expected"),
        ({"from_": "08:00", "lasts": "0s"}, "lasts", "must lie within 1s … 31d"),
        ({"from_": "08:00", "lasts": "32d"}, "lasts", "must lie within 1s … 31d"),
        ({"from_": "08:00", "to": "09:00", "days": []}, "days", "at least one is expected"),
        ({"from_": "08:00", "to": "09:00", "days": ["monday"]}, "days.0", "mon"),
        ({"from_": "08:00", "to": "09:00", "holidays": "also"}, "holidays", "too"),
        ({"from_": "08:00", "to": "09:00", "since": "2026-01-01"}, "since", "is for an `rrule`"),
        ({"from_": "08:00", "to": "09:00", "rrule": "FREQ=DAILY", "since": "1.1.2026"}, "since", "date"),
        ({"from_": "08:00", "to": "09:00", "rrule": "FREQ=DAILY", "days": ["mon"]}, "days", "as BYDAY"),
    ],
)
def test_mistakes_are_told_at_their_key(fields: dict[str, Any], where: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        schedule(**fields)
    (error, *_) = caught.value.errors()
    assert ".".join(map(str, error["loc"])) == where
    assert message in error["msg"]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("", "is no KEY=VALUE"),
        ("FREQ", "is no KEY=VALUE"),
        ("BYDAY=MO", "FREQ is one of"),
        ("FREQ=HOURLY;BYDAY=MO", "FREQ is one of"),
        ("FREQ=WEEKLI;BYDAY=MO", "did you mean 'WEEKLY'?"),
        ("FREQ=DAILY;FREQ=DAILY", "FREQ stands twice"),
        ("FREQ=WEEKLY", "must say on which days: BYDAY"),
        ("FREQ=MONTHLY", "must say on which days: BYMONTHDAY or BYDAY"),
        ("FREQ=YEARLY;BYMONTH=5", "must say on which days"),
        ("FREQ=YEARLY;BYWEEKNO=5", "must say on which days"),
        ("FREQ=YEARLY;BYWEEKNO=5;BYMONTHDAY=3", "BYWEEKNO must say on which days: BYDAY"),
        ("FREQ=DAILY;COUNT=3", "COUNT has no place here"),
        ("FREQ=DAILY;UNTIL=20270101", "UNTIL has no place here"),
        ("DTSTART=20260101;FREQ=DAILY", "the first day is `since`"),
        ("FREQ=DAILY;BYHOUR=9", "the time of day is `from`"),
        ("FREQ=DAILY;BYEASTER=1", "BYEASTER is not for FREQ=DAILY"),
        ("FREQ=WEEKLY;BYMONTHDAY=1;BYDAY=MO", "BYMONTHDAY is not for FREQ=WEEKLY"),
        ("FREQ=MONTHLY;BYDAYS=MO", "did you mean 'BYDAY'?"),
        ("FREQ=DAILY;INTERVAL=2", "say it with `since`"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL is a whole number"),
        ("FREQ=DAILY;INTERVAL=999999999", "INTERVAL is a whole number"),
        ("FREQ=WEEKLY;BYDAY=MO;WKST=MON", "WKST is one of"),
        ("FREQ=WEEKLY;BYDAY=1MO", "the n-th day of its name"),
        ("FREQ=MONTHLY;BYDAY=6MO", "the n-th day of its name"),
        ("FREQ=MONTHLY;BYDAY=0MO", "the n-th day of its name"),
        ("FREQ=MONTHLY;BYDAY=MO,1TU", "with a number before them, or none"),
        ("FREQ=MONTHLY;BYDAY=1XX", "BYDAY takes"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY takes whole numbers"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY takes whole numbers"),
        ("FREQ=MONTHLY;BYMONTHDAY=１", "BYMONTHDAY takes whole numbers"),
        ("FREQ=MONTHLY;BYMONTHDAY=1;BYMONTH=13", "BYMONTH takes whole numbers 1 … 12"),
        ("FREQ=MONTHLY;BYMONTHDAY=30;BYMONTH=2", "no day is ever like that"),
        ("FREQ=DAILY;" + "A" * 400, "at most 300"),
    ],
)
def test_a_recurrence_that_cannot_be_is_refused(rule: str, message: str) -> None:
    with pytest.raises(ValidationError, match="rrule") as caught:
        schedule(from_="09:00", lasts="1h", rrule=rule)
    assert message in str(caught.value)


def test_a_recurrence_on_holidays_only_is_on_those_of_its_days() -> None:
    """1 October 2026 is a Thursday."""
    thursdays = schedule(rrule="FREQ=WEEKLY;BYDAY=TH", holidays="only", from_="09:00", to="17:00")
    holidays = {date(2026, 10, 1), date(2026, 10, 2)}
    inside = [contains(thursdays, utc(f"2026-10-0{day}T02:00"), SHANGHAI, holidays) for day in (1, 2, 8)]
    assert inside == [True, False, False]
    assert iso(next_edge(thursdays, utc("2026-10-01T12:00"), SHANGHAI, {*holidays, date(2026, 12, 31)})) == (
        "2026-12-31T01:00"
    )


def test_a_window_of_a_length_begins_once_at_the_end_of_the_hour_that_comes_twice() -> None:
    """In Berlin 03:00 of 25 October 2026 is 02:00 UTC; one hour before, the clock went from 03:00 back to 02:00."""
    night = schedule(from_="03:00", lasts="30min")
    asked = ["2026-10-25T01:00", "2026-10-25T01:29", "2026-10-25T02:00", "2026-10-25T02:29", "2026-10-25T02:30"]
    assert [contains(night, utc(at), BERLIN, ()) for at in asked] == [False, False, True, True, False]


@pytest.mark.parametrize(
    "fields", [{"from_": "٠٨:٠٠", "to": "17:00"}, {"from_": "08:00", "lasts": "1h", "rrule": "FREQ=MONTHLY;BYDAY=١MO"}]
)
def test_digits_are_ascii(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        schedule(**fields)
