"""Eight units on a paced 9,600-baud bus, of which three fall sick: what the other five keep, and what health hears."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from drivers.assign import UnitSpec, assign
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.options import ModbusLinkOptions
from gateway.clock import BuildingClock
from gateway.model import SECOND, ErrorKind, Frame, LinkReport, UnitReport
from simulators.faults import Fault, FaultKind
from simulators.modbus_server import ModbusServer
from simulators.rtu_server import RtuServer
from tests.drivers.made import profile
from tests.stalls import measured_again_if_starved

pytestmark = pytest.mark.e2e

BAUD = 9600
UNITS = range(1, 9)
DEAD, BABBLING, ILLEGAL = 3, 5, 7
WELL = [number for number in UNITS if number not in (DEAD, BABBLING, ILLEGAL)]
METER = profile({f"p{n}": {"address": n} for n in range(10)})
SPAN = 12.0


class Registers:
    """Ten registers; `missing` one of them is refused."""

    def __init__(self) -> None:
        self.missing: int | None = None

    def __call__(self, table: object, address: int, count: int) -> list[int] | None:
        asked = range(address, address + count)
        return None if self.missing in asked else list(asked)


class Watched:
    """What comes from the links, counted by device and by link."""

    def __init__(self) -> None:
        self.polls: Counter[str] = Counter()
        self.latest: dict[str, Frame] = {}
        self.reports: dict[str, LinkReport] = {}

    async def emit(self, frame: Frame) -> None:
        self.latest[frame.layout.device] = frame
        if frame.quality is None:
            assert frame.values == list(range(10)), "never a wrong value"
            self.polls[frame.layout.device] += 1

    def report(self, report: LinkReport) -> None:
        self.reports[report.link] = report

    @property
    def units(self) -> Mapping[int | None, UnitReport]:
        return {unit.unit: unit for report in self.reports.values() for unit in report.units}

    async def rates(self, seconds: float) -> list[int]:
        """Polls of the well units in that time."""
        before = Counter(self.polls)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.Event().wait()
        return [self.polls[f"u{number}"] - before[f"u{number}"] for number in WELL]


@asynccontextmanager
async def reading(options: Mapping[str, ModbusLinkOptions], links: Mapping[int, str]) -> AsyncIterator[Watched]:
    """Eight units at 1 s, each on its link."""
    watched, clock = Watched(), BuildingClock()
    specs = [UnitSpec(f"u{number}", links[number], number, METER, SECOND, True) for number in UNITS]
    tasks = [
        asyncio.ensure_future(ModbusDriver(link, options[link], one, clock, watched.report).run(watched.emit))
        for link, one in assign(specs, []).items()
    ]
    try:
        yield watched
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def told(watched: Watched) -> None:
    """Health can name the sick ones and say why."""
    units = watched.units
    dead = units[DEAD]
    assert dead.last_error is not None and dead.errors[ErrorKind.TIMEOUT] > 0
    # the babbler may have spoken into the last question for the dead one: then that is what was heard, and it is said
    instead = f"unit {BABBLING} answered instead of unit {DEAD}"
    assert dead.last_error.kind is ErrorKind.TIMEOUT or dead.last_error.message == instead
    assert units[DEAD].misses >= 2 and units[DEAD].backoff_until_ns is not None
    babbling = units[BABBLING]
    assert babbling.errors.keys() & {ErrorKind.CRC, ErrorKind.BAD_REPLY}, babbling
    assert babbling.backoff_until_ns is not None
    assert [refused.where for refused in units[ILLEGAL].refused] == ["holding 4"]
    assert "illegal data address" in units[ILLEGAL].exceptions
    assert units[ILLEGAL].good > 0 and units[ILLEGAL].backoff_until_ns is None
    for number in WELL:
        assert units[number].backoff_until_ns is None and units[number].refused == (), units[number]


@measured_again_if_starved
async def test_one_dead_one_babbling_and_one_illegal_register_among_eight_on_a_serial_line() -> None:
    registers = {number: Registers() for number in UNITS}
    server = RtuServer(registers, baud=BAUD, turnaround=0.005)
    options = ModbusLinkOptions.model_validate({"modbus": f"rtu://{server.plug()}?baud={BAUD}", "timeout": "300ms"})
    try:
        async with reading({"bus": options}, dict.fromkeys(UNITS, "bus")) as watched:
            await watched.rates(2)
            sound = await watched.rates(SPAN)
            server.set_faults(DEAD, Fault(FaultKind.SILENT))
            server.set_faults(BABBLING, Fault(FaultKind.GARBAGE))
            server.babble(BABBLING, 2.0)  # and it does not even wait to be asked
            registers[ILLEGAL].missing = 4
            sick = await watched.rates(SPAN)
            for was, kept in zip(sound, sick, strict=True):
                assert kept >= 0.67 * was, (sound, sick)
            told(watched)
            busy = watched.reports["bus"].busy
            assert busy is not None and 0.2 < busy < 1
            assert watched.reports["bus"].connects == 1, "the line itself is well"
            seen = {function for log in server.logs.values() for function in log.functions}
            assert seen <= {1, 2, 3, 4}
    finally:
        await server.stop()


@measured_again_if_starved
async def test_the_same_on_links_of_their_own_costs_the_others_nothing() -> None:
    registers = {number: Registers() for number in UNITS}
    async with AsyncExitStack() as stack:
        servers, options = {}, {}
        for number in UNITS:
            servers[number] = server = ModbusServer({number: registers[number]}, absent=None)
            port = await server.start()
            stack.push_async_callback(server.stop)
            options[f"l{number}"] = ModbusLinkOptions.model_validate(
                {"modbus": f"tcp://127.0.0.1:{port}", "timeout": "300ms"}
            )
        watched = await stack.enter_async_context(reading(options, {number: f"l{number}" for number in UNITS}))
        await watched.rates(2)
        sound = await watched.rates(SPAN)
        servers[DEAD].set_faults(DEAD, Fault(FaultKind.SILENT))
        servers[BABBLING].set_faults(BABBLING, Fault(FaultKind.GARBAGE))
        registers[ILLEGAL].missing = 4
        sick = await watched.rates(SPAN)
        for was, kept in zip(sound, sick, strict=True):
            assert kept >= min(was, int(SPAN)) - 1, (sound, sick)  # the poll on the edge of the span
        told(watched)
