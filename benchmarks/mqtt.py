"""An MQTT message the whole way (decoded, judged, in the log, acknowledged after the commit) against aiomqtt alone.

Both sides take QoS 1 from the same Mosquitto, 1,000 devices with three values a message and their own time. The floor
is what everybody writes: `async for message in client.messages`, acknowledged before anybody has seen it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import uvloop

from alerts.bind import bind
from alerts.engine import AlarmEngine
from alerts.rule import Rule
from benchmarks.figure import Figure
from benchmarks.flood import free_port
from drivers.assign import UnitSpec, assign
from drivers.mqtt.driver import MqttDriver
from drivers.mqtt.options import MqttLinkOptions
from drivers.profile import parse_profile, profile_points
from gateway.clock import BuildingClock, host_mono_ns
from gateway.model import HEALTH_POINT, SECOND, Device, Judgement, LinkReport, Location, Text
from gateway.pipeline import Pipeline, recover
from gateway.store.journal import Journal
from gateway.store.samples import Samples

DEVICES = 1000
WARM = 2000
FLOOD = 15_000
PACED_RATE, PACED = 2000, 16_000

PROFILE = parse_profile(
    {
        "profile": "bench-mqtt",
        "title": {"en": "three values", "zh": "三个值"},
        "source": [{"ref": "this benchmark", "verified": "code"}],
        "mqtt": {"topic": "bench/{id}", "time": {"path": "ts", "format": "unix_ms"}, "expect_every": "10min"},
        "points": {name: {"path": name} for name in ("level", "battery", "signal")},
    }
)
RULE = Rule.model_validate(
    {
        "rule": "BENCH-02",
        "title": {"en": "high", "zh": "高"},
        "severity": "low",
        "class": "equipment",
        "on": {"point": "level"},
        "when": {"above": 1000},
    }
)
CONFIG = """
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_inflight_messages 100
max_queued_messages 0
max_queued_bytes 67108864
"""


@contextlib.contextmanager
def broker() -> Iterator[int]:
    """A Mosquitto of our own; its port."""
    command = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if command is None:
        raise RuntimeError("mosquitto is not installed (make test-deps)")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="anlou-bench-") as folder:
        config = Path(folder) / "mosquitto.conf"
        config.write_text(CONFIG.format(port=port))
        process = subprocess.Popen([command, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(0.5)
            yield port
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def publisher(port: int, messages: int, rate: int, alarms: int = 0) -> Iterator[subprocess.Popen[str]]:
    arguments = [str(number) for number in (port, messages, rate, DEVICES, alarms)]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.flood", *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


async def bare(port: int, messages: int, rate: int) -> tuple[float, float]:
    """CPU seconds of one message with aiomqtt alone, and messages a second."""
    async with aiomqtt.Client("127.0.0.1", port, identifier="bare", protocol=aiomqtt.ProtocolVersion.V5) as client:
        await client.subscribe("bench/#", qos=1)
        with publisher(port, messages + WARM, rate):
            received, began, cpu = 0, 0.0, 0.0
            async for _ in client.messages:
                received += 1
                if received == WARM:
                    began, cpu = time.monotonic(), time.process_time()
                if received == messages + WARM:
                    break
            return (time.process_time() - cpu) / messages, messages / (time.monotonic() - began)


@dataclass
class House:
    driver: MqttDriver
    pipeline: Pipeline
    samples: Samples
    reports: list[LinkReport]

    async def connected(self) -> None:
        while not self.reports[-1].connected:
            await asyncio.sleep(0.01)


def device(number: int) -> Device:
    name = f"d{number}"
    points = (*profile_points(PROFILE), HEALTH_POINT)
    return Device(
        id=name,
        system="bench",
        name=Text(name, name),
        profile=PROFILE.profile,
        location=Location(),
        poll_ns=600 * SECOND,
        points=points,
    )


@contextlib.asynccontextmanager
async def house(port: int, committed: Callable[[Judgement], None] = lambda _: None) -> AsyncIterator[House]:
    """The gateway's own rooms over one MQTT link, in a folder of their own; the driver runs."""
    engine = AlarmEngine(bind([RULE], [device(number) for number in range(DEVICES)]))
    specs = [
        UnitSpec(f"d{n}", "broker", None, PROFILE, 600 * SECOND, own_device=True, variables={"id": f"d{n}"})
        for n in range(DEVICES)
    ]
    clock = BuildingClock()
    with tempfile.TemporaryDirectory(prefix="anlou-bench-") as folder:
        journal, samples = Journal.open(Path(folder) / "alarm.db"), Samples.open(Path(folder) / "tele.db")
        try:
            await recover(engine, journal, samples, clock)
            reports: list[LinkReport] = []
            driver = MqttDriver(
                "broker",
                MqttLinkOptions.model_validate({"mqtt": f"mqtt://127.0.0.1:{port}"}),
                assign(specs, [])["broker"],
                clock,
                reports.append,
                client_id=f"bench-{host_mono_ns()}",
                quarantine=samples.quarantine,
                count=samples.count,
                recent=samples.recent,
            )
            pipeline = Pipeline(engine, journal, samples, clock, after_commit=committed)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(pipeline.run_ticks()), group.create_task(driver.run(pipeline.emit))]
                while not reports or not reports[-1].connected:
                    await asyncio.sleep(0.01)
                # what lives for ever is looked through by every full collection: 40 … 170 ms with 1,000 devices
                gc.collect()
                gc.freeze()
                yield House(driver, pipeline, samples, reports)
                for task in tasks:
                    task.cancel()
        finally:
            gc.unfreeze()
            await samples.close()
            await journal.close()


