"""C1: limits, deadbands, levels, limits that are other points, n samples running."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.condition.columns import NEVER, Columns, Reading
from alerts.condition.threshold import Band, HighLimit, Levels, Threshold
from gateway.model import Point, PointType, Quality, Severity, Truth
from tests.alerts.building import One, device, rule, table

BAD = Quality.BAD_COMM


@pytest.mark.parametrize(
    ("comparison", "samples"),
    [
        ("above", [(5.0, False), (5.1, True), (4.6, True), (4.5, False), (4.6, False), (5.0, False)]),
        ("at_least", [(4.99, False), (5.0, True), (4.5, True), (4.49, False), (4.5, False), (5.0, True)]),
        ("below", [(5.0, False), (4.9, True), (5.4, True), (5.5, False), (5.4, False), (5.0, False)]),
        ("at_most", [(5.01, False), (5.0, True), (5.5, True), (5.51, False), (5.5, False), (5.0, True)]),
    ],
)
def test_a_limit_trips_and_clears_at_its_own_edges(comparison: str, samples: list[tuple[float, bool]]) -> None:
    one = One({comparison: "5 m", "deadband": "0.5 m"})
    assert [one.put(at, value) for at, (value, _) in enumerate(samples)] == [truth for _, truth in samples]


@pytest.mark.parametrize(
    ("when", "value", "truth"),
    [
        ({"above": "5 m"}, 5.0, False),  # x == L
        ({"above": "5 m"}, math.nextafter(5, 9), True),
        ({"at_least": "5 m"}, math.nextafter(5, 0), False),
        ({"below": "5 m"}, 5.0, False),
        ({"at_most": "5 m"}, 5.0, True),
        ({"at_least": "10 cm"}, 0.1, True),  # converted at bind, exactly
        ({"above": "10 cm"}, 0.1, False),
        ({"above": "-2 m"}, -2, False),
        ({"below": "-2 m"}, -2.5, True),
        ({"at_least": "5 m", "deadband": "1 m"}, 4.5, False),  # starts inside the band
        ({"above": "5 m", "absolute": True}, -5.5, True),
        ({"at_most": "0.05 m", "absolute": True}, -1.0, False),
        ({"at_least": "5 m"}, math.nan, None),
        ({"below": "5 m"}, math.nan, None),
        ({"levels": [{"above": "5 m"}]}, math.nan, None),
        ({"at_least": "0.3 m", "absolute": True}, 0.5, True),
        ({"levels": [{"at_least": "5 m"}], "absolute": True}, -5.5, True),
        ({"levels": [{"at_least": "5 m"}]}, -5.5, False),
    ],
)
def test_edges(when: object, value: float, truth: Truth) -> None:
    assert One(when).put(1, value) is truth


def test_the_band_ends_where_the_decimal_says() -> None:
    """0.10 − 0.01 is 0.09 for people; in binary it is a bit more, and 9 cm would clear too early."""
    one = One({"at_least": "0.10 m", "deadband": "0.01 m"})
    assert [one.put(1, 0.10), one.put(2, 0.09), one.put(3, 0.0899)] == [True, True, False]


@pytest.mark.parametrize("value", [2**40, 2**40 + 1])
def test_an_int_is_compared_as_an_int(value: int) -> None:
    one = One({"above": 2**40}, Point("x", PointType.INT))
    assert one.put(1, value) is (value > 2**40)


def test_unknown_holds_the_band_for_the_return() -> None:
    one = One({"above": "5 m", "deadband": "1 m"})
    assert [one.put(1, 6), one.put(2, 9, BAD), one.put(3, 4.5), one.put(4, 4), one.put(5, 0, BAD), one.put(6, 4.5)] == [
        True,
        None,
        True,
        False,
        None,
        False,
    ]


def test_what_was_never_sampled_is_unknown_and_uncertain_counts_as_good() -> None:
    one = One({"above": "5 m"})
    assert one.tick(1) is None
    assert one.put(2, 6, Quality.UNCERTAIN_BACKLOG) is True


def test_levels_are_one_alarm_with_the_highest_severity() -> None:
    one = One(
        {
            "levels": [
                {"at_least": "3 m"},
                {"at_least": "10 m", "deadband": "1 m", "severity": "high"},
                {"at_least": "25 m", "severity": "critical"},
            ]
        },
        class_="property",
    )
    seen = [(one.put(at, value), one.node.severity) for at, value in enumerate([2, 3, 10, 30, 20, 9.5, 8.9, 1])]
    high, critical = Severity.HIGH, Severity.CRITICAL
    assert seen == [
        (False, None),
        (True, Severity.HIGH),  # the rule's own
        (True, high),
        (True, critical),
        (True, high),
        (True, high),
        (True, high),
        (False, None),
    ]
    assert one.node.reading(one.columns) == Reading(1, 3.0, "m"), "the first limit while none is tripped"
    one.put(19, 3)
    assert one.node.reading(one.columns).limit == 3.0
    one.put(20, 30)
    assert one.node.reading(one.columns) == Reading(30, 25.0, "m")
    assert one.put(21, 0, BAD) is None
    assert one.node.severity is critical, "held while unknown"


def test_another_point_times_a_factor() -> None:
    one = One({"above": {"point": "y", "factor": 1.15}, "deadband": "0.1 m"})
    assert one.put(1, 2.4) is None, "no limit yet"
    assert one.put(2, 2.0, point="y") is True
    assert one.put(3, 2.25) is True, "in the band"
    assert one.put(4, 2.2, point="y") is False, "the limit moved to 2.53"
    assert one.put(5, 2.0, BAD, point="y") is None
    assert one.node.reading(one.columns) == Reading(2.25, None, "m")


@pytest.mark.parametrize(
    ("comparison", "values", "truths"),
    [
        ("above", [5, 6, 4, 3.9], [False, True, False, False]),
        ("at_least", [5, 4, 3.9], [True, True, False]),
        ("below", [5, 4, 6, 6.1], [False, True, False, False]),
        ("at_most", [5, 6, 6.1], [True, True, False]),
    ],
)
def test_a_moving_limit_has_the_same_edges(comparison: str, values: list[float], truths: list[bool]) -> None:
    one = One({comparison: {"point": "y"}, "deadband": "1 m"})
    one.put(0, 5, point="y")
    assert [one.put(at, value) for at, value in enumerate(values, 1)] == truths


@pytest.mark.parametrize(
    ("unit", "value", "other_unit", "other", "truth"),
    [("K", 300.0, "°C", 25.0, True), ("K", 298.0, "°C", 25.0, False), ("m", 1.01, "cm", 100.0, True)],
)
def test_a_moving_limit_is_converted(unit: str, value: float, other_unit: str, other: float, truth: bool) -> None:
    points = [Point("a", PointType.FLOAT, unit), Point("b", PointType.FLOAT, other_unit)]
    both = table([rule({"above": {"point": "b"}}, on={"system": "test", "point": "a"})], [device("d", "test", points)])
    both.set(1, "d", {"a": value, "b": other})
    assert both.truth("T-01", "d") is truth


def test_consecutive_samples() -> None:
    one = One({"above": "0.1 m", "samples": 2})
    assert one.put(1, 1) is False
    assert one.tick(1.5) is False, "the same sample does not count twice"
    assert one.put(2, 0, BAD) is None
    assert one.put(3, 1) is True, "a lost sample between two breaks nothing"
    assert [one.put(4, 0), one.put(5, 1), one.put(6, 0), one.put(7, 1), one.put(8, 1)] == [
        False,
        False,
        False,
        False,
        True,
    ]


def test_a_restart_breaks_a_run_but_not_an_alarm() -> None:
    one = One({"above": "0.1 m", "samples": 2})
    one.put(1, 1)
    one.columns.forget()
    assert one.put(2, 1) is False
    assert one.put(3, 1) is True
    one.columns.forget()
    assert one.tick(4) is None
    assert one.put(5, 1) is True


def reference(comparison: str, limit: float, deadband: float, values: list[float | None]) -> list[Truth]:
    """The table of a threshold with a deadband, written out."""
    answers: list[Truth] = []
    held = False
    for value in values:
        if value is None:
            answers.append(None)
            continue
        trips = {"above": value > limit, "at_least": value >= limit, "below": value < limit, "at_most": value <= limit}
        clears = {
            "above": value <= limit - deadband,
            "at_least": value < limit - deadband,
            "below": value >= limit + deadband,
            "at_most": value > limit + deadband,
        }
        held = trips[comparison] or (held and not clears[comparison])
        answers.append(held)
    return answers


@settings(deadline=None, max_examples=100)
@given(
    comparison=st.sampled_from(["above", "at_least", "below", "at_most"]),
    limit=st.integers(5, 9),
    deadband=st.integers(0, 4),
    values=st.lists(st.none() | st.integers(-20, 20), max_size=30),
)
def test_against_the_reference(comparison: str, limit: int, deadband: int, values: list[float | None]) -> None:
    one = One({comparison: f"{limit} m", "deadband": f"{deadband} m"})
    answers = [one.put(at, value, BAD if value is None else Quality.GOOD) for at, value in enumerate(values)]
    assert answers == reference(comparison, limit, deadband, values)


@settings(deadline=None, max_examples=100)
@given(
    comparison=st.sampled_from(["above", "at_least", "below", "at_most"]),
    deadband=st.integers(0, 4),
    values=st.lists(st.none() | st.integers(-20, 20), max_size=30),
)
def test_a_point_that_stands_still_is_an_ordinary_limit(
    comparison: str, deadband: int, values: list[float | None]
) -> None:
    one = One({comparison: {"point": "y", "factor": 2}, "deadband": f"{deadband} m"})
    one.put(0, 3.5, point="y")
    answers = [one.put(at, value, BAD if value is None else Quality.GOOD) for at, value in enumerate(values)]
    assert answers == reference(comparison, 7, deadband, values)


@pytest.mark.parametrize(
    "when", [{"above": "5 m"}, {"levels": [{"above": "5 m"}]}, {"above": {"point": "y"}}], ids=["one", "levels", "y"]
)
@pytest.mark.parametrize("point", ["x", "y"])
@pytest.mark.parametrize("quality", [NEVER, BAD, Quality.BAD_SENSOR])
def test_a_value_is_not_judged_on_when_its_quality_is_gone(when: dict[str, object], point: str, quality: int) -> None:
    """As after a restart: the column still holds the last value, and says nothing."""
    one = One(when)
    one.put(1, 1, point="y")
    assert one.put(1, 6) is True
    one.columns.quality[one.columns.slot("d", point)] = quality
    assert one.tick(2) is (None if point == "x" or "point" in str(when) else True)


def test_a_limit_is_signed_unless_the_rule_says_absolute() -> None:
    one, band = One({"above": "5 m"}), Band.of("above", 5, 0)
    slot = one.columns.slot("d", "x")
    one.put(1, -6)
    assert Threshold(slot, band, "m").judge(one.columns, 1) is False
    assert Levels(slot, [band], [Severity.HIGH], "m").judge(one.columns, 1) is False


def test_a_level_holds_at_the_very_edge_of_its_band() -> None:
    one = One({"levels": [{"at_least": "10 m", "deadband": "1 m"}]})
    assert [one.put(1, 10), one.put(2, 9), one.put(3, 8.9)] == [True, True, False]


def test_levels_keep_severity_and_bands_over_a_restart() -> None:
    when = {"levels": [{"at_least": "3 m"}, {"at_least": "10 m", "deadband": "1 m", "severity": "critical"}]}
    before, after = One(when), One(when)
    before.put(1, 11)
    after.node.restore(before.node.snapshot())
    assert after.node.severity is Severity.CRITICAL, "before the first sample"
    assert (after.put(2, 9.5), after.node.severity) == (True, Severity.CRITICAL)


@pytest.mark.parametrize(
    ("value", "limit", "truth"),
    [(-6, 5, True), (-4, 5, False), (math.nan, 5, None), (math.inf, 5, None), (6, math.inf, None), (6, math.nan, None)],
)
def test_an_absolute_value_against_another_point(value: float, limit: float, truth: Truth) -> None:
    one = One({"above": {"point": "y"}, "absolute": True})
    one.put(1, limit, point="y")
    assert one.put(1, value) is truth


def test_a_moving_limit_keeps_its_band_over_a_restart_and_is_shown() -> None:
    when = {"above": {"point": "y", "factor": 2}, "deadband": "1 m"}
    before, after = One(when), One(when)
    for one, value in ((before, 7), (after, 5.5)):
        one.put(1, 3, point="y")
        if one is after:
            after.node.restore(before.node.snapshot())
        assert one.put(2, value) is True
    assert after.node.reading(after.columns) == Reading(5.5, 6, "m")


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(-3, 3), st.floats(-3, 3), st.just(math.nan), st.just(math.inf)),
            st.sampled_from([0, 0x40, 0x7F, 0x80, 0xFF, -1]),
        ),
        max_size=20,
    ),
    st.sampled_from(["above", "at_least"]),
    st.floats(0, 2),
)
def test_the_quick_way_answers_as_the_general_one(story: list[tuple[Any, int]], says: str, deadband: float) -> None:
    columns = Columns()
    slot = columns.slot("d", "x")
    band = Band.of(says, 1.0, deadband)
    general, quick = Threshold(slot, band, None), HighLimit(slot, band, None)
    for at, (value, quality) in enumerate(story):
        columns.put(slot, value, quality, at)
        assert quick.judge(columns, at) is general.judge(columns, at)
        assert quick.snapshot() == general.snapshot() and quick.alone(columns) is general.alone(columns)
    with pytest.raises(ValueError, match="from above"):
        HighLimit(slot, Band.of("below", 1.0, 0.0), None)
