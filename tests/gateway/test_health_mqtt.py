"""Health of devices that speak of themselves: partial messages, availability, lost brokers. In virtual time."""

from __future__ import annotations

import timeit
from typing import Any

import pytest

from gateway.health import HealthBook
from gateway.model import (
    HEALTH_POINT,
    SECOND,
    Device,
    ErrorKind,
    Frame,
    FrameKind,
    Health,
    Layout,
    LinkError,
    LinkReport,
    Location,
    Point,
    PointType,
    Quality,
    Text,
    UnitReport,
)
from tests.gateway.test_health import WALL, at

DEPTH, BATTERY = Point("floor_level", PointType.FLOAT, "m"), Point("battery", PointType.FLOAT, "%")
WHOLE, ONLY_DEPTH, ONLY_BATTERY = Layout("ramp", (DEPTH, BATTERY)), Layout("ramp", (DEPTH,)), Layout("ramp", (BATTERY,))


def device(*, every: float = 0, name: str = "ramp", system: str = "garage-water") -> Device:
    return Device(
        id=name,
        system=system,
        name=Text("Ramp", "坡道"),
        profile=None,
        location=Location(),
        poll_ns=int(every * SECOND),
        points=(DEPTH, BATTERY, HEALTH_POINT),
    )


def book(*, every: float = 0, units: tuple[str, ...] = ("ramp",)) -> HealthBook:
    return HealthBook([device(every=every)], {"ramp": units}, at(0))


def good(seconds: float, layout: Layout = WHOLE, kind: FrameKind = FrameKind.LIVE) -> Frame:
    return Frame(layout, (1.0,) * len(layout.points), at(seconds), kind=kind)


def kept(seconds: float, quality: Quality) -> Frame:
    """What the broker has kept, told anew."""
    return Frame(WHOLE, (1.0, 1.0), at(seconds), (quality, quality), kind=FrameKind.INITIAL)


def said(seconds: float, available: bool | None, name: str = "ramp", **changes: Any) -> UnitReport:
    told = None if available is None else int(seconds * SECOND)
    return UnitReport(name=name, unit=None, devices=("ramp",), available=available, available_at_ns=told, **changes)


def report(seconds: float, *units: UnitReport, connected: bool = True, **changes: Any) -> LinkReport:
    return LinkReport(
        link="broker", endpoint="mqtt://b:1883", connected=connected, at=at(seconds), units=units, **changes
    )


def states(one: HealthBook, *seconds: float) -> list[Health]:
    return [one.state("ramp", at(when)) for when in seconds]


def error(one: HealthBook, seconds: float) -> tuple[str, str] | None:
    found = one.device("ramp", at(seconds)).error
    return (found.kind, found.message) if found is not None else None


def test_messages_may_hold_a_part_only() -> None:
    one = book(every=60)
    one.observe(good(0))
    for seconds in range(60, 600, 60):
        one.observe(good(seconds, ONLY_DEPTH if seconds % 120 else ONLY_BATTERY))
    view = one.device("ramp", at(600))
    assert (view.health, view.points.good, view.points.bad) == (Health.ONLINE, 2, 0)


def test_the_newest_word_of_each_point_counts() -> None:
    one = book(every=60)
    one.observe(Frame(WHOLE, (None, 80.0), at(0), (Quality.BAD_SENSOR, Quality.GOOD)))
    one.observe(good(10, ONLY_BATTERY))
    assert one.device("ramp", at(11)).points.bad == 1  # the depth has not been heard since
    one.observe(good(20, ONLY_DEPTH))
    assert one.device("ramp", at(21)).points.bad == 0
    one.observe(Frame(ONLY_DEPTH, (None,), at(30), (Quality.BAD_RANGE,)))
    assert error(one, 31) == ("range", "bad: floor_level (range)")
    one.observe(good(40))
    assert states(one, 41) == [Health.ONLINE]


