"""A journal that can be ahead of its bus, and a listener to the live stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.api.app import create_app
from gateway.api.house import House
from gateway.api.server import serve
from gateway.api.streams import Pace
from gateway.api.tokens import Role
from gateway.bus import Bus, Change
from gateway.model import AlarmState, Event, Instant, Judgement, Occurrence
from tests.api.conftest import IDS, TOKENS, WALL, occurrence

PATIENCE = 60
"""Host seconds for what must come, however busy the machine is."""


class Log:
    """The journal's read side in memory; `commit` writes, `publish` tells what was written, in its order."""

    def __init__(self) -> None:
        self.bus: Bus[Change] = Bus()
        self.rows: list[Event] = []
        self.alarms: dict[str, Occurrence] = {}
        self.unpublished: list[Judgement] = []

    def commit(self, *numbers: int | None, close: bool = False) -> Judgement:
        """A judgement with a row for each of the alarms, or of none."""
        judgement = Judgement()
        for number in numbers:
            seq = len(self.rows) + 1
            name = None if number is None else IDS[number]
            kind = "start" if name is None else "close" if close else "ack"
            event = Event(seq=seq, at=Instant(seq, WALL), kind=kind, occurrence=name, body={"n": seq})
            self.rows.append(event)
            judgement.events.append(event)
            if number is not None and name is not None:
                shown = occurrence(number, seq=seq)
                if close:
                    shown = replace(shown, state=AlarmState.NORMAL, closed_ns=WALL, close_reason="returned")
                judgement.occurrences[name] = self.alarms[name] = shown
        self.unpublished.append(judgement)
        return judgement

    def publish(self, most: int = 1_000_000) -> None:
        for judgement in self.unpublished[:most]:
            self.bus.publish(judgement)
        del self.unpublished[:most]

    def tell(self, *numbers: int | None, close: bool = False) -> None:
        self.commit(*numbers, close=close)
        self.publish()

    def last_seq(self) -> int:
        return len(self.rows)

    def events(self, after: int, limit: int) -> list[Event]:
        return self.rows[after : after + limit]

    def occurrence(self, name: str) -> Occurrence | None:
        return self.alarms.get(name)

    def occurrences(self, *, open_only: bool, after: str | None = None, limit: int = 100, **_: Any) -> list[Occurrence]:
        rows = sorted(self.alarms.values(), key=lambda row: row.occurrence, reverse=True)
        rows = [row for row in rows if row.closed_ns is None and (after is None or row.occurrence < after)]
        return rows[:limit]


@dataclass(frozen=True)
class Heard:
    """A frame as a reader of Server-Sent Events gets it."""

    event: str
    id: int | None
    content: Any


@dataclass
class Ear:
    """Reads the bytes of a stream as the standard says."""

    heard: list[Heard] = field(default_factory=list)
    last_id: int | None = None
    comments: int = 0
    retry: int | None = None
    _rest: bytes = b""

    def feed(self, chunk: bytes) -> None:
        *blocks, self._rest = (self._rest + chunk).split(b"\n\n")
        for block in blocks:
            fields: dict[str, list[str]] = {}
            for line in block.decode().split("\n"):
                name, _, value = line.partition(": ")
                fields.setdefault(name, []).append(value)
            self.comments += "" in fields
            self.retry = int(fields["retry"][0]) if "retry" in fields else self.retry
            if "data" not in fields:
                continue
            number = int(fields["id"][0]) if "id" in fields else None
            self.last_id = self.last_id if number is None else number
            self.heard.append(Heard(fields["event"][0], number, json.loads("\n".join(fields["data"]))))

    def rows(self) -> list[int]:
        """The numbers of the rows that were told."""
        return [one.id for one in self.heard if one.event in ("alarm", "journal") and one.id is not None]


class Caller:
    """One open connection to the stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.status = 0
        self.head = ""
        self.ended: bool | None = None  # True: by its end; False: broken off
        self.ear = Ear()

    async def begin(self, request: bytes) -> None:
        self._writer.write(request)
        async with asyncio.timeout(PATIENCE):
            self.head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        self.status = int(self.head.split()[1])

    async def listen(self) -> bool:
        """One more piece; False at the end."""
        try:
            size = int(await self._reader.readline() or b"-1", 16)
            piece = await self._reader.readexactly(max(size, 0) + 2)
        except (ConnectionError, asyncio.IncompleteReadError):
            size, piece = -1, b""
        if size <= 0:
            self.ended = size == 0
            return False
        self.ear.feed(piece[:-2])
        return True

    async def until(self, enough: Callable[[Ear], bool]) -> Ear:
        async with asyncio.timeout(PATIENCE):
            while not enough(self.ear):
                assert await self.listen(), f"ended after {len(self.ear.heard)}"
        return self.ear

    async def to_the_end(self) -> Ear:
        async with asyncio.timeout(PATIENCE):
            while await self.listen():
                pass
        return self.ear

    async def body(self) -> Any:
        """What a refusal says."""
        async with asyncio.timeout(PATIENCE):
            return json.loads(
                await self._reader.readexactly(int(self.head.lower().split("content-length: ")[1].split()[0]))
            )

    async def hang_up(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


@dataclass
class Door:
    """A server that runs as the app runs it."""

    port: int
    app: Any
    stop: asyncio.Event

    async def call(self, query: str = "", *headers: str, token: str = TOKENS[Role.VIEWER]) -> Caller:
        caller = Caller(*await asyncio.open_connection("127.0.0.1", self.port))
        lines = [f"GET /api/v1/stream{query} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}", *headers]
        await caller.begin(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        return caller

    @asynccontextmanager
    async def listening(self, query: str = "", *headers: str, **how: Any) -> AsyncIterator[Caller]:
        caller = await self.call(query, *headers, **how)
        try:
            yield caller
        finally:
            await caller.hang_up()

    def seats(self) -> int:
        return len(self.app.state.streams._seats)

    async def empty(self) -> None:
        """Until everybody's leaving has been noticed."""
        async with asyncio.timeout(PATIENCE):
            while self.seats():  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.01)


@asynccontextmanager
async def door(house: House, pace: Pace | None = None) -> AsyncIterator[Door]:
    stop, up = asyncio.Event(), asyncio.Event()
    said: list[str] = []

    def ready(url: str) -> None:
        said.append(url)
        up.set()

    app = create_app(house, pace)
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(app, "127.0.0.1", 0, house.options, ready, stop))
        await up.wait()
        try:
            yield Door(int(said[0].rpartition(":")[2]), app, stop)
        finally:
            stop.set()
