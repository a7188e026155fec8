"""The one way: judged, committed, logged, accepted, shown, in this order and whatever is in flight."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from gateway.clock import VirtualClock, host_wall_ns
from gateway.model import (
    SECOND,
    Checkpoint,
    Command,
    CommandKind,
    CommandRefused,
    Event,
    Frame,
    InstanceSnapshot,
    Instant,
    Judgement,
    Layout,
    Occurrence,
    Point,
    PointType,
    Silence,
    SilenceWish,
)
from gateway.pipeline import Pipeline, last_known, recover, resumed_clock
from gateway.store.connection import rows
from gateway.store.errors import StoreError
from gateway.store.journal import Journal
from gateway.store.reader import Reader
from gateway.store.samples import Samples
from tests.store.material import WALL, occurrence, until

LEVEL = Layout("sump-b2", (Point("level", PointType.FLOAT, "m"),))
OTHER = Layout("lift-1", (Point("speed", PointType.FLOAT, "m/s"),))
DELAY = 5 * SECOND


def reading(value: float, at: Instant, *, of: Layout = LEVEL, accept: Callable[[], None] | None = None) -> Frame:
    return Frame(of, [value], at, accept=accept)


class SmallEngine:
    """One alarm with an on-delay: `high` when a value of 1 or more has stood for five seconds."""

    def __init__(self, next_seq: int = 1) -> None:
        self.next_seq = next_seq
        self.due: int | None = None
        self.raised = False
        self.position = 0
        self.seen: list[int] = []
        self.ticks: list[tuple[int, int]] = []
        self.outage_ns: int | None = None

    def _judgement(self, kind: str, at: Instant, **body: Any) -> Judgement:
        event = Event(seq=self.next_seq, at=at, kind=kind, body=body)
        self.next_seq += 1
        about = replace(occurrence(1), seq=event.seq, closed_ns=None if self.raised else at.wall_ns)
        return Judgement(events=[event], occurrences={about.occurrence: about}, instances=[self._snapshot()])

    def _snapshot(self) -> InstanceSnapshot:
        return InstanceSnapshot("high", "sump-b2", self.position, {"due": self.due, "raised": self.raised})

    def judge(self, frame: Frame, position: int) -> Judgement:
        if position <= self.position:
            return Judgement()
        self.seen.append(position)
        passed = self.tick(frame.at, position)  # everything due by the frame's time comes first
        judged = self._judge(frame, position)
        return Judgement(
            events=passed.events + judged.events,
            occurrences=passed.occurrences | judged.occurrences,
            instances=judged.instances or passed.instances,
        )

    def _judge(self, frame: Frame, position: int) -> Judgement:
        value = frame.values[0]
        if frame.layout is not LEVEL or not isinstance(value, float):
            return Judgement()
        self.position = position
        high = value >= 1
        if high and self.due is None and not self.raised:
            self.due = frame.at.mono_ns + DELAY
            return Judgement(instances=[self._snapshot()])
        if not high and (self.due or self.raised):
            self.due, was = None, self.raised
            self.raised = False
            return (
                self._judgement("return", frame.at, position=position)
                if was
                else Judgement(instances=[self._snapshot()])
            )
        return Judgement()

    def tick(self, now: Instant, position: int) -> Judgement:
        if self.due is None or self.due > now.mono_ns:
            return Judgement()
        self.ticks.append((now.mono_ns, position))
        self.due, self.raised, self.position = None, True, position
        return self._judgement("raise", now, position=position)

    def command(self, command: Command, now: Instant, position: int) -> Judgement:
        if not self.raised:
            raise CommandRefused("not_active", "there is no alarm")
        return self._judgement("ack", now, by=command.by)

    def silence(self, wish: SilenceWish, now: Instant, position: int) -> tuple[Silence, Judgement]:
        raise CommandRefused("invalid", "there is nothing to silence")

    def unsilence(self, silence: str, by: str, now: Instant, position: int) -> tuple[Silence, Judgement]:
        raise CommandRefused("not_found", "there is no silence")

    def note(self, kind: str, now: Instant, by: str | None = None, body: Mapping[str, Any] | None = None) -> Judgement:
        event = Event(seq=self.next_seq, at=now, kind=kind, by=by, body=body or {})
        self.next_seq += 1
        return Judgement(events=[event])

    def next_due(self) -> int | None:
        return self.due

    def checkpoint(self, now: Instant, position: int) -> Checkpoint:
        self.position = position
        return Checkpoint(position=position, at=now, next_seq=self.next_seq, columns={}, instances=(self._snapshot(),))

    def restore(
        self,
        checkpoint: Checkpoint | None,
        instances: tuple[InstanceSnapshot, ...],
        open_occurrences: tuple[Occurrence, ...],
    ) -> None:
        for one in instances:
            self.position, self.due, self.raised = one.position, one.state["due"], one.state["raised"]
        assert len(open_occurrences) == int(self.raised)

    def restarted(self, now: Instant, outage_ns: int) -> Judgement:
        self.outage_ns = outage_ns
        return self.note("restart", now)


@dataclass
class House:
    engine: SmallEngine
    journal: Journal
    samples: Samples
    clock: VirtualClock
    reader: Reader
    pipeline: Pipeline
    shown: list[Any]

    @classmethod
    def build(cls, directory: Path, clock: VirtualClock | None = None) -> House:
        journal, samples = Journal.open(directory / "alarm.db"), Samples.open(directory / "tele.db")
        engine, clock = SmallEngine(journal.load().next_seq), clock or VirtualClock(wall_ns=WALL)
        shown: list[Any] = []
        pipeline = Pipeline(engine, journal, samples, clock, after_commit=shown.append, after_frame=shown.append)
        return cls(engine, journal, samples, clock, Reader(directory / "alarm.db"), pipeline, shown)

    async def emit(self, value: float, **more: Any) -> None:
        await self.pipeline.emit(reading(value, self.clock.now(), **more))

    async def close(self) -> None:
        await self.samples.close()
        await self.journal.close()
        self.reader.close()
        assert self.samples.counters.received == self.samples.counters.settled

    def kinds(self) -> list[str]:
        return [event.kind for event in self.reader.events(limit=10_000)]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House.build(tmp_path)
    yield house
    await house.close()


def hold(journal: Journal) -> tuple[threading.Event, asyncio.Future[None]]:
    """Keep the journal's writer busy until the event is set."""
    go = threading.Event()

    def wait(connection: apsw.Connection) -> None:
        go.wait(60)

    return go, journal._put(wait)


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_frame_without_consequence_is_logged_and_shown(house: House) -> None:
    await house.emit(0.5)
    await until(lambda: house.shown)
    assert [f.values for f in house.shown] == [[0.5]]
    assert [(p, f.values) for p, f in house.samples.replay(0)] == [(1, [0.5])]
    assert house.kinds() == []


