"""Modbus RTU on a serial port and behind a serial server: units share the line, and the line stays open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from drivers.base import RequestError, SessionError
from drivers.modbus import connect
from drivers.modbus.connect import open_connection
from drivers.modbus.exceptions import Consequence, ExceptionAnswer
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions
from drivers.modbus.rtu import RtuConnection
from gateway.clock import host_mono_ns
from gateway.model import SECOND, ErrorKind
from tests.drivers.scripted_rtu import WIRES, RtuAsk, ScriptedLine, crc, rtu_pty, rtu_tcp
from tests.stalls import measured_again_if_starved

TWO = Question(unit=1, function=3, address=100, count=2, size=4)
RIGHT = b"\x00\x2a\x01\x00"
WRONG = b"\x02\x9a\x02\x9a"
Say = Callable[[bytes], None]


def options(address: str, **more: Any) -> ModbusLinkOptions:
    return ModbusLinkOptions.model_validate({"modbus": address, "timeout": "30s", **more})


@asynccontextmanager
async def line(wire: str, script: Callable[[RtuAsk, Say], object], **more: Any) -> AsyncIterator[tuple[ScriptedLine, RtuConnection]]:  # fmt: skip  # noqa: E501
    async with WIRES[wire](script) as made:
        connection = await RtuConnection.open(options(made.address, **more))
        try:
            yield made, connection
        finally:
            connection.close()


def of(unit: int, **more: Any) -> Question:
    return Question(**{"unit": unit, "function": 3, "address": 100, "count": 2, "size": 4, **more})


both = pytest.mark.parametrize("wire", list(WIRES))


@both
async def test_all_four_tables(wire: str) -> None:
    def script(ask: RtuAsk, say: Say) -> None:
        size = (ask.count + 7) // 8 if ask.function < 3 else 2 * ask.count
        say(ask.answer(bytes(range(1, size + 1))))

    async with line(wire, script) as (made, connection):
        for function, count, size in ((1, 13, 2), (2, 8, 1), (3, 125, 250), (4, 1, 2)):
            question = Question(7, function, 0xFFFF - count, count, size)
            assert await connection.checked_read(question) == bytes(range(1, size + 1))
        assert [ask.sent[:2].hex() for ask in made.asked] == ["0701", "0702", "0703", "0704"]
        assert connection.endpoint == made.address.partition("?")[0]


@both
async def test_an_exception_is_one(wire: str) -> None:
    async with line(wire, lambda ask, say: say(ask.refuse(0x0B))) as (_, connection):
        for _ in range(2):
            with pytest.raises(ExceptionAnswer) as caught:
                await connection.checked_read(TWO)
            assert caught.value.consequence is Consequence.ABSENT


@both
async def test_a_dead_unit_closes_nothing(wire: str) -> None:
    def script(ask: RtuAsk, say: Say) -> None:
        if ask.unit != 9:
            say(ask.answer(RIGHT))

    async with line(wire, script, timeout="100ms") as (made, connection):
        for _ in range(3):
            with pytest.raises(RequestError) as caught:
                await connection.checked_read(of(9))
            assert caught.value.kind is ErrorKind.TIMEOUT
            assert await patiently(connection, of(1)) == RIGHT
        assert made.connects <= 1


async def patiently(connection: RtuConnection, question: Question) -> bytes:
    """On a busy machine a good answer may come later than a short timeout."""
    while True:
        try:
            return await connection.checked_read(question)
        except RequestError:
            continue


@both
async def test_a_late_answer_is_never_the_next_questions(wire: str) -> None:
    """Measured of pymodbus alone: the value of address 100 came back for address 200."""

    def script(ask: RtuAsk, say: Say) -> None:
        if ask.address == 100:
            made.after(0.15, ask.answer(WRONG))
        else:
            say(ask.answer(RIGHT))

    async with WIRES[wire](script) as made:
        connection = await RtuConnection.open(options(made.address, late_within="60s"))
        with pytest.raises(RequestError):
            await connection.checked_read(of(1, timeout_ns=SECOND // 10))
        assert await connection.checked_read(of(2, address=200)) == RIGHT, "others go on"
        assert await connection.checked_read(of(1, address=200, function=4)) == RIGHT, "and so do other functions"
        assert connection.owed_ns(of(1, address=200)) > 0
        connection.close()


@both
@measured_again_if_starved
async def test_the_same_unit_waits_until_nothing_can_be_late(wire: str) -> None:
    late: list[int] = []

    def script(ask: RtuAsk, say: Say) -> None:
        late.append(host_mono_ns())
        if ask.address == 100:
            made.after(0.3, ask.answer(WRONG))
        else:
            say(ask.answer(RIGHT))

    async with WIRES[wire](script) as made:
        connection = await RtuConnection.open(options(made.address, timeout="100ms", late_within="2s"))
        with pytest.raises(RequestError):
            await connection.checked_read(of(1))
        assert await patiently(connection, of(1, address=200)) == RIGHT
        assert late[1] - late[0] >= 2 * SECOND
        with pytest.raises(RequestError, match="later than that: its timeout is too short"):
            await connection.checked_read(of(1))
        connection.close()


@both
@measured_again_if_starved
async def test_the_rest_of_an_answer_is_not_the_rest_of_the_next(wire: str) -> None:
    """A beginning of the new answer and the rest of the late one make a whole frame with a good CRC."""

    def script(ask: RtuAsk, say: Say) -> None:
        right = ask.answer(WRONG if ask.address == 100 else RIGHT)
        say(right[:3])
        made.after(0.18 if ask.address == 100 else 0.12, right[3:])

    async with WIRES[wire](script) as made:
        connection = await RtuConnection.open(options(made.address, timeout="100ms", late_within="300ms"))
        with pytest.raises(RequestError, match="cut off"):
            await connection.checked_read(of(1))
        with pytest.raises(RequestError, match="cut off"):
            await connection.checked_read(of(1, address=200))
        connection.close()


@both
async def test_a_cancelled_question_is_never_answered_by_its_late_answer(wire: str) -> None:
    asked = asyncio.Event()

    def script(ask: RtuAsk, say: Say) -> None:
        asked.set()
        if ask.address == 100:
            made.after(0.2, ask.answer(WRONG))
        else:
            say(ask.answer(RIGHT))

    async with WIRES[wire](script) as made:
        connection = await RtuConnection.open(options(made.address, timeout="300ms", late_within="300ms"))
        task = asyncio.ensure_future(connection.checked_read(of(1)))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await patiently(connection, of(1, address=200)) == RIGHT
        connection.close()


async def test_what_is_owed_outlives_the_connection() -> None:
    """A serial server passes a late answer to whoever is connected then."""

    def script(ask: RtuAsk, say: Say) -> None:
        if ask.address == 100:
            made.after(0.4, ask.answer(WRONG))
        else:
            say(ask.answer(RIGHT))

    async with rtu_tcp(script) as made:
        told = options(made.address, timeout="200ms", late_within="500ms")
        connection = await open_connection(told)
        with pytest.raises(RequestError):
            await connection.checked_read(of(1))
        connection.close()
        connection = await open_connection(told)
        while True:
            try:
                assert await connection.checked_read(of(1, address=200)) == RIGHT
                break
            except RequestError:
                continue
        connection.close()


async def test_what_is_owed_over_one_address_is_owed_over_the_other() -> None:
    """Two serial servers on one line: both hear the late answer, whoever passed the question on."""
    async with rtu_tcp(lambda ask, say: say(ask.answer(RIGHT))) as second:
        async with rtu_tcp(lambda ask, say: None) as first:
            told = options(first.address, backup=second.address, timeout="200ms", late_within="60s")
            connection = await open_connection(told)
            assert connection.owed_ns(of(2)) > 0, "nobody knows who asked before us"
            connect._OWED[told.modbus.door].all_until_ns = 0
            with pytest.raises(RequestError):
                await connection.checked_read(of(1))
            connection.close()
        connection = await open_connection(told)
        assert connection.endpoint == second.address
        assert connection.owed_ns(of(1, address=200)) > 0
        assert connection.owed_ns(of(2)) <= 0, "nothing is new about this line"
        connection.close()


@both
async def test_a_port_that_is_closed_before_the_question_goes_out_stays_closed(wire: str) -> None:
    """Nothing may open it again by itself: nobody would close that."""
    async with line(wire, lambda ask, say: say(ask.answer(RIGHT))) as (made, connection):
        assert await connection.checked_read(TWO) == RIGHT
        # past the gap after the last answer it looks once more into the kernel: that is when the line goes
        await asyncio.sleep(0.2)
        asyncio.get_running_loop().call_soon(connection.close)
        with pytest.raises(SessionError):
            await connection.checked_read(TWO)
        assert not connection._client.connected
        assert len(made.asked) == 1 and made.connects <= 1


@both
async def test_a_unit_that_talks_is_not_believed_and_the_others_are(wire: str) -> None:
    def script(ask: RtuAsk, say: Say) -> None:
        talk = ask.answer(WRONG, unit=3)
        say(talk + ask.answer(RIGHT) if ask.unit == 1 else ask.answer(WRONG))

    async with line(wire, script) as (made, connection):
        for _ in range(2):
            assert await connection.checked_read(of(1)) == RIGHT
        with pytest.raises(RequestError, match="unit 3 talks without being asked") as caught:
            await connection.checked_read(of(3))
        assert caught.value.kind is ErrorKind.BAD_REPLY
        assert {ask.unit for ask in made.asked} == {1}, "it is not even asked"


@both
async def test_what_is_said_between_questions_is_no_answer(wire: str) -> None:
    async with line(wire, lambda ask, say: say(ask.answer(RIGHT))) as (made, connection):
        assert await connection.checked_read(of(1)) == RIGHT
        made.say(RtuAsk(1, 3, 100, 2, b"").answer(WRONG))
        await asyncio.sleep(0.1)
        with pytest.raises(RequestError, match="unit 1 talks without being asked"):
            for _ in range(1000):
                await connection.checked_read(of(1))
        assert await connection.checked_read(of(2)) == RIGHT


async def test_an_echo_is_compared_and_taken_away() -> None:
    coils = Question(unit=1, function=1, address=0x0300, count=17, size=3)
    async with line("rtu", lambda ask, say: say(ask.sent + ask.answer(b"\xaa\xaa\0")), echo=True) as (_, connection):
        for _ in range(3):
            assert await connection.checked_read(coils) == b"\xaa\xaa\0"
    async with line("rtu", lambda ask, say: say(ask.answer(b"\xaa\xaa\0")), echo=True) as (_, connection):
        with pytest.raises(RequestError, match="is there an echo") as caught:
            await connection.checked_read(coils)
        assert caught.value.kind is ErrorKind.CRC


@measured_again_if_starved
async def test_an_echo_that_nobody_told_of_is_told() -> None:
    def script(ask: RtuAsk, say: Say) -> None:
        say(ask.sent)
        made.after(0.05, ask.answer(RIGHT))

    async with rtu_pty(script) as made:
        connection = await RtuConnection.open(options(made.address, timeout="300ms", late_within="300ms"))
        for _ in range(2):
            with pytest.raises(RequestError, match="echo: true"):
                await connection.checked_read(TWO)
        connection.close()


async def test_a_slow_device_has_its_own_timeout() -> None:
    def script(ask: RtuAsk, say: Say) -> None:
        if ask.unit == 1:
            made.after(0.5, ask.answer(RIGHT))

    async with rtu_pty(script) as made:
        connection = await RtuConnection.open(options(made.address, timeout="100ms"))
        assert await connection.checked_read(of(1, timeout_ns=60 * SECOND)) == RIGHT
        with pytest.raises(RequestError, match=r"unit 2 did not answer within 0\.1"):
            await connection.checked_read(of(2))
        connection.close()


async def test_pauses_between_questions_and_before_the_first() -> None:
    times: list[int] = []

    def script(ask: RtuAsk, say: Say) -> None:
        times.append(host_mono_ns())
        say(ask.answer(RIGHT))

    began_ns = host_mono_ns()
    async with line("rtu", script, pause="100ms", connect_delay="200ms") as (_, connection):
        for unit in (1, 2, 3):
            await connection.checked_read(of(unit))
    assert times[0] - began_ns >= SECOND // 5
    assert min(times[1] - times[0], times[2] - times[1]) >= SECOND // 10


async def test_an_answer_in_pieces_is_whole() -> None:
    def script(ask: RtuAsk, say: Say) -> None:
        for place, byte in enumerate(ask.answer(RIGHT)):
            made.after(0.02 * place, bytes([byte]))

    async with rtu_pty(script) as made:
        connection = await RtuConnection.open(options(made.address))
        assert await connection.checked_read(TWO) == RIGHT
        connection.close()


@measured_again_if_starved
async def test_a_line_that_is_never_silent_is_told() -> None:
    async with line("rtu+tcp", lambda ask, say: None, timeout="200ms", late_within="10ms") as (made, connection):
        talking = True

        def talk() -> None:
            if talking:
                made.say(b"\x55\xaa")
                asyncio.get_running_loop().call_later(0.01, talk)

        talk()
        errors = []
        for unit in range(1, 4):
            with pytest.raises(RequestError) as caught:
                await connection.checked_read(of(unit))
            errors.append(caught.value.message)
        talking = False
    assert any("never silent" in error or "no frame came" in error for error in errors)


async def test_a_flood_ends_a_connection() -> None:
    async with line("rtu+tcp", lambda ask, say: say(b"\x55" * 300_000)) as (_, connection):
        with pytest.raises((SessionError, RequestError)):
            await connection.checked_read(TWO)
        with pytest.raises(SessionError, match="flood"):
            while True:
                try:
                    await connection.checked_read(TWO)
                except RequestError:
                    continue


@both
async def test_a_closed_port_ends_the_session(wire: str) -> None:
    ended = asyncio.Event()
    async with WIRES[wire](lambda ask, say: ended.set()) as made:
        connection = await RtuConnection.open(options(made.address, timeout="60s"))
        reading = asyncio.ensure_future(connection.checked_read(TWO))
        await ended.wait()
    with pytest.raises(SessionError) as caught:
        async with asyncio.timeout(40):
            await reading
    assert caught.value.kind is ErrorKind.CONNECT
    with pytest.raises(SessionError):
        await connection.checked_read(TWO)
    connection.close()


async def test_a_port_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="No such file") as caught:
        await open_connection(options(f"rtu://{tmp_path}/ttyUSB0?baud=9600"))
    assert caught.value.kind is ErrorKind.CONNECT
    (tmp_path / "plain").write_text("")
    with pytest.raises(SessionError):
        await open_connection(options(f"rtu://{tmp_path}/plain?baud=9600"))


async def test_a_port_has_one_owner() -> None:
    async with line("rtu", lambda ask, say: say(ask.answer(RIGHT))) as (made, connection):
        with pytest.raises(SessionError, match=r"lock|unavailable"):
            await open_connection(options(made.address))
        assert await connection.checked_read(TWO) == RIGHT


async def test_an_adapter_that_comes_back_is_opened_by_its_name(tmp_path: Path) -> None:
    """/dev/serial/by-id/… leads to another device file after the adapter was pulled out."""
    by_id = tmp_path / "usb-FTDI_FT232R-if00-port0"
    told = options(f"rtu://{by_id}?baud=115200", late_within="10ms")

    def script(ask: RtuAsk, say: Say) -> None:
        say(ask.answer(RIGHT))

    for _ in range(2):
        async with rtu_pty(script) as made:
            by_id.unlink(missing_ok=True)
            by_id.symlink_to(made.address.removeprefix("rtu://").partition("?")[0])
            connection = await open_connection(told)
            assert await connection.checked_read(TWO) == RIGHT
        connection.close()
        with pytest.raises(SessionError):
            await open_connection(told)


async def test_a_second_address_is_taken_while_the_first_fails(tmp_path: Path) -> None:
    async with rtu_tcp(lambda ask, say: say(ask.answer(RIGHT))) as second:
        async with rtu_tcp(lambda ask, say: say(ask.answer(WRONG))) as first:
            told = options(first.address, backup=second.address, late_within="10ms")
            connection = await open_connection(told)
            assert connection.endpoint == first.address
            assert await connection.checked_read(TWO) == WRONG
            connection.close()
        connection = await open_connection(told)
        assert connection.endpoint == second.address
        assert await connection.checked_read(TWO) == RIGHT
        connection.close()
    with pytest.raises(SessionError) as caught:
        await open_connection(told)
    assert first.address in caught.value.message and second.address in caught.value.message


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_no_port_is_left_open(loop: Callable[[], asyncio.AbstractEventLoop], caplog: pytest.LogCaptureFixture) -> None:
    def held() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    async def connect_and_go() -> int:
        async with rtu_pty(lambda ask, say: say(ask.answer(RIGHT))) as made:
            before = held()
            for _ in range(5):
                connection = await RtuConnection.open(options(made.address))
                await connection.checked_read(TWO)
                connection.close()
                connection.close()
            task = asyncio.ensure_future(RtuConnection.open(options(made.address, connect_delay="60s")))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            return held() - before

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(connect_and_go()) == 0
    assert caplog.records == []


def test_scripts_seal_their_frames_as_the_standard_does() -> None:
    assert crc(b"\x02\x07") == b"\x41\x12"
