"""C5 and C13: what is not heard any more, and what is heard but stands still."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.bind import bind
from alerts.condition.build import Absent, Mistake
from gateway.model import HEALTH_POINT, SECOND, AlarmState, FrameKind, Health, Point, PointType, Quality, Truth
from tests.alerts.building import One, device
from tests.alerts.building import rule as building_rule
from tests.alerts.stage import BAD, Stage, rule

S = AlarmState
HOUR = 3600 * SECOND
COUNTER = Point("x", PointType.INT)


# --- stale


def test_it_is_stale_when_more_than_the_time_has_passed() -> None:
    one = One({"stale": "20s"})
    assert one.put(5, 1.0) is False
    assert one.node.next_due() == 25 * SECOND + 1
    assert one.tick(25) is False, "exactly so long is not longer"
    assert one.node.tick(one.columns, 25 * SECOND + 1) is True
    assert one.node.next_due() is None
    assert one.put(30, 1.0) is False, "the same value again is a sign of life"


@pytest.mark.parametrize(("poll_s", "after_s"), [(1, 10), (3, 10), (5, 15), (60, 180)])
def test_by_default_it_is_three_periods_and_at_least_ten_seconds(poll_s: float, after_s: int) -> None:
    one = One({"stale": True}, poll_s=poll_s)
    assert one.put(1, 1.0) is False
    assert one.node.next_due() == (1 + after_s) * SECOND + 1


def test_the_period_is_the_points_own() -> None:
    slow = replace(device("d", "test", [Point("x", PointType.FLOAT, "m")]), periods={"x": 60 * SECOND})
    found = bind([building_rule({"stale": True}, on={"system": "test", "point": "x"})], [slow])
    (instance,) = found.instances
    columns = found.columns
    columns.put(0, 1.0, 0, 0)
    assert instance.condition.judge(columns, 0) is False
    assert instance.condition.next_due() == 180 * SECOND + 1


@pytest.mark.parametrize("quality", [Quality.UNCERTAIN_INITIAL, Quality.UNCERTAIN_BACKLOG, Quality.UNCERTAIN_CLOCK])
def test_uncertain_is_heard(quality: Quality) -> None:
    one = One({"stale": "20s"})
    one.put(0, 1.0)
    assert one.put(15, 1.0, quality) is False
    assert one.tick(35) is False


@pytest.mark.parametrize("quality", [Quality.BAD_COMM, Quality.BAD_SENSOR, Quality.BAD_UNDECLARED])
def test_bad_is_no_reception(quality: Quality) -> None:
    """A dead link's BAD samples come with every poll."""
    one = One({"stale": "20s"})
    one.put(0, 1.0)
    answers = [one.put(at, None, quality) for at in range(1, 25)]
    assert answers == [False] * 20 + [True] * 4


def test_a_point_that_is_never_heard_is_unknown_and_then_stale() -> None:
    one = One({"stale": "20s"})
    assert one.tick(5) is None
    assert one.tick(25) is None
    assert one.tick(25.1) is True


def test_a_restart_gives_the_full_grace_again() -> None:
    one = One({"stale": "20s"})
    one.put(0, 1.0)
    one.tick(19)
    one.columns.forget(HOUR)
    assert one.tick(19) is None, "nobody knows what was said meanwhile"
    assert one.tick(39) is None
    assert one.tick(39.1) is True
    one.columns.forget(HOUR)
    assert one.put(40, 1.0) is False


def stale_oracle(events: list[tuple[float, str]], after: float) -> list[Truth]:
    """All receptions since the last start, counted out."""
    answers: list[Truth] = []
    begun, heard = events[0][0] if events else 0.0, []
    for at, what in events:
        if what == "restart":
            begun, heard = at, []
        elif what in ("good", "uncertain", "late"):
            heard.append(at)
        since = max([begun, *heard])
        answers.append(True if at - since > after else False if heard else None)
    return answers


EVENTS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 2, 7, 10, 11, 25]),
        st.sampled_from(["good", "uncertain", "bad", "late", "wait", "wait", "restart"]),
    ),
    max_size=30,
)


@settings(deadline=None, max_examples=200)
@given(EVENTS)
def test_stale_against_the_oracle(steps: list[tuple[int, str]]) -> None:
    one, at, events, answers = One({"stale": "10s"}), 0, [], []
    quality = {"good": 0, "uncertain": Quality.UNCERTAIN_CLOCK, "bad": Quality.BAD_COMM}
    for step, what in steps:
        at += step
        events.append((float(at), what))
        if what in quality:
            answers.append(one.put(at, 1.0, quality[what]))
            continue
        if what == "late":
            one.columns.late_ns[one.columns.slot("d", "x")] = at * SECOND
        elif what == "restart":
            one.columns.forget(0)
        answers.append(one.tick(at))
    assert answers == stale_oracle(events, 10)


