"""alarm.db: events, occurrences, the engine's state, notices to be sent, tokens. Every commit is synced (FULL)."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import apsw
import msgspec

from gateway.model import Checkpoint, InstanceSnapshot, Instant, Judgement
from gateway.store import chain, outbox, tokens
from gateway.store.connection import ALARM, FileWatch, open_write, rows
from gateway.store.errors import Damaged, DiskFull, StoreError
from gateway.store.records import (
    Delivery,
    Entry,
    Restored,
    Token,
    checkpoint_of,
    encode,
    entry_of,
    mapping_of,
    occurrence_of,
)
from gateway.store.reserve import Reserve
from gateway.store.writer import Writer

T = TypeVar("T")
_VERIFIED_AT_START = 1000


class _Work(NamedTuple):
    """Something to do inside a transaction. `answer` is a cell: the last attempt's result or refusal."""

    run: Callable[[apsw.Connection], Any]
    done: asyncio.Future[Any]
    answer: list[Any]
    notices: bool


class Journal:
    """The only writer of alarm.db. Whatever is awaited here is on the disk when the await ends.

    On a full disk the reserve is given up, then commits wait for space (`blocked`): alarms are never dropped.
    Cancelling an await does not undo anything: what was queued is committed. A StoreError from the writer is final
    (`failure` then holds it, and `on_failure` was called on the loop's thread).
    There is no retention yet: nothing is ever removed but instances that a checkpoint holds.
    """

    def __init__(self, path: Path, connection: apsw.Connection, channels: Sequence[str]) -> None:
        self.path = path
        self._channels = tuple(channels)
        self._restored = _load(connection)
        self._reserve = Reserve(path.parent)
        self._reserve.hold()
        self._watch = FileWatch(path)
        self.on_notice: Callable[[], None] | None = None
        self.on_failure: Callable[[StoreError], None] | None = None
        self._writer: Writer[_Work] = Writer(connection, "alarm", self)

    @classmethod
    def open(cls, path: Path, channels: Sequence[str] = ()) -> Journal:
        """Open or make the file, check its pages and its newest 1,000 events, start the writer.

        StoreError, with the file left as it is, when it is damaged, foreign, or newer than this version.
        """
        connection = open_write(path, ALARM)
        try:
            found = rows(connection, "PRAGMA integrity_check(1)")
            if found != [("ok",)]:
                raise Damaged(f"{path} is damaged: {found[0][0]}")
            chain.verify(connection, last=_VERIFIED_AT_START)
            return cls(path, connection, channels)
        except (apsw.Error, zlib.error, msgspec.MsgspecError) as error:
            connection.close()
            raise Damaged(f"{path} is damaged: {error}") from error
        except StoreError:
            connection.close()
            raise

    @property
    def failure(self) -> StoreError | None:
        return self._writer.failure

    @property
    def busy_ns(self) -> int:
        """Host time that the present transaction has taken so far: a slow or dying disk shows here first."""
        return self._writer.busy_ns

    @property
    def blocked(self) -> bool:
        """Another program holds the file, or the disk is full to the last: commits wait."""
        return self._writer.blocked

    @property
    def reserve_held(self) -> bool:
        """The space kept for alarms is still there; False says that the disk has been full."""
        return self._reserve.held

    def load(self) -> Restored:
        """What the file held when it was opened."""
        return self._restored

    def submit(self, judgement: Judgement) -> asyncio.Future[None]:
        """Queue a judgement now; the future is done when it is committed. Submission order is commit order."""
        entry = entry_of(judgement)
        return self._put(lambda connection: self._write(connection, entry), notices=bool(entry.notices))

    async def commit(self, judgement: Judgement) -> None:
        """Events, state, occurrences and outbox rows in one transaction, synced."""
        await asyncio.shield(self.submit(judgement))

    async def save_checkpoint(self, checkpoint: Checkpoint, judged: Sequence[Judgement] = ()) -> None:
        """Replace the checkpoint. It must have been taken after every judgement submitted so far, and after `judged`,
        which are committed with it: all or nothing. What they say of instances stands in the checkpoint alone.

        Also looks whether the file is still there (a removed one is a failure) and takes a spent reserve again.
        """
        entries = [entry_of(replace(judgement, instances=[])) for judgement in judged]
        at, text = checkpoint.at, encode(checkpoint)
        row = (checkpoint.position, at.mono_ns, at.wall_ns, checkpoint.next_seq)

        def save(connection: apsw.Connection) -> None:
            self._watch.check()
            self._reserve.hold()
            for entry in entries:
                self._write(connection, entry)
            rows(connection, _SAVE_CHECKPOINT, (*row, zlib.compress(text.encode(), 1)))
            rows(connection, "DELETE FROM instance")

        await asyncio.shield(self._put(save, notices=any(entry.notices for entry in entries)))

    async def due_deliveries(self, channel: str, now_wall_ns: int, limit: int) -> list[Delivery]:
        """Deliveries of a channel whose time has come: the oldest, or of more than `limit` the most urgent."""
        return await self._do(lambda c: outbox.due(c, channel, now_wall_ns, limit))

    async def next_delivery_ns(self, channel: str) -> int | None:
        """When the channel's next pending delivery is due, None when none is pending."""
        return await self._do(lambda c: outbox.next_due(c, channel))

    async def delivered(self, delivery: int, wall_ns: int) -> None:
        """The channel took the notice."""
        await self._do(lambda c: outbox.delivered(c, delivery, wall_ns))

    async def retry_at(self, delivery: int, attempts: int, next_wall_ns: int, error: str) -> None:
        """The delivery failed for now; it is due again at `next_wall_ns`."""
        await self._do(lambda c: outbox.retry_at(c, delivery, attempts, next_wall_ns, error))

    async def refused(self, delivery: int, error: str) -> None:
        """The channel will never take the notice."""
        await self._do(lambda c: outbox.refused(c, delivery, error))

    async def late_notices(self, before_wall_ns: int) -> bool:
        """A notice of something critical or high from before then is still undelivered."""
        return await self._do(lambda c: outbox.late(c, before_wall_ns, self._channels))

    async def outbox_counts(self) -> dict[str, dict[str, int]]:
        """For each channel how many deliveries are pending, delivered and refused."""
        return await self._do(outbox.counts)

    async def add_token(
        self, name: str, role: str, token_hash: bytes, *, created: int, expires: int | None = None
    ) -> None:
        """Keep a token's SHA-256. StoreError when the name is taken."""
        token = Token(name, role, created, expires, None)
        await self._do(lambda c: tokens.add(c, token, token_hash))

    async def list_tokens(self) -> list[Token]:
        return await self._do(tokens.listed)

    async def revoke_token(self, name: str, wall_ns: int) -> None:
        """End a token now. StoreError when there is none of that name."""
        await self._do(lambda c: tokens.revoke(c, name, wall_ns))

    async def close(self) -> None:
        """Commit what is queued and close the file."""
        await self._writer.close()

    async def _do(self, run: Callable[[apsw.Connection], T]) -> T:
        return await asyncio.shield(self._put(run))

    def _put(self, run: Callable[[apsw.Connection], T], notices: bool = False) -> asyncio.Future[T]:
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._writer.put(_Work(run, done, [], notices))
        return done

    def _write(self, connection: apsw.Connection, entry: Entry) -> None:
        chain.extend(connection, entry.events)
        # a life that ends makes room for the next one of the same alarm: (rule, source) is unique among the open
        for occurrence in entry.occurrences:
            rows(connection, _SAVE_OCCURRENCE, occurrence)
        for instance in entry.instances:
            rows(connection, _SAVE_INSTANCE, instance)
        for notice in entry.notices:
            outbox.add(connection, notice, self._channels)

    def durability(self, group: list[_Work]) -> str:
        return "FULL"

    def write(self, connection: apsw.Connection, group: list[_Work]) -> None:
        for work in group:
            work.answer.clear()
            try:
                work.answer.append(work.run(connection))
            except StoreError as refusal:  # raised before anything was written; only its caller is concerned
                work.answer.append(refusal)

    def full(self) -> bool:
        if self._reserve.release():
            return True
        raise DiskFull

    def settled(self, group: list[_Work], error: StoreError | None) -> None:
        for work in group:
            outcome = error or work.answer[0]
            if work.done.cancelled():
                continue
            if isinstance(outcome, StoreError):
                work.done.set_exception(outcome)
                work.done.exception()  # seen: nobody may be waiting any more, and `failure` tells the rest
            else:
                work.done.set_result(outcome)
        if error is not None and self.on_failure is not None:
            self.on_failure(error)
        if error is None and self.on_notice is not None and any(work.notices for work in group):
            self.on_notice()


