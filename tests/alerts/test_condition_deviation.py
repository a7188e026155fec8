"""C4: how far a point is from a constant, from another point, from its own recent median."""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.bind import bind
from alerts.condition.build import Absent, Mistake
from alerts.condition.columns import Reading
from alerts.condition.median import STEPS, Recent
from gateway.model import SECOND, Point, PointType, Quality, Truth
from tests.alerts.building import One, device, rule

FROM_5 = {"deviates_by": "3 m", "from": "5 m", "deadband": "1 m"}
FROM_Y = {"deviates_by": "3 m", "from": {"point": "y"}}
MEDIAN = {"deviates_by": "3 m", "from": {"median": "1min"}}
BAD = Quality.BAD_COMM
CELSIUS = Point("x", PointType.FLOAT, "°C")


# --- from a constant


@pytest.mark.parametrize("sign", [1, -1])
def test_both_sides_trip_and_clear_as_a_limit_does(sign: int) -> None:
    one = One(FROM_5)
    far = [3.0, 2.5, 2.0, 2.5, 3.001, 3.0, 2.001, 2.0]
    expected = [False, False, False, False, True, True, True, False]
    assert [one.put(at, 5 + sign * each) for at, each in enumerate(far)] == expected


def test_from_one_side_to_the_other_it_stays() -> None:
    one = One(FROM_5)
    assert [one.put(0, 9), one.put(1, 1)] == [True, True]


@pytest.mark.parametrize(("value", "truth"), [(0.31, False), (0.29, False), (0.311, True), (0.289, True)])
def test_decimals_are_compared_as_people_write_them(value: float, truth: bool) -> None:
    """0.31 − 0.30 is 0.010000000000000009."""
    assert One({"deviates_by": "0.01 m", "from": "0.30 m"}).put(0, value) is truth


def test_a_temperature_is_converted_and_its_difference_too() -> None:
    one = One({"deviates_by": "5 K", "from": "20 °C"}, CELSIUS)
    assert [one.put(at, value) for at, value in enumerate([25, 25.1, 15, 14.9])] == [False, True, False, True]
    assert One({"deviates_by": "5 °C", "from": "293.15 K"}, CELSIUS).put(0, 26) is True


def test_it_shows_how_far_on_which_side() -> None:
    one = One(FROM_5)
    one.put(0, 1.0)
    assert one.node.reading(one.columns) == Reading(-4.0, -3.0, "m")
    one.put(1, 9.5)
    assert one.node.reading(one.columns) == Reading(4.5, 3.0, "m")
    one.put(2, None, BAD)
    assert one.node.reading(one.columns) == Reading(None, 3.0, "m")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_unknown(value: float) -> None:
    one = One(FROM_5)
    assert one.put(0, value) is None
    assert one.node.alone(one.columns) is None


def test_the_band_is_kept_over_unknown_and_over_a_restart() -> None:
    one = One(FROM_5)
    assert [one.put(0, 9), one.put(1, None, BAD), one.put(2, 7.5)] == [True, None, True]
    one.columns.forget(60 * SECOND)
    assert one.tick(3) is None
    assert one.put(4, 7.5) is True, "no edge where nothing has changed"
    assert one.put(5, 6) is False


@settings(deadline=None, max_examples=100)
@given(
    limit=st.integers(1, 5),
    deadband=st.integers(0, 4),
    values=st.lists(st.none() | st.integers(-12, 22), max_size=30),
)
def test_a_constant_against_the_oracle(limit: int, deadband: int, values: list[int | None]) -> None:
    deadband = min(deadband, limit - 1)
    one = One({"deviates_by": f"{limit} m", "from": "5 m", "deadband": f"{deadband} m"})
    held, expected = False, []
    for value in values:
        if value is not None:
            held = abs(value - 5) > limit or (held and abs(value - 5) > limit - deadband)
        expected.append(None if value is None else held)
    assert [one.put(at, value, BAD if value is None else 0) for at, value in enumerate(values)] == expected


# --- from another point


def test_two_points_that_should_agree() -> None:
    one = One(FROM_Y)
    assert one.put(0, 5.0) is None, "the other has not spoken"
    assert one.put(0.5, 5.0, point="y") is False
    assert one.put(1, 8.5) is True
    assert one.put(1.5, 6.0, point="y") is False
    assert one.put(2, 2.9) is True
    assert one.node.reading(one.columns) == Reading(-3.1, -3.0, "m")


