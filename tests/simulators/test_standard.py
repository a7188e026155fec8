"""The worked examples of the MODBUS Application Protocol V1.1b3, byte for byte on a socket."""

from __future__ import annotations

import pytest

from simulators.modbus_server import ModbusServer
from simulators.pdu import Table, mapped
from tests.simulators.raw import serving


def bits(first: int, packed: str, count: int) -> dict[int, int]:
    word = int.from_bytes(bytes.fromhex(packed), "little")
    return {first + place: word >> place & 1 for place in range(count)}


EXAMPLES = mapped(
    {
        Table.COILS: bits(0x13, "CD 6B 05", 0x13),
        Table.DISCRETE_INPUTS: bits(0xC4, "AC DB 35", 0x16),
        Table.HOLDING: {0x6B: 0x022B, 0x6C: 0x0000, 0x6D: 0x0064} | dict.fromkeys(range(0x1000, 0x1080), 7),
        Table.INPUT: {0x08: 0x000A, 0xFFFF: 1},
    }
)


@pytest.mark.parametrize(
    ("request_pdu", "answer_pdu"),
    [
        ("01 00 13 00 13", "01 03 cd 6b 05"),  # §6.1
        ("02 00 c4 00 16", "02 03 ac db 35"),  # §6.2
        ("03 00 6b 00 03", "03 06 02 2b 00 00 00 64"),  # §6.3
        ("04 00 08 00 01", "04 02 00 0a"),  # §6.4
        ("01 04 a1 00 01", "81 02"),  # §7: output 1245 does not exist
        ("04 ff ff 00 01", "04 02 00 01"),  # the last address there is
        ("04 ff ff 00 02", "84 02"),  # address + quantity beyond it
        ("03 00 6b 00 04", "83 02"),  # one register of the range is not mapped
        ("03 00 6b 00 00", "83 03"),  # §6.3: 1 … 0x7D
        ("03 10 00 00 7d", "03 fa" + " 00 07" * 125),
        ("03 10 00 00 7e", "83 03"),
        ("01 00 13 07 d1", "81 03"),  # §6.1: 1 … 0x7D0
        ("01 00 13 07 d0", "81 02"),
        ("03 00 6b 00", "83 03"),  # §7, code 3: the implied length is wrong
        ("03 00 6b 00 03 00", "83 03"),
        ("06 00 01 00 03", "86 01"),  # a write is not answered
        ("10 00 01 00 01 02 00 00", "90 01"),
        ("2b 0e 01 00", "ab 01"),
        ("00 00 00 00 01", "80 01"),
    ],
)
async def test_worked_examples(request_pdu: str, answer_pdu: str) -> None:
    length = len(bytes.fromhex(request_pdu)) + 1
    expected = f"15 01 00 00 {len(bytes.fromhex(answer_pdu)) + 1:04x} ff {answer_pdu}"
    async with serving(ModbusServer({0xFF: EXAMPLES})) as raw:
        asked = f"15 01 00 00 {length:04x} ff {request_pdu}"
        assert await raw.ask(asked, len(bytes.fromhex(expected))) == bytes.fromhex(expected).hex(" ")
        assert await raw.all_until_quiet() == b""


async def test_requests_cut_and_joined_anyhow_are_answered_in_order() -> None:
    one, two = "00 01 00 00 00 06 ff 04 00 08 00 01", "00 02 00 00 00 06 ff 03 00 6b 00 01"
    async with serving(ModbusServer({0xFF: EXAMPLES})) as raw:
        stream = bytes.fromhex(one + two + one)
        for byte in stream[:13]:
            raw.writer.write(bytes([byte]))
            await raw.writer.drain()
        raw.writer.write(stream[13:])
        first, second = "00 01 00 00 00 05 ff 04 02 00 0a", "00 02 00 00 00 05 ff 03 02 02 2b"
        assert await raw.receive(33) == f"{first} {second} {first}"


@pytest.mark.parametrize("length", ["00 00", "00 01", "00 ff", "ff ff"])
async def test_an_impossible_length_ends_the_connection(length: str) -> None:
    server = ModbusServer({1: EXAMPLES})
    async with serving(server) as raw:
        raw.send("00 01 00 00", length, "01 03 00 6b 00 01")
        assert await raw.closed()
    assert server.report()["unframed"] == 1


async def test_another_protocol_in_the_header_is_discarded() -> None:
    server = ModbusServer({1: EXAMPLES})
    async with serving(server) as raw:
        raw.send("00 01 00 07 00 06 01 03 00 6b 00 01")
        assert await raw.ask("00 02 00 00 00 06 01 04 00 08 00 01", 11) == "00 02 00 00 00 05 01 04 02 00 0a"
    assert server.report()["unframed"] == 1


async def test_a_unit_that_is_not_there() -> None:
    asked = "00 01 00 00 00 06 09 04 00 08 00 01"
    async with serving(ModbusServer({1: EXAMPLES})) as raw:
        assert await raw.ask(asked, 9) == "00 01 00 00 00 03 09 84 0b"
    async with serving(ModbusServer({1: EXAMPLES}, absent=None)) as raw:
        raw.send(asked)
        assert await raw.all_until_quiet() == b""


async def test_every_request_is_on_record() -> None:
    server = ModbusServer({1: EXAMPLES})
    async with serving(server) as raw:
        await raw.ask("00 01 00 00 00 06 01 04 00 08 00 01", 11)
        await raw.ask("00 02 00 00 00 06 01 04 00 99 00 01", 9)
        await raw.ask("00 03 00 00 00 06 01 06 00 08 00 01", 9)
        await raw.ask("00 04 00 00 00 06 05 05 00 08 ff 00", 9)
    report = server.report()
    assert report["connections"] == 1
    assert report["units"][1] == {
        "requests": 3,
        "functions": {4: 2, 6: 1},
        "exceptions": {1: 1, 2: 1},
        "faults": {},
        "refused": ["0600080001"],
    }
    assert report["units"][5]["refused"] == ["050008ff00"]
