"""A client that speaks bytes: what leaves the server is compared to the last one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from simulators.modbus_server import ModbusServer

DEMO = Path(__file__).resolve().parents[2] / "config" / "demo"
PATIENCE = 60
"""Host seconds for what must come, however busy the machine is."""
QUIET = 0.005
"""Host seconds without a byte; so many in a row count as silence on loopback."""
QUIETS = 10


class Raw:
    """One TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, *parts: str) -> None:
        """Hex, blanks allowed."""
        self.writer.write(bytes.fromhex("".join(parts)))

    async def receive(self, count: int) -> str:
        """Exactly so many bytes, as hex."""
        async with asyncio.timeout(PATIENCE):
            return (await self.reader.readexactly(count)).hex(" ")

    async def ask(self, request: str, count: int) -> str:
        self.send(request)
        return await self.receive(count)

    async def all_until_quiet(self) -> bytes:
        """Every byte until the line is quiet or closed."""
        received = b""
        quiet = 0
        while quiet < QUIETS:  # a machine that stalls for a moment uses up one of them
            try:
                async with asyncio.timeout(QUIET):
                    piece = await self.reader.read(65536)
            except TimeoutError:
                quiet += 1
                continue
            if not piece:
                break
            received += piece
            quiet = 0
        return received

    async def closed(self) -> bool:
        """Whether the server ends the connection in an orderly way (FIN) without another byte."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read(1) == b""


@asynccontextmanager
async def dial(port: int) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


@asynccontextmanager
async def serving(server: ModbusServer) -> AsyncIterator[Raw]:
    """The server started, and one connection to it."""
    port = await server.start()
    try:
        async with dial(port) as raw:
            yield raw
    finally:
        await server.stop()
