"""C3: the slope of a sliding window, its gaps, its bounds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.condition.rate import STEPS
from gateway.model import SECOND, Quality, Truth
from tests.alerts.building import One

RISE = {"rises_by": "5 cm", "within": "10min"}
BAD = Quality.BAD_COMM


def climb(one: One, seconds: range, per_minute: float = 0.01, start: float = 0.0) -> list[Truth]:
    return [one.put(at, start + per_minute * at / 60) for at in seconds]


def test_unknown_until_half_the_window_then_true() -> None:
    one = One(RISE)
    answers = climb(one, range(0, 601, 10))
    assert answers[:30] == [None] * 30
    assert set(answers[30:]) == {True}
    assert one.node.reading(one.columns) == (pytest.approx(0.1), 0.05, "m/10min")


def test_exactly_the_limit_counts_and_the_deadband_holds() -> None:
    one = One({**RISE, "deadband": "1 cm"})
    assert climb(one, range(0, 601, 10), 0.005)[-1] is True
    for at in range(610, 1300, 10):
        answer = one.put(at, 0.05 + 0.0045 * (at - 600) / 60)
    assert answer is True, "4.5 cm in 10 min is inside the band"
    for at in range(1300, 2000, 10):
        answer = one.put(at, 0.1025 + 0.0039 * (at - 1300) / 60)
    assert answer is False


def test_falls_by() -> None:
    one = One({"falls_by": "5 cm", "within": "10min"})
    assert climb(one, range(0, 601, 10), -0.01)[-1] is True
    assert one.node.reading(one.columns).limit == -0.05
    assert climb(One({"falls_by": "5 cm", "within": "10min"}), range(0, 601, 10), 0.01)[-1] is False


@pytest.mark.parametrize("count", [1, 2])
def test_a_single_moment_has_no_slope(count: int) -> None:
    one = One({**RISE, "min_span": "1ms"})
    for value in range(count):
        assert one.put(5, value) is None


def test_of_two_values_at_one_time_the_last_counts() -> None:
    one = One({**RISE, "min_span": "1s"})
    one.put(0, 0.0)
    one.put(1, 0.0)
    assert one.put(1, 1.0) is True
    assert one.put(1, 0.0) is False


def test_a_gap_begins_a_new_window() -> None:
    one = One(RISE)
    assert climb(one, range(0, 601, 10))[-1] is True
    assert one.node.next_due() == 610 * SECOND + 1, "three polls, at least 10 s"
    assert one.tick(610) is True
    assert one.tick(610.1) is None
    assert one.node.next_due() is None
    assert one.put(611, 0.2) is None
    assert climb(one, range(621, 900, 10)) == [None] * 28


def test_a_lost_poll_does_not_blind_it_but_a_sick_sensor_does() -> None:
    one = One(RISE)
    climb(one, range(0, 601, 5))
    assert one.put(605, 0, BAD) is None
    assert one.put(610, 0.1017) is True
    assert one.put(615, 0, Quality.BAD_SENSOR) is None
    assert one.put(620, 0.1034) is None


def test_a_short_restart_is_a_gap_like_any_other() -> None:
    """A rule that every restart blinds for half its window would be blind in the night of the storm."""
    one = One({**RISE, "max_gap": "30s"})
    climb(one, range(0, 601, 10))
    one.columns.forget(20 * SECOND)
    assert one.tick(601) is None
    assert one.put(602, 0.01 * 622 / 60) is True
    assert one.node.reading(one.columns).value == pytest.approx(0.1, rel=0.02), "the outage counts as time"
    one.columns.forget(40 * SECOND)
    assert one.put(603, 0.1036) is None


def test_a_long_restart_begins_a_new_window() -> None:
    """Building time leaves the downtime out: a night's rise must not look like one of a second."""
    one = One({**RISE, "min_span": "1s"})
    climb(one, range(0, 601, 10), 0.0)
    one.columns.forget(8 * 3600 * SECOND)
    assert one.tick(601) is None
    assert one.put(602, 0.5) is None
    assert one.put(603, 0.5) is False


def test_the_window_is_bounded_whatever_the_poll() -> None:
    one = One({**RISE, "max_gap": "5s"})
    for at in range(20_000):
        one.put(at / 10, at / 10 * 0.01 / 60)
    assert len(one.node.snapshot()["samples"]) <= STEPS + 2
    assert one.put(2000.1, 2000.1 * 0.01 / 60) is True
    assert one.node.reading(one.columns).value == pytest.approx(0.1, rel=1e-6)


def brute(samples: list[tuple[int, int | None]], limit: int, within: int, span: int, gap: int) -> list[Truth]:
    answers: list[Truth] = []
    held = False
    for index, (now, newest) in enumerate(samples):
        if newest is None:
            answers.append(None)
            continue
        window: list[tuple[int, int]] = []
        for at, value in samples[: index + 1]:
            if value is None:
                continue
            if window and at - window[-1][0] > gap:
                window = []
            window.append((at, value))
        window = [(at, value) for at, value in window if at > now - within]
        (first_at, first), (last_at, last) = window[0], window[-1]
        if last_at == first_at or last_at - first_at < span:
            answers.append(None)
            continue
        held = (last - first) * within >= limit * (last_at - first_at)
        answers.append(held)
    return answers


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(1, 40), st.none() | st.integers(0, 50)), max_size=60))
def test_against_brute_force(steps: list[tuple[int, int | None]]) -> None:
    one = One({"rises_by": "20 m", "within": "2min", "min_span": "45s", "max_gap": "30s"})
    samples, at = [], 0
    for step, value in steps:
        at += step
        samples.append((at, value))
    answers = [one.put(at, value, BAD if value is None else 0) for at, value in samples]
    assert answers == brute(samples, 20, 120, 45, 30)
