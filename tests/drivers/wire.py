"""A Modbus connection that is a script, and the driver on it in virtual time: no socket, no waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from drivers.assign import LinkAssignment
from drivers.base import RequestError, SessionError
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.exceptions import ExceptionAnswer
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions
from gateway.clock import VirtualClock
from gateway.model import SECOND, ErrorKind, Frame, LinkReport
from tests.drivers.made import profile

OPTIONS = ModbusLinkOptions.model_validate({"modbus": "tcp://127.0.0.1:1"})
TWO_BLOCKS = profile({"a": {"address": 0}, "b": {"address": 1}, "far": {"address": 900}})
ONE = profile({"a": {"address": 0}})
Act = Callable[[Question], bytes]


def value(question: Question) -> bytes:
    return b"".join((question.address + i & 0xFFFF).to_bytes(2, "big") for i in range(question.count))


def silence(question: Question) -> bytes:
    raise RequestError(ErrorKind.TIMEOUT, "no answer")


def exception(code: int) -> Act:
    def act(question: Question) -> bytes:
        raise ExceptionAnswer(code)

    return act


def broken(question: Question) -> bytes:
    raise SessionError(ErrorKind.BAD_REPLY, "rubbish")


@dataclass
class Wire:
    """Both the connect function and the connection. `units`: what each unit does; a silent unit takes `timeout`, any
    other its own of `delays`, or what every question `takes`. Who was silent `owes` its answer for so long, and a
    question that has to wait for that is counted in `held`.
    """

    clock: VirtualClock
    units: dict[int, Act]
    reachable: bool = True
    timeout: int = SECOND
    takes: int = 0
    delays: dict[int, int] = field(default_factory=dict)
    asked: list[tuple[int, Question]] = field(default_factory=list)
    connects: list[int] = field(default_factory=list)
    closed: int = 0
    endpoint: str = "tcp://127.0.0.1:1"
    owes: int = 0
    held: int = 0
    broken: SessionError | None = None
    _owed: dict[int, int] = field(default_factory=dict)

    async def __call__(self, options: ModbusLinkOptions) -> Wire:
        self.connects.append(self.clock.now().mono_ns)
        if not self.reachable:
            raise SessionError(ErrorKind.CONNECT, "refused")
        self.broken = None
        return self

    def hang_up(self) -> None:
        """The other side has closed the connection; that is heard at the next question."""
        self.broken = SessionError(ErrorKind.CONNECT, "the device closed the connection")

    def owed_ns(self, question: Question) -> int:
        return self._owed.get(question.unit, 0) - self.clock.now().mono_ns

    async def checked_read(self, question: Question) -> bytes:
        assert question.function in (1, 2, 3, 4)
        if self.broken is not None:
            raise self.broken
        if (owed_ns := self.owed_ns(question)) > 0:
            self.held += 1
            await self.clock.sleep_until(self.clock.now().mono_ns + owed_ns)
        self.asked.append((self.clock.now().mono_ns, question))
        act = self.units.get(question.unit, value)
        wait = self.timeout if act is silence else self.delays.get(question.unit, self.takes)
        if wait:
            await self.clock.sleep_until(self.clock.now().mono_ns + wait)
        try:
            return act(question)
        except RequestError as error:
            if error.kind is ErrorKind.TIMEOUT:
                self._owed[question.unit] = self.clock.now().mono_ns + self.owes
            raise

    def close(self) -> None:
        self.closed += 1

    def times(self, number: int) -> list[float]:
        return [at / SECOND for at, question in self.asked if question.unit == number]


@dataclass
class Run:
    clock: VirtualClock
    wire: Wire
    driver: ModbusDriver
    frames: list[Frame] = field(default_factory=list)
    reports: list[LinkReport] = field(default_factory=list)

    def of(self, device: str) -> list[Frame]:
        return [frame for frame in self.frames if frame.layout.device == device]

    async def seconds(self, count: float) -> None:
        for _ in range(round(count * 10)):
            await self.clock.advance(SECOND // 10)


@asynccontextmanager
async def running(
    assignment: LinkAssignment, options: ModbusLinkOptions = OPTIONS, **wire: object
) -> AsyncIterator[Run]:
    clock = VirtualClock(mono_ns=1000 * SECOND)
    made = Wire(clock, **{"units": {}, **wire})  # type: ignore[arg-type]
    reports: list[LinkReport] = []
    driver = ModbusDriver("l", options, assignment, clock, reports.append, connect=made, random=lambda: 0.0)
    run = Run(clock, made, driver, reports=reports)

    async def emit(frame: Frame) -> None:
        assert len(frame.values) == len(frame.layout.points)
        assert frame.quality is None or len(frame.quality) == len(frame.values)
        run.frames.append(frame)

    task = asyncio.ensure_future(driver.run(emit))
    try:
        await clock.advance(0)
        yield run
    finally:
        if task.done():
            task.result()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
