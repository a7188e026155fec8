"""Notices on their way: one outbox row for each, one delivery row for each channel. Run inside the journal's writer."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from gateway.model import Severity
from gateway.store.connection import rows
from gateway.store.records import Delivery, NoticeRow, notice_of


def add(connection: apsw.Connection, notice: NoticeRow, channels: Sequence[str]) -> None:
    """Queue a notice for those of these channels that it is for, due at once."""
    *row, to = notice
    stored = rows(connection, "INSERT INTO outbox (key, seq, wall_ns, json) VALUES (?, ?, ?, ?) RETURNING id", row)
    for channel in channels:
        if to is None or channel in to:
            rows(connection, "INSERT INTO delivery (outbox, channel) VALUES (?, ?)", (stored[0][0], channel))


def due(connection: apsw.Connection, channel: str, now_wall_ns: int, limit: int) -> list[Delivery]:
    found = rows(
        connection,
        "SELECT delivery.id, channel, key, json, attempts FROM delivery JOIN outbox ON outbox.id = delivery.outbox"
        " WHERE state = 'pending' AND channel = ? AND next_wall_ns <= ? ORDER BY delivery.id LIMIT ?",
        (channel, now_wall_ns, limit),
    )
    return [Delivery(number, name, key, notice_of(json), attempts) for number, name, key, json, attempts in found]


def next_due(connection: apsw.Connection, channel: str) -> int | None:
    found = rows(
        connection, "SELECT min(next_wall_ns) FROM delivery WHERE state = 'pending' AND channel = ?", (channel,)
    )
    due_ns: int | None = found[0][0]
    return due_ns


def delivered(connection: apsw.Connection, delivery: int, wall_ns: int) -> None:
    rows(
        connection,
        "UPDATE delivery SET state = 'delivered', attempts = attempts + 1, done_wall_ns = ?, error = NULL WHERE id = ?",
        (wall_ns, delivery),
    )


def retry_at(connection: apsw.Connection, delivery: int, attempts: int, next_wall_ns: int, error: str) -> None:
    rows(
        connection,
        "UPDATE delivery SET attempts = ?, next_wall_ns = ?, error = ? WHERE id = ?",
        (attempts, next_wall_ns, error, delivery),
    )


def refused(connection: apsw.Connection, delivery: int, error: str) -> None:
    rows(
        connection,
        "UPDATE delivery SET state = 'refused', attempts = attempts + 1, error = ? WHERE id = ?",
        (error, delivery),
    )


def late(connection: apsw.Connection, before_wall_ns: int) -> bool:
    """Somebody has not been told of something critical or high that was noticed before then."""
    found = rows(
        connection,
        "SELECT 1 FROM delivery JOIN outbox ON outbox.id = delivery.outbox WHERE state = 'pending' AND wall_ns <= ?"
        " AND json_extract(json, '$.occurrence.severity') <= ? LIMIT 1",
        (before_wall_ns, int(Severity.HIGH)),
    )
    return bool(found)


def counts(connection: apsw.Connection) -> dict[str, dict[str, int]]:
    result: dict[str, dict[str, int]] = {}
    for channel, state, count in rows(connection, "SELECT channel, state, count(*) FROM delivery GROUP BY 1, 2"):
        result.setdefault(channel, {"pending": 0, "delivered": 0, "refused": 0})[state] = count
    return result