async def test_commit_then_log_then_acceptance_then_screens(house: House, tmp_path: Path) -> None:
    order: list[str] = []
    watching = [apsw.Connection(str(tmp_path / f), flags=apsw.SQLITE_OPEN_READONLY) for f in ("alarm.db", "tele.db")]

    def now(word: str, count: bool = True) -> None:
        events, frames = (
            rows(c, f"SELECT count(*) FROM {t}")[0][0] for c, t in zip(watching, ("event", "log"), strict=True)
        )
        order.append(f"{word} with {events} events" + (f" and {frames} frames" if count else ""))

    await house.emit(2.0)
    house.clock.set(DELAY + 1)
    await house.emit(2.0)
    await until(lambda: house.samples.queued == 0)
    house.pipeline._after_commit = lambda judgement: now("judgement shown", count=False)
    house.samples.on_stored = lambda frame: now("frame shown")
    await house.pipeline.emit(reading(0.0, house.clock.now(), accept=lambda: now("accepted")))
    await until(lambda: len(order) == 3)
    assert order == [
        "judgement shown with 2 events",
        "accepted with 2 events and 3 frames",
        "frame shown with 2 events and 3 frames",
    ]
    for connection in watching:
        connection.close()


async def test_a_frame_with_consequences_is_not_logged_before_its_commit(house: House) -> None:
    accepted: list[int] = []
    go, held = hold(house.journal)
    emitting = asyncio.ensure_future(house.emit(2.0, accept=lambda: accepted.append(1)))
    await settle()
    assert (house.samples.counters.received, accepted, emitting.done()) == (0, [], False)
    go.set()
    await held
    await emitting
    await until(lambda: accepted)


async def test_a_cancelled_driver_loses_nothing(house: House) -> None:
    accepted: list[int] = []
    go, held = hold(house.journal)
    emitting = asyncio.ensure_future(house.emit(2.0, accept=lambda: accepted.append(1)))
    await settle()
    emitting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await emitting
    go.set()
    await held
    await until(lambda: accepted)
    assert [f.values for _, f in house.samples.replay(0)] == [[2.0]]


