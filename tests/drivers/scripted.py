"""A Modbus TCP server that does as it is told, on raw bytes: an independent reading of the wire for fault tests."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Ask:
    """A question as it stood on the wire."""

    tid: int
    unit: int
    function: int
    address: int
    count: int

    def answer(
        self,
        payload: bytes,
        *,
        tid: int | None = None,
        unit: int | None = None,
        function: int | None = None,
        announced: int | None = None,
        length: int | None = None,
        protocol: int = 0,
    ) -> bytes:
        body = bytes([self.function if function is None else function]) + (
            bytes([(len(payload) if announced is None else announced) & 0xFF]) + payload
        )
        return self.frame(body, tid=tid, unit=unit, length=length, protocol=protocol)

    def refuse(self, code: int, *, function: int | None = None) -> bytes:
        return self.frame(bytes([(self.function if function is None else function) | 0x80, code]))

    def frame(
        self,
        body: bytes,
        *,
        tid: int | None = None,
        unit: int | None = None,
        length: int | None = None,
        protocol: int = 0,
    ) -> bytes:
        return (
            struct.pack(
                ">HHHB",
                (self.tid if tid is None else tid) & 0xFFFF,
                protocol,
                len(body) + 1 if length is None else length,
                self.unit if unit is None else unit,
            )
            + body
        )


Send = Callable[[bytes], None]
Script = Callable[[Ask, asyncio.StreamWriter], "asyncio.Future[None] | None"]


@dataclass
class Scripted:
    """Answers each question by `script`; keeps what it was asked."""

    script: Callable[[Ask, asyncio.StreamWriter], object]
    port: int = 0
    asked: list[Ask] = field(default_factory=list)
    connects: list[float] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    serving: set[asyncio.Task[None] | None] = field(default_factory=set)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connects.append(asyncio.get_running_loop().time())
        self.writers.append(writer)
        self.serving.add(asyncio.current_task())
        try:
            while True:
                head = await reader.readexactly(12)
                ask = Ask(*struct.unpack(">HxxxxBBHH", head))
                self.asked.append(ask)
                result = self.script(ask, writer)
                if asyncio.iscoroutine(result):
                    await result
        except (asyncio.IncompleteReadError, ConnectionError, RuntimeError):  # uvloop's word for a closed connection
            pass
        except asyncio.CancelledError:  # the end of the test; Python 3.11 logs a cancelled server task as an error
            pass
        finally:
            writer.close()
            self.serving.discard(asyncio.current_task())


@asynccontextmanager
async def scripted(script: Callable[[Ask, asyncio.StreamWriter], object], port: int = 0) -> AsyncIterator[Scripted]:
    made = Scripted(script)
    server = await asyncio.start_server(made._serve, "127.0.0.1", port)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for writer in made.writers:
            writer.transport.abort()
        await server.wait_closed()
        # an answer may still be waiting for its moment
        while left := [task for task in made.serving if task is not None]:
            for task in left:
                task.cancel()
            await asyncio.wait(left)
        for _ in range(3):
            await asyncio.sleep(0)


def reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with RST instead of FIN."""
    import socket

    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
