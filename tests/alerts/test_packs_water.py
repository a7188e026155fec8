"""What the garage-water and gateway packs say: tables of situations in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.rule import Rule
from gateway.model import Quality, Severity, Truth
from tests.alerts.building import Table, pack, sump, table

EAST = "water-east"
DRY: dict[str, Any] = {
    "floor_level": 0.0,
    "sump_level": 0.8,
    "high_high_float": False,
    "pump-1/pump_run": False,
    "pump-2/pump_run": False,
    "pump-1/pump_fault": False,
    "pump-2/pump_fault": False,
    "health": "online",
}


def garage() -> Table:
    mappings = [*pack("garage-water"), *pack("gateway")]
    return table([Rule.model_validate(each) for each in mappings], [sump()])


def situation(**values: Any) -> Table:
    shown = garage()
    shown.set(0, EAST, {**DRY, **values})
    return shown


@pytest.mark.parametrize(
    ("level", "stages"),
    [
        (0.0, (False, False, False)),
        (0.029, (False, False, False)),
        (0.03, (True, False, False)),
        (0.10, (True, True, False)),
        (0.25, (True, True, True)),
        (1.0, (True, True, True)),
    ],
)
def test_stages(level: float, stages: tuple[bool, ...]) -> None:
    shown = situation(floor_level=level)
    assert tuple(shown.truth(f"WA-0{stage}", EAST) for stage in (1, 2, 3)) == stages


def test_a_stage_clears_a_centimetre_below() -> None:
    shown = situation(floor_level=0.12)
    seen = []
    for at, level in enumerate([0.095, 0.09, 0.089, 0.095, 0.10], 1):
        shown.set(at, EAST, {"floor_level": level})
        seen.append(shown.truth("WA-02", EAST))
    assert seen == [True, True, False, False, True]


def test_a_dead_loop_is_not_dry() -> None:
    shown = situation(floor_level=0.05)
    shown.set(1, EAST, {"floor_level": None}, Quality.BAD_SENSOR)
    assert [shown.truth(f"WA-0{stage}", EAST) for stage in (1, 2, 3, 4)] == [None] * 4
    assert shown.truth("WA-12", EAST) is True
    assert shown.truth("WA-12-sump", EAST) is False
    assert shown.truth("WA-03/protection_lost", EAST) is True
    shown.set(2, EAST, {"floor_level": 0.025})
    assert shown.truth("WA-01", EAST) is True, "in the band: as it was before"
    assert shown.truth("WA-12", EAST) is False


@pytest.mark.parametrize(
    ("quality", "truth"),
    [
        (Quality.GOOD, False),
        (Quality.BAD_SENSOR, True),
        (Quality.BAD_RANGE, True),
        (Quality.BAD_CONFIG, True),
        (Quality.BAD_COMM, None),
    ],
)
def test_sensor_failed(quality: Quality, truth: Truth) -> None:
    shown = situation()
    shown.set(1, EAST, {"sump_level": 1.0}, quality)
    assert shown.truth("WA-12-sump", EAST) is truth


@pytest.mark.parametrize(("per_10_min", "truth"), [(0.02, False), (0.049, False), (0.05, True), (0.2, True)])
def test_rapid_rise(per_10_min: float, truth: bool) -> None:
    shown = garage()
    for at in range(0, 601, 2):
        shown.set(at, EAST, {"floor_level": 0.01 + per_10_min * at / 600})
        if at < 300:
            assert shown.truth("WA-04", EAST) is None
    assert shown.truth("WA-04", EAST) is truth
    assert shown.truth("WA-04/protection_lost", EAST) is False


@pytest.mark.parametrize(
    ("values", "bad", "truth"),
    [
        ({}, set(), False),
        ({"high_high_float": True}, set(), True),
        ({"sump_level": 3.2}, set(), True),
        ({"high_high_float": True}, {"sump_level"}, True),
        ({"sump_level": 3.3}, {"high_high_float"}, True),
        ({}, {"high_high_float"}, None),
        ({}, {"sump_level"}, None),
    ],
)
def test_sump_very_high(values: Any, bad: set[str], truth: Truth) -> None:
    shown = situation(**values)
    shown.set(1, EAST, dict.fromkeys(bad), Quality.BAD_COMM)
    assert shown.truth("WA-05", EAST) is truth


@pytest.mark.parametrize(
    ("level", "first", "second", "truth"),
    [
        (1.9, False, False, False),
        (2.0, False, False, True),
        (2.5, True, False, False),
        (2.5, False, True, False),
        (2.5, None, False, None),
        (2.5, None, True, False),
        (1.0, None, None, False),
    ],
)
def test_pump_does_not_start(level: float, first: Truth, second: Truth, truth: Truth) -> None:
    shown = situation(sump_level=level)
    for pump, runs in (("pump-1", first), ("pump-2", second)):
        quality = Quality.BAD_COMM if runs is None else Quality.GOOD
        shown.set(1, EAST, {f"{pump}/pump_run": runs}, quality)
    assert shown.truth("WA-07", EAST) is truth


def test_both_pumps_tripped_is_critical_on_each() -> None:
    shown = situation()
    seen = []
    for at, (first, second) in enumerate([(True, False), (True, True), (False, True)], 1):
        shown.set(at, EAST, {"pump-1/pump_fault": first, "pump-2/pump_fault": second})
        sources = [f"{EAST}/{pump}" for pump in ("pump-1", "pump-2")]
        seen.append([(shown.truth("WA-08", source), shown.severity("WA-08", source)) for source in sources])
    critical = Severity.CRITICAL
    assert seen == [
        [(True, None), (False, None)],
        [(True, critical), (True, critical)],
        [(False, None), (True, None)],
    ]


def test_one_dead_pump_signal_is_that_pump_s_protection() -> None:
    shown = situation()
    shown.set(1, EAST, {"pump-2/pump_fault": None}, Quality.BAD_COMM)
    assert shown.truth("WA-08/protection_lost", f"{EAST}/pump-2") is True
    assert shown.truth("WA-08/protection_lost", f"{EAST}/pump-1") is False


HEALTH = {"online": False, "degraded": False, "stale": False, "offline": True, "starting": None}


@pytest.mark.parametrize(("health", "truth"), HEALTH.items())
def test_offline(health: str, truth: Truth) -> None:
    assert situation(health=health).truth("GW-01", EAST) is truth
