"""Late, foreign, short and corrupt answers on Modbus TCP, on a serial port and behind a serial server: never a value.

MB1 … MB12 and the fault rows 44 … 46: a scripted server, 20 ms timeouts, characters that take no time.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from drivers.base import DriverError, RequestError, SessionError
from drivers.modbus.client import TcpConnection
from drivers.modbus.connection import Connection
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions
from drivers.modbus.rtu import RtuConnection
from gateway.clock import host_mono_ns
from gateway.model import SECOND, ErrorKind
from tests.drivers.scripted import Ask, scripted
from tests.drivers.scripted_rtu import WIRES, RtuAsk
from tests.stalls import measured_again_if_starved

TWO = Question(unit=1, function=3, address=100, count=2, size=4)
RIGHT = b"\x00\x2a\x01\x00"
WRONG = b"\x02\x9a\x02\x9a"
BAD, CRC, LATE = ErrorKind.BAD_REPLY, ErrorKind.CRC, ErrorKind.TIMEOUT
ALL = ("tcp", "rtu", "rtu+tcp")
Any_ = Any
Say = Callable[[bytes], None]


def foreign(ask: Any_) -> bytes:
    return ask.answer(WRONG, tid=ask.tid - 1) if isinstance(ask, Ask) else ask.answer(WRONG, unit=9)


# name, what is said instead of the answer, and what the error is called on TCP and on a line
ROWS: list[tuple[str, Callable[[Any_], bytes], ErrorKind | None, ErrorKind | None]] = [
    ("MB1 fewer registers", lambda a: a.answer(WRONG[:2]), BAD, BAD),
    ("MB1 more registers", lambda a: a.answer(WRONG + WRONG), BAD, BAD),
    ("MB1 none", lambda a: a.answer(b""), BAD, BAD),
    ("MB2 function 4 for 3", lambda a: a.answer(WRONG, function=4), BAD, BAD),
    ("MB2 bits for words", lambda a: a.answer(b"\x01", function=1), BAD, BAD),
    ("MB3 transaction 0", lambda a: a.answer(WRONG, tid=0), BAD, None),
    ("MB3 transaction + 1", lambda a: a.answer(WRONG, tid=a.tid + 1), LATE, None),
    ("MB3 transaction - 1", lambda a: a.answer(WRONG, tid=a.tid - 1), LATE, None),
    ("MB4 another unit", lambda a: a.answer(WRONG, unit=2), BAD, BAD),
    ("MB4 unit 0", lambda a: a.answer(WRONG, unit=0), BAD, BAD),
    ("MB5 protocol 7", lambda a: a.answer(WRONG, protocol=7), BAD, None),
    ("MB5 HTTP", lambda a: b"HTTP/1.1 400 Bad Request\r\n\r\n", BAD, CRC),
    ("MB5 TLS alert", lambda a: b"\x15\x03\x01\x00\x02\x02\x46", BAD, CRC),
    ("MB5 SSH", lambda a: b"SSH-2.0-OpenSSH_9.2p1\r\n", BAD, CRC),
    ("MB6 length 0", lambda a: a.answer(WRONG, length=0), BAD, None),
    ("MB6 length 1", lambda a: a.answer(WRONG, length=1), BAD, None),
    ("MB6 length 255", lambda a: a.answer(WRONG, length=255), BAD, None),
    ("MB6 length 65535", lambda a: a.answer(WRONG, length=65535), BAD, None),
    ("MB7 byte count too large", lambda a: a.answer(WRONG, announced=6), BAD, BAD),
    ("MB7 byte count too small", lambda a: a.answer(WRONG, announced=2), BAD, BAD),
    ("MB7 odd bytes", lambda a: a.answer(WRONG[:3]), BAD, BAD),
    ("MB8 exception of another function", lambda a: a.refuse(2, function=4), BAD, BAD),
    ("MB9 function 0x77", lambda a: a.answer(WRONG, function=0x77), BAD, BAD),
    ("MB9 function 0", lambda a: a.answer(WRONG, function=0), BAD, BAD),
    ("MB9 function 0xFF", lambda a: a.refuse(2, function=0x7F), BAD, BAD),
    ("MB10 flood", lambda a: foreign(a) * 2000, BAD, BAD),
    ("MB10 two answers", lambda a: a.answer(WRONG) + a.answer(RIGHT), None, BAD),
    ("MB10 300 times 0xFF", lambda a: b"\xff" * 300, BAD, CRC),
    ("MB12 a wrong CRC", lambda a: a.answer(WRONG)[:-1] + bytes([a.answer(WRONG)[-1] ^ 1]), None, CRC),
    ("MB12 a flipped bit", lambda a: a.answer(RIGHT)[:4] + b"\x40" + a.answer(RIGHT)[5:], None, CRC),
    ("MB12 no CRC", lambda a: a.answer(WRONG)[:-2], None, CRC),
    ("MB12 cut off", lambda a: a.answer(WRONG)[:5], None, CRC),
    ("MB12 a byte of it", lambda a: a.answer(WRONG)[:1], None, CRC),
    ("MB12 only noise", lambda a: b"\x00\xfe\x13\x00\xff", None, CRC),
    ("MB12 our own words", lambda a: a.sent, None, BAD),
    ("MB12 our own words first", lambda a: a.sent + a.answer(WRONG), None, BAD),
    ("MB12 an answer within noise", lambda a: b"\x00\x31" + a.answer(WRONG) + b"\x00\x12\x13", None, BAD),
    ("silence", lambda a: b"", LATE, LATE),
]  # fmt: skip


def options(address: str, **more: Any) -> ModbusLinkOptions:
    return ModbusLinkOptions.model_validate({"modbus": address, "timeout": "20ms", **more})


@asynccontextmanager
async def link(wire: str, script: Callable[[Any, Say], object], **more: Any) -> AsyncIterator[Connection]:
    """A scripted server and a connection to it."""
    if wire == "tcp":
        async with scripted(lambda ask, writer: script(ask, writer.write)) as server:
            connection = await TcpConnection.open(options(f"tcp://127.0.0.1:{server.port}", **more))
            yield connection
            connection.close()
    else:
        async with WIRES[wire](script) as line:
            connection = await RtuConnection.open(options(line.address, **more))
            yield connection
            connection.close()


CASES = [
    pytest.param(wire, make, tcp if wire == "tcp" else rtu, id=f"{wire}: {name}")
    for name, make, tcp, rtu in ROWS
    for wire in ALL
    if (tcp if wire == "tcp" else rtu) is not None
]


@pytest.mark.parametrize(("wire", "make", "kind"), CASES)
@measured_again_if_starved  # who is not let run in time has heard nothing at all
async def test_a_wrong_answer_is_an_error(wire: str, make: Callable[[Any], bytes], kind: ErrorKind) -> None:
    quick = kind is LATE or kind is CRC or "another unit" in str(make) or wire != "tcp"
    async with link(wire, lambda ask, say: say(make(ask)), timeout="300ms" if quick else "30s") as connection:
        with pytest.raises(DriverError) as caught:
            await connection.checked_read(TWO)
    assert caught.value.kind is kind, caught.value.message


@pytest.mark.parametrize("wire", ALL)
async def test_the_right_answer_is_a_value(wire: str) -> None:
    async with link(wire, lambda ask, say: say(ask.answer(RIGHT)), timeout="30s") as connection:
        for _ in range(3):
            assert await connection.checked_read(TWO) == RIGHT


FUNCTIONS = {1: 13, 2: 8, 3: 2, 4: 125}
TIMEOUT, LATE_WITHIN = 0.020, 0.150
ON_THE_WAY = 0.050  # the kernel hands on what is written to a pseudo terminal when it finds the time
UNITS = 3
EPOCH = 12


def on_tcp(ask: Ask, right: bytes, chance: random.Random) -> list[tuple[float, bytes]]:
    """(delay, bytes) to send: one of the faults, or none."""
    wrong = chance.randbytes(len(right))
    good = ask.answer(right)
    broken = bytearray(good)
    broken[chance.randrange(9)] ^= 1 << chance.randrange(8)  # in the header, function or byte count
    return {
        0: [(0, ask.answer(wrong, tid=0))],
        1: [(0, ask.answer(wrong, tid=ask.tid + chance.choice([-2, -1, 1, 2])))],
        2: [(0, ask.answer(wrong, tid=ask.tid - 1) + good)],
        3: [(0, good + ask.answer(wrong))],
        4: [(0, good + ask.answer(wrong, tid=ask.tid + 1)[: chance.randrange(1, 12)])],
        5: [(0, ask.answer(wrong, length=chance.choice([0, 1, 2, 255, 65535])))],
        6: [(0, bytes(broken))],
    }.get(chance.randrange(9)) or on_any(ask, right, chance)


def on_line(ask: RtuAsk, right: bytes, chance: random.Random) -> list[tuple[float, bytes]]:
    wrong = chance.randbytes(len(right))
    good = ask.answer(right)
    broken = bytearray(ask.answer(wrong))
    broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
    foreign = ask.answer(wrong, unit=250)  # a unit that talks without being asked
    noise = chance.randbytes(chance.randrange(1, 9))
    return {
        0: [(0, bytes(broken))],
        1: [(0, noise + good)],
        2: [(0, good + noise[:2])],
        3: [(0, ask.sent)],
        4: [(0, ask.sent + ask.answer(wrong))],
        5: [(0, foreign + good)],
        6: [(0, foreign), (chance.uniform(0.001, 0.2), foreign), (0, good)],
        7: [(0, noise + ask.answer(wrong) + noise + b"\0\0\0")],
        8: [(0, ask.answer(wrong)[:-2])],
        9: [(chance.uniform(TIMEOUT, TIMEOUT + LATE_WITHIN), good)],
    }.get(chance.randrange(12)) or on_any(ask, right, chance)


def on_any(ask: Any, right: bytes, chance: random.Random) -> list[tuple[float, bytes]]:
    wrong = chance.randbytes(len(right))
    good = ask.answer(right)
    return {
        0: [(0, ask.answer(wrong[:-1]))],
        1: [(0, ask.answer(wrong + b"\0\0"))],
        2: [(0, ask.answer(wrong, function=ask.function % 4 + 1))],
        3: [(0, ask.answer(wrong, unit=249))],
        4: [(max(0, chance.uniform(TIMEOUT - 0.05, TIMEOUT + 0.05)), good)],
        5: [(max(0, chance.uniform(TIMEOUT - 0.05, TIMEOUT + 0.05)), good)],
        6: [(0, ask.answer(wrong, announced=len(wrong) + chance.randrange(1, 256)))],
        7: [(0, ask.refuse(chance.choice([1, 2, 3, 4, 5, 6, 8, 10, 11, 0, 0x63])))],
        8: [(0, ask.answer(wrong, function=chance.choice([0x77, 0, 0xFF])))],
        9: [(0, b"HTTP/1.1 400 Bad Request\r\n\r\n")],
        10: [(0, chance.randbytes(chance.randrange(1, 300)))],
        11: [(0, good[: chance.randrange(1, len(good))])],
        12: [(0.002, good[:3]), (0.004, good[3:])],
        13: [],
        14: [(0, good[: len(good) // 2]), (chance.uniform(TIMEOUT, 0.06), good[len(good) // 2 :])],
    }.get(chance.randrange(20), [(0, good)])


class Tally:
    """What became of the questions of all links."""

    def __init__(self) -> None:
        self.asked = self.good = self.failed = self.closed = 0
        self.kinds: dict[ErrorKind, int] = {}


class TimedLine(RtuConnection):
    """Knows when each question went out: an answer later than what the link assumes is not part of this test."""

    def __init__(self, options: ModbusLinkOptions) -> None:
        super().__init__(options)
        self.sent_ns: dict[int, int] = {}

    def _packet(self, sending: bool, buffer: bytes) -> bytes:
        if sending:
            self.sent_ns[int.from_bytes(buffer[2:4], "big")] = host_mono_ns()
        return super()._packet(sending, buffer)


async def ask_on(open_: Callable[[], Awaitable[Any]], truth: dict[int, bytes], count: int, chance: random.Random, tally: Tally) -> None:  # fmt: skip  # noqa: E501
    connection = await open_()
    for address in range(count):
        # a unit that has answered twice is not believed any more: others come
        unit = 1 + address // EPOCH * UNITS % 240 + chance.randrange(UNITS)
        function = chance.choice(list(FUNCTIONS))
        words = FUNCTIONS[function]
        size = (words + 7) // 8 if function < 3 else 2 * words
        tally.asked += 1
        try:
            payload = await connection.checked_read(Question(unit, function, address, words, size))
        except SessionError:
            tally.closed += 1
            connection.close()
            connection = await open_()
        except RequestError as error:
            tally.failed += 1
            tally.kinds[error.kind] = tally.kinds.get(error.kind, 0) + 1
        else:
            assert payload == truth[address], f"a wrong value was accepted from unit {unit}"
            tally.good += 1
    connection.close()


def truth_for(ask: Any, truth: dict[int, bytes], chance: random.Random) -> bytes:
    size = (ask.count + 7) // 8 if ask.function < 3 else 2 * ask.count
    return truth.setdefault(ask.address, chance.randbytes(size))


def write(writer: asyncio.StreamWriter, chunk: bytes) -> None:
    if not writer.is_closing():
        writer.write(chunk)


async def tcp_link(count: int, seed: int, tally: Tally) -> None:
    chance, truth = random.Random(seed), dict[int, bytes]()

    def script(ask: Ask, writer: asyncio.StreamWriter) -> None:
        wait = 0.0
        for delay, chunk in on_tcp(ask, truth_for(ask, truth, chance), chance):
            wait += delay
            asyncio.get_running_loop().call_later(wait, write, writer, chunk)

    async with scripted(script) as server:
        made = options(f"tcp://127.0.0.1:{server.port}")
        await ask_on(lambda: TcpConnection.open(made), truth, count, chance, tally)


async def rtu_link(wire: str, count: int, seed: int, tally: Tally) -> None:
    chance, truth = random.Random(seed), dict[int, bytes]()
    opened: list[TimedLine] = []

    def script(ask: RtuAsk, say: Say) -> None:
        asked_ns = opened[-1].sent_ns[ask.address]

        def in_time(chunk: bytes) -> None:
            if host_mono_ns() - asked_ns < (TIMEOUT + LATE_WITHIN - ON_THE_WAY) * SECOND:
                say(chunk)

        wait = 0.0
        for delay, chunk in on_line(ask, truth_for(ask, truth, chance), chance):
            wait += delay
            asyncio.get_running_loop().call_later(wait, in_time, chunk)

    async with WIRES[wire](script) as line:

        async def open_() -> TimedLine:
            opened.append(await TimedLine.open(options(line.address, late_within=f"{LATE_WITHIN * 1000:g}ms")))
            return opened[-1]

        await ask_on(open_, truth, count, chance, tally)
        assert line.connects <= 1, "nothing on a line is a reason to close it"
        assert {ask.function for ask in line.asked} == {1, 2, 3, 4}


async def play(wire: str, count: int, seed: int, links: int = 20) -> Tally:
    """`count` questions, dealt out to links that are asked side by side."""
    tally = Tally()
    async with asyncio.TaskGroup() as group:
        for number in range(links):
            seeded = seed * 1000 + number
            link_ = (
                tcp_link(count // links, seeded, tally)
                if wire == "tcp"
                else rtu_link(wire, count // links, seeded, tally)
            )
            group.create_task(link_)
    return tally


@pytest.mark.parametrize("wire", ALL)
@pytest.mark.parametrize(
    ("count", "seed"), [pytest.param(1_500, 1, id="1500"), pytest.param(10_000, 2, id="10000", marks=pytest.mark.long)]
)
def test_no_wrong_value_of_ten_thousand(wire: str, count: int, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    """docs/design.md §7: wrong values accepted from late, foreign, short or corrupt answers, 0 of 10,000."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        tally = runner.run(play(wire, count, seed))
    assert caplog.records == [], "nothing escapes into the event loop's log"
    assert tally.asked == count
    assert tally.good > count / 40  # on a busy machine good answers come late, too
    assert tally.failed + tally.closed > count / 5
    if wire != "tcp":
        assert tally.closed == 0
        assert {LATE, CRC, BAD} <= tally.kinds.keys()