async def test_emits_in_flight_commit_in_the_order_of_judgement(house: House) -> None:
    go, held = hold(house.journal)
    flying = []
    for n in range(1, 401):
        house.clock.set(n * 2 * DELAY)
        flying.append(asyncio.ensure_future(house.emit(2.0 if n % 2 else 0.0)))
        await asyncio.sleep(0)
    go.set()
    await held
    await asyncio.gather(*flying)
    events = house.reader.events(limit=10_000)
    assert [e.seq for e in events] == list(range(1, 401))
    assert [e.kind for e in events] == ["raise", "return"] * 200
    assert house.engine.seen == list(range(1, 401))


async def test_time_passes_for_the_engine_at_the_moment_it_asked_for(house: House) -> None:
    ticking = asyncio.ensure_future(house.pipeline.run_ticks())
    await settle()
    await house.clock.advance(2 * SECOND)
    await house.emit(2.0)  # a new deadline, earlier than the sleeping ticker's next checkpoint
    await settle()
    await house.clock.advance(DELAY - 1)
    assert house.engine.ticks == []
    await house.clock.advance(1)
    await until(lambda: house.kinds() == ["raise"])
    assert house.engine.ticks == [(7 * SECOND, 1)]
    ticking.cancel()


async def test_a_deadline_is_heard_while_its_commit_is_still_on_the_way(house: House) -> None:
    ticking = asyncio.ensure_future(house.pipeline.run_ticks())
    await settle()
    go, held = hold(house.journal)
    emitting = asyncio.ensure_future(house.emit(2.0))
    await settle()
    await house.clock.advance(DELAY)
    assert house.engine.ticks == [(DELAY, 1)]
    go.set()
    await asyncio.gather(held, emitting)
    await until(lambda: house.kinds() == ["raise"])
    ticking.cancel()