async def whole(port: int, messages: int, rate: int) -> tuple[float, float]:
    """CPU seconds of one message the whole way, and messages a second."""
    async with house(port) as rooms:
        counters = rooms.samples.counters
        with publisher(port, messages + WARM, rate):
            while counters.stored < WARM * 3:
                await asyncio.sleep(0.002)
            stored, began, cpu = counters.stored, time.monotonic(), time.process_time()
            while counters.stored < (messages + WARM) * 3:
                await asyncio.sleep(0.02)
            done = (counters.stored - stored) / 3
            cost, seconds = time.process_time() - cpu, time.monotonic() - began
        counts = rooms.reports[-1].counts
        assert not counts["quarantined"] and not counts["duplicates"], counts
        # what waits for longer than 5 s is history, and not judged as the present is
        assert not counts["history"], "this machine is too busy to be measured: messages waited for seconds"
        return cost / done, done / seconds


def syncs(folder: str, count: int = 400) -> list[float]:
    """Seconds of an fsync of 4 KiB, alone on the disk that the alarm's commit waits for."""
    taken = []
    with (Path(folder) / "sync").open("wb", buffering=0) as file:
        for _ in range(count):
            file.write(b"x" * 4096)
            began = time.monotonic()
            os.fsync(file.fileno())
            taken.append(time.monotonic() - began)
            time.sleep(0.002)
    return sorted(taken)


async def latency(port: int) -> list[float]:
    """Seconds from a message's publishing to its alarm's commit, while 2,000 others come each second."""
    raised: dict[str, int] = {}

    def committed(judgement: Judgement) -> None:
        for event in judgement.events:
            if event.kind == "raise" and event.source is not None:
                raised[event.source] = host_mono_ns()

    async with house(port, committed):
        with publisher(port, PACED, PACED_RATE, alarms=DEVICES // 2) as process:
            assert process.stdout is not None
            lines = await asyncio.to_thread(process.stdout.read)
            sent = {source: int(at) for source, at in (line.split() for line in lines.splitlines())}
            while len(raised) < len(sent):
                await asyncio.sleep(0.05)
    assert len(sent) == DEVICES // 2
    return sorted((raised[source] - at) / SECOND for source, at in sent.items())


def run() -> list[Figure]:
    """Each pair in turn, three times; the medians and the median of the ratios."""
    figures = []
    with broker() as port:
        for words, messages, rate in (("at flood", FLOOD, 0), ("at 2,000/s", PACED, PACED_RATE)):
            pairs = [
                (uvloop.run(bare(port, messages, rate)), uvloop.run(whole(port, messages, rate))) for _ in range(3)
            ]
            floor, cost = (statistics.median(pair[side][0] for pair in pairs) for side in (0, 1))
            ratio = statistics.median(pair[1][0] / pair[0][0] for pair in pairs)
            figures += [
                Figure(f"a bare aiomqtt receive, QoS 1, {words}", floor * 1e6, "µs CPU"),
                Figure(f"an MQTT message, the whole way, {words}", cost * 1e6, "µs CPU", ratio, "≤ 1.2"),
            ]
            if not rate:
                speed = statistics.median(pair[1][1] for pair in pairs)
                figures.append(
                    Figure("MQTT messages taken, stored and acknowledged", speed, "/s", None, "≥ 10,000/s on a core")
                )
        with tempfile.TemporaryDirectory(prefix="anlou-bench-") as folder:
            alone = syncs(folder)
        seconds = uvloop.run(latency(port))
        sync50, sync99 = alone[len(alone) // 2], alone[int(len(alone) * 0.99)]
        p50, p99 = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.99)]
        figures += [
            Figure("an fsync of 4 KiB alone, p50", sync50 * 1e3, "ms"),
            Figure("an fsync of 4 KiB alone, p99", sync99 * 1e3, "ms"),
            Figure("MQTT message → alarm committed, p50, at 2,000/s", p50 * 1e3, "ms", p50 / sync50),
            Figure("MQTT message → alarm committed, p99", p99 * 1e3, "ms", p99 / sync99, "≤ 25 ms"),
        ]
    return figures
