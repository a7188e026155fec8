"""A Modbus TCP server of many units that can be told to misbehave, and that remembers what it was asked.

It never writes: functions other than 1 to 4 are refused and kept, so that a report can prove which were seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from simulators.faults import Answer, Ending, Exchange, Fault, honest, spoil
from simulators.pdu import ERROR_BIT, READS, Refusal, RegisterMap, answer, refuse
from simulators.wire import MODBUS_PROTOCOL, FramingError, Request, split

LINGER_ZERO = struct.pack("ii", 1, 0)  # socket(7): closing discards and sends RST
KEPT_REFUSALS = 100


@dataclass(slots=True)
class UnitLog:
    """What one unit was asked and how it answered; `refused` keeps the last requests that were not reads."""

    requests: int = 0
    functions: Counter[int] = field(default_factory=Counter)
    exceptions: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    refused: deque[bytes] = field(default_factory=lambda: deque(maxlen=KEPT_REFUSALS))

    def report(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "functions": dict(sorted(self.functions.items())),
            "exceptions": dict(sorted(self.exceptions.items())),
            "faults": dict(sorted(self.faults.items())),
            "refused": [request.hex() for request in self.refused],
        }


class ModbusServer:
    """One link: an endpoint with units behind it.

    `absent` is the exception code for a unit that is not there (None: silence); `now` gives the time of fault
    windows; `max_connections` closes further ones at once; `seed` makes garbage and probabilities repeatable.
    """

    def __init__(
        self,
        units: Mapping[int, RegisterMap],
        *,
        now: Callable[[], float] = lambda: 0.0,
        seed: int = 0,
        max_connections: int | None = None,
        absent: int | None = Refusal.GATEWAY_TARGET_SILENT,
    ) -> None:
        self._units = dict(units)
        self._now = now
        self._rng = random.Random(seed)
        self._max_connections = max_connections
        self._absent = absent
        self._faults: dict[int | None, list[list[Any]]] = {}
        self._lines: set[_Line] = set()
        self._listener: asyncio.Server | None = None
        self._reserved: socket.socket | None = None
        self.logs: dict[int, UnitLog] = {unit: UnitLog() for unit in self._units}
        self.connections = 0
        self.turned_away = 0
        self.unframed = 0

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; the port in use (the given one, or a free one for 0)."""
        if self._reserved is not None:
            raise RuntimeError("the server is running")
        # The port stays bound without listening while connections are refused: nobody else gets it, and a client that
        # connects to it meanwhile cannot be joined to itself, as TCP does on a free port of the ephemeral range.
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        reserved = socket.socket(family, socket.SOCK_STREAM)
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
        if self._reserved is None:
            raise RuntimeError("the server is not running")
        return int(self._reserved.getsockname()[1])

    async def admit(self) -> None:
        """Accept connections (again)."""
        if self._listener is None and self._reserved is not None:
            host, port = self._reserved.getsockname()[:2]
            loop = asyncio.get_running_loop()
            self._listener = await loop.create_server(lambda: _Line(self), host, port, reuse_address=True)

    def refuse(self) -> None:
        """Refuse new connections; those that stand go on. `admit` ends it."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    @property
    def refusing(self) -> bool:
        return self._listener is None

    def drop(self, *, reset: bool = False) -> None:
        """Close (or reset) all connections that stand."""
        for line in tuple(self._lines):
            line.end(Ending.RESET if reset else Ending.CLOSE)

    async def stop(self) -> None:
        """Close everything; returns when the last socket and task are gone."""
        self.refuse()
        lines = tuple(self._lines)
        for line in lines:
            line.end(Ending.RESET)
        for line in lines:
            await line.gone()
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None

    def set_faults(self, unit: int | None, *faults: Fault) -> None:
        """Faults of a unit (None: of every unit on the link), tried in this order; none heals it."""
        if unit is not None and unit not in self._units:
            raise ValueError(f"there is no unit {unit} on this link")
        self._faults[unit] = [[fault, fault.times] for fault in faults]

    def report(self) -> dict[str, Any]:
        """Connections, and per unit: requests, function codes seen, exceptions answered, faults played."""
        return {
            "connections": self.connections,
            "turned_away": self.turned_away,
            "unframed": self.unframed,
            "units": {unit: log.report() for unit, log in sorted(self.logs.items())},
        }

    def _joined(self, line: _Line) -> bool:
        self._lines.add(line)
        if self._max_connections is not None and len(self._lines) > self._max_connections:
            self.turned_away += 1
            return False
        self.connections += 1
        return True

    def _left(self, line: _Line) -> None:
        self._lines.discard(line)

    def _answer(self, request: Request, previous: bytes) -> Answer:
        log = self.logs.setdefault(request.unit, UnitLog())
        log.requests += 1
        log.functions[request.pdu[0]] += 1
        if request.pdu[0] not in READS:
            log.refused.append(request.pdu)
        registers = self._units.get(request.unit)
        if registers is not None:
            pdu = answer(request.pdu, registers)
        elif self._absent is not None:
            pdu = refuse(request.pdu[0], self._absent)
        else:
            return Answer()
        exchange = Exchange(request, pdu, previous, self._rng)
        fault = self._fault_for(request.unit)
        if fault is not None:
            log.faults[fault.kind.value] += 1
            return spoil(fault, exchange)
        if pdu[0] & ERROR_BIT:
            log.exceptions[pdu[1]] += 1
        return honest(exchange)

    def _fault_for(self, unit: int) -> Fault | None:
        for entry in (*self._faults.get(unit, ()), *self._faults.get(None, ())):
            fault, left = entry
            if left == 0 or not fault.start <= self._now() < fault.end:
                continue
            if fault.probability < 1 and self._rng.random() >= fault.probability:
                continue
            if left is not None:
                entry[1] = left - 1
            return fault  # type: ignore[no-any-return]
        return None


class _Line(asyncio.Protocol):
    """One connection. Answers go out at once; those with waits are played by tasks that the connection owns."""

    def __init__(self, server: ModbusServer) -> None:
        self._server = server
        self._received = b""
        self._previous = b""
        self._plays: set[asyncio.Task[None]] = set()
        self._speaking = asyncio.Lock()  # a dripping answer is not cut in two by another
        self._lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if not self._server._joined(self):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            requests, self._received = split(self._received + data)
        except FramingError:
            self._server.unframed += 1
            self.end(Ending.CLOSE)
            return
        for request in requests:
            if self._transport.is_closing():
                return
            if request.protocol != MODBUS_PROTOCOL:  # Guide §4.4.2.1: not MODBUS, so the indication is discarded
                self._server.unframed += 1
                continue
            self._give(self._server._answer(request, self._previous))

    def _give(self, given: Answer) -> None:
        if given.pieces:
            self._previous = b"".join(content for _, content in given.pieces)
        if not self._speaking.locked() and all(wait == 0 for wait, _ in given.pieces):
            for _, content in given.pieces:
                self._transport.write(content)
            self.end(given.ending)
            return
        play = asyncio.get_running_loop().create_task(self._play(given))
        self._plays.add(play)
        play.add_done_callback(self._plays.discard)

    async def _play(self, given: Answer) -> None:
        first_wait = given.pieces[0][0] if given.pieces else 0.0
        await asyncio.sleep(first_wait)
        async with self._speaking:
            for place, (wait, content) in enumerate(given.pieces):
                await asyncio.sleep(wait if place else 0)
                self._transport.write(content)
        self.end(given.ending)

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
        for play in self._plays:
            play.cancel()
        self._server._left(self)
        self._lost.set()

    async def gone(self) -> None:
        """Wait until the socket is closed and every play has ended."""
        await self._lost.wait()
        await asyncio.gather(*self._plays, return_exceptions=True)
