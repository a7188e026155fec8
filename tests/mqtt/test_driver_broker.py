"""The driver with the gateway's stores against a real Mosquitto: the rows of the fault matrix that need one."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from gateway.model import FrameKind, Quality
from gateway.store import samples as samples_module
from tests.mqtt.brokers import Iotcore, Mosquitto, deployed
from tests.mqtt.house import House, house
from tests.mqtt.talk import PATIENCE, publisher, until
from tests.stalls import Stalls

_last = 0


def body(level: float, number: int = 0, ago: float = 0) -> bytes:
    """A message; no two have the same time."""
    global _last  # noqa: PLW0603 - a clock of its own
    _last = now = max(_last + 1, round(time.time() * 1000))
    return json.dumps({"ts": now - round(ago * 1000), "level": level, "n": number}).encode()


async def say(client: aiomqtt.Client, payload: bytes, name: str = "d0", **more: Any) -> None:
    await client.publish(f"dev/{name}/up", payload, **{"qos": 1, **more})


@asynccontextmanager
async def connected(port: int, folder: Path, **options: Any) -> AsyncIterator[House]:
    async with house(port, folder, **options) as rooms:
        await until(lambda: rooms.reports and rooms.report.connected)
        yield rooms
        await until(lambda: not rooms.samples.queued and not rooms.driver._intake.unsettled)
        assert rooms.conserved()


async def test_a_message_becomes_an_alarm(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with connected(mosquitto.port, tmp_path / "house") as rooms, publisher(mosquitto.port) as client:
        await say(client, body(0.5, 1))
        await say(client, body(2000, 2), "d1")
        await until(lambda: ("raise", "d1") in rooms.alarms and len(rooms.frames) == 2)
        assert rooms.samples.counters.stored == 4


async def test_sizes(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """MQ1: nothing, one byte, 64 KiB, one more, 30 MB: each has its answer, and small ones still flow."""
    async with connected(mosquitto.port, tmp_path / "house") as rooms, publisher(mosquitto.port) as client:
        for size in (0, 1, 65536, 65537, 80_000, 30_000_000):
            await say(client, b"\x00" * size)
            await say(client, body(1, size % 1000))
        await until(lambda: len(rooms.frames) == 6)
        kept = {len(item.payload): item.reason for _, item in await asyncio.to_thread(rooms.samples.quarantined, 100)}
        assert kept == {0: "json", 1: "json", 65536: "json", 1024: "oversize"}  # the two largest stayed at the broker
        assert rooms.counts["quarantined"] == 4 and rooms.report.connected and rooms.report.connects == 1


async def test_sizes_with_the_demos_broker(tmp_path: Path) -> None:
    """It does not know of a limit: what is too large comes, and is kept aside by its head."""
    one = Iotcore(tmp_path)
    one.start()
    try:
        async with connected(one.port, tmp_path / "house") as rooms, publisher(one.port) as client:
            await say(client, b"\x00" * 3_000_000)
            await say(client, body(1, 1))
            await until(lambda: len(rooms.frames) == 1)
            assert rooms.counts["quarantined"] == 1
    finally:
        one.stop()


async def test_unknown_senders(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """MQ8."""
    async with (
        connected(mosquitto.port, tmp_path / "house", watch=["dev/+/up"]) as rooms,
        publisher(mosquitto.port) as client,
    ):
        await say(client, body(1), "stranger")
        await say(client, body(1), "d0")
        await until(lambda: len(rooms.frames) == 1 and rooms.counts["unknown_device"] == 1)
        ((_, item),) = await asyncio.to_thread(rooms.samples.quarantined, 10)
        assert item.reason == "unknown_device" and item.topic == "dev/stranger/up"
        assert rooms.counts["messages"] == 2  # once for the filter, not once more for the topic


async def test_what_is_not_watched_any_more_does_not_come(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """The session keeps a filter that the configuration has dropped; by itself it would bring strangers for ever."""
    async with connected(mosquitto.port, tmp_path / "house", watch=["dev/+/up", "other/#"]):
        pass
    async with connected(mosquitto.port, tmp_path / "house") as rooms, publisher(mosquitto.port) as client:
        await say(client, body(1), "stranger")
        await client.publish("other/x/y", b"1", 1)
        await until(lambda: rooms.counts["unknown_device"] == 2)
        await say(client, body(1), "stranger-2")
        await client.publish("other/z", b"1", 1)
        await say(client, body(1), "d0")
        await until(lambda: len(rooms.frames) == 1)
        assert rooms.counts["unknown_device"] == 2 and rooms.counts["messages"] == 3


async def test_a_retained_alarm_of_last_year(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """MQ10: state, no edge; and again at each connection, but stored once."""
    async with publisher(mosquitto.port) as client:
        await say(client, body(2000, 1, ago=365 * 86_400), retain=True)
        await say(client, body(0.1, 2, ago=3600), "d1", retain=True)
    async with connected(mosquitto.port, tmp_path / "house") as rooms:
        await until(lambda: len(rooms.frames) == 2)
        assert {frame.kind for frame in rooms.frames} == {FrameKind.INITIAL}
        by_device = {frame.layout.device: frame for frame in rooms.frames}
        assert by_device["d0"].quality == [Quality.UNCERTAIN_CLOCK] * 2 and by_device["d0"].source_ns is None
        assert by_device["d1"].quality == [Quality.UNCERTAIN_INITIAL] * 2
        mosquitto.stop()
        await until(lambda: not rooms.report.connected)
        mosquitto.start()
        async with publisher(mosquitto.port) as client:
            await say(client, body(0.1, 2, ago=3600), "d1", retain=True)
        await until(lambda: rooms.report.connected)
        assert rooms.counts["retained"] >= 2


async def test_thousands_of_properties_and_odd_topics(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """MQ14."""
    properties = aiomqtt.client.Properties(aiomqtt.client.mqtt.PacketTypes.PUBLISH)  # type: ignore[attr-defined]
    properties.UserProperty = [(f"name-{n}", "value") for n in range(1000)]
    properties.ResponseTopic = "$SYS/broker"
    async with connected(mosquitto.port, tmp_path / "house") as rooms, publisher(mosquitto.port) as client:
        await say(client, body(1, 1), properties=properties)
        properties = aiomqtt.client.Properties(aiomqtt.client.mqtt.PacketTypes.PUBLISH)  # type: ignore[attr-defined]
        properties.TopicAlias = 1
        await say(client, body(1, 2), properties=properties)
        await until(lambda: len(rooms.frames) == 2)
        assert rooms.report.connects == 1


async def test_the_broker_goes_and_comes(tmp_path: Path) -> None:
    """Row 33: with persistence the session is kept, and nothing that it accepted is lost."""
    one = Mosquitto(tmp_path, deployed(tmp_path))
    one.start()
    try:
        async with connected(one.port, tmp_path / "house") as rooms:
            for turn in range(6):
                async with publisher(one.port) as client:
                    for number in range(20):
                        await say(client, body(1, turn * 20 + number))
                one.stop()
                await until(lambda: not rooms.report.connected)
                one.start()
                with Stalls() as stalls:
                    await until(lambda: rooms.report.connected)
                assert stalls.span - stalls.lost < 8  # 5 s of pause at most, and the connection itself
            await until(lambda: set(rooms.numbers()) == set(range(120)))
            assert rooms.counts["gaps"] == 0 and len(rooms.numbers()) == 120
    finally:
        one.stop()


async def test_a_broker_that_forgets_us_is_a_gap(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Row 34: kill -9 without persistence."""
    async with connected(mosquitto.port, tmp_path / "house") as rooms:
        for turn in range(3):
            mosquitto.kill()
            await until(lambda: not rooms.report.connected)
            mosquitto.start()
            await until(lambda: rooms.report.connected)
            assert rooms.counts["gaps"] == turn + 1
            async with publisher(mosquitto.port) as client:
                await say(client, body(1, turn))
            await until(lambda: len(rooms.frames) == turn + 1)  # noqa: B023 - awaited here


