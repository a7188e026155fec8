"""Debian's victoria-metrics itself: what it keeps, and that a night of samples is there once whatever happens to it."""

from __future__ import annotations

import asyncio
import random
import shlex
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.clock import host_wall_ns
from gateway.historian.historian import Historian
from gateway.historian.lines import SampleLines
from gateway.historian.stamps import MILLI, Stamps
from gateway.model import SECOND, Frame, FrameKind, Instant, Layout, Point, PointType, Quality
from tests.historian.house import QUICK, SITE, House, at_work, device, victoria
from tests.historian.victoria import Victoria, victoria_metrics
from tests.store.material import until


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Victoria]:
    with victoria_metrics(tmp_path / "vm") as server:
        await server.answers()
        yield server


NOW = host_wall_ns() // MILLI


async def test_of_equal_moments_one_is_kept_and_a_resend_counts_once(server: Victoria) -> None:
    """With -dedup.minScrapeInterval=1ms. /api/v1/export shows one, mostly the last but not always: so no two values of
    a series may have the same stamp. With reduce_mem_usage=1, which reads blocks as they lie, what came in another
    request may still be there beside it until the parts are merged."""
    assert await server.write(f"x v=1 {NOW}", f"x v=2 {NOW}", f"x v=0.5 {NOW}", f"x v=3 {NOW + 1}") == 204
    shown = (await server.export("x_v"))["x_v"]
    assert len(shown[NOW]) == 1 and shown[NOW][0] in {0.5, 1, 2} and shown[NOW + 1] == [3]
    assert await server.write(f"x v=3 {NOW + 1}") == 204
    assert (await server.export("x_v"))["x_v"][NOW + 1] == [3]
    raw = (await server.export("x_v", raw=True))["x_v"]
    assert set(raw) == {NOW, NOW + 1} and set(raw[NOW + 1]) == {3}


async def test_without_the_flag_a_resend_counts_twice_and_we_say_so(tmp_path: Path) -> None:
    house = House.open(tmp_path)
    with victoria_metrics(tmp_path / "vm", "-loggerLevel=ERROR") as server:
        await server.answers()
        for _ in range(2):
            await server.write(f"x v=1 {NOW}")
        assert (await server.export("x_v"))["x_v"][NOW] == [1, 1]
        async with at_work(house.historian(victoria(server.port))) as historian:
            await until(lambda: historian.status.warning)
            assert "without -dedup.minScrapeInterval=1ms" in str(historian.status.warning)
    await house.close()


async def test_the_deployed_flags_are_the_ones_we_need(tmp_path: Path) -> None:
    """config/deploy/victoria-metrics.env, but for where it listens and keeps its files."""
    deployed = (Path(__file__).parents[2] / "config/deploy/victoria-metrics.env").read_text()
    flags = shlex.split(deployed.rpartition("ARGS=")[2])[0].split()
    flags = [flag for flag in flags if not flag.startswith(("-storageDataPath=", "-httpListenAddr="))]
    house = House.open(tmp_path)
    with victoria_metrics(tmp_path / "vm", *flags) as server:
        await server.answers()
        async with at_work(house.historian(victoria(server.port))) as historian:
            await until(lambda: historian._retention_ns)
            assert historian._retention_ns == 730 * 86400 * SECOND
            assert historian.status.warning is None
    await house.close()


async def test_it_says_yes_to_what_it_does_not_keep(server: Victoria) -> None:
    """Why lines are checked before they are sent, and why a canary is read back."""
    day = 86_400_000
    lines = [f"far v=1 {NOW + 3 * day}", "early v=1 5", "words about nothing", f's v="text" {NOW}', f"n v=nan {NOW}"]
    for line in lines:
        assert await server.write(line) == 204
    assert await server.export("far_v") == await server.export("early_v") == {}
    assert await server.export("s_v") == {"s_v": {NOW: [0]}}


POINTS = (
    Point("speed", PointType.FLOAT, "m/s"),
    Point("floor", PointType.INT),
    Point("door_open", PointType.BOOL),
    Point("mode", PointType.ENUM, codes=("automatic", "inspection", "fire_return")),
    Point("label", PointType.TEXT),
)