def test_a_point_that_is_no_longer_in_the_messages_is_missed() -> None:
    """The battery is reported faithfully; that the depth is not must show, or water would rise unseen."""
    one = book(every=60)
    one.observe(good(0))
    for seconds in range(60, 300, 60):
        one.observe(good(seconds, ONLY_BATTERY))
    assert states(one, 179, 181, 240) == [Health.ONLINE, Health.DEGRADED, Health.DEGRADED]
    assert error(one, 240) == ("silent", "nothing since 22:13:20 of floor_level")


def silenced(one: HealthBook, begin: int, end: int) -> list[tuple[int, list[str]]]:
    """What health itself says is BAD, looking each second."""
    found = []
    for seconds in range(begin, end):
        for frame in one.silenced(at(seconds)):
            one.observe(frame)
            assert (set(frame.values), set(frame.quality or ())) == ({None}, {Quality.BAD_COMM})
            found.append((seconds, [point.key for point in frame.layout.points]))
    return found


def test_what_is_no_longer_in_the_messages_is_unknown_to_the_rules() -> None:
    """The battery is told for months, and the depth of the last dry day stood as GOOD: no rule would ever ask."""
    one = book(every=60)
    one.observe(good(0))
    found = []
    for seconds in range(60, 600, 60):
        one.observe(good(seconds, ONLY_BATTERY))
        found += silenced(one, seconds, seconds + 60)
    ((seconds, keys),) = found
    assert keys == ["floor_level"] and 180 < seconds <= 190
    assert error(one, 600) == ("silent", "nothing since 22:13:20 of floor_level")
    one.observe(good(601))
    assert silenced(one, 601, 700) == []
    for at_s in range(660, 900, 60):
        one.observe(good(at_s, ONLY_BATTERY))
    assert [keys for _, keys in silenced(one, 880, 900)] == [["floor_level"]], "silent again, told again"


def test_a_dead_sensor_of_a_device_with_a_live_one_is_unknown_to_the_rules() -> None:
    """A sump with contacts on a box and a level over LoRaWAN: the contacts keep it online for ever."""
    one = book(every=60, units=("swl", "box"))
    one.observe(good(0, ONLY_DEPTH))
    found = []
    for seconds in range(0, 600, 60):
        one.observe(good(seconds, ONLY_BATTERY))
        found += silenced(one, seconds, seconds + 60)
    assert [keys for _, keys in found] == [["floor_level"]]
    assert states(one, 600) == [Health.DEGRADED]


def test_what_has_not_been_said_since_the_start_is_unknown_to_the_rules() -> None:
    """What they knew before a restart is not the present."""
    one = book(every=60)
    found = []
    for seconds in range(0, 600, 60):
        one.observe(good(seconds, ONLY_BATTERY))
        found += silenced(one, seconds, seconds + 60)
    assert [keys for _, keys in found] == [["floor_level"]] and found[0][0] > 180


def test_a_device_that_is_gone_or_speaks_only_of_changes_has_no_silent_points() -> None:
    """Of the one the word `offline` says it all; of the other silence says nothing."""
    gone, quiet = book(every=60), book()
    gone.observe(good(0))
    quiet.observe(good(0, ONLY_BATTERY))
    quiet.report(report(1, said(1, True)))
    assert silenced(gone, 0, 400) == silenced(quiet, 0, 400) == []


def test_the_same_points_in_a_new_layout_take_the_place_of_the_old_ones() -> None:
    one = book(every=60)
    for seconds in range(100):
        one.observe(good(seconds, Layout("ramp", (DEPTH, BATTERY))))
    assert one.device("ramp", at(99)).points.total == 2
    assert len(one._layouts) == 1


def test_history_does_not_make_a_device_live() -> None:
    one = book(every=60)
    one.observe(good(5, kind=FrameKind.HISTORY))
    assert states(one, 6, 179, 181) == [Health.STARTING, Health.STARTING, Health.OFFLINE]