_SAVE_OCCURRENCE = (
    "INSERT INTO occurrence (occurrence, rule, source, system, severity, class, state, raised_ns, closed_ns, seq, json)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (occurrence) DO UPDATE SET severity = excluded.severity,"
    " state = excluded.state, closed_ns = excluded.closed_ns, seq = excluded.seq, json = excluded.json"
)
_SAVE_INSTANCE = (
    "INSERT INTO instance (rule, source, position, state) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (rule, source) DO UPDATE SET position = excluded.position, state = excluded.state"
)
_SAVE_CHECKPOINT = (
    "INSERT INTO checkpoint (id, position, mono_ns, wall_ns, next_seq, zjson) VALUES (1, ?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET position = excluded.position, mono_ns = excluded.mono_ns,"
    " wall_ns = excluded.wall_ns, next_seq = excluded.next_seq, zjson = excluded.zjson"
)


def _load(connection: apsw.Connection) -> Restored:
    saved = rows(connection, "SELECT zjson FROM checkpoint")
    checkpoint = checkpoint_of(zlib.decompress(saved[0][0])) if saved else None
    instances = {(i.rule, i.source): i for i in (checkpoint.instances if checkpoint else ())}
    for rule, source, position, state in rows(connection, "SELECT rule, source, position, state FROM instance"):
        instances[rule, source] = InstanceSnapshot(rule, source, position, mapping_of(state))
    standing = rows(connection, "SELECT json FROM occurrence WHERE closed_ns IS NULL ORDER BY occurrence")
    newest = rows(connection, "SELECT mono_ns, wall_ns FROM event ORDER BY seq DESC LIMIT 1")
    moments = [Instant(*row) for row in newest] + ([checkpoint.at] if checkpoint else [])
    return Restored(
        checkpoint=checkpoint,
        instances=tuple(instances.values()),
        open_occurrences=tuple(occurrence_of(json) for (json,) in standing),
        next_seq=max(chain.head(connection)[0] + 1, checkpoint.next_seq if checkpoint else 1),
        last=max(moments, default=None),
    )
