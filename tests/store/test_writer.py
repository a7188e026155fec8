"""The writer's thread: groups, order, failures, and what a cancelled task may not do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import apsw
import pytest

from gateway.store.connection import ALARM, open_write, rows
from gateway.store.errors import DiskFull, StoreError
from gateway.store.writer import GROUP, Writer
from tests.store.material import until


class Notebook:
    """A scribe that writes numbers into a table; `before` runs in the writer's thread before each group."""

    def __init__(self) -> None:
        self.written: list[list[int]] = []
        self.outcomes: list[tuple[list[int], StoreError | None]] = []
        self.threads: set[str] = set()
        self.before: Callable[[], None] = lambda: None
        self.level = "FULL"
        self.levels: list[object] = []
        self.when_full: Callable[[], bool] = lambda: False

    def durability(self, group: list[int]) -> str:
        return self.level

    def write(self, connection: apsw.Connection, group: list[int]) -> None:
        self.threads.add(threading.current_thread().name)
        self.levels.append(rows(connection, "PRAGMA synchronous")[0][0])
        self.before()
        for number in group:
            rows(connection, "INSERT INTO note VALUES (?)", (number,))
        self.written.append(list(group))

    def full(self) -> bool:
        return self.when_full()

    def settled(self, group: list[int], error: StoreError | None) -> None:
        self.threads.add(threading.current_thread().name)
        self.outcomes.append((group, error))

    async def hears(self, count: int) -> None:
        await until(lambda: sum(len(group) for group, _ in self.outcomes) >= count)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    connection = open_write(tmp_path / "x.db", ALARM)
    rows(connection, "CREATE TABLE note (number INTEGER PRIMARY KEY)")
    connection.close()
    return tmp_path / "x.db"


@pytest.fixture
def book() -> Notebook:
    return Notebook()


@pytest.fixture
async def writer(path: Path, book: Notebook) -> AsyncIterator[Writer[int]]:
    writer = Writer(open_write(path, ALARM), "test", book)
    yield writer
    await writer.close()


def held(go: threading.Event) -> None:
    go.wait(10)


def stored(path: Path) -> list[int]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    found = [number for (number,) in rows(connection, "SELECT number FROM note ORDER BY rowid")]
    connection.close()
    return found


async def test_what_comes_while_a_commit_runs_becomes_one_group(writer: Writer[int], book: Notebook) -> None:
    go = threading.Event()
    book.before = lambda: held(go)
    writer.put(0)
    await until(lambda: book.threads)  # the first group is being written
    for number in range(1, 1001):
        writer.put(number)
    go.set()
    await book.hears(1001)
    assert [len(group) for group in book.written] == [1, GROUP, 1000 - GROUP]
    assert [number for group in book.written for number in group] == list(range(1001))
    assert writer.groups == 3


async def test_a_group_lingers_for_company_but_not_when_it_is_urgent(path: Path, book: Notebook) -> None:
    writer = Writer(open_write(path, ALARM), "test", book, linger=2)
    for number in range(10):
        writer.put(number)
        await asyncio.sleep(0.002)
    await book.hears(10)
    assert book.written == [list(range(10))]
    loop = asyncio.get_running_loop()
    before = loop.time()
    writer.put(10)
    await asyncio.sleep(0.01)
    writer.put(11, urgent=True)
    await book.hears(12)
    assert loop.time() - before < 1.5
    assert book.written[1:] == [[10, 11]]
    for number in range(12, 12 + GROUP):
        writer.put(number)
    before = loop.time()
    await book.hears(12 + GROUP)
    assert loop.time() - before < 1.5
    await writer.close()


async def test_what_is_left_of_a_full_group_does_not_linger(path: Path, book: Notebook) -> None:
    writer = Writer(open_write(path, ALARM), "test", book, linger=5)
    for number in range(GROUP + 10):
        writer.put(number, urgent=True)
    loop = asyncio.get_running_loop()
    before = loop.time()
    await book.hears(GROUP + 10)
    assert loop.time() - before < 2
    await writer.close()


async def test_writing_happens_in_the_thread_and_settling_on_the_loop(writer: Writer[int], book: Notebook) -> None:
    writer.put(1)
    await book.hears(1)
    assert book.threads == {"store-test", threading.current_thread().name}


async def test_durability_is_chosen_group_by_group(writer: Writer[int], book: Notebook) -> None:
    for number, level in enumerate(("FULL", "NORMAL", "NORMAL", "FULL")):
        book.level = level
        writer.put(number)
        await book.hears(number + 1)
    assert book.levels == [2, 1, 1, 2]


async def test_an_error_of_sqlite_is_final(writer: Writer[int], book: Notebook, path: Path) -> None:
    writer.put(1)
    await book.hears(1)
    writer.put(2)
    writer.put(2)  # the key is taken: the group is rolled back whole
    await book.hears(3)
    _, error = book.outcomes[-1]
    assert error is not None and "UNIQUE constraint" in str(error)
    assert writer.failure is error
    with pytest.raises(StoreError, match="UNIQUE constraint"):
        writer.put(4)
    await writer.close()
    assert stored(path) == ([1, 2] if len(book.outcomes) == 3 else [1])


async def test_an_error_of_fsync_is_final(writer: Writer[int], book: Notebook) -> None:
    def broken() -> None:
        raise apsw.IOError("disk I/O error (fsync)")

    book.before = broken
    writer.put(1)
    await book.hears(1)
    book.before = lambda: None
    with pytest.raises(StoreError, match="fsync"):
        writer.put(2)


