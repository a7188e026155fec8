"""What the fire and electrical-fire packs say: each detector its own alarm, and a dead panel one alarm."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.rule import Rule
from gateway.model import AlarmState as S
from gateway.model import Quality, Severity, Truth, Value
from tests.alerts.building import Table, demo, pack, packs, panel, table
from tests.alerts.playing import Play

QUIET = {"fire": False, "prealarm": False, "supervisory": False, "fault": False, "disabled": False}
PANEL = {"panel_fault": False, "mains_fault": False, "battery_fault": False}


def shown() -> Table:
    whole = table([Rule.model_validate(each) for each in packs()], demo())
    parts = {f"{part}/{name}": value for part in ("L1D1", "L1D2", "L1M1") for name, value in QUIET.items()}
    whole.set(0, "panel-1", {**parts, **PANEL})
    whole.set(0, "residual-east", {"residual_current": 20.0, "residual_state": "normal"})
    return whole


@pytest.mark.parametrize(
    ("rule", "point"),
    [
        ("FI-01", "fire"),
        ("FI-03", "prealarm"),
        ("FI-04", "supervisory"),
        ("FI-05", "fault"),
        ("FI-06", "disabled"),
    ],
)
def test_each_bit_of_each_detector_is_its_own_alarm(rule: str, point: str) -> None:
    rules = ("FI-01", "FI-03", "FI-04", "FI-05", "FI-06")
    panel = shown()
    assert [panel.truth(each, "panel-1/L1D1") for each in rules] == [False] * 5
    panel.set(1, "panel-1", {f"L1D1/{point}": True})
    assert [each for each in rules if panel.truth(each, "panel-1/L1D1")] == [rule]
    assert panel.truth(rule, "panel-1/L1D2") is False
    panel.set(2, "panel-1", {f"L1D1/{point}": None}, Quality.BAD_COMM)
    assert panel.truth(rule, "panel-1/L1D1") is None


@pytest.mark.parametrize(
    ("values", "fault", "supply", "severity"),
    [
        ({}, False, False, None),
        ({"panel_fault": True}, True, False, None),
        ({"mains_fault": True}, False, True, None),
        ({"battery_fault": True}, False, True, Severity.HIGH),
    ],
)
def test_the_panel_s_own_faults(values: dict[str, Value], fault: Truth, supply: Truth, severity: Any) -> None:
    panel = shown()
    panel.set(1, "panel-1", values)
    assert panel.truth("FI-05-panel", "panel-1") is fault
    assert panel.truth("FI-08", "panel-1") is supply
    assert panel.severity("FI-08", "panel-1") is severity


@pytest.mark.parametrize(
    ("health", "truth"), [("online", False), ("degraded", False), ("stale", False), ("offline", True)]
)
def test_a_panel_that_is_not_heard(health: str, truth: Truth) -> None:
    panel = shown()
    panel.set(1, "panel-1", {"health": health})
    assert panel.truth("FI-09", "panel-1") is truth
    assert ("GW-01", "panel-1") not in panel.by_key


@pytest.mark.parametrize(
    ("values", "truth"),
    [
        ({"residual_current": 299.0}, False),
        ({"residual_current": 300.0}, True),
        ({"residual_state": "warning"}, False),
        ({"residual_state": "alarm"}, True),
        ({"residual_state": "sensor_broken"}, False),
    ],
)
def test_residual_current(values: dict[str, Value], truth: Truth) -> None:
    circuit = shown()
    circuit.set(1, "residual-east", values)
    assert circuit.truth("FI-15", "residual-east") is truth


def test_the_residual_current_s_deadband_is_a_tenth() -> None:
    circuit = shown()
    answers = []
    for at, current in enumerate((300.0, 270.0, 269.0, 299.0)):
        circuit.set(at + 1, "residual-east", {"residual_current": current})
        answers.append(circuit.truth("FI-15", "residual-east"))
    assert answers == [True, True, False, False]


def test_a_broken_residual_sensor() -> None:
    circuit = shown()
    assert circuit.truth("FI-15-sensor", "residual-east") is False
    circuit.set(1, "residual-east", {"residual_state": "sensor_broken"})
    assert circuit.truth("FI-15-sensor", "residual-east") is True
    circuit.set(2, "residual-east", {"residual_state": "normal", "residual_current": 0.0})
    assert circuit.truth("FI-15-sensor", "residual-east") is False
    circuit.set(3, "residual-east", {"residual_current": None}, Quality.BAD_SENSOR)
    assert circuit.truth("FI-15-sensor", "residual-east") is True


# --- in the engine


def play() -> Play:
    """Without FI-02, which joins two detectors: test_catalogue_fire.py has it."""
    alone = [each for each in pack("fire") if each["rule"] != "FI-02"]
    begun = Play(alone + pack("gateway"), demo())
    parts = {f"{part}/{name}": value for part in begun.parts("panel-1") for name, value in QUIET.items()}
    begun.at(0).set("panel-1", **parts, **PANEL, health="online")
    return begun


def test_a_second_detector_in_an_acknowledged_zone_sounds_again() -> None:
    fire = play()
    fire.at(10).set("panel-1", **{"L1D1/fire": True})
    fire.do("ack", "FI-01", "panel-1/L1D1")
    fire.at(100).set("panel-1", **{"L1D2/fire": True})
    assert fire.told == [("raise", "FI-01", "panel-1/L1D1"), ("raise", "FI-01", "panel-1/L1D2")]
    assert fire.state("FI-01", "panel-1/L1D1") is S.ACKED
    assert fire.state("FI-01", "panel-1/L1D2") is S.UNACKED


def test_the_first_detector_of_the_panel_is_marked_as_the_first_out() -> None:
    fire = play()
    fire.at(10).set("panel-1", **{"L1D2/fire": True})
    fire.at(20).set("panel-1", **{"L1D1/fire": True, "L1D3/fire": True})
    assert fire.first_out == {"panel-1/L1D2": True, "panel-1/L1D1": False, "panel-1/L1D3": False}
    fire.at(30).set("panel-1", **{"L1D1/fire": False, "L1D2/fire": False, "L1D3/fire": False})
    for part in ("L1D1", "L1D2"):
        fire.close("FI-01", f"panel-1/{part}")
    fire.at(40).set("panel-1", **{"L1D4/fire": True})
    assert fire.first_out["panel-1/L1D4"] is False, "one of the last fire still stands"
    fire.at(50).set("panel-1", **{"L1D4/fire": False})
    for part in ("L1D3", "L1D4"):
        fire.close("FI-01", f"panel-1/{part}")
    fire.at(60).set("panel-1", **{"L1D1/fire": True})
    assert fire.first_out["panel-1/L1D1"] is True


def test_first_out_is_about_parts_and_one_rule() -> None:
    fire = play()
    fire.at(10).set("panel-1", **{"L1D2/supervisory": True})
    fire.at(20).set("panel-1", **{"L1D1/fire": True, "panel_fault": True})
    assert fire.first_out == {"panel-1/L1D2": True, "panel-1/L1D1": True}


def test_a_fire_makes_the_pre_alarm_of_its_own_detector_needless() -> None:
    fire = play()
    fire.at(10).set("panel-1", **{"L1D1/prealarm": True, "L1D2/prealarm": True})
    fire.at(20).set("panel-1", **{"L1D1/fire": True})
    assert [mute.kind for mute in fire.life("FI-03", "panel-1/L1D1").mutes] == ["suppressed"]
    assert fire.life("FI-03", "panel-1/L1D2").mutes == ()


def test_a_dead_panel_is_one_notice() -> None:
    fire = play()
    dead = {f"{part}/{name}": None for part in fire.parts("panel-1") for name in QUIET}
    fire.at(10).set("panel-1", quality=Quality.BAD_COMM, **dead, **dict.fromkeys(PANEL))
    fire.at(60).set("panel-1", health="offline")
    fire.at(600).tick()
    assert fire.told == [("raise", "FI-09", "panel-1")]


def test_a_panel_that_is_back_is_one_notice_too() -> None:
    """Its companions wait for a minute of good samples, FI-09 for half of one: in between none of them may ring."""
    play = Play([*pack("fire"), *pack("gateway")], [panel()])
    quiet = {point.key: False for point in panel().points if point.key != "health"}
    play.at(0).set("panel-1", health="online", **quiet)
    play.at(100).set("panel-1", quality=Quality.BAD_COMM, **quiet)
    play.at(150).set("panel-1", health="offline")
    play.at(3600).set("panel-1", health="online", **quiet)
    play.at(7200).tick()
    assert play.told == [("raise", "FI-09", "panel-1"), ("recover", "FI-09", "panel-1")]
    assert {view.mutes for view in play.engine.rules_view()} == {()}


def test_what_is_lost_again_while_it_comes_back_rings_after_all() -> None:
    play = Play([*pack("fire"), *pack("gateway")], [panel()])
    quiet = {point.key: False for point in panel().points if point.key != "health"}
    play.at(0).set("panel-1", health="offline", **dict.fromkeys(quiet, False))
    play.set("panel-1", quality=Quality.BAD_COMM, **quiet)
    play.at(3600).set("panel-1", health="online", **quiet)
    play.at(3640).tick()  # FI-09 is over
    play.set("panel-1", quality=Quality.BAD_DECODE, **{"L1D1/fire": None})
    assert [each for each in play.told if each[1] != "FI-09"] == [("reraise", "FI-01/protection_lost", "panel-1/L1D1")]


def test_a_dead_detector_is_one_notice() -> None:
    fire = play()
    fire.at(10).set("panel-1", quality=Quality.BAD_CONFIG, **{f"L1D1/{name}": None for name in QUIET})
    fire.at(600).tick()
    assert fire.told == [("raise", "FI-01/protection_lost", "panel-1/L1D1")]
