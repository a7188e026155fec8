"""Stored frames read once more: those of some devices over a span of time, in the order in which they were judged.

A frame is found by the label of its receipt. Where that was set back within the span, both passages are in it (of all
devices at once only if it was by less than an hour). Records of history are left out unless asked for: they are
never current.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import apsw

from gateway.model import SECOND, Frame, FrameKind, Instant, Layout
from gateway.store.connection import rows
from gateway.store.errors import CorruptRow
from gateway.store.layouts import LayoutTable
from gateway.store.logrows import END, LogRow, behind, frame_of
from gateway.store.readers import ReadPool

_AT_ONCE = 1000
_APART_NS = 3600 * SECOND
"""A live frame's own time and its receipt lie closer together than this."""
_POSITIONS = (
    "SELECT position FROM log WHERE device = (SELECT id FROM device WHERE name = ?) AND time_ns >= ? AND time_ns <= ?"
)
_BEFORE = (
    "SELECT position FROM log WHERE device = (SELECT id FROM device WHERE name = ?) AND time_ns < ?"
    " ORDER BY time_ns DESC LIMIT ?"
)
_NAMED = (
    "SELECT position, time_ns, late_ns, mono_ns, layout, flags, blob FROM log"
    " WHERE position IN (SELECT value FROM json_each(?)) ORDER BY position"
)
_RECEIVED = "SELECT position, time_ns + late_ns FROM log WHERE position >= ? ORDER BY position LIMIT 1"
_ENDS = "SELECT mono_ns, time_ns + late_ns FROM log WHERE position = (SELECT {}(position) FROM log)"


class StoredFrames:
    """tele.db for one reading thread; close it when done. `damaged` counts the rows that could not be read.

    A live layout of `layouts` stands for a stored one of equal content. StoreError when the file cannot be read.
    """

    def __init__(self, path: Path, layouts: Iterable[Layout] = ()) -> None:
        self._pool = ReadPool(path)
        self._layouts = tuple(layouts)
        self.damaged = 0

    def span(self) -> tuple[Instant, Instant] | None:
        """When the first and the last stored frame were received; None when nothing is stored."""
        with self._pool.connection() as connection:
            ends = [rows(connection, _ENDS.format(which)) for which in ("min", "max")]
        if not ends[0]:
            return None
        first, last = (Instant(*found[0]) for found in ends)
        return first, last

    def frames(
        self, from_wall_ns: int, to_wall_ns: int, devices: Collection[str] | None = None, *, history: bool = False
    ) -> Iterator[tuple[int, Frame]]:
        """(position, frame) of what was received in [from, to], of these devices or of all, by position.

        `history`: also the records of times past that were received then; with `devices` only those not older than an
        hour.
        """
        with self._pool.connection() as connection:
            table = self._table(connection)
            if devices is None:
                stored = self._all(connection, from_wall_ns, to_wall_ns)
            else:
                stored = self._of(connection, from_wall_ns, to_wall_ns, devices)
            for row in stored:
                if not from_wall_ns <= row[1] + row[2] <= to_wall_ns:
                    continue
                frame = self._frame(table, row)
                if frame is not None and (history or frame.kind is not FrameKind.HISTORY):
                    yield row[0], frame

    def before(self, device: str, wall_ns: int, limit: int) -> list[tuple[int, Frame]]:
        """The newest `limit` frames of a device that are of a time before this one, by position; no history."""
        with self._pool.connection() as connection:
            table = self._table(connection)
            found = [position for (position,) in rows(connection, _BEFORE, (device, wall_ns, limit))]
            frames = [(row[0], self._frame(table, row)) for row in _named(connection, found)]
        return [
            (position, frame)
            for position, frame in frames
            if frame is not None and frame.kind is not FrameKind.HISTORY and frame.at.wall_ns < wall_ns
        ]

    def close(self) -> None:
        self._pool.close()

    def _table(self, connection: apsw.Connection) -> LayoutTable:
        table = LayoutTable(self._layouts)
        table.load(connection)
        return table

    def _frame(self, table: LayoutTable, row: LogRow) -> Frame | None:
        try:
            return frame_of(table, row)
        except CorruptRow:
            self.damaged += 1
            return None

    def _all(self, connection: apsw.Connection, from_ns: int, to_ns: int) -> Iterator[LogRow]:
        """Rows by position from an hour before the span to an hour behind it."""
        after = _first_received(connection, from_ns - _APART_NS) - 1
        until = _first_received(connection, to_ns + _APART_NS)
        while found := behind(connection, after, until, _AT_ONCE):
            yield from found
            after = found[-1][0]

    def _of(self, connection: apsw.Connection, from_ns: int, to_ns: int, devices: Collection[str]) -> Iterator[LogRow]:
        """By the index of device and time: positions alone are small, and in order only when all are there."""
        positions = array("q")
        for device in devices:
            asked = (device, from_ns - _APART_NS, to_ns + _APART_NS)
            positions.extend(position for (position,) in rows(connection, _POSITIONS, asked))
        ordered = sorted(positions)
        for start in range(0, len(ordered), _AT_ONCE):
            yield from _named(connection, ordered[start : start + _AT_ONCE])


def _named(connection: apsw.Connection, positions: Iterable[int]) -> list[LogRow]:
    return rows(connection, _NAMED, (json.dumps(list(positions)),))


def _first_received(connection: apsw.Connection, wall_ns: int) -> int:
    """The lowest position received at this label or later, by halving; END when there is none."""
    ends = rows(connection, "SELECT min(position), max(position) FROM log")[0]
    if ends[0] is None:
        return END
    low, high = ends[0], ends[1] + 1
    while low < high:
        middle = (low + high) // 2
        found = rows(connection, _RECEIVED, (middle,))
        if not found or found[0][1] >= wall_ns:
            high = middle
        else:
            low = found[0][0] + 1
    return int(low)
