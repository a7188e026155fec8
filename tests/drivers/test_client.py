"""MB1–MB11 and more on a real wire: an answer that is not provably this question's never becomes a value."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from drivers.base import RequestError, SessionError
from drivers.modbus.client import TcpConnection
from drivers.modbus.exceptions import Consequence, ExceptionAnswer
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions
from drivers.modbus.owed import Owed
from gateway.model import SECOND, ErrorKind
from tests.drivers.scripted import Ask, reset, scripted
from tests.stalls import measured_again_if_starved

TWO = Question(unit=1, function=3, address=100, count=2, size=4)
RIGHT = b"\x00\x2a\x01\x00"
WRONG = b"\x02\x9a\x02\x9a"

Script = Callable[[Ask, asyncio.StreamWriter], Any]


def options(port: int, **more: Any) -> ModbusLinkOptions:
    return ModbusLinkOptions.model_validate({"modbus": f"tcp://127.0.0.1:{port}", "timeout": "30s", **more})


def once(make: Callable[[Ask], bytes]) -> Script:
    return lambda ask, writer: writer.write(make(ask))


async def drip(ask: Ask, writer: asyncio.StreamWriter) -> None:
    for byte in ask.answer(RIGHT):
        writer.write(bytes([byte]))
        await asyncio.sleep(0.1)


BAD_REPLIES: list[tuple[str, Script]] = [
    ("MB1 fewer registers", once(lambda a: a.answer(RIGHT[:2]))),
    ("MB1 more registers", once(lambda a: a.answer(RIGHT + RIGHT))),
    ("MB1 none", once(lambda a: a.answer(b""))),
    ("MB2 function 4 for 3", once(lambda a: a.answer(RIGHT, function=4))),
    ("MB2 bits for words", once(lambda a: a.answer(b"\x01", function=1))),
    ("MB3 transaction 0", once(lambda a: a.answer(WRONG, tid=0))),
    ("MB4 another unit", once(lambda a: a.answer(WRONG, unit=2))),
    ("MB4 unit 0", once(lambda a: a.answer(WRONG, unit=0))),
    ("MB5 protocol 7", once(lambda a: a.answer(WRONG, protocol=7))),
    ("MB5 HTTP", once(lambda a: b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")),
    ("MB5 TLS alert", once(lambda a: b"\x15\x03\x01\x00\x02\x02\x46")),
    ("MB6 length 0", once(lambda a: a.answer(WRONG, length=0))),
    ("MB6 length 1", once(lambda a: a.answer(WRONG, length=1))),
    ("MB6 length 255", once(lambda a: a.answer(WRONG, length=255))),
    ("MB6 length 65535", once(lambda a: a.answer(WRONG, length=65535))),
    ("MB7 byte count too large", once(lambda a: a.answer(RIGHT, announced=6))),
    ("MB7 byte count too small", once(lambda a: a.answer(RIGHT, announced=2))),
    ("MB7 odd bytes", once(lambda a: a.answer(RIGHT[:3]))),
    ("MB9 function 0x77", once(lambda a: a.answer(RIGHT, function=0x77))),
    ("MB9 function 0", once(lambda a: a.answer(RIGHT, function=0))),
    ("MB9 function 0xFF", once(lambda a: a.refuse(2, function=0x7F))),
    ("exception of another function", once(lambda a: a.refuse(2, function=4))),
    ("length longer than the PDU", once(lambda a: a.answer(RIGHT, length=8) + b"\0")),
    ("MB10 flood", once(lambda a: a.answer(WRONG, tid=a.tid - 1) * 2000)),
    ("300 times 0xFF", once(lambda a: b"\xff" * 300)),
]


@pytest.mark.parametrize("script", [row[1] for row in BAD_REPLIES], ids=[row[0] for row in BAD_REPLIES])
async def test_bad_reply_ends_the_session_at_once(script: Script) -> None:
    async with scripted(script) as server:
        connection = await TcpConnection.open(options(server.port))
        try:
            with pytest.raises(SessionError) as caught:
                await connection.checked_read(TWO)
            assert caught.value.kind is ErrorKind.BAD_REPLY
            with pytest.raises(SessionError):
                await connection.checked_read(TWO)
            assert len(server.asked) == 1, "nothing more is asked on a link that cannot be trusted"
        finally:
            connection.close()


UNANSWERED: list[tuple[str, Script]] = [
    ("silence", lambda ask, writer: None),
    ("MB3 transaction + 1", once(lambda a: a.answer(WRONG, tid=a.tid + 1))),
    ("MB3 transaction - 1", once(lambda a: a.answer(WRONG, tid=a.tid - 1))),
    ("MB3 transaction with its bytes swapped", once(lambda a: a.answer(WRONG, tid=(a.tid << 8 | a.tid >> 8) ^ 1))),
]


@pytest.mark.parametrize("script", [row[1] for row in UNANSWERED], ids=[row[0] for row in UNANSWERED])
async def test_no_answer_is_a_timeout_and_the_link_goes_on(script: Script) -> None:
    def first_bad_then_good(ask: Ask, writer: asyncio.StreamWriter) -> None:
        (script if len(server.asked) == 1 else once(lambda a: a.answer(RIGHT)))(ask, writer)

    async with scripted(first_bad_then_good) as server:
        connection = await TcpConnection.open(options(server.port, timeout="200ms"))
        with pytest.raises(RequestError) as caught:
            await connection.checked_read(TWO)
        assert caught.value.kind is ErrorKind.TIMEOUT
        assert await patiently(connection) == RIGHT
        connection.close()


async def patiently(connection: TcpConnection) -> bytes:
    """On a busy machine a good answer may come later than a short timeout."""
    while True:
        try:
            return await connection.checked_read(TWO)
        except RequestError:
            continue


@measured_again_if_starved
async def test_a_drip_slower_than_the_timeout_ends_the_session() -> None:
    async with scripted(drip) as server:
        connection = await TcpConnection.open(options(server.port, timeout="500ms"))
        with pytest.raises(SessionError) as caught:
            await connection.checked_read(TWO)
        assert caught.value.kind is ErrorKind.TIMEOUT
        connection.close()


async def test_a_drip_within_the_timeout_is_an_answer() -> None:
    async with scripted(drip) as server:
        connection = await TcpConnection.open(options(server.port))
        assert await connection.checked_read(TWO) == RIGHT
        connection.close()


@pytest.mark.parametrize("extra", ["duplicate", "late before", "late after", "foreign after"])
async def test_the_first_valid_of_several_answers_is_used(extra: str) -> None:
    def script(ask: Ask, writer: asyncio.StreamWriter) -> None:
        good = ask.answer(RIGHT)
        late = ask.answer(WRONG, tid=ask.tid - 1)
        writer.write(
            {
                "duplicate": good + ask.answer(WRONG),
                "late before": late * 3 + good,
                "late after": good + late,
                "foreign after": good + ask.answer(WRONG, tid=ask.tid + 1),
            }[extra]
        )

    async with scripted(script) as server:
        connection = await TcpConnection.open(options(server.port))
        for _ in range(5):
            assert await connection.checked_read(TWO) == RIGHT
        connection.close()


async def test_half_a_frame_left_over_ends_the_session() -> None:
    async with scripted(once(lambda a: a.answer(RIGHT) + a.answer(WRONG)[:-1])) as server:
        connection = await TcpConnection.open(options(server.port))
        assert await connection.checked_read(TWO) == RIGHT
        with pytest.raises(SessionError, match="half a frame"):
            await connection.checked_read(TWO)
        connection.close()


@pytest.mark.parametrize(
    ("code", "consequence", "words"),
    [
        (1, Consequence.REFUSED, "illegal function"),
        (2, Consequence.REFUSED, "illegal data address"),
        (3, Consequence.REFUSED, "illegal data value"),
        (4, Consequence.FAILED, "device failure"),
        (5, Consequence.BUSY, "acknowledge"),
        (6, Consequence.BUSY, "busy"),
        (8, Consequence.FAILED, "parity"),
        (10, Consequence.ABSENT, "path unavailable"),
        (11, Consequence.ABSENT, "failed to respond"),
        (0, Consequence.FAILED, "0x00"),
        (0x63, Consequence.FAILED, "0x63"),
    ],
)
async def test_exceptions_are_mapped(code: int, consequence: Consequence, words: str) -> None:
    async with scripted(once(lambda a: a.refuse(code))) as server:
        connection = await TcpConnection.open(options(server.port))
        for _ in range(2):
            with pytest.raises(ExceptionAnswer, match=words) as caught:
                await connection.checked_read(TWO)
            assert caught.value.consequence is consequence
            assert caught.value.kind is ErrorKind.EXCEPTION
        connection.close()


@pytest.mark.parametrize("end", ["FIN", "RST"])
async def test_a_connection_that_dies_is_heard_at_once(end: str) -> None:
    async with scripted(lambda a, w: reset(w) if end == "RST" else w.close()) as server:
        connection = await TcpConnection.open(options(server.port, timeout="60s"))
        async with asyncio.timeout(40):
            with pytest.raises(SessionError) as caught:
                await connection.checked_read(TWO)
        assert caught.value.kind is ErrorKind.CONNECT
        connection.close()


async def test_refused_connections_say_why() -> None:
    async with scripted(lambda a, w: None) as server:
        port = server.port
    with pytest.raises(SessionError, match=r"refused|Connect call failed") as caught:
        await TcpConnection.open(options(port))
    assert caught.value.kind is ErrorKind.CONNECT


@pytest.mark.parametrize("host", ["a..b", "no-such-host.invalid"])
async def test_names_that_are_none_are_connect_errors(host: str) -> None:
    with pytest.raises(SessionError) as caught:
        await TcpConnection.open(ModbusLinkOptions.model_validate({"modbus": f"tcp://{host}:502"}))
    assert caught.value.kind is ErrorKind.CONNECT


async def test_a_gateway_without_transactions() -> None:
    answers = iter([b"", b"", RIGHT])

    def script(ask: Ask, writer: asyncio.StreamWriter) -> None:
        if payload := next(answers):
            writer.write(ask.answer(payload, tid=0))

    async with scripted(script) as server:
        for _ in range(2):
            connection = await TcpConnection.open(options(server.port, timeout="200ms", transaction="zero"))
            with pytest.raises(SessionError) as caught:
                await connection.checked_read(TWO)
            assert caught.value.kind is ErrorKind.TIMEOUT, "a late answer could not be told from the next one"
            connection.close()
        connection = await TcpConnection.open(options(server.port, transaction="zero"))
        assert await connection.checked_read(TWO) == RIGHT
        connection.close()


async def test_a_cancelled_question_is_never_answered_by_its_late_answer() -> None:
    first = asyncio.Event()

    def late(ask: Ask, writer: asyncio.StreamWriter) -> None:
        if ask.address == 100:
            first.set()
        else:
            writer.write(server.asked[0].answer(WRONG) + ask.answer(RIGHT))

    async with scripted(late) as server:
        connection = await TcpConnection.open(options(server.port))
        task = asyncio.ensure_future(connection.checked_read(TWO))
        await first.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await connection.checked_read(Question(1, 3, 200, 2, 4)) == RIGHT
        connection.close()


async def test_without_transactions_a_given_up_question_ends_the_connection() -> None:
    """Its late answer would be the next one's: over this connection, or, from a gateway, over the next."""
    first = asyncio.Event()
    async with scripted(lambda ask, writer: first.set()) as server:
        connection = await TcpConnection.open(options(server.port, transaction="zero", late_within="60s"))
        task = asyncio.ensure_future(connection.checked_read(TWO))
        await first.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert connection.owed_ns(Question(1, 3, 200, 2, 4)) > 60 * SECOND
        assert connection.owed_ns(Question(2, 3, 200, 2, 4)) <= 0
        assert connection.broken is not None
        connection.close()


