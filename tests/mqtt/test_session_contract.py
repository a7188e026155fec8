"""What the driver relies on, against a real Mosquitto and against the demo's broker (iotcore 0.4).

Where the demo's broker differs, the test says so: it holds what the demo needs, and is not for a building.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest

from drivers.base import SessionError
from drivers.mqtt.session import HungUp, Session, TakenOver
from gateway.model import ErrorKind
from tests.mqtt.brokers import ROOT, Broker, Mosquitto
from tests.mqtt.talk import PATIENCE, ears, options, publisher, until
from tests.stalls import Stalls, again_if_starved


def numbers(count: int, start: int = 0) -> list[bytes]:
    return [b"%d" % number for number in range(start, start + count)]


async def said(port: int, count: int, start: int = 0, topic: str = "a/b") -> None:
    async with publisher(port) as client:
        for payload in numbers(count, start):
            await client.publish(topic, payload, qos=1)


async def test_what_is_not_acknowledged_comes_again_and_in_order(broker: Broker) -> None:
    async with ears(broker.port, "a/b") as first:
        assert not first.session.present
        await said(broker.port, 30)
        await until(lambda: len(first.heard) == 30)
        assert first.payloads() == numbers(30)
        assert all(message.qos == 1 and message.mid and not message.dup for message in first.heard)
        first.acknowledge(12)
        await asyncio.sleep(0.2)
    mids = {message.payload: message.mid for message in first.heard}
    async with ears(broker.port) as again:
        assert again.session.present
        await until(lambda: len(again.heard) == 18)
        await asyncio.sleep(0.2)
        assert again.payloads() == numbers(18, 12)
        # the demo's broker gives new numbers, and does not mark what it sends again (D21: DUP marks nothing there)
        assert all(mids[message.payload] == message.mid for message in again.heard) == (broker.kind == "mosquitto")
        assert {message.dup for message in again.heard} == {broker.kind == "mosquitto"}


async def test_what_came_while_we_were_away_comes_with_the_session(broker: Broker) -> None:
    async with ears(broker.port, "a/b"):
        pass
    await said(broker.port, 300)
    async with ears(broker.port) as again:
        assert again.session.present
        await until(lambda: len(again.heard) >= 100)
        done = 0
        while done < 300:  # the broker has at most 100 on their way (or all): it goes on when they are acknowledged
            await until(lambda so_far=done: len(again.heard) > so_far)
            again.session.acknowledge([message.mid for message in again.heard[done:]])
            done = len(again.heard)
            await asyncio.sleep(0.01)
        assert again.payloads() == numbers(300)


async def test_many_acknowledgements_at_once_are_taken(broker: Broker) -> None:
    async with ears(broker.port, "a/b") as first:
        await said(broker.port, 90)
        await until(lambda: len(first.heard) == 90)
        first.acknowledge(90)
        await asyncio.sleep(0.2)
        await said(broker.port, 1, 90)
        await until(lambda: len(first.heard) == 91)
    async with ears(broker.port) as again:
        await until(lambda: again.heard)
        await asyncio.sleep(0.2)
        assert again.payloads() == numbers(1, 90)


async def test_a_last_will_is_said(broker: Broker) -> None:
    async with ears(broker.port, "dev/state") as both:
        will = aiomqtt.Will("dev/state", b"disconnected", 1, True)
        async with publisher(broker.port, "dev", will=will) as dev:
            await dev.publish("dev/state", b"connected", qos=1, retain=True)
            await until(lambda: both.payloads() == [b"connected"])
            dev._client._sock_close()  # without a DISCONNECT
            dev._disconnected.set_result(None)
        await until(lambda: both.payloads() == [b"connected", b"disconnected"])


async def test_retained_messages_are_marked(broker: Broker) -> None:
    async with publisher(broker.port) as client:
        await client.publish("a/b", b"old", qos=1, retain=True)
    async with ears(broker.port, "a/b") as both:
        await until(lambda: both.heard)
        assert both.heard[0].retain and both.heard[0].payload == b"old"
        async with publisher(broker.port) as client:
            await client.publish("a/b", b"new", qos=1, retain=True)
        await until(lambda: len(both.heard) == 2)
        assert both.heard[1].payload == b"new" and not both.heard[1].retain
        both.acknowledge(2)
        await asyncio.sleep(0.1)
    async with ears(broker.port, "a/b") as again:
        await asyncio.sleep(0.5)
        # the demo's broker says retained messages to a new subscription only, not to one that its session has
        assert again.payloads() == ([b"new"] if broker.kind == "mosquitto" else [])


@pytest.mark.parametrize("size", [0, 1, 65536])
async def test_payloads_up_to_the_limit_come(broker: Broker, size: int) -> None:
    async with ears(broker.port, "a/b") as both, publisher(broker.port) as client:
        await client.publish("a/b", b"\x00" * size, qos=1)
        await until(lambda: both.heard)
        assert both.payloads() == [b"\x00" * size]


async def test_the_maximum_packet_size_holds_back_large_ones_while_small_ones_flow(broker: Broker) -> None:
    async with ears(broker.port, "a/b") as both, publisher(broker.port) as client:
        await client.publish("a/b", b"1", qos=1)
        await client.publish("a/b", b"x" * 75_000, qos=1)
        await client.publish("a/b", b"2", qos=1)
        await until(lambda: both.payloads()[-1:] == [b"2"])
        sizes = [len(payload) for payload in both.payloads()]
        # the demo's broker does not know the limit: the driver keeps the head of such a message aside
        assert sizes == ([1, 1] if broker.kind == "mosquitto" else [1, 75_000, 1])


async def test_a_topic_that_is_no_utf_8_and_properties_do_no_harm(mosquitto: Mosquitto) -> None:
    properties = aiomqtt.client.Properties(aiomqtt.client.mqtt.PacketTypes.PUBLISH)  # type: ignore[attr-defined]
    properties.UserProperty = [(f"name-{n}", "value" * 5) for n in range(1000)]
    properties.ResponseTopic = "$SYS/broker"
    properties.CorrelationData = b"\x00" * 100
    properties.MessageExpiryInterval = 600
    async with ears(mosquitto.port, "a/b") as both, publisher(mosquitto.port) as client:
        await client.publish("a/b", b"1", qos=1, properties=properties)
        await client.publish("a/b", b"2", qos=1)
        await until(lambda: len(both.heard) == 2)
        assert both.payloads() == [b"1", b"2"]


async def test_another_client_with_our_name_takes_over(broker: Broker) -> None:
    async with ears(broker.port, "a/b") as first, ears(broker.port, "a/b"):
        error = await asyncio.wait_for(asyncio.shield(first.session.lost), PATIENCE)
        # MQTT 5 has a reason for it (0x8E); neither of the two gives it
        assert isinstance(error, HungUp | TakenOver)
        assert await first.session.thrown_out()


async def test_a_refused_login_never_looks_connected(tmp_path: Path) -> None:
    one = Mosquitto(tmp_path, "allow_anonymous false\n")
    one.start()
    try:
        for _ in range(3):  # a client that was used before said connected the second time (E9)
            with pytest.raises(SessionError, match="refuses us: Not authorized") as caught:
                await Session.open(options(one.port, username="anlou", password="wrong"), "ears")
            assert caught.value.kind is ErrorKind.EXCEPTION
    finally:
        one.stop()


async def test_nobody_listens(broker: Broker) -> None:
    broker.stop()
    with pytest.raises(SessionError) as caught:
        await Session.open(options(broker.port), "ears")
    assert caught.value.kind is ErrorKind.CONNECT


async def test_a_refused_subscription_is_told(tmp_path: Path) -> None:
    (tmp_path / "acl").write_text("topic read a/#\n")
    one = Mosquitto(tmp_path, f"allow_anonymous true\nacl_file {tmp_path}/acl\n")
    one.start()
    try:
        session = await Session.open(options(one.port), "ears")
        refused = await session.subscribe(["a/b", "c/d"])
        await session.close()
        # Mosquitto 2.0 grants it and says nothing on it; newer ones refuse
        assert set(refused) <= {"c/d"}
    finally:
        one.stop()


async def test_the_broker_dies(broker: Broker) -> None:
    async with ears(broker.port, "a/b") as both:
        broker.kill()
        error = await asyncio.wait_for(asyncio.shield(both.session.lost), PATIENCE)
        assert error.kind is ErrorKind.CONNECT and not await both.session.thrown_out()
        both.session.acknowledge([1, 2, 3])  # nobody is there: no error either
    broker.start()
    async with ears(broker.port, "a/b") as again:
        assert not again.session.present  # neither keeps anything in this configuration


@pytest.mark.parametrize("keepalive", ["2s", pytest.param("10s", marks=pytest.mark.long)])
async def test_a_frozen_broker_is_noticed(broker: Broker, keepalive: str) -> None:
    async with ears(broker.port, "a/b", keepalive=keepalive) as both:
        broker.freeze()
        try:
            with Stalls() as stalls:
                error = await asyncio.wait_for(asyncio.shield(both.session.lost), PATIENCE)
        finally:
            broker.thaw()
        assert error.kind is ErrorKind.TIMEOUT
        assert stalls.span - stalls.lost < (8 if keepalive == "2s" else 25)


@contextlib.asynccontextmanager
async def door(answer: bytes) -> AsyncIterator[int]:
    """A server that is no broker: its port."""
    writers: list[asyncio.StreamWriter] = []

    async def stay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read(1)
        writer.write(answer)
        await reader.read()

    server = await asyncio.start_server(stay, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        await server.wait_closed()


async def test_opening_can_be_given_up() -> None:
    """A broker that accepts and says nothing; and a connect that is cancelled leaves no socket behind."""
    async with door(b"") as port:
        opening = asyncio.ensure_future(Session.open(options(port), "ears"))
        await asyncio.sleep(0.2)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        with pytest.raises(SessionError, match="no answer") as caught:
            await Session.open(options(port), "ears")
        assert caught.value.kind is ErrorKind.TIMEOUT


async def test_what_is_no_mqtt_ends_the_connection() -> None:
    async with door(b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(range(256))) as port:
        with pytest.raises(SessionError):
            await Session.open(options(port), "ears")


async def test_reading_pauses_and_goes_on(broker: Broker) -> None:
    async with ears(broker.port, "a/b") as both:
        both.session.pause(True)
        await said(broker.port, 50)
        await asyncio.sleep(0.2)
        assert not both.heard
        both.session.pause(False)
        await until(lambda: len(both.heard) == 50)
        assert both.payloads() == numbers(50)


async def test_a_broker_is_not_blamed_for_answers_that_we_do_not_read(broker: Broker) -> None:
    """The store may be slow for longer than the broker is given for a ping."""
    names = itertools.count()

    async def pause() -> None:
        async with ears(broker.port, "a/b", keepalive="2s", client_id=f"ears-{next(names)}") as both:
            both.session.pause(True)
            await said(broker.port, 50)
            await asyncio.sleep(6)
            assert not both.session.lost.done()
            both.session.pause(False)
            await until(lambda: len(both.heard) == 50 or both.session.lost.done())
            assert len(both.heard) == 50
            await asyncio.sleep(3)
            assert not both.session.lost.done()

    # a broker ends what has said nothing for three seconds, and each second is looked whether a ping is due
    await again_if_starved(pause)


def test_only_the_session_knows_the_libraries() -> None:
    for path in (ROOT / "drivers").rglob("*.py"):
        names = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert path.name == "session.py" or not names & {"aiomqtt", "paho"}, path
