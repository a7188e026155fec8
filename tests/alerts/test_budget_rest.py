"""What a rule that takes too long still does: an answer counts, life safety is tried soon, nothing unseen held."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.budget import FIRST_REST_NS
from gateway.model import SECOND, AlarmState
from tests.alerts.costly import CostlyStage
from tests.alerts.stage import Stage, rule
from tests.alerts.test_budget import FRAMES, LIFE, REST_S, WHY, set_aside

S = AlarmState
TOOK = WHY.removeprefix("dev: ")
ALL = {"a": False, "b": False, "c": False}
ENTRAPPED: dict[str, Any] = {"when": {"is": True, "for": "5min"}}
UNANSWERED: dict[str, Any] = {"when": {"absent": {"point": "b", "is": True}, "after": {"is": True}, "by": "5min"}}
RUNNING: dict[str, Any] = {"when": {"is": True, "samples": 3}}


@pytest.mark.parametrize("fields", [{}, LIFE])
def test_an_answer_that_took_too_long_is_an_answer(fields: dict[str, Any]) -> None:
    here = CostlyStage(rule("R", **fields))
    here.at(0).set(a=False)
    here.costs["R"] = 83
    here.every(1, FRAMES - 1, a=False).every(1, 1, a=True)
    assert here.faults() == {"R": WHY} and here.told() == ["raise"] and here.life().held


def test_a_return_that_took_too_long_to_see_is_one() -> None:
    here = CostlyStage(rule("R"))
    here.at(0).set(a=True)
    here.costs["R"] = 83
    here.every(1, FRAMES - 1, a=True).every(1, 1, a=False)
    assert here.faults() == {"R": WHY} and here.told() == ["raise", "recover"]


def test_what_was_seen_to_be_over_is_no_longer_awaited() -> None:
    """A delay of life safety runs on while nothing is known, but this is known."""
    here = CostlyStage(rule("R", on_delay="20s", **LIFE))
    here.at(0).set(a=True)
    here.costs["R"] = 83
    here.every(1, FRAMES - 1, a=True).every(1, 1, a=False)
    assert here.engine.faulty_rules and here.state() is S.NORMAL


def test_a_slow_rule_of_life_safety_is_late_by_seconds_and_not_silent() -> None:
    here = set_aside(rule("R", **LIFE))
    here.every(1, 1, a=True)
    here.every(1, 8, b=False)
    assert here.faults() == {"R": WHY} and here.told() == ["raise"]


@pytest.mark.parametrize(("cost", "rest_s"), [(51, 5.1), (83, 8.3), (900, 90), (60_000, REST_S)])
def test_it_has_a_hundredth_of_a_processor_at_the_most_and_ten_minutes_at_the_longest(
    cost: float, rest_s: float
) -> None:
    here = set_aside(rule("R", **LIFE), cost=cost)
    begin = FRAMES * SECOND
    for _ in range(5):
        live, _ = here.engine.at_work("R", "dev")
        due = live.condition_due_ns
        assert due is not None and due - begin == round(rest_s * SECOND) <= FIRST_REST_NS
        begin = due
        here.at(due / SECOND).tick()


def test_of_an_hour_of_tries_the_journal_says_nothing_new_and_the_companion_rings_once() -> None:
    here = CostlyStage(rule("R", off_delay="1h", **LIFE))
    here.at(0).set(a=True)
    for number in range(3600):
        here.costs["R"] = 80 + number % 7
        here.every(1, 1, a=True)
    assert here.rows() == ["raise", "hold"] and len(here.errors()) == 1
    assert here.told("R/protection_lost") == ["raise"]


@pytest.mark.parametrize("kill", [False, True])
@pytest.mark.parametrize(
    ("fields", "before", "unseen", "behind"),
    [
        (ENTRAPPED, {"a": True}, {"a": False}, {"a": True}),
        (UNANSWERED, {"a": True, "b": False}, {"b": True}, {"b": False}),
        (RUNNING, {"a": True}, {"a": False}, {"a": True}),
    ],
    ids=["for", "absent", "samples"],
)
def test_what_it_has_not_seen_did_not_hold_nor_fail_to_come(
    kill: bool, fields: dict[str, Any], before: dict[str, bool], unseen: dict[str, bool], behind: dict[str, bool]
) -> None:
    """Neither after the rest nor where a start judges the log of its second half, without measuring."""
    here = CostlyStage(rule("R", **fields))
    here.at(0).set(**ALL)
    here.costs["R"] = 83
    here.every(1, FRAMES - 2, **ALL).every(1, 2, **before)
    assert here.engine.faulty_rules
    here.every(10, 1, **unseen).every(100, 1, **unseen)
    here.costs.clear()
    if kill:
        here.save()
    here.every(200, 1, **behind).every(10, 1, **behind)
    if kill:
        here.restart()
    here.at(FRAMES + REST_S).tick()
    here.every(1, 1, **behind)
    assert not here.engine.faulty_rules and not here.told()


def test_slow_and_failing_behind_its_rest_it_is_set_aside_again() -> None:
    here = set_aside(rule("R"))
    live, _ = here.engine.at_work("R", "dev")
    inner: Any = live.condition.inside()[0]  # type: ignore[attr-defined]
    inner.answers = None
    here.at(FRAMES + REST_S).tick()
    asked = here.asked["R"]
    here.every(1, 20, a=True)
    assert here.faults() == {"R": WHY} and here.asked["R"] == asked


def test_a_suppression_that_took_too_long_to_end_has_ended() -> None:
    here = CostlyStage(rule("R", suppress_when={"point": "b", "is": True}))
    here.at(0).set(a=True, b=True)
    assert not here.told()
    here.costs["R?"] = 83
    here.every(1, FRAMES - 1, b=True).every(1, 1, b=False)
    assert here.faults() == {"R": f"dev: suppress_when: {TOOK}"} and here.told() == ["reraise"]


def test_one_that_took_too_long_to_begin_has_not() -> None:
    here = CostlyStage(rule("R", suppress_when={"point": "b", "is": True}))
    here.at(0).set(a=False, b=False)
    here.costs["R?"] = 83
    here.every(1, FRAMES - 1, b=False).every(1, 1, b=True)
    here.every(1, 1, a=True)
    assert here.engine.faulty_rules and here.told() == ["raise"]


def test_a_suppression_that_was_set_aside_saw_nothing_hold_though_its_rule_is_edited_meanwhile() -> None:
    quiet = {"suppress_when": {"point": "b", "is": True, "for": "5min"}}
    here = CostlyStage(rule("R", **quiet))
    here.at(0).set(a=False, b=False)
    here.costs["R?"] = 83
    here.every(1, FRAMES - 1, b=False).every(1, 1, b=True)
    here.every(10, 1, b=False).every(400, 1, b=True)
    here.costs.clear()
    here.succeed((rule("R", on_delay="1s", **quiet),))
    here.every(1, 1, a=True)
    here.every(2, 1, a=True)
    assert here.told() == ["raise"]


steps = st.lists(
    st.tuples(st.sampled_from("ab"), st.booleans(), st.sampled_from([20, 80]), st.sampled_from([1, 5, 30, 700])),
    max_size=30,
)


@settings(max_examples=200)
@given(steps)
def test_whatever_it_costs_a_life_safety_rule_raises_what_it_would_have_raised_if_it_lasts(
    script: list[tuple[str, bool, int, int]],
) -> None:
    """TRUE for ten seconds is told, slow or not; and it never says what a quick one would not say."""
    here, quick = CostlyStage(rule("R", **LIFE)), Stage(rule("R", **LIFE))
    for point, value, cost, wait in script:
        here.costs["R"] = cost
        here.every(wait, 1, **{point: value})
        quick.at(here.now_ns / SECOND).set(**{point: value})
    here.every(1, 10, b=True)
    quick.at(here.now_ns / SECOND).tick()
    if quick.state() is S.UNACKED:
        assert here.state() is S.UNACKED
    if not quick.told():
        assert not here.told()
