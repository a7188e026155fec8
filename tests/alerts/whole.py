"""A building that has everything the catalogue asks for, at rest; and stories that happen to it in virtual time."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from alerts.rule import Rule
from gateway.model import SECOND, Device, Location, Quality, Severity
from tests.alerts.building import EAST, PHASES, WEST, charger, device, gateway, lift, packs, panel, standard
from tests.alerts.playing import Play

ANYWHERE = {
    name: standard("all", name)[0] for name in ("heartbeat", "e_bike_seen", "ups_on_battery", "ups_battery_low")
}
OF_PUMPS = ("pump_run", "pump_fault", "pump_auto")
OF_FIRE_PUMPS = ("pump_auto", "pump_start_command", "pump_run")
FIRE_WATER = ("hydrant_pressure", "jockey_run", "tank_level", "tank_low", "tank_high")
PUMPS = ("pump-1", "pump-2")


def pit(name: str, **changes: Any) -> Device:
    """A zone of the garage with its pit, two pumps, and every kind of sensor."""
    whole = [point for point in standard("garage-water") if point.name not in OF_PUMPS]
    parts = [replace(point, part=part) for part in PUMPS for point in standard("garage-water", *OF_PUMPS)]
    return device(name, "garage-water", [*whole, *parts], **{"location": EAST, **changes})


def _panel() -> Device:
    found = panel()
    seen = replace(standard("fire", "panel_online")[0], part="node-1")
    return replace(found, points=(*found.points, seen))


def _fire_pumps() -> Device:
    parts = [replace(point, part=part) for part in PUMPS for point in standard("fire", *OF_FIRE_PUMPS)]
    return device("fire-pumps", "fire", [*standard("fire", *FIRE_WATER), *parts], location=Location("1", "B1"))


CHARGER = (
    *("charger_state", *PHASES, "current_limit", "pilot_current", "power", "meter_power", "temperature"),
    *("residual_current_ac", "residual_current_dc", "residual_current_trip", "contactor_fault"),
    *("over_temperature", "over_current"),
)
TRANSFORMER = (
    *("feeder_rating", *PHASES, "current_n", "transformer_load", "winding_temperature", "charging_share"),
    *("voltage_l1", "voltage_l2", "voltage_l3"),
)
SOCKET = ("power", "session_time", "port_limit", "port_full", "temperature", "over_current")


def building() -> list[Device]:
    residual = standard("electrical-fire", "residual_current", "residual_state")
    aside = [ANYWHERE[name] for name in ("heartbeat", "ups_on_battery", "ups_battery_low")]
    return [
        lift("lift-1", points=(*standard("elevator"), ANYWHERE["e_bike_seen"], *lift().points[-1:])),
        pit("water-east"),
        pit("pit-slow", poll_ns=300 * SECOND, location=Location("1", "B2", "pit")),
        _panel(),
        _fire_pumps(),
        charger("charger-1", EAST, CHARGER),
        charger("transformer", WEST, TRANSFORMER, labels={"meter": "mains"}),
        charger("socket", Location("1", "1", "shed"), SOCKET, labels={"socket": "e-bike"}),
        device("cabinet", "electrical-fire", [*residual, *aside], location=EAST),
        gateway(),
    ]


_WATER: dict[str, Any] = {
    "floor_level": 0.0,
    "sump_level": 1.0,
    "high_high_float": False,
    "leak": False,
    "rain": 0.0,
    "battery": 90.0,
    "battery_low": False,
    "tilted": False,
    **{f"{pump}/{name}": name == "pump_auto" for pump in PUMPS for name in OF_PUMPS},
}
AT_REST: dict[str, dict[str, Any]] = {
    "lift-1": {
        **{"mode": "automatic", "speed": 0.0, "rated_speed": 1.75, "load": 0.0, "motion": "close_held", "floor": 3},
        **{"moving": False, "door_open": False, "door_closed": True, "door_zone": True, "fault_code": 0},
        **{"mains_failed": False, "final_limit": False, "controller_linked": True, "alarm_button": False},
        **{"levelling_offset": 0.0, "door_open_command": False, "run_command": False, "recalled": False},
        **{"position_lost": False, "start_failure": False, "machine_room_temperature": 25.0, "call_stuck": False},
        **{"drive_over_temperature": False, "intercom_linked": True, "oldest_call": 0, "e_bike_seen": False},
    },
    "water-east": _WATER,
    "pit-slow": _WATER,
    "panel-1": {
        **{
            f"{part}/{name}": False
            for part in panel().parts
            for name in ("fire", "prealarm", "supervisory", "fault", "disabled", "test")
        },
        **{"panel_fault": False, "mains_fault": False, "battery_fault": False, "node-1/panel_online": True},
    },
    "fire-pumps": {
        **{"hydrant_pressure": 0.2, "jockey_run": False, "tank_level": 95.0, "tank_low": False, "tank_high": False},
        **{f"{pump}/{name}": name == "pump_auto" for pump in PUMPS for name in OF_FIRE_PUMPS},
    },
    "charger-1": {
        **{"charger_state": "ready", **dict.fromkeys(PHASES, 0.0), "current_limit": 32.0, "pilot_current": 32.0},
        **{"power": 0.0, "meter_power": 0.0, "temperature": 30.0, "residual_current_ac": 0.0},
        **{"residual_current_dc": 0.0, "residual_current_trip": False, "contactor_fault": False},
        **{"over_temperature": False, "over_current": False},
    },
    "transformer": {
        **{"feeder_rating": 100.0, **dict.fromkeys(PHASES, 0.0), "current_n": 0.0, "transformer_load": 40.0},
        **{"winding_temperature": 80.0, "charging_share": 10.0},
        **dict.fromkeys(("voltage_l1", "voltage_l2", "voltage_l3"), 230.0),
    },
    "socket": {
        **{"power": 0.0, "session_time": 0.0, "port_limit": 1200.0, "port_full": False, "temperature": 20.0},
        "over_current": False,
    },
    "cabinet": {
        **{"residual_current": 50.0, "residual_state": "normal", "heartbeat": 0},
        **{"ups_on_battery": False, "ups_battery_low": False},
    },
    "gateway": {
        **{"disk_used": 40.0, "outbox_pending": 0, "queue_depth": 3, "loop_lag": 0.01, "clock_offset": 0.0},
        **{"clock_synced": True, "unclean_starts": 0, "certificate_days": 300},
        **dict.fromkeys(("notices_late", "samples_dropped", "reload_refused", "rule_fault"), False),
        **{"storage_slow": False, "storage_fault": False, "historian/sink_behind": 2.0},
        **{"historian/sink_refused": False, "historian/sink_lost": False},
        **{f"{link}/link_up": True for link in ("garage", "broker")},
        **{f"{link}/bad_replies": False for link in ("garage", "broker")},
        **{f"{link}/offline_share": 0.0 for link in ("garage", "broker")},
        **{f"broker/{name}": False for name in ("data_gap", "poison", "unknown_device", "conflict", "storm")},
    },
}


@dataclass(frozen=True)
class Step:
    """From `at` (seconds) on these points are so."""

    device: str
    at: float
    values: Mapping[str, Any] = field(default_factory=dict)
    quality: int = Quality.GOOD


Story = Sequence[Step | float]
"""Steps in order of time, and at last the second at which one looks."""


def on(device: str, at: float, values: Mapping[str, Any] | None = None, /, **more: Any) -> Step:
    """`values` for the points of parts (`pump-1/pump_run`), keywords for the device's own."""
    return Step(device, at, {**(values or {}), **more})


