"""How one gets at a serial line: through a pseudo terminal, or through a serial server's TCP port."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tty
from collections.abc import Callable
from typing import cast

from simulators.connection import LINGER_ZERO

READ_AT_ONCE = 4096


class PtyDoor:
    """A pseudo terminal; whoever opens `path` has a serial port. What nobody reads is lost, as on a real one."""

    def __init__(self, received: Callable[[bytes], None]) -> None:
        self._received = received
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self.path = os.ttyname(self._theirs)
        asyncio.get_running_loop().add_reader(self._ours, self._readable)

    def _readable(self) -> None:
        with contextlib.suppress(OSError):
            if received := os.read(self._ours, READ_AT_ONCE):
                self._received(received)

    def write(self, content: bytes) -> None:
        with contextlib.suppress(OSError):  # a full buffer: nobody is listening
            os.write(self._ours, content)

    def close(self) -> None:
        """Unplug it: who has it open gets an error."""
        asyncio.get_running_loop().remove_reader(self._ours)
        os.close(self._ours)
        os.close(self._theirs)


class TcpDoor(asyncio.BufferedProtocol):
    """One connection to a serial server, which passes bytes both ways and understands none of them."""

    def __init__(
        self, received: Callable[[bytes], None], joined: Callable[[TcpDoor], bool], left: Callable[[TcpDoor], None]
    ) -> None:
        self._received, self._joined, self._left = received, joined, left
        self._arriving = bytearray(READ_AT_ONCE)
        self._gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._joined(self):
            self._transport.abort()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._arriving

    def buffer_updated(self, nbytes: int) -> None:
        self._received(bytes(self._arriving[:nbytes]))

    def write(self, content: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(content)

    def close(self, *, reset: bool) -> None:
        """Close or reset the connection."""
        if reset:
            with contextlib.suppress(OSError):
                self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
            self._transport.abort()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._left(self)
        self._gone.set()

    async def gone(self) -> None:
        """Wait until the socket is closed."""
        await self._gone.wait()
