"""Against another implementation of Modbus TCP (pyModbusTCP's server), on loopback, with real time."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from pyModbusTCP.server import ModbusServer

from drivers.assign import LinkAssignment
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.options import ModbusLinkOptions
from gateway.clock import BuildingClock
from gateway.model import SECOND, Frame, FrameKind, LinkReport, Quality
from tests.drivers.made import channel, link, profile, shipped, unit
from tests.drivers.scripted import Ask, scripted


def options(port: int, **more: str) -> ModbusLinkOptions:
    return ModbusLinkOptions.model_validate({"modbus": f"tcp://127.0.0.1:{port}", "timeout": "30s", **more})


@pytest.fixture
def server() -> Iterator[ModbusServer]:
    while True:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        made = ModbusServer("127.0.0.1", port, no_block=True)
        try:
            made.start()
        except ModbusServer.NetworkError:  # somebody was faster
            continue
        break
    yield made
    if made.is_run:
        made.stop()


class Run:
    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.reports: list[LinkReport] = []

    async def until(self, true: Callable[[], object], seconds: float = 60) -> None:
        async with asyncio.timeout(seconds):
            while not true():  # noqa: ASYNC110 - a test looks from outside
                await asyncio.sleep(0.005)


@asynccontextmanager
async def running(assignment: LinkAssignment, port: int, rate: float = 20, **more: str) -> AsyncIterator[Run]:
    run = Run()
    driver = ModbusDriver("l", options(port, **more), assignment, BuildingClock(rate=rate), run.reports.append)

    async def emit(frame: Frame) -> None:
        run.frames.append(frame)

    task = asyncio.ensure_future(driver.run(emit))
    try:
        yield run
    finally:
        if task.done():
            task.result()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        await asyncio.sleep(0)


async def test_a_building_at_twenty_times_its_speed(server: ModbusServer) -> None:
    bank = server.data_bank
    bank.set_holding_registers(0x1010, [1750, 1750])
    bank.set_holding_registers(0x1018, [7, 185, 412, 0x0010])
    bank.set_holding_registers(0x101D, [0x0578])
    bank.set_holding_registers(0x8000, [41])
    bank.set_holding_registers(0, [13107, 0])
    bank.set_coils(1, [True])
    loop = {"signal": {0: "0 mA", 65535: "20 mA"}, "linear": {"4 mA": "0 m", "20 mA": "1 m"}}
    assignment = link(
        unit("lift-1", 1, shipped("inovance-nice3000-plus")),
        unit("io", 3, shipped("advantech-adam-6024"), own=False),
        channels=(
            channel("east", "floor_level", "io.ai0", **loop),
            channel("east", "sump_level", "io.ai1", **loop),
            channel("lift-1", "mains_failed", "io.di1", invert=True),
        ),
    )
    async with running(assignment, server.port) as run:
        await run.until(lambda: len(run.frames) >= 60)
    lift = [f for f in run.frames if f.layout.device == "lift-1" and f.layout.points[0].name == "speed"]
    values = {point.key: value for point, value in zip(lift[0].layout.points, lift[0].values, strict=True)}
    assert values["speed"] == 1.75
    assert values["floor"] == 7
    assert values["position"] == 18.5
    assert (values["mode"], values["motion"], values["hall_fire"]) == ("automatic", "running", True)
    assert (values["door_open"], values["door_closed"], values["fault_code"]) == (False, True, 41)
    east = next(f for f in run.frames if f.layout.device == "east")
    assert (east.values, east.quality) == ([0.0, None], [0, Quality.BAD_SENSOR])
    channels = next(f for f in run.frames if f.layout.points[0].name == "mains_failed")
    assert channels.values == [False]
    assert [f.kind for f in lift][:2] == [FrameKind.INITIAL, FrameKind.LIVE]
    assert run.reports[-1].units[0].errors == {}


async def test_every_table_and_type(server: ModbusServer) -> None:
    bank = server.data_bank
    bank.set_input_registers(10, list(struct.unpack(">2H", struct.pack(">f", 230.2))))
    bank.set_discrete_inputs(5, [True, False, True])
    bank.set_coils(65535, [True])
    bank.set_holding_registers(65535, [7])
    made = profile(
        {
            "f": {"address": 10, "table": "input", "type": "float32"},
            "d0": {"address": 5, "table": "discrete"},
            "d1": {"address": 6, "table": "discrete"},
            "d2": {"address": 7, "table": "discrete"},
            "c": {"address": 65535, "table": "coil"},
            "last": {"address": 65535},
        }
    )
    async with running(link(unit("d", 1, made)), server.port) as run:
        await run.until(lambda: run.frames)
    assert run.frames[0].quality is None
    assert run.frames[0].values == [pytest.approx(230.2), True, False, True, True, 7]


async def test_power_off_and_on(server: ModbusServer) -> None:
    async with running(link(unit("d", 1, profile({"a": {"address": 0}}))), server.port, timeout="200ms") as run:
        await run.until(lambda: run.frames)
        server.stop()
        await run.until(lambda: run.frames[-1].quality == [Quality.BAD_COMM])
        assert run.reports[-1].connected is False
        again = ModbusServer("127.0.0.1", server.port, no_block=True)
        again.data_bank.set_holding_registers(0, [5])
        again.start()
        try:
            await run.until(lambda: run.frames[-1].values == [5])
        finally:
            again.stop()
    back = next(frame for frame in run.frames if frame.values == [5])
    assert back.kind is FrameKind.INITIAL


async def test_only_reading_functions_are_ever_seen() -> None:
    def script(ask: Ask, writer: asyncio.StreamWriter) -> None:
        size = (ask.count + 7) // 8 if ask.function < 3 else 2 * ask.count
        writer.write(ask.answer(bytes(size)))

    kinds = {"coil": {}, "discrete": {}, "holding": {"type": "int32"}, "input": {"type": "int32"}}
    tables = {
        f"{table}{i}": {"address": i, "table": table, **kind} for table, kind in kinds.items() for i in (0, 50, 400)
    }
    async with scripted(script) as server:
        async with running(link(unit("d", 1, profile(tables)), unit("e", 7, profile(tables))), server.port) as run:
            await run.until(lambda: len(run.frames) > 40)
        assert {ask.function for ask in server.asked} == {1, 2, 3, 4}
        assert {ask.unit for ask in server.asked} == {1, 7}


async def test_a_device_that_accepts_and_closes_is_not_hammered() -> None:
    began = asyncio.get_running_loop().time()
    async with (
        scripted(lambda ask, writer: writer.close()) as server,
        running(link(unit("d", 1, profile({"a": {"address": 0}}))), server.port, rate=1) as run,
    ):
        await run.until(lambda: len(server.connects) >= 3)
        assert len(server.connects) <= 1 + asyncio.get_running_loop().time() - began
        assert run.reports[-1].units[0].good == 0


async def test_a_stopped_server_never_wakes_the_loop_for_nothing() -> None:
    """A hundred polls a second of building time cost a hundred wake-ups, not a busy loop."""

    def script(ask: Ask, writer: asyncio.StreamWriter) -> None:
        writer.write(ask.answer(bytes(2 * ask.count)))

    began = asyncio.get_running_loop().time()
    async with scripted(script) as server:
        made = link(unit("d", 1, profile({"a": {"address": 0}}), poll_ns=10 * SECOND))
        async with running(made, server.port, rate=10) as run:
            await asyncio.sleep(1)
        spent = asyncio.get_running_loop().time() - began
        assert len(server.asked) <= 2 + spent
        assert len(run.reports) <= 10 + 10 * spent
