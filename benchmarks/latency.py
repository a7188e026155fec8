"""A change in a device until its alarm is committed: 100 devices × 100 registers, each polled once a second."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import threading
import time

import uvloop

from benchmarks.field import field
from benchmarks.figure import Figure
from benchmarks.rig import rig
from gateway.clock import host_mono_ns
from gateway.model import SECOND, Judgement

LINKS, UNITS, FLIPS_PER_SECOND = 10, 10, 5
WARM_SECONDS = 3.0


async def measure(ports: list[int], process: subprocess.Popen[str]) -> tuple[list[float], float]:
    """Seconds from each change to its commit, and the cores used meanwhile."""
    flipped: dict[str, int] = {}
    raised: dict[str, int] = {}

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            _, device, at = line.split()
            flipped[device] = int(at)

    def committed(judgement: Judgement) -> None:
        for event in judgement.events:
            if event.kind == "raise" and event.source is not None:
                raised[event.source] = host_mono_ns()

    async with rig(ports, UNITS, SECOND, 1.0, committed) as house:
        threading.Thread(target=read, daemon=True).start()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(house.pipeline.run_ticks())]
            tasks += [group.create_task(driver.run(house.pipeline.emit)) for driver in house.drivers]
            await asyncio.sleep(WARM_SECONDS)
            began, cpu = time.monotonic(), time.process_time()
            while len(raised) < LINKS * UNITS and time.monotonic() - began < 90:
                await asyncio.sleep(0.2)
            cores = (time.process_time() - cpu) / (time.monotonic() - began)
            for task in tasks:
                task.cancel()
    missing = LINKS * UNITS - len(raised)
    assert not missing, f"{missing} changes were never raised"
    return sorted((raised[device] - at) / SECOND for device, at in flipped.items()), cores


def run() -> list[Figure]:
    with field(LINKS, UNITS, FLIPS_PER_SECOND) as (ports, process), contextlib.suppress(asyncio.CancelledError):
        seconds, cores = uvloop.run(measure(ports, process))
        p50, p99 = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.99)]
        return [
            Figure("change → alarm committed, p50 (100 devices × 100 registers × 1 s)", p50 * 1e3, "ms"),
            Figure("change → alarm committed, p99", p99 * 1e3, "ms", p99 / 1.0, "≤ 1.03 of the poll period"),
            Figure("cores used meanwhile", cores, "cores"),
        ]
    return []
