"""What raises, and what does not: fire, charging, across systems, the gateway itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.alerts.building import PHASES
from tests.alerts.catalogue_of_water import TRAPPED
from tests.alerts.catalogue_pairs import (
    CABINET,
    CHARGER,
    DAY,
    FEED,
    GATEWAY,
    HOUR,
    LIFT,
    PANEL,
    PUMPS,
    SOCKET,
    WATER,
    C,
    H,
    J,
    L,
    M,
    Pair,
    for_long,
    point,
)
from tests.alerts.whole import on, pulses, ramp

CONFIRMED = on(PANEL, 10, {"L1D1/fire": True, "L1D2/fire": True})
FIRE: Sequence[Pair] = (
    Pair(
        "FI-01",
        C,
        "panel-1/L1D1",
        [on(PANEL, 10, {"L1D1/fire": True}), 10],
        [on(PANEL, 10, {"L1D1/prealarm": True}), 60],
    ),
    Pair("FI-02", C, "panel-1/L1D1", [CONFIRMED, 10], [on(PANEL, 10, {"L1D2/fire": True, "L1D3/fire": True}), 300]),
    Pair(
        "FI-02",
        C,
        "panel-1/L1D1",
        [*pulses(PANEL, "L1D1/fire", (10,), 5), *pulses(PANEL, "L1D2/fire", (130,), 5), 131],
        [*pulses(PANEL, "L1D1/fire", (10,), 5), *pulses(PANEL, "L1D2/fire", (140,), 5), 141],
    ),
    Pair(
        "FI-03",
        H,
        "panel-1/L1D1",
        [on(PANEL, 10, {"L1D1/prealarm": True}), 10],
        [on(PANEL, 10, {"L1D1/fault": True}), 60],
    ),
    Pair(
        "FI-04",
        H,
        "panel-1/L1M1",
        [on(PANEL, 10, {"L1M1/supervisory": True}), 10],
        [on(PANEL, 10, {"L1M1/fault": True}), 60],
    ),
    Pair(
        "FI-05", M, "panel-1/L1D1", [on(PANEL, 10, {"L1D1/fault": True}), 10], [on(PANEL, 10, {"L1D2/fault": True}), 60]
    ),
    Pair("FI-05-panel", M, PANEL, [on(PANEL, 10, panel_fault=True), 10], [on(PANEL, 10, {"L1D1/fault": True}), 60]),
    for_long("FI-06", M, PANEL, "L1D1/disabled", True, 60),
    for_long("FI-07", L, PANEL, "L1D1/test", True, 2 * HOUR),
    for_long("FI-08", M, PANEL, "mains_fault", True, 60),
    Pair("FI-08", H, PANEL, [on(PANEL, 10, battery_fault=True), 71], [on(PANEL, 10, mains_fault=True), 300]),
    Pair("FI-09", H, PANEL, [on(PANEL, 10, health="offline"), 10], [on(PANEL, 10, health="stale"), 60]),
    point("FI-10", H, PUMPS, "hydrant_pressure", 0.069, 0.071, 15),
    for_long("FI-11", H, PUMPS, "pump-1/pump_auto", False, 60),
    Pair(
        "FI-12",
        C,
        "fire-pumps/pump-1",
        [on(PUMPS, 10, {"pump-1/pump_start_command": True}), 131],
        [on(PUMPS, 10, {"pump-1/pump_start_command": True}), on(PUMPS, 100, {"pump-1/pump_run": True}), 300],
    ),
    for_long("FI-13", H, PUMPS, "tank_low", True, 60),
    for_long("FI-13", H, PUMPS, "tank_high", True, 60),
    point("FI-13", H, PUMPS, "tank_level", 84.0, 86.0, 60),
    point("FI-13", H, PUMPS, "tank_level", 103.0, 101.0, 60),
    Pair(
        "FI-14",
        L,
        PUMPS,
        [*pulses(PUMPS, "jockey_run", range(10, 3210, 200), 60), 3300],
        [*pulses(PUMPS, "jockey_run", range(10, 7210, 240), 60), 7300],
    ),
    for_long("FI-16", H, PANEL, "node-1/panel_online", False, 10),
    point("FI-15", H, CABINET, "residual_current", 300.0, 290.0, 15),
    point("FI-15", H, CABINET, "residual_state", "alarm", "warning", 15),
    point("FI-15-sensor", M, CABINET, "residual_state", "sensor_broken", "warning", 15),
)


def amperes(value: float) -> dict[str, Any]:
    return {"charger_state": "charging", **dict.fromkeys(PHASES, value)}


def phases(first: float, second: float, third: float) -> dict[str, Any]:
    return dict(zip(PHASES, (first, second, third), strict=True))


LOADED = 15 * 60
CHARGING: Sequence[Pair] = (
    Pair("EV-01", M, CHARGER, [on(CHARGER, 10, amperes(34.0)), 71], [on(CHARGER, 10, amperes(33.0)), 300]),
    Pair("EV-01", H, CHARGER, [on(CHARGER, 10, amperes(39.0)), 16], [on(CHARGER, 10, amperes(38.0)), 300]),
    point("EV-01", H, CHARGER, "over_current", True, False),
    point("EV-01", H, CHARGER, "charger_state", "over_current", "error"),
    point("EV-02", H, CHARGER, "temperature", 75.0, 74.0, 10),
    point("EV-02", C, CHARGER, "temperature", 90.0, 89.0, 10),
    for_long("EV-02", H, CHARGER, "over_temperature", True, 10),
    point("EV-03", H, CHARGER, "residual_current_ac", 31.0, 30.0),
    point("EV-03", H, CHARGER, "residual_current_dc", 6.0, 5.9),
    point("EV-03", H, CHARGER, "residual_current_trip", True, False),
    point("EV-04", H, CHARGER, "charger_state", "ground_fault", "error"),
    Pair("EV-05", C, CHARGER, [on(CHARGER, 10, current_l1=2.0), 21], [on(CHARGER, 10, amperes(16.0)), 60]),
    Pair(
        "EV-05",
        C,
        CHARGER,
        [on(CHARGER, 10, current_l1=2.0), 21],
        [on(CHARGER, 10, current_l1=2.0), on(CHARGER, 18, current_l1=0.0), 60],
    ),
    point("EV-05", C, CHARGER, "contactor_fault", True, False),
    point("EV-06", L, FEED, "current_n", 26.0, 24.0, LOADED),
    Pair(
        "EV-06",
        L,
        FEED,
        [on(FEED, 10, phases(60.0, 60.0, 50.0)), 11 + LOADED],
        [on(FEED, 10, phases(60.0, 60.0, 52.0)), 11 + 2 * LOADED],
    ),
    Pair(
        "EV-06",
        L,
        FEED,
        [on(FEED, 10, phases(20.0, 0.0, 31.0)), 11 + LOADED],
        [on(FEED, 10, phases(0.0, 20.0, 29.0)), 11 + 2 * LOADED],
    ),
    point("EV-07", L, FEED, "transformer_load", 81.0, 80.0, LOADED),
    point("EV-07", H, FEED, "transformer_load", 101.0, 100.0, 300),
    point("EV-07", C, FEED, "transformer_load", 131.0, 130.0, 60),
    point("EV-08", H, FEED, "winding_temperature", 131.0, 130.0, 60),
    point("EV-08", C, FEED, "winding_temperature", 151.0, 150.0, 60),
    point("EV-09", M, SOCKET, "session_time", 28_801.0, 28_800.0),
    Pair(
        "EV-09-plug",
        M,
        SOCKET,
        [on(SOCKET, 10, power=120.0), 8 * HOUR + 11],
        [on(SOCKET, 10, power=120.0), on(SOCKET, 7 * HOUR, power=4.0), 10 * HOUR],
    ),
    point("EV-10", H, SOCKET, "power", 1001.0, 900.0, 30),
    Pair(
        "EV-10",
        H,
        SOCKET,
        [on(SOCKET, 10, port_limit=500.0, power=510.0), 41],
        [on(SOCKET, 10, port_limit=500.0, power=500.0), 300],
    ),
    Pair(
        "EV-10",
        H,
        SOCKET,
        [on(SOCKET, 1, port_full=True), *ramp(SOCKET, "power", 0, 60.0, range(2, 200, 2)), 200],
        [on(SOCKET, 1, port_full=True), *ramp(SOCKET, "power", 0, 10.0, range(2, 200, 2)), 200],
    ),
    point("EV-10", H, SOCKET, "temperature", 61.0, 60.0, 30),
    for_long("EV-11", H, LIFT, "e_bike_seen", True, 5),
    Pair(
        "EV-12",
        M,
        CHARGER,
        [on(CHARGER, 10, amperes(16.0)), on(CHARGER, 600, health="offline"), 661],
        [
            on(CHARGER, 10, amperes(16.0)),
            on(CHARGER, 500, charger_state="ready"),
            on(CHARGER, 600, health="offline"),
            900,
        ],
    ),
    Pair(
        "EV-13",
        L,
        CHARGER,
        [on(CHARGER, 10, power=3000.0, meter_power=2000.0), 11 + LOADED],
        [on(CHARGER, 10, power=2100.0, meter_power=2000.0), 11 + 2 * LOADED],
    ),
    Pair(
        "EV-13",
        L,
        CHARGER,
        [on(CHARGER, 10, power=0.0, meter_power=2000.0), 11 + LOADED],
        [on(CHARGER, 10, power=100.0, meter_power=300.0), 11 + 2 * LOADED],
    ),
)

FLOODED = on(WATER, 10, floor_level=0.12)
EAST_FIRE = on(PANEL, 10, {"L1D3/fire": True})
DARK = [on(PANEL, 10, mains_fault=True), on(LIFT, 25, mains_failed=True)]
CROSS: Sequence[Pair] = (
    Pair("XC-01", C, CHARGER, [FLOODED, on(CHARGER, 20, amperes(16.0)), 120], [FLOODED, 120]),
    Pair("XC-02", C, LIFT, [CONFIRMED, 71], [CONFIRMED, on(LIFT, 60, mode="fire_return"), 300]),
    Pair("XC-02", C, LIFT, [CONFIRMED, 71], [CONFIRMED, on(LIFT, 60, recalled=True), 300]),
    Pair("XC-02", C, LIFT, [CONFIRMED, 71], [on(PANEL, 10, {"L1D1/fire": True}), 300]),
    Pair(
        "XC-03",
        C,
        CHARGER,
        [EAST_FIRE, on(CHARGER, 11, amperes(16.0)), 72],
        [EAST_FIRE, on(CHARGER, 11, amperes(16.0)), on(CHARGER, 60, {**amperes(0.0), "charger_state": "ready"}), 300],
    ),
    point("XC-04-panel", J, PANEL, "mains_fault", True, False),
    point("XC-04-lift", J, LIFT, "mains_failed", True, False),
    point("XC-04-meter", J, FEED, "voltage_l2", 100.0, 120.0),
    Pair("XC-04", H, GATEWAY, [*DARK, 31], [on(LIFT, 25, mains_failed=True), 300]),
    Pair(
        "XC-04",
        H,
        GATEWAY,
        [*pulses(PANEL, "mains_fault", (10,), 5), on(LIFT, 35, mains_failed=True), 41],
        [*pulses(PANEL, "mains_fault", (10,), 5), on(LIFT, 46, mains_failed=True), 300],
    ),
    Pair("XC-04", C, GATEWAY, [*DARK, on(WATER, 30, floor_level=0.05), 100], [*DARK, 300]),
    Pair(
        "XC-05",
        C,
        PUMPS,
        [CONFIRMED, on(PUMPS, 20, {"pump-1/pump_run": True}, hydrant_pressure=0.05), 141],
        [CONFIRMED, on(PUMPS, 100, {"pump-1/pump_run": True}), 400],
    ),
    Pair("XC-05", C, PUMPS, [CONFIRMED, 131], [CONFIRMED, on(PUMPS, 100, {"pump-2/pump_run": True}), 400]),
    Pair("XC-06", H, LIFT, [FLOODED, on(LIFT, 20, floor=1), 60], [FLOODED, 300]),
    Pair("XC-07", C, LIFT, [TRAPPED, on(PANEL, 100, {"L1D4/fire": True}), 100], [TRAPPED, 300]),
    Pair(
        "XC-07",
        C,
        LIFT,
        [TRAPPED, on(PANEL, 100, {"L1D4/fire": True}), 100],
        [on(PANEL, 100, {"L1D4/fire": True}), 300],
    ),
    Pair(
        "XC-08",
        M,
        FEED,
        [on(FEED, 10, transformer_load=110.0, charging_share=60.0), 400],
        [on(FEED, 10, transformer_load=110.0, charging_share=50.0), 900],
    ),
    point("XC-09", H, GATEWAY, "garage/offline_share", 50.0, 40.0, 5),
)

STILL = [on(CABINET, at, heartbeat=at) for at in (10, 50)]
ITSELF: Sequence[Pair] = (
    Pair("GW-01", M, WATER, [on(WATER, 10, health="offline"), 10], [on(WATER, 10, health="stale"), 60]),
    point("GW-02", L, GATEWAY, "clock_offset", -2.1, -1.9, 600),
    point("GW-02", H, GATEWAY, "clock_offset", 31.0, 29.0, 600),
    for_long("GW-02-unsynced", L, GATEWAY, "clock_synced", False, DAY),
    point("GW-03", L, GATEWAY, "disk_used", 85.0, 84.0, 60),
    point("GW-03", H, GATEWAY, "disk_used", 95.0, 94.0, 60),
    point("GW-04", M, GATEWAY, "historian/sink_behind", 61.0, 60.0, 60),
    point("GW-05", H, GATEWAY, "rule_fault", True, False),
    point("GW-06", H, GATEWAY, "notices_late", True, False),
    Pair("GW-07", H, CABINET, [*STILL, 141], [*STILL, on(CABINET, 120, heartbeat=7), 200]),
    for_long("GW-08", M, CABINET, "ups_on_battery", True, 10),
    Pair("GW-08", H, CABINET, [on(CABINET, 10, ups_battery_low=True), 21], [on(CABINET, 10, ups_on_battery=True), 60]),
    point("GW-09", L, GATEWAY, "unclean_starts", 1, 0),
    point("GW-09", H, GATEWAY, "unclean_starts", 3, 2),
    point("GW-10", M, GATEWAY, "reload_refused", True, False),
    for_long("GW-11", M, GATEWAY, "loop_lag", 1.1, 30),
    point("GW-11", M, GATEWAY, "queue_depth", 10_001, 10_000, 30),
    point("GW-12", L, GATEWAY, "certificate_days", 13, 14),
    point("GW-13", M, GATEWAY, "broker/data_gap", True, False),
    for_long("GW-14", M, GATEWAY, "garage/link_up", False, 10),
    point("GW-15", M, GATEWAY, "broker/poison", True, False),
    point("GW-16", L, GATEWAY, "broker/unknown_device", True, False),
    point("GW-17", M, GATEWAY, "broker/conflict", True, False),
    for_long("GW-18", M, GATEWAY, "historian/sink_refused", True, 60),
    point("GW-19", M, GATEWAY, "samples_dropped", True, False),
    point("GW-20", M, GATEWAY, "broker/storm", True, False),
    point("GW-21", H, GATEWAY, "storage_slow", True, False),
    point("GW-21", H, GATEWAY, "storage_fault", True, False),
    Pair(
        "GW-22",
        L,
        WATER,
        [on(WATER, 10, health="degraded"), 611],
        [on(WATER, 10, health="degraded"), on(WATER, 500, health="online"), 900],
    ),
    point("GW-23", M, GATEWAY, "garage/bad_replies", True, False),
)
