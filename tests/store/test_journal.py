"""What is awaited is committed; what is committed comes back; what was tampered with is found."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from gateway.model import SECOND, Checkpoint, Event, InstanceSnapshot, Instant, Judgement, Severity
from gateway.store.chain import verify_file
from gateway.store.connection import rows
from gateway.store.errors import StoreError
from gateway.store.journal import Journal
from gateway.store.reader import Reader
from gateway.store.records import Token
from tests.store.material import WALL, judgement, occurrence, until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alarm.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[Journal]:
    journal = Journal.open(path, channels=("log", "webhook"))
    yield journal
    await journal.close()


@pytest.fixture
async def reader(path: Path, journal: Journal) -> AsyncIterator[Reader]:
    reader = Reader(path)
    yield reader
    reader.close()


def checkpoint(position: int, *instances: InstanceSnapshot, at_s: int = 0) -> Checkpoint:
    at = Instant(at_s * SECOND, WALL + at_s * SECOND)
    return Checkpoint(position=position, at=at, next_seq=position + 1, columns={"a": [1.5, None]}, instances=instances)


async def reopened(journal: Journal) -> Journal:
    await journal.close()
    return Journal.open(journal.path, channels=("log", "webhook"))


async def test_an_empty_journal(journal: Journal) -> None:
    restored = journal.load()
    assert (restored.checkpoint, restored.instances, restored.open_occurrences) == (None, (), ())
    assert (restored.next_seq, restored.last) == (1, None)


async def test_a_judgement_is_readable_as_soon_as_it_is_awaited(journal: Journal, reader: Reader) -> None:
    await journal.commit(judgement(1, notice=True))
    assert reader.occurrence(occurrence(1).occurrence) == occurrence(1)
    (event,) = reader.events()
    assert event == judgement(1).events[0]
    assert reader.last_seq() == 1


async def test_a_restart_gets_everything_back(journal: Journal) -> None:
    await journal.commit(judgement(1))
    closed = judgement(2, rule="WA-03")
    closed.occurrences = {o.occurrence: replace(o, closed_ns=WALL) for o in closed.occurrences.values()}
    await journal.commit(closed)
    again = await reopened(journal)
    restored = again.load()
    assert restored.open_occurrences == (occurrence(1),)
    assert restored.next_seq == 3
    assert restored.last == Instant(2 * SECOND, WALL + 2 * SECOND)
    assert {i.rule: i.position for i in restored.instances} == {"WA-02": 1, "WA-03": 2}
    await again.close()


async def test_instances_overtake_the_checkpoint_and_a_checkpoint_overtakes_them(journal: Journal, path: Path) -> None:
    old, other = InstanceSnapshot("WA-02", "sump-b2", 1, {"n": 1}), InstanceSnapshot("WA-01", "sump-b2", 5, {"n": 5})
    await journal.commit(judgement(1))
    await journal.save_checkpoint(checkpoint(5, old, other, at_s=7))
    await journal.commit(judgement(6, rule="WA-03", position=6))
    newer = InstanceSnapshot("WA-02", "sump-b2", 8, {"n": 8})
    await journal.commit(Judgement(instances=[newer]))
    again = await reopened(journal)
    restored = again.load()
    assert restored.checkpoint == checkpoint(5, old, other, at_s=7)
    assert {(i.rule, i.position) for i in restored.instances} == {("WA-02", 8), ("WA-01", 5), ("WA-03", 6)}
    assert newer in restored.instances
    assert restored.next_seq == 7
    assert restored.last == Instant(7 * SECOND, WALL + 7 * SECOND)
    await again.close()


async def test_the_next_number_is_the_checkpoints_when_events_were_fewer(journal: Journal) -> None:
    await journal.save_checkpoint(checkpoint(41))
    again = await reopened(journal)
    assert again.load().next_seq == 42
    await again.close()


async def test_one_judgement_is_one_transaction(journal: Journal, reader: Reader) -> None:
    await journal.commit(judgement(1))
    twin = judgement(2)  # a second open life of the same alarm: the database refuses the whole judgement
    with pytest.raises(StoreError, match="UNIQUE"):
        await journal.commit(twin)
    assert reader.last_seq() == 1
    assert journal.failure is not None
    with pytest.raises(StoreError):
        await journal.commit(judgement(3, rule="other"))


async def test_what_a_checkpoint_is_committed_with_comes_with_it_or_not_at_all(
    journal: Journal, reader: Reader
) -> None:
    await journal.commit(judgement(1))
    seen = InstanceSnapshot("WA-02", "sump-b2", 2, {"n": 2})
    told = replace(
        judgement(2, rule="WA-05", notice=True), instances=[InstanceSnapshot("WA-05", "sump-b2", 1, {"n": 0})]
    )
    await journal.save_checkpoint(checkpoint(2, seen), [told, Judgement()])
    assert reader.last_seq() == 2 and (await journal.outbox_counts())["log"]["pending"] == 1
    with pytest.raises(StoreError, match="UNIQUE"):
        await journal.save_checkpoint(checkpoint(9), [judgement(3, rule="WA-06"), judgement(4, rule="WA-05")])
    again = await reopened(journal)
    restored = again.load()
    assert reader.last_seq() == 2, "nothing of what was refused"
    assert restored.checkpoint == checkpoint(2, seen) and restored.instances == (seen,)
    await again.close()


async def test_a_life_may_end_and_the_next_begin_in_one_judgement(journal: Journal, reader: Reader) -> None:
    await journal.commit(judgement(1))
    both = judgement(2)
    both.occurrences = {o.occurrence: o for o in (occurrence(2), occurrence(1, closed=True))}
    await journal.commit(both)
    assert [o.occurrence for o in reader.occurrences(open_only=True)] == [occurrence(2).occurrence]


async def test_events_must_follow_each_other(journal: Journal) -> None:
    await journal.commit(judgement(5))
    with pytest.raises(StoreError, match="event 5 does not follow event 5"):
        await journal.commit(Judgement(events=[Event(seq=5, at=Instant(0, 0), kind="x")]))


async def test_a_cancelled_caller_does_not_break_the_transaction(journal: Journal, reader: Reader) -> None:
    started = threading.Event()
    go = threading.Event()

    def slow(connection: apsw.Connection) -> None:
        started.set()
        go.wait(10)

    blocking = journal._put(slow)
    caller = asyncio.ensure_future(journal.commit(judgement(1)))
    await until(started.is_set)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go.set()
    await blocking
    await journal.commit(judgement(2, rule="WA-03"))
    assert [event.seq for event in reader.events()] == [1, 2]


async def test_every_commit_is_synced(journal: Journal) -> None:
    async def level() -> list[tuple[int, ...]]:
        return await journal._do(lambda connection: rows(connection, "PRAGMA synchronous"))

    assert await level() == [(2,)]
    await journal.commit(judgement(1))
    assert await level() == [(2,)]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE checkpoint SET zjson = zeroblob(9)",
        "UPDATE occurrence SET json = '{}'",
        "UPDATE instance SET state = 'x'",
    ],
)
def test_damaged_rows_are_a_sentence(path: Path, damage: str) -> None:
    async def fill() -> None:
        journal = Journal.open(path)
        await journal.save_checkpoint(checkpoint(1))
        await journal.commit(judgement(2))
        await journal.close()

    asyncio.run(fill())
    edited = apsw.Connection(str(path))
    rows(edited, damage)
    edited.close()
    with pytest.raises(StoreError, match=r"alarm\.db is damaged"):
        Journal.open(path)


async def test_a_file_that_is_removed_or_replaced_is_a_failure(journal: Journal, tmp_path: Path) -> None:
    await journal.save_checkpoint(checkpoint(1))
    (tmp_path / "alarm.db").rename(tmp_path / "away.db")
    with pytest.raises(StoreError, match="No such file"):
        await journal.save_checkpoint(checkpoint(2))
    assert journal.failure is not None


async def test_concurrent_commits_keep_their_order_and_share_transactions(journal: Journal, reader: Reader) -> None:
    before = journal._writer.groups
    await asyncio.gather(*(journal.commit(judgement(n, rule=f"R-{n}")) for n in range(1, 301)))
    assert [event.seq for event in reader.events(limit=1000)] == list(range(1, 301))
    assert journal._writer.groups - before < 50


async def filled(path: Path, events: int) -> None:
    journal = Journal.open(path)
    for seq in range(1, events + 1):
        journal.submit(judgement(seq, rule=f"R-{seq}"))
    await journal.close()


def test_the_chain_finds_every_kind_of_tampering(path: Path) -> None:
    asyncio.run(filled(path, 20))
    seq, head = verify_file(path)
    assert seq == 20
    clean = path.read_bytes()
    for tampering in (
        "UPDATE event SET body = '{}' || ' ' WHERE seq = 7",
        "UPDATE event SET wall_ns = wall_ns + 1 WHERE seq = 20",
        "UPDATE event SET by = 'somebody' WHERE seq = 1",
        "DELETE FROM event WHERE seq = 11",
        "DELETE FROM event WHERE seq = 1",
        "UPDATE event SET seq = 21 WHERE seq = 20",
        "INSERT INTO event SELECT 21, mono_ns, wall_ns, kind, occurrence, rule, source, by, body, hash FROM event"
        " WHERE seq = 20",
        "UPDATE event SET hash = zeroblob(32) WHERE seq = 5",
    ):
        path.write_bytes(clean)
        edited = apsw.Connection(str(path))
        rows(edited, tampering)
        edited.close()
        with pytest.raises(StoreError, match="was changed or taken out"):
            verify_file(path)
        with pytest.raises(StoreError, match="was changed or taken out"):
            Journal.open(path)
    path.write_bytes(clean)
    assert verify_file(path) == (20, head)


def test_a_damaged_file_is_refused_with_its_name(path: Path) -> None:
    asyncio.run(filled(path, 200))
    damaged = bytearray(path.read_bytes())
    damaged[8192:12288] = bytes(4096)
    path.write_bytes(damaged)
    with pytest.raises(StoreError, match=r"alarm\.db"):
        Journal.open(path)


async def test_a_notice_waits_for_each_channel_until_it_is_settled(journal: Journal) -> None:
    heard = []
    journal.on_notice = lambda: heard.append(threading.current_thread())
    await journal.commit(judgement(1))
    assert heard == []
    await journal.commit(judgement(2, notice=True, rule="WA-03"))
    assert heard == [threading.main_thread()]
    (one,) = await journal.due_deliveries("log", WALL, limit=10)
    assert (one.channel, one.attempts) == ("log", 0)
    assert one.key == f"{occurrence(2).occurrence}-2-raise"
    assert one.notice == judgement(2, notice=True, rule="WA-03").notices[0]
    (other,) = await journal.due_deliveries("webhook", WALL, limit=10)
    assert other.key == one.key
    await journal.delivered(one.id, WALL)
    await journal.retry_at(other.id, 1, WALL + SECOND, "refused connection")
    assert await journal.due_deliveries("log", WALL, limit=10) == []
    assert await journal.due_deliveries("webhook", WALL, limit=10) == []
    assert await journal.next_delivery_ns("webhook") == WALL + SECOND
    assert await journal.next_delivery_ns("log") is None
    (again,) = await journal.due_deliveries("webhook", WALL + SECOND, limit=10)
    assert (again.id, again.attempts, again.key) == (other.id, 1, one.key)
    await journal.refused(other.id, "no such user")
    assert await journal.outbox_counts() == {
        "log": {"pending": 0, "delivered": 1, "refused": 0},
        "webhook": {"pending": 0, "delivered": 0, "refused": 1},
    }


async def test_tokens(journal: Journal, reader: Reader) -> None:
    mark = bytes(range(32))
    await journal.add_token("screen", "viewer", mark, created=WALL, expires=WALL + SECOND)
    assert reader.token(mark) == Token("screen", "viewer", WALL, WALL + SECOND, None)
    assert reader.token(bytes(32)) is None
    for name, other in (("screen", bytes(32)), ("second", mark), ("third", b"short")):
        with pytest.raises(StoreError):
            await journal.add_token(name, "viewer", other, created=WALL)
    with pytest.raises(StoreError, match="no token 'nobody'"):
        await journal.revoke_token("nobody", WALL)
    await journal.revoke_token("screen", WALL + 5)
    await journal.revoke_token("screen", WALL + 9)  # the first time counts
    assert await journal.list_tokens() == [Token("screen", "viewer", WALL, WALL + SECOND, WALL + 5)]
    assert journal.failure is None  # a refusal is no failure of the store


async def test_listing_occurrences(journal: Journal, reader: Reader) -> None:
    for seq in range(1, 11):
        one = judgement(seq, rule=f"R-{seq}")
        name, o = one.occurrences.popitem()
        one.occurrences[name] = replace(
            o,
            system="fire" if seq % 2 else "elevator",
            severity=Severity.CRITICAL if seq > 5 else Severity.LOW,
            closed_ns=WALL if seq == 10 else None,
        )
        await journal.commit(one)
    listed = reader.occurrences(limit=4)
    assert [o.seq for o in listed] == [10, 9, 8, 7]
    assert [o.seq for o in reader.occurrences(after=listed[-1].occurrence, limit=4)] == [6, 5, 4, 3]
    assert [o.seq for o in reader.occurrences(system="fire")] == [9, 7, 5, 3, 1]
    assert [o.seq for o in reader.occurrences(system="fire", severity=Severity.LOW)] == [5, 3, 1]
    assert [o.seq for o in reader.occurrences(open_only=True, limit=1)] == [9]
    assert reader.occurrences(state="acked") == []
    assert reader.occurrence("nobody") is None
    assert [e.seq for e in reader.events(after=7)] == [8, 9, 10]
    assert [e.seq for e in reader.events(occurrence=occurrence(3).occurrence)] == [3]


async def test_queries_from_many_threads_while_commits_go_on(journal: Journal, reader: Reader) -> None:
    async def ask() -> None:
        for _ in range(20):
            await asyncio.to_thread(reader.occurrences, open_only=True)

    async def write() -> None:
        for seq in range(1, 51):
            await journal.commit(judgement(seq, rule=f"R-{seq}"))

    async with asyncio.timeout(60):
        await asyncio.gather(write(), *(ask() for _ in range(4)))
    assert len(reader.occurrences()) == 50


def test_a_closed_reader_says_so(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "alarm.db")
    with pytest.raises(StoreError, match="cannot read"):
        reader.last_seq()
    reader.close()
    with pytest.raises(StoreError, match="closed"):
        reader.last_seq()


async def test_what_became_of_the_notices_of_an_occurrence(journal: Journal, reader: Reader) -> None:
    one, other = judgement(1, notice=True), judgement(2, notice=True, rule="WA-03")
    await journal.commit(one)
    await journal.commit(other)
    (mine,) = one.occurrences
    (his,) = other.occurrences
    digest = replace(other.notices[0], reason="digest", body={"occurrences": [his, mine]})
    await journal.commit(Judgement(notices=[digest]))
    (due, *_) = await journal.due_deliveries("log", 2**62, 10)
    await journal.retry_at(due.id, 1, 99, "no answer")
    told = [(each.notice.reason, each.channel, each.state, each.attempts, each.error) for each in reader.notices(mine)]
    assert told == [
        ("raise", "log", "pending", 1, "no answer"),
        ("raise", "webhook", "pending", 0, None),
        ("digest", "log", "pending", 0, None),
        ("digest", "webhook", "pending", 0, None),
    ]
    assert [each.notice.reason for each in reader.notices(his)] == ["raise", "raise", "digest", "digest"]
    assert reader.notices("01HF") == []


async def test_when_the_gateway_was_started(journal: Journal, reader: Reader) -> None:
    moments = [Instant(seconds * SECOND, WALL + seconds * SECOND) for seconds in (1, 5, 9)]
    for seq, at in enumerate(moments, 1):
        await journal.commit(Judgement(events=[Event(seq=seq, at=at, kind="start" if seq != 2 else "stop")]))
    assert reader.starts(WALL, WALL + 9 * SECOND) == [moments[0], moments[2]]
    assert reader.starts(WALL + 2 * SECOND, WALL + 8 * SECOND) == []
