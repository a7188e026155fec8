"""A line of RTU units that do as they are told, on raw bytes: on a pseudo terminal, or behind a TCP port."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast


def crc(content: bytes) -> bytes:
    """MODBUS over Serial Line V1.02 §6.2.2, by long division; the low byte first."""
    register = 0xFFFF
    for byte in content:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0xA001 if register & 1 else 0)
    return register.to_bytes(2, "little")


@dataclass(frozen=True)
class RtuAsk:
    """A question as it stood on the line."""

    unit: int
    function: int
    address: int
    count: int
    sent: bytes

    def answer(
        self,
        payload: bytes,
        *,
        unit: int | None = None,
        function: int | None = None,
        announced: int | None = None,
    ) -> bytes:
        count = (len(payload) if announced is None else announced) & 0xFF
        return self.frame(bytes([self.function if function is None else function, count]) + payload, unit=unit)

    def refuse(self, code: int, *, function: int | None = None) -> bytes:
        return self.frame(bytes([(self.function if function is None else function) | 0x80, code]))

    def frame(self, body: bytes, *, unit: int | None = None) -> bytes:
        content = bytes([self.unit if unit is None else unit]) + body
        return content + crc(content)


RtuScript = Callable[[RtuAsk, Callable[[bytes], None]], object]


@dataclass
class ScriptedLine:
    """Answers each question by `script`, which may send later too; keeps what was asked. `address` leads there."""

    script: RtuScript
    address: str = ""
    asked: list[RtuAsk] = field(default_factory=list)
    connects: int = 0
    _received: bytes = b""
    _say: Callable[[bytes], None] = lambda content: None

    def arrived(self, content: bytes) -> None:
        self._received += content
        while len(self._received) >= 8:
            head, self._received = self._received[:8], self._received[8:]
            assert crc(head[:6]) == head[6:], f"{head.hex()} is no question"
            ask = RtuAsk(head[0], head[1], int.from_bytes(head[2:4], "big"), int.from_bytes(head[4:6], "big"), head)
            self.asked.append(ask)
            self.script(ask, self.say)

    def say(self, content: bytes) -> None:
        self._say(content)

    def after(self, seconds: float, content: bytes) -> None:
        """Say it later, whoever is asked then."""
        asyncio.get_running_loop().call_later(seconds, self.say, content)


class _Door(asyncio.Protocol):
    def __init__(self, line: ScriptedLine, open_: set[asyncio.Transport]) -> None:
        self._line, self._open = line, open_

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._open.add(self._transport)
        self._line.connects += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._line.arrived(data)


@asynccontextmanager
async def rtu_tcp(script: RtuScript) -> AsyncIterator[ScriptedLine]:
    """A serial server: what the line says goes to everybody who is connected."""
    line, open_ = ScriptedLine(script), set[asyncio.Transport]()
    server = await asyncio.get_running_loop().create_server(lambda: _Door(line, open_), "127.0.0.1", 0)
    line.address = f"rtu+tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def say(content: bytes) -> None:
        for transport in open_:
            transport.write(content)

    line._say = say
    try:
        yield line
    finally:
        server.close()
        for transport in tuple(open_):
            transport.abort()
        await server.wait_closed()
        for _ in range(3):
            await asyncio.sleep(0)


@asynccontextmanager
async def rtu_pty(script: RtuScript, baud: int = 115_200) -> AsyncIterator[ScriptedLine]:
    """A serial port of this machine."""
    line = ScriptedLine(script)
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    line.address = f"rtu://{os.ttyname(theirs)}?baud={baud}"
    loop = asyncio.get_running_loop()

    def readable() -> None:
        with contextlib.suppress(OSError):
            line.arrived(os.read(ours, 4096))

    def say(content: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(ours, content)

    line._say = say
    loop.add_reader(ours, readable)
    try:
        yield line
    finally:
        line._say = lambda content: None
        loop.remove_reader(ours)
        os.close(ours)
        os.close(theirs)


WIRES = {"rtu": rtu_pty, "rtu+tcp": rtu_tcp}
