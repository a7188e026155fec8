"""C7: what should move and stands still."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.condition.build import Absent, Mistake
from alerts.condition.columns import Reading
from alerts.condition.flat import STEPS, Spread
from gateway.model import SECOND, AlarmState, FrameKind, Point, PointType, Quality, Truth
from tests.alerts.building import One
from tests.alerts.stage import BAD as BAD_SAMPLE
from tests.alerts.stage import Stage, rule

FLAT = {"flat_within": "0.02 m", "over": "1min", "samples": 5}
GATED = {**FLAT, "while": {"point": "b", "is": True}}
BAD = Quality.BAD_COMM


def play(one: One, seconds: Sequence[int], value: float = 1.0) -> list[Truth]:
    return [one.put(at, value) for at in seconds]


def test_unknown_until_the_window_is_whole_and_then_flat() -> None:
    one = One(FLAT)
    assert play(one, range(0, 70)) == [None] * 60 + [True] * 10
    assert one.node.reading(one.columns) == Reading(0.0, 0.02, "m")


def test_it_moves_as_soon_as_it_has_moved_and_for_one_window() -> None:
    one = One(FLAT)
    play(one, range(0, 70))
    assert one.put(70, 1.03) is False
    assert one.node.reading(one.columns) == Reading(0.03, 0.02, "m")
    answers = play(one, range(71, 140))
    assert answers == [False] * 59 + [True] * 10, "a minute behind the jump it is out of the window"


def test_it_is_known_to_move_before_the_window_is_whole() -> None:
    one = One(FLAT)
    assert [one.put(0, 1.0), one.put(1, 1.5)] == [None, False]


@pytest.mark.parametrize(
    ("eps", "values", "truth"),
    [
        ("0.01 m", [0.30, 0.31], True),  # one step of the sensor, however binary writes it
        ("0.01 m", [1000.30, 1000.31], True),
        ("0.01 m", [0.30, 0.32], False),
        ("0 m", [0.30, 0.30], True),
        ("0 m", [0.30, math.nextafter(0.3, 1)], True),
        ("0 m", [0.30, 0.3001], False),
        ("9 mm", [0.30, 0.31], False),  # less than a step: noise of one bit is movement
    ],
)
def test_a_quantised_sensor(eps: str, values: list[float], truth: bool) -> None:
    one = One({**FLAT, "flat_within": eps})
    assert [one.put(at, values[at % 2]) for at in range(62)][-1] is truth


def test_too_few_samples_are_unknown() -> None:
    """Sixty-one seconds are there, but not enough was seen."""
    one = One({**FLAT, "samples": 8, "max_gap": "30s"})
    assert play(one, range(0, 101, 10)) == [None] * 11
    assert play(One({**FLAT, "samples": 6, "max_gap": "30s"}), range(0, 61, 10))[-1] is True


def test_bad_in_the_middle_is_left_out() -> None:
    one = One(FLAT)
    play(one, range(0, 30))
    assert [one.put(at, 99.0, BAD) for at in range(30, 38)] == [None] * 8
    assert play(one, range(38, 70))[-10:] == [True] * 10


@pytest.mark.parametrize(("gap", "truth"), [(10, True), (11, None)])
def test_a_gap_begins_a_new_window(gap: int, truth: Truth) -> None:
    one = One(FLAT)
    play(one, range(0, 61))
    assert one.node.next_due() == 70 * SECOND + 1
    assert one.tick(70) is True
    assert one.node.tick(one.columns, 70 * SECOND + 1) is None
    assert one.node.next_due() is None
    assert one.put(60 + gap, 1.0) is truth


def test_movement_too_is_forgotten_behind_a_gap() -> None:
    one = One(FLAT)
    one.put(0, 1.0)
    assert one.put(1, 2.0) is False
    assert one.tick(11) is False
    assert one.tick(11.1) is None


@pytest.mark.parametrize(("outage", "truth"), [(0, True), (9, True), (10, None), (3600, None)])
def test_a_restart_is_a_gap_of_the_outage(outage: int, truth: Truth) -> None:
    one = One(FLAT)
    play(one, range(0, 70))
    one.columns.forget(outage * SECOND)
    assert one.tick(70) is None
    assert one.put(70, 1.0) is truth


def test_the_outage_is_part_of_the_window() -> None:
    one = One(FLAT)
    play(one, range(0, 55))
    one.columns.forget(5 * SECOND)
    assert [one.put(54.9, 1.0), one.put(55, 1.0)] == [None, True]


def test_a_jump_over_a_short_restart_is_seen() -> None:
    one = One(FLAT)
    play(one, range(0, 70))
    one.columns.forget(5 * SECOND)
    assert one.put(71, 1.5) is False


# --- the gate


def gated(first: bool = True) -> One:
    one = One(GATED)
    one.put(0, first, point="b")
    return one


def test_while_the_gate_is_shut_it_is_false_and_begins_behind_it() -> None:
    one = gated()
    play(one, range(1, 70))
    assert one.put(70, False, point="b") is False
    assert play(one, range(71, 200)) == [False] * 129
    assert one.put(200, True, point="b") is None, "what was seen behind a shut gate is not seen"
    assert play(one, range(201, 265)) == [None] * 60 + [True] * 4


def test_a_gate_that_toggles_never_lets_it_become_true() -> None:
    one = gated()
    answers = []
    for at in range(1, 400):
        if at % 50 == 0:
            one.put(at, False, point="b")
            one.put(at + 0.5, True, point="b")
        answers.append(one.put(at + 0.6, 1.0))
    assert True not in answers


def test_an_unknown_gate_neither_begins_anew_nor_lets_anything_pass() -> None:
    one = gated()
    play(one, range(1, 70))
    assert one.put(70, None, BAD, "b") is None
    assert one.put(71, 1.0) is None
    assert one.put(72, True, point="b") is True
    one.put(73, None, BAD, "b")
    assert one.put(74, 2.0) is False, "what moves is not flat, whatever the gate"


def test_the_gate_is_needed_too() -> None:
    one = gated()
    assert one.node.needs == one.node.slots == {one.columns.slot("d", name) for name in "xb"}
    assert one.node.inside()


# --- bounds


@pytest.mark.parametrize(("over", "step"), [("24h", 1), ("7d", 11), ("1min", 1)])
def test_memory_is_bounded_whatever_the_window(over: str, step: int) -> None:
    one = One({"flat_within": "100 m", "over": over, "max_gap": "1min"})
    length = {"24h": 86_400, "7d": 604_800, "1min": 60}[over]
    first = 10**6
    for at in range(first, first + length + 2 * step, step):
        answer = one.put(at, 1 / 3 + at % 100)
    assert answer is True
    assert len(one.node.snapshot()[2][1]) <= STEPS + 2
    assert len(json.dumps(one.node.snapshot())) < 20_000


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 5)), min_size=1, max_size=400))
def test_the_window_is_at_most_one_step_longer_than_asked(samples: list[tuple[int, int]]) -> None:
    over, step = 120, 1
    spread, at, seen = Spread(over * 10), 0, []
    for wait, value in samples:
        at += wait
        spread.add(at, value)
        seen.append((at, value))
        least = [value for when, value in seen if when > at - over * 10]
        most = [value for when, value in seen if when > at - (over + step) * 10]
        assert max(least) - min(least) <= spread.width <= max(most) - min(most)
        assert len(least) <= spread.count <= len(most)


def oracle(samples: list[tuple[int, int | None, Truth]], eps: int, over: int, least: int, gap: int) -> list[Truth]:
    """From the whole past, each time anew: (second, value or BAD, gate)."""
    answers: list[Truth] = []
    for index, (now, newest, gate) in enumerate(samples):
        if gate is False:
            answers.append(False)
            continue
        run: list[tuple[int, int]] = []
        for at, value, is_open in samples[: index + 1]:
            if is_open is False:
                run = []
            elif value is not None:
                run = [*(run if not run or at - run[-1][0] <= gap else []), (at, value)]
        window = [value for at, value in run if at > now - over]
        if newest is None:
            answers.append(None)
        elif max(window) - min(window) > eps:
            answers.append(False)
        elif len(window) < least or now - run[0][0] < over:
            answers.append(None)
        else:
            answers.append(True if gate else None)
    return answers


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 14),
            st.none() | st.integers(0, 3),
            st.sampled_from([True, True, True, True, True, True, False, None]),
        ),
        max_size=60,
    )
)
def test_against_the_oracle(steps: list[tuple[int, int | None, Truth]]) -> None:
    one = One({"flat_within": "2 m", "over": "1min", "samples": 5, "while": {"point": "b", "is": True}})
    samples, answers, at = [], [], 0
    for step, value, gate in steps:
        at += step
        samples.append((at, value, gate))
        slot = one.columns.slot("d", "b")
        one.columns.put(slot, gate, BAD if gate is None else 0, at * SECOND)
        answers.append(one.put(at, value, BAD if value is None else 0))
    assert answers == oracle(samples, 2, 60, 5, 10)


# --- what is refused


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"samples": 1}, "samples"),
        ({"over": "8d"}, "over"),
        ({"over": "500ms"}, "over"),
        ({"flat_within": "-1 m"}, "flat_within"),
        ({"max_gap": "0s"}, "max_gap"),
        ({"max_gap": "61s"}, "max_gap"),
        ({"while": {}}, "while"),
    ],
)
def test_mistakes_are_told_at_their_key(changes: Any, where: str) -> None:
    with pytest.raises(ValidationError) as caught:
        One({**FLAT, **changes})
    assert caught.value.errors()[0]["loc"] == ("when", where)


@pytest.mark.parametrize(("poll_s", "says"), [(0, "that it stands still says nothing"), (13, "5 samples in 1min")])
def test_where_it_could_never_be_true_the_device_is_not_watched(poll_s: float, says: str) -> None:
    with pytest.raises(Absent, match=says):
        One(FLAT, poll_s=poll_s)


def test_only_numbers_are_flat() -> None:
    with pytest.raises(Mistake, match="not a number"):
        One(FLAT, Point("x", PointType.BOOL))


# --- in the engine


def test_late_samples_move_nothing() -> None:
    stage = Stage(rule("R", "level", when={"flat_within": "1 cm", "over": "10s", "samples": 3}))
    for at in range(12):
        stage.at(at).set(level=1.0)
        stage.set(kind=FrameKind.HISTORY, source_s=at - 600, level=5.0 + at)
    assert stage.state() is AlarmState.UNACKED
    stage.at(12).set(level=BAD_SAMPLE)
    assert stage.state() is AlarmState.UNACKED
    stage.at(13).set(level=1.5)
    assert stage.state() is AlarmState.RTN_UNACKED


@pytest.mark.parametrize("hours", [-24, -1, 1, 24])
def test_a_clock_step_moves_nothing(hours: int) -> None:
    stage = Stage(rule("R", "level", when={"flat_within": "1 cm", "over": "10s", "samples": 3}))
    for at in range(12):
        stage.at(at).set(level=1.0)
        if at == 5:
            stage.wall += hours * 3600 * SECOND
        assert stage.state() is (AlarmState.UNACKED if at >= 10 else AlarmState.NORMAL)
