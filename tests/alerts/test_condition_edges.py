"""Limits, states, rates and bad qualities as alarms: what the engine makes of the edges of C1, C2, C3 and C6."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.bind import bind
from alerts.condition.build import Mistake
from gateway.model import SECOND, AlarmState, FrameKind, Point, PointType, Quality, Severity, Truth, Value
from tests.alerts.building import One, device
from tests.alerts.building import rule as building_rule
from tests.alerts.stage import BAD, Stage, level_rule, rule

S = AlarmState
LEVELS = {
    "levels": [
        {"at_least": "0.05 m", "deadband": "0.01 m"},
        {"at_least": "0.20 m", "deadband": "0.02 m", "severity": "high"},
        {"at_least": "0.50 m", "deadband": "0.05 m", "severity": "critical"},
    ]
}


# --- C1: limits


def test_a_lower_level_lowers_what_it_is_now_and_not_what_it_has_been() -> None:
    """HI → HIHI → HI → normal: one alarm; people answer for the worst of it."""
    stage = Stage(level_rule("R", "", severity="medium", when=LEVELS))
    (live,) = [live for live in stage.engine._lives if live.key == ("R", "dev")]
    seen = []
    for at, level in enumerate([0.0, 0.1, 0.6, 0.46, 0.44, 0.1, 0.045, 0.03]):
        stage.at(at).set(level=level)
        standing = live.alarm.severity if live.alarm.life else None
        seen.append((live.condition.severity, standing))
    medium, high, critical = Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL
    assert seen == [
        (None, None),
        (medium, medium),
        (critical, critical),
        (critical, critical),  # in the band of the third
        (high, critical),
        (medium, critical),
        (medium, critical),
        (None, critical),  # returned, not yet answered
    ]
    assert stage.rows() == ["raise", "severity_up", "return"]
    assert stage.state() is S.RTN_UNACKED


def test_each_rise_of_the_level_is_told_once() -> None:
    stage = Stage(level_rule("R", "", severity="medium", when=LEVELS))
    for at, level in enumerate([0.1, 0.3, 0.6, 0.3, 0.6, 0.1, 0.6]):
        stage.at(at).set(level=level)
    assert stage.told() == ["raise", "severity_up", "severity_up"]


@pytest.mark.parametrize(("before", "after"), [(0.3, 0.245), (0.1, 0.245)])
def test_behind_a_restart_the_band_answers_as_before_it(before: float, after: float) -> None:
    """0.245 m lies in the band of 0.25 m: no edge where nothing has changed."""
    stage = Stage(level_rule("R", "0.25 m"))
    stage.at(0).set(level=before)
    state, told = stage.state(), stage.told()
    stage.at(1).restart(outage_s=60)
    stage.at(2).set(level=after)
    assert (stage.state(), stage.told()) == (state, told)


@pytest.mark.parametrize("hours", [-24, -1, 1, 24])
@pytest.mark.parametrize("when", [{"at_least": "0.25 m"}, {"rises_by": "0.1 m", "within": "20s"}])
def test_a_clock_step_neither_raises_nor_clears(when: Any, hours: int) -> None:
    stepped, still = (Stage(level_rule("R", "", when=when, on_delay="3s")) for _ in range(2))
    for at in range(40):
        level = 0.0 if at < 15 else 0.3
        stepped.at(at).set(level=level)
        still.at(at).set(level=level)
        if at in (7, 16, 25):
            stepped.wall += hours * 3600 * SECOND
            stepped.tick()
        assert stepped.state() is still.state()
    assert stepped.rows() == still.rows() != []


def test_a_late_sample_neither_raises_nor_clears() -> None:
    for level, late in ((0.0, 9.0), (0.3, 0.0)):
        stage = Stage(level_rule("R", "0.25 m"))
        stage.at(0).set(level=level)
        before = stage.state()
        stage.at(10).set(kind=FrameKind.HISTORY, source_s=-600, level=late)
        assert stage.state() is before


@pytest.mark.parametrize(("limit", "value", "truth"), [(5, 5, True), (5, 4, False), (5, 5.0, True), (5.5, 5, False)])
def test_whole_numbers_and_others_are_compared_alike(limit: float, value: float, truth: bool) -> None:
    point = Point("x", PointType.INT if isinstance(value, int) else PointType.FLOAT)
    assert One({"at_least": limit}, point).put(0, value) is truth


def test_without_a_deadband_the_limit_is_both_edges() -> None:
    one = One({"above": "5 m"})
    assert [one.put(0, 5.1), one.put(1, 5.0), one.put(2, 5.1)] == [True, False, True]


@pytest.mark.parametrize(
    ("unit", "refused"),
    [
        ("m", [("above", "5 m", "5 m"), ("at_least", "5 m", "6 m"), ("at_least", "50 cm", "1 m")]),
        ("°C", []),
    ],
)
def test_a_deadband_down_to_zero_could_never_clear(unit: str, refused: list[tuple[str, str, str]]) -> None:
    for key, limit, deadband in refused:
        with pytest.raises(ValueError, match="could never clear"):
            building_rule({key: limit, "deadband": deadband})
    if unit == "°C":
        building_rule({"above": "5 °C", "deadband": "10 K"})


# --- C2: states


@pytest.mark.parametrize(
    ("value", "truth"), [(True, True), (False, False), (1, True), (0, False), ("ON", None), ("1", None), (2, None)]
)
def test_a_bool_is_true_or_false_and_everything_else_is_unknown(value: Value, truth: Truth) -> None:
    assert One({"is": True}, Point("x", PointType.BOOL)).put(0, value) is truth


@pytest.mark.parametrize("when", [{"is": "fault"}, {"in": ["fault", "fire"]}, {"not_in": ["normal"]}])
def test_an_undeclared_code_is_unknown_and_told_by_the_companion(when: Any) -> None:
    mode = Point("mode", PointType.ENUM, codes=("normal", "fault", "fire"))
    found = bind([building_rule(when, on={"system": "test", "point": "mode"})], [device("d", "test", [mode])])
    own, companion = found.instances
    slot = found.columns.slot("d", "mode")
    found.columns.put(slot, "255", Quality.BAD_UNDECLARED, 0)
    assert (own.condition.judge(found.columns, 0), companion.condition.judge(found.columns, 0)) == (None, True)
    found.columns.put(slot, "255", 0, 1)
    assert (own.condition.judge(found.columns, 1), companion.condition.judge(found.columns, 1)) == (None, True)


@pytest.mark.parametrize(
    ("bit", "raw", "truth"), [(0, 0b01, True), (0, 0b10, False), (15, 0x8000, True), (15, 1, False)]
)
def test_bits_are_counted_from_the_lowest(bit: int, raw: int, truth: bool) -> None:
    assert One({"mask": 1 << bit, "expect": 1 << bit}, Point("x", PointType.INT)).put(0, raw) is truth


def test_other_codes_after_a_reload_are_not_the_old_ones() -> None:
    """The profile is edited: what was `fault` is called otherwise. The standing alarm is held, not cleared."""

    def node(*codes: str) -> One:
        return One({"is": "fault", "samples": 2}, Point("x", PointType.ENUM, codes=codes))

    before = node("normal", "fault")
    before.put(0, "fault")
    assert before.put(1, "fault") is True
    after = node("normal", "fault", "inspection")
    after.node.restore(before.node.snapshot())
    assert after.put(2, "stopped") is None
    assert after.put(3, "fault") is True
    assert after.put(4, "inspection") is False
    with pytest.raises(Mistake, match=r"never is 'fault'.*it is one of normal, failure"):
        node("normal", "failure")


# --- C3: rates


def test_a_rate_follows_the_period_of_its_own_point() -> None:
    """Read once a minute on a device that is polled each second: three of its periods are a gap, not 10 s."""
    own = replace(device("d", "test", [Point("x", PointType.FLOAT, "m")]), periods={"x": 60 * SECOND})
    when = {"rises_by": "1 m", "within": "10min"}
    found = bind([building_rule(when, on={"system": "test", "point": "x"})], [own])
    node, columns = found.instances[0].condition, found.columns
    answers = []
    for minute in range(7):
        columns.put(0, minute / 5, 0, minute * 60 * SECOND)
        answers.append(node.judge(columns, minute * 60 * SECOND))
    assert answers == [None] * 5 + [True] * 2
    assert node.next_due() == (6 * 60 + 180) * SECOND + 1


@pytest.mark.parametrize(("period", "watched"), [(599, True), (600, False)])
def test_a_point_that_comes_too_seldom_for_a_rate_is_not_watched(period: int, watched: bool) -> None:
    own = replace(device("d", "test", [Point("x", PointType.FLOAT, "m")]), periods={"x": period * SECOND})
    found = bind([building_rule({"rises_by": "1 m", "within": "10min"}, on={"system": "test", "point": "x"})], [own])
    assert bool(found.instances) is watched
    assert watched or "too slow for a window" in found.unbound[0].why


def test_a_late_sample_cannot_raise_for_the_past() -> None:
    stage = Stage(level_rule("R", "", when={"rises_by": "0.1 m", "within": "20s", "min_span": "5s"}))
    for at in range(20):
        stage.at(at).set(level=0.5)
        stage.set(kind=FrameKind.HISTORY, source_s=at - 30, level=0.0)
    assert stage.state() is S.NORMAL


# --- C6: bad qualities


@pytest.mark.parametrize("on_delay", [1, 3, 30])
def test_a_quality_that_flips_with_each_poll_never_sits_out_a_delay(on_delay: int) -> None:
    stage = Stage(rule("R", "level", when={"bad_quality": True}, on_delay=f"{on_delay}s"))
    for at in range(200):
        stage.at(at / 2).set(level=BAD if at % 2 else 1.0)
        assert stage.state() in (S.NORMAL, S.PENDING)
    assert stage.notices == []
    for at in range(100, 140):
        stage.at(at).set(level=BAD)
    assert stage.state() is S.UNACKED


@settings(deadline=None, max_examples=60)
@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(1, 6))
def test_bad_for_as_long_as_the_delay_raises_and_nothing_less(polls: list[bool], delay: int) -> None:
    stage = Stage(rule("R", "level", when={"bad_quality": True}, on_delay=f"{delay}s"))
    since, sat_out = None, False
    for at, is_bad in enumerate(polls):
        stage.at(at).set(level=BAD if is_bad else 1.0)
        # at its very end a delay is sat out, before the sample of that moment
        sat_out = sat_out or (since is not None and at - since >= delay)
        since = (at if since is None else since) if is_bad else None
    assert bool(stage.told()) is sat_out


@pytest.mark.parametrize(
    ("reasons", "quality", "truth"),
    [
        (True, Quality.BAD_COMM, True),
        (True, Quality.UNCERTAIN_CLOCK, False),
        (["comm"], Quality.BAD_COMM, True),
        (["range"], Quality.BAD_RANGE, True),
        (["sensor"], Quality.BAD_SENSOR, True),
        (["config"], Quality.BAD_CONFIG, True),
        (["clock"], Quality.UNCERTAIN_CLOCK, True),
        (["clock"], Quality.BAD_COMM, None),
        (["sensor"], Quality.BAD_COMM, None),
        (["sensor"], Quality.GOOD, False),
    ],
)
def test_each_reason_by_its_name(reasons: Any, quality: Quality, truth: Truth) -> None:
    one = One({"bad_quality": reasons})
    assert one.tick(0) is None, "before the first poll nobody knows"
    assert one.put(0, 1.0, quality) is truth


def test_a_clock_step_is_no_bad_quality() -> None:
    stage = Stage(rule("R", "level", when={"bad_quality": True}))
    stage.at(0).set(level=1.0)
    stage.wall += 3600 * SECOND
    stage.at(1).tick()
    assert stage.state() is S.NORMAL
