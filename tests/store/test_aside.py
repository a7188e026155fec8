"""What is kept beside the log: messages that are no samples, refused lines, cursors; and every sample counted once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import apsw
import pytest

from gateway.model import SECOND, Frame, FrameKind, Instant, Quality, Quarantined
from gateway.store import aside as aside_module
from gateway.store import connection as door
from gateway.store import samples as samples_module
from gateway.store.aside import Unsent
from gateway.store.connection import TELE, open_write, rows
from gateway.store.errors import StoreError
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
    assert (samples.queued, samples.queued_samples, samples._bytes) == (0, 0, 0)
    assert samples.counters.received == samples.counters.settled


def message(number: int = 0, payload: bytes = b"\xff{") -> Quarantined:
    at = Instant(number * SECOND, WALL + number * SECOND)
    return Quarantined("broker", f"v3/app/{number}", payload, "json", "not JSON at byte 0", at)


def nobody() -> None: ...


async def settled(samples: Samples) -> None:
    await until(lambda: samples.queued == 0)


def put(samples: Samples, one: Frame) -> int:
    position = samples.reserve()
    samples.append(position, one)
    return position


async def test_a_message_comes_back_as_it_came_and_is_accepted_after_its_commit(samples: Samples, path: Path) -> None:
    accepted: list[int] = []

    def accept() -> None:
        accepted.append(len(samples.quarantined(10)))  # readers see commits only

    samples.quarantine(message(1), accept)
    samples.quarantine(message(2, b""), accept)
    assert samples.queued_samples == 2
    await settled(samples)
    assert accepted == [2, 2]
    assert samples.quarantined(10) == [(2, message(2, b"")), (1, message(1))]
    assert samples.quarantined(1) == [(2, message(2, b""))]
    await samples.close()
    again = Samples.open(path)
    assert again.quarantined(10) == [(2, message(2, b"")), (1, message(1))]
    await again.close()


async def test_texts_of_strangers_cannot_hurt_the_file(samples: Samples) -> None:
    odd = replace(message(), topic="a\0b/\ud800\udfff/水", message="\udc80", payload=bytes(range(256)))
    samples.quarantine(odd, nobody)
    await settled(samples)
    assert samples.failure is None
    [(_, back)] = samples.quarantined(1)
    assert (back.topic, back.message, back.payload) == ("a\0b/??/水", "?", bytes(range(256)))


async def test_a_message_is_synced_before_it_is_accepted(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    levels: list[str] = []
    choose = samples.durability
    monkeypatch.setattr(samples, "_synced_ns", samples_module.host_mono_ns())
    monkeypatch.setattr(samples, "durability", lambda group: levels.append(choose(group)) or levels[-1])
    put(samples, frame(layout(), 1))
    await settled(samples)
    samples.quarantine(message(), nobody)
    await settled(samples)
    await samples.save_cursor("historian", "1")
    assert levels == ["NORMAL", "FULL", "NORMAL"]


async def test_the_quarantine_keeps_the_newest_and_counts_the_rest(
    samples: Samples, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside_module, "ROWS", 10)
    monkeypatch.setattr(aside_module, "BYTES", 4000)
    await samples.close()
    samples = Samples.open(path)
    for number in range(25):
        samples.quarantine(message(number), nobody)
    await settled(samples)
    assert [number for number, _ in samples.quarantined(100)] == list(range(25, 15, -1))
    assert samples.evicted == 15
    samples.quarantine(message(25, bytes(3000)), nobody)
    await settled(samples)
    assert samples.evicted == 16  # ten rows, and their bytes still fit
    samples.quarantine(message(26, bytes(3000)), nobody)  # now only the newest does
    await settled(samples)
    assert [number for number, _ in samples.quarantined(100)] == [27]
    samples.quarantine(message(27, bytes(5000)), nobody)  # larger than all that may be kept, and yet the newest
    await settled(samples)
    assert [number for number, _ in samples.quarantined(100)] == [28]
    assert (samples.evicted, samples.counters.quarantined) == (27, 28)
    await samples.close()
    again = Samples.open(path)
    assert again.evicted == 27
    await again.close()


async def test_large_messages_hold_the_source_back(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples_module, "_BYTES_LIMIT", 1000)
    assert samples.quarantine(message(1), nobody) is None
    waiting = samples.quarantine(message(2, bytes(1000)), nobody)
    assert waiting is not None
    await asyncio.wait_for(waiting, 60)


@pytest.mark.parametrize("seed", range(5))
async def test_every_sample_is_counted_once(samples: Samples, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """received = stored + unchanged + duplicate + quarantined + dropped + queued, whatever happens in between."""
    free = [1 << 40]
    monkeypatch.setattr(samples_module, "free_bytes", lambda directory: free[0])
    chance = random.Random(seed)
    handed_in, accepted = 0, []
    counters = samples.counters
    for step in range(300):
        match chance.randrange(6):
            case 0:
                samples.quarantine(message(step), lambda: accepted.append(1))
                handed_in += 1
            case 1:
                one = {chance.choice(["duplicate", "unchanged", "dropped"]): chance.randrange(5)}
                samples.count(**one)
                handed_in += sum(one.values())
            case 2:
                free[0] = chance.choice([0, 1 << 40])
            case 3:
                samples.keep_unsent(Unsent(WALL, "refused", "no", 1, b"a b=1 1"))
            case _:
                put(samples, frame(layout(floats=step % 4 + 1), step, accept=chance.choice([None, nobody])))
                handed_in += step % 4 + 1
        if chance.random() < 0.1:
            await asyncio.sleep(0.002)
        assert counters.received == handed_in == counters.settled + samples.queued_samples
    await settled(samples)
    assert counters.received == handed_in == counters.settled
    assert counters.quarantined == len(samples.quarantined(1000)) <= len(accepted)


async def test_what_finds_no_space_is_counted_and_accepted(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker must not hold back alarms behind what nobody can keep."""
    monkeypatch.setattr(samples_module, "free_bytes", lambda directory: 0)
    accepted: list[int] = []
    samples.quarantine(message(), lambda: accepted.append(1))
    await settled(samples)
    assert (samples.counters.received, samples.counters.dropped, accepted) == (1, 1, [1])
    with pytest.raises(StoreError, match="kept for alarms"):
        await samples.save_cursor("historian", "1")
    assert samples.cursor("historian") is None


