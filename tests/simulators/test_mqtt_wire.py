"""The devices on a real broker, heard by aiomqtt: order, times, wills, restarts; nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import aiomqtt
import pytest

from simulators.broker import Broker
from simulators.mqtt_device import MqttFault, MqttFaultKind
from simulators.mqtt_link import DeviceFaults, DeviceLink, DevicePower
from simulators.scenario import Scenario, load_scenario
from simulators.simulation import SimulatedBuilding
from simulators.wiring import load_wiring
from tests.simulators.raw import DEMO, PATIENCE

WIRING = load_wiring(DEMO / "simulation.yaml")
WALL_NS = 1_795_392_000 * 10**9
ANNOUNCED = "openevse/announce/a1b2"
PLANT = "application/riverside/device/24e124454d083402/event/up"
RAMP = "application/riverside/device/24e124454d083401/event/up"


def scenario(name: str) -> Scenario:
    return load_scenario(DEMO / "scenarios" / f"{name}.yaml", WIRING)


class Ear:
    """A subscriber of everything that remembers what it heard."""

    def __init__(self) -> None:
        self.heard: list[aiomqtt.Message] = []
        self._fresh = asyncio.Event()

    async def listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            self.heard.append(message)
            self._fresh.set()

    async def until(self, enough: Callable[[list[aiomqtt.Message]], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not enough(self.heard):
                self._fresh.clear()
                await self._fresh.wait()

    def payloads(self, topic: str) -> list[bytes]:
        return [bytes(message.payload) for message in self.heard if message.topic.value == topic]

    def states(self) -> list[str]:
        return [json.loads(payload)["state"] for payload in self.payloads(ANNOUNCED)]

    def depths(self, topic: str) -> list[tuple[float, int]]:
        """(seconds since the scenario's start, cm) of the measurements, in the order of their arrival."""
        said = [json.loads(payload) for payload in self.payloads(topic)]
        return [
            (round(datetime.fromisoformat(event["time"]).timestamp() - WALL_NS / 1e9, 3), event["object"]["depth"])
            for event in said
            if "depth" in event["object"]
        ]


@asynccontextmanager
async def hearing(port: int) -> AsyncIterator[Ear]:
    ear = Ear()
    v5 = aiomqtt.ProtocolVersion.V5
    async with aiomqtt.Client("127.0.0.1", port, identifier="ear", protocol=v5) as client:
        await client.subscribe("#", qos=1)
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(ear.listen(client))
            try:
                yield ear
            finally:
                listening.cancel()


class Stage:
    """A building whose time the test sets, started but not yet running."""

    def __init__(self, play: str, elapsed: float = 0.0, broker: tuple[str, int] | None = None) -> None:
        self.elapsed = elapsed
        self.simulated = SimulatedBuilding(
            scenario(play), WIRING, lambda: self.elapsed, lambda: WALL_NS + round(self.elapsed * 1e9), broker=broker
        )

    async def until(self, elapsed: float, step: float = 10.0) -> None:
        """Let time pass in steps, each played before the next."""
        async with asyncio.timeout(PATIENCE):
            while self.elapsed < elapsed:
                self.elapsed = min(elapsed, self.elapsed + step)
                while self.simulated.elapsed < self.elapsed - 0.05:  # noqa: ASYNC110  # nothing announces a step
                    await asyncio.sleep(0.001)


@asynccontextmanager
async def running(stage: Stage) -> AsyncIterator[Ear]:
    ports = await stage.simulated.start()
    try:
        async with hearing(ports["broker"]) as heard, asyncio.TaskGroup() as group:
            living = group.create_task(stage.simulated.run())
            try:
                yield heard
            finally:
                living.cancel()
    finally:
        await stage.simulated.stop()


async def test_uplinks_and_values_follow_building_time() -> None:
    stage = Stage("calm-day", 300.0)
    async with running(stage) as ear:
        await ear.until(lambda heard: "connected" in ear.states() and len(heard) >= 18)
        await stage.until(700.0, 20.0)
        await ear.until(lambda heard: len(ear.depths(RAMP)) >= 7 and len(ear.depths(PLANT)) >= 7)
        assert [at for at, _ in ear.depths(RAMP)] == [305 + 60 * turn for turn in range(7)]
        assert [at for at, _ in ear.depths(PLANT)] == [320 + 60 * turn for turn in range(7)]
        await ear.until(lambda heard: b"3" in ear.payloads("openevse-west-1/state"))
        amps = [int(payload) for payload in ear.payloads("openevse-west-1/amp")]
        assert amps[0] == 0
        assert max(amps) == 16_000
        assert all(message.qos == 1 for message in ear.heard)
        report = stage.simulated.report()["broker"]
        assert report["published"]["swl-ramp"] >= 7
        assert report["published"]["charger-west-1"] >= len(amps)
        assert (report["connections"], report["dropped"], report["units"]) == (2, 0, {})


async def test_half_an_hour_comes_at_once_with_its_own_times() -> None:
    stage = Stage("sensor-dies", 2040.0)  # a restart within the cut: what was kept before it is still kept
    async with running(stage) as ear:
        await ear.until(lambda heard: "connected" in ear.states())
        await stage.until(2095.0)
        assert ear.depths(PLANT) == []
        await stage.until(2145.0)
        await ear.until(lambda heard: len(ear.depths(PLANT)) >= 31)
        assert [at for at, _ in ear.depths(PLANT)] == [320 + 60 * turn for turn in range(31)]
        assert max(cm for _, cm in ear.depths(PLANT)) >= 4
        identities = [json.loads(payload)["deduplicationId"] for payload in ear.payloads(PLANT)]
        assert len(set(identities)) == len(identities)


async def test_a_restart_publishes_nothing_of_the_past() -> None:
    for _ in range(2):
        stage = Stage("calm-day", 1810.0)
        async with running(stage) as ear:
            await ear.until(lambda heard: len(heard) >= 18)
            await stage.until(1870.0)
            await ear.until(lambda heard: ear.depths(RAMP) != [] and ear.depths(PLANT) != [])
            assert [at for at, _ in ear.depths(RAMP)] == [1865]
            assert [at for at, _ in ear.depths(PLANT)] == [1820]


async def test_a_charger_that_dies_is_taken_back_by_its_will_and_returns_whole() -> None:
    stage = Stage("calm-day", 400.0)
    link = stage.simulated._mqtt["broker"]
    async with running(stage) as ear:
        await ear.until(lambda heard: ear.states() == ["connected"])
        for gone, back in (
            (DevicePower("broker", "charger-west-1", on=False), DevicePower("broker", "charger-west-1", on=True)),
            (DeviceLink("broker", "charger-west-1", cut=True), DeviceLink("broker", "charger-west-1", cut=False)),
        ):
            before = len(ear.states())
            link.apply(gone)
            await ear.until(lambda heard, n=before + 1: len(ear.states()) == n)  # type: ignore[misc]
            assert ear.states()[-1] == "disconnected"
            said = len(ear.payloads("openevse-west-1/state"))
            await stage.until(stage.elapsed + 40)
            assert len(ear.payloads("openevse-west-1/state")) == said
            link.apply(back)
            await ear.until(lambda heard, n=said + 1: len(ear.payloads("openevse-west-1/state")) >= n)  # type: ignore[misc]
            assert ear.states()[-1] == "connected"
    assert stage.simulated.report()["broker"]["connections"] == 4


async def test_faults_on_the_wire() -> None:
    stage = Stage("calm-day", 400.0)
    link = stage.simulated._mqtt["broker"]
    async with running(stage) as ear:
        await ear.until(lambda heard: ear.states() == ["connected"])
        link.apply(DeviceFaults("broker", "swl-ramp", (MqttFault(MqttFaultKind.DUPLICATE),)))
        link.apply(DeviceFaults("broker", "swl-plant", (MqttFault(MqttFaultKind.POISON),)))
        link.apply(DeviceFaults("broker", "charger-west-1", (MqttFault(MqttFaultKind.SILENT),)))
        await ear.until(lambda heard: ear.payloads("openevse-west-1/session_elapsed") != [])  # the last of its greeting
        said = len(ear.payloads("openevse-west-1/state"))
        await stage.until(520.0)
        await ear.until(lambda heard: len(ear.payloads(RAMP)) == 4 and len(ear.payloads(PLANT)) == 2)
        first, second, third, fourth = ear.payloads(RAMP)
        assert first == second != third == fourth
        assert ear.payloads(PLANT) == [b"", b"{"]
        assert len(ear.payloads("openevse-west-1/state")) == said
        assert ear.states() == ["connected"]  # the connection stands
        link.apply(DeviceFaults("broker", None, ()))
        await stage.until(620.0)
        await ear.until(lambda heard: len(ear.payloads(RAMP)) >= 5 and len(ear.depths(RAMP)) >= 5)
    with pytest.raises(ValueError, match="no such device: swl-rmp; devices: charger-west-1"):
        link.apply(DeviceLink("broker", "swl-rmp", cut=True))


async def test_a_broker_of_ones_own_may_be_given_and_may_go_and_come() -> None:
    broker = Broker()
    port = await broker.start()
    stage = Stage("calm-day", 100.0, ("127.0.0.1", port))
    ports = await stage.simulated.start()
    assert ports["broker"] == port
    async with asyncio.TaskGroup() as group:
        living = group.create_task(stage.simulated.run())
        async with hearing(port) as ear:
            await stage.until(130.0)
            await ear.until(lambda heard: ear.states() != [])
        await broker.stop()
        await stage.until(250.0)  # nobody is there to hear it
        assert await broker.start(port=port) == port
        async with hearing(port) as ear:
            await ear.until(lambda heard: "connected" in ear.states())
            await stage.until(310.0)
            await ear.until(lambda heard: ear.depths(RAMP)[-1:] == [(305, 0)])
        # what waited for the broker was said when it was there, before what came later; the ear may have come after it
        report = stage.simulated.report()["broker"]
        assert (report["published"]["swl-plant"], report["published"]["swl-ramp"]) == (3, 4)
        assert report["dropped"] == 0
        living.cancel()
    await stage.simulated.stop()
    await broker.stop()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_broker_that_goes_and_comes_at_its_port() -> None:
    stage = Stage("calm-day", 100.0)
    ports = await stage.simulated.start()
    async with asyncio.TaskGroup() as group:
        living = group.create_task(stage.simulated.run())
        async with hearing(ports["broker"]) as ear:
            await ear.until(lambda heard: ear.states() != [])
        stage.simulated.set_refusing("broker", True)
        async with asyncio.timeout(PATIENCE):
            while stage.simulated._brokers["broker"].running:  # noqa: ASYNC110  # nothing announces it
                await asyncio.sleep(0.01)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", ports["broker"])
        stage.simulated.set_refusing("broker", False)
        async with asyncio.timeout(PATIENCE):
            while not stage.simulated._brokers["broker"].running:  # noqa: ASYNC110  # nothing announces it
                await asyncio.sleep(0.01)
        async with hearing(ports["broker"]) as ear:
            await ear.until(lambda heard: "connected" in ear.states())
        living.cancel()
    await stage.simulated.stop()


def listening_at(port: int) -> list[str]:
    """Addresses as the kernel writes them: 0100007F is 127.0.0.1."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")]


async def test_the_broker_listens_on_loopback_only_and_leaves_its_port() -> None:
    broker = Broker()
    port = await broker.start()
    with pytest.raises(RuntimeError, match="is running"):
        await broker.start()
    taken = Broker()
    with pytest.raises(OSError, match="ddress already in use"):
        await taken.start(port=port)
    assert listening_at(port) == [f"0100007F:{port:04X}"]
    await broker.stop()
    await broker.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    assert await taken.start(port=port) == port
    await taken.stop()


PARENT = """
import asyncio, sys
from simulators.broker import Broker

async def main():
    broker = Broker()
    await broker.start()
    print(broker._process.pid, flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


def test_a_killed_parent_leaves_no_broker() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        with Path(f"/proc/{child}/stat").open() as stat:
            assert stat.read()
        os.kill(child, signal.SIGINT)  # Ctrl-C reaches the whole group; the broker leaves the end to its parent
        parent.kill()
        parent.wait(PATIENCE)
    for _ in range(PATIENCE * 100):
        try:
            if Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                break
        except OSError:
            break
        time.sleep(0.01)
    else:
        raise AssertionError("the broker lives on")
