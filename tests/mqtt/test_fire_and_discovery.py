"""Frames of GB/T 26875.3 and announcements, over a real Mosquitto, through the driver, the rules and the store."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt

from drivers.assign import LinkAssignment
from drivers.mqtt.driver import MqttDriver
from drivers.mqtt.options import MqttLinkOptions
from gateway.clock import BuildingClock
from gateway.model import Frame, FrameKind, LinkReport, Quality
from tests.drivers.test_gbt26875 import analog, component, device, frame, operation, system, unit
from tests.mqtt.brokers import Mosquitto
from tests.mqtt.fire_house import FireHouse, fire_house, shipped
from tests.mqtt.talk import publisher, until

PARTS = ["S1-1", "S1-1Z10P2", "S1-1Z10P3", "S1-1Z11P1"]
TOPIC = "site/uitd-1"


def now() -> tuple[int, ...]:
    """The transmitter's clock: eight hours east, without a zone."""
    at = datetime.now(UTC) + timedelta(hours=8)
    return (at.second, at.minute, at.hour, at.day, at.month, at.year % 100)


class Transmitter:
    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.number = 0

    async def says(self, *bodies: bytes) -> None:
        """One payload with a frame for each unit; without any a sign of life."""
        payload = b""
        for body in bodies or (b"",):
            self.number += 1
            payload += frame(body, number=self.number, at=now())
        await self.client.publish(TOPIC, payload, 1)


async def heard(rooms: FireHouse, number: int) -> None:
    def has_it() -> bool:
        try:
            return bool(rooms.last("frame_number") >= number)
        except LookupError:
            return False

    await until(has_it)


def stored(rooms: FireHouse, key: str, value: object) -> bool:
    """In the log, which comes after the commit that the raise was seen by."""
    try:
        return rooms.last(key) == value
    except LookupError:
        return False


