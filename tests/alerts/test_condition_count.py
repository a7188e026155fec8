"""C8: how often another condition has become TRUE."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.condition.columns import Columns, Reading
from alerts.condition.count import EDGES, Count
from alerts.condition.node import Node
from gateway.model import SECOND, AlarmState, FrameKind, Point, PointType, Quality, Truth
from tests.alerts.building import One
from tests.alerts.stage import BAD, WALL, Stage, rule

S = AlarmState
BOOL = Point("x", PointType.BOOL)
THRICE = {"count": 3, "of": {"is": True}, "within": "1min"}
MINUTE = 60


def pulses(one: One, *times: float) -> list[Truth]:
    """FALSE just before each of these times, TRUE at it; the answers to the latter."""
    answers = []
    for at in times:
        one.put(at - 0.5, False)
        answers.append(one.put(at, True))
    return answers


def test_the_third_edge_within_the_window_counts() -> None:
    one = One(THRICE, BOOL)
    assert pulses(one, 1, 20, 40) == [False, False, True]
    assert one.node.reading(one.columns) == Reading(3, 3)


def test_one_less_is_not_enough() -> None:
    assert pulses(One(THRICE, BOOL), 1, 20) == [False, False]


def test_exactly_a_window_old_is_out() -> None:
    one = One(THRICE, BOOL)
    assert pulses(one, 1, 20, 61) == [False, False, False]
    one = One(THRICE, BOOL)
    assert pulses(one, 1, 20, 60.999) == [False, False, True]
    assert one.node.next_due() == 61 * SECOND
    assert one.node.tick(one.columns, 61 * SECOND - 1) is True
    assert one.tick(61) is False


def test_it_is_not_begun_anew_when_it_trips() -> None:
    one = One(THRICE, BOOL)
    assert pulses(one, 1, 2, 3, 50, 62.5) == [False, False, True, True, True]


def test_it_clears_below_what_the_rule_says() -> None:
    one = One({**THRICE, "clears_below": 1}, BOOL)
    assert pulses(one, 1, 20, 40) == [False, False, True]
    assert one.tick(99.9) is True, "one of three is left"
    assert one.node.next_due() == 100 * SECOND
    assert one.tick(100) is False
    assert pulses(one, 110, 120) == [False, False], "and from below it takes all of them again"


def test_what_is_true_when_it_is_first_known_is_no_edge() -> None:
    one = One({**THRICE, "count": 1}, BOOL)
    assert [one.put(0, True), one.put(1, True), one.put(2, False), one.put(3, True)] == [False, False, False, True]


def test_behind_unknown_it_counts_only_if_it_was_false() -> None:
    one = One({**THRICE, "count": 1}, BOOL)
    one.put(0, False)
    assert one.put(1, None, Quality.BAD_COMM) is None
    assert one.put(2, True) is True, "FALSE was the last that was known"
    again = One({**THRICE, "count": 1}, BOOL)
    again.put(0, True)
    again.put(1, None, Quality.BAD_COMM)
    assert again.put(2, True) is False, "TRUE was"


def test_unknown_hides_edges_but_takes_none_back() -> None:
    one = One(THRICE, BOOL)
    pulses(one, 1, 20, 40)
    assert one.put(45, None, Quality.BAD_COMM) is True, "three were seen"
    assert one.tick(61) is None, "two are left, and there may have been more"
    assert one.put(62, False) is False


@pytest.mark.parametrize("again", [1, 5])
def test_the_same_sample_delivered_again_is_one_edge(again: int) -> None:
    one = One({**THRICE, "count": 2}, BOOL)
    one.put(0, False)
    for _ in range(again):
        assert one.put(1, True) is False
        assert one.tick(1) is False


def test_what_a_broker_kept_sets_the_state_and_is_no_edge() -> None:
    one = One({**THRICE, "count": 1}, BOOL)
    one.put(0, False)
    assert one.put(1, True, Quality.UNCERTAIN_INITIAL) is False
    assert one.put(2, True) is False
    one.put(3, False, Quality.UNCERTAIN_INITIAL)
    assert one.put(4, True) is True


def test_one_that_has_stood_there_since_hides_no_edge_of_another() -> None:
    """A kept value stays INITIAL until it is said again."""
    both = {"all": [{"point": "b", "is": True}, {"is": True}]}
    one = One({"count": 1, "of": both, "within": "1min"}, BOOL)
    one.put(0, False)
    one.put(1, True, Quality.UNCERTAIN_INITIAL, "b")
    assert one.put(2, True) is True


def test_edges_and_the_last_answer_survive_a_restart() -> None:
    one = One(THRICE, BOOL)
    pulses(one, 1, 20)
    one.put(21, False)
    state = json.loads(json.dumps(one.node.snapshot()))
    again = One(THRICE, BOOL)
    again.node.restore(state)
    again.columns.forget(5 * SECOND)
    assert again.tick(22) is None
    assert again.put(23, True) is True, "it became TRUE while nobody looked"
    assert again.node.next_due() == 56 * SECOND, "the first edge is five seconds older than building time says"


def test_a_long_outage_takes_edges_out_of_the_window() -> None:
    one = One(THRICE, BOOL)
    pulses(one, 1, 2)
    one.put(3, False)
    one.columns.forget(58 * SECOND)
    assert one.put(4, True) is False, "two minutes ago and one now"
    assert one.node.reading(one.columns).value == 1


def test_a_standing_answer_goes_on_over_a_restart() -> None:
    one = One(THRICE, BOOL)
    pulses(one, 1, 2, 3)
    one.columns.forget(0)
    assert one.tick(10) is True
    assert one.tick(61) is None
    assert one.put(62, False) is False


def test_memory_is_bounded() -> None:
    one = One({**THRICE, "count": 1000, "within": "7d"}, BOOL)
    for at in range(10**6, 10**6 + 4000):
        one.put(at, at % 2 == 1)
    assert one.tick(10**6 + 4000) is True
    assert one.node.reading(one.columns).value == EDGES
    assert len(json.dumps(one.node.snapshot())) < 14_000


def test_an_alarm_that_repeats_is_counted() -> None:
    one = One({"count": 2, "of": {"alarm": "T-02"}, "within": "1h"})
    answers = []
    for at, active in enumerate([False, True, False, None, True, False]):
        one.columns.alarm_active["T-02", "d"] = active
        answers.append(one.tick(at))
    assert answers == [False, False, False, None, True, True]
    assert one.node.alarms == {("T-02", "d")}


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"count": 0}, "count"),
        ({"count": 1001}, "count"),
        ({"clears_below": 4}, "clears_below"),
        ({"clears_below": 0}, "clears_below"),
        ({"within": "8d"}, "within"),
        ({"within": "100ms"}, "within"),
        ({"of": {}}, "of"),
    ],
)
def test_mistakes_are_told_at_their_key(changes: Any, where: str) -> None:
    with pytest.raises(ValidationError) as caught:
        One({**THRICE, **changes}, BOOL)
    assert caught.value.errors()[0]["loc"] == ("when", where)


class Says(Node):
    """An inner condition that answers what it is told."""

    truth: Truth = None

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        return self.truth


def oracle(steps: list[tuple[int, Truth]], count: int, clears: int, within: int) -> list[Truth]:
    """From the whole past, each time anew."""
    answers: list[Truth] = []
    tripped = False
    for index, (now, truth) in enumerate(steps):
        edges, last = [], None
        for at, each in steps[: index + 1]:
            if each and last is False:
                edges.append(at)
            last = last if each is None else each
        n = sum(now - within < at <= now for at in edges)
        tripped = n >= count or (tripped and n >= clears)
        answers.append(True if tripped else None if truth is None else False)
    return answers


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from([True, False, None])), max_size=60),
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from([1, 5, 20, 60]),
)
def test_against_the_oracle(steps: list[tuple[int, Truth]], count: int, clears: int, within: int) -> None:
    clears = min(count, clears)
    inner = Says()
    node = Count(inner, count, clears, within * SECOND)
    columns, played, answers, at = Columns(), [], [], 0
    for step, truth in steps:
        at += step
        while (due := node.next_due()) is not None and due < at * SECOND:
            # what leaves the window in between must have been noticed in between
            played.append((due // SECOND, inner.truth))
            answers.append(node.tick(columns, due))
        inner.truth = truth
        played.append((at, truth))
        answers.append(node.judge(columns, at * SECOND))
    assert answers == oracle(played, count, clears, within)


# --- in the engine


def counting(**changes: Any) -> Stage:
    stage = Stage(rule("R", when={"count": 2, "of": {"is": True}, "within": "1min"}, **changes))
    stage.at(0).set(a=False)
    stage.at(1).set(a=True)
    stage.at(2).set(a=False)
    return stage


def test_it_clears_by_the_clock_alone() -> None:
    stage = counting()
    stage.at(10).set(a=True)
    assert stage.state() is S.UNACKED
    assert stage.life().value == 2 and stage.life().limit == 2
    stage.at(61).tick()
    assert stage.state() is S.RTN_UNACKED


def test_a_late_edge_inside_the_tolerance_counts_and_history_does_not() -> None:
    stage = counting()
    stage.at(10).set(a=False, source_s=6)
    stage.at(11).set(kind=FrameKind.HISTORY, source_s=-600, a=True)
    stage.at(12).set(kind=FrameKind.HISTORY, source_s=-590, a=False)
    assert stage.state() is S.NORMAL
    stage.at(13).set(a=True, source_s=9)
    assert stage.state() is S.UNACKED


@pytest.mark.parametrize("hours", [-1, 1, -24, 24])
def test_a_clock_step_counts_nothing_twice_and_takes_nothing_out(hours: int) -> None:
    stage = counting()
    stage.wall += hours * 3600 * SECOND
    stage.at(3).tick()
    assert stage.state() is S.NORMAL
    stage.at(10).set(a=True)
    assert stage.state() is S.UNACKED
    stage.at(60.9).tick()
    assert stage.state() is S.UNACKED


def test_a_restart_in_the_middle_of_the_window() -> None:
    stage = counting()
    stage.save()
    stage.at(3).restart(outage_s=20)
    stage.at(4).set(a=BAD)
    stage.at(5).set(a=True)
    assert stage.state() is S.UNACKED
    assert stage.wall == WALL + 20 * SECOND
    stage.at(40.9).tick()
    assert stage.state() is S.UNACKED
    stage.at(41).tick()
    assert stage.state() is S.RTN_UNACKED, "the first edge is a minute old by the calendar"


def test_its_inputs_are_guarded() -> None:
    stage = counting(severity="high")
    stage.at(10).set(a=BAD)
    stage.at(71).tick()
    assert stage.state("R/protection_lost") is S.UNACKED
