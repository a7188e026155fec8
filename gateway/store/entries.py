"""Frames on their way into the log: the row of each, and the statement that writes many at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import apsw

from gateway.model import Frame
from gateway.store.connection import rows
from gateway.store.writer import GROUP

_COLUMNS = 8
_Row = tuple[int, int, int, int, int, int, int, bytes]


class Entry(NamedTuple):
    """A frame with its row. `number` is its layout's, `device` its device's."""

    row: _Row
    frame: Frame
    number: int
    device: int

    @property
    def size(self) -> int:
        return len(self.row[-1])

    @property
    def accept(self) -> Callable[[], None] | None:
        return self.frame.accept

    @property
    def origin(self) -> str:
        return self.frame.layout.device


def insert(connection: apsw.Connection, entries: list[_Row]) -> None:
    """Write rows in few statements."""
    start = 0
    for size in _chunks(len(entries)):
        values: list[object] = []
        for entry in entries[start : start + size]:
            values += entry
        rows(connection, _insert(size), values)
        start += size


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
