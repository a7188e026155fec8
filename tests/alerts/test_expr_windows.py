"""Ages and windows in expressions: what they answer with and without samples, over gaps, restarts and silence."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.condition.expr_watch import BUCKETS, Expression
from alerts.condition.scope import Absent
from alerts.condition.timed import ExprSpec
from gateway.model import SECOND, Quality, Truth
from tests.alerts.expressions import Played


def seen(played: Played) -> object:
    node = played.node
    assert isinstance(node, Expression)
    return node._seen[0]


# --- age


def test_an_age_needs_no_sample_to_grow() -> None:
    played = Played('age(level) > "30 s"')
    assert played.put(10, {"level": 1.0}) is False
    assert played.due_s() == 40
    assert played.tick(40) is False
    assert played.node.next_due() == 40 * SECOND + 1
    played.now_ns = 40 * SECOND + 1
    assert played.node.tick(played.columns, played.now_ns) is True
    assert played.node.next_due() is None
    assert played.put(41, {"level": 1.0}) is False


def test_at_the_limit_itself_at_least_is_true() -> None:
    played = Played('age(level) >= "30 s"')
    played.put(10, {"level": 1.0})
    assert (played.tick(39.9), played.tick(40)) == (False, True)


def test_bad_samples_are_no_reception_and_uncertain_ones_are() -> None:
    played = Played('age(level) > "30 s"')
    played.put(10, {"level": 1.0})
    assert played.put(41, {"level": None}) is True
    assert played.put(42, {"level": 1.0}, Quality.UNCERTAIN_CLOCK) is False


def test_before_the_first_sample_and_after_a_restart_it_counts_from_there() -> None:
    played = Played('age(level) > "30 s"')
    assert (played.tick(100), played.tick(130)) == (False, False)
    assert played.tick(131) is True
    played.columns.forget()
    assert (played.tick(200), played.tick(230), played.tick(231)) == (False, False, True)


def test_an_age_that_is_worked_with_is_looked_at_each_second() -> None:
    played = Played('age(level) - age(depth) > "10 s"')
    played.put(10, {"level": 1.0, "depth": 1.0})
    assert played.due_s() == 11
    assert played.put(25, {"depth": 1.0}) is True


# --- windows


def test_a_mean_is_over_time_and_answers_from_half_of_its_window_on() -> None:
    played = Played('avg(level, "60 s") > "2 m"')
    for at in range(30):
        assert played.put(at, {"level": 3.0}) is None
    assert played.put(30, {"level": 1.0}) is True
    assert seen(played) == 3.0
    for at in range(31, 61):
        played.put(at, {"level": 1.0})
    assert seen(played) == pytest.approx(2.0)
    assert played.put(63, {"level": 1.0}) is False


def test_quick_samples_weigh_no_more() -> None:
    played = Played('avg(level, "60 s") > "2 m"')
    for at in range(40):
        played.put(at, {"level": 0.0})
    for tenth in range(20):
        played.put(40 + tenth / 10, {"level": 9.0})
    played.put(42, {"level": 9.0})
    assert seen(played) == pytest.approx(9 * 2 / 42)


@pytest.mark.parametrize(("kind", "found"), [("min", 1.0), ("max", 9.0)])
def test_extremes_leave_with_their_bucket(kind: str, found: float) -> None:
    played = Played(f'{kind}(level, "60 s") > "0 m"')
    for at in range(60):
        played.put(at, {"level": found if at == 5 else 5.0})
    assert seen(played) == found
    played.put(65, {"level": 5.0})
    assert seen(played) == found
    played.put(67, {"level": 5.0})
    assert seen(played) == 5.0


def test_a_bad_value_is_unknown_and_stands_in_no_mean() -> None:
    played = Played('avg(level, "60 s") >= "1 m"')
    for at in range(50):
        played.put(at, {"level": 1.0})
    assert played.put(50, {"level": None}) is None
    assert played.put(51, {"level": 1.0}) is True
    for at in range(52, 90):
        played.put(at, {"level": None})
    assert played.put(100, {"level": 1.0}) is None  # most of the window was lost
    assert played.put(101, {"level": 1.0}) is None


def test_silence_of_a_polled_device_is_unknown_by_itself() -> None:
    played = Played('avg(level, "60 s") >= "1 m"')
    for at in range(50):
        played.put(at, {"level": 1.0})
    due = played.node.next_due()
    assert due == 59 * SECOND + 1  # three polls, and at least ten seconds, after the last
    assert played.node.tick(played.columns, due - 1) is True
    assert played.node.tick(played.columns, due) is None


def test_of_a_device_that_speaks_only_when_something_changes_the_last_value_holds() -> None:
    played = Played('avg(level, "60 s") > "2 m"', poll_s=0)
    assert played.put(0, {"level": 1.0}) is None
    assert played.tick(30) is False
    assert played.put(100, {"level": 5.0}) is False
    truths = []
    while (due := played.node.next_due()) is not None:
        truths.append(played.node.tick(played.columns, due))
        assert due <= 165 * SECOND and len(truths) < 100
    assert truths[0] is False and truths[-1] is True and seen(played) == 5.0
    assert played.node.next_due() is None  # nothing moves: nobody is woken


def test_a_window_does_not_reach_over_a_restart() -> None:
    played = Played('max(level, "60 s") > "2 m"')
    for at in range(60):
        played.put(at, {"level": 9.0})
    played.columns.forget()
    assert played.put(61, {"level": 1.0}) is None
    for at in range(62, 91):
        assert played.put(at, {"level": 1.0}) is None
    assert played.put(91, {"level": 1.0}) is False


def test_its_memory_is_bounded() -> None:
    played = Played('avg(level, "10 s") > "2 m"')
    for at in range(5000):
        played.put(at / 50, {"level": at % 7})
    (state,) = played.node.snapshot()
    assert len(state["pieces"]) <= BUCKETS + 2


def test_a_rate_is_per_second() -> None:
    played = Played('rate(level, "60 s") > "5 cm/min"')
    for at in range(30):
        assert played.put(at, {"level": at * 0.001}) is None
    assert played.put(30, {"level": 0.030}) is True
    assert seen(played) == pytest.approx(0.001)
    assert played.node.reading(played.columns) == (0.001, pytest.approx(0.05 / 60), "m/s")
    for at in range(31, 95):
        played.put(at, {"level": 0.030})
    assert played.tick(94) is False
    assert played.tick(200) is None


def test_a_counter_that_begins_again_is_no_fall() -> None:
    played = Played('rate(meter, "60 s") < "0 kWh/h"')
    truths = [played.put(at, {"meter": at if at < 40 else at - 40}) for at in range(80)]
    assert True not in truths


def test_a_falling_value_is_negative() -> None:
    played = Played('rate(air, "60 s") < "-1 K/min"')
    for at in range(40):
        played.put(at, {"air": 20 - at * 0.1})
    assert played.tick(39) is True


def test_a_device_that_is_too_slow_for_the_window_is_not_watched() -> None:
    with pytest.raises(Absent, match="too slow for a window of 60 s"):
        Played('avg(level, "60 s") > "1 m"', poll_s=60)


def test_protection_lost_waits_for_half_of_the_longest_window() -> None:
    played = Played('avg(level, "10min") > "1 m" and rate(level, "1 h") > "0 m/s"')
    assert ExprSpec(expr='avg(x, "10min") > 1 and rate(x, "1 h") > 0').fills_ns == 1800 * SECOND
    assert ExprSpec(expr="x > 1").fills_ns == 0
    assert played.node.next_due() is None


# --- what holds of all of them

TEXTS = [
    'avg(level, "60 s") > "4 m"',
    'min(level, "60 s") > "2 m" or max(level, "30 s") > "9 m"',
    'rate(level, "60 s") > "1 m/min" and a',
    'age(level) > "12 s" or age(depth) - age(level) > "3 s"',
    'alarm("F") and max(level, "20 s") > depth',
]
SAMPLES = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 2, 5, 30]),
        st.sampled_from(["level", "level", "depth", "a", "tick"]),
        st.integers(0, 10),
        st.sampled_from([0, 0, 0, 0, Quality.BAD_COMM, Quality.BAD_SENSOR, Quality.UNCERTAIN_CLOCK]),
    ),
    max_size=50,
)


def play(played: Played, at: float, point: str, value: int, quality: int) -> Truth:
    if point == "tick":
        return played.tick(at)
    return played.put(at, {point: value > 5 if point == "a" else float(value)}, quality)


@pytest.mark.parametrize("poll_s", [0, 1])
@pytest.mark.parametrize("text", TEXTS)
@settings(deadline=None, max_examples=40)
@given(samples=SAMPLES, cut=st.integers(0, 50))
def test_restored_at_any_moment_it_goes_on_exactly(
    text: str, poll_s: int, samples: list[tuple[int, str, int, int]], cut: int
) -> None:
    going, stopped = Played(text, poll_s=poll_s), Played(text, poll_s=poll_s)
    at = 0
    for index, (step, point, value, quality) in enumerate(samples):
        at += step
        if index == cut:
            state = json.loads(json.dumps(stopped.node.snapshot()))
            again = Played(text, poll_s=poll_s)
            again.columns = stopped.columns
            again.node.restore(state)
            stopped = again
        assert play(going, at, point, value, quality) is play(stopped, at, point, value, quality)
        assert going.node.next_due() == stopped.node.next_due()
    assert going.node.snapshot() == stopped.node.snapshot()


@pytest.mark.parametrize("poll_s", [0, 1])
@pytest.mark.parametrize("text", TEXTS)
@settings(deadline=None, max_examples=40)
@given(samples=SAMPLES)
def test_asking_again_changes_nothing(text: str, poll_s: int, samples: list[tuple[int, str, int, int]]) -> None:
    once, twice = Played(text, poll_s=poll_s), Played(text, poll_s=poll_s)
    at = 0
    for step, point, value, quality in samples:
        at += step
        answer = play(once, at, point, value, quality)
        assert play(twice, at, point, value, quality) is answer
        assert twice.tick(at) is answer
        due = twice.node.next_due()
        assert due is None or due > at * SECOND
    assert once.node.snapshot() == twice.node.snapshot()


@settings(deadline=None, max_examples=100)
@given(
    samples=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 10)), min_size=1, max_size=40), wait=st.integers(0, 80)
)
def test_a_window_says_what_its_samples_say(samples: list[tuple[int, int]], wait: int) -> None:
    """Against every second written out; a window is sharp to a sixtieth of itself, which here is a second."""
    found = {kind: Played(f'{kind}(level, "60 s") > "99 m"', poll_s=0) for kind in ("avg", "min", "max")}
    seconds: list[float] = []
    for lasts, value in samples:
        for played in found.values():
            played.put(len(seconds), {"level": float(value)})
        seconds += [float(value)] * lasts
    del seconds[len(seconds) - samples[-1][0] :]
    seconds += [float(samples[-1][1])] * wait
    inside = seconds[-60:]
    for played in found.values():
        played.tick(len(seconds))
    if len(seconds) < 30:
        assert {seen(played) for played in found.values()} == {None}
        return
    last = float(samples[-1][1])
    assert seen(found["avg"]) == pytest.approx(sum(inside) / len(inside))
    assert (seen(found["min"]), seen(found["max"])) == (min([*inside, last]), max([*inside, last]))
