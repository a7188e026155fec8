"""C2 and C6: codes and qualities."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from alerts.condition.build import Mistake
from gateway.model import SECOND, Point, PointType, Quality, Severity, Truth, Value
from tests.alerts.building import One

MODE = Point("x", PointType.ENUM, codes=("automatic", "fault", "inspection"))
BOOL = Point("x", PointType.BOOL)
INT = Point("x", PointType.INT)
FLOAT = Point("x", PointType.FLOAT, "m")


@pytest.mark.parametrize(
    ("point", "when", "value", "truth"),
    [
        (MODE, {"is": "fault"}, "fault", True),
        (MODE, {"is": "fault"}, "automatic", False),
        (MODE, {"in": ["fault", "inspection"]}, "inspection", True),
        (MODE, {"not_in": ["fault"]}, "automatic", True),
        (MODE, {"not_in": ["fault"]}, "fault", False),
        (MODE, {"not_in": ["fault"]}, "255", None),  # not declared: UNKNOWN, never a quiet TRUE
        (MODE, {"is": "fault"}, "255", None),
        (BOOL, {"is": True}, True, True),
        (BOOL, {"is": False}, True, False),
        (BOOL, {"is": True}, "ON", None),
        (INT, {"in": [43, 44]}, 44, True),
        (INT, {"in": [43, 44]}, 255, False),
        (INT, {"not_in": [0]}, 7, True),
        (INT, {"mask": 0x0F, "expect": 0x03}, 0xF3, True),
        (INT, {"mask": 0x0F, "expect": 0x03}, 0x30, False),  # bits are counted from the lowest
    ],
)
def test_codes(point: Point, when: Any, value: Value, truth: Truth) -> None:
    assert One(when, point).put(1, value) is truth


@pytest.mark.parametrize("when", [{"is": "fault"}, {"not_in": ["fault"]}])
def test_bad_is_unknown(when: Any) -> None:
    one = One(when, MODE)
    assert one.tick(0) is None
    assert one.put(1, "fault", Quality.BAD_UNDECLARED) is None


@pytest.mark.parametrize(
    ("point", "when", "says"),
    [
        (Point("x", PointType.FLOAT, "m"), {"is": 1}, "a state is for bool, enum and int"),
        (Point("x", PointType.TEXT), {"is": "fault"}, "a state is for bool, enum and int"),
        (BOOL, {"is": 1}, "true or false is expected, got 1"),
        (BOOL, {"is": "ON"}, "true or false is expected, got 'ON'"),
        (INT, {"is": True}, "a whole number is expected, got True"),
        (MODE, {"is": "falt"}, "never is 'falt'; did you mean 'fault'?"),
        (MODE, {"mask": 1, "expect": 1}, "a mask is for int"),
        (MODE, {"above": 1}, "not a number"),
        (BOOL, {"rises_by": "1 m", "within": "1min"}, "not a number"),
    ],
)
def test_what_the_point_cannot_be_is_refused(point: Point, when: Any, says: str) -> None:
    with pytest.raises(Mistake, match=says):
        One(when, point)


def test_bad_quality() -> None:
    one = One({"bad_quality": True})
    assert one.tick(0) is None, "nobody knows before the first sample"
    qualities = [Quality.GOOD, Quality.BAD_COMM, Quality.UNCERTAIN_CLOCK, Quality.BAD_RANGE, Quality.GOOD]
    assert [one.put(at, 1.0, each) for at, each in enumerate(qualities)] == [False, True, False, True, False]


def test_bad_for_another_reason_is_unknown() -> None:
    """A silent link says nothing about the sensor: the sensor's alarm must not clear by it."""
    one = One({"bad_quality": ["sensor", "range"]})
    assert [
        one.put(1, 1.0, Quality.BAD_SENSOR),
        one.put(2, 1.0, Quality.BAD_COMM),
        one.put(3, 1.0, Quality.BAD_RANGE),
        one.put(4, 1.0),
    ] == [True, None, True, False]


def test_an_uncertain_reason_can_be_listed() -> None:
    assert One({"bad_quality": ["clock"]}).put(1, 1.0, Quality.UNCERTAIN_CLOCK) is True


