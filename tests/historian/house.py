"""A store with a historian beside it, and what the store holds of each series."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.clock import BuildingClock
from gateway.historian.historian import Historian, Pace
from gateway.historian.lines import SampleLines
from gateway.historian.options import HistorianOptions
from gateway.model import Device, Frame, Location, Text
from gateway.store.journal import Journal
from gateway.store.reader import Reader
from gateway.store.samples import Samples
from tests.historian.stub import BUCKET, ORG, TOKEN, Stub

QUICK = Pace(idle=0.01, check=0.05, confirm=0.1, total=1.0, first_wait=0.01, longest_wait=0.05)
SITE = "site-1"


def influx(stub: Stub) -> HistorianOptions:
    return HistorianOptions.model_validate(
        {"kind": "influxdb2", "url": stub.url, "org": ORG, "bucket": BUCKET, "token": TOKEN}
    )


def victoria(port: int) -> HistorianOptions:
    return HistorianOptions.model_validate({"kind": "victoriametrics", "url": f"http://127.0.0.1:{port}"})


def device(name: str, system: str = "elevator") -> Device:
    at = Location("1", "B2", "z")
    return Device(id=name, system=system, name=Text(name, name), profile=None, location=at, poll_ns=0, points=())


@dataclass
class House:
    folder: Path
    samples: Samples
    journal: Journal
    reader: Reader
    devices: Sequence[Device]

    @classmethod
    def open(cls, folder: Path, devices: Sequence[Device] = ()) -> House:
        journal = Journal.open(folder / "alarm.db")
        return cls(folder, Samples.open(folder / "tele.db"), journal, Reader(folder / "alarm.db"), devices)

    def historian(self, options: HistorianOptions, pace: Pace = QUICK) -> Historian:
        return Historian(options, SITE, self.devices, BuildingClock(), self.samples, self.reader, pace=pace)

    async def put(self, *frames: Frame) -> None:
        for frame in frames:
            waiting = self.samples.append(self.samples.reserve(), frame)
            if waiting is not None:
                await waiting

    async def close(self) -> None:
        self.reader.close()
        await self.samples.close()
        await self.journal.close()

    def series(self, field: str = "value") -> dict[str, int]:
        """How many points of each series the log should make: the store's own count, by line without stamp."""
        counts: dict[str, int] = {}
        lines = SampleLines(SITE, {one.id: one for one in self.devices})
        for _, frame in self.samples.replay(0):
            for line in lines.of(frame, 0):
                series, fields, _ = line.rsplit(" ", 2)
                if f"{field}=" in fields:
                    counts[series] = counts.get(series, 0) + 1
        return counts


@asynccontextmanager
async def at_work(historian: Historian) -> AsyncIterator[Historian]:
    """Running; a failure in it fails the test."""
    running = asyncio.create_task(historian.run())
    try:
        yield historian
        if running.done():
            running.result()
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


__all__ = ["House", "at_work", "device", "influx", "replace", "victoria"]
