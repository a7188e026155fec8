"""What one listener is told: a cursor in the journal that the bus moves on. No row is missed, none is told twice."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import Send

from gateway.api import frames
from gateway.api.answers import DEVICES_AT_ONCE, at_present, device_body, judged, site_body
from gateway.api.frames import Piece
from gateway.api.house import House
from gateway.api.points import Points, Watched
from gateway.api.reading import Reading
from gateway.api.streams import QUEUED_BYTES, Seat, Streams
from gateway.api.tokens import Identity
from gateway.bus import Subscription
from gateway.clock import host_mono_ns
from gateway.model import SECOND, Occurrence

LONGEST_REPLAY = 10_000  # rows; who has been away for longer begins anew
PAGE = 50  # rows or alarms in memory at a time
CHUNK = 32 * 1024
RETRY_MS = range(1_000, 4_000)  # listeners that lost one gateway together do not come back together


@dataclass(frozen=True, slots=True)
class Listener:
    """Who listens, by which token, from which row on, and to which points besides."""

    by: Identity
    secret_hash: bytes
    since: int | None
    watched: tuple[Watched, ...]


class Telling:
    """Missed rows, then a snapshot, then every change. TimeoutError when the listener takes nothing."""

    def __init__(self, app_state: Any, listener: Listener, send: Send) -> None:
        self._house: House = app_state.house
        self._streams: Streams = app_state.streams
        self._replaying: Reading = app_state.replaying
        self._reading: Reading = app_state.reading
        self._pace = self._streams.pace
        self._listener = listener
        self._send = send
        self._points = Points(self._house, self._streams.points, listener.watched, self._pace.points)
        self._cursor = 0
        self._why = "first"

    async def begin(self) -> None:
        """Decide where to begin; raises what the store says before anything is answered."""
        newest = await self._reading.run(self._house.records.last_seq)
        since = self._listener.since
        if since is None:
            return
        if since > newest:
            self._why = "ahead"  # of another journal: this one was replaced, or set back
        elif newest - since > LONGEST_REPLAY:
            self._why = "gap"
        else:
            self._why, self._cursor = "resumed", since

    async def run(self, seat: Seat) -> None:
        """Tell until cancelled."""
        if self._why == "resumed":
            await self._replay()
        with self._streams.join(seat) as queue:
            if self._why == "resumed":
                await self._replay()  # what came while the rest was told, now that nothing more can slip by
            else:
                self._cursor = await self._reading.run(self._house.records.last_seq)
            await self._live(queue, await self._snapshot(queue))

    async def _replay(self) -> None:
        """All rows behind the cursor, from the journal."""
        while True:
            now = judged(self._house)
            told = await self._replaying.run(self._rows, self._cursor, now)
            if told:
                self._cursor = told[-1].seq or self._cursor
                await self._write(b"".join(piece.text for piece in told))
            if len(told) < PAGE:
                return

    def _rows(self, after: int, now: dict[str, Occurrence]) -> list[Piece]:
        """Blocking. Each row with its alarm as it is by now: the journal keeps no older ones."""
        events = self._house.records.events(after, PAGE)
        names = {event.occurrence for event in events if event.occurrence is not None}
        found = [known for name in names if (known := self._house.records.occurrence(name)) is not None]
        alarms = {alarm.occurrence: alarm for alarm in at_present(found, now)}
        return [frames.row(event, alarms.get(event.occurrence or ""), self._house) for event in events]

    async def _snapshot(self, queue: Subscription[Piece, None]) -> list[Piece]:
        """How everything stands, in pieces. Its number is the cursor: what it shows may be newer, never older.

        Answers what was waiting before it. Health that was waiting is older than what it shows, and left out.
        """
        seq = self._cursor
        head = {"reason": self._why, "seq": seq, "site": site_body(self._house)}
        await self._write(frames.snapshot_head(head, seq, random.choice(RETRY_MS)))  # noqa: S311 - jitter, not secrecy
        now, after, first = judged(self._house), None, True
        while True:
            text, after = await self._replaying.run(self._open_alarms, after, now, first)
            await self._write(text)
            if after is None:
                break
            first = False
        waiting = [piece for piece in queue.take(QUEUED_BYTES) if piece.seq is not None]
        devices = sorted(self._house.devices, key=lambda device: device.id)
        await self._write(frames.SNAPSHOT_DEVICES)
        for start in range(0, len(devices), DEVICES_AT_ONCE):
            at = self._house.clock.now()
            some = devices[start : start + DEVICES_AT_ONCE]
            bodies = [device_body(device, self._house.health.brief(device.id, at)) for device in some]
            await self._write(frames.items(bodies, first=start == 0))
            await asyncio.sleep(0)
        await self._write(frames.SNAPSHOT_END)
        return waiting

    def _open_alarms(self, after: str | None, now: dict[str, Occurrence], first: bool) -> tuple[bytes, str | None]:
        """Blocking. A page of open alarms, newest first, and where the next one begins."""
        rows = self._house.records.occurrences(open_only=True, after=after, limit=PAGE)
        text = frames.alarm_items(at_present(rows, now), self._house, first)
        return text, rows[-1].occurrence if len(rows) == PAGE else None

    async def _live(self, queue: Subscription[Piece, None], waiting: Sequence[Piece]) -> None:
        told_ns = host_mono_ns()
        while True:
            told = [*await self._unseen(waiting or queue.take(CHUNK)), *self._points.due()]
            waiting = ()
            quiet = (host_mono_ns() - told_ns) / SECOND
            if told or quiet >= self._pace.ping:
                await self._write(b"".join(told) or frames.PING)
                told_ns = host_mono_ns()
                least, longest = CHUNK, self._pace.together  # what comes soon goes out in one piece
            else:
                least, longest = 1, min(self._pace.ping - quiet, self._points.wait)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(longest):
                    await queue.wait(least)

    async def _unseen(self, taken: Sequence[Piece]) -> list[bytes]:
        """What of it lies behind the cursor. A row that is not the next one sends us to the journal for the others."""
        fresh: list[bytes] = []
        for piece in taken:
            if piece.seq is None:
                fresh.append(piece.text)
            elif piece.seq > self._cursor + 1:
                await self._write(b"".join(fresh))
                fresh = []
                await self._replay()
            elif piece.seq == self._cursor + 1:
                fresh.append(piece.text)
                self._cursor = piece.seq
        return fresh

    async def _write(self, text: bytes) -> None:
        """In pieces that its socket can hold. The send of one waits until the one before is taken."""
        for start in range(0, len(text), CHUNK):
            async with asyncio.timeout(self._pace.taking):
                await self._send({"type": "http.response.body", "body": text[start : start + CHUNK], "more_body": True})
