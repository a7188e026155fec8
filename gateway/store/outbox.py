"""Notices on their way: one outbox row for each, one delivery row for each channel. Run inside the journal's writer."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from gateway.model import Severity
from gateway.store.connection import rows
from gateway.store.records import Delivery, NoticeRow, notice_of, repeats

_WAITS = (
    "SELECT 1 FROM delivery JOIN outbox ON outbox.id = delivery.outbox"
    " WHERE key >= ? AND key < ? AND channel = ? AND state = 'pending' LIMIT 1"
)
_OLDEST = (
    "SELECT delivery.id, channel, key, json, attempts FROM delivery JOIN outbox ON outbox.id = delivery.outbox"
    " WHERE state = 'pending' AND channel = ? AND next_wall_ns <= ? ORDER BY delivery.id LIMIT ?"
)
_MOST_URGENT = (
    "SELECT id, channel, key, json, attempts FROM (SELECT delivery.id, channel, key, json, attempts,"
    " min(CASE json_extract(json, '$.occurrence.class_') WHEN 'life_safety' THEN 0"
    " ELSE json_extract(json, '$.occurrence.severity') END)"
    " OVER (PARTITION BY substr(key, 1, instr(key, '-'))) AS urgency"
    " FROM delivery JOIN outbox ON outbox.id = delivery.outbox"
    " WHERE state = 'pending' AND channel = ? AND next_wall_ns <= ?) ORDER BY urgency, id LIMIT ?"
)
_LATE = (
    "SELECT 1 FROM delivery JOIN outbox ON outbox.id = delivery.outbox WHERE state = 'pending' AND channel = ?"
    " AND wall_ns <= ? AND json_extract(json, '$.occurrence.severity') <= ? LIMIT 1"
)


def add(connection: apsw.Connection, notice: NoticeRow, channels: Sequence[str]) -> None:
    """Queue a notice for those of these channels that it is for, due at once.

    A repetition says nothing new to a channel that has not yet taken what it repeats: else a channel that is dead for a
    weekend is told the same thing a thousand times when it is back, before anything new.
    """
    *row, to = notice
    repeated = repeats(notice)
    stored = rows(connection, "INSERT INTO outbox (key, seq, wall_ns, json) VALUES (?, ?, ?, ?) RETURNING id", row)
    for channel in channels:
        if to is not None and channel not in to:
            continue
        if repeated is not None and rows(connection, _WAITS, (*repeated, channel)):
            continue
        rows(connection, "INSERT INTO delivery (outbox, channel) VALUES (?, ?)", (stored[0][0], channel))


def due(connection: apsw.Connection, channel: str, now_wall_ns: int, limit: int) -> list[Delivery]:
    """The oldest. When there are more than so many, those of the most urgent alarms, each from its oldest on."""
    which = (channel, now_wall_ns, limit)
    found = rows(connection, _OLDEST, which)
    if len(found) == limit:
        found = rows(connection, _MOST_URGENT, which)
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


def late(connection: apsw.Connection, before_wall_ns: int, channels: Sequence[str]) -> bool:
    """Somebody has not been told of something critical or high that was noticed before then.

    What waits for a channel that the site has no more is nobody's: it stands there until the channel is back.
    """
    return any(rows(connection, _LATE, (channel, before_wall_ns, int(Severity.HIGH))) for channel in channels)


def counts(connection: apsw.Connection) -> dict[str, dict[str, int]]:
    result: dict[str, dict[str, int]] = {}
    for channel, state, count in rows(connection, "SELECT channel, state, count(*) FROM delivery GROUP BY 1, 2"):
        result.setdefault(channel, {"pending": 0, "delivered": 0, "refused": 0})[state] = count
    return result
