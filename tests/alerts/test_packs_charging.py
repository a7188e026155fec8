"""What the charging and cross-system packs say: chargers alone, and with water or fire in their zone."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.bind import bind
from alerts.rule import Rule
from gateway.model import SECOND, Device, Location, Quality, Severity, Truth, Value
from gateway.model import AlarmState as S
from tests.alerts.building import (
    EAST,
    OPENEVSE,
    PHASES,
    Table,
    catalogue,
    charger,
    demo,
    pack,
    panel,
    sump,
    table,
)
from tests.alerts.playing import Play
from tests.alerts.test_packs_lift import IDLE as PARKED

RULES = [Rule.model_validate(each) for each in pack("ev-charging")]
IDLE: dict[str, Value] = {
    "charger_state": "ready",
    "current": 0.0,
    "current_limit": 16.0,
    "temperature": 30.0,
    "residual_current_ac": 1.0,
    "residual_current_dc": 0.5,
}
ALL = ("EV-01", "EV-02", "EV-03", "EV-04", "EV-05")


def shown(device: Device | None = None, **values: Value) -> Table:
    """A charger that has shown this for an hour."""
    one = table(RULES, [device or charger("c", EAST, tuple(IDLE))])
    one.set(0, "c", {**IDLE, **values})
    one.wait(3600)
    return one


def raised(one: Table) -> set[str]:
    return {rule for rule in ALL if one.truth(rule, "c")}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, set()),
        ({"charger_state": "charging", "current": 16.0}, set()),
        ({"charger_state": "charging", "current": 16.7}, set()),
        ({"charger_state": "charging", "current": 16.9}, {"EV-01"}),
        ({"charger_state": "over_current"}, {"EV-01"}),
        ({"current_limit": 0.0, "current": 0.4}, set()),
        ({"current_limit": 1.0, "current": 5.0, "charger_state": "charging"}, set()),
        ({"current_limit": 6.0, "current": 7.0, "charger_state": "charging"}, {"EV-01"}),
        ({"current_limit": 0.0, "current": 1.1}, {"EV-05"}),
        ({"temperature": 74.9}, set()),
        ({"temperature": 75.0}, {"EV-02"}),
        ({"charger_state": "over_temperature"}, {"EV-02"}),
        ({"residual_current_ac": 30.0}, set()),
        ({"residual_current_ac": 30.1}, {"EV-03"}),
        ({"residual_current_dc": 5.9}, set()),
        ({"residual_current_dc": 6.0}, {"EV-03"}),
        ({"charger_state": "gfci_fault"}, {"EV-03"}),
        ({"charger_state": "ground_fault"}, {"EV-04"}),
        ({"charger_state": "stuck_contactor"}, {"EV-05"}),
        ({"charger_state": "connected", "current": 1.0}, set()),
        ({"charger_state": "connected", "current": 1.1}, {"EV-05"}),
        ({"charger_state": "vent_required", "current": 8.0}, set()),
        ({"charger_state": "error", "current": 8.0}, {"EV-05"}),
    ],
)
def test_each_rule_has_its_own_case(values: dict[str, Value], expected: set[str]) -> None:
    assert raised(shown(**values)) == expected


@pytest.mark.parametrize(
    ("current", "at", "truth", "severity"),
    [
        (17.0, 59, False, None),
        (17.0, 60, True, None),
        (19.2, 60, True, None),  # exactly 1.2 × 16 is not above it
        (19.3, 4.9, False, None),
        (19.3, 5, True, Severity.HIGH),
    ],
)
def test_the_more_too_much_the_sooner(current: float, at: float, truth: Truth, severity: Severity | None) -> None:
    one = shown(charger_state="charging")
    one.set(4000, "c", {"current": current})
    one.wait(4000 + at)
    assert one.truth("EV-01", "c") is truth
    assert one.severity("EV-01", "c") is severity


@pytest.mark.parametrize(("temperature", "severity"), [(89.9, None), (90.0, Severity.CRITICAL)])
def test_near_melting_it_is_critical(temperature: float, severity: Severity | None) -> None:
    one = shown(temperature=temperature)
    assert one.truth("EV-02", "c") is True
    assert one.severity("EV-02", "c") is severity


@pytest.mark.parametrize("phase", PHASES)
def test_any_phase_counts(phase: str) -> None:
    three = charger("c", EAST, ("charger_state", "current_limit", *PHASES))
    one = shown(three, charger_state="charging", **{**dict.fromkeys(PHASES, 0.0), phase: 20.0})
    assert raised(one) == {"EV-01"}
    one.set(4000, "c", {"charger_state": "connected"})
    one.wait(4009)
    assert "EV-05" not in raised(one)
    one.wait(4010)
    assert "EV-05" in raised(one)


@pytest.mark.parametrize(("current", "expected"), [(16.7, set()), (16.9, {"EV-01"})])
def test_where_no_limit_is_told_the_pilot_signal_s_offer_is_the_limit(current: float, expected: set[str]) -> None:
    one = shown(charger("c", EAST, OPENEVSE), charger_state="charging", pilot_current=16.0, current=current)
    assert raised(one) == expected
    assert one.severity("EV-01", "c") is None
    one.set(4000, "c", {"current": 19.3})
    one.wait(4005)
    assert one.severity("EV-01", "c") is Severity.HIGH


def test_an_ordinary_end_of_charging_is_no_stuck_contactor() -> None:
    """The state says so first, the current some seconds later, each once."""
    one = shown(charger_state="charging", current=16.0)
    one.set(4000, "c", {"charger_state": "connected"})
    one.set(4006, "c", {"current": 0.0})
    one.wait(5000)
    assert raised(one) == set()


def test_an_ordinary_begin_of_charging_is_none_either() -> None:
    one = shown()
    one.set(4000, "c", {"current": 16.0})
    one.set(4006, "c", {"charger_state": "charging"})
    one.wait(5000)
    assert raised(one) == set()


@pytest.mark.parametrize("rule", ["EV-01", "EV-02", "EV-03", "EV-05"])
def test_a_charger_that_cannot_be_read_raises_nothing_but_its_companion(rule: str) -> None:
    one = shown()
    one.set(4000, "c", dict.fromkeys(IDLE), Quality.BAD_COMM)
    one.wait(9000)
    assert one.truth(rule, "c") is None
    assert one.truth(f"{rule}/protection_lost", "c") is True


def test_a_charger_that_reports_only_changes_is_not_missed_for_hours_of_silence() -> None:
    one = shown(charger("c", EAST, tuple(IDLE), poll_ns=0))
    one.wait(50_000)
    for rule in ALL:
        assert one.truth(rule, "c") is False
        assert one.truth(f"{rule}/protection_lost", "c") is False


def test_a_charger_that_never_spoke_is_not_protected_and_that_is_told_after_a_minute() -> None:
    bound = bind(RULES, [charger("c", EAST, OPENEVSE, poll_ns=0)], catalogue())
    companions = [each for each in bound.instances if each.companion_of]
    assert {each.unknown_for_ns for each in companions} == {60 * SECOND}
    assert {each.condition.judge(bound.columns, 0) for each in companions} == {True}


# --- across systems, in the engine

ASKED = ("elevator", "garage-water", "fire", "ev-charging")
CROSS = [each for name in (*ASKED, "cross-system", "gateway") for each in pack(name)]
QUIET = {f"{part}/{name}": False for part in ("L1D1", "L1D3", "L1D4") for name in ("fire",)}


def building(*more: Device) -> Play:
    """Dry, no fire, and every charger of the demo building idle."""
    play = Play(CROSS, [*demo(), *more])
    play.at(0).set("water-east", floor_level=0.0)
    play.set("water-west", floor_level=0.0)
    play.set("panel-1", **QUIET, mains_fault=False)
    for each in ("lift-1", "lift-2"):
        play.set(each, **PARKED)
    play.set("charger-east-1", charger_state="ready", **dict.fromkeys(PHASES, 0.0), power=0.0, current_limit=16.0)
    play.set("charger-west-1", charger_state="ready", current=0.0, pilot_current=16.0, temperature=20.0)
    play.set("feeder-east", **dict.fromkeys(PHASES, 0.2), power=100.0)
    return play


def flood(play: Play, source: str = "water-east", at: float = 100, level: float = 0.05) -> Play:
    """Stage 1 stands a minute later."""
    play.at(at).set(source, floor_level=level)
    play.at(at + 60).tick()
    return play


CHARGING = {"charger_state": "charging", "current_l1": 10.0, "power": 2300.0}


def cross(play: Play, rule: str = "XC-01") -> list[str]:
    return [source for reason, name, source in play.told if name == rule and reason == "raise"]


def test_water_beside_an_idle_charger_is_no_more_than_water() -> None:
    play = flood(building())
    play.at(3600).tick()
    assert cross(play) == []


def test_water_beside_a_charging_car_is_one_alarm_for_each_device_that_delivers() -> None:
    play = building()
    play.at(50).set("charger-east-1", **CHARGING)
    play.set("feeder-east", current_l1=10.2, power=2350.0)
    flood(play)
    play.at(169.9).tick()
    assert cross(play) == []
    play.at(170).tick()
    assert sorted(cross(play)) == ["charger-east-1", "feeder-east"]
    assert play.life("XC-01", "charger-east-1").severity is Severity.CRITICAL
    assert play.life("XC-01", "charger-east-1").latched


@pytest.mark.parametrize(
    ("values", "raises"),
    [
        ({"charger_state": "charging"}, True),
        ({"charger_state": "suspended"}, False),
        ({"current_l3": 1.1}, True),
        ({"current_l3": 1.0}, False),
        ({"power": 201.0}, True),
        ({"power": 200.0}, False),
    ],
)
def test_what_counts_as_delivering(values: dict[str, Any], raises: bool) -> None:
    play = building()
    play.at(50).set("charger-east-1", **values)
    flood(play).at(200).tick()
    assert cross(play) == (["charger-east-1"] if raises else [])


def test_water_in_another_zone_is_not_beside_it() -> None:
    play = building()
    play.at(50).set("charger-east-1", **CHARGING)
    flood(play, "water-west").at(600).tick()
    assert cross(play) == []


def test_a_zone_of_the_same_name_in_another_building_is_another() -> None:
    elsewhere = sump("water-2", "garage-east", location=Location("2", "B2", "garage-east"))
    play = building(elsewhere)
    play.at(50).set("charger-east-1", **CHARGING)
    flood(play, "water-2").at(600).tick()
    assert cross(play) == []


def test_quick_water_does_not_wait_for_stage_one() -> None:
    """25 cm stand after 10 s, stage 1 only after 60 s; and stage 1 is muted under it, not over."""
    play = building()
    play.at(50).set("charger-east-1", **CHARGING)
    play.at(100).set("water-east", floor_level=0.30)
    play.at(120).tick()
    assert cross(play) == ["charger-east-1"]
    play.at(300).tick()
    assert play.state("WA-01", "water-east") is S.UNACKED
    assert play.state("XC-01", "charger-east-1") is S.UNACKED


def test_charging_begins_in_standing_water() -> None:
    play = flood(building())
    play.at(1000).set("charger-east-1", **CHARGING)
    play.at(1010).tick()
    assert cross(play) == ["charger-east-1"]


def test_an_unreadable_charger_in_water_counts_as_charging_after_a_minute() -> None:
    play = flood(building())
    dead = dict.fromkeys(("charger_state", *PHASES, "power", "current_limit"))
    play.at(1000).set("charger-east-1", quality=Quality.BAD_COMM, **dead)
    play.at(1069.9).tick()
    assert cross(play) == []
    play.at(1070).tick()
    assert cross(play) == ["charger-east-1"]


def test_an_unreadable_charger_on_dry_ground_raises_nothing() -> None:
    play = building()
    dead = dict.fromkeys(("charger_state", *PHASES, "power", "current_limit"))
    play.at(1000).set("charger-east-1", quality=Quality.BAD_COMM, **dead)
    play.at(9000).tick()
    assert cross(play) == []


def test_a_dead_water_sensor_is_told_once_not_by_every_charger() -> None:
    play = building()
    play.at(50).set("charger-east-1", **CHARGING)
    play.at(100).set("water-east", quality=Quality.BAD_COMM, floor_level=None)
    play.at(1000).tick()
    lost = [(rule, source) for _, rule, source in play.told if rule.endswith("/protection_lost")]
    assert ("WA-03/protection_lost", "water-east") in lost
    assert not [each for each in lost if each[0].startswith("XC")]
    assert play.state("XC-01/protection_lost", "charger-east-1") is S.UNACKED, "muted, but it lives"


def meter_in_trouble() -> Play:
    """The water sensor of the zone has been gone since yesterday, under its one alarm; then a phase cannot be read."""
    play = building()
    play.set("panel-1", **{f"{part}/fire": False for part in ("L1D2", "L1M1")})
    play.at(50).set("water-east", health="offline")
    play.at(5000).tick()
    play.notices.clear()
    play.set("feeder-east", quality=Quality.BAD_DECODE, current_l1=None)
    play.set("panel-1", quality=Quality.BAD_COMM, **{"L1D3/fire": None})
    return play


def lost(play: Play) -> list[tuple[str, str]]:
    return [(rule, reason) for reason, rule, source in play.told if source == "feeder-east"]


def test_whom_a_rule_asks_speaks_for_the_alarm_and_not_for_the_rule_s_own_points() -> None:
    """No other rule watches a meter: with its companions muted for other reasons nobody would ever hear of it."""
    play = meter_in_trouble()
    play.at(5059.9).tick()
    assert lost(play) == []
    play.at(5060).tick()
    assert lost(play) == [("XC-01/protection_lost", "reraise"), ("XC-03/protection_lost", "raise")]
    play.at(5100).set("feeder-east", current_l1=0.2)
    play.at(6000).tick()
    assert [rule for rule, reason in lost(play) if reason != "recover"] == [
        "XC-01/protection_lost",
        "XC-03/protection_lost",
    ]


def test_a_lost_poll_is_no_reason_to_tell_again_what_another_says() -> None:
    play = meter_in_trouble()
    play.at(5030).set("feeder-east", current_l1=0.2)
    play.at(5040).set("feeder-east", quality=Quality.BAD_DECODE, current_l1=None)
    play.at(5099).set("feeder-east", current_l1=0.2)
    play.at(6000).tick()
    assert lost(play) == []


def test_the_charging_ends_but_the_latch_stays_until_it_is_reset() -> None:
    play = building()
    play.at(50).set("charger-east-1", **CHARGING)
    flood(play).at(200).tick()
    play.at(300).set("charger-east-1", charger_state="ready", **dict.fromkeys(PHASES, 0.0), power=0.0)
    assert play.state("XC-01", "charger-east-1") is S.LATCHED_UNACKED
    play.close("XC-01", "charger-east-1")


@pytest.mark.parametrize(("part", "told"), [("L1D3", ["charger-east-1"]), ("L1D4", []), ("L1D1", [])])
def test_fire_in_the_zone_and_a_charger_still_on_after_a_minute(part: str, told: list[str]) -> None:
    play = building()
    play.at(50).set("charger-east-1", **CHARGING)
    play.at(100).set("panel-1", **{f"{part}/fire": True})
    play.at(159.9).tick()
    assert cross(play, "XC-03") == []
    play.at(160).tick()
    assert cross(play, "XC-03") == told


def test_a_charger_that_the_fire_plan_switches_off_in_time_is_no_alarm() -> None:
    play = building()
    play.at(50).set("charger-east-1", **CHARGING)
    play.at(100).set("panel-1", **{"L1D3/fire": True})
    play.at(140).set("charger-east-1", charger_state="disabled", **dict.fromkeys(PHASES, 0.0), power=0.0)
    play.at(600).tick()
    assert cross(play, "XC-03") == []


def test_a_part_without_a_place_of_its_own_is_where_its_panel_is() -> None:
    moved = panel(parts={"A": Location()}, location=EAST)
    devices = [each for each in demo() if each.id != "panel-1"]
    bound = bind([Rule.model_validate(each) for each in CROSS], [*devices, moved], catalogue())
    (found,) = [e for e in bound.instances if (e.rule.rule, e.source) == ("XC-03", "charger-east-1")]
    assert found.condition.alarms == {("FI-01", "panel-1/A")}
