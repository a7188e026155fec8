"""Units on a serial line: each fault's bytes, the pace of the line, and who talks at once."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from simulators.faults import RTU, Fault, FaultKind
from simulators.modbus_server import ModbusServer
from simulators.pdu import Table, mapped
from simulators.rtu_line import RtuLine
from simulators.rtu_server import RtuServer
from simulators.rtu_wire import crc, opened, sealed
from tests.simulators.raw import Raw, dial

WORDS = mapped({Table.HOLDING: {0: 0x1122, 1: 0x3344, 2: 0x5566}, Table.COILS: dict.fromkeys(range(16), 1)})
ASKED = sealed(1, bytes.fromhex("03 00 00 00 02")).hex(" ")
GOOD = sealed(1, bytes.fromhex("03 04 11 22 33 44"))


@asynccontextmanager
async def serving(server: RtuServer) -> AsyncIterator[Raw]:
    port = await server.start()
    try:
        async with dial(port) as raw:
            yield raw
    finally:
        await server.stop()


def test_the_example_of_the_standard() -> None:
    """MODBUS over Serial Line V1.02 §6.2.2, and a question as makers of meters print it."""
    assert crc(b"\x02\x07") == 0x1241
    assert sealed(1, bytes.fromhex("04 00 00 00 02")) == bytes.fromhex("01 04 00 00 00 02 71 CB")
    request = opened(bytes.fromhex("01 04 00 00 00 02 71 CB"))
    assert request is not None and (request.unit, request.pdu) == (1, bytes.fromhex("04 00 00 00 02"))
    assert opened(bytes.fromhex("01 04 00 00 00 02 71 CC")) is None
    assert opened(b"\x01\x04\x00") is None


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (None, GOOD),
        (Fault(FaultKind.SILENT), b""),
        (Fault(FaultKind.EXCEPTION), sealed(1, b"\x83\x04")),
        (Fault(FaultKind.SHORT), sealed(1, bytes.fromhex("03 02 11 22"))),
        (Fault(FaultKind.WRONG_COUNT), sealed(1, bytes.fromhex("03 06 11 22 33 44"))),
        (Fault(FaultKind.WRONG_UNIT), sealed(2, bytes.fromhex("03 04 11 22 33 44"))),
        (Fault(FaultKind.WRONG_FUNCTION), sealed(1, bytes.fromhex("04 04 11 22 33 44"))),
        (Fault(FaultKind.TWICE), GOOD + sealed(1, bytes.fromhex("03 04 ee dd cc bb"))),
        (Fault(FaultKind.CUT), GOOD[:3]),
        (Fault(FaultKind.UNSEALED), GOOD[:-2]),
        (Fault(FaultKind.STALE), b""),
    ],
)
async def test_the_bytes_of_each_fault(fault: Fault | None, expected: bytes) -> None:
    server = RtuServer({1: WORDS})
    server.set_faults(1, *([fault] if fault else []))
    async with serving(server) as raw:
        raw.send(ASKED)
        assert (await raw.all_until_quiet()).hex(" ") == expected.hex(" ")
    if fault:
        assert server.report()["units"][1]["faults"] == {fault.kind.value: 1}


async def test_faults_of_the_line() -> None:
    server = RtuServer({1: WORDS}, seed=1)
    async with serving(server) as raw:
        server.set_faults(1, Fault(FaultKind.BAD_CRC))
        raw.send(ASKED)
        damaged = await raw.all_until_quiet()
        assert len(damaged) == len(GOOD) and opened(damaged) is None
        assert sum((one ^ other).bit_count() for one, other in zip(damaged, GOOD, strict=True)) == 1
        server.set_faults(1, Fault(FaultKind.NOISE, code=5))
        raw.send(ASKED)
        noisy = await raw.all_until_quiet()
        assert len(noisy) == len(GOOD) + 5 and noisy.endswith(GOOD)


def test_a_wire_has_the_faults_that_it_can_have() -> None:
    with pytest.raises(ValueError, match="zero_transaction"):
        RtuServer({1: WORDS}).set_faults(1, Fault(FaultKind.ZERO_TRANSACTION))
    with pytest.raises(ValueError, match="bad_crc"):
        ModbusServer({1: WORDS}).set_faults(1, Fault(FaultKind.BAD_CRC))
    for kind in FaultKind:
        if kind not in RTU.impossible:
            RtuServer({1: WORDS}).set_faults(None, Fault(kind))


async def test_what_is_not_for_anybody_is_not_answered() -> None:
    server = RtuServer({1: WORDS})
    async with serving(server) as raw:
        raw.send(sealed(9, bytes.fromhex("03 00 00 00 02")).hex())
        assert await raw.all_until_quiet() == b""
        raw.send("01 03 00 00 00 02 00 00")
        assert await raw.all_until_quiet() == b""
        raw.send(sealed(1, bytes.fromhex("10 00 00 00 01 02 00 07")).hex())
        assert await raw.all_until_quiet() == sealed(1, b"\x90\x01")
    report = server.report()
    assert report["unframed"] == 1 and report["units"][1]["refused"] == ["10000000010200 07".replace(" ", "")]


async def test_an_echo_comes_first() -> None:
    server = RtuServer({1: WORDS}, echo=True)
    async with serving(server) as raw:
        raw.send(ASKED)
        assert await raw.all_until_quiet() == bytes.fromhex(ASKED) + GOOD


async def test_a_unit_that_talks_unasked() -> None:
    server = RtuServer({1: WORDS, 3: WORDS})
    async with serving(server) as raw:
        server.babble(3, 0.02)
        assert await raw.receive(14) == (sealed(3, bytes.fromhex("03 02 ba be")) * 2).hex(" ")
        server.babble(3, None)
        said = server.babbled
        await raw.all_until_quiet()
        assert server.babbled == said >= 2
    with pytest.raises(ValueError, match="no unit 4"):
        server.babble(4, 1)


async def test_characters_take_their_time() -> None:
    heard = bytearray()
    loop = asyncio.get_running_loop()
    line = RtuLine(9600, 10, random.Random(1), heard.extend)
    began = loop.time()
    assert line.say(bytes(range(96))) == pytest.approx(0.1)
    assert line.busy and not heard
    while line.busy:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    assert loop.time() - began >= 0.1
    assert heard == bytes(range(96))
    assert line.gap == pytest.approx(0.003646, abs=1e-6)


async def test_who_talks_at_once_spoils_both() -> None:
    heard = bytearray()
    line = RtuLine(9600, 10, random.Random(1), heard.extend)
    line.say(GOOD)
    line.say(GOOD)
    while line.busy:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    assert len(heard) == 2 * len(GOOD) and GOOD not in heard


async def test_a_pseudo_terminal_is_a_serial_port() -> None:
    server = RtuServer({1: WORDS})
    path = server.plug()
    port = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        os.write(port, bytes.fromhex(ASKED))
        assert await read(lambda: os.read(port, 64), len(GOOD)) == GOOD
        server.unplug()
        with pytest.raises(OSError):
            os.write(port, b"?")
        with pytest.raises(OSError):
            os.open(path, os.O_RDWR | os.O_NOCTTY)
    finally:
        os.close(port)
    assert server.plug()
    await server.stop()


async def read(some: Callable[[], bytes], count: int) -> bytes:
    received = b""
    async with asyncio.timeout(60):
        while len(received) < count:
            try:
                received += some()
            except BlockingIOError:
                await asyncio.sleep(0.005)
    return received


async def test_a_serial_server_can_be_shut_and_opened() -> None:
    server = RtuServer({1: WORDS}, max_connections=1)
    port = await server.start()
    async with dial(port) as raw:
        async with dial(port) as second:
            assert await second.reader.read() == b""
        server.refuse()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        server.drop(reset=False)
        assert await raw.closed()
        await server.admit()
    async with dial(port) as raw:
        raw.send(ASKED)
        assert await raw.receive(len(GOOD)) == GOOD.hex(" ")
    await server.stop()
    assert server.report()["turned_away"] == 1 and server.accepted == 2
