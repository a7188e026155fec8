"""The historian: what a sample costs on its way out, against bare lines through the same client.

The floor is what nobody can beat in this process: the lines of frames that lie ready in memory, put together with one
f-string each, packed, and written through influxdb-client in requests of the same size. What we pay above it is reading
the log, unpacking it and keeping the timestamps apart. The receiving end is another process, and is not counted.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from benchmarks.figure import Figure
from gateway.clock import BuildingClock
from gateway.historian.batch import LINES
from gateway.historian.historian import Historian, Pace
from gateway.historian.options import HistorianOptions
from gateway.historian.target import Target
from gateway.model import SECOND, Device, Frame, Instant, Layout, Location, Point, PointType, Text
from gateway.store.journal import Journal
from gateway.store.reader import Reader
from gateway.store.samples import Samples

Given = TypeVar("Given")

WALL = 1_700_000_000 * SECOND
DEVICES = 100

_SINK = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    caller, _ = server.accept()
    stream = caller.makefile("rb")
    while line := stream.readline():
        size = 0
        while (header := stream.readline()).strip():
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                size = int(value)
        stream.read(size)
        caller.sendall(b"HTTP/1.1 204 No Content\\r\\n\\r\\n" if line.startswith(b"POST")
                       else b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
"""


@contextmanager
def sink() -> Iterator[HistorianOptions]:
    """A process that takes whatever is sent."""
    process = subprocess.Popen([sys.executable, "-c", _SINK], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    port = int(process.stdout.readline())
    try:
        yield HistorianOptions.model_validate({"kind": "victoriametrics", "url": f"http://127.0.0.1:{port}"})
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def frames(count: int, points: int) -> list[Frame]:
    declared = tuple(Point(f"p{n}", PointType.FLOAT, "m") for n in range(points))
    layouts = [Layout(f"device-{n}", declared) for n in range(DEVICES)]
    made = []
    for number in range(count):
        at = number * SECOND // DEVICES
        values = [(number * 31 + n) % 977 * 0.25 for n in range(points)]
        made.append(Frame(layouts[number % DEVICES], values, Instant(at, WALL + at)))
    return made


async def floor(options: HistorianOptions, ready: list[Frame]) -> float:
    """CPU seconds for the same samples."""
    target = Target(options)
    await target.write(["warm value=1 1"])
    heads = {
        frame.layout: [
            f"point,site=s,system=elevator,zone=z,device={frame.layout.device},point={point.name} value="
            for point in frame.layout.points
        ]
        for frame in ready[:DEVICES]
    }
    start = time.process_time()
    lines: list[str] = []
    for frame in ready:
        ms = frame.at.wall_ns // 1_000_000
        lines += [f"{head}{value!r} {ms}" for head, value in zip(heads[frame.layout], frame.values, strict=True)]
        if len(lines) >= LINES:
            await target.write(lines)
            lines = []
    await target.write(lines or ["end value=1 1"])
    spent = time.process_time() - start
    await target.close()
    return spent


async def sent(options: HistorianOptions, ready: list[Frame]) -> tuple[float, float]:
    """CPU seconds and real ones to send a log of these frames."""
    with tempfile.TemporaryDirectory() as folder:
        journal, samples = Journal.open(Path(folder, "alarm.db")), Samples.open(Path(folder, "tele.db"))
        reader = Reader(Path(folder, "alarm.db"))
        for frame in ready:
            waiting = samples.append(samples.reserve(), frame)
            if waiting is not None:
                await waiting
        while samples.queued:
            await asyncio.sleep(0.01)
        devices = [
            Device(
                id=f"device-{n}", system="elevator", name=Text("d", "d"), profile=None,
                location=Location(zone="z"), poll_ns=SECOND, points=(),
            )
            for n in range(DEVICES)
        ]  # fmt: skip
        pace = Pace(idle=0.05)
        historian = Historian(options, "s", devices, BuildingClock(), samples, reader, pace=pace)
        wanted = sum(len(frame.values) for frame in ready)
        start, real = time.process_time(), time.monotonic()
        running = asyncio.create_task(historian.run())
        while historian.status.sent < wanted:
            await asyncio.sleep(0.005)
        spent = time.process_time() - start, time.monotonic() - real
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        reader.close()
        await samples.close()
        await journal.close()
    return spent


def run() -> list[Figure]:
    figures = []
    with sink() as options:
        for points, count in ((100, 3000), (3, 30_000)):
            ready = frames(count, points)
            samples = count * points
            bare = min(_run(lambda ready=ready: floor(options, ready)) for _ in range(3))  # type: ignore[misc]
            tries = [_run(lambda ready=ready: sent(options, ready)) for _ in range(3)]  # type: ignore[misc]
            spent, real = min(cpu for cpu, _ in tries), min(elapsed for _, elapsed in tries)
            what = f"frames of {points} points"
            figures += [
                Figure(f"a sample sent to the historian, {what}, CPU", spent / samples * 1e6, "µs", spent / bare),
                Figure("the same, bare lines through the same client", bare / samples * 1e6, "µs"),
                Figure(f"backlog drained, {what}", samples / real, "samples/s", promise="≥ 5,000/s"),
            ]
    return figures


def _run(work: Callable[[], Coroutine[object, object, Given]]) -> Given:
    return asyncio.run(work())
