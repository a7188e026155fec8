"""tele.db: the log of frames, packed, in group commits; what is kept aside; how far its readers have come."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path

import apsw
import msgspec

from gateway.clock import host_mono_ns
from gateway.model import SECOND, Frame, Instant, Layout, Quarantined
from gateway.store import aside, cursors
from gateway.store import layouts as layout_table
from gateway.store.aside import Aside, Unsent
from gateway.store.connection import DAMAGE, TELE, FileWatch, open_write, rows
from gateway.store.counters import Counters
from gateway.store.cursors import Saving
from gateway.store.damage import mark, set_aside
from gateway.store.entries import Entry, insert
from gateway.store.errors import CorruptRow, Damaged, DiskFull, StoreError
from gateway.store.history import History, Span, read_history
from gateway.store.layouts import LayoutTable
from gateway.store.logrows import END, LogReader, Neighbour, Slice, behind, frame_of, last_instant, latest
from gateway.store.packing import Flag
from gateway.store.readers import ReadPool
from gateway.store.reserve import SAMPLES_STOP, free_bytes
from gateway.store.writer import Writer

log = logging.getLogger(__name__)

_SOURCE, _ASKED = int(Flag.SOURCE), int(Flag.ASKED)
_ROWS_LIMIT = 8192
_BYTES_LIMIT = 16 << 20
LINGER = 0.02
_SYNC_NS = 5 * SECOND
_REPLAY_ROWS = 1000


_Item = Entry | Aside | Unsent | Saving


class Samples:
    """The log of frames. `on_stored` is called on the loop's thread with each frame after its COMMIT (and accept()).

    A group that holds a frame with `accept` is committed with synchronous=FULL, a purely polled one with NORMAL: what
    is committed survives any death of the process, but a power cut takes all since the last sync (E1: 4,540 of 4,540).
    So a polled group is synced too once 5 s of host time have gone by without one.
    There is no retention yet: tele.db grows until less than 64 MiB of its disk are free, which are kept for alarms.
    From then on samples are dropped, newest first, and counted, and accepted all the same: they were judged, and
    a broker that waits for an acknowledgement would hold back the next alarm behind what nobody can keep.
    """

    def __init__(self, path: Path, connection: apsw.Connection, linger: float) -> None:
        self._table = LayoutTable()
        self._table.load(connection)
        self._last = last_instant(connection)
        self._position: int = rows(connection, "SELECT ifnull(max(position), 0) FROM log")[0][0]
        self._readers = ReadPool(path)
        self._path = path
        self._watch = FileWatch(path)
        self._stored_layouts = {number for number, _ in self._table.packings()}
        self._quarantine = aside.quarantine_shelf(connection)
        self._unsent = aside.unsent_shelf(connection)
        self._reading = threading.Lock()
        self._reader = LogReader()
        self._open: dict[int, None] = {}  # reserved and not settled, lowest first
        self._queued = 0
        self._queued_samples = 0
        self._bytes = 0
        self._synced_ns = host_mono_ns()
        self._room: asyncio.Future[None] | None = None
        self.counters = Counters()
        self.set_aside: Path | None = None
        self.full_disk = False  # the newest group was dropped for want of space
        self.on_stored: Callable[[Frame], None] | None = None
        self.on_failure: Callable[[StoreError], None] | None = None
        self._writer: Writer[_Item] = Writer(connection, "tele", self, linger)

    @classmethod
    def open(cls, path: Path, linger: float = LINGER) -> Samples:
        """Open or make the file. StoreError when it is foreign, newer than this version, or cannot be written.

        `linger` (host seconds) is how long a polled frame may wait for others to share its transaction: the longer,
        the fewer bytes are written, and the more frames a sudden death takes with it.
        A damaged one is set aside under another name (`set_aside`) and a new one begun: samples may be lost, and the
        gateway must judge. So is one in which the last run met damage while writing.
        """
        aside = None
        if mark(path).exists():
            aside = set_aside(path)
            mark(path).unlink()
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
        """Frames and messages handed in and not yet committed."""
        return self._queued

    @property
    def queued_samples(self) -> int:
        """The samples in them (a message counts as one): what `received` is ahead of all that is settled."""
        return self._queued_samples

    @property
    def evicted(self) -> int:
        """Messages that the quarantine has let go for newer ones since the file was made."""
        return self._quarantine.evicted

    def reserve(self) -> int:
        """The next log position."""
        self._position += 1
        self._open[self._position] = None
        return self._position

    def horizon(self) -> int:
        """No row will appear at this position or below it any more: a reader that passes it misses nothing.

        A frame that changed an alarm waits for the journal, and later ones are committed before it.
        """
        lowest = next(iter(self._open), None)
        return self._position if lowest is None else lowest - 1

    def give_up(self, position: int) -> None:
        """Wait no longer for a position that was reserved and never used: judging its frame failed."""
        self._open.pop(position, None)

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
        flags = int(frame.kind) if source is None else int(frame.kind) | _SOURCE
        if frame.accept is not None:
            flags |= _ASKED
        time_ns = at.wall_ns if source is None else source
        flags, blob = packing.pack(position, frame.values, frame.quality, flags)
        device = self._table.number_of(frame.layout.device) or 0
        row = (position, device, time_ns, at.wall_ns - time_ns, at.mono_ns, packing.number, flags, blob)
        self._writer.put(Entry(row, frame, packing.number, device), urgent=frame.accept is not None)
        return self._queue(len(frame.values), len(blob))

    def quarantine(self, item: Quarantined, accept: Callable[[], None]) -> Awaitable[None] | None:
        """Keep a message that is no sample; `accept` is called after its COMMIT. Counts as one sample received.

        The newest 10,000 messages and 16 MiB are kept. An awaitable is given when the queue is full, as by `append`.
        """
        kept = aside.aside_of(item, accept)
        self._writer.put(kept, urgent=True)
        return self._queue(1, kept.size)

    def count(self, duplicate: int = 0, unchanged: int = 0, dropped: int = 0) -> None:
        """Samples that were received and get no row."""
        counters = self.counters
        counters.received += duplicate + unchanged + dropped
        counters.duplicate += duplicate
        counters.unchanged += unchanged
        counters.dropped += dropped

    def keep_unsent(self, lines: Unsent) -> None:
        """Keep lines that the historian's target refuses. They are in the log already, and so are not counted here."""
        self._writer.put(lines)
        self._queue(0, lines.size)

    async def save_cursor(self, name: str, text: str) -> None:
        """Keep a text under a name, returning after its COMMIT; StoreError when that fails.

        It is as durable as the polled rows before it and never more so: a power cut may bring an older text back,
        but no text ever outlives the rows that it speaks of.
        """
        done = asyncio.get_running_loop().create_future()
        self._writer.put(Saving(name, text, done))
        await done

    def cursor(self, name: str) -> str | None:
        """What was saved under a name last; from any thread."""
        with self._readers.connection() as connection:
            return cursors.saved(connection, name)

    def _queue(self, samples: int, size: int) -> Awaitable[None] | None:
        self.counters.received += samples
        self._queued_samples += samples
        self._queued += 1
        self._bytes += size
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
            while stored := behind(connection, after, END, _REPLAY_ROWS):
                for row in stored:
                    try:
                        frame = frame_of(table, row)
                    except CorruptRow as damage:
                        if damaged is None:
                            raise
                        damaged(damage)
                    else:
                        yield row[0], frame
                after = stored[-1][0]

    def read(self, after: int, limit: int, until: int = END) -> Slice:
        """At most `limit` rows behind a position and not behind `until`; blocks, for a reading thread."""
        with self._reading, self._readers.connection() as connection:
            return self._reader.read(connection, after, limit, until)

    def recent(self, device: str, limit: int) -> list[Frame]:
        """The newest stored frames of a device, newest first by position; blocks, for a reading thread."""
        with self._reading, self._readers.connection() as connection:
            return self._reader.recent(connection, device, limit)

    def neighbours(self, device: str, from_ns: int, to_ns: int, before: int, limit: int) -> list[Neighbour]:
        """Rows of a device with a time in [from, to] and a position below `before`, in order of position; blocks."""
        with self._reading, self._readers.connection() as connection:
            return self._reader.neighbours(connection, (device, from_ns, to_ns, before, limit))

    def latest(self, device: str, from_ns: int, to_ns: int, before: int) -> int | None:
        """The latest time of these rows; None when there are none. Blocks."""
        with self._readers.connection() as connection:
            return latest(connection, (device, from_ns, to_ns, before))

    def quarantined(self, limit: int) -> list[tuple[int, Quarantined]]:
        """The newest messages kept aside, newest first, with their numbers; from any thread."""
        with self._readers.connection() as connection:
            return aside.quarantined(connection, limit)

    def unsent(self, limit: int) -> list[tuple[int, Unsent]]:
        """The newest lines that the historian could not deliver, newest first; from any thread."""
        with self._readers.connection() as connection:
            return aside.unsent(connection, limit)

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

    def durability(self, group: list[_Item]) -> str:
        now = host_mono_ns()
        if now - self._synced_ns < _SYNC_NS and all(item.accept is None for item in group):
            return "NORMAL"
        self._synced_ns = now
        return "FULL"

    def write(self, connection: apsw.Connection, group: list[_Item]) -> None:
        self._watch.check()
        if free_bytes(self._path.parent) < SAMPLES_STOP:
            raise DiskFull("what is left is kept for alarms")
        entries = [item for item in group if type(item) is Entry]
        self._write_entries(connection, entries)
        if len(entries) < len(group):
            self._write_others(connection, group)

    def _write_entries(self, connection: apsw.Connection, group: list[Entry]) -> None:
        # until a group with it is known to be committed, a layout goes with each group that needs it
        new = {entry.number: entry for entry in group if entry.number not in self._stored_layouts}
        for number, entry in new.items():
            layout_table.store(connection, entry.frame.layout, number, entry.device)
        insert(connection, [entry.row for entry in group])

    def _write_others(self, connection: apsw.Connection, group: list[_Item]) -> None:
        if strangers := [(item.size, item.row) for item in group if type(item) is Aside]:
            self._quarantine.put(connection, strangers)
        if refused := [(item.size, tuple(item)) for item in group if type(item) is Unsent]:
            self._unsent.put(connection, refused)
        for item in group:
            if type(item) is Saving:
                cursors.save(connection, item)

    def full(self) -> bool:
        return False

    def settled(self, group: list[_Item], error: StoreError | None) -> None:
        entries = [item for item in group if type(item) is Entry]
        samples = sum(len(entry.frame.values) for entry in entries)
        strangers = sum(type(item) is Aside for item in group)
        for entry in entries:
            self._open.pop(entry.row[0], None)
        self._queued -= len(group) - sum(type(item) is Saving for item in group)
        self._queued_samples -= samples + strangers
        self._bytes -= sum(item.size for item in group if not isinstance(item, Saving))
        if error is None:
            self.counters.stored += samples
            self.counters.quarantined += strangers
            self._stored_layouts.update(entry.number for entry in entries)
        else:
            self.counters.dropped += samples + strangers
            self._tell_failure(error)
        for item in group:
            if isinstance(item, Saving):
                item.settle(error)
            elif error is None or isinstance(error, DiskFull):
                self._announce(item, stored=error is None)
        self.full_disk = isinstance(error, DiskFull)
        if self._room is not None and not self._room.done() and (error or self._queued < _ROWS_LIMIT // 2):
            self._room.set_result(None)

    def _tell_failure(self, error: StoreError) -> None:
        if self.failure is not None:
            if isinstance(error.__cause__, DAMAGE):
                mark(self._path).touch(mode=0o600)
            if self.on_failure is not None:
                self.on_failure(error)

    def _announce(self, item: Entry | Aside | Unsent, stored: bool) -> None:
        """It is durable, or dropped by policy. What others do with that must not keep the rest of the group from it."""
        try:
            if (accept := item.accept) is not None:
                accept()
        except Exception:
            log.exception("accepting what came from %s", item.origin)
        try:
            if stored and self.on_stored is not None and isinstance(item, Entry):
                self.on_stored(item.frame)
        except Exception:
            log.exception("after the commit of a frame of %s", item.origin)
