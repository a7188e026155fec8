"""What the elevator pack says of a lift: tables of situations in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.rule import Rule
from gateway.model import SECOND, Device, Quality, Truth, Value
from tests.alerts.building import Table, lift, pack, table

CONTROLLER = {"mode", "speed", "load", "door_open", "door_closed", "motion", "fault_code"}
IO_BOX = {"mains_failed", "final_limit", "door_zone"}
# an idle lift: at a landing, doors closed, empty
IDLE: dict[str, Value] = {
    "mode": "automatic",
    "speed": 0.0,
    "load": 0.0,
    "motion": "close_held",
    "door_open": False,
    "door_closed": True,
    "door_zone": True,
    "fault_code": 0,
    "mains_failed": False,
    "final_limit": False,
    "rated_speed": 1.75,
    "floor": 3,
    "moving": False,
}


def lifts(device: Device | None = None) -> Table:
    return table([Rule.model_validate(each) for each in pack("elevator")], [device or lift()])


def situation(bad: set[str] | None = None, after_s: float = 0, device: Device | None = None, **values: Value) -> Table:
    """A lift that has shown this for ten seconds, then some points unreadable, and then time."""
    shown = lifts(device)
    all_values = {**IDLE, **values}
    shown.set(-10, "lift-1", all_values)
    dead = bad or set()
    shown.set(0, "lift-1", {key: value for key, value in all_values.items() if key not in dead})
    shown.set(0, "lift-1", dict.fromkeys(dead), Quality.BAD_COMM)
    shown.wait(after_s)
    return shown


STUCK: dict[str, Any] = {"door_zone": False, "load": 8.0}
MOVING: dict[str, Any] = {**IDLE, "speed": 0.3, "door_zone": False, "load": 8.0, "motion": "running"}


@pytest.mark.parametrize(
    ("story", "values", "truth"),
    [
        ("idle and empty", {}, False),
        ("parked with a parcel", {"load": 5.0}, False),
        ("parked, locked, with a drifted load cell", {"load": 4.0, "mode": "locked"}, False),
        ("at a landing with open doors and people", {"load": 40.0, "door_open": True, "door_closed": False}, False),
        ("running between floors", {"load": 8.0, "door_zone": False, "speed": 1.75, "motion": "running"}, False),
        ("running down with a signed speed", {"load": 8.0, "door_zone": False, "speed": -1.75}, False),
        ("stopped between floors with people", STUCK, True),
        ("stopped between floors in fault mode", {**STUCK, "mode": "fault"}, True),
        ("stopped between floors with a child of 25 kg of 1000", {**STUCK, "load": 2.5}, True),
        ("stopped between floors, empty", {**STUCK, "load": 0.5}, False),
        ("a mechanic at work between floors", {**STUCK, "mode": "inspection"}, False),
        ("creeping back to a landing", {**STUCK, "speed": 0.12}, False),
        ("in fault at a landing, door closed, loaded", {"load": 8.0, "mode": "fault"}, True),
        ("in fault at a landing, door open", {"load": 8.0, "mode": "fault", "door_open": True}, False),
        ("the door tries to open and does not", {"load": 8.0, "motion": "opening"}, True),
    ],
)
def test_entrapment(story: str, values: Any, truth: Truth) -> None:
    assert situation(**values).truth("EL-01", "lift-1") is truth, story


def test_an_ordinary_stop_is_no_entrapment_for_a_moment() -> None:
    """The speed is polled each half second, door_zone each second from another box; the door takes four to open."""
    shown = lifts()
    shown.set(0, "lift-1", MOVING)
    stopped = {"speed": 0.0, "motion": "opening"}
    answers = []
    for half in range(1, 9):
        shown.set(half / 2, "lift-1", {**stopped, **({"door_zone": True} if half > 2 else {})})
        answers.append(shown.truth("EL-01", "lift-1"))
    shown.set(4.5, "lift-1", {"motion": "open_held", "door_open": True, "door_closed": False})
    assert [*answers, shown.truth("EL-01", "lift-1")] == [False] * 9


def test_an_ordinary_departure_is_no_entrapment_for_a_moment() -> None:
    """door_zone has left before the slower controller is read again."""
    shown = lifts()
    shown.set(0, "lift-1", {**IDLE, "load": 8.0})
    shown.set(60, "lift-1", {"door_zone": False})
    assert shown.truth("EL-01", "lift-1") is False
    shown.set(62, "lift-1", {"speed": 1.0, "motion": "running"})
    shown.wait(70)
    assert shown.truth("EL-01", "lift-1") is False


def test_a_lift_that_stays_where_it_stopped_is_seen_even_if_it_says_so_only_once() -> None:
    shown = lifts()
    shown.set(-10, "lift-1", MOVING)
    shown.wait(0)
    shown.set(1, "lift-1", {"speed": 0.0, "motion": "stopped"})
    assert shown.truth("EL-01", "lift-1") is False
    assert shown.instance("EL-01", "lift-1").condition.next_due() == 4 * SECOND
    shown.wait(4)
    assert shown.truth("EL-01", "lift-1") is True


def test_a_door_that_does_not_open_is_seen_even_if_it_says_so_only_once() -> None:
    shown = situation(load=8.0)
    shown.set(1, "lift-1", {"motion": "opening"})
    shown.wait(10.9)
    assert shown.truth("EL-01", "lift-1") is False
    shown.wait(11)
    assert shown.truth("EL-01", "lift-1") is True


@pytest.mark.parametrize(
    ("story", "bad", "values", "before", "after"),
    [
        ("dead load cell, stopped between floors", {"load"}, STUCK, None, True),
        ("dead load cell, parked at a landing", {"load"}, {}, False, False),
        ("undeclared mode, stopped between floors", {"mode"}, STUCK, None, True),
        ("controller dead between floors", CONTROLLER, STUCK, None, True),
        ("controller dead at a landing", CONTROLLER, {}, None, None),
        ("I/O box dead, parked with a parcel", IO_BOX, {"load": 5.0}, None, None),
        ("I/O box dead, door does not open", IO_BOX, {"load": 5.0, "motion": "opening"}, True, True),
        ("everything dead", CONTROLLER | IO_BOX, STUCK, None, None),
    ],
)
def test_entrapment_with_unreadable_points(story: str, bad: set[str], values: Any, before: Truth, after: Truth) -> None:
    shown = situation(bad, **values)
    assert shown.truth("EL-01", "lift-1") is before, story
    shown.wait(59)
    assert shown.truth("EL-01", "lift-1") is before, story
    shown.wait(61)
    assert shown.truth("EL-01", "lift-1") is after, story
    assert shown.truth("EL-01/protection_lost", "lift-1") is True, story


def test_a_start_with_nothing_read_yet_raises_nothing() -> None:
    shown = lifts()
    for at in (0, 60, 120, 3600):
        shown.wait(at)
        assert [shown.truth(name, "lift-1") for name in ("EL-01", "EL-03", "EL-04", "EL-07")] == [None] * 4


def test_the_trip_s_time_is_told_to_the_engine() -> None:
    shown = situation({"load"}, **STUCK)
    assert shown.instance("EL-01", "lift-1").condition.next_due() == 60 * SECOND


def test_a_lift_without_door_zone_is_watched_as_far_as_it_goes() -> None:
    points = tuple(point for point in lift().points if point.name not in {"door_zone", "load", "final_limit"})
    shown = situation(device=lift(points=points), mode="fault")
    assert shown.truth("EL-01", "lift-1") is True
    assert {(each.rule, each.why) for each in shown.bound.reduced if each.rule in {"EL-01", "EL-03", "EL-04"}} == {
        ("EL-01", "the device has no point 'door_zone'"),
        ("EL-01", "the device has no point 'load'"),
        ("EL-04", "the device has no point 'final_limit'"),
    }


def run(shown: Table, frames: list[tuple[float, bool]]) -> list[Truth]:
    """Frames of (speed, door closed), one a second."""
    answers = []
    for at, (speed, closed) in enumerate(frames):
        shown.set(at, "lift-1", {**IDLE, "speed": speed, "door_closed": closed, "door_open": False})
        answers.append(shown.truth("EL-03", "lift-1"))
    return answers


@pytest.mark.parametrize(
    ("story", "frames", "answers"),
    [
        ("an ordinary run", [(0, False), (0.5, True), (1.7, True), (0.3, True), (0, False)], [False] * 5),
        ("one torn frame at the stop", [(1.0, True), (0.4, False), (0, False)], [False] * 3),
        ("a contact that bounces once", [(1.0, True), (1.0, False), (1.0, True)], [False] * 3),
        ("longer than 1.5 s", [(1.0, True), *[(1.0, False)] * 3], [False, False, False, True]),
        ("down, with a signed speed", [(-1.0, False)] * 3, [False, False, True]),
        ("slow re-levelling with open doors", [(0.08, False)] * 3, [False] * 3),
    ],
)
def test_running_with_open_doors(story: str, frames: Any, answers: list[Truth]) -> None:
    assert run(lifts(), frames) == answers, story


def test_running_with_open_doors_is_seen_even_if_it_is_said_only_once() -> None:
    shown = lifts(lift(poll_ns=0))
    shown.set(0, "lift-1", {**IDLE, "door_open": False, "door_closed": True})
    shown.set(10, "lift-1", {"speed": 0.5})
    shown.set(20, "lift-1", {"door_closed": False})
    assert shown.instance("EL-03", "lift-1").condition.next_due() == 21_500_000_000
    shown.wait(21.4)
    assert shown.truth("EL-03", "lift-1") is False
    shown.wait(21.5)
    assert shown.truth("EL-03", "lift-1") is True


def test_one_torn_frame_before_a_poll_that_is_late_is_no_run_with_open_doors() -> None:
    shown = lifts()
    shown.set(0, "lift-1", {**IDLE, "door_open": False, "door_closed": True})
    shown.set(1, "lift-1", {"speed": 0.4, "door_closed": False})
    shown.wait(3.9)
    assert shown.truth("EL-03", "lift-1") is False
    shown.set(4, "lift-1", {"speed": 0.0})
    assert shown.truth("EL-03", "lift-1") is False


def test_a_poll_that_is_late_makes_a_run_with_open_doors_known_with_it() -> None:
    shown = lifts()
    shown.set(0, "lift-1", {**IDLE, "door_open": False, "door_closed": True})
    shown.set(1, "lift-1", {"speed": 0.4, "door_closed": False})
    shown.set(4, "lift-1", {"speed": 0.4, "door_closed": False})
    assert shown.truth("EL-03", "lift-1") is True


def test_a_run_with_open_doors_that_nobody_contradicts_is_said_in_the_end() -> None:
    shown = lifts()
    shown.set(0, "lift-1", {**IDLE, "door_open": False, "door_closed": True})
    shown.set(1, "lift-1", {"speed": 0.4, "door_closed": False})
    shown.wait(12.4)
    assert shown.truth("EL-03", "lift-1") is False
    shown.wait(12.5)
    assert shown.truth("EL-03", "lift-1") is True


def test_two_torn_frames_with_a_lost_link_between_them_are_no_run_with_open_doors() -> None:
    shown = lifts()
    torn = {**IDLE, "door_open": False, "door_closed": False, "speed": 0.4}
    shown.set(0, "lift-1", torn)
    shown.set(1, "lift-1", torn, Quality.BAD_COMM)
    shown.set(600, "lift-1", torn)
    assert shown.truth("EL-03", "lift-1") is False


@pytest.mark.parametrize("lost_s", [2, 5, 10])
def test_nor_where_the_link_is_found_lost_after_the_time_that_it_should_have_lasted(lost_s: int) -> None:
    """A second sample had not agreed by then, and an hour later it is another one."""
    shown = lifts()
    torn = {**IDLE, "door_open": False, "door_closed": False, "speed": 0.4}
    shown.set(0, "lift-1", torn)
    shown.set(lost_s, "lift-1", torn, Quality.BAD_COMM)
    shown.set(3600, "lift-1", torn)
    assert shown.truth("EL-03", "lift-1") is False
    shown.set(3601.6, "lift-1", torn)
    assert shown.truth("EL-03", "lift-1") is True


def test_a_run_with_open_doors_that_two_samples_have_said_stands_over_a_lost_link() -> None:
    shown = lifts()
    run = {**IDLE, "door_open": False, "door_closed": False, "speed": 0.4}
    shown.set(0, "lift-1", run)
    shown.set(2, "lift-1", run)
    shown.set(3, "lift-1", run, Quality.BAD_COMM)
    shown.set(3600, "lift-1", run)
    assert shown.truth("EL-03", "lift-1") is True


def test_a_torn_frame_is_contradicted_by_the_next_poll_before_it_counts() -> None:
    shown = lifts()
    shown.set(0, "lift-1", {**IDLE, "speed": 1.0})
    shown.set(10, "lift-1", {"speed": 0.4, "door_closed": False})
    shown.wait(10.9)
    shown.set(11, "lift-1", {"speed": 0.0})
    for at in (11.5, 12, 60):
        shown.wait(at)
        assert shown.truth("EL-03", "lift-1") is False


def test_the_controller_s_own_words_count_only_for_its_profile() -> None:
    for profile, truth in (("inovance-nice3000-plus", True), ("other", False)):
        device = lift(profile=profile)
        assert situation(device=device, fault_code=42).truth("EL-03", "lift-1") is truth
        assert situation(device=device, fault_code=44).truth("EL-04", "lift-1") is truth


@pytest.mark.parametrize(
    ("values", "bad", "truth"),
    [
        ({}, set(), False),
        ({"final_limit": True}, set(), True),
        ({"fault_code": 43}, set(), True),
        ({"fault_code": 41}, set(), False),
        ({}, {"final_limit"}, None),
        ({"fault_code": 43}, {"final_limit"}, True),
    ],
)
def test_overtravel(values: Any, bad: set[str], truth: Truth) -> None:
    assert situation(bad, **values).truth("EL-04", "lift-1") is truth


def test_mains_failure() -> None:
    assert situation(mains_failed=True).truth("EL-07", "lift-1") is True
    assert situation({"mains_failed"}).truth("EL-07", "lift-1") is None
    assert situation({"mains_failed"}).truth("EL-07/protection_lost", "lift-1") is True


def test_a_dead_door_switch_is_told_while_the_lift_is_parked() -> None:
    """Kleene's FALSE of the standing lift must not hide that the switch could not be seen in a run."""
    shown = situation({"door_closed", "door_open"})
    assert shown.truth("EL-03", "lift-1") is False
    assert shown.truth("EL-03/protection_lost", "lift-1") is True
