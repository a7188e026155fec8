"""The owner of one Modbus endpoint: connects, asks unit after unit, and emits a frame per fed device.

One question is in flight at a time. Polls, probes and pauses run in building time; only the wait for an answer is host
time. A request error stays inside its unit; a session error closes the connection, and a new one is made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn, TypeVar

from drivers.assign import LinkAssignment
from drivers.base import SessionError
from drivers.modbus.asking import Asker, HungUp, Missed
from drivers.modbus.connect import open_connection
from drivers.modbus.connection import Connect, Connection
from drivers.modbus.lending import Lending
from drivers.modbus.options import ModbusLinkOptions
from drivers.modbus.schedule import Schedule, Turn
from drivers.modbus.unit import Unit
from drivers.reconnect import Random, Reconnecting, jitter
from gateway.clock import Clock
from gateway.model import SECOND, Emit, ErrorKind, Frame, Layout, LinkError, LinkReport

REPORT_EVERY = SECOND
# a report that is nearly due goes out with the polls: waking up for it alone would cost as much as a poll
REPORT_EARLY = SECOND // 10

T = TypeVar("T")


class ModbusDriver:
    """Reads all units of one link, each pace in its own period."""

    def __init__(
        self,
        link: str,
        options: ModbusLinkOptions,
        assignment: LinkAssignment,
        clock: Clock,
        report: Callable[[LinkReport], None],
        *,
        connect: Connect = open_connection,
        random: Random = jitter,
    ) -> None:
        self._link = link
        self._options = options
        self._clock = clock
        self._report = report
        self._connect = connect
        self._layouts = assignment.layouts
        self._units = [Unit(unit, clock.now(), random) for unit in assignment.units]
        self._schedule = Schedule(self._units)
        self._pauses = Reconnecting(options.reconnect_min, options.reconnect_max, random)
        self._lending = Lending(clock)
        self._endpoint = options.endpoint
        self._connects = 0
        self._error: LinkError | None = None
        self._report_ns = clock.now().mono_ns
        self._asker = Asker(options, clock, self._lending.wire, self._tell)

    @property
    def link(self) -> str:
        return self._link

    @property
    def layouts(self) -> Sequence[Layout]:
        """The layouts of all frames that `run` emits."""
        return self._layouts

    async def borrow(self, use: Callable[[Connection], Awaitable[T]]) -> T:
        """The result of `use` on the link's own connection, between two polls: one question, then come again.

        SessionError while the link is down. Polls keep two thirds of the wire.
        """
        return await self._lending.borrow(use)

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
                self._lending.connection = None
                connection.close()
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
        self._lending.connection = connection
        self._endpoint = connection.endpoint
        self._asker.heard = False
        self._connects += 1
        now = self._clock.now()
        for unit in self._units:
            unit.connected(now.mono_ns, anew=failed)
        self._tell()
        return connection

    async def _pause(self, until_ns: int) -> None:
        while (now_ns := self._clock.now().mono_ns) < until_ns:
            await self._clock.sleep_until(min(until_ns, self._report_ns))
            self._tell_in_time()
            for unit in self._units:
                unit.skip(now_ns)

    async def _lost(self, error: SessionError, emit: Emit) -> None:
        at = self._clock.now()
        for unit in self._units:
            unit.tally.failed(error, at)
            unit.skip(at.mono_ns)
            await _all(unit.lost(at), emit)

    # the units

    async def _tick(self, connection: Connection, emit: Emit) -> None:
        """Let the unit ask whose turn it is, or sleep until it is somebody's."""
        now_ns = self._clock.now().mono_ns
        turn = self._schedule.next(now_ns)
        if turn is None:
            await self._clock.sleep_until(min(self._report_ns, self._schedule.wake_ns))
        else:
            await self._serve(turn, now_ns, connection, emit)
        self._tell_in_time()

    async def _serve(self, turn: Turn, began_ns: int, connection: Connection, emit: Emit) -> None:
        """One cycle of one unit or a part of it, or one probe. SessionError when the link is over."""
        unit, cycle, _ = turn
        was_dead = unit.dead
        try:
            if cycle is None:
                unit.skip(began_ns)
                await self._asker.probe(unit, connection)
                self._tell()
                return
            if not cycle.running:
                unit.begin(cycle, began_ns)
            if not await self._asker.cycle(unit, cycle, connection, began_ns):
                return
        except HungUp:
            raise
        except (Missed, SessionError) as missed:
            at = self._clock.now()
            silent = missed.silent if isinstance(missed, Missed) else True
            if isinstance(missed, SessionError):
                unit.broken_off(cycle)
            await _all(unit.missed(at, at.mono_ns - began_ns, cycle, silent=silent), emit)
            if unit.dead and not was_dead:
                self._tell()
            if isinstance(missed, SessionError):
                raise
            if not missed.link_answers and self._options.modbus.scheme != "rtu" and self._schedule.all_dead:
                raise SessionError(ErrorKind.TIMEOUT, "no unit answers: the link itself may be gone") from None
            return
        finally:
            self._schedule.took(turn, began_ns, self._clock.now().mono_ns)
        if cycle.spoken:
            self._pauses.worked()
            self._error = None
        await _all(unit.answered(cycle, self._clock.now()), emit)

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
                endpoint=self._endpoint,
                connected=self._lending.connection is not None,
                at=now,
                error=self._error,
                connects=self._connects,
                units=tuple(unit.report() for unit in self._units),
                busy=self._asker.busy.share(now.mono_ns),
            )
        )


async def _all(frames: Sequence[Frame], emit: Emit) -> None:
    for frame in frames:
        await emit(frame)