def test_a_device_that_speaks_only_of_changes_may_be_silent_for_ever() -> None:
    one = book()
    one.observe(good(1))
    one.report(report(1, said(1, True)))
    assert states(one, 2, 100, 1_000_000) == [Health.ONLINE] * 3
    view = one.device("ramp", at(1_000_000))
    assert (view.points.good, view.points.bad, view.age_ns) == (2, 0, 999_999 * SECOND)


def test_to_be_there_is_not_to_have_said_something() -> None:
    one = book()
    one.report(report(1, said(1, True)))
    assert states(one, 2, 10, 10.1) == [Health.STARTING, Health.STARTING, Health.OFFLINE]
    assert error(one, 11) == ("silent", "no good sample since 22:13:20, though it says that it is there")
    one.observe(good(12, kind=FrameKind.INITIAL))
    assert states(one, 12) == [Health.ONLINE]


def test_what_the_broker_keeps_shows_no_life_of_a_sensor_that_speaks_regularly() -> None:
    """Retained messages come again with every connection to the broker, years after the sensor has died."""
    one = book(every=60)
    for seconds in range(0, 600, 60):
        one.observe(kept(seconds, Quality.UNCERTAIN_INITIAL))
        one.observe(kept(seconds, Quality.UNCERTAIN_CLOCK))  # with a time of its own that cannot be
    assert states(one, 10, 180, 181, 600) == [Health.STARTING, Health.STARTING, Health.OFFLINE, Health.OFFLINE]
    one.observe(good(601))
    one.observe(kept(700, Quality.UNCERTAIN_INITIAL))
    assert states(one, 700, 781, 782) == [Health.ONLINE, Health.STALE, Health.OFFLINE]


@pytest.mark.parametrize("quality", [Quality.UNCERTAIN_INITIAL, Quality.UNCERTAIN_CLOCK, Quality.UNCERTAIN_BACKLOG])
def test_what_the_broker_keeps_is_the_last_word_of_a_device_that_speaks_only_of_changes(quality: Quality) -> None:
    """After a restart it has nothing new to say; being there is what its availability topic tells."""
    one = book()
    one.report(report(1, said(1, True)))
    one.observe(kept(2, quality))
    assert states(one, 3, 1_000) == [Health.ONLINE] * 2


def test_an_availability_topic_that_never_spoke_is_no_sign_of_life() -> None:
    """A wrong `id` in its `vars`: its values come, and that it is gone would never be told."""
    one = book()
    one.observe(good(1))
    one.report(report(1, said(1, None)))
    assert states(one, 2, 10, 10.1, 1_000_000) == [Health.ONLINE, Health.ONLINE, Health.DEGRADED, Health.DEGRADED]
    assert error(one, 11) == (
        "silent",
        "its availability topic has never spoken: nobody would know that it is gone",
    )
    one.report(report(12, said(12, True)))
    assert states(one, 12) == [Health.ONLINE]


