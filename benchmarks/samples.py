"""The sample log: how fast it takes frames, against SQLite alone; how fast it answers.

The floor is what nobody can beat in this process: the same packed rows through bare apsw `executemany`, in transactions
of the same size, with the same settings.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.figure import Figure
from gateway.clock import host_mono_ns
from gateway.model import SECOND, Frame, Instant, Layout, Point, PointType
from gateway.store.connection import TELE, open_write, rows
from gateway.store.packing import Packing
from gateway.store.samples import Samples
from gateway.store.writer import GROUP

POINTS = 100
DEVICES = 100
FRAMES = 30_000
WALL = 1_700_000_000 * SECOND
DAY = 86_400


def seconds(work: Callable[[], object]) -> float:
    start = host_mono_ns()
    work()
    return (host_mono_ns() - start) / SECOND


def layouts() -> list[Layout]:
    points = tuple(Point(f"p{n}", PointType.FLOAT, "m") for n in range(POINTS))
    return [Layout(f"device-{n}", points) for n in range(DEVICES)]


def values(frame: int) -> list[float]:
    return [(frame * 31 + n) % 977 * 0.25 for n in range(POINTS)]


def frame(of: Layout, number: int) -> Frame:
    at = number * SECOND // DEVICES
    return Frame(of, VALUES[number % len(VALUES)], Instant(at, WALL + at))


VALUES = [values(n) for n in range(256)]


async def append(path: Path, frames: int) -> None:
    """Append as a driver does, waiting when the queue is full, and until everything is committed."""
    samples, known = Samples.open(path), layouts()
    for number in range(frames):
        waiting = samples.append(samples.reserve(), frame(known[number % DEVICES], number))
        if waiting is not None:
            await waiting
    await samples.close()
    counted = samples.counters
    assert counted.received == counted.stored == frames * POINTS


def written() -> int:
    """Bytes that this process has had written to disk (or will have, once the kernel gets to it)."""
    return int(Path("/proc/self/io").read_text().split("write_bytes: ")[1].split()[0])


async def trickle(path: Path, company: int) -> float:
    """Bytes written for a sample in a small building, 6 frames of 20 points a second, `company` frames to a group."""
    points = tuple(Point(f"p{n}", PointType.FLOAT, "m") for n in range(20))
    known = [Layout(f"device-{n}", points) for n in range(6)]
    samples, before = Samples.open(path, linger=0.002), written()
    for number in range(3600):
        at = number * SECOND // 6
        one = Frame(known[number % 6], VALUES[number % 256][:20], Instant(at, WALL + at))
        samples.append(samples.reserve(), one)
        while number % company == company - 1 and samples.queued:
            await asyncio.sleep(0.0005)
    await samples.close()
    return (written() - before) / 3600 / 20


def bare(path: Path, frames: int) -> float:
    """Seconds for the same rows without us."""
    packings = [Packing(layout, n + 1) for n, layout in enumerate(layouts())]
    packed = []
    for number in range(frames):
        flags, blob = packings[number % DEVICES].pack(number, VALUES[number % len(VALUES)], None, 0)
        at = number * SECOND // DEVICES
        packed.append((number + 1, number % DEVICES, WALL + at, 0, at, number % DEVICES + 1, flags, blob))
    connection = open_write(path, TELE)

    def write() -> None:
        for start in range(0, frames, GROUP):
            rows(connection, "BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)", packed[start : start + GROUP])
            rows(connection, "COMMIT")
        connection.close()

    return seconds(write)


def pack_cost() -> float:
    """Microseconds to pack a frame of 100 floats."""
    packing = Packing(layouts()[0], 1)
    return min(seconds(lambda: [packing.pack(7, v, None, 0) for v in VALUES * 8]) for _ in range(3)) / 2048 * 1e6


async def day_of_one_device(path: Path) -> None:
    samples, known = Samples.open(path), layouts()[0]
    for number in range(DAY):
        waiting = samples.append(
            samples.reserve(), Frame(known, VALUES[number % 256], Instant(0, WALL + number * SECOND))
        )
        if waiting is not None:
            await waiting
    await samples.close()


def ask(path: Path, span_s: int, times: int) -> float:
    """Milliseconds for one point of a span, at most 1,500 points out; the worst of some."""
    samples = Samples.open(path)
    worst = 0.0
    for n in range(times):
        start = host_mono_ns()
        samples.history("device-0", f"p{n}", WALL, WALL + span_s * SECOND, 1500)
        worst = max(worst, (host_mono_ns() - start) / 1e6)
    asyncio.run(samples.close())
    return worst


def run() -> list[Figure]:
    """The figures of this room."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        ours, floor = [], []
        before = written()
        asyncio.run(append(directory / "flood.db", FRAMES))
        flood = (written() - before) / FRAMES / POINTS
        for n in range(2):
            ours.append(seconds(lambda n=n: asyncio.run(append(directory / f"ours-{n}.db", FRAMES))))  # type: ignore[misc]
            floor.append(bare(directory / f"bare-{n}.db", FRAMES))
        samples = FRAMES * POINTS
        size = (directory / "ours-0.db").stat().st_size
        asyncio.run(day_of_one_device(directory / "day.db"))
        hour, day = ask(directory / "day.db", 3600, 5), ask(directory / "day.db", DAY, 3)
        return [
            Figure(
                "samples appended, sustained (ratio: time to bare apsw)",
                samples / min(ours),
                "samples/s",
                min(ours) / min(floor),
                "≥ 300,000/s",
            ),
            Figure("the same rows through bare apsw", samples / min(floor), "samples/s"),
            Figure("packing a frame of 100 floats", pack_cost(), "µs"),
            Figure("bytes of the log for a sample, before sealing", size / samples, "B"),
            Figure("bytes written to disk for a sample, at flood", flood, "B", None, "≤ 60"),
            Figure(
                "the same, 6 frames of 20 points a second, each alone", asyncio.run(trickle(directory / "1.db", 1)), "B"
            ),
            Figure("the same, 60 frames to a group (10 s)", asyncio.run(trickle(directory / "60.db", 60)), "B"),
            Figure("one point, 1 h at 1 s, unsealed", hour, "ms"),
            Figure("one point, 24 h at 1 s, unsealed", day, "ms"),
        ]


if __name__ == "__main__":
    for figure in run():
        print(figure)
