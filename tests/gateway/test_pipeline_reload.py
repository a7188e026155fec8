"""Rules that change under the pipeline, with the store: nothing lost, nothing judged or told twice, also by a death."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from alerts.bind import bind
from alerts.engine import AlarmEngine
from alerts.rule import Rule
from gateway.model import SECOND, AlarmState, Command, CommandKind, CommandRefused, Instant, Judgement
from gateway.store.chain import verify_file
from tests.alerts.stage import level_rule, rule
from tests.gateway.test_pipeline_engine import DEVICE, Run, act, life, lose_rows
from tests.store.material import until

LIFE = {"class": "life_safety"}
SHARED = rule("A", "a", severity="high"), rule("B", "b", on_delay="5s", off_delay="3s")
SETS: tuple[tuple[Rule, ...], ...] = (
    (*SHARED, level_rule("W1", "0.1 m", suppressed_by=["W2"]), level_rule("W2", "0.3 m", on_delay="4s")),
    (
        level_rule("W1", "0.2 m"),
        *SHARED,
        rule("L", "a", latching=True, severity="critical", **{"class": "life_safety"}),
    ),
    (*SHARED, rule("L", "a", on_delay="2s", severity="high", **{"class": "life_safety"}), rule("W2", "b")),
)


async def reload(run: Run, rules: tuple[Rule, ...]) -> None:
    bound = bind(rules, [DEVICE])
    assert not bound.problems
    engine = AlarmEngine(bound)

    def succeed(now: Instant, position: int) -> Judgement:
        judgement = engine.succeed(run.engine, now, position, "ann", {"rules": [one.rule for one in rules]})
        run.engine = engine
        return judgement

    await run.pipeline.swap(engine, succeed)


async def test_a_frame_before_and_a_frame_behind_are_each_judged_once(tmp_path: Path) -> None:
    """Frames whose commits are under way while the rules change."""
    async with life(tmp_path, rules=SETS[0]) as run:
        await run.emit()
        run.clock.set(SECOND)
        await asyncio.gather(run.emit(a=True), reload(run, SETS[1]), run.emit(a=True), run.emit(a=True, level=0.25))
        await run.agree()
        assert run.kinds("A") == ["raise"] and run.kinds("W1") == ["raise"] and run.kinds("L") == ["raise"]
        await run.logged()
        assert [position for position, _ in run.samples.replay(0)] == [1, 2, 3, 4]
        assert run.samples.counters.stored == 12
    async with life(tmp_path, rules=SETS[1]) as run:
        assert run.replayed <= 3
        assert run.kinds("A") == ["raise", "hold"] and await run.told("A") == ["raise"]


async def test_a_reload_that_fails_leaves_the_former_engine_judging(tmp_path: Path) -> None:
    async with life(tmp_path, rules=SETS[0]) as run:
        await run.emit(a=True)

        def fail(now: Instant, position: int) -> Judgement:
            raise ValueError("a mistake of ours")

        before = run.engine
        with pytest.raises(ValueError, match="mistake"):
            await run.pipeline.swap(AlarmEngine(bind(SETS[1], [DEVICE])), fail)
        await run.emit(a=False)
        assert run.engine is before and run.kinds("A") == ["raise", "return"]
        await run.agree()


async def test_a_running_delay_ends_at_its_time_under_other_rules(tmp_path: Path) -> None:
    async with life(tmp_path, rules=SETS[0]) as run:
        ticking = asyncio.ensure_future(run.pipeline.run_ticks())
        await asyncio.sleep(0)
        await run.emit(b=True)
        run.clock.set(3 * SECOND)
        await reload(run, SETS[1])
        await run.clock.advance(2 * SECOND - 1)
        assert run.kinds("B") == []
        await run.clock.advance(1)
        await until(lambda: run.kinds("B") == ["raise"])
        ticking.cancel()


class Killed:
    """From the n-th transaction of the journal on nothing reaches the file, as when the process is killed then."""

    def __init__(self, run: Run, after: int) -> None:
        self.journal: Any = run.journal
        self.left = after
        self.written: list[asyncio.Future[Any]] = []
        self.dead = asyncio.Event()
        self.put = self.journal._put
        self.journal._put = self.counted

    def counted(self, work: Any, notices: bool = False) -> asyncio.Future[Any]:
        if self.left <= 0:
            self.dead.set()
            return asyncio.get_running_loop().create_future()
        self.left -= 1
        done: asyncio.Future[Any] = self.put(work, notices)
        self.written.append(done)
        return done

    async def during(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it up to its end or to this death, with all that follows from what was still written."""
        working, dying = asyncio.ensure_future(work), asyncio.ensure_future(self.dead.wait())
        await asyncio.wait([working, dying], return_when=asyncio.FIRST_COMPLETED)
        if self.written:
            await asyncio.wait(self.written)
        for _ in range(20):
            await asyncio.sleep(0)
        for task in (working, dying):
            task.cancel()
        await asyncio.wait([working, dying])
        if not working.cancelled():
            working.result()


