"""The answer without end: a seat, its listener's connection, and what lets go of it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.api.guard import identify_by
from gateway.api.problems import Problem
from gateway.api.streams import Seat, Streams
from gateway.api.telling import Listener, Telling
from gateway.store.errors import StoreError

log = logging.getLogger("anlou.api")

HEADERS = {"x-accel-buffering": "no", "connection": "close"}  # a proxy that gathers answers would gather for ever
PARTING_SECONDS = 0.1


class Connection(Protocol):
    """What an answer without end needs of its connection (gateway.api.protocol)."""

    def endless(self) -> None: ...
    def cut(self) -> None: ...


class EventStream(Response):
    """Server-Sent Events to one listener, until it goes, takes nothing, loses its token, or the house closes."""

    media_type = "text/event-stream"

    def __init__(self, app_state: Any, listener: Listener) -> None:
        self.status_code = 200
        self.background = None
        self._state = app_state
        self._listener = listener
        self.init_headers(HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        streams: Streams = self._state.streams
        connection: Connection | None = scope.get("state", {}).get("connection")
        with streams.enter(self._listener.by.name) as seat:
            telling = Telling(self._state, self._listener, send)
            await telling.begin()
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if connection is not None:
                connection.endless()
            async with asyncio.TaskGroup() as group:
                watching = (
                    group.create_task(_until_gone(receive, seat)),
                    group.create_task(self._until_revoked(seat, streams.pace.recheck)),
                )
                with seat.scope:
                    await _told(telling, seat)
                for task in watching:
                    task.cancel()
            await _part(seat, connection, send)

    async def _until_revoked(self, seat: Seat, every: float) -> None:
        """A token that is revoked, expired or no longer this caller's ends the stream."""
        caller = self._listener.by
        try:
            while True:
                await anyio.sleep(every)
                if await identify_by(self._state, self._listener.secret_hash) != caller:
                    seat.end("token")
        except StoreError:
            seat.end("store")


async def _told(telling: Telling, seat: Seat) -> None:
    try:
        await telling.run(seat)
    except TimeoutError:
        seat.end("slow")
    except StoreError as error:
        log.error("the store does not answer: %s", error)
        seat.end("store")
    except Exception:
        log.exception("a live stream failed")
        seat.end("failed")


async def _until_gone(receive: Receive, seat: Seat) -> None:
    """A listener has nothing to say but that it leaves."""
    try:
        while (await receive())["type"] != "http.disconnect":
            pass
    except Problem:
        seat.end("refused")  # it goes on sending a body
    seat.end("gone")


async def _part(seat: Seat, connection: Connection | None, send: Send) -> None:
    """The end of the answer for whoever still takes it."""
    if seat.reason not in {"gone", "slow"}:
        with anyio.move_on_after(PARTING_SECONDS):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
    if connection is not None:
        connection.cut()