async def test_a_panels_states_become_alarms_of_their_parts(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with fire_house(mosquitto.port, tmp_path / "house", PARTS) as rooms, publisher(mosquitto.port) as client:
        await until(lambda: rooms.reports and rooms.report.connected)
        panel = Transmitter(client)
        await panel.says()
        await panel.says(unit(2, component(10, 2, 0x0001), component(10, 3, 0x0001), component(11, 1, 0x0001)))
        await heard(rooms, 2)
        assert rooms.raised() == set()
        # as the standard's sample has it: with the bit that means "test"
        await panel.says(unit(2, component(10, 2, 0x0002)))
        await until(lambda: ("FI-01", "panel/S1-1Z10P2") in rooms.raised())
        await until(lambda: stored(rooms, "S1-1Z10P2/test", True))
        # a second detector, in one payload with a valve and a sign of life
        await panel.says(unit(2, component(10, 3, 0x0003), component(11, 1, 0x0011)), b"")
        await until(lambda: {("FI-01", "panel/S1-1Z10P3"), ("FI-04", "panel/S1-1Z11P1")} <= rooms.raised())
        assert ("FI-01", "panel/any") in rooms.raised()
        # the panel as a whole, its own fault, and that of the device
        await panel.says(unit(1, system(1, 1, 0x0007)), unit(21, device(0x05)))
        wanted = {("FI-01", "panel/S1-1"), ("FI-05", "panel/S1-1"), ("FI-05-panel", "panel")}
        await until(lambda: wanted <= rooms.raised())
        await panel.says(unit(2, component(10, 3, 0x0005)), unit(3, analog(10, 3, 3, 215)))
        await until(lambda: ("FI-05", "panel/S1-1Z10P3") in rooms.raised())
        await until(lambda: stored(rooms, "S1-1Z10P3/temperature", 21.5))
        await panel.says(unit(4, operation(1)))
        await heard(rooms, panel.number)
        for key in ("any/fire", "S1-1Z10P2/fire", "S1-1/fire"):
            await until(lambda key=key: stored(rooms, key, False))
        unit_ = rooms.report.units[0]
        assert unit_.error is None and rooms.report.counts["quarantined"] == rooms.report.counts["clock"] == 0
        counters = rooms.samples.counters
        await until(lambda: not rooms.samples.queued and counters.received == counters.settled)


async def test_a_component_that_nobody_has_named(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with fire_house(mosquitto.port, tmp_path / "house", PARTS) as rooms, publisher(mosquitto.port) as client:
        await until(lambda: rooms.reports and rooms.report.connected)
        await Transmitter(client).says(unit(2, component(99, 99, 0x0002)))
        await until(lambda: ("FI-01", "panel/any") in rooms.raised())


async def test_a_fire_said_while_we_were_away_is_one_when_we_are_back(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """The broker has kept it; the state has not changed since, and only signs of life have come behind it."""
    async with fire_house(mosquitto.port, tmp_path / "house", PARTS) as rooms:
        await until(lambda: rooms.reports and rooms.report.connected)
    async with publisher(mosquitto.port) as client:
        panel = Transmitter(client)
        await panel.says(unit(2, component(10, 2, 0x0003)))
        await panel.says()
        await asyncio.sleep(6)  # later than what counts as late
    async with fire_house(mosquitto.port, tmp_path / "house", PARTS) as rooms:
        await until(lambda: ("FI-01", "panel/S1-1Z10P2") in rooms.raised())
        await until(lambda: FrameKind.INITIAL in {one.kind for one in rooms.frames})
        (initial, *_) = [one for one in rooms.frames if one.kind is FrameKind.INITIAL]
        assert set(initial.quality or ()) == {Quality.UNCERTAIN_BACKLOG}


async def test_damaged_frames_and_any_bytes_do_not_hide_a_fire(mosquitto: Mosquitto, tmp_path: Path) -> None:
    chance = random.Random(26875)
    sound = frame(unit(2, component(10, 2, 0x0001)))
    async with fire_house(mosquitto.port, tmp_path / "house", PARTS) as rooms, publisher(mosquitto.port) as client:
        await until(lambda: rooms.reports and rooms.report.connected)
        for _ in range(400):
            raw = bytearray(sound)
            for _ in range(chance.randint(1, 4)):
                raw[chance.randrange(len(raw))] = chance.randrange(256)
            await client.publish(TOPIC, bytes(raw[: chance.randint(0, len(raw))]), 1)
        await Transmitter(client).says(unit(2, component(10, 3, 0x0002)))
        await until(lambda: ("FI-01", "panel/S1-1Z10P3") in rooms.raised())
        await until(lambda: rooms.report.counts["messages"] == 401 and not rooms.driver._intake.unsettled)
        kept = await asyncio.to_thread(rooms.samples.quarantined, 1000)
        assert {item.reason for _, item in kept} == {"codec"} and len(kept) > 200


def announcement(base: str, state: str = "connected") -> bytes:
    return json.dumps({"state": state, "mqtt": base, "name": "OpenEVSE"}).encode()


async def announced(rooms: FireHouse, wanted: dict[str, tuple[str | None, bool | None]]) -> None:
    def seen() -> dict[str, Any]:
        return {one.variables["id"]: (one.variables.get("base"), one.available) for one in rooms.report.announced}

    await until(lambda: rooms.reports and seen() == wanted)


async def test_announced_stations_are_seen_with_their_last_wills(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Retained before we come, while we are there, and taken back; a station that dies says so by its will."""
    topic = "openevse/announce"
    station = shipped("openevse")
    async with publisher(mosquitto.port) as client:
        await client.publish(f"{topic}/a1b2", announcement("garage-1"), 1, retain=True)
        await client.publish(f"{topic}/dead", b'{"state": "disconnected"}', 1, retain=True)
        async with fire_house(mosquitto.port, tmp_path / "house", PARTS, announce=[station]) as rooms:
            await announced(rooms, {"a1b2": ("garage-1", True), "dead": (None, False)})
            will = aiomqtt.Will(f"{topic}/c3d4", b'{"state": "disconnected"}', 1, retain=True)
            async with publisher(mosquitto.port, "station", will=will) as other:
                await other.publish(f"{topic}/c3d4", announcement("garage-2"), 1, retain=True)
                await announced(rooms, {"a1b2": ("garage-1", True), "dead": (None, False), "c3d4": ("garage-2", True)})
                other._client._sock_close()  # the cable is pulled
            await announced(rooms, {"a1b2": ("garage-1", True), "dead": (None, False), "c3d4": ("garage-2", False)})
            await client.publish(f"{topic}/dead", b"", 1, retain=True)
            await announced(rooms, {"a1b2": ("garage-1", True), "c3d4": ("garage-2", False)})
            assert not any(one.known for one in rooms.report.announced)
            assert rooms.report.counts["unknown_device"] == rooms.report.counts["quarantined"] == 0
            assert [one.name for one in rooms.report.units] == ["panel"]
        async with fire_house(mosquitto.port, tmp_path / "house", PARTS) as rooms:
            await until(lambda: rooms.reports and rooms.report.connected)
            await client.publish(f"{topic}/a1b2", announcement("garage-1"), 1, retain=True)
            await Transmitter(client).says()
            await heard(rooms, 1)
            assert rooms.report.announced == (), "nobody looks for them any more"


async def test_the_first_device_of_a_site_is_seen(mosquitto: Mosquitto) -> None:
    """A link that only looks for devices has none yet."""
    reports: list[LinkReport] = []
    driver = MqttDriver(
        "broker",
        MqttLinkOptions.model_validate({"mqtt": f"mqtt://127.0.0.1:{mosquitto.port}"}),
        LinkAssignment("broker", ()),
        BuildingClock(),
        reports.append,
        client_id="anlou-lookout-test",
        quarantine=lambda *_: None,
        count=lambda **_: None,
        recent=lambda *_: (),
        announce=[shipped("openevse")],
    )

    async def emit(_: Frame) -> None:
        raise AssertionError("nobody has a value")

    async with asyncio.TaskGroup() as group, publisher(mosquitto.port) as client:
        running = group.create_task(driver.run(emit))
        await until(lambda: bool(reports) and reports[-1].connected)
        await client.publish("openevse/announce/a1b2", announcement("garage-1"), 1)
        await until(lambda: [one.variables["base"] for one in reports[-1].announced] == ["garage-1"])
        running.cancel()