class Night:
    """Frames of several devices with all that makes a log hard: equal milliseconds, history, bad values, a clock set
    back, layouts that share points."""

    def __init__(self, house: House, begin_ns: int) -> None:
        self._house = house
        self._chance = random.Random(7)
        self._whole = [Layout(f"lift-{n}", POINTS) for n in range(8)]
        self._partial = [Layout(f"lift-{n}", POINTS[:2]) for n in range(8)]
        self._ns = begin_ns

    async def pass_by(self, frames: int) -> None:
        for _ in range(frames):
            chance = self._chance
            self._ns += chance.choice([0, 0, 1_000, 400_000, 90 * MILLI, 250 * MILLI])
            if chance.random() < 0.0005:
                self._ns -= 5 * SECOND  # the clock is set back: moments are lived twice
            await self._house.put(self._frame(chance.randrange(8)))

    def _frame(self, lift: int) -> Frame:
        chance = self._chance
        at = Instant(self._ns, self._ns)
        of = self._whole[lift] if chance.random() < 0.7 else self._partial[lift]
        values = [
            round(chance.random(), 3),
            chance.randrange(30),
            chance.random() < 0.5,
            chance.choice(POINTS[3].codes),
            "x",
        ]
        frame = Frame(of, values[: len(of.points)], at)
        if chance.random() < 0.1:
            second = (self._ns - chance.randrange(3600) * SECOND) // SECOND * SECOND
            frame = replace(frame, source_ns=second, kind=FrameKind.HISTORY)
        if chance.random() < 0.1:
            marks = [chance.choice([0, Quality.BAD_COMM, Quality.UNCERTAIN_INITIAL]) for _ in of.points]
            pairs = zip(values, marks, strict=False)
            frame = replace(frame, values=[None if m >= 0x80 else v for v, m in pairs], quality=marks)
        return frame


def expected(house: House, field: str) -> dict[str, dict[int, list[float]]]:
    """Every series as it must be stored: counted and stamped from the log alone, in one go from its beginning."""
    stamps = Stamps(0, house.samples.neighbours, house.samples.latest)
    lines = SampleLines(SITE, {one.id: one for one in house.devices})
    found: dict[str, dict[int, list[float]]] = {}
    for position, frame in house.samples.replay(0):
        for line in lines.of(frame, stamps.of(position, frame)):
            series, fields, ms = line.rsplit(" ", 2)
            for name, _, value in (part.partition("=") for part in fields.split(",")):
                if name == field:
                    _, *tags = series.split(",")
                    named = ",".join([f"point_{field}", *sorted(tags)])
                    found.setdefault(named, {}).setdefault(int(ms), []).append(float(value))
    return found


async def is_whole(house: House, server: Victoria, historian: Historian) -> None:
    """Each series holds exactly the log's samples, at the log's moments; none missing, none twice."""
    await until_sent(house, historian)
    for field in ("value", "quality"):
        wanted, stored = expected(house, field), await server.export(f"point_{field}")
        assert {name: len(points) for name, points in stored.items()} == {n: len(p) for n, p in wanted.items()}
        assert stored == wanted
    assert sum(house.series().values()) == sum(len(p) for p in (await server.export("point_value")).values())


async def until_sent(house: House, historian: Historian) -> None:
    """Sent, and confirmed as well: what a dying server forgot has been sent again then."""
    async with asyncio.timeout(120):
        while True:
            progress = historian._progress
            end = house.samples.position
            if house.samples.queued == 0 and progress and not progress.holes and progress.live.confirmed == end:
                return
            await asyncio.sleep(0.05)


async def night(house: House, server: Victoria, frames: int, *, forgets: float) -> None:
    """`forgets`: seconds that a killed server may lose; what is confirmed must be older."""
    samples = Night(house, host_wall_ns() - 8 * 3600 * SECOND)
    pace = replace(QUICK, check=0.2, confirm=forgets, total=1.5, canary=1.0)
    await samples.pass_by(frames)
    async with at_work(house.historian(victoria(server.port), pace)) as historian:
        for blow in ("stop", "kill", "freeze", "kill"):
            already = historian.status.sent
            await samples.pass_by(frames)
            await until(lambda already=already: historian.status.sent > already)
            if blow == "freeze":
                server.signal(signal.SIGSTOP)
                await asyncio.sleep(2.0)
                server.signal(signal.SIGCONT)
                continue
            server.signal(signal.SIGTERM if blow == "stop" else signal.SIGKILL)
            await samples.pass_by(frames // 4)
            await asyncio.sleep(0.3)
            server.start()
            await server.answers()
        await samples.pass_by(100)
        await is_whole(house, server, historian)
        assert not historian.status.lost and historian.status.kept_aside == 0
    async with at_work(house.historian(victoria(server.port), pace)) as historian:  # and a start of our own
        await samples.pass_by(100)
        await is_whole(house, server, historian)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House.open(tmp_path, [device(f"lift-{n}") for n in range(8)])
    yield house
    await house.close()


async def test_a_short_night_is_there_once(house: House, server: Victoria) -> None:
    await night(house, server, 300, forgets=8.0)  # it writes down each five seconds


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_a_whole_night_is_there_once(house: House, server: Victoria) -> None:
    """Some 130,000 samples; the server stopped, killed twice and frozen in the middle."""
    await night(house, server, 7000, forgets=30.0)
