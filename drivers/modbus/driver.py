"""The owner of one Modbus TCP endpoint: connects, asks unit after unit, and emits a frame per fed device.

One question is in flight at a time. Polls, probes and pauses run in building time; only the wait for an answer is host
time. A request error stays inside its unit; a session error closes the connection, and a new one is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn, Protocol

from drivers.assign import LinkAssignment
from drivers.base import DriverError, RequestError, SessionError
from drivers.modbus.client import TcpConnection
from drivers.modbus.exceptions import Consequence, ExceptionAnswer
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions
from drivers.modbus.unit import Unit
from drivers.reconnect import Random, Reconnecting, jitter
from gateway.clock import Clock, host_mono_ns
from gateway.model import SECOND, Emit, ErrorKind, Frame, Layout, LinkError, LinkReport, Quality

REPORT_EVERY = SECOND
# a report that is nearly due goes out with the polls: waking up for it alone would cost as much as a poll
REPORT_EARLY = SECOND // 10
# looking for the one register that a device refuses must not take the link from its other units
CUTS_PER_CYCLE = 16


class Connection(Protocol):
    """What the driver needs of an open connection; `TcpConnection` is one."""

    async def checked_read(self, question: Question) -> bytes: ...
    def close(self) -> None: ...


Connect = Callable[[ModbusLinkOptions], Awaitable[Connection]]


class _Missed(Exception):  # noqa: N818 - a cycle without its values, not a failure of ours
    def __init__(self, *, silent: bool, link_answers: bool) -> None:
        self.silent = silent
        self.link_answers = link_answers


class ModbusDriver:
    """Reads all units of one link, each in its own period."""

    def __init__(
        self,
        link: str,
        options: ModbusLinkOptions,
        assignment: LinkAssignment,
        clock: Clock,
        report: Callable[[LinkReport], None],
        *,
        connect: Connect = TcpConnection.open,
        random: Random = jitter,
    ) -> None:
        self._link = link
        self._options = options
        self._clock = clock
        self._report = report
        self._connect = connect
        self._layouts = assignment.layouts
        self._units = [Unit(unit, clock.now(), random) for unit in assignment.units]
        self._pauses = Reconnecting(options.reconnect_min, options.reconnect_max, random)
        self._connected = False
        self._connects = 0
        self._error: LinkError | None = None
        self._report_ns = clock.now().mono_ns

    @property
    def link(self) -> str:
        return self._link

    @property
    def layouts(self) -> Sequence[Layout]:
        """The layouts of all frames that `run` emits."""
        return self._layouts

    async def run(self, emit: Emit) -> NoReturn:
        """Poll until cancelled. An error of `emit` goes through, and the next run says again what it may have lost."""
        for unit in self._units:
            unit.begun()
        while True:
            connection = await self._open(emit)
            try:
                while True:
                    await self._tick(connection, emit)
            except SessionError as error:
                self._note(error)
            finally:
                connection.close()
                self._connected = False
            self._tell()

    # the link

    async def _open(self, emit: Emit) -> Connection:
        """A new connection, however long that takes; meanwhile cycles go by and the values are BAD."""
        failed = False
        while True:
            await self._pause(self._pauses.next_at(self._clock.now().mono_ns))
            self._pauses.connecting(self._clock.now().mono_ns)
            try:
                connection = await self._connect(self._options)
            except SessionError as error:
                failed = True
                self._note(error)
                await self._lost(error, emit)
                self._tell()
                continue
            break
        self._connected = True
        self._connects += 1
        now = self._clock.now()
        for unit in self._units:
            unit.connected(now.mono_ns)
            if failed:
                unit.alive(now.mono_ns)
        self._tell()
        return connection

    async def _pause(self, until_ns: int) -> None:
        while (now_ns := self._clock.now().mono_ns) < until_ns:
            await self._clock.sleep_until(min(until_ns, self._report_ns))
            self._tell_in_time()
            for unit in self._units:
                unit.advance(now_ns, skipping=True)

    async def _lost(self, error: SessionError, emit: Emit) -> None:
        at = self._clock.now()
        for unit in self._units:
            unit.tally.failed(error, at)
            unit.advance(at.mono_ns, skipping=True)
            await _all(unit.lost(at), emit)

    # the units

    async def _tick(self, connection: Connection, emit: Emit) -> None:
        """Ask every unit that is due, or sleep until one is."""
        now_ns = self._clock.now().mono_ns
        due = sorted((unit for unit in self._units if unit.wake_ns <= now_ns), key=lambda unit: unit.wake_ns)
        if not due:
            await self._clock.sleep_until(min(self._report_ns, *(unit.wake_ns for unit in self._units)))
        for unit in due:
            await self._serve(unit, connection, emit)
            self._tell_in_time()
        if not due:
            self._tell_in_time()

    async def _serve(self, unit: Unit, connection: Connection, emit: Emit) -> None:
        """One cycle of one unit, or one probe and then its cycle. SessionError when the link is over."""
        began_ns = self._clock.now().mono_ns
        was_dead = unit.dead
        unit.advance(began_ns, skipping=was_dead)
        try:
            if was_dead:
                await self._probe(unit, connection)
                self._tell()
            answers = await self._cycle(unit, connection)
        except (_Missed, SessionError) as missed:
            at = self._clock.now()
            silent = missed.silent if isinstance(missed, _Missed) else True
            await _all(unit.missed(at, at.mono_ns - began_ns, silent=silent), emit)
            if unit.dead and not was_dead:
                self._tell()
            if isinstance(missed, SessionError):
                raise
            if not missed.link_answers and all(one.dead for one in self._units):
                raise SessionError(ErrorKind.TIMEOUT, "no unit answers: the link itself may be gone") from None
            return
        self._pauses.worked()
        self._error = None
        await _all(unit.answered(answers, self._clock.now()), emit)

    async def _probe(self, unit: Unit, connection: Connection) -> None:
        try:
            await self._ask(unit, unit.probe, connection, retries=0)
        except ExceptionAnswer as error:
            if error.consequence is Consequence.ABSENT:
                raise _Missed(silent=True, link_answers=True) from None
        except RequestError:
            raise _Missed(silent=True, link_answers=False) from None
        unit.alive(self._clock.now().mono_ns)
        unit.advance(self._clock.now().mono_ns)

    async def _cycle(self, unit: Unit, connection: Connection) -> list[bytes | int]:
        """The answer to every block; _Missed when there can be no frame of this cycle."""
        answers: list[bytes | int] = []
        cuts = 0
        while len(answers) < len(unit.asked):
            asked = unit.asked[len(answers)]
            if asked.refused:
                answers.append(Quality.BAD_CONFIG)
                continue
            retries = 0 if unit.suspect else self._options.retries
            try:
                answers.append(await self._ask(unit, asked.question, connection, retries))
            except ExceptionAnswer as error:
                if error.consequence in (Consequence.ABSENT, Consequence.BUSY):
                    raise _Missed(silent=error.consequence is Consequence.ABSENT, link_answers=True) from None
                if error.consequence is Consequence.FAILED:
                    answers.append(Quality.BAD_COMM)
                elif cuts < CUTS_PER_CYCLE and unit.refused(asked, error.can_be_cut, self._clock.now()):
                    cuts += 1
                else:
                    answers.append(Quality.BAD_CONFIG)
            except RequestError:
                raise _Missed(silent=True, link_answers=False) from None
        return answers

    async def _ask(self, unit: Unit, question: Question, connection: Connection, retries: int) -> bytes:
        """One checked answer, counted."""
        for left in range(retries, -1, -1):
            began_ns = host_mono_ns()
            try:
                payload = await connection.checked_read(question)
            except DriverError as error:
                news = unit.tally.failed(error, self._clock.now())
                if isinstance(error, (SessionError, ExceptionAnswer)) or not left:
                    if news:
                        self._tell()
                    raise
                continue
            finally:
                _stay_cancelled()
            unit.tally.answered(host_mono_ns() - began_ns)
            return payload
        raise AssertionError("unreachable")

    # what health hears

    def _note(self, error: SessionError) -> None:
        self._error = LinkError(error.kind, error.message, self._clock.now().wall_ns)

    def _tell_in_time(self) -> None:
        if self._clock.now().mono_ns >= self._report_ns - REPORT_EARLY:
            self._tell()

    def _tell(self) -> None:
        now = self._clock.now()
        self._report_ns = now.mono_ns + REPORT_EVERY
        self._report(
            LinkReport(
                link=self._link,
                endpoint=self._options.endpoint,
                connected=self._connected,
                at=now,
                error=self._error,
                connects=self._connects,
                units=tuple(unit.report() for unit in self._units),
            )
        )


async def _all(frames: Sequence[Frame], emit: Emit) -> None:
    for frame in frames:
        await emit(frame)


def _stay_cancelled() -> None:
    # before Python 3.12 asyncio.wait_for, inside pymodbus, swallows a cancellation that comes together with the answer
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