@pytest.mark.parametrize(
    ("point", "when", "value"),
    [
        (MODE, {"is": "fault"}, "fault"),
        (MODE, {"not_in": ["fault"]}, "fault"),
        (BOOL, {"is": True}, True),
        (INT, {"in": [1]}, 1),
        (INT, {"mask": 1, "expect": 1}, 1),
        (FLOAT, {"above": "0 m"}, 1.0),
        (FLOAT, {"above": "0 m", "samples": 2}, 1.0),
        (FLOAT, {"levels": [{"above": "0 m"}]}, 1.0),
        (FLOAT, {"below": {"point": "y"}}, 1.0),
        (FLOAT, {"bad_quality": True}, 1.0),
        (FLOAT, {"rises_by": "1 m", "within": "10s"}, 1.0),
    ],
)
@pytest.mark.parametrize("quality", [Quality.BAD_COMM, Quality.BAD_UNDECLARED])
def test_a_value_that_is_not_current_is_no_value(point: Point, when: Any, value: Value, quality: Quality) -> None:
    """Whatever stands in the column: after a restart, or beside a BAD quality, it is the past."""
    one = One(when, point)
    one.put(0, 2.0, point="y")
    for at in range(10):
        one.put(at, value)
    slot = one.columns.slots["d", "x"]
    if "bad_quality" not in when:
        one.columns.put(slot, value, quality, 10 * 10**9)
        assert one.tick(10) is None
    one.columns.put(slot, value, Quality.GOOD, 11 * 10**9)
    one.tick(11)
    one.columns.forget()
    assert one.tick(12) is None


def test_for_counts_time_and_not_samples() -> None:
    one = One({"is": True, "for": "5s"}, Point("x", PointType.BOOL))
    assert one.put(0, False) is False
    assert one.put(1, True) is False
    assert one.node.next_due() == 6 * SECOND
    assert one.tick(5.9) is False
    assert one.tick(6) is True
    assert one.node.next_due() is None
    assert one.put(7, False) is False
    assert one.put(8, True) is False
    assert one.tick(13) is True


def test_for_is_not_begun_anew_by_a_lost_poll_or_a_restart() -> None:
    point = Point("x", PointType.BOOL)
    one = One({"is": True, "for": "5s"}, point)
    assert one.put(1, True) is False
    assert one.put(3, None, Quality.BAD_COMM) is None
    assert one.put(4, True) is False
    again = One({"is": True, "for": "5s"}, point)
    again.node.restore(json.loads(json.dumps(one.node.snapshot())))
    assert again.tick(5) is None
    assert again.put(5.9, True) is False
    assert again.put(6, True) is True


@pytest.mark.parametrize(("poll_s", "longest"), [(1, 10), (5, 15)])
def test_for_begins_anew_after_a_gap_that_hides_too_much(poll_s: float, longest: float) -> None:
    """Two samples with ten minutes of silence between them are no ten minutes."""
    point = Point("x", PointType.BOOL)
    short, long = (One({"is": True, "for": "5s"}, point, poll_s=poll_s) for _ in range(2))
    for one, gap in ((short, longest), (long, longest + 0.1)):
        assert one.put(1, True) is False
        assert one.put(2, None, Quality.BAD_COMM) is None
        assert one.put(3, None, Quality.BAD_COMM) is None
        again = One({"is": True, "for": "5s"}, point, poll_s=poll_s)
        again.node.restore(json.loads(json.dumps(one.node.snapshot())))
        assert one.put(2 + gap, True) is (gap == longest)
        assert again.put(2 + gap, True) is (gap == longest)
    assert long.node.next_due() == round((2 + longest + 0.1 + 5) * SECOND)
    assert long.tick(2 + longest + 5.1) is True


def test_what_had_lasted_before_a_gap_lasts_behind_it() -> None:
    """Else the gap would end an alarm that stands."""
    one = One({"is": True, "for": "5s"}, Point("x", PointType.BOOL))
    one.put(1, True)
    assert one.tick(6) is True
    assert one.put(7, None, Quality.BAD_COMM) is None
    assert one.put(700, True) is True
    assert one.put(701, False) is False
    assert one.put(702, True) is False


@pytest.mark.parametrize("more", [{"samples": 2}, {"for": "1s"}])
def test_levels_keep_their_severity(more: Any) -> None:
    levels = [{"at_least": "1 m"}, {"at_least": "2 m", "severity": "critical"}]
    one = One({"levels": levels, **more})
    one.put(0, 3.0)
    assert one.put(1, 3.0) is True
    assert one.node.severity is Severity.CRITICAL


@pytest.mark.parametrize("wrong", ["0s", "2h", "5"])
def test_for_is_a_span(wrong: str) -> None:
    with pytest.raises(ValidationError):
        One({"is": True, "for": wrong}, Point("x", PointType.BOOL))


def test_flipping_quality_answers_each_poll() -> None:
    one = One({"bad_quality": True})
    assert [one.put(at, 1.0, Quality.BAD_COMM if at % 2 else 0) for at in range(6)] == [False, True] * 3
