"""One client's connection: requests in, answers out, some of them slowly. It owns its timers and starts no tasks."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from typing import Protocol, cast

from simulators.faults import Answer, Ending
from simulators.wire import MODBUS_PROTOCOL, FramingError, Request, split

LINGER_ZERO = struct.pack("ii", 1, 0)  # socket(7): closing discards what is unsent and sends RST
READ_AT_ONCE = 4096


class Endpoint(Protocol):
    """The link that a connection belongs to."""

    unframed: int

    def joined(self, connection: Connection) -> bool: ...
    def left(self, connection: Connection) -> None: ...
    def answer(self, request: Request, previous: bytes) -> Answer: ...


class Connection(asyncio.BufferedProtocol):
    """Answers go out in the order of the questions, but for late ones, which others overtake. An answer that is being
    spoken byte by byte is not cut in two by another: that one waits."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._arriving = bytearray(READ_AT_ONCE)
        self._received = b""
        self._previous = b""
        self._timers: set[asyncio.TimerHandle] = set()
        self._speaking = False
        self._next: deque[Answer] = deque()
        self._lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if not self._endpoint.joined(self):
            self._transport.abort()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._arriving

    def buffer_updated(self, nbytes: int) -> None:
        try:
            requests, self._received = split(self._received + self._arriving[:nbytes])
        except FramingError:  # nothing that follows can be told apart: a server can only hang up
            self._endpoint.unframed += 1
            self.end(Ending.CLOSE)
            return
        for request in requests:
            if self._transport.is_closing():
                return
            if request.protocol != MODBUS_PROTOCOL:  # Guide §3.1.3: not MODBUS, so it is discarded
                self._endpoint.unframed += 1
                continue
            given = self._endpoint.answer(request, self._previous)
            if given.pieces:
                self._previous = b"".join(content for _, content in given.pieces)
            wait = given.pieces[0][0] if given.pieces else 0.0
            if wait:
                self._later(wait, given)
            else:
                self._speak(given)

    def _later(self, wait: float, given: Answer, place: int = 0) -> None:
        def due() -> None:
            self._timers.discard(timer)
            if place:
                self._go_on(given, place)
            else:
                self._speak(given)

        timer = asyncio.get_running_loop().call_later(wait, due)
        self._timers.add(timer)

    def _speak(self, given: Answer) -> None:
        if self._speaking:
            self._next.append(given)
        else:
            self._go_on(given, 0)

    def _go_on(self, given: Answer, place: int) -> None:
        """Speak the piece at `place` and all behind it that need no wait."""
        while place < len(given.pieces):
            self._transport.write(given.pieces[place][1])
            place += 1
            if place < len(given.pieces) and given.pieces[place][0]:
                self._speaking = True
                self._later(given.pieces[place][0], given, place)
                return
        self._speaking = False
        self.end(given.ending)
        if self._next and not self._transport.is_closing():
            self._go_on(self._next.popleft(), 0)

    def end(self, ending: Ending) -> None:
        """Close or reset the connection; STAY does nothing."""
        if ending is Ending.RESET:
            with contextlib.suppress(OSError):  # the peer was faster: there is nothing left to reset
                self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
            self._transport.abort()
        elif ending is Ending.CLOSE:
            self._transport.close()

    def pause_writing(self) -> None:
        self._transport.pause_reading()  # a client that does not read its answers may not ask for more

    def resume_writing(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._endpoint.left(self)
        self._lost.set()

    async def gone(self) -> None:
        """Wait until the socket is closed."""
        await self._lost.wait()
