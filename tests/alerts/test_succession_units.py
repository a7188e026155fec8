"""Another unit, scale or wrap of a point: what a window holds of before cannot stand beside what comes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from gateway.model import AlarmState, FrameKind, Point, PointType
from tests.alerts import stage as building
from tests.alerts.stage import Stage, rule

S = AlarmState
LEVEL = Point("level", PointType.FLOAT, "m")
CM = replace(LEVEL, unit="cm")
RISE = {"rises_by": "0.5 m", "within": "60s", "min_span": "10s", "max_gap": "30s"}
FLAT = {"flat_within": "1 cm", "over": "20s", "samples": 3}
MEDIAN = {"deviates_by": "0.5 m", "from": {"median": "60s"}}


def fitted(level: Point, made: str | None = None) -> Any:
    others = tuple(point for point in building.POINTS if point.name != "level")
    return replace(building.device(), points=(level, *others), made={"level": made} if made else {})


def of(when: dict[str, Any], level: Point = LEVEL, **fields: Any) -> Stage:
    return started(rule("R", "level", when=when, **fields), level=level)


def started(*rules: Any, level: Point = LEVEL) -> Stage:
    """As every start does, it has a checkpoint of its beginning."""
    stage = Stage(*rules, devices=(fitted(level),))
    stage.restart()
    stage.save()
    return stage


def filled(stage: Stage, value: float, until_s: int = 60) -> Stage:
    for second in range(until_s + 1):
        stage.at(second).set(level=value)
    return stage


def born_again(stage: Stage, level: Point, made: str | None = None, *, saved: bool = False) -> Stage:
    """Another profile, and the store has the rows of before."""
    if saved:
        stage.save()
    stage.devices = (fitted(level, made),)
    stage.restart(outage_s=1)
    return stage


def condition(stage: Stage, name: str = "R") -> Any:
    (found,) = [view for view in stage.engine.rules_view() if view.rule == name]
    return found.condition


@pytest.mark.parametrize("saved", [True, False])
@pytest.mark.parametrize("when", [RISE, MEDIAN], ids=["rate", "median"])
def test_a_window_with_values_of_two_units_raises_nothing(when: dict[str, Any], saved: bool) -> None:
    stage = filled(of(when), 0.2)
    assert condition(stage) is False
    born_again(stage, CM, saved=saved)
    stage.at(62).set(level=20.0)
    assert condition(stage) is None and stage.told() == []
    for second in range(63, 140):
        stage.at(second).set(level=20.0)
    assert condition(stage) is False and stage.told() == []


def test_a_flat_window_fills_again() -> None:
    stage = filled(of(FLAT), 20.0, 25)
    assert condition(stage) is True
    born_again(stage, CM)
    stage.at(27).set(level=20.0)
    assert condition(stage) is None and stage.state() is S.UNACKED, "what is active stays until it is FALSE"


@pytest.mark.parametrize("saved", [True, False])
def test_the_same_unit_keeps_its_window(saved: bool) -> None:
    stage = born_again(filled(of(RISE), 0.2), LEVEL, saved=saved)
    stage.at(62).set(level=0.2)
    assert condition(stage) is False


@pytest.mark.parametrize(("before", "after"), [(65536.0, 1e6), (65536.0, math.inf), (None, 65536.0), (65536.0, None)])
def test_a_counter_that_begins_again_elsewhere_begins_its_window_again(before: Any, after: Any) -> None:
    stage = filled(of(RISE, replace(LEVEL, counter=before)), 0.2)
    born_again(stage, replace(LEVEL, counter=after)).at(62).set(level=0.2)
    assert condition(stage) is None


def test_the_same_unit_of_another_scale_begins_its_window_again() -> None:
    stage = filled(of(RISE), 0.2)
    born_again(stage, LEVEL, "tenfold").at(62).set(level=2.0)
    assert condition(stage) is None and stage.told() == []
    born_again(stage, LEVEL, "tenfold").at(63).set(level=2.0)
    assert condition(stage) is None, "one sample, and kept"
    stage.at(75).set(level=2.0)
    assert condition(stage) is False


def test_a_value_of_another_unit_in_the_log_is_not_judged_by_the_limit_of_now() -> None:
    """0.6 m lies beyond the limit; read as centimetres it would end the alarm while the log is judged."""
    stage = of({"at_least": "0.5 m"}, latching=False)
    stage.at(0).set(level=0.6)
    stage.save()
    stage.at(5).set(level=0.6)
    born_again(stage, CM)
    assert stage.state() is S.UNACKED and stage.told() == ["raise"]
    stage.at(6).set(level=60.0)
    assert stage.rows() == ["raise", "hold", "unhold"]


def test_history_of_another_unit_in_the_log_is_no_pulse() -> None:
    """200 cm, far beyond the limit of now; it was 200 m of nothing that anybody asked for, and was judged then."""
    life = {"class": "life_safety", "severity": "critical", "unknown_for": "1h"}
    stage = of({"at_least": "150 cm"}, CM, **life)
    stage.at(0).set(level=20.0)
    stage.save()
    stage.at(5).set(kind=FrameKind.HISTORY, source_s=-100, level=120.0)
    born_again(stage, LEVEL)
    assert [event.kind for event in stage.events if event.rule == "R"] == []


def test_a_companion_counts_anew_with_its_alarm_and_others_go_on() -> None:
    other = rule("O", "a", on_delay="60s")
    stage = started(rule("R", "level", when=RISE, severity="high", unknown_for="1h"), other)
    stage.at(0).set(level=0.2, a=True)
    born_again(stage, CM).at(2).set(level=20.0, a=True)
    assert stage.state("O") is S.PENDING
    stage.at(62).tick()
    assert stage.state("O") is S.UNACKED, "a bool has no unit: its delay went on"


def test_a_store_of_an_earlier_version_says_no_units_and_keeps_its_windows() -> None:
    stage = filled(of(RISE), 0.2)
    stage.save()
    for found in stage.instances.values():
        found.state.pop("measures")
    assert stage.checkpoint is not None
    for found in stage.checkpoint.instances:
        found.state.pop("measures", None)
    born_again(stage, LEVEL).at(62).set(level=0.2)
    assert condition(stage) is False


def test_suppressed_by_its_own_state_it_stays_so_and_asks_afresh() -> None:
    own = {"suppress_when": {"point": "level", "at_least": "1 m", "deadband": "0.5 m"}}
    stage = started(rule("R", "a", **own))
    stage.at(0).set(a=True, level=2.0)
    born_again(stage, CM)
    assert stage.told() == []
    stage.at(1).set(a=True, level=200.0)
    assert stage.told() == []
    stage.at(2).set(a=True, level=20.0)
    assert len(stage.told()) == 1
