"""What raises, and what does not: lifts and garage water."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.model import Quality
from tests.alerts.catalogue_pairs import DAY, HOUR, LIFT, SLOW, WATER, C, H, L, M, Pair, for_long, point
from tests.alerts.whole import Step, Story, bad, on, pulses, ramp


def stops(offset: float, count: int) -> list[Step]:
    """So many stops at a landing, two minutes apart, each so far from it."""
    begins = [10 + 120 * number for number in range(count)]
    there = [(begin, {"levelling_offset": offset, "door_open": True}) for begin in begins]
    gone = [(begin + 20, {"door_open": False}) for begin in begins]
    return [on(LIFT, at, values) for at, values in sorted([*there, *gone], key=lambda each: each[0])]


STUCK = {"door_zone": False, "load": 12.0, "motion": "stopped"}
TRAPPED = on(LIFT, 10, STUCK)

ELEVATOR: Sequence[Pair] = (
    Pair("EL-01", C, LIFT, [TRAPPED, 80], [on(LIFT, 10, load=12.0), 600]),
    Pair("EL-01", C, LIFT, [TRAPPED, 80], [TRAPPED, on(LIFT, 50, door_zone=True), 600]),
    Pair(
        "EL-02",
        C,
        LIFT,
        [on(LIFT, 10, alarm_button=True), 14],
        [on(LIFT, 10, alarm_button=True, door_open=True, door_closed=False), 60],
    ),
    for_long("EL-02", C, LIFT, "alarm_button", True, 3),
    Pair(
        "EL-03",
        C,
        LIFT,
        [on(LIFT, 10, speed=1.0, door_closed=False), on(LIFT, 11, door_closed=False, speed=1.0), 12],
        [on(LIFT, 10, speed=1.0, door_closed=False), on(LIFT, 11, door_closed=True), 60],
    ),
    Pair("EL-04", C, LIFT, [on(LIFT, 10, final_limit=True), 10], [on(LIFT, 10, floor=20, fault_code=41), 60]),
    Pair("EL-05", L, LIFT, [*stops(12.0, 3), 400], [*stops(12.0, 2), 400]),
    Pair("EL-05", L, LIFT, [*stops(-12.0, 3), 400], [*stops(9.0, 6), 900]),
    point("EL-05", M, LIFT, "levelling_offset", 21.0, 19.0, 5),
    point("EL-06", C, LIFT, "speed", 2.1, 1.9),
    point("EL-06", C, LIFT, "speed", -2.1, -1.9),
    for_long("EL-07", H, LIFT, "mains_failed", True, 5),
    Pair(
        "EL-08",
        H,
        LIFT,
        [*pulses(LIFT, "door_open_command", (10, 40, 70), 20), 100],
        [*pulses(LIFT, "door_open_command", (10, 40), 20), 100],
    ),
    Pair(
        "EL-08",
        H,
        LIFT,
        [on(LIFT, 10, motion="opening"), 56],
        [on(LIFT, 10, motion="opening"), on(LIFT, 14, door_open=True), 90],
    ),
    for_long("EL-09", L, LIFT, "door_open", True, 120),
    Pair(
        "EL-09",
        L,
        LIFT,
        [*pulses(LIFT, "door_open", range(10, 70, 10), 6), 72],
        [*pulses(LIFT, "door_open", range(10, 300, 25), 8), 310],
    ),
    Pair(
        "EL-10",
        H,
        LIFT,
        [on(LIFT, 10, speed=1.0), 56],
        [on(LIFT, 10, speed=1.0), *(on(LIFT, at, floor=at // 10) for at in range(20, 100, 10)), 100],
    ),
    Pair(
        "EL-10",
        H,
        LIFT,
        [on(LIFT, 10, run_command=True), 56],
        [on(LIFT, 10, run_command=True), on(LIFT, 40, run_command=False), 90],
    ),
    for_long("EL-11", M, LIFT, "position_lost", True, 10),
    for_long("EL-11", M, LIFT, "start_failure", True, 10),
    point("EL-12", M, LIFT, "machine_room_temperature", 41.0, 40.0, 60),
    for_long("EL-12", M, LIFT, "drive_over_temperature", True, 60),
    for_long("EL-13", H, LIFT, "intercom_linked", False, 60),
    for_long("EL-14", L, LIFT, "call_stuck", True, 600),
    Pair(
        "EL-14",
        L,
        LIFT,
        [on(LIFT, 10, oldest_call=5), 611],
        [on(LIFT, 10, oldest_call=5), on(LIFT, 300, oldest_call=7), 611],
    ),
    Pair(
        "EL-15",
        L,
        LIFT,
        [on(LIFT, 10, mode="inspection"), 4 * HOUR + 11],
        [on(LIFT, 10, mode="inspection"), on(LIFT, 3 * HOUR, mode="automatic"), 5 * HOUR],
    ),
    for_long("EL-16", M, LIFT, "controller_linked", False, 60),
)

RUNS = on(WATER, 10, {"pump-1/pump_run": True})
STARTS = range(10, 610, 90)


def a_day(last: float, *more: Step) -> Story:
    """The pit from 1 m to `last` within a day, a sample each five minutes."""
    level = ramp(SLOW, "sump_level", 1.0, last, range(300, DAY + 900, 300))
    return [*sorted([*level, *more], key=lambda step: step.at), DAY + 900]


WATER_PAIRS: Sequence[Pair] = (
    point("WA-01", M, WATER, "floor_level", 0.03, 0.029, 60),
    point("WA-02", H, WATER, "floor_level", 0.10, 0.099, 30),
    point("WA-03", C, WATER, "floor_level", 0.25, 0.249, 10),
    Pair(
        "WA-04",
        H,
        WATER,
        [*ramp(WATER, "floor_level", 0, 0.08, range(10, 810, 5)), 810],
        [*ramp(WATER, "floor_level", 0, 0.045, range(10, 810, 5)), 810],
    ),
    for_long("WA-05", H, WATER, "high_high_float", True, 5),
    point("WA-05", H, WATER, "sump_level", 3.2, 3.19, 5),
    Pair(
        "WA-06",
        H,
        WATER,
        [RUNS, *ramp(WATER, "sump_level", 1.5, 1.5, range(11, 700, 5)), 700],
        [RUNS, *ramp(WATER, "sump_level", 1.5, 0.9, range(11, 700, 5)), 700],
    ),
    Pair("WA-07", H, WATER, [on(WATER, 10, sump_level=2.1), 41], [RUNS, on(WATER, 11, sump_level=2.1), 90]),
    for_long("WA-08", H, WATER, "pump-1/pump_fault", True, 3),
    Pair(
        "WA-08",
        C,
        "water-east/pump-1",
        [on(WATER, 10, {"pump-1/pump_fault": True, "pump-2/pump_fault": True}), 14],
        [on(WATER, 10, {"pump-1/pump_fault": True}), 60],
    ),
    for_long("WA-09", M, WATER, "pump-1/pump_auto", False, 600),
    Pair(
        "WA-10",
        L,
        "water-east/pump-1",
        [*pulses(WATER, "pump-1/pump_run", STARTS[:6], 30), 500],
        [*pulses(WATER, "pump-1/pump_run", STARTS[:5], 30), 500],
    ),
    Pair("WA-11", M, SLOW, a_day(1.0, on(SLOW, HOUR, {"pump-1/pump_run": True})), a_day(1.0)),
    Pair("WA-11", M, SLOW, a_day(1.0, on(SLOW, HOUR, rain=12.0)), a_day(1.003, on(SLOW, HOUR, rain=12.0))),
    Pair(
        "WA-12",
        M,
        WATER,
        [bad(WATER, 10, "floor_level"), 26],
        [bad(WATER, 10, "floor_level", quality=Quality.BAD_COMM), 300],
    ),
    Pair(
        "WA-12",
        M,
        WATER,
        [bad(WATER, 10, "floor_level"), 26],
        [bad(WATER, 10, "floor_level"), on(WATER, 20, floor_level=0.0), 60],
    ),
    Pair(
        "WA-12-sump",
        M,
        WATER,
        [bad(WATER, 10, "sump_level"), 26],
        [bad(WATER, 10, "sump_level", quality=Quality.BAD_COMM), 300],
    ),
    Pair(
        "WA-13",
        M,
        WATER,
        [on(WATER, 10, high_high_float=True, sump_level=2.0), 71],
        [on(WATER, 10, high_high_float=True, sump_level=3.15), 300],
    ),
    for_long("WA-14", M, WATER, "leak", True, 10),
    point("WA-15", L, WATER, "battery", 15.0, 16.0, 600),
    for_long("WA-15", L, WATER, "battery_low", True, 600),
    for_long("WA-16", M, WATER, "tilted", True, 60),
)
