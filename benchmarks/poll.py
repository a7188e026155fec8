"""CPU of a 100-register poll the whole way (checked, decoded, judged, in the log) against a bare pymodbus read."""

from __future__ import annotations

import asyncio
import time

import uvloop
from pymodbus.client import AsyncModbusTcpClient

from benchmarks.field import field
from benchmarks.figure import Figure
from benchmarks.rig import POINTS, rig
from gateway.model import SECOND

READS = 4000
WARM = 400


async def bare(port: int) -> float:
    """CPU seconds of one bare read."""
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    try:
        for _ in range(WARM):
            await client.read_holding_registers(0, count=POINTS, device_id=1)
        began = time.process_time()
        for _ in range(READS):
            answer = await client.read_holding_registers(0, count=POINTS, device_id=1)
            assert len(answer.registers) == POINTS
        return (time.process_time() - began) / READS
    finally:
        client.close()


async def whole(port: int) -> float:
    """CPU seconds of one poll the whole way, at flood: building time runs so fast that a poll is always due."""
    async with rig([port], 1, SECOND // 10, 1000) as house:
        counters = house.samples.counters
        polling = asyncio.ensure_future(house.drivers[0].run(house.pipeline.emit))
        while counters.stored < WARM * POINTS:
            await asyncio.sleep(0.01)
        stored, began = counters.stored, time.process_time()
        while counters.stored < stored + READS * POINTS:
            await asyncio.sleep(0.05)
        cost = (time.process_time() - began) / ((counters.stored - stored) / POINTS)
        polling.cancel()
        await asyncio.wait([polling])
        return cost


def run() -> list[Figure]:
    """Both in turn, three times; the medians and the median of the ratios."""
    floors, costs = [], []
    with field(1, 1) as (ports, _):
        for _ in range(3):
            floors.append(uvloop.run(bare(ports[0])))
            costs.append(uvloop.run(whole(ports[0])))
    ratio = sorted(cost / floor for cost, floor in zip(costs, floors, strict=True))[1]
    return [
        Figure("a bare pymodbus read of 100 registers on uvloop", sorted(floors)[1] * 1e6, "µs CPU"),
        Figure("a 100-register poll, the whole way, at flood", sorted(costs)[1] * 1e6, "µs CPU", ratio, "≤ 2.5"),
    ]
