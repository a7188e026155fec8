"""C12 as a condition: the calendar with its holidays is asked when something changes, and told when that is."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts.condition.columns import Columns
from alerts.condition.scheduled import Scheduled
from alerts.schedule import Schedule
from gateway.model import SECOND
from tests.alerts.test_schedule import iso, utc

SHANGHAI = ZoneInfo("Asia/Shanghai")
NATIONAL_DAY = date(2026, 10, 1)


def scheduled(*days_off: date, **fields: Any) -> Scheduled:
    fields = {"from": "09:00", "to": "17:00", **fields}
    return Scheduled(Schedule.model_validate(fields), SHANGHAI, days_off)


def test_a_holiday_is_left_out_and_the_next_day_is_awaited() -> None:
    columns = Columns()
    node = scheduled(NATIONAL_DAY, holidays="never")
    assert node.judge(columns, utc("2026-09-30T08:59")) is True
    assert iso(node.next_due()) == "2026-09-30T09:00"
    assert node.judge(columns, utc("2026-09-30T09:00")) is False
    assert iso(node.next_due()) == "2026-10-02T01:00"
    assert node.judge(columns, utc("2026-10-01T03:00")) is False
    assert node.judge(columns, utc("2026-10-02T01:00")) is True


def test_only_holidays() -> None:
    columns = Columns()
    node = scheduled(NATIONAL_DAY, holidays="only")
    assert node.judge(columns, utc("2026-09-30T03:00")) is False
    assert iso(node.next_due()) == "2026-10-01T01:00"
    assert node.judge(columns, utc("2026-10-01T01:00")) is True


@pytest.mark.parametrize("at", ["2026-09-30T03:00", "2031-01-01T00:00"])
def test_where_nothing_will_change_it_is_never_due_and_can_be_asked_again(at: str) -> None:
    columns = Columns()
    node = scheduled(holidays="only")
    for second in range(3):
        assert node.judge(columns, utc(at) + second * SECOND) is False
        assert node.next_due() is None


def test_it_goes_by_the_label_forwards_and_backwards() -> None:
    columns = Columns(label_ns=utc("2026-09-30T03:00"))
    node = scheduled()
    assert node.judge(columns, 0) is True
    assert node.next_due() == 6 * 3600 * SECOND
    columns.label_ns = utc("2026-09-30T00:30")
    assert node.judge(columns, 0) is False, "the clock has been set back behind what was known"
    assert node.next_due() == 1800 * SECOND
    columns.label_ns = utc("2026-09-30T08:59")
    assert [node.judge(columns, at * SECOND) for at in (59, 60)] == [True, False]


def test_the_calendar_is_asked_only_when_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr("alerts.condition.scheduled.contains", lambda *args: asked.append(args[1]) or True)
    node = scheduled()
    for minute in range(60):
        node.judge(Columns(), utc("2026-09-30T03:00") + minute * 60 * SECOND)
    assert len(asked) == 1