@pytest.mark.parametrize("before", range(3))
@pytest.mark.parametrize("after", range(3))
@pytest.mark.parametrize("written", range(4))
async def test_a_death_around_the_reload_starts_wholly_before_or_wholly_behind_it(
    tmp_path: Path, before: int, after: int, written: int
) -> None:
    async with life(tmp_path, rules=SETS[before]) as run:
        await run.emit(a=True, b=True, level=0.4)
        run.clock.set(6 * SECOND)
        await run.emit(a=True, b=True, level=0.4)
        run.clock.set(8 * SECOND)
        await run.emit(a=True, b=False, level=0.15)
        run.clock.set(9 * SECOND)
        standing = {(o.rule, o.occurrence) for o in run.engine.open_occurrences()}
        await Killed(run, written).during(reload(run, SETS[after]))
        meant = {(o.rule, o.state, o.closed_ns) for o in run.engine.open_occurrences()}
    async with life(tmp_path, rules=SETS[after]) as run:
        await run.agree()
        events = run.reader.events(limit=1000)
        kinds = [event.kind for event in events]
        assert kinds.count("reload") == (written > 1)  # the first one is what was due before it
        if written > 1:
            assert {(o.rule, o.state, o.closed_ns) for o in run.engine.open_occurrences()} == meant
        names = {one.rule for one in SETS[after]}
        kept = {(o.rule, o.occurrence) for o in run.engine.open_occurrences()}
        assert {pair for pair in standing if pair[0] in names and pair[0] in ("A", "B")} <= kept
        assert_told_once(run, events, await run.journal.due_deliveries("log", 2**62, 1000))
        # from here on it makes no difference when it died
        await run.emit(a=False, b=False, level=0.0)
        run.clock.set(run.clock.now().mono_ns + 20 * SECOND)
        await run.tick()
        assert run.engine.state("A", "dev") in {AlarmState.RTN_UNACKED, AlarmState.NORMAL}
        await run.agree()
    assert verify_file(tmp_path / "alarm.db")[0] > 0


def assert_told_once(run: Run, events: list[Any], due: list[Any]) -> None:
    """One raise for each occurrence, and a recover only behind a raise."""
    told = Counter((one.notice.occurrence.occurrence, one.notice.reason) for one in due)
    raised = [event.occurrence for event in events if event.kind == "raise"]
    assert len(raised) == len(set(raised))
    assert all(told[occurrence, "raise"] <= 1 for occurrence in raised)
    for occurrence, reason in told:
        if reason == "recover":
            assert any(told[occurrence, first] for first in ("raise", "reraise", "severity_up"))


@pytest.mark.parametrize("seed", range(8))
async def test_any_sequence_of_frames_ticks_commands_reloads_and_deaths(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    written = chance.randrange(3)  # which rules the files hold
    received = stored = 0
    for _ in range(6):
        async with life(tmp_path, outage_s=chance.choice([0, 1, 30, 5000]), rules=SETS[written]) as run:
            await run.agree()
            for _ in range(chance.randrange(40)):
                run.clock.set(run.clock.now().mono_ns + chance.randrange(4 * SECOND))
                if chance.randrange(6) == 0:
                    written = chance.randrange(3)
                    await asyncio.gather(
                        *(act(run, chance) for _ in range(chance.randrange(3))), reload(run, SETS[written])
                    )
                else:
                    await act(run, chance)
                await run.agree()
            await run.logged()
            before = {o.occurrence: str(o.acked_by) for o in run.engine.open_occurrences()}
            assert_told_once(
                run, run.reader.events(limit=10_000), await run.journal.due_deliveries("log", 2**62, 10_000)
            )
            received += run.samples.counters.received
            stored += run.samples.counters.stored
        if seed % 2:  # a power cut takes the newest polled rows
            lose_rows(tmp_path / "tele.db", chance.randrange(6))
        async with life(tmp_path, rules=SETS[written]) as run:
            after = {o.occurrence: str(o.acked_by) for o in run.engine.open_occurrences()}
            assert after == before
    assert received == stored
    assert verify_file(tmp_path / "alarm.db")[0] > 0


async def test_a_command_for_an_alarm_of_the_former_rules_is_refused(tmp_path: Path) -> None:
    async with life(tmp_path, rules=SETS[1]) as run:
        await run.emit(a=True)
        (latched,) = [o for o in run.engine.open_occurrences() if o.rule == "L"]
        await reload(run, SETS[0])
        with pytest.raises(CommandRefused):
            await run.pipeline.command(Command(kind=CommandKind.ACK, occurrence=latched.occurrence, by="li"))
        assert run.reader.occurrence(latched.occurrence).close_reason == "rule_removed"  # type: ignore[union-attr]
