"""Read-only connections for any thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import msgspec

from gateway.store.connection import open_read
from gateway.store.errors import StoreError

_IDLE = 4


class ReadPool:
    """Lends read-only connections, one to a borrower, and keeps a few between uses."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._idle: list[apsw.Connection] = []
        self._closed = False

    @contextmanager
    def connection(self) -> Iterator[apsw.Connection]:
        """A connection for the length of the block; errors of SQLite and in what is stored come out as StoreError."""
        with self._lock:
            if self._closed:
                raise StoreError(f"{self._path.name} is closed")
            connection = self._idle.pop() if self._idle else None
        connection = connection or open_read(self._path)
        try:
            yield connection
        except (apsw.Error, msgspec.MsgspecError) as error:
            connection.close(True)
            raise StoreError(f"cannot read {self._path}: {error}") from error
        except BaseException:
            connection.close(True)
            raise
        self._give_back(connection)

    def _give_back(self, connection: apsw.Connection) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < _IDLE:
                self._idle.append(connection)
                return
        connection.close(True)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close(True)