@pytest.mark.parametrize("end", ["closed", "foreign"])
async def test_without_transactions_a_broken_off_question_is_owed(end: str) -> None:
    def script(ask: Ask, writer: asyncio.StreamWriter) -> None:
        if end == "closed":
            writer.close()
        else:
            writer.write(ask.answer(WRONG + WRONG, tid=0))

    async with scripted(script) as server:
        owed = Owed()
        connection = await TcpConnection.open(options(server.port, transaction="zero"))
        connection.owes(owed)
        with pytest.raises(SessionError):
            await connection.checked_read(TWO)
        connection.close()
        again = await TcpConnection.open(options(server.port, transaction="zero"))
        again.owes(owed)
        assert again.owed_ns(TWO) > 0
        again.close()


async def test_without_transactions_what_was_sent_unasked_ends_the_connection() -> None:
    """A gateway that answers twice: the second one may come when the next question is out."""
    async with scripted(once(lambda a: a.answer(RIGHT, tid=0) * 2)) as server:
        connection = await TcpConnection.open(options(server.port, transaction="zero"))
        assert await connection.checked_read(TWO) == RIGHT
        with pytest.raises(SessionError, match="unasked"):
            await connection.checked_read(Question(1, 3, 200, 2, 4))
        connection.close()


async def test_a_new_connection_does_not_count_from_the_start_again() -> None:
    """A gateway may answer on the new connection what was asked on the one before."""
    async with scripted(once(lambda a: a.answer(RIGHT))) as server:
        for _ in range(8):
            connection = await TcpConnection.open(options(server.port))
            await connection.checked_read(TWO)
            connection.close()
        assert len({ask.tid for ask in server.asked}) > 4
        assert 0 not in {ask.tid for ask in server.asked}


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_the_kernel_ends_a_half_open_connection(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """A host without power sends no FIN. Its units may be polled rarely, so timeouts alone would take too long."""

    async def ask() -> list[int]:
        async with scripted(once(lambda a: a.answer(RIGHT))) as server:
            connection = await TcpConnection.open(options(server.port))
            wire = connection._client.ctx.transport.get_extra_info("socket")
            found = [
                wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
                wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
            ]
            connection.close()
        return found

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(ask()) == [1, 10_000, 10]


FUNCTIONS = {1: 13, 2: 8, 3: 2, 4: 125}


def faulty(ask: Ask, right: bytes, chance: random.Random) -> list[tuple[float, bytes]]:
    """(delay, bytes) to send: one of the faults, or none."""
    wrong = chance.randbytes(len(right))
    good = ask.answer(right)
    fault = chance.randrange(22)
    late = 0.02 * chance.uniform(0.5, 1.6)
    broken = bytearray(good)
    broken[chance.randrange(9)] ^= 1 << chance.randrange(8)  # in the header, function or byte count
    return {
        0: [(0, ask.answer(wrong[:-1]))],
        1: [(0, ask.answer(wrong + b"\0\0"))],
        2: [(0, ask.answer(wrong, function=ask.function % 4 + 1))],
        3: [(0, ask.answer(wrong, tid=0))],
        4: [(0, ask.answer(wrong, tid=ask.tid + chance.choice([-2, -1, 1, 2])))],
        5: [(0, ask.answer(wrong, unit=ask.unit + 1))],
        6: [(late, good)],
        7: [(0, ask.answer(wrong, tid=ask.tid - 1) + good)],
        8: [(0, good + ask.answer(wrong))],
        9: [(0, good + ask.answer(wrong, tid=ask.tid + 1)[: chance.randrange(1, 12)])],
        10: [(0, ask.answer(wrong, length=chance.choice([0, 1, 2, 255, 65535])))],
        11: [(0, ask.answer(wrong, announced=len(wrong) + chance.randrange(1, 256)))],
        12: [(0, ask.refuse(chance.choice([1, 2, 3, 4, 5, 6, 8, 10, 11, 0, 0x63])))],
        13: [(0, ask.answer(wrong, function=chance.choice([0x77, 0, 0xFF])))],
        14: [(0, b"HTTP/1.1 400 Bad Request\r\n\r\n")],
        15: [(0, chance.randbytes(chance.randrange(1, 300)))],
        16: [(0, good[: chance.randrange(1, len(good))])],
        17: [(0.002, good[:5]), (0.004, good[5:])],
        18: [],
        19: [(0, b"RST")],
        20: [(0, bytes(broken)), (late, good)],
    }.get(fault, [(0, good)])


async def play_faults(count: int, seed: int) -> tuple[int, int, int]:
    """(good, failed, reconnected) of `count` questions to a server that errs at random; no good one is wrong."""
    chance = random.Random(seed)
    truth: dict[int, bytes] = {}
    good = failed = reconnected = 0

    async def script(ask: Ask, writer: asyncio.StreamWriter) -> None:
        truth[ask.address] = right = chance.randbytes((ask.count + 7) // 8 if ask.function < 3 else 2 * ask.count)
        for delay, chunk in faulty(ask, right, chance):
            if chunk == b"RST":
                reset(writer)
                return
            if delay:
                await asyncio.sleep(delay)
            writer.write(chunk)

    async with scripted(script) as server:
        connection = await TcpConnection.open(options(server.port, timeout="20ms"))
        for address in range(count):
            function = chance.choice(list(FUNCTIONS))
            words = FUNCTIONS[function]
            size = (words + 7) // 8 if function < 3 else 2 * words
            try:
                payload = await connection.checked_read(Question(chance.choice([1, 7]), function, address, words, size))
            except SessionError:
                reconnected += 1
                connection.close()
                connection = await TcpConnection.open(options(server.port, timeout="20ms"))
            except RequestError:
                failed += 1
            else:
                assert payload == truth[address], "a wrong value was accepted"
                good += 1
        connection.close()
        assert {ask.function for ask in server.asked} == {1, 2, 3, 4}
    return good, failed, reconnected


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize(
    ("count", "seed"), [pytest.param(400, 1, id="400"), pytest.param(10_000, 2, id="10000", marks=pytest.mark.long)]
)
def test_random_faults_are_never_values(
    loop: Callable[[], asyncio.AbstractEventLoop], count: int, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    """docs/design.md §7: wrong values accepted from late, foreign, short or corrupt answers, 0 of 10,000."""
    with asyncio.Runner(loop_factory=loop) as runner:
        good, failed, reconnected = runner.run(play_faults(count, seed))
    assert caplog.records == [], "nothing escapes into the event loop's log"
    assert good > count / 40  # on a busy machine good answers come late, too
    assert failed > count / 12
    assert reconnected > count / 6
