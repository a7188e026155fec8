"""Modbus RTU units on one serial line, reached through a pseudo terminal or a serial server, that can be told to
misbehave. What they were asked is kept, as a Modbus TCP server's is; a unit that is not there is silent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from simulators.faults import RTU, Answer, Ending, Fault
from simulators.listener import Listener
from simulators.pdu import RegisterMap
from simulators.request_log import RequestLog
from simulators.rtu_doors import PtyDoor, TcpDoor
from simulators.rtu_line import RtuLine
from simulators.rtu_wire import MOST_BYTES, READ_BYTES, opened, sealed
from simulators.units import Units
from simulators.wire import Request


class RtuServer:
    """One serial line with units on it.

    `baud` and `bits` (per character) pace it, None means that characters take no time; `turnaround` is how long a unit
    thinks, s; `echo`: the adapter lets its owner hear what he sends himself. The rest is as for `ModbusServer`.
    """

    def __init__(
        self,
        units: Mapping[int, RegisterMap],
        *,
        baud: int | None = None,
        bits: int = 10,
        turnaround: float = 0.0,
        echo: bool = False,
        now: Callable[[], float] = lambda: 0.0,
        seed: int = 0,
        max_connections: int | None = None,
    ) -> None:
        self._units = Units(units, RTU, now=now, seed=seed, absent=None)
        self._line = RtuLine(baud, bits, self._units.rng, self._hear)
        self._turnaround = turnaround
        self._echo = echo
        self._max_connections = max_connections
        self._listener = Listener(lambda: TcpDoor(self._arrived, self._joined, self._left))
        self._doors: set[TcpDoor] = set()
        self._port: PtyDoor | None = None
        self._received = b""
        self._previous = b""
        self._silence: asyncio.TimerHandle | None = None
        self._timers: set[asyncio.TimerHandle] = set()
        self._babbling: dict[int, asyncio.TimerHandle] = {}
        self.accepted = 0
        self.turned_away = 0
        self.unframed = 0
        self.babbled = 0

    # doors

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Put a serial server before the line; its TCP port (the given one, or a free one for 0)."""
        return await self._listener.start(host, port)

    @property
    def port(self) -> int:
        """The serial server's TCP port while running; RuntimeError otherwise."""
        return self._listener.port

    def plug(self) -> str:
        """Connect the line to a pseudo terminal (again); the path of its other side."""
        if self._port is not None:
            raise RuntimeError("it is plugged in")
        self._port = PtyDoor(self._arrived)
        return self._port.path

    def unplug(self) -> None:
        """Pull the adapter out: who has the port open gets an error, and its path is gone."""
        if self._port is not None:
            self._port.close()
            self._port = None

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
        for door in tuple(self._doors):
            door.close(reset=reset)

    async def stop(self) -> None:
        """Close everything; returns when the last socket is closed."""
        for timer in (*self._timers, *self._babbling.values()):
            timer.cancel()
        self._timers.clear()
        self._babbling.clear()
        if self._silence is not None:
            self._silence.cancel()
        self._line.hush()
        self.unplug()
        self.refuse()
        standing = tuple(self._doors)
        self.drop(reset=True)
        for door in standing:
            await door.gone()
        await self._listener.stop()

    def _joined(self, door: TcpDoor) -> bool:
        if self._max_connections is not None and len(self._doors) >= self._max_connections:
            self.turned_away += 1
            return False
        self._doors.add(door)
        self.accepted += 1
        return True

    def _left(self, door: TcpDoor) -> None:
        self._doors.discard(door)

    def _hear(self, content: bytes) -> None:
        for door in self._doors:
            door.write(content)
        if self._port is not None:
            self._port.write(content)

    # misbehaviour and evidence

    def set_faults(self, unit: int | None, *faults: Fault) -> None:
        """Faults of a unit (None: of every unit on the line), tried in this order; none heals it."""
        self._units.set_faults(unit, *faults)

    def babble(self, unit: int, every: float | None, pdu: bytes = b"\x03\x02\xba\xbe") -> None:
        """Let a unit talk without being asked, each `every` seconds, an answer with `pdu`; None: it is silent again."""
        self._units.require(unit)
        if (timer := self._babbling.pop(unit, None)) is not None:
            timer.cancel()
        if every is not None:
            self._babble_on(unit, every, pdu)

    def _babble_on(self, unit: int, every: float, pdu: bytes) -> None:
        def talk() -> None:
            self.babbled += 1
            self._line.say(sealed(unit, pdu))
            self._babble_on(unit, every, pdu)

        self._babbling[unit] = asyncio.get_running_loop().call_later(every, talk)

    @property
    def logs(self) -> dict[int, RequestLog]:
        """What each unit was asked."""
        return self._units.logs

    def report(self) -> dict[str, Any]:
        """Connections, and per unit: requests, function codes seen, exceptions answered, faults played."""
        return {
            "connections": self.accepted,
            "turned_away": self.turned_away,
            "unframed": self.unframed,
            "units": self._units.report(),
        }

    # questions and answers

    def _arrived(self, content: bytes) -> None:
        """Bytes from whoever asks: they go on the line, and silence ends a frame."""
        if self._echo:
            self._hear(content)
        self._received += content
        if self._silence is not None:
            self._silence.cancel()
        if len(self._received) == READ_BYTES and (request := opened(self._received)) is not None:
            self._received = b""
            self._later(self._line.seconds(READ_BYTES) + self._line.gap + self._turnaround, self._asked, request)
        else:
            wait = self._line.seconds(len(content)) + self._line.gap
            self._silence = asyncio.get_running_loop().call_later(wait, self._ended)

    def _ended(self) -> None:
        received, self._received = self._received, b""
        if (request := opened(received)) is None:
            self.unframed += 1
        else:
            self._later(self._turnaround, self._asked, request)
        if len(received) > MOST_BYTES:
            self._line.hush()

    def _asked(self, request: Request) -> None:
        if self._line.busy:  # somebody talked into the question: no unit has understood it
            self.unframed += 1
            return
        given = self._units.answer(request, self._previous)
        if given.pieces:
            self._previous = b"".join(content for _, content in given.pieces)
            self._speak(given, 0)
        else:
            self._end(given.ending)

    def _speak(self, given: Answer, place: int) -> None:
        def say() -> None:
            taken = self._line.say(given.pieces[place][1])
            if place + 1 < len(given.pieces):
                self._later(taken, self._speak, given, place + 1)
            else:
                self._end(given.ending)

        self._later(given.pieces[place][0], say)

    def _end(self, ending: Ending) -> None:
        if ending is not Ending.STAY:
            self.drop(reset=ending is Ending.RESET)

    def _later(self, wait: float, do: Callable[..., None], *what: object) -> None:
        if not wait:
            do(*what)
            return

        def due() -> None:
            self._timers.discard(timer)
            do(*what)

        timer = asyncio.get_running_loop().call_later(wait, due)
        self._timers.add(timer)
