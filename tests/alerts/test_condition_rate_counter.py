"""C3 on counters: a meter that begins again at 0 has neither fallen nor jumped."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import Point, PointType, Truth
from tests.alerts.building import One

RISE = {"rises_by": "50 kWh", "within": "10min"}
FALL = {"falls_by": "50 kWh", "within": "10min"}


def meter(when: dict[str, str], counter: float | None, poll_s: float = 1) -> One:
    return One(when, Point("x", PointType.FLOAT, "kWh", counter=counter), poll_s=poll_s)


def run(one: One, values: list[float], first: int = 0) -> list[Truth]:
    return [one.put(first + 10 * i, value) for i, value in enumerate(values)]


def test_a_round_of_the_counter_is_growth() -> None:
    """65,536 kWh begins again at 0; 100 kWh in ten minutes is too much on both sides of it."""
    one = meter(RISE, 65536)
    values = [(65436 + 100 * i / 60) % 65536 for i in range(121)]
    assert min(values) < 1 and values[59] > 65530
    answers = run(one, values)
    assert answers[30:] == [True] * 91
    assert one.node.reading(one.columns).value == pytest.approx(100, rel=0.02)
    assert set(run(meter(FALL, 65536), values)) == {None, False}


def test_a_round_at_rest_raises_nothing() -> None:
    answers = run(meter(RISE, 65536), [(65534 + i / 60) % 65536 for i in range(240)])
    assert set(answers) == {None, False} and answers[-1] is False


@pytest.mark.parametrize("counter", [math.inf, 65536])
@pytest.mark.parametrize("when", [RISE, FALL])
def test_a_reset_begins_a_new_window(counter: float, when: dict[str, str]) -> None:
    """A replaced meter, a charger that lost its power: 30,000 kWh have not gone back into the grid."""
    one = meter(when, counter)
    assert run(one, [30000 + i / 60 for i in range(60)])[-1] is False
    after = run(one, [i / 60 for i in range(60)], 600)
    assert after[:30] == [None] * 30 and set(after[30:]) == {False}


def test_what_is_no_counter_falls() -> None:
    assert run(meter(FALL, None), [30000.0] * 60 + [0.0] * 10)[-1] is True


@pytest.mark.parametrize(("gone", "known"), [(65536 / 8, True), (65536 / 8 + 1, False)])
def test_how_far_it_may_have_gone_between_two_samples(gone: float, known: bool) -> None:
    one = meter({**RISE, "min_span": "1s"}, 65536)
    one.put(0, 65000)
    one.put(10, 65000)
    assert one.put(20, 65000 + gone - 65536) is (True if known else None)


def test_a_device_that_speaks_of_changes_only() -> None:
    one = meter(RISE, 65536, poll_s=0)
    one.put(0, 65500)
    one.tick(600)
    assert one.put(700, 24) is True
    assert one.node.reading(one.columns).value == 60
    reset = meter(RISE, math.inf, poll_s=0)
    reset.put(0, 65500)
    reset.tick(600)
    assert reset.put(700, 24) is None
    assert reset.tick(1000) is False


@given(st.lists(st.integers(0, 8000), min_size=2, max_size=60), st.integers(0, 65535), st.integers(0, 60))
def test_rounds_make_no_difference(steps: list[int], start: int, cut: int) -> None:
    """The same growth with a counter that never ends; restored in the middle it goes on alike."""
    wrapped, endless = meter({**RISE, "min_span": "10s"}, 65536), meter({**RISE, "min_span": "10s"}, None)
    total = start
    for i, step in enumerate(steps):
        total += step
        if i == cut:
            state = json.loads(json.dumps(wrapped.node.snapshot()))
            again = meter({**RISE, "min_span": "10s"}, 65536)
            again.columns = wrapped.columns
            again.node.restore(state)
            wrapped = again
        assert wrapped.put(10 * i, total % 65536) is endless.put(10 * i, total)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=60), st.sampled_from([math.inf, 1000.0, 65536.0]))
def test_a_counter_never_falls(values: list[float], counter: float) -> None:
    one = meter({"falls_by": "1 kWh", "within": "10min", "min_span": "10s"}, counter)
    assert True not in run(one, values)
    kept = [value for _, value in one.node.snapshot()["samples"]]
    assert all(before <= after for before, after in pairwise(kept))


def test_two_rounds_within_a_window() -> None:
    one = meter({**RISE, "min_span": "10s"}, 65536)
    total = 60000
    for i in range(40):
        total += 8000
        one.put(10 * i, total % 65536)
    assert one.node.reading(one.columns).value == pytest.approx(8000 * 60)


def test_a_number_that_comes_late_or_twice_is_no_reset() -> None:
    one = meter({**RISE, "min_span": "1s"}, math.inf)
    assert run(one, [100.0, 300.0]) == [None, True]
    assert one.put(10, 100.5) is False, "of two values at one time the last counts"
    one.put(5, 7.0)
    assert [value for _, value in one.node.snapshot()["samples"]] == [100.0, 100.5]
