"""A Modbus TCP server of many units that can be told to misbehave, and that remembers what it was asked.

It never writes: functions other than 1 to 4 are refused and kept, so that a report can prove which were seen.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulators.connection import Connection
from simulators.faults import Answer, Ending, Exchange, Fault, honest, spoil
from simulators.pdu import ERROR_BIT, Refusal, RegisterMap, answer, refuse
from simulators.request_log import RequestLog
from simulators.wire import Request


@dataclass(slots=True)
class _Armed:
    """A fault and how many plays it has left."""

    fault: Fault
    left: int | None


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
        self._faults: dict[int | None, list[_Armed]] = {}
        self._connections: set[Connection] = set()
        self._listener: asyncio.Server | None = None
        self._closing: list[asyncio.Server] = []
        self._reserved: socket.socket | None = None
        self.logs: dict[int, RequestLog] = {unit: RequestLog() for unit in self._units}
        self.accepted = 0
        self.turned_away = 0
        self.unframed = 0

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
        if self._listener is None and self._reserved is not None:
            host, port = self._reserved.getsockname()[:2]
            loop = asyncio.get_running_loop()
            self._listener = await loop.create_server(lambda: Connection(self), host, port, reuse_address=True)

    def refuse(self) -> None:
        """Refuse new connections until `admit`; those that stand go on (`drop` ends them)."""
        if self._listener is not None:
            self._listener.close()
            self._closing.append(self._listener)
            self._listener = None

    @property
    def refusing(self) -> bool:
        return self._listener is None

    def drop(self, *, reset: bool = False) -> None:
        """Close (or reset) all connections that stand."""
        for connection in tuple(self._connections):
            connection.end(Ending.RESET if reset else Ending.CLOSE)

    async def stop(self) -> None:
        """Close everything; returns when the last socket is closed."""
        self.refuse()
        standing = tuple(self._connections)
        self.drop(reset=True)
        for connection in standing:
            await connection.gone()
        for listener in self._closing:
            await listener.wait_closed()
        self._closing.clear()
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None

    def set_faults(self, unit: int | None, *faults: Fault) -> None:
        """Faults of a unit (None: of every unit on the link), tried in this order; none heals it."""
        if unit is not None and unit not in self._units:
            raise ValueError(f"there is no unit {unit} on this link")
        self._faults[unit] = [_Armed(fault, fault.times) for fault in faults]

    def report(self) -> dict[str, Any]:
        """Connections, and per unit: requests, function codes seen, exceptions answered, faults played."""
        return {
            "connections": self.accepted,
            "turned_away": self.turned_away,
            "unframed": self.unframed,
            "units": {unit: log.report() for unit, log in sorted(self.logs.items())},
        }

    def joined(self, connection: Connection) -> bool:
        """A connection was made; False when there is no room for it."""
        self._connections.add(connection)
        if self._max_connections is not None and len(self._connections) > self._max_connections:
            self.turned_away += 1
            return False
        self.accepted += 1
        return True

    def left(self, connection: Connection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)

    def answer(self, request: Request, previous: bytes) -> Answer:
        """The answer to one request, spoilt when a fault is due; `previous` is the connection's last answer."""
        log = self.logs.setdefault(request.unit, RequestLog())
        log.asked(request.pdu)
        registers = self._units.get(request.unit)
        if registers is not None:
            pdu = answer(request.pdu, registers)
        elif self._absent is not None:
            pdu = refuse(request.pdu[0], self._absent)
        else:
            return Answer()
        exchange = Exchange(request, pdu, previous, self._rng)
        fault = self._due_fault(request.unit)
        if fault is not None:
            log.faults[fault.kind.value] += 1
            return spoil(fault, exchange)
        if pdu[0] & ERROR_BIT:
            log.exceptions[pdu[1]] += 1
        return honest(exchange)

    def _due_fault(self, unit: int) -> Fault | None:
        for armed in [*self._faults.get(unit, []), *self._faults.get(None, [])]:
            fault = armed.fault
            if armed.left == 0 or not fault.start <= self._now() < fault.end:
                continue
            if fault.probability < 1 and self._rng.random() >= fault.probability:
                continue
            if armed.left is not None:
                armed.left -= 1
            return fault
        return None
