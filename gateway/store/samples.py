"""tele.db: the log of frames, packed, in group commits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import apsw
import msgspec

from gateway.clock import host_mono_ns
from gateway.model import SECOND, Frame, FrameKind, Instant, Layout
from gateway.store import layouts as layout_table
from gateway.store.connection import DAMAGE, TELE, FileWatch, open_write, rows
from gateway.store.errors import CorruptRow, Damaged, DiskFull, StoreError
from gateway.store.history import History, Span, read_history
from gateway.store.layouts import LayoutTable
from gateway.store.packing import Flag
from gateway.store.readers import ReadPool
from gateway.store.reserve import SAMPLES_STOP, free_bytes
from gateway.store.writer import GROUP, Writer

log = logging.getLogger(__name__)

_COLUMNS = 8
_ROWS_LIMIT = 8192
_BYTES_LIMIT = 16 << 20
LINGER = 0.02
_SYNC_NS = 5 * SECOND
_REPLAY_ROWS = 1000


@dataclass(slots=True)
class Counters:
    """Samples since start. received = stored + unchanged + duplicate + quarantined + dropped + those still queued."""

    received: int = 0
    stored: int = 0
    unchanged: int = 0
    duplicate: int = 0
    quarantined: int = 0
    dropped: int = 0

    @property
    def settled(self) -> int:
        return self.stored + self.unchanged + self.duplicate + self.quarantined + self.dropped


class _Entry(NamedTuple):
    row: tuple[int, int, int, int, int, int, int, bytes]
    frame: Frame
    number: int
    device: int


class Samples:
    """The log of frames. `on_stored` is called on the loop's thread with each frame after its COMMIT (and accept()).

    A group that holds a frame with `accept` is committed with synchronous=FULL, a purely polled one with NORMAL: what
    is committed survives any death of the process, but a power cut takes all since the last sync (E1: 4,540 of 4,540).
    So a polled group is synced too once 5 s of host time have gone by without one.
    There is no retention yet: tele.db grows until less than 64 MiB of its disk are free, which are kept for alarms.
    From then on samples are dropped, newest first, and counted, and what asked for an acknowledgement gets none.
    """

    def __init__(self, path: Path, connection: apsw.Connection, linger: float) -> None:
        self._table = LayoutTable()
        self._table.load(connection)
        self._last = _last_instant(connection)
        self._position: int = rows(connection, "SELECT ifnull(max(position), 0) FROM log")[0][0]
        self._readers = ReadPool(path)
        self._path = path
        self._watch = FileWatch(path)
        self._stored_layouts = {number for number, _ in self._table.packings()}
        self._queued = 0
        self._bytes = 0
        self._synced_ns = host_mono_ns()
        self._room: asyncio.Future[None] | None = None
        self.counters = Counters()
        self.set_aside: Path | None = None
        self.full_disk = False  # the newest group was dropped for want of space
        self.on_stored: Callable[[Frame], None] | None = None
        self.on_failure: Callable[[StoreError], None] | None = None
        self._writer: Writer[_Entry] = Writer(connection, "tele", self, linger)

    @classmethod
    def open(cls, path: Path, linger: float = LINGER) -> Samples:
        """Open or make the file. StoreError when it is foreign, newer than this version, or cannot be written.

        `linger` (host seconds) is how long a polled frame may wait for others to share its transaction: the longer,
        the fewer bytes are written, and the more frames a sudden death takes with it.
        A damaged one is set aside under another name (`set_aside`) and a new one begun: samples may be lost, and the
        gateway must judge. So is one in which the last run met damage while writing.
        """
        aside = None
        if _mark(path).exists():
            aside = set_aside(path)
            _mark(path).unlink()
        try:
            return cls._opened(path, aside, linger)
        except Damaged as damage:
            log.error("%s", damage)
            return cls._opened(path, set_aside(path), linger)

    @classmethod
    def _opened(cls, path: Path, aside: Path | None, linger: float) -> Samples:
        connection = open_write(path, TELE)
        try:
            samples = cls(path, connection, linger)
        except (*DAMAGE, msgspec.MsgspecError) as error:
            connection.close()
            raise Damaged(f"{path} is damaged: {error}") from error
        except apsw.Error as error:
            connection.close()
            raise StoreError(f"cannot read {path}: {error}") from error
        except StoreError:
            connection.close()
            raise
        samples.set_aside = aside
        return samples

    @property
    def failure(self) -> StoreError | None:
        return self._writer.failure

    @property
    def busy_ns(self) -> int:
        """Host time that the present transaction has taken so far: a slow or dying disk shows here first."""
        return self._writer.busy_ns

    @property
    def blocked(self) -> bool:
        """Another program holds the file; frames wait."""
        return self._writer.blocked

    @property
    def queued(self) -> int:
        """Frames appended and not yet committed."""
        return self._queued

    def reserve(self) -> int:
        """The next log position."""
        self._position += 1
        return self._position

    @property
    def position(self) -> int:
        """The position reserved last."""
        return self._position

    def raise_floor(self, position: int) -> None:
        """Never reserve `position` or below: the journal knows it, though the log may have lost its row."""
        self._position = max(self._position, position)

    def append(self, position: int, frame: Frame) -> Awaitable[None] | None:
        """Queue a frame for the next group. An awaitable is given only when the queue is full: await it before more."""
        packing = self._table.of(frame.layout)
        at, source = frame.at, frame.source_ns
        flags = int(frame.kind) if source is None else int(frame.kind) | Flag.SOURCE
        time_ns = at.wall_ns if source is None else source
        flags, blob = packing.pack(position, frame.values, frame.quality, flags)
        device = self._table.number_of(frame.layout.device) or 0
        row = (position, device, time_ns, at.wall_ns - time_ns, at.mono_ns, packing.number, flags, blob)
        self._writer.put(_Entry(row, frame, packing.number, device), urgent=frame.accept is not None)
        self.counters.received += len(frame.values)
        self._queued += 1
        self._bytes += len(blob)
        if self._queued < _ROWS_LIMIT and self._bytes < _BYTES_LIMIT:
            return None
        if self._room is None or self._room.done():
            self._room = asyncio.get_running_loop().create_future()
        return asyncio.shield(self._room)

    def replay(
        self, after: int, layouts: Iterable[Layout] = (), damaged: Callable[[CorruptRow], None] | None = None
    ) -> Iterator[tuple[int, Frame]]:
        """Frames behind a position, in order. A live layout of `layouts` stands for a stored one of equal content.

        A damaged row is left out and told to `damaged`; without that it ends the replay as CorruptRow.
        """
        table = self._table
        table.use(layouts)
        with self._readers.connection() as connection:
            table.load(connection)
            while stored := rows(connection, _REPLAY, (after, _REPLAY_ROWS)):
                for row in stored:
                    try:
                        frame = _frame(table, row)
                    except CorruptRow as damage:
                        if damaged is None:
                            raise
                        damaged(damage)
                    else:
                        yield row[0], frame
                after = stored[-1][0]

    def history(self, device: str, point: str, from_wall_ns: int, to_wall_ns: int, max_points: int) -> History:
        """What a point did in [from, to), in at most `max_points` pieces; from any thread, never blocks the writer."""
        with self._readers.connection() as connection:
            return read_history(connection, Span(device, point, from_wall_ns, to_wall_ns, max_points))

    def last_instant(self) -> Instant | None:
        """The last moment that the log knew when it was opened."""
        return self._last

    async def close(self) -> None:
        """Commit what is queued and close the file."""
        self._readers.close()  # first: only a writing connection that is the last one empties the WAL
        await self._writer.close()

    def durability(self, group: list[_Entry]) -> str:
        now = host_mono_ns()
        if now - self._synced_ns < _SYNC_NS and not any(entry.frame.accept is not None for entry in group):
            return "NORMAL"
        self._synced_ns = now
        return "FULL"

    def write(self, connection: apsw.Connection, group: list[_Entry]) -> None:
        self._watch.check()
        if free_bytes(self._path.parent) < SAMPLES_STOP:
            raise DiskFull("what is left is kept for alarms")
        # until a group with it is known to be committed, a layout goes with each group that needs it
        new = {entry.number: entry for entry in group if entry.number not in self._stored_layouts}
        for number, entry in new.items():
            layout_table.store(connection, entry.frame.layout, number, entry.device)
        start = 0
        for size in _chunks(len(group)):
            values: list[object] = []
            for entry in group[start : start + size]:
                values += entry.row
            rows(connection, _insert(size), values)
            start += size

    def full(self) -> bool:
        return False

    def settled(self, group: list[_Entry], error: StoreError | None) -> None:
        self._queued -= len(group)
        self._bytes -= sum(len(entry.row[-1]) for entry in group)
        samples = sum(len(entry.frame.values) for entry in group)
        if error is None:
            self.counters.stored += samples
            self._stored_layouts.update(entry.number for entry in group)
            for entry in group:
                self._announce(entry.frame)
        else:
            self.counters.dropped += samples
            if self.failure is not None:
                if isinstance(error.__cause__, DAMAGE):
                    _mark(self._path).touch(mode=0o600)
                if self.on_failure is not None:
                    self.on_failure(error)
        self.full_disk = isinstance(error, DiskFull)
        if self._room is not None and not self._room.done() and (error or self._queued < _ROWS_LIMIT // 2):
            self._room.set_result(None)

    def _announce(self, frame: Frame) -> None:
        """The frame is durable. What others do with that must not keep the rest of the group from hearing it."""
        try:
            if frame.accept is not None:
                frame.accept()
        except Exception:
            log.exception("accepting a frame of %s", frame.layout.device)
        try:
            if self.on_stored is not None:
                self.on_stored(frame)
        except Exception:
            log.exception("after the commit of a frame of %s", frame.layout.device)


def _mark(path: Path) -> Path:
    return path.with_name(path.name + ".damaged")


def set_aside(path: Path) -> Path:
    """Give a damaged file and its log another name, for somebody to look at; the first free one."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        old = path.with_name(path.name + suffix)
        if old.exists():
            old.rename(aside.with_name(aside.name + suffix))
    return aside