@pytest.mark.parametrize(
    ("when", "changes", "says"),
    [
        ({"stale": True}, {"poll_ns": 0}, "only when it changes, so silence says nothing; say in its profile"),
        ({"stale": "1h"}, {"periods": {"x": 0}}, "only when it changes"),
        ({"stale": "30s"}, {"poll_ns": 60 * SECOND}, "comes every 1min: it would be stale between any two samples"),
        ({"stale": True, "point": "health"}, {}, "the gateway's own word; ask {point: health, is: stale}"),
    ],
)
def test_where_silence_says_nothing_it_is_refused(when: Any, changes: Any, says: str) -> None:
    changed = replace(device("d", "test", [Point("x", PointType.FLOAT, "m")]), **changes)
    found = bind([building_rule(when, on={"system": "test", "point": "x"})], [changed])
    assert [(problem.loc, says in problem.message) for problem in found.problems] == [(("when", "stale"), True)]


def stale_stage(**changes: Any) -> Stage:
    """Level heard at 0 s, missed after 20 s; GW-01 on the health of the device."""
    stage = Stage(
        rule("GW-01", "health", when={"is": "offline"}),
        rule("R", "level", **{"when": {"stale": "20s"}, **changes}),
    )
    stage.at(0).set(level=1.0, health="online")
    return stage


def test_it_has_no_companion_for_it_says_itself_what_is_lost() -> None:
    assert {name for name, _ in stale_stage().engine._by_key} == {"R", "GW-01"}


def test_it_raises_by_the_clock_alone_and_returns_by_a_sample() -> None:
    stage = stale_stage()
    stage.at(20).tick()
    assert stage.state() is S.NORMAL
    stage.at(21).tick()
    assert stage.state() is S.UNACKED
    assert stage.life().active_ns is not None
    stage.at(30).set(level=1.0)
    assert stage.state() is S.RTN_UNACKED


@pytest.mark.parametrize("hours", [-1, 1, -24, 24])
def test_a_wall_jump_raises_nothing(hours: int) -> None:
    stage = stale_stage()
    stage.at(10).wall += hours * HOUR
    stage.tick()
    stage.at(19).tick()
    assert stage.state() is S.NORMAL and stage.events == []
    stage.at(21).tick()
    assert stage.state() is S.UNACKED, "nor hides it anything"


def test_a_restart_neither_ends_nor_repeats_what_stands() -> None:
    stage = stale_stage()
    stage.at(21).tick()
    stage.restart(outage_s=600)
    stage.at(30).tick()
    assert stage.state() is S.UNACKED
    stage.at(60).tick()
    assert stage.state() is S.UNACKED
    assert stage.told() == ["raise"]
    stage.at(61).set(level=1.0)
    assert stage.told() == ["raise", "recover"]


def test_a_restart_gives_every_sensor_its_time_to_speak() -> None:
    stage = stale_stage()
    stage.at(15).tick()
    stage.restart(outage_s=3000)
    stage.at(35).tick()
    assert stage.state() is S.NORMAL
    stage.at(36).tick()
    assert stage.state() is S.UNACKED


def test_what_drains_its_backlog_is_heard() -> None:
    """Its values are too late to be believed, but it is not silent."""
    stage = stale_stage()
    for at in range(15, 60, 15):
        stage.at(at).set(kind=FrameKind.HISTORY, source_s=at - 3000, level=1.0)
    stage.at(60).tick()
    assert stage.state() is S.NORMAL
    stage.at(66).tick()
    assert stage.state() is S.UNACKED
    stage.at(70).set(kind=FrameKind.HISTORY, source_s=-2000, level=BAD)
    assert stage.state() is S.UNACKED, "a bad sample is no reception, late or not"
    stage.at(71).set(kind=FrameKind.HISTORY, source_s=-2000, level=1.0)
    assert stage.state() is S.RTN_UNACKED


def test_a_drained_backlog_is_heard_again_when_the_log_is_judged_again() -> None:
    stage = stale_stage()
    stage.save()
    stage.at(15).set(kind=FrameKind.HISTORY, source_s=-3000, level=1.0)
    stage.at(30).set(kind=FrameKind.HISTORY, source_s=-2000, level=1.0)
    assert [judgement.events for judgement in stage.reload()] == [[], []]
    assert stage.state() is S.NORMAL


def test_of_a_device_that_is_offline_one_alarm_says_so() -> None:
    stage = stale_stage()
    stage.at(15).set(health="offline")
    assert stage.told("GW-01") == ["raise"]
    stage.at(25).tick()
    assert stage.state() is S.UNACKED and stage.told() == []
    assert [held.reason for held in stage.life().mutes] == ["device_offline"]
    stage.at(30).set(health=Health.ONLINE)
    assert stage.told() == ["reraise"], "the device is back and the point is not: that is news"


