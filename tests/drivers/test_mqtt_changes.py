"""Senders that speak regularly, of which some points are said only when they change: a fire panel's transmitter."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from drivers.adaptation import Adaptation
from drivers.assign import UnitSpec
from drivers.mqtt.lateness import settled
from drivers.profile import MqttProfile
from gateway.model import SECOND, Frame, FrameKind, Instant, Layout, Quality
from tests.drivers.made import any_shipped
from tests.drivers.mqtt_fake import Scene, scene
from tests.drivers.said import profile
from tests.drivers.test_gbt26875 import component, frame, operation, unit

PANEL = profile(
    {
        "beat": {"path": "n", "type": "int"},
        "fire": {"path": "fire", "type": "bool", "every": "change"},
        "level": {"path": "level"},
    },
    {"topic": "p/{id}", "expect_every": "30s", "time": {"path": "ts", "format": "unix_ms"}},
)


def panel(of: MqttProfile = PANEL, **variables: str) -> UnitSpec:
    return UnitSpec("a", "broker", None, of, 30 * SECOND, own_device=True, variables=variables or {"id": "a"})


def words(frames: list[Frame]) -> list[tuple[FrameKind, dict[str, Any]]]:
    return [
        (one.kind, {point.key: value for point, value in zip(one.layout.points, one.values, strict=True)})
        for one in frames
    ]


async def lost_for(on: Scene, seconds: float) -> list[Frame]:
    on.hang_up()
    on.reachable = False
    await on.turn(seconds)
    blind = on.taken()
    on.reachable = True
    await on.turn(10)
    return blind


async def test_after_a_lost_link_the_last_state_still_holds_when_the_broker_has_kept_everything() -> None:
    async with scene(panel()) as on:
        on.says("p/a", {"ts": on.ago(), "n": 1, "fire": True})
        on.says("p/a", {"ts": on.ago(-0.1), "n": 2, "level": 5})
        await on.turn(1)
        on.taken()
        blind = await lost_for(on, 15)
        assert [list(one.values) for one in blind] == [[None, None, None]]
        (again,) = on.taken()
        assert words([again]) == [(FrameKind.INITIAL, {"beat": 1, "fire": True})]
        assert again.quality == [Quality.UNCERTAIN_BACKLOG] * 2
        unit_ = on.report.units[0]
        assert unit_.last_good_mono_ns is not None and unit_.last_good_mono_ns < 2 * SECOND, "nobody has spoken"


async def test_after_a_lost_session_nothing_holds() -> None:
    async with scene(panel()) as on:
        on.says("p/a", {"ts": on.ago(), "n": 1, "fire": True})
        await on.turn(1)
        on.taken()
        on.present = False
        on.hang_up()
        on.reachable = False
        await on.turn(15)
        on.taken()
        on.reachable, on.present = True, False
        await on.turn(10)
        assert on.taken() == [] and on.report.counts["gaps"] == 1


async def test_a_state_of_long_ago_holds_after_a_restart_though_thousands_of_signs_of_life_lie_between() -> None:
    async with scene(panel(), present=True, begin=False) as on:
        fire = Layout("a", tuple(PANEL.point(key) for key in ("beat", "fire")))
        beat = Layout("a", (PANEL.point("beat"),))
        at = on.clock.now()
        on.stored["a"] = [Frame(beat, [n], at) for n in range(3000, 1, -1)] + [Frame(fire, [1, True], at)]
        on.reachable = False
        await on.start()
        await on.turn(15)
        assert [list(one.values) for one in on.taken()] == [[None, None, None]]
        on.reachable = True
        await on.turn(10)
        assert words(on.taken()) == [(FrameKind.INITIAL, {"beat": 3000, "fire": True})]


async def test_a_late_fire_becomes_the_present_when_nothing_follows() -> None:
    """Its clock is three minutes slow, and nobody has found that out yet."""
    async with scene(panel()) as on:
        on.says("p/a", {"ts": on.ago(180), "n": 1, "fire": True})
        await on.turn(0.1)
        assert [kind for kind, _ in words(on.taken())] == [FrameKind.HISTORY]
        await on.turn(3)
        assert words(on.taken()) == [(FrameKind.INITIAL, {"beat": 1, "fire": True})]
        # what comes regularly and is late is not
        on.says("p/a", {"ts": on.ago(170), "n": 2, "level": 7})
        await on.turn(5)
        assert [kind for kind, _ in words(on.taken())] == [FrameKind.HISTORY]


async def test_a_point_that_feeds_another_device_changes_as_seldom() -> None:
    from tests.drivers.made import channel

    module = dataclasses.replace(panel(), own_device=False)
    channels = [channel("lobby", "smoke", "a.fire"), channel("roof", "tank_level", "a.level")]
    async with scene(module, channels=channels) as on:
        on.says("p/a", {"ts": on.ago(), "fire": True, "level": 3})
        await on.turn(1)
        on.taken()
        assert len(await lost_for(on, 15)) == 2
        assert words(on.taken()) == [(FrameKind.INITIAL, {"smoke": True})]


# the hour that a clock shows twice


def test_of_two_moments_the_one_that_is_now_is_meant() -> None:
    hour = 3600 * SECOND
    early = 1_793_000_000 * SECOND
    at_first, at_second = Instant(0, early + SECOND), Instant(0, early + hour + SECOND)
    assert settled(early, early + hour, at_first) == (early, False)
    assert settled(early, early + hour, at_second) == (early + hour, False)
    assert settled(early, early + hour, Instant(0, early + 24 * hour)) == (early, True)


async def test_in_the_hour_that_a_clock_shows_twice_nothing_is_an_hour_late() -> None:
    """25 October 2026 in Berlin: 02:30 is 00:30 and then 01:30 UTC."""
    made = profile(
        {"level": {"path": "level"}},
        {
            "topic": "p/{id}",
            "time": {"path": "t", "format": "local"},
            "history": {"path": "h", "time": {"path": "t", "format": "local"}},
        },
    ).adapted(Adaptation(), "Europe/Berlin")
    async with scene(panel(made), begin=False) as on:
        second_half_past_two = 1_792_891_800 * SECOND
        on.clock.set(second_half_past_two - on.clock.now().wall_ns)
        await on.start()
        on.says("p/a", {"t": "2026-10-25T02:30:00", "level": 1, "h": [{"t": "2026-10-25T02:10:00", "level": 0.5}]})
        await on.turn()
        live, older = on.taken()
        assert (live.kind, live.source_ns, live.quality) == (FrameKind.LIVE, second_half_past_two, None)
        assert older.kind is FrameKind.HISTORY and older.quality == [Quality.UNCERTAIN_CLOCK]
        assert older.source_ns == second_half_past_two - 80 * 60 * SECOND, "the earlier one, and doubtful"
        assert on.report.counts["clock"] == 0


# frames of GB/T 26875.3 in the driver


def transmitter(*parts: str) -> UnitSpec:
    made = any_shipped("gbt26875-uitd")
    assert isinstance(made, MqttProfile)
    return panel(made.for_parts(parts).adapted(Adaptation(), "Asia/Shanghai"), base="site", id="uitd-1")


def clock(on: Scene) -> tuple[int, ...]:
    """The device's, eight hours east, without a zone."""
    from datetime import UTC, datetime, timedelta

    now = datetime.fromtimestamp(on.clock.now().wall_ns // SECOND, UTC) + timedelta(hours=8)
    return (now.second, now.minute, now.hour, now.day, now.month, now.year % 100)


async def test_a_fire_that_stands_outlives_signs_of_life_and_lost_links_until_the_panel_is_reset() -> None:
    async with scene(transmitter("S1-1Z10P2", "S1-1Z10P3")) as on:

        def says(body: bytes = b"", number: int = 1) -> None:
            on.says("site/uitd-1", frame(body, number=number, at=clock(on)))

        says(unit(2, component(10, 2, 0x0002), component(10, 3, 0x0001)))
        await on.turn(1)
        (fire,) = on.taken()
        said = dict(words([fire])[0][1])
        assert (said["S1-1Z10P2/fire"], said["S1-1Z10P3/fire"], said["any/fire"]) == (True, False, True)
        assert said["S1-1Z10P2/test"] is True and fire.kind is FrameKind.LIVE and fire.quality is None
        for number in range(2, 12):
            await on.turn(25)
            says(number=number)
        await on.turn(1)
        beats = words(on.taken())
        assert beats == [
            (FrameKind.LIVE, {"frame_number": n, "damaged_frames": 0, "source_address": 0x379}) for n in range(2, 12)
        ]
        await lost_for(on, 15)
        (again,) = [one for one in on.taken() if "S1-1Z10P2/fire" in {point.key for point in one.layout.points}]
        assert words([again])[0][1]["S1-1Z10P2/fire"] is True
        says(unit(4, operation(1)), 12)
        await on.turn(1)
        (reset,) = words(on.taken())
        assert reset[1]["any/fire"] is reset[1]["S1-1Z10P2/fire"] is reset[1]["S1-1Z10P3/fire"] is False
        assert not on.kept


async def test_a_component_that_the_site_has_not_named_is_no_poison_and_its_fire_is_one_of_whomever() -> None:
    async with scene(transmitter()) as on:
        on.says("site/uitd-1", frame(unit(2, component(77, 1, 2)), at=clock(on)))
        on.says("site/uitd-1", frame(command=3, at=clock(on), up=False))
        on.says("site/uitd-1", b"\x00\x01")
        await on.turn(1)
        assert words(on.taken())[0][1]["any/fire"] is True
        assert [item.reason for item in on.kept] == ["codec"] and on.report.units[0].polls == 3


@pytest.mark.parametrize("behind", ["a sign of life", "a clock that was set back"])
async def test_a_fire_that_is_older_than_a_sign_of_life_before_it_still_burns(behind: str) -> None:
    """The transmitter sends it again until somebody confirms it, or the centre has set its clock meanwhile."""
    async with scene(transmitter("S1-1Z10P2", "S1-1Z10P3")) as on:
        await on.turn(10)
        then = clock(on)
        await on.turn(2 if behind == "a sign of life" else 4)
        on.says("site/uitd-1", frame(number=2, at=clock(on)))
        await on.turn(0.2)
        on.taken()
        on.says("site/uitd-1", frame(unit(2, component(10, 2, 2)), at=then))
        await on.turn(3)
        history, now = on.taken()
        assert history.kind is FrameKind.HISTORY and history.source_ns is not None
        said = words([now])[0][1]
        assert now.kind is FrameKind.INITIAL and now.source_ns is None
        assert set(now.quality or ()) == {Quality.UNCERTAIN_BACKLOG}
        assert said["S1-1Z10P2/fire"] is said["any/fire"] is True
        assert "frame_number" not in said, "of that something newer is known"


async def test_what_a_point_has_said_earlier_does_not_come_back_when_it_is_sent_again() -> None:
    async with scene(transmitter("S1-1Z10P2")) as on:
        await on.turn(10)
        then = clock(on)
        await on.turn(2)
        on.says("site/uitd-1", frame(unit(2, component(10, 2, 1)), at=clock(on)))
        await on.turn(0.2)
        assert words(on.taken())[0][1]["S1-1Z10P2/fire"] is False
        on.says("site/uitd-1", frame(unit(2, component(10, 2, 4)), number=9, at=then))
        await on.turn(3)
        assert [one.kind for one in on.taken()] == [FrameKind.HISTORY]


async def test_of_overtaken_changes_the_newest_holds() -> None:
    async with scene(panel()) as on:
        on.says("p/a", {"ts": on.ago(), "n": 5})
        await on.turn(0.1)
        on.taken()
        for seconds, fire in ((3, True), (2, False), (1, True), (1.5, False)):
            on.says("p/a", {"ts": on.ago(seconds), "n": 1, "fire": fire})
        await on.turn(5)
        kinds = words(on.taken())
        assert [kind for kind, _ in kinds[:4]] == [FrameKind.HISTORY] * 4
        assert kinds[4:] == [(FrameKind.INITIAL, {"fire": True})]