def _frame(table: LayoutTable, row: tuple[int, int, int, int, int, int, bytes]) -> Frame:
    position, time_ns, late_ns, mono_ns, number, flags, blob = row
    packing = table.numbered(number)
    values, quality = packing.unpack(position, flags, blob)
    return Frame(
        layout=packing.layout,
        values=values,
        at=Instant(mono_ns, time_ns + late_ns),
        quality=quality,
        source_ns=time_ns if flags & Flag.SOURCE else None,
        kind=FrameKind(flags & Flag.KIND),
    )


_REPLAY = (
    "SELECT position, time_ns, late_ns, mono_ns, layout, flags, blob FROM log"
    " WHERE position > ? ORDER BY position LIMIT ?"
)
_LAST = (
    "SELECT mono_ns, time_ns + late_ns FROM (SELECT * FROM log ORDER BY position DESC LIMIT 2000)"
    " ORDER BY 1 DESC LIMIT 1"
)


def _last_instant(connection: apsw.Connection) -> Instant | None:
    for mono_ns, wall_ns in rows(connection, _LAST):
        return Instant(mono_ns, wall_ns)
    return None


@cache
def _chunks(count: int) -> tuple[int, ...]:
    """Powers of two that make `count`: few statements and all of them in SQLite's cache."""
    sizes = []
    size = GROUP
    while count:
        while size <= count:
            sizes.append(size)
            count -= size
        size //= 2
    return tuple(sizes)


@cache
def _insert(count: int) -> str:
    """One statement for many rows. SQLite gives the GIL back for each statement, and while the loop is busy it takes
    5 ms to get it again: row by row 1,188 rows/s were written beside a busy thread, 128 at a time 15,938."""
    one = "(" + ",".join("?" * _COLUMNS) + ")"
    return _INSERT + ",".join([one] * count)


_INSERT = "INSERT INTO log (position, device, time_ns, late_ns, mono_ns, layout, flags, blob) VALUES "
