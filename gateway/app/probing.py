"""The running gateway's side of `anlou probe`: questions are asked over the connections that it has (D23).

A second connection to a device that takes one would end the gateway's own, and the gateway's would end the bench's. So
the bench sends each question here. `probe.links` says which links are read, `probe.ask` asks one question, and
`probe.answer` comes again for an answer that takes longer than one request to the control socket may.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol, TypeVar, runtime_checkable

from drivers.base import DriverError, SessionError
from drivers.modbus.cell import LAST_ADDRESS, Table
from drivers.modbus.codec import answer_bytes
from drivers.modbus.connection import Connection
from drivers.modbus.exceptions import ExceptionAnswer
from drivers.modbus.frame import Question
from drivers.modbus.plan import Block
from gateway.app.control import Answer, ControlError
from gateway.app.standing import Standing
from gateway.clock import host_mono_ns
from gateway.config.wires import LinkOptions
from gateway.model import SECOND, Driver

T = TypeVar("T")
# well below what a request to the control socket may take
WAIT_SECONDS = 5.0
MOST_TICKETS = 16
LINKS_AT_ONCE = 100
LONGEST_TIMEOUT_MS = 60_000


@runtime_checkable
class Lender(Protocol):
    """A driver that lends its connection between two polls; ModbusDriver is one."""

    async def borrow(self, use: Callable[[Connection], Awaitable[T]]) -> T: ...


@dataclass(slots=True)
class _Ticket:
    """A question that somebody waits for."""

    lender: Lender
    question: Question
    reply: dict[str, Any] | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Probing:
    """Asks for the bench, one question after the other. `run` must run for any answer to come."""

    def __init__(self, standing: Standing, drivers: Sequence[Driver]) -> None:
        self._standing = standing
        self._drivers = {driver.link: driver for driver in drivers}
        self._tickets: dict[int, _Ticket] = {}
        self._numbers = itertools.count(1)
        self._waiting: asyncio.Queue[_Ticket] = asyncio.Queue()

    @property
    def commands(self) -> dict[str, Answer]:
        """What the control socket answers."""
        return {"probe.links": self.links, "probe.ask": self.ask, "probe.answer": self.answer}

    async def run(self) -> NoReturn:
        """Ask what is waiting, until cancelled."""
        while True:
            ticket = await self._waiting.get()
            ticket.reply = await _asked(ticket.lender, ticket.question)
            ticket.done.set()

    async def links(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The links that this gateway reads, from number `after` on."""
        after = request.get("after", 0)
        if isinstance(after, bool) or not isinstance(after, int) or after < 0:
            raise ControlError("after = the number of links that are known already")
        names = list(self._drivers)[after : after + LINKS_AT_ONCE]
        config = self._standing.config
        return {
            "site": config.site.id,
            "digest": config.digest,
            "links": [{"link": name, **_door(config.links[name])} for name in names],
            "more": after + len(names) < len(self._drivers),
        }

    async def ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """One question to a unit of a link."""
        driver = self._drivers.get(str(request.get("link")))
        if driver is None:
            raise ControlError(f"this gateway reads no link {request.get('link')!r}")
        if not isinstance(driver, Lender):
            raise ControlError(f"{driver.link} is a broker: listen there beside the gateway, with a name of your own")
        question = _question(request)
        self._forget()
        if len(self._tickets) >= MOST_TICKETS:
            raise ControlError("too many questions are waiting already; ask again later")
        number = next(self._numbers)
        ticket = self._tickets[number] = _Ticket(driver, question)
        self._waiting.put_nowait(ticket)
        return await self._reply(number, ticket)

    async def answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """What became of a question."""
        number = request.get("ticket")
        ticket = self._tickets.get(number) if isinstance(number, int) else None
        if ticket is None or number is None:
            raise ControlError("ticket = the number of a question whose answer nobody has fetched yet")
        return await self._reply(number, ticket)

    async def _reply(self, number: int, ticket: _Ticket) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await ticket.done.wait()
        except TimeoutError:
            return {"ticket": number}
        self._tickets.pop(number, None)
        return ticket.reply or {}

    def _forget(self) -> None:
        """Answers that nobody came for make room for others."""
        for number in [number for number, ticket in self._tickets.items() if ticket.done.is_set()]:
            if len(self._tickets) >= MOST_TICKETS:
                del self._tickets[number]


async def _asked(lender: Lender, question: Question) -> dict[str, Any]:
    """The answer in plain values; an error of the wire is one, too."""

    async def use(connection: Connection) -> tuple[bytes, int]:
        began_ns = host_mono_ns()
        return await connection.checked_read(question), host_mono_ns() - began_ns

    try:
        payload, took_ns = await lender.borrow(use)
    except DriverError as error:
        said: dict[str, Any] = {"kind": str(error.kind), "message": error.message}
        if isinstance(error, ExceptionAnswer):
            said["code"] = error.code
        return {"error": {**said, "session": isinstance(error, SessionError)}}
    return {"payload": payload.hex(), "took_ms": round(took_ns / SECOND * 1000, 3)}


def _question(request: Mapping[str, Any]) -> Question:
    """The question in a request; ControlError when the standard has no such question."""
    try:
        table = Table(request.get("table", ""))
    except ValueError:
        raise ControlError(f"table = {', '.join(Table)}") from None
    numbers = [request.get(key) for key in ("unit", "address", "count")]
    if any(isinstance(number, bool) or not isinstance(number, int) for number in numbers):
        raise ControlError("unit, address and count are whole numbers")
    unit, address, count = (int(number or 0) for number in numbers)
    if not 1 <= unit <= 255:
        raise ControlError("a unit's number lies within 1 … 255")
    if not 1 <= count <= (2000 if table.is_bits else 125) or not 0 <= address <= LAST_ADDRESS + 1 - count:
        raise ControlError("at most 125 registers or 2000 bits, none behind 65535, can be asked for at once")
    timeout = request.get("timeout_ms")
    if timeout is not None and (not isinstance(timeout, int) or not 10 <= timeout <= LONGEST_TIMEOUT_MS):
        raise ControlError(f"timeout_ms = 10 … {LONGEST_TIMEOUT_MS}")
    size = answer_bytes(Block(table, address, count, ()))
    return Question(unit, table.function, address, count, size, timeout and timeout * SECOND // 1000)


def _door(options: LinkOptions) -> dict[str, Any]:
    """Where a link leads, without anything secret."""
    doors = [str(address) for address in getattr(options, "addresses", ())]
    return {"endpoint": options.endpoint, "doors": doors or [options.endpoint]}