async def test_items_queued_behind_a_failure_settle_with_it(writer: Writer[int], book: Notebook) -> None:
    go = threading.Event()

    def broken() -> None:
        go.wait(10)
        raise apsw.CorruptError("database disk image is malformed")

    book.before = broken
    for number in range(GROUP + 10):
        writer.put(number)
    go.set()
    await book.hears(GROUP + 10)
    assert all(error is not None and "malformed" in str(error) for _, error in book.outcomes)


async def test_a_foreign_lock_is_waited_out(writer: Writer[int], book: Notebook, path: Path) -> None:
    foreign = apsw.Connection(str(path))
    rows(foreign, "BEGIN IMMEDIATE")
    connection = writer._connection
    connection.set_busy_timeout(10)
    writer.put(1)
    await until(lambda: writer.blocked)
    assert book.outcomes == []
    rows(foreign, "COMMIT")
    await book.hears(1)
    assert book.outcomes == [([1], None)]
    foreign.close()


async def test_closing_under_a_foreign_lock_tells_those_who_wait(
    writer: Writer[int], book: Notebook, path: Path
) -> None:
    foreign = apsw.Connection(str(path))
    rows(foreign, "BEGIN IMMEDIATE")
    writer._connection.set_busy_timeout(10)
    writer.put(1)
    await writer.close()
    assert [str(error) for _, error in book.outcomes if error] == [
        "closed while another program holds the file: database is locked"
    ]
    foreign.close()


async def test_close_commits_what_is_queued_and_refuses_more(writer: Writer[int], book: Notebook, path: Path) -> None:
    for number in range(2000):
        writer.put(number)
    await asyncio.gather(writer.close(), writer.close())
    assert stored(path) == list(range(2000))
    assert sum(len(group) for group, error in book.outcomes if error is None) == 2000
    with pytest.raises(StoreError, match="closed"):
        writer.put(1)


async def test_a_reader_in_the_middle_of_a_query_does_not_make_the_writer_wait(
    writer: Writer[int], book: Notebook, path: Path
) -> None:
    for number in range(100):
        writer.put(number)
    await book.hears(100)
    reading = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    cursor = reading.execute("SELECT number FROM note")
    assert next(cursor) == (0,)  # an open snapshot from here on
    writer._connection.set_busy_timeout(0)
    for number in range(100, 2000):
        writer.put(number)
    await book.hears(2000)
    assert all(error is None for _, error in book.outcomes)
    assert len(list(cursor)) == 99
    reading.close()


def fill(connection: apsw.Connection) -> None:
    """No page more than there are: every insert that needs one is SQLITE_FULL."""
    rows(connection, f"PRAGMA max_page_count={rows(connection, 'PRAGMA page_count')[0][0]}")


async def test_a_slow_disk_shows(writer: Writer[int], book: Notebook) -> None:
    go = threading.Event()
    book.before = lambda: held(go)
    assert writer.busy_ns == 0
    writer.put(1)
    await until(lambda: writer.busy_ns > 10_000_000)
    go.set()
    await book.hears(1)
    await until(lambda: writer.busy_ns == 0)


async def test_a_full_disk_gives_up_one_group_and_not_the_next(path: Path, book: Notebook) -> None:
    connection = open_write(path, ALARM)
    fill(connection)
    writer = Writer(connection, "test", book)
    for number in range(2000):
        writer.put(number)
    await book.hears(2000)
    assert any(isinstance(error, DiskFull) for _, error in book.outcomes)
    assert writer.failure is None
    rows(connection, "PRAGMA max_page_count=100000")
    writer.put(5000)
    await book.hears(2001)
    assert book.outcomes[-1] == ([5000], None)
    await writer.close()
    assert stored(path) == [n for group, error in book.outcomes if error is None for n in group]


async def test_a_full_disk_is_tried_again_when_room_was_made(path: Path, book: Notebook) -> None:
    connection = open_write(path, ALARM)
    fill(connection)

    def make_room() -> bool:
        rows(connection, "PRAGMA max_page_count=100000")
        return True

    book.when_full = make_room
    writer = Writer(connection, "test", book)
    for number in range(2000):
        writer.put(number)
    await writer.close()
    assert all(error is None for _, error in book.outcomes)
    assert stored(path) == list(range(2000))


async def test_a_full_disk_is_waited_out_by_who_must_not_drop(path: Path, book: Notebook) -> None:
    connection = open_write(path, ALARM)
    fill(connection)

    def wait() -> bool:
        raise DiskFull

    book.when_full = wait
    writer = Writer(connection, "test", book)
    for number in range(2000):
        writer.put(number)
    await until(lambda: writer.blocked)
    connection.pragma("max_page_count", 100000)
    await book.hears(2000)
    assert all(error is None for _, error in book.outcomes)
    assert not writer.blocked
    await writer.close()


async def test_closing_on_a_full_disk_ends(path: Path, book: Notebook) -> None:
    connection = open_write(path, ALARM)
    fill(connection)

    def wait() -> bool:
        raise DiskFull

    book.when_full = wait
    writer = Writer(connection, "test", book)
    for number in range(2000):
        writer.put(number)
    await until(lambda: writer.blocked)
    await asyncio.wait_for(writer.close(), 60)
    assert "closed while the disk is full" in str(book.outcomes[-1][1])
