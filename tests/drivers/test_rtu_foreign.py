"""Against another implementation of Modbus RTU (pymodbus's server), on a serial line and behind a TCP port."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.modbus.connect import open_connection
from drivers.modbus.exceptions import ExceptionAnswer
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions


def device() -> SimDevice:
    return SimDevice(1, simdata=[SimData(0, values=[17, 400, 0xFFFF, 230] * 30, datatype=DataType.REGISTERS)])


@asynccontextmanager
async def behind_tcp() -> AsyncIterator[str]:
    server = ModbusTcpServer(device(), framer=FramerType.RTU, address=("127.0.0.1", 0))
    await server.listen()
    try:
        yield f"rtu+tcp://127.0.0.1:{server.transport.sockets[0].getsockname()[1]}?baud=115200"
    finally:
        await server.shutdown()


@asynccontextmanager
async def on_a_line() -> AsyncIterator[str]:
    """Two pseudo terminals, and between them a wire."""
    (ours, our_end), (theirs, their_end) = pty.openpty(), pty.openpty()
    loop = asyncio.get_running_loop()

    def carry(source: int, target: int) -> None:
        with contextlib.suppress(OSError):
            os.write(target, os.read(source, 4096))

    for end in (our_end, their_end):
        tty.setraw(end)
    loop.add_reader(ours, carry, ours, theirs)
    loop.add_reader(theirs, carry, theirs, ours)
    server = ModbusSerialServer(device(), framer=FramerType.RTU, port=os.ttyname(their_end), baudrate=115_200)
    await server.listen()
    try:
        yield f"rtu://{os.ttyname(our_end)}?baud=115200"
    finally:
        await server.shutdown()
        loop.remove_reader(ours)
        loop.remove_reader(theirs)
        for held in (ours, our_end, theirs, their_end):
            os.close(held)


@pytest.mark.parametrize("wire", [behind_tcp, on_a_line], ids=["rtu+tcp", "rtu"])
async def test_another_implementation_is_read(wire: object) -> None:
    async with wire() as address:  # type: ignore[operator]
        told = {"modbus": address, "timeout": "30s", "late_within": "10ms"}
        connection = await open_connection(ModbusLinkOptions.model_validate(told))
        for count in (1, 4, 120):
            expected = b"".join(value.to_bytes(2, "big") for value in ([17, 400, 0xFFFF, 230] * 30)[:count])
            assert await connection.checked_read(Question(1, 3, 0, count, 2 * count)) == expected
        with pytest.raises(ExceptionAnswer, match="illegal data address"):
            await connection.checked_read(Question(1, 3, 500, 2, 4))
        assert await connection.checked_read(Question(1, 3, 1, 1, 2)) == b"\x01\x90"
        connection.close()
        await asyncio.sleep(0)
