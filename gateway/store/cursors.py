"""How far readers of the log and of the journal have come: a text of theirs under a name, in tele.db."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import apsw

from gateway.store.connection import rows
from gateway.store.errors import StoreError


class Saving(NamedTuple):
    """A cursor on its way into the file."""

    name: str
    text: str
    done: asyncio.Future[None]

    @property
    def accept(self) -> None:
        return None

    def settle(self, error: StoreError | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


def save(connection: apsw.Connection, saving: Saving) -> None:
    sql = "INSERT INTO cursor (name, text) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET text = excluded.text"
    rows(connection, sql, (saving.name, saving.text))


def saved(connection: apsw.Connection, name: str) -> str | None:
    for (text,) in rows(connection, "SELECT text FROM cursor WHERE name = ?", (name,)):
        found: str = text
        return found
    return None