def test_a_life_safety_rule_is_silenced_by_no_other() -> None:
    stage = stale_stage(severity="critical", **{"class": "life_safety"})
    stage.at(15).set(health="offline")
    stage.at(25).tick()
    assert stage.told() == ["raise"]


# --- heartbeat


def beating(**kwargs: Any) -> One:
    one = One({"heartbeat": "20s"}, COUNTER, **kwargs)
    assert one.put(0, 1) is None, "one value is no beat"
    return one


def test_a_counter_that_stands_still_is_dead() -> None:
    one = beating()
    assert one.put(5, 2) is False
    assert [one.put(at, 2) for at in range(6, 26)] == [False] * 20
    assert one.node.next_due() == 25 * SECOND + 1
    assert one.tick(25) is False
    assert one.node.tick(one.columns, 25 * SECOND + 1) is True
    assert one.put(26, 2) is True
    assert one.put(27, 3) is False


def test_a_bit_beats_in_both_directions() -> None:
    one = One({"heartbeat": "20s"}, Point("x", PointType.BOOL))
    assert [one.put(0, False), one.put(10, True), one.put(20, False)] == [None, False, False]
    assert one.tick(40.1) is True


def test_what_never_beats_is_unknown_for_its_time_and_then_dead() -> None:
    one = beating()
    assert one.tick(20) is None
    assert one.tick(20.1) is True


@pytest.mark.parametrize("quality", [Quality.BAD_COMM, Quality.BAD_SENSOR])
def test_bad_is_no_beat(quality: Quality) -> None:
    one = beating()
    one.put(1, 2)
    assert [one.put(at, at, quality) for at in range(2, 24)] == [False] * 20 + [True] * 2
    assert one.put(24, 2) is True, "and behind it still the old value"
    assert one.put(25, 3) is False


def test_what_a_broker_kept_is_no_beat() -> None:
    one = beating()
    assert one.put(5, 2, Quality.UNCERTAIN_INITIAL) is None
    assert one.put(6, 2) is None
    assert one.put(7, 3) is False


def test_a_late_value_is_no_beat_of_now() -> None:
    one = beating()
    one.columns.late_ns[one.columns.slot("d", "x")] = 15 * SECOND
    assert one.tick(20.1) is True


def test_a_restart_gives_the_heart_its_full_time() -> None:
    one = beating()
    one.put(5, 2)
    one.columns.forget(HOUR)
    assert one.tick(10) is None
    assert one.put(11, 7) is None, "what it was before is another life"
    assert one.tick(30) is None
    assert one.tick(30.1) is True


def test_a_heart_is_asked_of_a_device_that_speaks_only_of_changes() -> None:
    """Each message is a beat; silence is none."""
    one = beating(poll_s=0)
    assert one.put(5, 2) is False
    assert one.tick(25.1) is True


@pytest.mark.parametrize("poll_s", [20, 60])
def test_a_device_that_is_heard_too_seldom_cannot_show_a_beat(poll_s: float) -> None:
    with pytest.raises(Absent, match="too slow for a window of 20 s"):
        One({"heartbeat": "20s"}, COUNTER, poll_s=poll_s)


def heartbeat_oracle(events: list[tuple[int, str, int]], after: int) -> list[Truth]:
    answers: list[Truth] = []
    begun, values, beats = events[0][0] if events else 0, [], []
    for at, what, value in events:
        if what == "restart":
            begun, values, beats = at, [], []
        elif what in ("good", "initial"):
            if values and value != values[-1] and what == "good":
                beats.append(at)
            values.append(value)
        since = max([begun, *beats])
        answers.append(True if at - since > after else False if beats else None)
    return answers


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 3, 8, 20, 21]),
            st.sampled_from(["good", "good", "good", "initial", "bad", "wait", "restart"]),
            st.integers(0, 2),
        ),
        max_size=30,
    )
)
def test_heartbeat_against_the_oracle(steps: list[tuple[int, str, int]]) -> None:
    one, at, events, answers = One({"heartbeat": "20s"}, COUNTER), 0, [], []
    quality = {"good": 0, "initial": Quality.UNCERTAIN_INITIAL, "bad": Quality.BAD_COMM}
    for step, what, value in steps:
        at += step
        events.append((at, what, value))
        if what in quality:
            answers.append(one.put(at, value, quality[what]))
            continue
        if what == "restart":
            one.columns.forget(5)
        answers.append(one.tick(at))
    assert answers == heartbeat_oracle(events, 20)


@pytest.mark.parametrize("when", [{"stale": "20s"}, {"heartbeat": "20s"}])
def test_their_memory_is_a_few_words(when: Any) -> None:
    one = One(when)
    for at in range(1000):
        one.put(at, at)
    assert len(json.dumps(one.node.snapshot())) < 60
    assert one.node.needs == frozenset()


def test_the_state_of_health_is_not_asked_for_its_age() -> None:
    with pytest.raises(Mistake):
        One({"stale": True, "point": HEALTH_POINT.name})