async def test_a_broker_that_refuses_us_is_never_called_connected(tmp_path: Path) -> None:
    """Row 36: the password is changed while we are away."""
    (tmp_path / "passwd").write_text("")
    one = Mosquitto(tmp_path)
    one.start()
    try:
        async with house(one.port, tmp_path / "house", username="anlou", password="secret") as rooms:
            await until(lambda: rooms.reports and rooms.report.connected)
            one.stop()
            await until(lambda: not rooms.report.connected)
            one.lines = f"allow_anonymous false\npassword_file {tmp_path}/passwd\n"
            one.start()
            before = len(rooms.reports)
            await until(lambda: rooms.report.error and "Not authorized" in rooms.report.error.message)
            await asyncio.sleep(3)
            assert not any(report.connected for report in rooms.reports[before:])
            assert rooms.report.lost_at_ns is not None
            one.stop()
            one.lines = "allow_anonymous true\n"
            one.start()
            await until(lambda: rooms.report.connected and rooms.report.error is None)
    finally:
        one.stop()


async def test_two_gateways_with_one_client_id(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Row 39: they notice, and change places three times a minute at most (tests/drivers/test_mqtt_pace.py)."""
    async with (
        house(mosquitto.port, tmp_path / "one") as one,
        house(mosquitto.port, tmp_path / "other") as other,
    ):
        both = (one, other)
        await until(
            lambda: any(
                rooms.reports and rooms.report.error and "another gateway" in rooms.report.error.message
                for rooms in both
            ),
            2 * PATIENCE,
        )
        connects = sum(rooms.report.connects for rooms in both)
        await asyncio.sleep(10)
        assert sum(rooms.report.connects for rooms in both) - connects <= 2


async def test_a_flood_is_taken_without_loss_while_the_store_is_slow(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """E6: a bounded queue lost 90 of 100 after acknowledging. Here reading pauses."""
    async with connected(mosquitto.port, tmp_path / "house", window=50) as rooms, publisher(mosquitto.port) as client:
        for number in range(1500):
            await say(client, body(1, number), f"d{number % 5}")
        await until(lambda: len(set(rooms.numbers())) == 1500)
        assert len(rooms.numbers()) == 1500 and rooms.counts["overflows"] == 0


async def test_on_a_full_disk_alarms_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is dropped is acknowledged: otherwise the window fills, and the fire waits behind what nobody keeps."""
    broker = Mosquitto(tmp_path, deployed(tmp_path))
    broker.start()
    try:
        free = [0]
        folder = tmp_path / "house"
        async with connected(broker.port, folder, window=100) as rooms, publisher(broker.port) as client:
            monkeypatch.setattr(samples_module, "free_bytes", lambda folder: free[0])
            for number in range(300):
                await say(client, body(1, number), f"d{number % 4}")
            await say(client, b"{", "d0")
            await say(client, body(2000, 300), "d4")
            await until(lambda: ("raise", "d4") in rooms.alarms)
            counters = rooms.samples.counters
            await until(lambda: counters.dropped == 603 and not rooms.driver._intake.unsettled)
            assert rooms.counts["overflows"] == 0 and not rooms.frames
            free[0] = 1 << 40
            await say(client, body(1, 301), "d4")
            await until(lambda: rooms.numbers() == [301])
    finally:
        broker.stop()


async def test_messages_without_acknowledgement_are_taken_too(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with connected(mosquitto.port, tmp_path / "house") as rooms, publisher(mosquitto.port) as client:
        for number in range(50):
            await say(client, body(1, number), qos=0)
        await until(lambda: len(rooms.frames) == 50)


async def test_the_same_event_again_and_again(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Row 38 and MQ11: repeated and reordered by the sender; one row and one alarm for each."""
    async with connected(mosquitto.port, tmp_path / "house") as rooms, publisher(mosquitto.port) as client:
        events = [body(2000 if number % 2 else 1, number, ago=2 - number / 50) for number in range(40)]
        for event in events:
            await say(client, event)
            await say(client, event)
        for event in random.Random(3).sample(events, 40):
            await say(client, event)
        await until(lambda: rooms.counts["messages"] == 120 and not rooms.driver._intake.unsettled)
        await until(lambda: len(rooms.frames) == 40 and rooms.counts["duplicates"] == 80)
        assert rooms.numbers() == list(range(40))
        raises = [alarm for alarm in rooms.alarms if alarm[0] == "raise"]
        assert len(raises) <= 20
        assert rooms.samples.counters.duplicate == 160


HOSTILE = [
    b"",
    b"\x00",
    b"NaN",
    b"Infinity",
    b'{"level": 1e999}',
    b'{"level": ' + b"9" * 5000 + b"}",
    b'{"level": "80"}',
    b'{"level": 1, "level": 2}',
    b'{"level": 1} {"level": 2}',
    b"{'level': 1}",
    b"[" * 60_000,
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    b"\xff\xfe\x00",
    b'{"level": "\\ud800"}',
    b'{"ts": 0, "level": 1, "n": 1}',
    b'{"ts": -1, "level": 1, "n": 2}',
    b'{"ts": 1e300, "level": 1, "n": 3}',
    b'{"ts": "2026-02-30T00:00:00Z", "level": 1, "n": 4}',
    b"\x1f\x8b\x08\x00" + b"\x00" * 500,
]


@pytest.mark.parametrize("count", [1500, pytest.param(20_000, marks=pytest.mark.long)])
async def test_any_bytes_are_answered_and_do_not_come_again(mosquitto: Mosquitto, tmp_path: Path, count: int) -> None:
    """Row 41: nothing escapes, everything is acknowledged, nothing is delivered twice."""
    chance = random.Random(41)
    good = body(1, 7)

    def payload() -> bytes:
        kind = chance.random()
        if kind < 0.3:
            return chance.choice(HOSTILE)
        if kind < 0.7:
            raw = bytearray(good)
            for _ in range(chance.randint(1, 6)):
                raw[chance.randrange(len(raw))] = chance.randrange(256)
            return bytes(raw[: chance.randint(1, len(raw))])
        return chance.randbytes(chance.randint(0, 300))

    async with connected(mosquitto.port, tmp_path / "house") as rooms, publisher(mosquitto.port) as client:
        client.pending_calls_threshold = 10_000
        for start in range(0, count, 200):
            payloads = [payload() for _ in range(min(200, count - start))]
            await asyncio.gather(*(say(client, one, f"d{chance.randrange(5)}") for one in payloads))
        await say(client, body(2000, 99_999), "d4")
        await until(lambda: ("raise", "d4") in rooms.alarms)
        await until(lambda: rooms.counts["messages"] == count + 1 and not rooms.driver._intake.unsettled)
        assert rooms.report.connects == 1 and rooms.counts["overflows"] == 0
        kept = await asyncio.to_thread(rooms.samples.quarantined, 10_000)
        assert not [item for _, item in kept if item.reason == "internal"]
    async with connected(mosquitto.port, tmp_path / "house") as again:
        await asyncio.sleep(1)
        assert again.counts["messages"] == 0  # all were acknowledged