async def test_cursors_are_kept_by_name(samples: Samples, path: Path) -> None:
    assert samples.cursor("historian") is None
    await samples.save_cursor("historian", "1")
    await samples.save_cursor("other", "7")
    await samples.save_cursor("historian", "2")
    assert (samples.cursor("historian"), samples.cursor("other")) == ("2", "7")
    await samples.close()
    again = Samples.open(path)
    assert (again.cursor("historian"), again.cursor("other")) == ("2", "7")
    await again.close()


async def test_refused_lines_are_kept_apart_from_messages(samples: Samples) -> None:
    kept = Unsent(WALL, "retention", "older than 30 days", 2, b"a v=1 1\na v=2 2")
    samples.keep_unsent(kept)
    samples.quarantine(message(), nobody)
    await settled(samples)
    assert samples.unsent(10) == [(1, kept)]
    assert samples.quarantined(10) == [(1, message())]
    assert samples.counters.received == 1


async def test_the_log_is_read_in_slices(samples: Samples, path: Path) -> None:
    for at in range(10):
        put(samples, frame([layout(), MIXED][at % 2], at, None if at % 2 == 0 else [1.0, at, True, "automatic"]))
    await settled(samples)
    first = samples.read(0, 4)
    assert ([p for p, _ in first.frames], first.until, first.damaged) == ([1, 2, 3, 4], 4, 0)
    assert samples.read(4, 100, until=7).until == 7
    assert samples.read(10, 100).frames == () and samples.read(10, 100).until == 10
    second = samples.read(4, 100)
    assert second.frames[0][1].layout is first.frames[0][1].layout  # one object for all rows of a layout
    edit = apsw.Connection(str(path))
    rows(edit, "UPDATE log SET blob = zeroblob(length(blob)) WHERE position = 9")
    rows(edit, "UPDATE log SET layout = 77 WHERE position = 10")
    edit.close()
    broken = samples.read(8, 100)
    assert (broken.frames, broken.until, broken.damaged) == ((), 10, 2)


