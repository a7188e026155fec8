"""The worked examples of MODBUS Application Protocol V1.1b3, byte for byte, through client and decoder."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from drivers.modbus.client import TcpConnection
from drivers.modbus.codec import Decoder
from drivers.modbus.exceptions import ExceptionAnswer
from drivers.modbus.options import ModbusLinkOptions
from drivers.modbus.plan import plan
from drivers.modbus.reading import cells_of
from drivers.modbus.unit import Unit
from gateway.model import Instant
from tests.drivers.made import link, profile, unit

COILS = "1011001111010110101"  # CD 6B 05: coils 20–38, the first in the lowest bit
INPUTS = "0011010111011011101011"  # AC DB 35: inputs 197–218
EXAMPLES: list[tuple[str, str, str, dict[str, Any], list[Any]]] = [
    (
        "§6.1 read coils",
        "01 00 13 00 13",
        "01 03 CD 6B 05",
        {f"c{i}": {"address": 0x13 + i, "table": "coil"} for i in range(19)},
        [flag == "1" for flag in COILS],
    ),
    (
        "§6.2 read discrete inputs",
        "02 00 C4 00 16",
        "02 03 AC DB 35",
        {f"d{i}": {"address": 0xC4 + i, "table": "discrete"} for i in range(22)},
        [flag == "1" for flag in INPUTS],
    ),
    (
        "§6.3 read holding registers",
        "03 00 6B 00 03",
        "03 06 02 2B 00 00 00 64",
        {f"h{i}": {"address": 0x6B + i} for i in range(3)},
        [555, 0, 100],
    ),
    ("§6.4 read input registers", "04 00 08 00 01", "04 02 00 0A", {"i": {"address": 8, "table": "input"}}, [10]),
    ("§7 exception", "01 04 A1 00 01", "81 02", {"c": {"address": 0x4A1, "table": "coil"}}, []),
]


@pytest.mark.parametrize(
    ("request_pdu", "response_pdu", "points", "values"), [row[1:] for row in EXAMPLES], ids=[row[0] for row in EXAMPLES]
)
async def test_example(request_pdu: str, response_pdu: str, points: dict[str, Any], values: list[Any]) -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = await reader.readexactly(12)
        seen.append(question)
        pdu = bytes.fromhex(response_pdu)
        writer.write(question[:4] + (len(pdu) + 1).to_bytes(2, "big") + question[6:7] + pdu)
        await reader.read()
        writer.close()

    made = profile(points)
    blocks = plan(cells_of(made.readings.values()), made.modbus.limits)
    (asked,) = Unit(link(unit("d", 17, made)).units[0], Instant(0, 0), lambda: 0.0).cycles[0].asked
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        connection = await TcpConnection.open(
            ModbusLinkOptions.model_validate({"modbus": f"tcp://127.0.0.1:{port}", "timeout": "30s"})
        )
        if values:
            payload = await connection.checked_read(asked.question)
            assert Decoder(made.readings, blocks).decode([payload]) == (values, None)
        else:
            with pytest.raises(ExceptionAnswer, match="0x02"):
                await connection.checked_read(asked.question)
        connection.close()
        await asyncio.sleep(0.01)
    # MBAP: protocol 0, length 6, unit 17
    assert seen[0][2:] == b"\0\0\0\6\x11" + bytes.fromhex(request_pdu)
