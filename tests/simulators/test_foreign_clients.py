"""Clients that others wrote read what we serve: pymodbus and pyModbusTCP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pyModbusTCP.client import ModbusClient

from simulators.modbus_server import ModbusServer
from simulators.pdu import Table, mapped

HOLDING = {address: address * 7 & 0xFFFF for address in range(200)}
INPUT = {address: 0xFFFF - address for address in range(100, 300)}
COILS = {address: address % 3 == 0 for address in range(64)}
DISCRETE = {address: address % 5 == 0 for address in range(8, 40)}


@pytest.fixture
async def port() -> AsyncIterator[int]:
    tables = {Table.HOLDING: HOLDING, Table.INPUT: INPUT, Table.COILS: COILS, Table.DISCRETE_INPUTS: DISCRETE}
    server = ModbusServer({7: mapped(tables)})
    yield await server.start()
    await server.stop()


async def test_pymodbus(port: int) -> None:
    client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=30, retries=0)
    assert await client.connect()
    try:
        holding = await client.read_holding_registers(3, count=125, device_id=7)
        assert holding.registers == [HOLDING[address] for address in range(3, 128)]
        words = await client.read_input_registers(299, count=1, device_id=7)
        assert words.registers == [INPUT[299]]
        coils = await client.read_coils(0, count=64, device_id=7)
        assert coils.bits[:64] == [COILS[address] for address in range(64)]
        inputs = await client.read_discrete_inputs(9, count=11, device_id=7)
        assert inputs.bits[:11] == [DISCRETE[address] for address in range(9, 20)]
        assert (await client.read_holding_registers(199, count=2, device_id=7)).exception_code == 2
        assert (await client.write_register(1, 1, device_id=7)).exception_code == 1
    finally:
        client.close()


async def test_pymodbustcp(port: int) -> None:
    def read() -> list[object]:
        client = ModbusClient(host="127.0.0.1", port=port, unit_id=7, timeout=30, auto_open=True)
        try:
            return [
                client.read_holding_registers(3, 125),
                client.read_input_registers(299, 1),
                client.read_coils(0, 64),
                client.read_discrete_inputs(9, 11),
                client.read_holding_registers(199, 2),
                client.last_except,
                client.write_single_register(1, 1),
                client.last_except,
            ]
        finally:
            client.close()

    assert await asyncio.to_thread(read) == [
        [HOLDING[address] for address in range(3, 128)],
        [INPUT[299]],
        [COILS[address] for address in range(64)],
        [DISCRETE[address] for address in range(9, 20)],
        None,
        2,
        False,
        1,
    ]
