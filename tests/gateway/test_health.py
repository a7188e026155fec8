"""Health by tables, in virtual time."""

from __future__ import annotations

import timeit
from typing import Any

import pytest

from gateway.health import HealthBook, limits
from gateway.model import (
    HEALTH_POINT,
    SECOND,
    Device,
    ErrorKind,
    Frame,
    FrameKind,
    Health,
    Instant,
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

WALL = 1_700_000_000 * SECOND
LEVEL, FLOAT = Point("floor_level", PointType.FLOAT, "m"), Point("high_high_float", PointType.BOOL)
ANALOGUE, DIGITAL = Layout("water", (LEVEL,)), Layout("water", (FLOAT,))
BOTH = Layout("water", (LEVEL, FLOAT))


def at(seconds: float) -> Instant:
    mono = round(seconds * SECOND)
    return Instant(mono, WALL + mono)


def device(name: str = "water", *, poll: float = 1.0, system: str = "garage-water", disabled: bool = False) -> Device:
    return Device(
        id=name,
        system=system,
        name=Text("Water", "水"),
        profile=None,
        location=Location(),
        poll_ns=int(poll * SECOND),
        points=(LEVEL, FLOAT, HEALTH_POINT),
        disabled=disabled,
    )


def book(*devices: Device, feeds: dict[str, tuple[str, ...]] | None = None) -> HealthBook:
    return HealthBook(devices or (device(),), feeds or {}, at(0))


def good(seconds: float, layout: Layout = BOTH) -> Frame:
    return Frame(layout, (1.0,) * len(layout.points), at(seconds))


def frame(seconds: float, *quality: Quality, layout: Layout = BOTH, kind: FrameKind = FrameKind.LIVE) -> Frame:
    return Frame(layout, (None,) * len(layout.points), at(seconds), quality, kind=kind)


def unit(name: str = "io", **changes: Any) -> UnitReport:
    return UnitReport(**({"name": name, "unit": 3, "devices": ("water",), "polls": 1, "good": 1} | changes))


def report(seconds: float, *units: UnitReport, connected: bool = True, error: LinkError | None = None) -> LinkReport:
    return LinkReport(
        link="garage", endpoint="tcp://127.0.0.1:502", connected=connected, at=at(seconds), error=error, units=units
    )


@pytest.mark.parametrize(
    ("poll", "system", "stale", "offline"),
    [
        (0.1, "garage-water", 5, 10),
        (1, "garage-water", 5, 10),
        (3, "garage-water", 6, 10),
        (10, "garage-water", 20, 30),
        (60, "elevator", 120, 180),
        (1, "fire", 50, 100),
        (60, "fire", 120, 180),
    ],
)
def test_limits(poll: float, system: str, stale: float, offline: float) -> None:
    found = limits(device(poll=poll, system=system))
    assert (found.stale_ns, found.offline_ns) == (stale * SECOND, offline * SECOND)
    assert found.stale_ns < found.offline_ns


@pytest.mark.parametrize(
    ("last_good", "now", "health"),
    [
        (None, 0, Health.STARTING),
        (None, 10, Health.STARTING),
        (None, 10.001, Health.OFFLINE),
        (1, 1, Health.ONLINE),
        (1, 6, Health.ONLINE),
        (1, 6.001, Health.STALE),
        (1, 11, Health.STALE),
        (1, 11.001, Health.OFFLINE),
        (11, 11, Health.ONLINE),
    ],
)
def test_states_by_age(last_good: float | None, now: float, health: Health) -> None:
    one = book()
    if last_good is not None:
        one.observe(good(last_good))
    assert one.state("water", at(now)) is health


@pytest.mark.parametrize(
    ("quality", "health", "counts"),
    [
        ((Quality.GOOD, Quality.GOOD), Health.ONLINE, (2, 0)),
        ((Quality.GOOD, Quality.BAD_SENSOR), Health.DEGRADED, (1, 1)),
        ((Quality.GOOD, Quality.UNCERTAIN_CLOCK), Health.ONLINE, (1, 0)),
        ((Quality.UNCERTAIN_CLOCK, Quality.UNCERTAIN_INITIAL), Health.ONLINE, (0, 0)),
        ((Quality.UNCERTAIN_BACKLOG, Quality.UNCERTAIN_BACKLOG), Health.STARTING, (0, 0)),
        ((Quality.BAD_COMM, Quality.BAD_COMM), Health.STARTING, (0, 2)),
    ],
)
def test_states_by_quality(quality: tuple[Quality, ...], health: Health, counts: tuple[int, int]) -> None:
    one = book()
    one.observe(frame(1, *quality))
    view = one.device("water", at(2))
    assert view.health is health
    assert (view.points.total, view.points.good, view.points.bad) == (2, *counts)


def test_a_lost_link_makes_stale_then_offline() -> None:
    """The driver's one frame of BAD_COMM says that the points are bad; the age says how long it has been so."""
    one = book()
    one.observe(good(100))
    one.observe(frame(102, Quality.BAD_COMM, Quality.BAD_COMM))
    states = [one.state("water", at(seconds)) for seconds in (102, 105.5, 110.5)]
    assert states == [Health.DEGRADED, Health.STALE, Health.OFFLINE]
    one.observe(good(120))
    assert one.state("water", at(120)) is Health.ONLINE


def test_history_and_healths_own_frames_say_nothing() -> None:
    one = book()
    one.observe(frame(1, Quality.GOOD, Quality.GOOD, kind=FrameKind.HISTORY))
    for published in one.frames(at(1)):
        one.observe(published)
    view = one.device("water", at(2))
    assert (view.health, view.last_good_wall_ns) == (Health.STARTING, None)


def test_a_silent_module_degrades_the_device_that_it_feeds() -> None:
    one = book()
    one.observe(good(1, ANALOGUE))
    one.observe(good(1, DIGITAL))
    for seconds in range(2, 20):
        one.observe(good(seconds, ANALOGUE))
    view = one.device("water", at(19))
    assert view.health is Health.DEGRADED
    assert (view.points.good, view.points.bad) == (1, 1)


def test_a_new_plan_replaces_the_layouts_that_it_overlaps() -> None:
    one = book()
    one.observe(frame(1, Quality.GOOD, Quality.BAD_CONFIG))
    one.observe(good(2, ANALOGUE))
    one.observe(good(2, DIGITAL))
    assert one.device("water", at(2)).points.bad == 0


def test_a_disabled_device_stays_disabled() -> None:
    one = book(device(disabled=True))
    one.observe(good(1))
    assert one.state("water", at(100)) is Health.DISABLED
    assert [published.values[0] for published in one.frames(at(100))] == ["disabled"]


def test_a_failing_unit_degrades_only_when_it_goes_on() -> None:
    one = book(feeds={"water": ("io",)})
    one.observe(good(100))
    lost = LinkError(ErrorKind.TIMEOUT, "no answer in 1 s", WALL + 101 * SECOND)
    one.report(report(101, unit(error=lost, last_good_mono_ns=100 * SECOND)))
    assert one.state("water", at(101)) is Health.ONLINE  # one lost poll
    one.observe(good(106))
    one.report(report(106, unit(error=lost, last_good_mono_ns=100 * SECOND)))
    view = one.device("water", at(106))
    assert view.health is Health.DEGRADED
    assert view.error is not None
    assert (view.error.kind, view.error.message) == ("timeout", "no answer in 1 s")


def test_the_links_error_is_its_units_error() -> None:
    one = book(feeds={"water": ("io",)})
    refused = LinkError(ErrorKind.CONNECT, "connection refused", WALL)
    one.report(report(1, unit(good=0), connected=False, error=refused))
    error = one.device("water", at(20)).error
    assert error is not None
    assert (error.kind, error.message) == ("connect", "connection refused")
    one.report(report(21, unit(), connected=True, error=refused))
    error = one.device("water", at(21)).error
    assert error is not None
    assert error.kind == "silent"


def test_success_over_the_last_polls() -> None:
    one = book(feeds={"water": ("io",)})
    for polls in range(1, 1001):
        one.report(report(polls, unit(polls=polls, good=min(polls, 900))))
    assert one.device("water", at(1000)).success_ratio == 0.0
    for polls in range(1001, 1026):
        one.report(report(polls, unit(polls=polls, good=900 + polls - 1000)))
    ratio = one.device("water", at(1025)).success_ratio
    assert ratio is not None
    assert 0.2 < ratio < 0.5
    one.report(report(2000, unit(polls=2, good=1)))  # the driver began anew
    assert one.device("water", at(2000)).success_ratio == 0.5


def test_round_trips() -> None:
    one = book(feeds={"water": ("io",)})
    assert one.device("water", at(0)).rtt.p50_ns is None
    one.report(report(1, unit(rtt_ns=tuple(range(1, 65)))))
    assert (one.device("water", at(1)).rtt.p50_ns, one.device("water", at(1)).rtt.p99_ns) == (33, 63)


def test_since_moves_only_with_the_state() -> None:
    one = book()
    one.observe(good(3))
    one.frames(at(3))
    one.observe(good(4))
    one.frames(at(4))
    assert one.device("water", at(4)).since_wall_ns == at(3).wall_ns


def test_frames_on_change_and_each_ten_seconds() -> None:
    one = book()
    first = one.frames(at(0))
    assert [(published.values, published.kind) for published in first] == [(("starting",), FrameKind.INITIAL)]
    assert first[0].layout.points == (HEALTH_POINT,)
    times = []
    for tenth in range(1, 500):
        seconds = tenth / 10
        if 2 <= seconds < 30:
            one.observe(good(seconds))
        times += [(seconds, published.values[0]) for published in one.frames(at(seconds))]
    assert times == [
        (2.0, "online"),
        (10.0, "online"),
        (20.0, "online"),
        (30.0, "online"),
        (35.0, "stale"),
        (40.0, "offline"),
    ]


def test_a_thousand_devices_publish_spread_over_the_ten_seconds() -> None:
    one = book(*(device(f"d{number}") for number in range(1000)))
    assert len(one.frames(at(0))) == 1000  # the first word of each
    counts = [len(one.frames(at(second))) for second in range(1, 31)]
    assert counts == [100] * 10 + [1000] + [100] * 19  # all of them go offline after ten seconds


def test_observing_a_good_frame_is_cheap() -> None:
    """The hot path: about a microsecond; ten times that is a mistake, not a slow machine."""
    one, published = book(), good(1)
    one.observe(published)
    best = min(timeit.repeat(lambda: one.observe(published), number=10_000, repeat=5)) / 10_000
    assert best < 10e-6
