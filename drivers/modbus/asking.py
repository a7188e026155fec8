"""Questions to the units of one link, one at a time, and what each answer means for its cycle.

A request error stays inside its unit, as a missed cycle at most; a session error is the driver's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from drivers.base import DriverError, RequestError, SessionError
from drivers.modbus.busy import Busy
from drivers.modbus.connection import Connection
from drivers.modbus.cycle import Cycle
from drivers.modbus.exceptions import Consequence, ExceptionAnswer
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions
from drivers.modbus.refusals import Asked
from drivers.modbus.schedule import SLICE
from drivers.modbus.unit import Unit
from gateway.clock import Clock, host_mono_ns
from gateway.model import SECOND, ErrorKind

# whether an answer is still owed is not looked up more often than this
OWED_LEAST = SECOND // 100


class Missed(Exception):  # noqa: N818 - not a failure of ours
    """A cycle or a probe without its answer. `silent`: nobody was heard; `link_answers`: but by its gateway."""

    def __init__(self, *, silent: bool, link_answers: bool) -> None:
        self.silent = silent
        self.link_answers = link_answers


class HungUp(SessionError):  # noqa: N818 - what a device does with a register it has not, not a failure of ours
    """The device has closed the connection at a register that it need not have: no fault of its unit."""


class Asker:
    """Asks over the connection it is given. `heard`: this connection has brought an answer; `busy`: the wire's load.

    `wire` is held while a question is in flight; `tell` is called at news.
    """

    def __init__(self, options: ModbusLinkOptions, clock: Clock, wire: asyncio.Lock, tell: Callable[[], None]) -> None:
        self._options = options
        self._clock = clock
        self._wire = wire
        self._tell = tell
        self.heard = False
        self.busy = Busy(clock.now().mono_ns)

    async def probe(self, unit: Unit, connection: Connection) -> None:
        """One cheap question to a dead unit, which lives when it is answered; Missed when not."""
        question = unit.probe
        if self._must_wait(unit, question, connection):
            return
        try:
            await self.ask(unit, question, connection)
        except ExceptionAnswer as error:
            if error.consequence is Consequence.ABSENT:
                raise Missed(silent=True, link_answers=True) from None
        except RequestError:
            raise Missed(silent=True, link_answers=False) from None
        unit.alive(self._clock.now().mono_ns)

    async def cycle(self, unit: Unit, cycle: Cycle, connection: Connection, began_ns: int) -> bool:
        """True with all answers of the cycle, False when it goes on later; Missed when there will be none."""
        while (asked := cycle.next(began_ns)) is not None:
            if self._must_wait(unit, asked.question, connection):
                return False
            await self._question(unit, cycle, asked, connection)
            if cycle.unfinished:
                now_ns = self._clock.now().mono_ns
                if now_ns - began_ns >= SLICE or unit.ready_ns > now_ns:
                    return False
        return True

    async def _question(self, unit: Unit, cycle: Cycle, asked: Asked, connection: Connection) -> None:
        """One question of a cycle, and what its answer means for the cycle."""
        was_broken = connection.broken is not None
        again = not unit.suspect and cycle.repeats < self._options.retries
        try:
            payload = await self.ask(unit, asked.question, connection, again=again)
        except ExceptionAnswer as error:
            if error.consequence is Consequence.REFUSED:
                cycle.refused(asked, error.message, self._clock.now(), cut=error.can_be_cut)
            elif error.consequence is Consequence.FAILED:
                cycle.failed()
            elif error.consequence is Consequence.ABSENT or not unit.busy(cycle, self._clock.now().mono_ns):
                raise Missed(silent=error.consequence is Consequence.ABSENT, link_answers=True) from None
        except RequestError as error:
            if again:
                cycle.repeats += 1
            elif not cycle.unanswered(asked, self._clock.now(), silent=error.kind is ErrorKind.TIMEOUT):
                raise Missed(silent=True, link_answers=False) from None
        except SessionError as error:
            # a connection that broke while nobody asked says nothing about this register
            hung_up = self.heard and not was_broken and error.kind is ErrorKind.CONNECT
            if hung_up and cycle.hung_up(asked, error.message, self._clock.now()):
                raise HungUp(error.kind, error.message) from None
            raise
        else:
            cycle.answered(asked, payload)

    def _must_wait(self, unit: Unit, question: Question, connection: Connection) -> bool:
        """It cannot be asked yet: the unit waits, and the wire is free for the others."""
        owed_ns = connection.owed_ns(question)
        if owed_ns <= 0:
            return False
        # host time; where a building's runs faster this comes too soon, and is found out then
        unit.ready_ns = max(unit.ready_ns, self._clock.now().mono_ns + max(owed_ns, OWED_LEAST))
        return True

    async def ask(self, unit: Unit, question: Question, connection: Connection, *, again: bool = False) -> bytes:
        """One checked answer, counted. `again`: without one it is asked once more, so that it is no news yet."""
        async with self._wire:
            sent_ns, began_ns = self._clock.now().mono_ns, host_mono_ns()
            try:
                payload = await connection.checked_read(question)
                self.heard = True
            except DriverError as error:
                self.heard = self.heard or isinstance(error, ExceptionAnswer)
                news = unit.tally.failed(error, self._clock.now())
                if news and not (again and not isinstance(error, (SessionError, ExceptionAnswer))):
                    self._tell()
                raise
            finally:
                ended_ns = self._clock.now().mono_ns
                self.busy.took(sent_ns, ended_ns)
                unit.asked(ended_ns)
                _stay_cancelled()
            unit.tally.answered(host_mono_ns() - began_ns)
            return payload


def _stay_cancelled() -> None:
    # before Python 3.12 asyncio.wait_for, inside pymodbus, swallows a cancellation that comes together with the answer
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
