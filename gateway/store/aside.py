"""What is kept aside in tele.db, bounded: messages that are no samples, and lines that no historian takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import apsw

from gateway.model import Instant, Quarantined
from gateway.store.connection import rows

ROWS = 10_000
BYTES = 16 << 20

_END = 2**63 - 1
_QUARANTINE = "mono_ns, wall_ns, link, topic, reason, message, payload"
_UNSENT = "wall_ns, reason, message, lines, text"


class Aside(NamedTuple):
    """A message on its way into the quarantine."""

    row: tuple[int, int, str, str, str, str, bytes]
    size: int
    accept: Callable[[], None]

    @property
    def origin(self) -> str:
        return self.row[2]


class Unsent(NamedTuple):
    """Lines that the historian's target refuses, whose place in the log was passed. `text` may be cut short."""

    wall_ns: int
    reason: str
    message: str
    lines: int
    text: bytes

    @property
    def size(self) -> int:
        return len(self.text) + len(self.message)

    @property
    def accept(self) -> None:
        return None

    @property
    def origin(self) -> str:
        return "the historian"


def aside_of(item: Quarantined, accept: Callable[[], None]) -> Aside:
    """The row of a message. Texts come from strangers: a lone surrogate, which no file can hold, becomes `?`."""
    link, topic, reason, message = (_clean(t) for t in (item.link, item.topic, item.reason, item.message))
    size = len(item.payload) + len(topic) + len(message)
    return Aside((item.at.mono_ns, item.at.wall_ns, link, topic, reason, message, item.payload), size, accept)


def _clean(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


class Shelf:
    """One of the two tables: the newest ROWS rows and BYTES bytes, and the newest row however large it is.

    `evicted` counts those gone before them, ever.
    """

    def __init__(self, connection: apsw.Connection, table: str, columns: str) -> None:
        marks = ",".join("?" * len(columns.split(",")))
        # only the constants above are put together, never a value
        self._insert = (
            f"INSERT INTO {table} (begin, size, {columns}) VALUES"  # noqa: S608
            f" (ifnull((SELECT begin + size FROM {table} ORDER BY number DESC LIMIT 1), 0), ?, {marks})"
        )
        self._evict = (
            f"DELETE FROM {table} WHERE number < (SELECT max(number) FROM {table}) AND"  # noqa: S608
            f" (number <= (SELECT max(number) FROM {table}) - {ROWS} OR number < ifnull((SELECT number FROM {table}"
            f" WHERE begin >= (SELECT begin + size FROM {table} ORDER BY number DESC LIMIT 1) - {BYTES}"
            f" ORDER BY number LIMIT 1), {_END}))"
        )
        self._first = f"SELECT ifnull(min(number), 1) - 1 FROM {table}"  # noqa: S608
        self.evicted: int = rows(connection, self._first)[0][0]

    def put(self, connection: apsw.Connection, kept: Iterable[tuple[int, tuple[object, ...]]]) -> None:
        """Insert rows with their sizes and let the oldest go; inside the open transaction."""
        for size, row in kept:
            rows(connection, self._insert, (size, *row))
        rows(connection, self._evict)
        self.evicted = rows(connection, self._first)[0][0]


def quarantine_shelf(connection: apsw.Connection) -> Shelf:
    return Shelf(connection, "quarantine", _QUARANTINE)


def unsent_shelf(connection: apsw.Connection) -> Shelf:
    return Shelf(connection, "unsent", _UNSENT)


def quarantined(connection: apsw.Connection, limit: int) -> list[tuple[int, Quarantined]]:
    """The newest messages kept, newest first, with their numbers."""
    sql = f"SELECT number, {_QUARANTINE} FROM quarantine ORDER BY number DESC LIMIT ?"  # noqa: S608 - constants
    return [
        (number, Quarantined(link, topic, payload, reason, message, Instant(mono_ns, wall_ns)))
        for number, mono_ns, wall_ns, link, topic, reason, message, payload in rows(connection, sql, (limit,))
    ]


def unsent(connection: apsw.Connection, limit: int) -> list[tuple[int, Unsent]]:
    """The newest lines kept, newest first, with their numbers."""
    sql = f"SELECT number, {_UNSENT} FROM unsent ORDER BY number DESC LIMIT ?"  # noqa: S608 - constants
    return [(number, Unsent(*row)) for number, *row in rows(connection, sql, (limit,))]
