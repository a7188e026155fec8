"""Votes, pairs, absences and schedules as the engine asks them: deadlines, restarts, late samples, clock steps."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.rule import Rule
from gateway.model import SECOND, FrameKind
from tests.alerts import building
from tests.alerts.stage import BAD, Stage, rule

A, B, C = ({"point": name, "is": True} for name in "abc")
BERLIN = ZoneInfo("Europe/Berlin")


def wall(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def on_schedule(begin: str = "2026-11-23T08:00", zone: tzinfo = UTC, **schedule: Any) -> Stage:
    """A rule that is TRUE from 09:00 to 17:00, or on another schedule, and needs no answer."""
    plan = {"from": "09:00", "to": "17:00", **schedule}
    return Stage(rule("R", when={"schedule": plan}, on={"device": "dev"}, auto_ack=True), wall=wall(begin), zone=zone)


def raised(stage: Stage) -> list[str]:
    """When the alarm was raised and when it was over, by its rows."""
    rows = [event for event in stage.events if event.rule == "R" and event.kind in ("raise", "return")]
    return [f"{event.kind} {datetime.fromtimestamp(event.at.wall_ns // SECOND, UTC):%d %H:%M}" for event in rows]


def test_a_schedule_begins_and_ends_without_a_sample() -> None:
    stage = on_schedule()
    stage.at(0).tick()
    assert stage.engine.next_due() == 3600 * SECOND
    for second in range(0, 40 * 3600, 1800):
        stage.at(second).tick()
    assert raised(stage) == ["raise 23 09:00", "return 23 17:00", "raise 24 09:00", "return 24 17:00"]


def test_a_late_tick_finds_the_moments_of_both_edges() -> None:
    stage = on_schedule()
    stage.at(0).tick()
    stage.at(30 * 3600).tick()
    assert raised(stage) == ["raise 23 09:00", "return 23 17:00", "raise 24 09:00"]


@pytest.mark.parametrize(
    ("zone", "begin", "schedule", "expected"),
    [
        ("Asia/Shanghai", "2026-11-23T15:00", {"from": "23:50", "to": "00:10"}, ["raise 23 15:50", "return 23 16:10"]),
        ("Europe/Berlin", "2026-03-28T22:00", {"from": "02:30", "to": "03:30"}, ["raise 29 01:00", "return 29 01:30"]),
        (
            "America/New_York",
            "2026-11-01T00:00",
            {"from": "01:15", "to": "01:45"},
            ["raise 01 05:15", "return 01 05:45", "raise 01 06:15", "return 01 06:45"],
        ),
    ],
)
def test_edges_of_the_clock_on_the_wall(zone: str, begin: str, schedule: Any, expected: list[str]) -> None:
    stage = on_schedule(begin, ZoneInfo(zone), **schedule)
    for minute in range(0, 20 * 60, 7):
        stage.at(minute * 60).tick()
    assert raised(stage) == expected


def test_a_clock_step_over_the_begin_and_back() -> None:
    stage = on_schedule()
    stage.at(0).tick()
    stage.step(3600).at(1).tick()
    assert raised(stage) == ["raise 23 09:00"]
    stage.at(60).tick()
    stage.step(-3600).at(61).tick()
    assert raised(stage) == ["raise 23 09:00", "return 23 08:01"]
    stage.at(3600).tick()
    assert raised(stage)[2:] == ["raise 23 09:00"], "at its time, as if the clock had never been wrong"


@settings(deadline=None, max_examples=40)
@given(
    steps=st.lists(
        st.tuples(st.integers(1, 7200), st.sampled_from([0, 0, 3600, -3600, 86_400, -86_400])), min_size=1, max_size=25
    )
)
def test_whatever_the_clock_does_each_window_is_entered_and_left_once(steps: list[tuple[int, int]]) -> None:
    stage = on_schedule("2026-10-24T08:00", BERLIN)
    now = 0
    stage.at(0).tick()
    for wait, step in steps:
        now += wait
        stage.step(step).at(now).tick()
        hour = datetime.fromtimestamp(stage.now.wall_ns // SECOND, BERLIN).hour
        assert (stage.state() == "unacked") is (9 <= hour < 17), "the present is right at once"
    kinds = [row.split()[0] for row in raised(stage)]
    assert kinds == ["raise" if index % 2 == 0 else "return" for index in range(len(kinds))]


def test_a_schedule_is_looked_at_at_once_after_a_restart() -> None:
    stage = on_schedule()
    stage.at(0).tick()
    stage.at(3700).tick()
    assert stage.state() == "unacked"
    stage.restart(outage_s=8 * 3600)
    assert raised(stage)[1:] == ["return 23 17:01"]
    stage.restart(outage_s=17 * 3600)
    assert stage.state() == "unacked"


def test_suppressed_on_schedule_it_goes_on_living() -> None:
    quiet = {"schedule": {"from": "22:00", "to": "06:00"}}
    stage = Stage(rule("R", suppress_when=quiet), wall=wall("2026-11-23T21:00"))
    stage.at(0).set(a=True)
    assert stage.told() == ["raise"]
    stage.at(3600).tick()
    assert [mute.kind for mute in stage.life().mutes] == ["suppressed"]
    stage.at(9 * 3600).tick()
    assert not stage.life().mutes
    assert stage.told() == ["raise", "reraise"], "it stands still, and is heard again"


def test_an_all_with_a_schedule_is_over_with_it() -> None:
    stage = Stage(rule("R", when={"all": [A, {"schedule": {"from": "22:00", "to": "23:00"}}]}, auto_ack=True))
    stage.wall = wall("2026-11-23T21:00")
    stage.at(0).set(a=True)
    stage.at(4 * 3600).tick()
    assert raised(stage) == ["raise 23 22:00", "return 23 23:00"]


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"when": {"schedule": {"from": "09:00", "to": "17:00"}}}, "when.schedule"),
        ({"when": {"all": [A, {"not": {"schedule": {"from": "09:00", "to": "17:00"}}}]}}, "when.all.1.not.schedule"),
        ({"suppress_when": {"schedule": {"from": "09:00", "to": "17:00"}}}, "suppress_when.schedule"),
        (
            {"escalate": [{"when": {"schedule": {"from": "09:00", "to": "17:00"}}, "severity": "critical"}]},
            "escalate.0.when.schedule",
        ),
    ],
)
def test_life_safety_has_no_hours(fields: Any, where: str) -> None:
    mapping = {**building.rule_mapping(**fields), "class": "life_safety"}
    with pytest.raises(ValidationError, match=r"watched at every hour|never suppressed by the calendar") as caught:
        Rule.model_validate(mapping)
    assert [".".join(map(str, error["loc"])) for error in caught.value.errors()] == [where]


# --- absences


def fan(**fields: Any) -> Rule:
    """The fan (b) must run within 60 s of the fire (a)."""
    return rule("R", when={"absent": B, "after": A, "by": "60s"}, **fields)


def test_an_absence_is_raised_at_its_moment() -> None:
    stage = Stage(fan())
    stage.at(0).set(a=False, b=False)
    stage.at(10).set(a=True, b=False)
    assert stage.engine.next_due() == 70 * SECOND
    stage.at(100).tick()
    assert stage.life().raised_ns == stage.wall + 70 * SECOND
    stage.at(101).set(b=True)
    assert stage.state() == "rtn_unacked"


def test_one_alarm_for_each_occurrence_of_what_was_to_be_followed() -> None:
    stage = Stage(fan(auto_ack=True))
    stage.at(0).set(a=False, b=False)
    for at, a, b in [(1, True, False), (70, True, True), (80, True, False), (200, False, False), (300, True, False)]:
        stage.at(at).set(a=a, b=b)
    stage.at(1000).tick()
    assert stage.rows().count("raise") == 2


def test_a_restart_a_second_before_leaves_a_second_and_life_safety_counts_the_outage() -> None:
    for fields, due in (({}, 71), ({"class": "life_safety", "severity": "high"}, 69)):
        stage = Stage(fan(**fields))
        stage.at(0).set(a=False, b=False)
        stage.at(10).set(a=True, b=False)
        stage.save()
        stage.at(69).restart(outage_s=600)
        stage.set(a=True, b=False)
        assert stage.state() == ("unacked" if due == 69 else "normal")
        stage.at(70).tick()
        assert stage.state() == "unacked"


def test_a_clock_step_moves_no_deadline() -> None:
    for step in (3600, -3600, 86_400):
        stage = Stage(fan())
        stage.at(0).set(a=False, b=False)
        stage.at(10).set(a=True, b=False)
        stage.step(step).at(11).tick()
        assert stage.engine.next_due() == 70 * SECOND
        stage.at(69.9).tick()
        assert stage.state() == "normal"
        stage.at(70).tick()
        assert stage.state() == "unacked"


def test_a_companion_tells_that_what_is_awaited_cannot_be_seen() -> None:
    stage = Stage(fan(severity="high"))
    stage.at(0).set(a=False, b=False)
    stage.at(10).set(a=True, b=BAD)
    stage.at(200).tick()
    assert stage.state() == "normal"
    assert stage.state("R/protection_lost") == "unacked"


# --- pairs of which nobody saw the beginning

PAIRS = [{"together": [A, B], "within": "5min"}, {"sequence": [A, B], "after": ["0s", "5min"]}]
pairs = pytest.mark.parametrize("when", PAIRS, ids=["together", "sequence"])
LIFE_SAFETY: Any = {"class": "life_safety", "severity": "high"}


@pairs
def test_both_true_at_the_start_raise_life_safety_at_once(when: Any) -> None:
    stage = Stage(rule("R", when=when, **LIFE_SAFETY))
    stage.at(0).set(a=True, b=True)
    assert stage.state() == "unacked"


@pairs
def test_of_another_class_it_is_told_as_lost_protection_until_one_is_over(when: Any) -> None:
    stage = Stage(rule("R", when=when, severity="high"))
    stage.at(0).set(a=True, b=True)
    stage.at(59).set(a=True, b=True)
    assert (stage.state(), stage.state("R/protection_lost")) == ("normal", "pending")
    stage.at(60).set(a=True, b=True)
    assert (stage.state(), stage.state("R/protection_lost")) == ("normal", "unacked")
    stage.at(70).set(a=False, b=False)
    stage.at(130).tick()
    assert stage.state("R/protection_lost") == "rtn_unacked"
    stage.at(140).set(a=True)
    stage.at(150).set(b=True)
    assert stage.state() == "unacked", "these beginnings were seen"


@pairs
def test_a_device_that_comes_back_with_both_true_raises_life_safety(when: Any) -> None:
    stage = Stage(rule("R", when=when, **LIFE_SAFETY))
    stage.at(0).set(a=False, b=False)
    stage.at(10).set(a=BAD, b=BAD)
    stage.at(3600).set(a=True)
    assert stage.state() == "normal", "what is still lost raises nothing"
    stage.at(3601).set(b=True)
    assert stage.state() == "unacked"


@pairs
def test_both_true_behind_an_outage_raise_life_safety(when: Any) -> None:
    stage = Stage(rule("R", when=when, **LIFE_SAFETY))
    stage.at(0).set(a=False, b=False)
    stage.restart(outage_s=1800)
    stage.at(20).set(a=True)
    stage.at(25).set(b=True)
    assert stage.state() == "unacked"


@pairs
def test_one_that_was_there_long_before_makes_no_pair(when: Any) -> None:
    stage = Stage(rule("R", when=when, **LIFE_SAFETY))
    stage.at(0).set(a=True, b=False)
    stage.at(301).set(b=True)
    stage.at(3600).tick()
    assert stage.state() == "normal"
    assert stage.state("R/protection_lost") == "normal"


# --- what comes too late


@pytest.mark.parametrize(
    "when",
    [
        {"votes": 2, "of": [A, B], "within": "5min"},
        {"n_of": 2, "these": [A, B]},
        {"together": [A, B], "within": "5min"},
        {"sequence": [A, B], "after": ["0s", "5min"]},
    ],
)
def test_history_votes_nothing_and_follows_nothing(when: Any) -> None:
    stage = Stage(rule("R", when=when))
    stage.at(0).set(a=False, b=False)
    stage.at(100).set(a=True)
    stage.at(110).set(kind=FrameKind.HISTORY, source_s=105, b=True)
    assert stage.state() == "normal"
    stage.at(120).set(b=True)
    assert stage.state() == "unacked", "the present does"


def test_history_neither_completes_nor_cancels_an_absence() -> None:
    stage = Stage(fan())
    stage.at(0).set(a=False, b=False)
    stage.at(10).set(a=True)
    stage.at(50).set(kind=FrameKind.HISTORY, source_s=40, a=False, b=True)
    stage.at(70).tick()
    assert stage.state() == "unacked"


def test_a_pulse_of_life_safety_that_only_history_shows_is_told_where_a_frame_alone_says_so() -> None:
    fields = {"class": "life_safety", "severity": "high"}
    stage = Stage(rule("R", when={"votes": 2, "of": [A, B, C]}, **fields))
    stage.at(0).set(a=False, b=False, c=False)
    stage.at(50).set(kind=FrameKind.HISTORY, source_s=-100, a=True, b=True, c=False)
    assert stage.rows() == ["missed_while_down"]
    other = Stage(rule("R", when={"together": [A, B], "within": "1min"}, **fields))
    other.at(0).set(a=False, b=False)
    other.at(50).set(kind=FrameKind.HISTORY, source_s=-100, a=True, b=True)
    assert other.rows() == []