async def test_an_engine_that_always_wants_a_tick_does_not_take_the_loop(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks: list[int] = []

    def tick(now: Instant, position: int) -> Judgement:
        ticks.append(now.mono_ns)
        return Judgement()

    monkeypatch.setattr(house.engine, "next_due", lambda: 0)
    monkeypatch.setattr(house.engine, "tick", tick)
    ticking = asyncio.ensure_future(house.pipeline.run_ticks())
    await settle()
    assert ticks == [0]
    await house.clock.advance(SECOND)
    assert 5 <= len(ticks) <= 20
    ticking.cancel()


async def test_a_checkpoint_each_ten_seconds(house: House) -> None:
    ticking = asyncio.ensure_future(house.pipeline.run_ticks())
    await settle()
    saved: list[int] = []
    for _ in range(31):
        await house.clock.advance(SECOND)
        await house.journal.outbox_counts()  # queued behind whatever was saved
        await settle()
        found = rows(house_reading(house), "SELECT mono_ns FROM checkpoint")
        if found and (not saved or saved[-1] != found[0][0] // SECOND):
            saved.append(found[0][0] // SECOND)
        await house.emit(0.0, of=OTHER)
    assert saved == [10, 20, 30]
    ticking.cancel()


def house_reading(house: House) -> apsw.Connection:
    return apsw.Connection(str(house.journal.path), flags=apsw.SQLITE_OPEN_READONLY)


async def test_a_command_answers_after_its_commit_and_a_refused_one_changes_nothing(house: House) -> None:
    ack = Command(kind=CommandKind.ACK, occurrence=occurrence(1).occurrence, by="li")
    with pytest.raises(CommandRefused, match="no alarm"):
        await house.pipeline.command(ack)
    assert house.kinds() == []
    await house.emit(2.0)
    house.clock.set(DELAY + 1)
    await house.emit(2.0)
    answer = await house.pipeline.command(ack)
    assert house.reader.occurrence(answer.occurrence) == answer
    await house.pipeline.note("sign_in", by="li", body={"screen": 1})
    assert house.kinds() == ["raise", "ack", "sign_in"]
    assert house.reader.events()[-1].body == {"screen": 1}


async def test_a_hook_cannot_fail_the_pipeline(house: House, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("a screen")

    house.pipeline._after_commit = house.samples.on_stored = broken
    await house.emit(2.0)
    await house.emit(0.0)
    await until(lambda: house.samples.queued == 0)
    assert caplog.text.count("RuntimeError: a screen") == 4


@pytest.mark.parametrize("which", ["journal", "samples"])
async def test_a_failed_store_ends_the_ticker_and_refuses_frames(tmp_path: Path, which: str) -> None:
    house = House.build(tmp_path)
    ticking = asyncio.ensure_future(house.pipeline.run_ticks())
    await settle()

    def fail(connection: apsw.Connection, group: list[Any]) -> None:
        raise apsw.IOError("fsync")

    getattr(house, which).write = fail
    accepted: list[int] = []
    try:
        await house.emit(2.0, accept=lambda: accepted.append(1))
    except StoreError:
        assert which == "journal"
    with pytest.raises(StoreError, match="fsync"):
        await asyncio.wait_for(ticking, 60)
    with pytest.raises(StoreError, match="fsync"):
        await house.emit(2.0)
    with pytest.raises(StoreError, match="fsync"):
        await house.pipeline.note("anything")
    assert accepted == []
    await house.close()


async def test_a_frame_that_does_not_fit_its_layout_fails_its_driver_and_nobody_else(house: House) -> None:
    wrong = Frame(LEVEL, [2.0, 3.0], house.clock.now())
    with pytest.raises(ValueError, match="as many values"):
        await house.pipeline.emit(wrong)
    await house.emit(0.0)


async def test_a_full_log_holds_the_drivers_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.store.samples._ROWS_LIMIT", 10)
    go = threading.Event()
    write = house.samples.write
    monkeypatch.setattr(house.samples, "write", lambda connection, group: (go.wait(60), write(connection, group)))
    emitted = 0

    async def drive() -> None:
        nonlocal emitted
        for _ in range(100):
            await house.emit(0.0)
            emitted += 1

    driving = asyncio.ensure_future(drive())
    await settle()
    await asyncio.sleep(0.05)
    assert emitted == 9
    go.set()
    await driving
    assert emitted == 100


async def test_recovery_goes_on_where_the_last_run_ended(tmp_path: Path) -> None:
    first = House.build(tmp_path)
    await recover(first.engine, first.journal, first.samples, first.clock)
    for second in range(3):
        first.clock.set(second * SECOND)
        await first.emit(0.0)
    await first.pipeline.checkpoint()
    first.clock.set(3 * SECOND)
    await first.emit(2.0)  # committed as a running timer
    for second in range(4, 8):
        first.clock.set(second * SECOND)
        await first.emit(0.5, of=OTHER)
    await first.close()  # without a checkpoint, as after a kill

    last = Instant(7 * SECOND, WALL + 7 * SECOND)
    clock = VirtualClock(mono_ns=last.mono_ns, wall_ns=WALL + 3607 * SECOND)
    second_run = House.build(tmp_path, clock)
    assert last_known(second_run.journal.load(), second_run.samples) == last
    replayed = await recover(second_run.engine, second_run.journal, second_run.samples, clock, layouts=[LEVEL, OTHER])
    assert replayed == 5
    assert second_run.engine.outage_ns == 3600 * SECOND
    assert second_run.kinds() == ["restart", "restart"]
    assert second_run.engine.due == 8 * SECOND
    assert second_run.samples.reserve() == 9
    ticking = asyncio.ensure_future(second_run.pipeline.run_ticks())
    await settle()
    await clock.advance(SECOND)
    await until(lambda: second_run.kinds()[2:] == ["raise"])
    ticking.cancel()
    await second_run.close()


async def test_recovery_judges_what_was_logged_and_not_committed(tmp_path: Path) -> None:
    """A crash between two frames of one alarm: the log knows more than the journal."""
    first = House.build(tmp_path)
    await recover(first.engine, first.journal, first.samples, first.clock)
    for n, value in enumerate([0.0, 2.0, 2.0, 2.0]):
        first.samples.append(first.samples.reserve(), reading(value, Instant(n * 4 * SECOND, WALL + n * 4 * SECOND)))
    await first.close()
    clock = VirtualClock(mono_ns=12 * SECOND, wall_ns=WALL + 12 * SECOND)
    again = House.build(tmp_path, clock)
    assert await recover(again.engine, again.journal, again.samples, clock, layouts=[LEVEL]) == 4
    kinds = again.kinds()
    assert kinds == ["restart", "raise", "restart"]
    assert again.reader.events()[1].at == Instant(12 * SECOND, WALL + 12 * SECOND)
    await again.close()
    third = House.build(tmp_path, clock)
    assert await recover(third.engine, third.journal, third.samples, clock, layouts=[LEVEL]) == 0
    assert third.kinds() == [*kinds, "restart"]
    await third.close()


async def test_a_damaged_log_is_journalled_and_does_not_keep_the_house_from_starting(tmp_path: Path) -> None:
    first = House.build(tmp_path)
    await recover(first.engine, first.journal, first.samples, first.clock)
    for _ in range(5):
        await first.emit(0.0)
    await first.close()
    connection = apsw.Connection(str(tmp_path / "tele.db"))
    rows(connection, "UPDATE log SET blob = zeroblob(length(blob)) WHERE position IN (2, 4)")
    connection.close()
    again = House.build(tmp_path)
    assert await recover(again.engine, again.journal, again.samples, again.clock) == 3
    (told,) = [e for e in again.reader.events() if e.kind == "log_rows_damaged"]
    assert told.body == {"rows": 2, "first": "the row 2 of sump-b2 is damaged: its checksum does not match"}
    await again.close()
    (tmp_path / "tele.db").write_bytes(b"x" * 8192)
    third = House.build(tmp_path)
    assert await recover(third.engine, third.journal, third.samples, third.clock) == 0
    assert third.reader.events()[-1].kind == "log_set_aside"
    await third.emit(0.0)
    await third.close()


async def test_a_position_that_the_log_has_lost_is_not_used_again(tmp_path: Path) -> None:
    """A power cut takes polled rows, and the journal has judged them: their positions must never come again."""
    first = House.build(tmp_path)
    await recover(first.engine, first.journal, first.samples, first.clock)
    for _ in range(20):
        await first.emit(0.0)
    await first.emit(2.0)
    await first.close()
    connection = apsw.Connection(str(tmp_path / "tele.db"))
    rows(connection, "DELETE FROM log")
    connection.close()
    again = House.build(tmp_path, VirtualClock(mono_ns=SECOND, wall_ns=WALL + SECOND))
    await recover(again.engine, again.journal, again.samples, again.clock)
    assert again.samples.reserve() == 22
    await again.close()


def test_building_time_goes_on_without_the_downtime() -> None:
    fresh = resumed_clock(None).now()
    assert abs(fresh.wall_ns - host_wall_ns()) < 5 * SECOND
    assert fresh.mono_ns < 5 * SECOND
    last = Instant(500 * SECOND, host_wall_ns() - 3600 * SECOND)
    resumed = resumed_clock(last).now()
    assert 0 <= resumed.mono_ns - last.mono_ns < 5 * SECOND
    assert abs(resumed.wall_ns - host_wall_ns()) < 5 * SECOND
    ahead = Instant(500 * SECOND, host_wall_ns() + 3600 * SECOND)  # the clock had been set back, or speed was 10
    assert resumed_clock(ahead).now().wall_ns >= ahead.wall_ns


def test_two_processes_of_a_fast_building_stamp_the_same_moment_alike() -> None:
    epoch_ns = host_wall_ns() - 100 * SECOND
    gateway = resumed_clock(None, 20.0, epoch_ns).now().wall_ns
    ahead = gateway - (epoch_ns + 20 * (host_wall_ns() - epoch_ns))
    assert -20 * SECOND < ahead <= 0, "2,000 s have gone by in the building since the epoch"
    assert gateway - epoch_ns >= 2000 * SECOND


async def test_a_frame_that_fails_holds_no_reader_of_the_log_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.emit(0.0)

    def fail(frame: Frame, position: int) -> Judgement:
        raise RuntimeError("a bug")

    with monkeypatch.context() as broken:
        broken.setattr(house.engine, "judge", fail)
        with pytest.raises(RuntimeError, match="a bug"):
            await house.emit(0.5)
    with pytest.raises(ValueError, match="as many values"):
        await house.pipeline.emit(Frame(LEVEL, [2.0, 3.0], house.clock.now()))
    await house.emit(0.0)
    async with asyncio.timeout(60):
        while house.samples.queued:
            await settle()
    assert house.samples.horizon() == house.samples.position == 4
    counters = house.samples.counters
    assert (counters.received, counters.stored, counters.dropped) == (5, 2, 3), "nothing is lost in silence"


async def test_a_judgement_that_the_journal_refuses_holds_no_reader_of_the_log_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused before anything was written, it is its caller's trouble: the file goes on, and so must its readers."""
    await house.emit(0.0)
    with monkeypatch.context() as broken:
        broken.setattr(house.journal, "_write", refuse)
        with pytest.raises(StoreError, match="out of order"):
            await house.emit(1.0)
    await house.emit(0.0)
    async with asyncio.timeout(60):
        while house.samples.queued:
            await settle()
    assert house.samples.horizon() == house.samples.position == 3
    counters = house.samples.counters
    assert (counters.received, counters.stored, counters.dropped) == (3, 2, 1), "nothing is lost in silence"


def refuse(connection: object, entry: object) -> None:
    raise StoreError("a row out of order")
