"""Samples that come too late to be current: they move nothing, and a life-safety pulse among them is told once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.rule import Rule
from gateway.model import SECOND, AlarmState, Event, FrameKind, Quality
from tests.alerts.stage import BAD, WALL, Stage, level_rule, rule

LIFE = {"severity": "critical", "class": "life_safety"}
HISTORY = FrameKind.HISTORY
S = AlarmState


def life_rule(name: str = "R", point: str = "a", **fields: Any) -> Rule:
    return rule(name, point, **LIFE, **fields)


def missed(stage: Stage) -> list[Event]:
    return [event for event in stage.events if event.kind == "missed_while_down"]


def history(stage: Stage, source_s: float, **values: Any) -> None:
    stage.set(kind=HISTORY, source_s=source_s, **values)


def calm(*rules: Rule) -> Stage:
    """Nothing is on; the link was down from 10 to 100."""
    stage = Stage(*(rules or (life_rule(),)))
    stage.at(0).set(a=False, b=False, level=0.0)
    return stage.at(100)


def test_a_pulse_that_came_and_went_is_one_event_without_alarm_and_notice() -> None:
    stage = calm()
    history(stage, 20, a=True)
    (event,) = missed(stage)
    assert (event.rule, event.source, event.occurrence, event.by) == ("R", "dev", None, None)
    assert event.body == {"value": True, "limit": None, "unit": None, "at_wall_ns": WALL + 20 * SECOND}
    assert event.at == stage.now
    assert stage.state() is S.NORMAL and stage.notices == [] and stage.occurrences == {}


def test_value_limit_and_unit_are_told() -> None:
    stage = calm(level_rule("R", "25 cm", **LIFE))
    history(stage, 20, level=0.3)
    assert dict(missed(stage)[0].body) == {"value": 0.3, "limit": 0.25, "unit": "m", "at_wall_ns": WALL + 20 * SECOND}


def test_each_pulse_once_however_many_samples_it_has() -> None:
    stage = calm()
    for second, value in [(20, True), (21, True), (22, True), (30, False), (40, True), (50, False)]:
        history(stage, second, a=value)
    assert [event.body["at_wall_ns"] // SECOND - WALL // SECOND for event in missed(stage)] == [20, 40]


def test_a_bad_sample_does_not_part_a_pulse() -> None:
    stage = calm()
    for second, value in [(20, True), (21, BAD), (22, True)]:
        history(stage, second, a=value)
    assert len(missed(stage)) == 1


def test_what_is_delivered_again_is_not_told_again() -> None:
    stage = calm()
    for _ in range(2):
        history(stage, 20, a=True)
        history(stage, 30, a=False)
    assert len(missed(stage)) == 1


def test_without_a_time_of_its_own_it_is_the_time_of_receipt() -> None:
    stage = calm()
    stage.set(kind=HISTORY, a=True)
    assert missed(stage)[0].body["at_wall_ns"] == WALL + 100 * SECOND


def test_what_is_on_now_or_stands_open_is_no_secret() -> None:
    for answered in (False, True):
        stage = calm()
        stage.set(a=True)
        if answered:
            stage.do("ack")
        history(stage, 20, a=True)
        history(stage, 30, a=False)
        stage.at(110).set(a=False)
        assert stage.state() is (S.LATCHED_ACKED if answered else S.LATCHED_UNACKED)
        history(stage, 40, a=True)
        assert missed(stage) == []


def test_a_running_on_delay_is_known_too() -> None:
    stage = calm(life_rule(on_delay="30s"))
    stage.set(a=True)
    history(stage, 20, a=True)
    assert stage.state() is S.PENDING and missed(stage) == []


@pytest.mark.parametrize(("source_s", "told"), [(99, True), (100, False), (105, False), (110, False), (111, True)])
def test_the_time_of_a_known_occurrence_is_no_news(source_s: float, told: bool) -> None:
    """On from 100 to 110, reset at 300."""
    stage = calm()
    stage.set(a=True)
    stage.at(110).set(a=False)
    stage.at(300).do("ack")
    stage.do("reset", comment="c")
    history(stage, source_s, a=True)
    assert len(missed(stage)) == told


@pytest.mark.parametrize("now", [BAD, None])
def test_while_the_present_is_not_known_it_is_told(now: Any) -> None:
    """The backlog comes before the first fresh sample."""
    stage = Stage(life_rule())
    if now is BAD:
        stage.at(0).set(a=BAD)
    stage.at(100)
    history(stage, 20, a=True)
    assert len(missed(stage)) == 1


def test_only_life_safety_and_not_its_companion() -> None:
    stage = calm(rule("R", severity="critical"))
    history(stage, 20, a=True)
    assert missed(stage) == []
    stage = calm(life_rule())
    history(stage, 20, a=BAD)
    assert missed(stage) == []


# --- what a frame alone can say


@pytest.mark.parametrize(
    ("when", "values", "told"),
    [
        ({"is": True}, {"a": True}, True),
        ({"is": True}, {"a": False}, False),
        ({"is": True}, {"b": True}, False),
        ({"not": {"point": "c", "is": True}}, {"c": False}, True),
        ({"not": {"point": "c", "is": True}}, {"c": True}, False),
        ({"any": [{"is": True}, {"point": "b", "is": True}]}, {"b": True}, True),
        ({"any": [{"is": True}, {"point": "b", "is": True}]}, {"b": False}, False),
        ({"all": [{"is": True}, {"point": "b", "is": True}]}, {"a": True}, False),
        ({"all": [{"is": True}, {"point": "b", "is": True}]}, {"a": True, "b": True}, True),
        ({"all": [{"is": True}, {"point": "b", "is": True, "on_unknown": "trip"}]}, {"a": True}, False),
        ({"all": [{"is": True}, {"point": "b", "is": True, "on_unknown": "trip"}]}, {"a": True, "b": True}, True),
        ({"point": "level", "at_least": "10 cm", "deadband": "2 cm"}, {"level": 0.1}, True),
        ({"point": "level", "at_least": "10 cm", "deadband": "2 cm"}, {"level": 0.09}, False),
        ({"point": "level", "below": "-10 cm"}, {"level": -0.2}, True),
        ({"point": "level", "above": "10 cm", "absolute": True}, {"level": -0.2}, True),
        (
            {"point": "level", "levels": [{"above": "10 cm"}, {"above": "1 m", "severity": "critical"}]},
            {"level": 0.2},
            True,
        ),
        ({"point": "level", "above": {"point": "level", "factor": 0.5}}, {"level": 0.2}, True),
        ({"point": "level", "above": {"point": "level"}}, {"level": 0.2}, False),
        # what needs a duration, a number of samples, a window or another alarm cannot be seen in one frame
        ({"is": True, "for": "1s"}, {"a": True}, False),
        ({"is": True, "samples": 2}, {"a": True}, False),
        ({"point": "level", "rises_by": "1 cm", "within": "1min"}, {"level": 0.2}, False),
        ({"bad_quality": True}, {"a": BAD}, False),
        ({"any": [{"is": True, "for": "1s"}, {"point": "b", "is": True}]}, {"b": True}, True),
    ],
)
def test_what_one_frame_can_say(when: Any, values: dict[str, Any], told: bool) -> None:
    stage = calm(life_rule(when=when))
    history(stage, 20, **values)
    assert len(missed(stage)) == told


def test_in_the_band_only_memory_could_tell() -> None:
    stage = calm(level_rule("R", "10 cm", **LIFE))
    for second, value in [(20, 0.1), (21, 0.095), (22, 0.1), (23, 0.09), (24, 0.1), (25, 0.089), (26, 0.1)]:
        history(stage, second, level=value)
    assert len(missed(stage)) == 2, "the band parts no pulse; below it, one is over"


def test_the_band_below_a_moving_limit() -> None:
    limit = {"point": "level", "above": {"point": "level", "factor": 0.5}, "deadband": "1 m"}
    stage = calm(life_rule(when=limit))
    for second, value in [(20, 0.2), (21, -0.2), (22, 0.2), (23, -3.0), (24, 0.2)]:
        history(stage, second, level=value)
    assert len(missed(stage)) == 2, "-0.2 lies 0.1 below its limit, -3 lies 1.5 below"


def test_a_frame_without_the_point_that_was_true_does_not_end_the_pulse() -> None:
    stage = calm(life_rule(when={"any": [{"is": True}, {"point": "b", "is": True}]}))
    history(stage, 20, a=True)
    history(stage, 21, b=False)
    history(stage, 22, a=True)
    assert len(missed(stage)) == 1
    history(stage, 23, a=False, b=False)
    history(stage, 24, a=True)
    assert len(missed(stage)) == 2


def test_another_alarm_is_not_asked_about_the_past() -> None:
    stage = calm(rule("A", "b"), life_rule(when={"any": [{"alarm": "A"}, {"is": True}]}))
    history(stage, 20, b=True)
    assert missed(stage) == []
    history(stage, 20, a=True)
    assert len(missed(stage)) == 1


def test_an_escalation_s_own_condition_decides() -> None:
    stage = calm(
        rule("R", severity="high", escalate=[{"when": {"point": "b", "is": True}, "severity": "critical"}]).model_copy(
            update={"class_": life_rule().class_}
        )
    )
    history(stage, 20, b=True)
    assert missed(stage) == []
    history(stage, 30, a=True)
    assert len(missed(stage)) == 1


def test_one_frame_leaves_nothing_for_the_next() -> None:
    stage = calm(life_rule(when={"all": [{"is": True}, {"point": "b", "is": True}]}))
    history(stage, 20, a=True)
    history(stage, 21, b=True)
    assert missed(stage) == []


def test_a_broken_condition_blinds_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = calm(life_rule("BAD"), life_rule("R"))

    def broken(columns: Any) -> bool:
        raise ZeroDivisionError

    live = next(live for live in stage.engine._lives if live.key == ("BAD", "dev"))
    monkeypatch.setattr(
        type(live.condition), "alone", lambda self, columns: broken(columns) if self is live.condition else True
    )
    history(stage, 20, a=True)
    assert [event.rule for event in missed(stage)] == ["R"]


# --- restarts


@pytest.mark.parametrize("saved", ["never", "before", "after"])
def test_a_restart_tells_nothing_twice(saved: str) -> None:
    stage = calm()
    if saved == "before":
        stage.save()
    history(stage, 20, a=True)
    if saved == "after":
        stage.save()
    stage.restart()
    assert len(missed(stage)) == 1
    history(stage, 21, a=True)
    assert len(missed(stage)) == 1, "still the same pulse"
    history(stage, 30, a=False)
    stage.restart()
    history(stage, 40, a=True)
    assert len(missed(stage)) == 2


def test_a_message_that_comes_again_after_a_kill_before_its_log_row_is_not_told_again() -> None:
    """Its judgement was committed, its row was not, and the broker delivers it once more."""
    stage = calm()
    history(stage, 20, a=True)
    stage.log.pop()
    stage.restart()
    history(stage, 20, a=True)
    history(stage, 30, a=False)
    history(stage, 20, a=True)
    assert len(missed(stage)) == 1


def test_the_known_time_survives_a_restart() -> None:
    stage = calm()
    stage.set(a=True)
    stage.at(110).set(a=False)
    stage.do("ack")
    stage.do("reset", comment="c")
    stage.restart()
    history(stage, 105, a=True)
    assert missed(stage) == []


# --- history among everything else

RULES = (
    life_rule("LS", "a", on_delay="2s", unknown_for="4s"),
    life_rule("NOW", "b", unknown_for="4s"),
    level_rule("LOW", "0.03 m", on_delay="2s", off_delay="3s", suppressed_by=["HIGH"]),
    level_rule("HIGH", "0.10 m", severity="high", unknown_for="5s", **{"class": "property"}),
    level_rule("RISE", "", when={"rises_by": "5 cm", "within": "20s"}),
    rule("TWO", "c", when={"is": True, "samples": 2}),
    rule("LAST", "c", when={"is": True, "for": "3s"}),
    rule("TOP", when={"all": [{"alarm": "LOW"}, {"point": "c", "is": True}]}),
    rule("GW-01", "health", when={"in": ["offline"]}, **{"class": "system"}),
)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.sampled_from([True, False, BAD]) for name in "abc"},
        "level": st.sampled_from([0.0, 0.025, 0.05, 0.2, BAD]),
        "health": st.sampled_from(["online", "offline"]),
    },
).filter(bool)
STEP = st.tuples(st.sampled_from(["live", "initial", "history", "history", "ack"]), st.integers(0, 5), VALUES)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=30))
def test_history_moves_nothing(steps: list[tuple[str, int, dict[str, Any]]]) -> None:
    """The same life with and without it: the same states, rows, notices and memory of every condition."""
    told, plain = Stage(*RULES), Stage(*RULES)
    for what, seconds, values in steps:
        for stage in (told, plain):
            stage.now_ns += seconds * SECOND
            if what == "ack":
                for opened in stage.engine.open_occurrences():
                    stage.do("ack", opened.occurrence)
            elif what == "history":
                if stage is told:
                    stage.set(kind=HISTORY, source_s=stage.now_ns / SECOND - 60, **values)
                else:
                    stage.tick()
            else:
                kind = FrameKind.INITIAL if what == "initial" else FrameKind.LIVE
                stage.set(kind=kind, **values)
    heard = told.engine._columns.late_ns  # that it came is known, and nothing else of it
    assert replace(told.engine._columns, late_ns={}) == replace(plain.engine._columns, late_ns={})
    assert all(at_ns <= told.now_ns for at_ns in heard.values())
    for left, right in zip(told.engine._lives, plain.engine._lives, strict=True):
        assert left.condition.snapshot() == right.condition.snapshot()
        assert unnumbered(left.alarm) == unnumbered(right.alarm)
    rows = [event for event in told.events if event.kind != "missed_while_down"]
    assert [replace(event, seq=0) for event in rows] == [replace(event, seq=0) for event in plain.events]
    assert [(n.reason, n.occurrence.occurrence) for n in told.notices] == [
        (n.reason, n.occurrence.occurrence) for n in plain.notices
    ]
    assert {event.rule for event in missed(told)} <= {"LS", "NOW"}


def unnumbered(alarm: Any) -> Any:
    return alarm if alarm.life is None else replace(alarm, life=replace(alarm.life, seq=0))


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=20), st.integers(0, 20), st.booleans())
def test_a_kill_anywhere_tells_the_same(steps: list[tuple[str, int, dict[str, Any]]], at: int, saved: bool) -> None:
    """A log judged again adds no row and no notice, and leads to the same states."""
    stage = Stage(*RULES)
    stage.commit(stage.engine.restarted(stage.now, 0))
    for number, (what, seconds, values) in enumerate(steps):
        stage.now_ns += seconds * SECOND
        if number == at and saved:
            stage.save()
        if what != "ack":
            kind = {"live": FrameKind.LIVE, "initial": FrameKind.INITIAL}.get(what, HISTORY)
            stage.set(kind=kind, source_s=stage.now_ns / SECOND - 60, **values)
    before = [(live.alarm.state, live.past) for live in stage.engine._lives]
    replayed = stage.reload()
    assert not any(judgement.events or judgement.notices for judgement in replayed)
    assert [(live.alarm.state, live.past) for live in stage.engine._lives] == before


# --- qualities and kinds of the present


@pytest.mark.parametrize(
    "quality", [Quality.UNCERTAIN_INITIAL, Quality.UNCERTAIN_CLOCK, Quality.UNCERTAIN_BACKLOG, Quality.GOOD]
)
def test_uncertain_counts_as_good(quality: Quality) -> None:
    stage = calm()
    frame = stage.frame(a=True)
    frame.quality = [int(quality)]
    stage.commit(stage.engine.judge(frame, 2))
    assert stage.state() is S.UNACKED


def test_an_initial_sample_sets_the_state_like_any_other() -> None:
    stage = calm()
    stage.set(kind=FrameKind.INITIAL, a=True)
    assert stage.state() is S.UNACKED
    stage.at(101).set(kind=FrameKind.INITIAL, a=False)
    assert stage.state() is S.LATCHED_UNACKED


def test_time_goes_on_with_history_frames_too() -> None:
    stage = calm(life_rule(on_delay="5s"))
    stage.set(a=True)
    stage.at(105)
    history(stage, 20, b=True)
    assert stage.state() is S.UNACKED