def test_either_side_bad_is_unknown() -> None:
    one = One(FROM_Y)
    one.put(0, 5.0, point="y")
    assert one.put(0, 9.0) is True
    assert one.put(1, None, BAD, "y") is None
    assert one.put(2, 5.0, point="y") is True
    assert one.put(3, None, BAD) is None
    assert one.put(4, None, BAD, "y") is None, "both"


def test_both_must_be_fresh_behind_a_restart() -> None:
    one = One(FROM_Y)
    one.put(0, 5.0, point="y")
    one.put(0, 9.0)
    one.columns.forget(5 * SECOND)
    assert one.put(1, 9.0) is None
    assert one.put(1, 5.0, point="y") is True


@pytest.mark.parametrize(
    ("when", "poll_s", "periods", "apart"),
    [
        (FROM_Y, 1, {}, 2),
        (FROM_Y, 1, {"y": 30}, 60),
        (FROM_Y, 20, {"x": 1}, 40),
        ({**FROM_Y, "align": "7s"}, 1, {"y": 30}, 7),
    ],
)
def test_samples_too_far_apart_are_not_compared(when: Any, poll_s: int, periods: dict[str, int], apart: int) -> None:
    points = [Point(name, PointType.FLOAT, "m") for name in "xy"]
    fitted = device("d", "test", points, poll_ns=poll_s * SECOND)
    fitted = replace(fitted, periods={key: period * SECOND for key, period in periods.items()})
    found = bind([rule(when, on={"system": "test", "point": "x"})], [fitted])
    (node, *_), columns = (each.condition for each in found.instances), found.columns
    for first, second in ("xy", "yx"):
        for late, truth in ((apart * SECOND, True), (apart * SECOND + 1, None)):
            columns.put(columns.slot("d", first), 1.0, 0, 1000 * SECOND)
            columns.put(columns.slot("d", second), 9.0, 0, 1000 * SECOND + late)
            assert node.judge(columns, 1000 * SECOND + late) is truth


def test_what_is_said_only_when_it_changes_holds() -> None:
    one = One(FROM_Y, poll_s=0)
    one.put(0, 5.0, point="y")
    assert one.put(36_000, 9.0) is True


def test_both_silent_is_not_for_it_to_say() -> None:
    """The last word of both stands until health calls it gone, as for every condition."""
    one = One(FROM_Y)
    one.put(0, 5.0, point="y")
    one.put(0, 9.0)
    assert one.tick(100) is True
    one.put(101, None, BAD)
    assert one.put(101, None, BAD, "y") is None


def test_one_frame_alone_can_tell() -> None:
    one = One(FROM_Y)
    one.put(0, 5.0, point="y")
    one.put(0, 9.0)
    assert one.node.alone(one.columns) is True
    one.columns.put(one.columns.slot("d", "y"), math.inf, 0, 0)
    assert one.node.alone(one.columns) is None
    assert One(FROM_5).node.alone(One(FROM_5).columns) is None


# --- from its own median


def steady(one: One, until: int, value: float = 5.0) -> list[Truth]:
    return [one.put(at, value) for at in range(until)]


def test_unknown_until_half_the_window_is_there() -> None:
    answers = steady(One(MEDIAN), 40)
    assert answers == [None] * 30 + [False] * 10


def test_the_present_sample_is_left_out() -> None:
    one = One(MEDIAN)
    steady(one, 60)
    assert one.put(60, 8.1) is True
    assert one.put(61, 5.0) is False, "one spike moves no median"
    assert one.node.reading(one.columns) == Reading(0.0, 3.0, "m")


def test_a_new_level_is_the_old_one_after_a_while() -> None:
    one = One(MEDIAN)
    steady(one, 60)
    answers = [one.put(at, 9.0) for at in range(60, 120)]
    assert answers == [True] * 30 + [False] * 30, "of the median's sixty, half are of the new level"


def test_bad_samples_are_left_out_and_a_long_loss_begins_anew() -> None:
    one = One(MEDIAN)
    steady(one, 60)
    assert [one.put(at, 99.0, BAD) for at in range(60, 70)] == [None] * 10
    assert one.put(70, 8.1) is True
    assert one.put(115, 8.1) is None, "fourteen of sixty samples are no median"


@pytest.mark.parametrize(("outage", "truth"), [(5, True), (29, True), (31, None), (3600, None)])
def test_the_window_reaches_over_a_short_outage_only(outage: int, truth: Truth) -> None:
    one = One(MEDIAN)
    steady(one, 60)
    one.columns.forget(outage * SECOND)
    assert one.tick(60) is None
    assert one.put(60, 9.0) is truth


def test_of_two_values_at_one_time_the_last_counts() -> None:
    one = One(MEDIAN)
    steady(one, 60)
    assert [one.put(60, 9.0), one.put(60, 5.0), one.put(60, 9.0)] == [True, False, True]


