"""The large numbers, by hand before a release (`make prove`): power cuts, kills, a million events, 100 M samples."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from gateway.store.chain import verify_file
from gateway.store.journal import Journal
from gateway.store.samples import Samples
from tests.gateway.journalled import live
from tests.store.aftermath import Acknowledged, inspect
from tests.store.material import WALL, frame, judgement, layout
from tests.store.test_kill import kill_often
from tests.store.test_power_cut import Card, card, cut_while_writing

__all__ = ["card"]
pytestmark = [pytest.mark.prove, pytest.mark.timeout(3600)]

ROUNDS, CUTS_A_ROUND = 18, 5
LEAST_ACKNOWLEDGED = 20_000
EVENTS = 1_000_000
FRAMES, POINTS = 1_000_000, 100


def test_ninety_power_cuts(card: Card) -> None:
    kept = 0
    for number in range(ROUNDS):
        acknowledged = Acknowledged()
        house = card.mount / f"house-{number}"
        house.mkdir()
        for cut in range(CUTS_A_ROUND):
            cut_while_writing(card, house, 0.05 + 0.4 * cut, acknowledged)
            inspect(house, acknowledged)
        kept += len(acknowledged.events) + len(acknowledged.frames)
        for file in house.iterdir():
            file.unlink()
    print(f"{ROUNDS * CUTS_A_ROUND} power cuts: {kept} acknowledged, 0 lost")
    assert kept >= LEAST_ACKNOWLEDGED


@pytest.mark.parametrize("seed", range(100, 104))
def test_two_hundred_kills(tmp_path: Path, seed: int) -> None:
    kill_often(tmp_path, 50, seed)


@pytest.mark.timeout(14_400)
def test_a_million_random_events_of_alarms(tmp_path: Path) -> None:
    """I1–I9 (docs/alarms.md) with alarm.db in the loop, 500 buildings of 2,000 events each."""
    kills = rows = 0
    for seed in range(1000, 1500):
        folder = tmp_path / str(seed)
        folder.mkdir()
        killed, written = live(folder, seed, EVENTS // 500)
        kills, rows = kills + killed, rows + written
        shutil.rmtree(folder)
    print(f"{EVENTS:,} random events, {kills:,} kills, {rows:,} rows: I1–I9 hold")


async def test_a_million_events(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "alarm.db", ["log"])
    began = time.perf_counter()
    for first in range(1, EVENTS, 1000):
        done = [journal.submit(judgement(seq, rule=f"R-{seq}")) for seq in range(first, first + 1000)]
        await done[-1]
    written = time.perf_counter() - began
    await journal.close()
    began = time.perf_counter()
    assert verify_file(tmp_path / "alarm.db")[0] == EVENTS
    checked = time.perf_counter() - began
    print(f"{EVENTS} events committed at {EVENTS / written:,.0f}/s, their chain checked at {EVENTS / checked:,.0f}/s")


async def test_a_hundred_million_samples(tmp_path: Path) -> None:
    samples = Samples.open(tmp_path / "tele.db")
    columns = layout("feeder", POINTS)
    began = time.perf_counter()
    for number in range(1, FRAMES + 1):
        waiting = samples.append(samples.reserve(), frame(columns, number, [float(number % 1000)] * POINTS))
        if waiting is not None:
            await waiting
    await samples.close()
    written = time.perf_counter() - began
    assert samples.counters.stored == samples.counters.received == FRAMES * POINTS
    size = (tmp_path / "tele.db").stat().st_size
    reopened = Samples.open(tmp_path / "tele.db")
    assert reopened.position == FRAMES
    began = time.perf_counter()
    day = reopened.history("feeder", columns.points[0].key, WALL, WALL + 86_400 * 10**9, 1500)
    asked = time.perf_counter() - began
    await reopened.close()
    assert day.buckets
    print(
        f"{FRAMES * POINTS:,} samples at {FRAMES * POINTS / written:,.0f}/s, {size / FRAMES / POINTS:.1f} B each;"
        f" a day of one point in {asked * 1e3:,.0f} ms"
    )
