"""The log's rows as frames again: a slice behind a position, the newest of a device, the last moment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import apsw

from gateway.model import Frame, FrameKind, Instant, Layout
from gateway.store.connection import rows
from gateway.store.errors import CorruptRow
from gateway.store.layouts import LayoutTable
from gateway.store.packing import Flag

LogRow = tuple[int, int, int, int, int, int, bytes]

_COLUMNS = "position, time_ns, late_ns, mono_ns, layout, flags, blob"
# only constants are put together here, never a value
_BEHIND = f"SELECT {_COLUMNS} FROM log WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"  # noqa: S608
_LAST = (
    "SELECT mono_ns, time_ns + late_ns FROM (SELECT * FROM log ORDER BY position DESC LIMIT 2000)"
    " ORDER BY 1 DESC LIMIT 1"
)
_ASKED = f"SELECT position FROM log WHERE device = ? AND flags & {int(Flag.ASKED)} ORDER BY position DESC LIMIT ?"  # noqa: S608
_LATEST = "SELECT position FROM log WHERE device = ? ORDER BY time_ns DESC LIMIT ?"
_NAMED = f"SELECT {_COLUMNS} FROM log WHERE position IN (SELECT value FROM json_each(?)) ORDER BY position DESC"  # noqa: S608
_NEIGHBOURS = (
    "SELECT position, time_ns, layout FROM log WHERE device = (SELECT id FROM device WHERE name = ?)"
    " AND time_ns >= ? AND time_ns <= ? AND position < ? ORDER BY position LIMIT ?"
)
_LATEST_OF = (
    "SELECT time_ns FROM log WHERE device = (SELECT id FROM device WHERE name = ?)"
    " AND time_ns >= ? AND time_ns <= ? AND position < ? ORDER BY time_ns DESC LIMIT 1"
)
END = 2**63 - 1


class Neighbour(NamedTuple):
    """A row near another one in time."""

    position: int
    time_ns: int
    layout: Layout


def latest(connection: apsw.Connection, asked: tuple[str, int, int, int]) -> int | None:
    """(device, from, to, before) → the latest time of a device's rows in [from, to] and below that position."""
    for (time_ns,) in rows(connection, _LATEST_OF, asked):
        found: int = time_ns
        return found
    return None


def behind(connection: apsw.Connection, after: int, until: int, limit: int) -> list[LogRow]:
    return rows(connection, _BEHIND, (after, until, limit))


def frame_of(table: LayoutTable, row: LogRow) -> Frame:
    """CorruptRow when the row does not hold what was written."""
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


def last_instant(connection: apsw.Connection) -> Instant | None:
    for mono_ns, wall_ns in rows(connection, _LAST):
        return Instant(mono_ns, wall_ns)
    return None


@dataclass(frozen=True, slots=True)
class Slice:
    """A piece of the log: its frames by position, and the last position looked at, be that one damaged or not.

    `until` equals the `after` that was asked for when nothing stands behind it yet.
    """

    frames: tuple[tuple[int, Frame], ...]
    until: int
    damaged: int


class LogReader:
    """Reads on behalf of one thread at a time. It meets layouts as they come, beside the writer's own table."""

    def __init__(self) -> None:
        self._table = LayoutTable()

    def read(self, connection: apsw.Connection, after: int, limit: int, until: int) -> Slice:
        found = behind(connection, after, until, limit)
        frames = tuple(self._frames(connection, found))
        return Slice(frames, found[-1][0] if found else after, len(found) - len(frames))

    def recent(self, connection: apsw.Connection, device: str, limit: int) -> list[Frame]:
        """The newest frames of a device, newest first by position: of those that were asked for exactly; polled ones
        are found by time, and so one stored before the clock was set back may come in place of a newer one."""
        stored = rows(connection, "SELECT id FROM device WHERE name = ?", (device,))
        if not stored:
            return []
        number = stored[0][0]
        found = {position for sql in (_ASKED, _LATEST) for (position,) in rows(connection, sql, (number, limit))}
        newest = sorted(found, reverse=True)[:limit]
        return [frame for _, frame in self._frames(connection, rows(connection, _NAMED, (json.dumps(newest),)))]

    def neighbours(self, connection: apsw.Connection, asked: tuple[str, int, int, int, int]) -> list[Neighbour]:
        """(device, from, to, before, limit) → rows; those of a damaged layout are left out."""
        found = []
        for position, time_ns, number in rows(connection, _NEIGHBOURS, asked):
            table = self._knowing(connection, number)
            if number in table:
                found.append(Neighbour(position, time_ns, table.numbered(number).layout))
        return found

    def _frames(self, connection: apsw.Connection, found: Iterable[LogRow]) -> Iterator[tuple[int, Frame]]:
        """The rows as frames; damaged ones are left out."""
        for row in found:
            try:
                yield row[0], frame_of(self._knowing(connection, row[4]), row)
            except CorruptRow:
                continue

    def _knowing(self, connection: apsw.Connection, number: int) -> LayoutTable:
        """The table, read again when it lacks a layout: after a full disk a low number may be stored late."""
        if number not in self._table:
            self._table = LayoutTable()
            self._table.load(connection)
        return self._table