def test_memory_is_bounded_whatever_the_window() -> None:
    one = One({"deviates_by": "3 m", "from": {"median": "7d"}})
    step = 97
    for at in range(0, 9 * 86400, step):
        answer = one.put(1e9 + at, 1 / 3 + (at // step) % 7 * 0.1)
    assert answer is False
    kept = one.node.snapshot()[-1]
    assert STEPS - 2 <= len(kept) <= STEPS + 1
    assert len(json.dumps(one.node.snapshot())) < 20_000


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(1, 20), st.none() | st.integers(0, 12)), max_size=60))
def test_a_median_against_the_oracle(steps: list[tuple[int, int | None]]) -> None:
    one, at, seen = One(MEDIAN, poll_s=6), 0, []
    for step, value in steps:
        at += step
        answer = one.put(at, value, BAD if value is None else 0)
        if value is None:
            assert answer is None
            continue
        window = [each for when, each in seen if at - 60 < when < at]
        seen.append((at, value))
        # a minute of polls each 6 s: ten samples, five of them are half
        expected = abs(value - statistics.median(window)) > 3 if len(window) >= 5 else None
        assert answer is expected


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(1, 3 * SECOND), st.integers(-5, 5)), min_size=1, max_size=200))
def test_kept_samples_are_the_newest_of_each_step(samples: list[tuple[int, int]]) -> None:
    within = 240 * SECOND
    recent, at, kept = Recent(within, 1), 0, {}
    for step, value in samples:
        at += step
        recent.add(at, value)
        recent.forget(at - within)
        kept[at // SECOND] = (at, value)
        expected = [value for when, value in kept.values() if when > at - within]
        assert recent.median == statistics.median(expected)
    again = Recent(within, 1)
    again.restore(json.loads(json.dumps(recent.snapshot())))
    assert again.snapshot() == recent.snapshot() and again.median == recent.median


# --- what is refused


@pytest.mark.parametrize(
    ("when", "where", "says"),
    [
        ({"deviates_by": "0 m", "from": "5 m"}, ("deviates_by",), "a deviation of zero is none"),
        ({"deviates_by": "-1 m", "from": "5 m"}, ("deviates_by",), "must not be negative"),
        ({"deviates_by": "3 m", "from": "5 m", "deadband": "3 m"}, ("deadband",), "must be less than 3 m"),
        ({"deviates_by": "3 m", "from": "5 m", "deadband": "400 cm"}, ("deadband",), "it could never clear"),
        ({"deviates_by": "3 m", "from": "5 m", "deadband": "1 s"}, ("deadband",), "measures time"),
        ({"deviates_by": "3 m", "from": "5 m", "align": "2s"}, ("align",), "here only one is asked"),
        ({"deviates_by": "3 m", "from": {"median": "1min"}, "align": "2s"}, ("align",), "here only one is asked"),
        ({**FROM_Y, "align": "0s"}, ("align",), "longer than 0s"),
        ({"deviates_by": "3 m", "from": {"median": "8d"}}, ("from", "median"), "1s … 7d"),
        ({"deviates_by": "3 m", "from": {"pont": "y"}}, ("from", "point"), "Field required"),
        ({**FROM_Y, "point": "y"}, ("from", "point"), "never deviates from itself"),
    ],
)
def test_mistakes_are_told_at_their_key(when: Any, where: tuple[str, ...], says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        One(when)
    assert any(error["loc"] == ("when", *where) and says in error["msg"] for error in caught.value.errors())


@pytest.mark.parametrize(
    ("when", "point", "says"),
    [
        ({"deviates_by": "3 m", "from": {"point": "x"}}, None, "never deviates from itself"),
        ({"deviates_by": "3 m", "from": {"point": "b"}}, None, "not a number"),
        (FROM_5, Point("x", PointType.BOOL), "not a number"),
        (FROM_5, CELSIUS, "temperature"),
        (FROM_Y, CELSIUS, "m"),
        ({"deviates_by": "3 K", "from": "5 m"}, CELSIUS, "m"),
    ],
)
def test_what_cannot_be_compared_is_refused(when: Any, point: Point | None, says: str) -> None:
    with pytest.raises(Mistake, match=says):
        One(when, point)


@pytest.mark.parametrize(
    ("poll_s", "says"), [(0, "said only when it changes: its median says nothing"), (30, "too slow for a window")]
)
def test_a_median_wants_samples_that_keep_coming(poll_s: float, says: str) -> None:
    with pytest.raises(Absent, match=says):
        One(MEDIAN, poll_s=poll_s)
