"""Any bytes, a thousand connections, an adapter that is pulled out: the driver lives on, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.base import DriverError, SessionError
from drivers.modbus.client import TcpConnection
from drivers.modbus.connect import open_connection
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions
from drivers.modbus.rtu import RtuConnection
from gateway.clock import BuildingClock
from gateway.model import Frame, FrameKind, LinkReport, Quality
from simulators.rtu_server import RtuServer
from tests.drivers.made import link, profile, unit
from tests.drivers.scripted import Ask, scripted
from tests.drivers.scripted_rtu import RtuAsk, rtu_pty, rtu_tcp

TWO = Question(unit=1, function=3, address=100, count=2, size=4)
RIGHT = b"\x00\x2a\x01\x00"
WIRES: dict[str, type[TcpConnection] | type[RtuConnection]] = {"tcp": TcpConnection, "rtu+tcp": RtuConnection}


def options(address: str, **more: Any) -> ModbusLinkOptions:
    return ModbusLinkOptions.model_validate({"modbus": address, **more})


class Transport(asyncio.Transport):
    """Says what the test says as soon as something is asked."""

    def __init__(self, wire: Any, says: Callable[[bytes], list[bytes]]) -> None:
        super().__init__()
        self._wire, self._says = wire, says
        self.closed = False

    def write(self, asked: Any) -> None:
        for chunk in self._says(bytes(asked)):
            asyncio.get_running_loop().call_soon(self._arrives, chunk)

    def _arrives(self, chunk: bytes) -> None:
        if not self.closed:
            self._wire.data_received(chunk)

    def close(self) -> None:
        self.closed = True

    abort = close


Makes = Callable[[Any], bytes]


def pieces(wire: str) -> st.SearchStrategy[Makes]:
    """Whole answers to what is asked, right and wrong ones, pieces of them, and noise."""
    payload, body = st.binary(max_size=6), st.binary(max_size=8)
    numbers = st.sampled_from([0, 1, 2, 3, 7, 254, 255, 0xFFFF])
    odd: dict[str, st.SearchStrategy[Any]] = {
        "unit": st.sampled_from([0, 1, 2, 255]),
        "function": st.sampled_from([0, 3, 4, 0x77, 0x83, 0x84]),
        "announced": st.integers(0, 300),
    }
    if wire == "tcp":
        odd |= {"length": numbers, "protocol": st.sampled_from([0, 7]), "tid": numbers}
    whole: st.SearchStrategy[Makes] = st.one_of(
        st.builds(
            lambda content, more: lambda ask: ask.answer(content, **more),
            payload,
            st.fixed_dictionaries({}, optional=odd),
        ),
        st.builds(lambda content: lambda ask: ask.answer(content), st.binary(min_size=4, max_size=4)),
        st.builds(lambda content: lambda ask: ask.frame(content), body),
        st.builds(lambda code: lambda ask: ask.refuse(code), st.integers(0, 255)),
    )
    cut = st.builds(lambda make, end: lambda ask: make(ask)[:end], whole, st.integers(0, 12))
    noise: st.SearchStrategy[Makes] = st.builds(lambda content: lambda ask: content, st.binary(max_size=300))
    return st.one_of(whole, cut, noise)


async def ask_any(wire: str, answers: list[list[Makes]]) -> None:
    late = {"late_within": "10ms"} if wire != "tcp" else {}
    made = WIRES[wire](options(f"{wire}://127.0.0.1:1", timeout="10ms", **late))
    escaped: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: escaped.append(context))
    said: list[bytes] = []

    def says(asked: bytes) -> list[bytes]:
        ask = Ask(int.from_bytes(asked[:2], "big"), 1, 3, 100, 2) if wire == "tcp" else RtuAsk(1, 3, 100, 2, asked)
        chunks = [make(ask) for make in (answers.pop() if answers else [])]
        said.extend(chunks)
        return chunks

    transport = Transport(made._client.ctx, says)
    made._client.ctx.connection_made(transport)
    for _ in range(2):
        try:
            payload = await made.checked_read(TWO)
        except DriverError:
            continue
        assert len(payload) == TWO.size
        assert b"\x01\x03\x04" + payload in b"".join(said), "it was said by unit 1, as function 3, with four bytes"
    made.close()
    assert escaped == []


@pytest.mark.parametrize("wire", list(WIRES))
@settings(max_examples=150)
@given(made=st.data())
def test_any_bytes_end_in_a_value_that_was_said_or_in_an_error(wire: str, made: st.DataObject) -> None:
    answers = made.draw(st.lists(st.lists(pieces(wire), max_size=4), min_size=2, max_size=2))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(ask_any(wire, answers))


def held() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("wire", ["tcp", "rtu", "rtu+tcp"])
def test_a_thousand_connections_leave_nothing(wire: str, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    count = 300 if wire == "rtu" else 1000

    async def over(address: str) -> None:
        told = options(address, timeout="30s", **({"late_within": "10ms"} if wire != "tcp" else {}))
        connection = await open_connection(told)
        await connection.checked_read(TWO)
        connection.close()
        await asyncio.sleep(0.001)
        before, tasks = held(), len(asyncio.all_tasks())
        for number in range(count):
            connection = await open_connection(told)
            if number % 2:
                asking = asyncio.ensure_future(connection.checked_read(TWO))
                for _ in range(number % 7):
                    await asyncio.sleep(0)
                asking.cancel()
                await asyncio.wait([asking])
            connection.close()
        for _ in range(1200):  # the other side closes in its own time
            if held() <= before and len(asyncio.all_tasks()) <= tasks:
                break
            await asyncio.sleep(0.05)
        assert held() <= before
        assert len(asyncio.all_tasks()) <= tasks

    async def play() -> None:
        if wire == "tcp":
            async with scripted(lambda ask, writer: writer.write(ask.answer(RIGHT))) as server:
                await over(f"tcp://127.0.0.1:{server.port}")
        else:
            async with (rtu_pty if wire == "rtu" else rtu_tcp)(lambda ask, say: say(ask.answer(RIGHT))) as line:
                await over(line.address)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(play())


async def test_in_a_fast_building_a_unit_waits_for_host_time_without_a_busy_loop() -> None:
    """What is owed is host time, and a building's may run faster: the unit is looked at again, but not all the time."""
    looked: list[int] = []

    class Looked(RtuConnection):
        def owed_ns(self, question: Question) -> int:
            owed_ns = super().owed_ns(question)
            if question.unit == 1:  # on a busy machine the other one is late as well, now and then
                looked.append(owed_ns)
            return owed_ns

    def script(ask: RtuAsk, say: Callable[[bytes], None]) -> None:
        if ask.unit == 2:
            say(ask.answer(bytes(2 * ask.count)))

    frames: list[Frame] = []

    async def emit(frame: Frame) -> None:
        frames.append(frame)

    async with rtu_tcp(script) as line:
        told = options(line.address, timeout="20ms", late_within="1s")
        one = profile({"a": {"address": 0}})
        made = link(unit("dead", 1, one), unit("well", 2, one))
        driver = ModbusDriver("l", told, made, BuildingClock(rate=10), lambda report: None, connect=Looked.open)
        task = asyncio.ensure_future(driver.run(emit))
        async with asyncio.timeout(60):
            while sum(ask.unit == 1 for ask in line.asked) < 2:  # noqa: ASYNC110 - a test looks from outside
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
    waits = [owed_ns for owed_ns in looked if owed_ns > 0]
    assert waits, "the second question to it had to wait"
    assert waits == sorted(waits, reverse=True)
    assert len(waits) < 400
    assert sum(frame.layout.device == "well" for frame in frames) >= 2


