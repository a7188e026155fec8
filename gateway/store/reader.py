"""Questions to the journal from any thread, on read-only connections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.model import SECOND, Event, Instant, Occurrence
from gateway.store import tokens
from gateway.store.chain import COLUMNS
from gateway.store.connection import rows
from gateway.store.readers import ReadPool
from gateway.store.records import Token, Told, event_of, notice_of, occurrence_of

_PAGE = 1000
_STEP_NS = 3600 * SECOND


class Reader:
    """The read side of alarm.db. Sees commits only; never makes the writer wait."""

    def __init__(self, path: Path) -> None:
        self._pool = ReadPool(path)

    def occurrences(
        self,
        *,
        state: str | None = None,
        system: str | None = None,
        severity: int | None = None,
        open_only: bool = False,
        after: str | None = None,
        limit: int = 100,
    ) -> list[Occurrence]:
        """Occurrences that match all filters, newest first; `after` is the last one of the page before."""
        wanted = {"state = ?": state, "system = ?": system, "severity = ?": severity, "occurrence < ?": after}
        used = {clause: value for clause, value in wanted.items() if value is not None}
        clauses = [*used, *(["closed_ns IS NULL"] if open_only else [])]
        where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
        # only the constant clauses above are put together, never a value
        sql = f"SELECT json FROM occurrence {where} ORDER BY occurrence DESC LIMIT ?"  # noqa: S608
        with self._pool.connection() as connection:
            return [occurrence_of(json) for (json,) in rows(connection, sql, (*used.values(), limit))]

    def occurrence(self, occurrence: str) -> Occurrence | None:
        with self._pool.connection() as connection:
            found = rows(connection, "SELECT json FROM occurrence WHERE occurrence = ?", (occurrence,))
            return occurrence_of(found[0][0]) if found else None

    def events(self, after: int = 0, limit: int = 1000, occurrence: str | None = None) -> list[Event]:
        """Events behind a number, in order; of one occurrence if given."""
        clause = "" if occurrence is None else " AND occurrence = ?"
        sql = f"SELECT {COLUMNS} FROM event WHERE seq > ?{clause} ORDER BY seq LIMIT ?"  # noqa: S608 - constants
        values = (after, limit) if occurrence is None else (after, occurrence, limit)
        with self._pool.connection() as connection:
            return [event_of(row) for row in rows(connection, sql, values)]

    def newest(self, kinds: Sequence[str], limit: int) -> list[Event]:
        """The last events of these kinds, the newest first."""
        marks = ", ".join("?" * len(kinds))
        sql = f"SELECT {COLUMNS} FROM event WHERE kind IN ({marks}) ORDER BY seq DESC LIMIT ?"  # noqa: S608 - constants
        with self._pool.connection() as connection:
            return [event_of(row) for row in rows(connection, sql, (*kinds, limit))]

    def span(self, begin_wall_ns: int, end_wall_ns: int) -> Iterator[Event]:
        """Events of a span of UTC, in order, with some before and behind it: labels may step, numbers do not."""
        seq = self._before(begin_wall_ns - _STEP_NS)
        while page := self.events(seq, _PAGE):
            yield from page
            seq = page[-1].seq
            if page[0].at.wall_ns > end_wall_ns + _STEP_NS:
                return

    def _before(self, wall_ns: int) -> int:
        """The number of the last event before a moment, by halving: the journal has no gaps."""
        low, high = 0, self.last_seq()
        with self._pool.connection() as connection:
            while low < high:
                middle = (low + high + 1) // 2
                found = rows(connection, "SELECT wall_ns FROM event WHERE seq = ?", (middle,))
                if found and found[0][0] < wall_ns:
                    low = middle
                else:
                    high = middle - 1
        return low

    def open_within(self, begin_wall_ns: int, end_wall_ns: int) -> list[Occurrence]:
        """Occurrences that were open at any moment of a span."""
        sql = "SELECT json FROM occurrence WHERE raised_ns < ? AND (closed_ns IS NULL OR closed_ns >= ?)"
        with self._pool.connection() as connection:
            return [occurrence_of(json) for (json,) in rows(connection, sql, (end_wall_ns, begin_wall_ns))]

    def deliveries(self, begin_wall_ns: int, end_wall_ns: int) -> list[tuple[str, str, int, int | None]]:
        """(channel, state, attempts, ns from the notice to its delivery) of the notices of a span."""
        sql = (
            "SELECT channel, state, attempts, done_wall_ns - wall_ns FROM outbox"
            " JOIN delivery ON delivery.outbox = outbox.id WHERE wall_ns >= ? AND wall_ns < ?"
        )
        with self._pool.connection() as connection:
            return rows(connection, sql, (begin_wall_ns, end_wall_ns))

    def notices(self, occurrence: str) -> list[Told]:
        """What was to be told of an occurrence, to each channel, in order; digests that hold it, too."""
        sql = (
            "SELECT outbox.json, channel, state, attempts, next_wall_ns, done_wall_ns, error"
            " FROM outbox LEFT JOIN delivery ON delivery.outbox = outbox.id"
            " WHERE (key >= ? AND key < ?) OR (key LIKE '%-digest%' AND EXISTS"
            " (SELECT 1 FROM json_each(outbox.json, '$.body.occurrences') WHERE value = ?))"
            " ORDER BY outbox.id, delivery.id"
        )
        with self._pool.connection() as connection:
            # a key begins with its occurrence and a hyphen; the full stop is the character behind that
            found = rows(connection, sql, (f"{occurrence}-", f"{occurrence}.", occurrence))
            return [Told(notice_of(json), *rest) for json, *rest in found]

    def starts(self, begin_wall_ns: int, end_wall_ns: int) -> list[Instant]:
        """When the gateway was started within a span of UTC."""
        sql = "SELECT mono_ns, wall_ns FROM event WHERE kind = 'start' AND wall_ns BETWEEN ? AND ? ORDER BY seq"
        with self._pool.connection() as connection:
            return [Instant(*row) for row in rows(connection, sql, (begin_wall_ns, end_wall_ns))]

    def last_seq(self) -> int:
        """The number of the newest event, 0 when there is none."""
        with self._pool.connection() as connection:
            newest: int = rows(connection, "SELECT ifnull(max(seq), 0) FROM event")[0][0]
        return newest

    def token(self, token_hash: bytes) -> Token | None:
        """The token with this SHA-256, be it revoked or expired: the caller judges that."""
        with self._pool.connection() as connection:
            return tokens.by_hash(connection, token_hash)

    def close(self) -> None:
        self._pool.close()
