"""Stopping: at once, with nothing left open, whatever the clients are doing."""

from __future__ import annotations

import asyncio

import pytest

from simulators.faults import Fault, FaultKind
from simulators.modbus_server import ModbusServer
from simulators.pdu import Table, mapped
from tests.simulators.raw import PATIENCE, dial

BLOCK = mapped({Table.HOLDING: dict.fromkeys(range(125), 1)})
ASKED = "00 01 00 00 00 06 01 03 00 00 00 7d"


@pytest.mark.parametrize("kind", [FaultKind.LATE, FaultKind.DRIP, FaultKind.SILENT])
async def test_stop_in_the_middle_of_an_answer(kind: FaultKind) -> None:
    server = ModbusServer({1: BLOCK})
    server.set_faults(1, Fault(kind, seconds=3000))
    port = await server.start()
    async with dial(port) as raw:
        raw.send(ASKED)
        await raw.writer.drain()
        await asyncio.sleep(0.02)
        async with asyncio.timeout(PATIENCE):
            await server.stop()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_stop_while_a_client_does_not_read() -> None:
    server = ModbusServer({1: BLOCK})
    port = await server.start()
    async with dial(port) as raw:
        raw.writer.transport.pause_reading()
        for _ in range(20_000):
            raw.send(ASKED)
        await asyncio.sleep(0.3)
        assert server.report()["units"][1]["requests"] < 20_000  # it has stopped listening to such a client
        server.drop()  # an orderly close waits for a client that never reads
        async with asyncio.timeout(PATIENCE):
            await server.stop()


async def test_the_same_port_again() -> None:
    server = ModbusServer({1: BLOCK})
    port = await server.start()
    for _ in range(3):
        async with dial(port) as raw:
            assert (await raw.ask(ASKED, 259)).startswith("00 01 00 00 00 fd")
        await server.stop()
        assert await server.start(port=port) == port
    await server.stop()
    await server.stop()


async def test_a_port_in_use_is_an_error_and_leaves_nothing_behind() -> None:
    one, two = ModbusServer({1: BLOCK}), ModbusServer({1: BLOCK})
    port = await one.start()
    try:
        with pytest.raises(OSError, match="ddress already in use"):
            await two.start(port=port)
        with pytest.raises(RuntimeError, match="is running"):
            await one.start()
        with pytest.raises(RuntimeError, match="not running"):
            _ = two.port
        assert await two.start() != port
    finally:
        await one.stop()
        await two.stop()
