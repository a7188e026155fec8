"""What the terminal shows of a change: one line, both languages, columns that hold with Chinese text."""

from __future__ import annotations

from dataclasses import replace
from unicodedata import east_asian_width
from zoneinfo import ZoneInfo

from gateway.app.lines import Lines
from gateway.bus import HealthChanged
from gateway.model import (
    AlarmClass,
    AlarmState,
    Event,
    Health,
    Instant,
    Judgement,
    Notice,
    Occurrence,
    Severity,
    Text,
)

AT = Instant(0, 1_700_000_000_000_000_000)  # 2023-11-14 22:13:20 UTC
LINES = Lines(ZoneInfo("Asia/Shanghai"))
ALARM = Occurrence(
    occurrence="O1",
    rule="WA-02",
    source="water-east",
    system="garage-water",
    severity=Severity.HIGH,
    class_=AlarmClass.PROPERTY,
    state=AlarmState.UNACKED,
    condition=True,
    latched=False,
    title=Text("Garage water stage 2", "车库积水二级"),
    raised_ns=AT.wall_ns,
    active_ns=AT.wall_ns,
    value=0.119,
    limit=0.1,
    unit="m",
)


def lines_of(kind: str, **body: object) -> list[str]:
    event = Event(seq=1, at=AT, kind=kind, occurrence="O1", rule="WA-02", source="water-east", body=body)
    return list(LINES.of(Judgement(events=[event], occurrences={"O1": ALARM})))


def columns(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def test_an_alarm_line_says_what_where_and_how_much() -> None:
    (line,) = lines_of("raise")
    for word in ("06:13:20", "RAISED 报警", "high", "water-east", "WA-02", "车库积水二级", "0.119 m", "0.1 m"):
        assert word in line


def test_digests_and_floods_are_told_in_one_line() -> None:
    text = {"en": "5 more alarms, top causes: Lift fault ×5", "zh": "另有 5 条报警，主要来源：电梯故障 ×5"}
    event = Event(seq=3, at=AT, kind="digest", body={"kind": "flood", "count": 5})
    notices = [
        Notice(seq=2, reason="raise", occurrence=ALARM, at=AT, body={"text": {"en": "other", "zh": "其他"}}),
        *(Notice(seq=3, reason="digest", occurrence=ALARM, at=AT, step=step, body={"text": text}) for step in (0, 1)),
    ]
    (line,) = LINES.of(Judgement(events=[event], notices=notices))
    assert line == "06:13:20  DIGEST 汇总通知       5 more alarms, top causes: Lift fault ×5 · " + text["zh"]
    begun = Event(seq=4, at=AT, kind="flood_begin", rule="WA-08", source="water-east", body={"count": 11})
    ended = Event(seq=5, at=AT, kind="flood_end", body={"lasted_s": 60})
    assert list(LINES.of(Judgement(events=[begun, ended]))) == [
        "06:13:20  FLOOD BEGINS 报警泛滥开始",
        "06:13:20  FLOOD ENDS 报警泛滥结束",
    ]


def test_columns_hold_in_both_scripts() -> None:
    starts = {columns(lines_of(kind)[0].split("high")[0]) for kind in ("raise", "suppress", "ack")}
    assert len(starts) == 1


def test_a_suppression_names_its_causes() -> None:
    assert lines_of("suppress", causes=["WA-03"])[0].endswith("(WA-03)")


def test_a_raise_that_nobody_is_told_of_says_so() -> None:
    assert lines_of("raise", muted=["suppressed"])[0].endswith("(muted 不通知)")


def test_rows_that_are_no_news_are_not_shown() -> None:
    assert lines_of("held") == []
    assert list(LINES.of(Judgement(events=[Event(seq=2, at=AT, kind="token_created")]))) == []


def test_what_was_missed_says_when_it_was() -> None:
    body = {"value": 0.25, "limit": 0.1, "unit": "m", "at_wall_ns": AT.wall_ns - 3600 * 10**9}
    event = Event(seq=3, at=AT, kind="missed_while_down", rule="WA-03", source="water-ramp", body=body)
    (line,) = LINES.of(Judgement(events=[event]))
    for word in ("06:13:20", "MISSED WHILE DOWN 中断期间曾触发", "WA-03", "0.25 m", "limit 限值 0.1 m"):
        assert word in line
    assert line.endswith("(2023-11-15 05:13:20)")
    fire = replace(event, source="panel-1/L1D1", rule="FI-01", body={"value": True, "at_wall_ns": AT.wall_ns})
    (line,) = LINES.of(Judgement(events=[fire]))
    assert "panel-1/L1D1" in line and "True" in line
    (bare,) = LINES.of(Judgement(events=[replace(event, body={})]))
    assert bare.endswith("WA-03")


def test_health_lines_say_why() -> None:
    change = HealthChanged("lift-1", Health.ONLINE, Health.OFFLINE, "no answer", AT)
    (line,) = LINES.of(change)
    assert "offline 离线" in line and "lift-1" in line and line.endswith("(no answer)")
    assert list(LINES.of(replace(change, now=Health.STARTING))) == []
