"""Frames in, the same frames out; nothing lost without being counted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from gateway.model import SECOND, Frame, FrameKind, Instant, Layout, Quality
from gateway.store import samples as samples_module
from gateway.store.connection import rows
from gateway.store.errors import CorruptRow, StoreError
from gateway.store.samples import Samples
from tests.store.material import MIXED, WALL, frame, layout, until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tele.db"


@pytest.fixture
async def samples(path: Path) -> AsyncIterator[Samples]:
    samples = Samples.open(path)
    yield samples
    await samples.close()
    assert samples.queued == 0
    assert samples.counters.received == samples.counters.settled


def put(samples: Samples, one: Frame) -> int:
    position = samples.reserve()
    samples.append(position, one)
    return position


async def reopened(samples: Samples, path: Path) -> Samples:
    await samples.close()
    return Samples.open(path)


def edit(path: Path, sql: str) -> None:
    connection = apsw.Connection(str(path))
    rows(connection, sql)
    connection.close()


FRAMES = [
    frame(MIXED, 1, [1.5, 3, True, "automatic"]),
    frame(MIXED, 2, [None] * 4, quality=[Quality.BAD_COMM] * 4),
    frame(MIXED, 3, [0.5, None, False, "never declared"], quality=[0, Quality.BAD_RANGE, 0, Quality.BAD_UNDECLARED]),
    Frame(MIXED, [1.0, 2, False, "inspection"], Instant(4 * SECOND, WALL + 4 * SECOND), None, 77, FrameKind.HISTORY),
    frame(layout(), 5),
]


async def test_frames_come_back_as_they_were(samples: Samples, path: Path) -> None:
    for one in FRAMES:
        put(samples, one)
    again = await reopened(samples, path)
    back = list(again.replay(0, [MIXED]))
    assert [position for position, _ in back] == [1, 2, 3, 4, 5]
    for (_, got), put_in in zip(back, FRAMES, strict=True):
        assert (got.at, got.source_ns, got.kind) == (put_in.at, put_in.source_ns, put_in.kind)
        assert list(got.values) == list(put_in.values)
        assert got.quality == put_in.quality
        assert got.layout.points == put_in.layout.points
    assert [position for position, _ in again.replay(3)] == [4, 5]
    await again.close()


async def test_layouts_are_shared_and_live_ones_stand_for_stored_ones(samples: Samples, path: Path) -> None:
    for at in range(10):
        put(samples, frame(layout(), at))  # ten objects of equal content, as ten restarts make them
        put(samples, frame(MIXED, at, [1.0, 1, True, "automatic"]))
    again = await reopened(samples, path)
    live = layout()
    found = {one.layout for _, one in again.replay(0, [live])}
    assert len(found) == 2
    assert live in found
    assert MIXED not in found  # equal content, but nobody said that it lives
    assert put(again, frame(MIXED, 11, [1.0, 1, True, "automatic"])) == 21
    third = await reopened(again, path)
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    assert rows(connection, "SELECT count(*) FROM layout") == [(2,)]
    connection.close()
    await third.close()


async def test_closing_empties_the_wal_though_there_were_readers(samples: Samples, path: Path) -> None:
    put(samples, frame(layout(), 1))
    await until(lambda: samples.queued == 0)
    assert len(samples.history("sump-b2", "p0", WALL, WALL + 9 * SECOND, 9).buckets) > 0
    await samples.close()
    assert [found.name for found in path.parent.iterdir()] == ["tele.db"]


async def test_positions_go_on_after_a_restart_and_above_the_floor(samples: Samples, path: Path) -> None:
    assert [put(samples, frame(layout(), at)) for at in range(3)] == [1, 2, 3]
    again = await reopened(samples, path)
    again.raise_floor(2)
    assert again.reserve() == 4
    again.raise_floor(10)
    assert (again.position, again.reserve()) == (10, 11)
    await again.close()


async def test_the_last_moment_is_known_at_the_next_start(samples: Samples, path: Path) -> None:
    assert samples.last_instant() is None
    put(samples, frame(layout(), 9))
    put(samples, frame(layout("late"), 8, source_ns=WALL))
    again = await reopened(samples, path)
    assert again.last_instant() == Instant(9 * SECOND, WALL + 9 * SECOND)
    await again.close()


async def test_acceptance_comes_after_the_commit_and_in_order(samples: Samples, path: Path) -> None:
    order: list[int] = []
    reading = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)

    def accepted(position: int) -> None:
        (found,) = rows(reading, "SELECT count(*) FROM log WHERE position = ?", (position,))
        assert threading.current_thread() is threading.main_thread()
        order.append(position if found == (1,) else -position)

    for position in range(1, 51):
        assert samples.reserve() == position
        samples.append(position, frame(layout(), position, accept=lambda p=position: accepted(p)))  # type: ignore[misc]
        if position % 10 == 0:
            await asyncio.sleep(0.002)
    await until(lambda: len(order) == 50)
    assert order == list(range(1, 51))
    reading.close()


async def test_what_is_told_of_a_frame_cannot_hurt_the_next(samples: Samples, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[int] = []

    def shown(one: Frame) -> None:
        heard.append(one.at.mono_ns // SECOND)
        raise RuntimeError("a screen")

    def broken() -> None:
        raise RuntimeError("a broker")

    samples.on_stored = shown
    for at in range(3):
        put(samples, frame(layout(), at, accept=broken))
    await until(lambda: len(heard) == 3)
    assert heard == [0, 1, 2]
    assert caplog.text.count("RuntimeError: a broker") == 3
    assert caplog.text.count("RuntimeError: a screen") == 3


async def test_a_group_with_an_acknowledgement_is_synced_and_a_polled_one_is_not(
    samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels: list[str] = []
    host_ns = [0]
    monkeypatch.setattr(samples_module, "host_mono_ns", lambda: host_ns[0])
    monkeypatch.setattr(samples, "_synced_ns", 0)
    choose = samples.durability

    def noted(group: list[samples_module.Entry]) -> str:
        levels.append(choose(group))
        return levels[-1]

    monkeypatch.setattr(samples, "durability", noted)

    async def group(*frames: Frame) -> None:
        for one in frames:
            put(samples, one)
        await until(lambda: samples.queued == 0)

    polled, acknowledged = frame(layout(), 1), frame(layout(), 2, accept=lambda: None)
    await group(polled, polled)
    await group(polled, acknowledged, polled)
    await group(polled)
    host_ns[0] = 4 * SECOND
    await group(polled)
    host_ns[0] = 5 * SECOND  # a power cut takes at most five seconds of polled samples
    await group(polled)
    await group(polled)
    assert levels == ["NORMAL", "FULL", "NORMAL", "NORMAL", "FULL", "NORMAL"]


async def test_polled_frames_share_a_transaction(samples: Samples) -> None:
    for at in range(50):
        put(samples, frame(layout(), at))
        await asyncio.sleep(0)
    await until(lambda: samples.queued == 0)
    assert samples._writer.groups == 1


async def test_a_full_queue_holds_the_source_back(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples_module, "_ROWS_LIMIT", 100)
    go = threading.Event()
    write = samples.write

    def slow(connection: apsw.Connection, group: list[samples_module.Entry]) -> None:
        go.wait(60)
        write(connection, group)

    monkeypatch.setattr(samples, "write", slow)
    waits = [samples.append(samples.reserve(), frame(layout(), at)) for at in range(150)]
    assert [wait is None for wait in waits] == [True] * 99 + [False] * 51
    last = waits[-1]
    assert last is not None
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(last, 0.05)
    go.set()
    await asyncio.wait_for(asyncio.gather(*(wait for wait in waits if wait is not None and not wait.done())), 60)  # type: ignore[attr-defined]
    assert samples.append(samples.reserve(), frame(layout(), 150)) is None


async def test_bytes_count_as_rows_do(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples_module, "_BYTES_LIMIT", 8000)
    wide = layout(floats=100)
    assert samples.append(samples.reserve(), frame(wide, 1)) is None
    waiting = [samples.append(samples.reserve(), frame(wide, at)) for at in range(2, 12)]
    assert waiting[-1] is not None


async def test_a_failure_drops_what_was_queued_and_counts_it(path: Path) -> None:
    samples = Samples.open(path)
    failures: list[StoreError] = []
    samples.on_failure = failures.append
    put(samples, frame(layout(floats=3), 1))
    await until(lambda: samples.queued == 0)
    accepted: list[int] = []
    samples.append(1, frame(layout(floats=3), 2, accept=lambda: accepted.append(2)))  # the position is taken
    await until(lambda: failures)
    assert samples.failure is failures[0]
    assert (samples.counters.received, samples.counters.stored, samples.counters.dropped) == (6, 3, 3)
    assert accepted == []
    with pytest.raises(StoreError, match="UNIQUE"):
        put(samples, frame(layout(), 3))
    await samples.close()


async def test_a_file_that_is_replaced_is_a_failure(path: Path) -> None:
    samples = Samples.open(path)
    put(samples, frame(layout(), 1))
    await until(lambda: samples.queued == 0)
    other = Samples.open(path.with_name("other.db"))
    await other.close()
    path.with_name("other.db").rename(path)
    put(samples, frame(layout(), 2))
    await until(lambda: samples.failure)
    assert "was replaced while it was in use" in str(samples.failure)
    await samples.close()


async def test_a_damaged_row_is_named_and_not_returned(samples: Samples, path: Path) -> None:
    for at in range(3):
        put(samples, frame(layout(), at))
    await samples.close()
    edit(path, "UPDATE log SET blob = zeroblob(length(blob)) WHERE position = 2")
    again = Samples.open(path)
    replayed = again.replay(0)
    assert next(replayed)[0] == 1
    with pytest.raises(CorruptRow, match="row 2 of sump-b2 is damaged"):
        next(replayed)
    with pytest.raises(CorruptRow, match="row 2 of sump-b2 is damaged"):
        again.history("sump-b2", "p0", WALL, WALL + 10 * SECOND, 10)
    await again.close()


async def test_rows_without_their_layout_are_left_out_and_told(samples: Samples, path: Path) -> None:
    put(samples, frame(layout(), 1))
    await samples.close()
    edit(path, "DELETE FROM layout")
    again = Samples.open(path)
    told: list[CorruptRow] = []
    assert list(again.replay(0, damaged=told.append)) == []
    assert [str(one) for one in told] == ["a row names layout 1, which is not stored"]
    await again.close()


def spoil(path: Path) -> bytes:
    damaged = bytearray(path.read_bytes())
    damaged[100:8192] = bytes(8092)
    path.write_bytes(damaged)
    return bytes(damaged)


@pytest.mark.parametrize("way", ["pages", "layout", "header", "text"])
async def test_a_damaged_file_is_set_aside_and_a_new_one_begun(samples: Samples, path: Path, way: str) -> None:
    for at in range(300):
        put(samples, frame(layout(), at))
    await samples.close()
    match way:
        case "pages":
            spoil(path)
        case "layout":
            edit(path, "UPDATE layout SET points = replace(points, 'p1', 'p9')")
        case "header" | "text":
            write(path, b"SQLite format 3\0" * 600 if way == "header" else b"a letter to the mayor" * 600)
    before = read(path)
    again = Samples.open(path)
    assert again.set_aside == path.with_name("tele.db.damaged-1")
    assert read(again.set_aside) == before
    put(again, frame(layout(), 1))
    await again.close()
    third = Samples.open(path)
    assert third.set_aside is None
    assert len(list(third.replay(0))) == 1
    await third.close()


def test_a_file_that_somebody_holds_is_not_set_aside(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(Samples.open(path).close())
    monkeypatch.setattr("gateway.store.connection.BUSY_MS", 1)
    holder = apsw.Connection(str(path))
    rows(holder, "PRAGMA locking_mode=exclusive; PRAGMA journal_mode=delete; BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="locked"):
        Samples.open(path)
    holder.close()
    assert list(path.parent.glob("*damaged*")) == []


async def test_damage_met_while_writing_sets_the_file_aside_at_the_next_start(path: Path) -> None:
    samples = Samples.open(path)

    def spoiled(connection: apsw.Connection, group: object) -> None:
        raise apsw.CorruptError("database disk image is malformed")

    samples.write = spoiled  # type: ignore[method-assign]
    put(samples, frame(layout(), 1))
    await until(lambda: samples.failure)
    await until(lambda: samples.queued == 0)
    await samples.close()
    again = Samples.open(path)
    assert again.set_aside == path.with_name("tele.db.damaged-1")
    third = await reopened(again, path)
    assert third.set_aside is None
    await third.close()


def read(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


async def test_replay_over_many_rows_and_while_others_are_written(samples: Samples) -> None:
    one = layout()
    for at in range(2500):
        put(samples, frame(one, at))
    await until(lambda: samples.queued == 0)
    seen = []
    for position, _ in samples.replay(100, [one]):
        seen.append(position)
        if position == 500:
            put(samples, frame(one, 9999))
    assert seen[:2400] == list(range(101, 2501))


async def test_history_is_asked_from_other_threads_while_frames_are_written(samples: Samples) -> None:
    one = layout()

    async def ask() -> None:
        for _ in range(10):
            await asyncio.to_thread(samples.history, "sump-b2", "p0", WALL, WALL + 100 * SECOND, 50)

    async def write() -> None:
        for at in range(3000):
            put(samples, frame(one, at / 30))
            if at % 50 == 0:
                await asyncio.sleep(0)

    async with asyncio.timeout(60):
        await asyncio.gather(write(), *(ask() for _ in range(3)))
    await until(lambda: samples.queued == 0)
    assert sum(b.count for b in samples.history("sump-b2", "p0", WALL, WALL + 100 * SECOND, 50).buckets) == 3000


def test_layouts_of_one_content_and_two_devices_differ(path: Path) -> None:
    async def write() -> None:
        samples = Samples.open(path)
        put(samples, frame(layout("a"), 1, [1.0] * 3))
        put(samples, frame(layout("b"), 1, [2.0] * 3))
        await samples.close()

    asyncio.run(write())
    samples = Samples.open(path)
    found: list[tuple[str, object]] = [(one.layout.device, one.values[0]) for _, one in samples.replay(0)]
    assert found == [("a", 1.0), ("b", 2.0)]
    assert samples.history("b", "p0", WALL, WALL + 9 * SECOND, 1).buckets[0].min == 2.0
    asyncio.run(samples.close())


async def test_two_live_objects_of_one_layout_share_its_number(samples: Samples) -> None:
    first, second = layout(), Layout("sump-b2", layout().points)
    put(samples, frame(first, 1))
    put(samples, frame(second, 2))
    await until(lambda: samples.queued == 0)
    assert [one.layout for _, one in samples.replay(0, [second])] == [second, second]
