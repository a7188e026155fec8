"""The journal's chain: every event's row carries a hash over itself and the one before."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import apsw

from gateway.store.connection import open_read, rows
from gateway.store.errors import StoreError
from gateway.store.records import GENESIS, EventRow, chained

COLUMNS = "seq, mono_ns, wall_ns, kind, occurrence, rule, source, by, body"
_INSERT = f"INSERT INTO event ({COLUMNS}, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants


def head(connection: apsw.Connection) -> tuple[int, bytes]:
    """The number and the hash of the newest event."""
    for seq, mark in rows(connection, "SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1"):
        return seq, mark
    return 0, GENESIS


def extend(connection: apsw.Connection, events: Iterable[EventRow]) -> None:
    """Append events. A number that does not follow the last one is refused: the journal has the engine's order."""
    seq, mark = head(connection)
    for row in events:
        if row[0] <= seq:
            raise ValueError(f"event {row[0]} does not follow event {seq}")
        seq, mark = row[0], chained(mark, row)
        rows(connection, _INSERT, (*row, mark))


def verify(connection: apsw.Connection, last: int | None = None) -> tuple[int, bytes]:
    """Check the whole chain, or the `last` events; the head when it holds, StoreError naming the first bad event."""
    first = 0
    if last is not None:
        first = max(head(connection)[0] - last, 0)
    before = rows(connection, "SELECT hash FROM event WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (first,))
    seq, mark = first, (before[0][0] if before else GENESIS)
    cursor = connection.execute(
        f"SELECT {COLUMNS}, hash FROM event WHERE seq > ? ORDER BY seq",  # noqa: S608 - constants
        (first,),
    )
    for *row, stored in cursor:
        seq, mark = row[0], chained(mark, tuple(row))
        if mark != stored:
            raise StoreError(f"the journal's event {seq} or the one before it was changed or taken out")
    return seq, mark


def verify_file(path: Path) -> tuple[int, bytes]:
    """Check the chain of an alarm.db that may be in use; the number and hash of its last event.

    Rows cut off the end cannot show in the chain: compare the head with one that was noted down elsewhere.
    """
    connection = open_read(path)
    try:
        return verify(connection)
    except apsw.Error as error:
        raise StoreError(f"cannot read {path}: {error}") from error
    finally:
        connection.close()