async def test_an_adapter_that_is_pulled_out_and_put_in_again(tmp_path: Path) -> None:
    """It comes back as another device file; its name under /dev/serial/by-id leads there."""
    by_id = tmp_path / "usb-FTDI_FT232R-if00-port0"
    server = RtuServer({1: lambda table, address, count: [7] * count})
    by_id.symlink_to(server.plug())
    told = options(f"rtu://{by_id}?baud=115200", timeout="30s", late_within="10ms", reconnect_max="1s")
    frames: list[Frame] = []
    reports: list[LinkReport] = []
    made = link(unit("d", 1, profile({"a": {"address": 0}}), poll_ns=10**8))
    driver = ModbusDriver("l", told, made, BuildingClock(), reports.append)

    async def emit(frame: Frame) -> None:
        frames.append(frame)

    async def until(true: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not true():  # noqa: ASYNC110 - a test looks from outside
                await asyncio.sleep(0.01)

    task = asyncio.ensure_future(driver.run(emit))
    try:
        await until(lambda: frames and frames[-1].values == [7])
        for _ in range(2):
            before = held()
            server.unplug()
            by_id.unlink()
            await until(lambda: frames[-1].quality == [Quality.BAD_COMM])
            await until(lambda: not reports[-1].connected)
            with pytest.raises(SessionError):
                await driver.borrow(lambda connection: connection.checked_read(TWO))
            by_id.symlink_to(server.plug())
            came = len(frames)
            await until(lambda: frames[-1].values == [7])
            assert frames[came].kind is FrameKind.INITIAL
            assert held() <= before
    finally:
        task.cancel()
        await asyncio.wait([task])
        await server.stop()
    assert task.cancelled()
