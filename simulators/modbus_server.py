"""A Modbus TCP server of many units that can be told to misbehave, and that remembers what it was asked.

It never writes: functions other than 1 to 4 are refused and kept, so that a report can prove which were seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from simulators.connection import Connection
from simulators.faults import MBAP, Answer, Ending, Fault
from simulators.listener import Listener
from simulators.pdu import Refusal, RegisterMap
from simulators.request_log import RequestLog
from simulators.units import Units
from simulators.wire import Request


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
        self._units = Units(units, MBAP, now=now, seed=seed, absent=absent)
        self._max_connections = max_connections
        self._connections: set[Connection] = set()
        self._listener = Listener(lambda: Connection(self))
        self.accepted = 0
        self.turned_away = 0
        self.unframed = 0

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; the port in use (the given one, or a free one for 0)."""
        return await self._listener.start(host, port)

    @property
    def port(self) -> int:
        """The port while running; RuntimeError otherwise."""
        return self._listener.port

    @property
    def logs(self) -> dict[int, RequestLog]:
        """What each unit was asked."""
        return self._units.logs

    async def admit(self) -> None:
        """Accept connections (again)."""
        await self._listener.admit()

    def refuse(self) -> None:
        """Refuse new connections until `admit`; those that stand go on (`drop` ends them)."""
        self._listener.refuse()

    @property
    def refusing(self) -> bool:
        return self._listener.refusing

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
        await self._listener.stop()

    def set_faults(self, unit: int | None, *faults: Fault) -> None:
        """Faults of a unit (None: of every unit on the link), tried in this order; none heals it."""
        self._units.set_faults(unit, *faults)

    def report(self) -> dict[str, Any]:
        """Connections, and per unit: requests, function codes seen, exceptions answered, faults played."""
        return {
            "connections": self.accepted,
            "turned_away": self.turned_away,
            "unframed": self.unframed,
            "units": self._units.report(),
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
        return self._units.answer(request, previous)