def bad(device: str, at: float, *points: str, quality: int = Quality.BAD_SENSOR) -> Step:
    return Step(device, at, dict.fromkeys(points), quality)


def pulses(device: str, point: str, begins: Sequence[float], lasts: float) -> list[Step]:
    """TRUE for so long each time."""
    return [on(device, at, {point: value}) for begin in begins for at, value in ((begin, True), (begin + lasts, False))]


def ramp(device: str, point: str, first: float, last: float, seconds: Sequence[float]) -> list[Step]:
    """From one value to the other, a sample at each of these seconds."""
    begin, end = seconds[0], seconds[-1]
    return [on(device, at, {point: first + (last - first) * (at - begin) / (end - begin)}) for at in seconds]


@functools.cache
def rules() -> tuple[Rule, ...]:
    return tuple(Rule.model_validate(each) for each in packs())


def play(story: Story) -> Play:
    """What the whole catalogue makes of it, in a building at rest."""
    shown = Play(rules(), building())
    for name, values in AT_REST.items():
        shown.at(0).set(name, health="online", **values)
    for step in story:
        if isinstance(step, Step):
            shown.at(step.at).set(step.device, quality=step.quality, **step.values)
        else:
            shown.at(step).tick()
    return shown


def reached(story: Story, rule: str, source: str) -> set[Severity]:
    """The severities that the alarm has had, by the journal."""
    told = {"raise", "reraise", "severity_up"}
    events = [each for each in play(story).events if (each.rule, each.source) == (rule, source) and each.kind in told]
    return {Severity[each.body["severity"].upper()] for each in events}


def levels(rule: Rule) -> Iterator[Severity]:
    """Every severity that a rule can have."""
    yield rule.severity
    yield from (step.severity for step in rule.escalate)
    yield from (level.severity for level in getattr(rule.when, "levels", None) or () if level.severity is not None)
