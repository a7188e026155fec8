"""The pipeline with the engine itself: restarts lose nothing and say nothing twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import pytest

from alerts.bind import bind
from alerts.engine import AlarmEngine
from gateway.clock import VirtualClock
from gateway.model import (
    HEALTH_POINT,
    SECOND,
    AlarmState,
    Command,
    CommandKind,
    CommandRefused,
    Frame,
    Instant,
    Layout,
    Point,
    PointType,
    Quality,
    SilenceWish,
)
from gateway.pipeline import Pipeline, last_known, recover
from gateway.store.chain import verify_file
from gateway.store.connection import rows
from gateway.store.journal import Journal
from gateway.store.reader import Reader
from gateway.store.samples import Samples
from tests.alerts.stage import device, level_rule, rule
from tests.store.material import WALL, until

DEVICE = device()
FLAGS = Layout("dev", (Point("a", PointType.BOOL), Point("b", PointType.BOOL), Point("level", PointType.FLOAT, "m")))
RULES = (
    rule("A", "a", severity="high"),
    rule("B", "b", on_delay="5s", off_delay="3s"),
    rule("L", "a", on_delay="2s", latching=True, severity="critical", **{"class": "life_safety"}),
    level_rule("W1", "0.1 m", severity="medium", suppressed_by=["W2"]),
    level_rule("W2", "0.3 m", severity="high", on_delay="4s"),
)


@dataclass
class Run:
    """One life of the process."""

    engine: AlarmEngine
    journal: Journal
    samples: Samples
    reader: Reader
    clock: VirtualClock
    pipeline: Pipeline
    replayed: int

    async def emit(self, a: bool | None = False, b: bool | None = False, level: float | None = 0.0) -> None:
        values = [a, b, level]
        quality = [Quality.BAD_COMM if v is None else Quality.GOOD for v in values]
        now = self.clock.now()
        await self.pipeline.emit(Frame(FLAGS, values, now, quality if any(quality) else None, accept=lambda: None))

    async def tick(self) -> None:
        await self.pipeline._commit(self.engine.tick(self.clock.now(), self.samples.position))

    async def logged(self) -> None:
        await until(lambda: self.samples.queued == 0)

    def kinds(self, of: str) -> list[str]:
        return [event.kind for event in self.reader.events(limit=10_000) if event.rule == of]

    async def told(self, of: str) -> list[str]:
        due = await self.journal.due_deliveries("log", 2**62, 1000)
        return [one.notice.reason for one in due if one.notice.occurrence.rule == of]

    async def agree(self) -> None:
        """What the engine holds in its head is what the journal would give back."""
        seen = [(o.occurrence, o.state, o.acked_by, o.raised_ns, o.latched) for o in self.engine.open_occurrences()]
        stored = self.reader.occurrences(open_only=True, limit=1000)
        assert sorted(seen) == sorted((o.occurrence, o.state, o.acked_by, o.raised_ns, o.latched) for o in stored)
        events = self.reader.events(limit=100_000)
        assert [e.seq for e in events] == list(range(1, len(events) + 1))
        due = await self.journal.due_deliveries("log", 2**62, 100_000)
        assert len({d.key for d in due}) == len(due)


@asynccontextmanager
async def life(directory: Path, *, outage_s: float = 0, rules: tuple[Any, ...] = RULES) -> AsyncIterator[Run]:
    """From start to a death without a word: nothing is saved at the end that the work itself did not save."""
    journal, samples = Journal.open(directory / "alarm.db", ["log"]), Samples.open(directory / "tele.db")
    restored = journal.load()
    last = last_known(restored, samples) or Instant(0, WALL)
    clock = VirtualClock(last.mono_ns, last.wall_ns + round(outage_s * SECOND))
    bound = bind(rules, [DEVICE])
    assert not bound.problems
    engine = AlarmEngine(bound, restored.next_seq)
    replayed = await recover(engine, journal, samples, clock, layouts=[FLAGS])
    reader = Reader(journal.path)
    yield Run(engine, journal, samples, reader, clock, Pipeline(engine, journal, samples, clock), replayed)
    reader.close()
    await samples.close()
    await journal.close()
    assert samples.counters.received == samples.counters.settled


def test_the_health_point_is_there() -> None:
    assert HEALTH_POINT in DEVICE.points


async def test_a_delay_runs_on_after_a_restart_without_the_downtime(tmp_path: Path) -> None:
    async with life(tmp_path) as run:
        await run.emit(b=True)
        run.clock.set(3 * SECOND)
        await run.emit(b=True)
    async with life(tmp_path, outage_s=600) as run:
        assert run.replayed == 2
        assert run.engine.state("B", "dev") is AlarmState.PENDING
        assert run.clock.now() == Instant(3 * SECOND, WALL + 603 * SECOND)
        await run.emit(b=True)
        ticking = asyncio.ensure_future(run.pipeline.run_ticks())
        await asyncio.sleep(0)
        await run.clock.advance(2 * SECOND - 1)
        assert run.kinds("B") == []
        await run.clock.advance(1)
        await until(lambda: run.kinds("B") == ["raise"])
        ticking.cancel()


async def test_a_standing_alarm_is_neither_lost_nor_told_again(tmp_path: Path) -> None:
    async with life(tmp_path) as run:
        await run.emit(a=True)
        (raised,) = [o for o in run.engine.open_occurrences() if o.rule == "A"]
        answer = await run.pipeline.command(
            Command(kind=CommandKind.ACK, occurrence=raised.occurrence, by="li", expected_seq=raised.seq)
        )
        assert answer.acked_by == "li"
        assert await run.told("A") == ["raise"]
    async with life(tmp_path, outage_s=60) as run:
        (again,) = [o for o in run.engine.open_occurrences() if o.rule == "A"]
        assert (again.occurrence, again.acked_by) == (raised.occurrence, "li")
        await run.emit(a=True)
        assert await run.told("A") == ["raise"]
        await run.agree()


async def test_a_rule_that_is_gone_closes_its_alarm_once(tmp_path: Path) -> None:
    async with life(tmp_path) as run:
        await run.emit(a=True)
    for _ in range(3):
        async with life(tmp_path, rules=RULES[1:]) as run:
            assert [o.close_reason for o in run.reader.occurrences() if o.rule == "A"] == ["rule_removed"]
            await run.agree()
    assert verify_file(tmp_path / "alarm.db")[0] > 0


async def test_silences_and_permits_are_in_the_same_file_as_the_alarms(tmp_path: Path) -> None:
    """Nothing is saved at the end: what was answered is what stands after a death."""
    async with life(tmp_path) as run:
        await run.emit()
        wish = SilenceWish(of={"rule": "B"}, for_ns=3600 * SECOND, by="li", reason="known")
        silence = await run.pipeline.silence(wish)
        out = {"kind": CommandKind.OUT_OF_SERVICE, "by": "li", "rule": "A", "source": "dev", "comment": "c"}
        assert await run.pipeline.command(Command(**out, permit="WO-17", for_ns=3600 * SECOND)) is None
    async with life(tmp_path, outage_s=60) as run:
        assert run.engine.silences() == [silence]
        await run.emit(a=True, b=True)
        run.clock.set(6 * SECOND)
        await run.tick()
        assert (run.kinds("A"), run.kinds("B")) == (["out_of_service", "raise"], ["raise"])
        assert await run.told("A") == await run.told("B") == []
        await run.pipeline.unsilence(silence.id, "li")
        back = await run.pipeline.command(Command(**out | {"kind": CommandKind.IN_SERVICE}))
        assert back is not None and (back.rule, back.mutes) == ("A", ())
        assert await run.told("A") == await run.told("B") == ["reraise"]
        with pytest.raises(CommandRefused):
            await run.pipeline.unsilence(silence.id, "li")
        await run.agree()


@pytest.mark.parametrize("seed", range(12))
async def test_any_sequence_of_frames_ticks_commands_and_deaths(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(6):
        before: dict[str, str] = {}
        async with life(tmp_path, outage_s=chance.choice([0, 1, 30, 5000])) as run:
            await run.agree()
            for _ in range(chance.randrange(40)):
                run.clock.set(run.clock.now().mono_ns + chance.randrange(4 * SECOND))
                await act(run, chance)
                await run.agree()
            await run.logged()
            before = {o.occurrence: str(o.acked_by) for o in run.engine.open_occurrences()}
        if seed % 2:  # a power cut takes the newest polled rows
            lose_rows(tmp_path / "tele.db", chance.randrange(6))
        async with life(tmp_path) as run:
            after = {o.occurrence: str(o.acked_by) for o in run.engine.open_occurrences()}
            assert after == before
    assert verify_file(tmp_path / "alarm.db")[0] > 0


def lose_rows(path: Path, count: int) -> None:
    connection = apsw.Connection(str(path))
    rows(connection, "DELETE FROM log WHERE position IN (SELECT position FROM log ORDER BY 1 DESC LIMIT ?)", (count,))
    connection.close()


async def act(run: Run, chance: random.Random) -> None:
    match chance.randrange(10):
        case 0:
            await run.pipeline.checkpoint()
        case 1 | 2:
            await run.tick()
        case 3 | 4 if standing := run.engine.open_occurrences():
            one = chance.choice(standing)
            kind = chance.choice(list(CommandKind))
            with suppress(CommandRefused):
                await run.pipeline.command(
                    Command(kind=kind, occurrence=one.occurrence, by="li", comment="seen", for_ns=60 * SECOND)
                )
        case _:
            level = chance.choice([None, 0.0, 0.2, 0.4])
            await run.emit(chance.choice([True, False, None]), chance.choice([True, False, None]), level)