class Counted(str):
    """A name that counts how often it is compared with another one."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)


def test_a_report_of_many_senders_does_not_look_at_every_device_for_each() -> None:
    """Two thousand on one broker: the loop stood still for a third of a second."""
    names = [Counted(f"d{number}") for number in range(300)]
    feeds = {name: (Counted(f"box-{name}"),) for name in names}
    one = HealthBook([device(name=name) for name in names], feeds, at(0))
    Counted.compared = 0
    one.report(report(1, *(UnitReport(name=name, unit=None, devices=(name,)) for name in names)))
    one.report(report(1, *(UnitReport(name=box, unit=None, devices=()) for (box,) in feeds.values())))
    assert Counted.compared < 10 * len(names)
    assert all(len(one._records[name].units) == 2 for name in names)


@pytest.mark.parametrize("every", [0, 60])
def test_unavailable_for_five_seconds_is_offline(every: float) -> None:
    one = book(every=every)
    one.observe(good(100))
    one.report(report(101, said(101, False)))
    assert states(one, 101, 105.9, 106) == [Health.STALE, Health.STALE, Health.OFFLINE]
    assert error(one, 107) == ("unavailable", "its availability topic says that it is not there")
    found = one.device("ramp", at(107)).error
    assert found is not None and found.at_wall_ns == WALL + 101 * SECOND
    one.report(report(110, said(110, True)))
    assert states(one, 110) == [Health.ONLINE]


def test_mq15_a_will_that_comes_after_the_next_hello_makes_no_flap() -> None:
    """The broker tells the death of the old connection after the device is back on a new one, and is contradicted."""
    one = book()
    one.observe(good(100))
    one.report(report(100, said(100, True)))
    one.report(report(101, said(101, False)))
    seen = states(one, 101, 103, 105)
    one.report(report(105.5, said(105.5, True)))
    seen += states(one, 105.5, 106, 120)
    assert Health.OFFLINE not in seen and seen[-1] is Health.ONLINE


def test_a_departure_told_again_is_no_new_one() -> None:
    """A retained `offline` comes again with every new connection to the broker."""
    one = book()
    one.observe(good(100))
    one.report(report(101, said(101, False)))
    one.report(report(200, said(200, False)))
    assert states(one, 200, 201) == [Health.OFFLINE, Health.OFFLINE]


def test_one_of_several_sources_is_not_there() -> None:
    one = book(units=("swl", "box"))
    one.observe(good(100))
    one.report(report(101, said(101, False, "swl"), said(101, None, "box")))
    assert states(one, 101, 110) == [Health.DEGRADED, Health.DEGRADED]
    assert error(one, 110) == ("unavailable", "swl: its availability topic says that it is not there")
    one.report(report(111, said(101, False, "swl"), said(111, False, "box")))
    assert states(one, 112, 116) == [Health.STALE, Health.OFFLINE]


LOST = LinkError(ErrorKind.CONNECT, "connection refused", WALL + 200 * SECOND)


def test_a_lost_broker_takes_its_devices_with_it() -> None:
    one = book()
    one.observe(good(100))
    one.report(report(100, said(100, True)))
    blind = Frame(WHOLE, (None, None), at(200), (Quality.BAD_COMM,) * 2)
    one.observe(blind)
    one.report(report(200, said(100, True), connected=False, lost_at_ns=200 * SECOND, error=LOST))
    one.report(report(203, said(100, True), connected=False, lost_at_ns=200 * SECOND, error=LOST))
    assert states(one, 200, 205, 205.5, 210, 210.5) == [
        Health.DEGRADED,
        Health.DEGRADED,
        Health.STALE,
        Health.STALE,
        Health.OFFLINE,
    ]
    assert error(one, 211) == ("connect", "connection refused")
    one.report(report(220, said(100, True)))
    assert states(one, 220) == [Health.DEGRADED]  # it is reachable again, and its last word still a lost one
    one.observe(good(221))
    assert states(one, 221) == [Health.ONLINE]


def test_a_lost_broker_and_a_device_that_speaks_regularly() -> None:
    one = book(every=60)
    one.observe(good(100))
    one.report(report(110, said(100, None), connected=False, lost_at_ns=110 * SECOND, error=LOST))
    assert states(one, 220, 221, 280, 281) == [Health.DEGRADED, Health.STALE, Health.STALE, Health.OFFLINE]


def test_a_link_that_does_not_say_since_when_it_is_down() -> None:
    one = book()
    one.observe(good(1))
    for seconds in (100, 105, 111):
        one.report(report(seconds, said(1, None), connected=False))
    assert states(one, 111) == [Health.OFFLINE]
    assert error(one, 111) == ("connect", "the link broker at mqtt://b:1883 is down since 22:15:00")


def test_observing_stays_cheap_with_many_layouts() -> None:
    """The hot path: below a microsecond; twenty times that is a mistake, not a slow machine."""
    one = book(every=60)
    frames = [good(1, layout) for layout in (WHOLE, ONLY_DEPTH, ONLY_BATTERY)]

    def each() -> None:
        for frame in frames:
            one.observe(frame)

    each()
    assert min(timeit.repeat(each, number=3_000, repeat=5)) / 9_000 < 10e-6
