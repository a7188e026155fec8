"""A TCP port that can be shut and opened again without being lost to somebody else meanwhile."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable


class Listener:
    """Accepts connections on one port, a protocol of `make` for each."""

    def __init__(self, make: Callable[[], asyncio.BaseProtocol]) -> None:
        self._make = make
        self._server: asyncio.Server | None = None
        self._closing: list[asyncio.Server] = []
        self._reserved: socket.socket | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; the port in use (the given one, or a free one for 0)."""
        if self._reserved is not None:
            raise RuntimeError("the server is running")
        # The port stays bound without listening while connections are refused: nobody else gets it, and a client that
        # connects to it meanwhile cannot be joined to itself, as TCP does on a free port of the ephemeral range.
        reserved = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reserved.bind((host, port))
            self._reserved = reserved
            await self.admit()
        except BaseException:
            self._reserved = None
            reserved.close()
            raise
        return self.port

    @property
    def port(self) -> int:
        """The port while running; RuntimeError otherwise."""
        if self._reserved is None:
            raise RuntimeError("the server is not running")
        return int(self._reserved.getsockname()[1])

    async def admit(self) -> None:
        """Accept connections (again)."""
        if self._server is None and self._reserved is not None:
            host, port = self._reserved.getsockname()[:2]
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._make, host, port, reuse_address=True)

    def refuse(self) -> None:
        """Refuse new connections until `admit`."""
        if self._server is not None:
            self._server.close()
            self._closing.append(self._server)
            self._server = None

    @property
    def refusing(self) -> bool:
        return self._server is None

    async def stop(self) -> None:
        """Free the port; returns when the last listening socket is closed. Connections are ended by their owner."""
        self.refuse()
        for server in self._closing:
            await server.wait_closed()
        self._closing.clear()
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None
