"""1,000 devices × 100 registers at 1 s, beside a bare pymodbus client; and 10 of 100 that die at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

import uvloop
from pymodbus.client import AsyncModbusTcpClient

from benchmarks.field import field
from benchmarks.figure import Figure
from benchmarks.rig import POINTS, Rig, rig
from gateway.clock import host_mono_ns
from gateway.model import SECOND, Frame

LINKS, UNITS = 100, 10
WARM_SECONDS = 5.0
MEASURED_SECONDS = 30.0
DYING, LIVING = 10, 90


class Intervals:
    """When each device was read, and how long the pauses between two of its reads were (s)."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self.seconds: list[float] = []
        self.reads: dict[str, int] = defaultdict(int)

    def read(self, device: str) -> None:
        now = host_mono_ns()
        if device in self._last:
            self.seconds.append((now - self._last[device]) / SECOND)
        self._last[device] = now
        self.reads[device] += 1

    def begin(self) -> None:
        self.seconds = []
        self.reads = defaultdict(int)

    @property
    def p99(self) -> float:
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)]


async def _bare_link(port: int, link: int, intervals: Intervals) -> None:
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    try:
        due = time.monotonic() + link % 50 / 50  # spread over the second, as the gateway does
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            for unit in range(UNITS):
                answer = await client.read_holding_registers(0, count=POINTS, device_id=unit + 1)
                assert len(answer.registers) == POINTS
                intervals.read(f"{link}/{unit}")
            due += 1.0
    finally:
        client.close()


async def bare(ports: Sequence[int]) -> tuple[float, float, int]:
    """Cores used, p99 of the interval (s) and reads of a client that does nothing else."""
    intervals = Intervals()
    tasks = [asyncio.ensure_future(_bare_link(port, link, intervals)) for link, port in enumerate(ports)]
    try:
        return await _measured(intervals)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _measured(intervals: Intervals) -> tuple[float, float, int]:
    await asyncio.sleep(WARM_SECONDS)
    intervals.begin()
    began, cpu = time.monotonic(), time.process_time()
    await asyncio.sleep(MEASURED_SECONDS)
    return (time.process_time() - cpu) / (time.monotonic() - began), intervals.p99, sum(intervals.reads.values())


@contextlib.asynccontextmanager
async def polling(house: Rig, intervals: Intervals) -> AsyncIterator[None]:
    """The house living: ticks, and every driver."""

    async def emit(frame: Frame) -> None:
        if frame.quality is None:
            intervals.read(frame.layout.device)
        await house.pipeline.emit(frame)

    tasks = [asyncio.ensure_future(house.pipeline.run_ticks())]
    tasks += [asyncio.ensure_future(driver.run(emit)) for driver in house.drivers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        done, _ = await asyncio.wait(tasks)
        failed = [task.exception() for task in done if not task.cancelled() and task.exception()]
        assert not failed, failed


async def whole(ports: Sequence[int]) -> tuple[float, float, int]:
    """The same of the gateway: checked, decoded, judged and stored."""
    intervals = Intervals()
    async with rig(ports, UNITS, SECOND, 1.0) as house, polling(house, intervals):
        return await _measured(intervals)


async def dying(ports: Sequence[int], stop: Sequence[int]) -> tuple[float, float, float]:
    """p99 of the interval of the 90 that live (s), before and after the 10 fall silent; share of their polls kept."""
    intervals = Intervals()
    async with rig(ports, 1, SECOND, 1.0) as house, polling(house, intervals):
        await _measured(intervals)
        living = [device for device in intervals.reads if int(device[1:]) < LIVING]
        before, reads = intervals.p99, sum(intervals.reads[device] for device in living)
        for process in stop:
            os.kill(process, signal.SIGSTOP)
        intervals.begin()
        await asyncio.sleep(MEASURED_SECONDS)
        after = sum(intervals.reads[device] for device in living)
        return before, intervals.p99, after / reads


def run() -> list[Figure]:
    with field(LINKS, UNITS) as (ports, _):
        bare_cores, bare_p99, bare_reads = uvloop.run(bare(ports))
        cores, p99, reads = uvloop.run(whole(ports))
    with field(LIVING, 1) as (ports, _), field(DYING, 1) as (doomed, process):
        before, after, kept = uvloop.run(dying([*ports, *doomed], [process.pid]))
        process.send_signal(signal.SIGCONT)
    wanted = LINKS * UNITS * MEASURED_SECONDS
    return [
        Figure("bare pymodbus, 1,000 devices × 100 registers × 1 s: cores", bare_cores, "cores"),
        Figure("  interval p99", bare_p99, "s"),
        Figure("  reads made of those due", bare_reads / wanted, ""),
        Figure("the gateway, judged and stored: cores", cores, "cores", cores / bare_cores, "≤ 0.6 of a core"),
        Figure("  interval p99", p99, "s", p99 / bare_p99, "≤ 1.05 s"),
        Figure("  reads made of those due", reads / wanted, ""),
        Figure("90 of 100 devices, interval p99 before 10 die at once", before, "s"),
        Figure("  after", after, "s", after / before, "≤ + 20 ms"),
        Figure("  polls kept", kept, "", None, "all"),
    ]