async def test_a_layout_stored_late_is_met_by_readers(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk takes the group with layout 1; layout 2 is stored first, and 1 when its next frame comes."""
    free = [0]
    monkeypatch.setattr(samples_module, "free_bytes", lambda directory: free[0])
    one, two = layout("one"), layout("two")
    put(samples, frame(one, 1))
    await settled(samples)
    free[0] = 1 << 40
    put(samples, frame(two, 2))
    await settled(samples)
    assert [f.layout.device for _, f in samples.read(0, 10).frames] == ["two"]
    put(samples, frame(one, 3))
    await settled(samples)
    assert [f.layout.device for _, f in samples.read(0, 10).frames] == ["two", "one"]


async def test_recent_frames_are_the_newest_by_position(samples: Samples) -> None:
    mine, other = layout("mine"), layout("other")
    for at in range(20):  # a backlog: each message tells of an earlier moment than the one before
        old = WALL - at * SECOND
        put(samples, replace(frame(mine, at, accept=nobody, source_ns=old), kind=FrameKind.HISTORY))
        put(samples, frame(other, at, [None] * 3, quality=[Quality.BAD_COMM] * 3))
    await settled(samples)
    back = samples.recent("mine", 5)
    assert [f.at.mono_ns // SECOND for f in back] == [19, 18, 17, 16, 15]
    assert [f.source_ns for f in back] == [WALL - at * SECOND for at in (19, 18, 17, 16, 15)]
    assert back[0].kind is FrameKind.HISTORY
    assert [f.at.mono_ns // SECOND for f in samples.recent("other", 3)] == [19, 18, 17]
    assert samples.recent("nobody", 3) == []
    assert len(samples.recent("mine", 1000)) == 20


async def test_the_horizon_is_what_nothing_appears_below(samples: Samples) -> None:
    assert samples.horizon() == 0
    early = samples.reserve()
    late = put(samples, frame(layout(), 2))
    await settled(samples)
    assert (samples.horizon(), samples.position) == (0, late)  # the first waits for the journal
    samples.append(early, frame(layout(), 1))
    assert samples.horizon() == 0  # queued, and not yet to be read
    await settled(samples)
    assert samples.horizon() == late
    never = samples.reserve()
    put(samples, frame(layout(), 3))
    await settled(samples)
    assert samples.horizon() == late
    samples.give_up(never)
    assert samples.horizon() == samples.position


async def test_the_horizon_passes_what_a_full_disk_took(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples_module, "free_bytes", lambda directory: 0)
    put(samples, frame(layout(), 1))
    await settled(samples)
    assert samples.horizon() == samples.position == 1


async def test_rows_near_a_moment_are_found(samples: Samples) -> None:
    for at in (1, 5, 3, 4, 2):
        put(samples, frame(layout("mine"), at))
        put(samples, frame(layout("other"), at))
    await settled(samples)
    near = samples.neighbours("mine", WALL + 2 * SECOND, WALL + 4 * SECOND, 9, 10)
    assert [(row.position, (row.time_ns - WALL) // SECOND) for row in near] == [(5, 3), (7, 4)]
    assert len(samples.neighbours("mine", WALL, WALL + 9 * SECOND, 100, 2)) == 2
    assert samples.latest("mine", WALL, WALL + 9 * SECOND, 5) == WALL + 5 * SECOND
    assert samples.latest("mine", WALL + 2 * SECOND, WALL + 4 * SECOND, 100) == WALL + 4 * SECOND
    assert samples.latest("nobody", WALL, WALL + SECOND, 100) is None


def _old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file as the first version made it."""
    with monkeypatch.context() as old:
        old.setattr(door, "migrations", lambda kind: real(kind)[:1])
        open_write(path, TELE).close()


real = door.migrations


async def test_a_file_of_the_first_schema_is_brought_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _old_file(path, monkeypatch)
    edit = apsw.Connection(str(path))
    assert rows(edit, "PRAGMA user_version") == [(1,)]
    points = layout_bytes()
    rows(edit, "INSERT INTO device VALUES (1, 'sump-b2')")
    rows(edit, "INSERT INTO layout VALUES (1, ?, 1, ?)", (digest_of(points), points.decode()))
    edit.close()
    samples = Samples.open(path)
    put(samples, frame(layout(), 1))
    samples.quarantine(message(), nobody)
    await settled(samples)
    assert len(samples.recent("sump-b2", 5)) == len(samples.quarantined(5)) == 1
    await samples.close()
    with monkeypatch.context() as old:
        old.setattr(door, "migrations", lambda kind: real(kind)[:1])
        before = path.read_bytes()  # noqa: ASYNC240
        with pytest.raises(StoreError, match="schema 2, this version knows up to 1"):
            Samples.open(path)
        assert path.read_bytes() == before  # noqa: ASYNC240


def layout_bytes() -> bytes:
    from gateway.store.layouts import encode

    return encode(layout())


def digest_of(points: bytes) -> bytes:
    from gateway.store.layouts import digest

    return digest("sump-b2", points)


def test_the_index_of_asked_frames_names_the_flag_that_is_written() -> None:
    from gateway.store.packing import Flag

    sql = (files("gateway.store") / "migrations/tele/0002_aside.sql").read_text(encoding="utf-8")
    assert f"WHERE flags & {int(Flag.ASKED)};" in sql
