"""The one thread that writes a file: items in, whole transactions out, answers on the loop's thread.

Nothing awaits inside a transaction, so a cancelled task cannot leave one open (E11: it locked everybody out).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import apsw

from gateway.clock import host_mono_ns
from gateway.store.connection import rows, set_synchronous
from gateway.store.errors import DiskFull, StoreError

Item = TypeVar("Item")
log = logging.getLogger(__name__)

_RETRY = 0.5
GROUP = 512
"""Items to a transaction: one fsync for all of them (E10: 3,867 rows/s alone, 187,739 in groups of 50)."""


class Scribe(Protocol[Item]):
    """What a writer does for its owner. `write` runs in the writer's thread, `settled` on the loop's."""

    def durability(self, group: list[Item]) -> str:
        """`FULL` or `NORMAL` for this group."""
        ...

    def write(self, connection: apsw.Connection, group: list[Item]) -> None:
        """Write the group inside the open transaction. It may be called again for the same group after a rollback."""
        ...

    def full(self) -> bool:
        """The disk is full. True: try again at once, for room was made. False: give this group up. Called in the
        writer's thread; raise DiskFull to wait for space instead."""
        ...

    def settled(self, group: list[Item], error: StoreError | None) -> None:
        """The group is committed, or `error` says why it never will be. Groups settle in the order of their items."""
        ...


class Writer(Generic[Item]):
    """Owns `connection` and a thread. Items are committed in the order of `put`, in groups.

    With `linger` (host seconds) a group waits that long for company, unless one of its items is `urgent` or it is
    full. BUSY (a foreign lock) is waited out for as long as it takes, and for a full disk the scribe decides; every
    other error of SQLite is final: the group and all later ones settle with a StoreError. fsync errors above all,
    because the kernel marks the pages clean and a second try would seem to succeed (E15).
    """

    def __init__(self, connection: apsw.Connection, name: str, scribe: Scribe[Item], linger: float = 0.0) -> None:
        self._connection = connection
        self._scribe = scribe
        self._linger = linger
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pending: deque[Item] = deque()
        self._wake = threading.Event()
        self._pause = threading.Event()
        self._threshold = 1  # pending items that wake the thread: 1 when idle, GROUP while it lingers
        self._urgent = False
        self._closing = False
        self._closed: asyncio.Future[None] | None = None
        self.failure: StoreError | None = None
        self.blocked = False
        self.groups = 0
        self._begun_ns: int | None = None
        self._thread = threading.Thread(target=self._run, name=f"store-{name}", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def busy_ns(self) -> int:
        """Host time that the group being written has taken so far; 0 when nothing is being written."""
        begun = self._begun_ns
        return 0 if begun is None else host_mono_ns() - begun

    def put(self, item: Item, urgent: bool = False) -> None:
        """Queue an item; from the loop's thread only. StoreError when the writer has failed or is closed."""
        if self.failure is not None:
            raise StoreError(str(self.failure)) from self.failure
        if self._closing:
            raise StoreError("the store is closed")
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        if urgent:
            self._urgent = True
        self._pending.append(item)
        # a thread that is busy writing looks at the queue afterwards: waking it for each item would cost 10 µs
        if (urgent or len(self._pending) >= self._threshold) and not self._wake.is_set():
            self._wake.set()

    async def close(self) -> None:
        """Commit what is queued, close the file and end the thread. A second call waits for the first."""
        if self._closed is None:
            self._loop = asyncio.get_running_loop()
            self._closed = self._loop.create_future()
            self._closing = True
            self._wake.set()
            self._pause.set()
        await asyncio.shield(self._closed)

    def _run(self) -> None:
        try:
            while group := self._take():
                self._begun_ns = host_mono_ns()
                error = self._commit(group)
                self._begun_ns = None
                self.groups += 1
                self._tell(self._scribe.settled, group, error)
        except Exception as error:
            log.exception("the store's thread failed")
            self.failure = self.failure or StoreError(f"the store's thread failed: {error}")
            self._tell(self._scribe.settled, list(self._pending), self.failure)
        finally:
            self._connection.close()
            self._tell(self._resolve_closed)

    def _tell(self, call: Callable[..., None], *args: object) -> None:
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(call, *args)
        except RuntimeError:  # the loop has ended without close(): nobody is left to be told
            log.warning("the store was not closed before its event loop")

    def _resolve_closed(self) -> None:
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)

    def _take(self) -> list[Item]:
        """Wait for items and take up to GROUP of them; an empty list when closing and none are left."""
        while not self._pending:
            if self._closing:
                return []
            self._threshold = 1
            self._wait(None)
        if self._linger and not self._urgent and not self._closing and len(self._pending) < GROUP:
            self._threshold = GROUP
            self._wait(self._linger, enough=GROUP)
        self._urgent = len(self._pending) > GROUP
        return [self._pending.popleft() for _ in range(min(GROUP, len(self._pending)))]

    def _wait(self, timeout: float | None, enough: int = 1) -> None:
        # cleared before the queue is looked at: an item put after the look finds the event clear and sets it
        self._wake.clear()
        if len(self._pending) < enough and not self._urgent and not self._closing:
            self._wake.wait(timeout)

    def _commit(self, group: list[Item]) -> StoreError | None:
        while self.failure is None:
            try:
                self._transaction(group)
                self.blocked = False
                return None
            except (apsw.BusyError, apsw.LockedError) as error:
                self._block(f"another program holds the file: {error}")
            except (apsw.FullError, DiskFull) as error:
                try:
                    if not self._scribe.full():
                        return DiskFull(f"the disk is full: {error}")
                except DiskFull:
                    self._block(f"the disk is full: {error}")
                    self._pause.wait(_RETRY)
            except Exception as error:
                log.exception("the store failed")
                self.failure = StoreError(f"the store failed: {type(error).__name__}: {error}")
                self.failure.__cause__ = error
        return self.failure

    def _block(self, why: str) -> None:
        if self._closing:
            self.failure = StoreError(f"closed while {why}")
        elif not self.blocked:
            self.blocked = True
            log.error("%s; waiting", why)

    def _transaction(self, group: list[Item]) -> None:
        connection = self._connection
        set_synchronous(connection, self._scribe.durability(group))
        rows(connection, "BEGIN IMMEDIATE")
        try:
            self._scribe.write(connection, group)
            rows(connection, "COMMIT")
        except BaseException:
            if connection.in_transaction:
                rows(connection, "ROLLBACK")
            raise
