"""What a unit owes, need not have or hangs up at costs nobody else: the driver's part, in virtual time."""

from __future__ import annotations

from itertools import pairwise

from drivers.base import RequestError, SessionError
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions
from drivers.profile import ModbusProfile
from gateway.model import SECOND, ErrorKind, Quality
from tests.drivers.made import link, profile, unit
from tests.drivers.test_driver_paces import points, readings, slow
from tests.drivers.wire import ONE, Act, Run, exception, running, silence, value

RTU = ModbusLinkOptions.model_validate({"modbus": "rtu:///dev/ttyUSB0?baud=9600"})


def closed(question: Question) -> bytes:
    raise SessionError(ErrorKind.CONNECT, "the device closed the connection")


def damaged(question: Question) -> bytes:
    raise RequestError(ErrorKind.CRC, "the answer came damaged")


def optional(*keys: str) -> ModbusProfile:
    made = profile({"a": {"address": 0}, "b": {"address": 1}, "far": {"address": 900}})
    return readings(made, **{key: {"optional": True} for key in keys})


def only(run: Run, device: str, key: str) -> list[Quality]:
    """The qualities of one point, frame by frame."""
    found = []
    for frame in run.of(device):
        for at, point in enumerate(frame.layout.points):
            if point.key == key:
                found.append(Quality(frame.quality[at] if frame.quality else 0))
    return found


# a unit that may still answer late


async def test_a_slow_unit_that_owes_an_answer_does_not_hold_the_line() -> None:
    """Its next question has to wait until the late answer cannot come any more; nobody else has to."""
    patient = profile({"a": {"address": 0}}, {"limits": {"timeout": "8s"}})
    async with running(link(unit("slow", 1, patient), unit("b", 2, ONE)), options=RTU) as run:
        await run.seconds(3)
        run.wire.units = {1: silence}
        run.wire.owes = 8 * SECOND
        run.wire.timeout = 8 * SECOND
        before = len(run.of("b"))
        await run.seconds(16.5)
        assert len(run.wire.times(1)) == 3 + 2, "once in vain, and once more when nothing is owed"
        assert len(run.of("b")) - before >= 7, "eight seconds are the unit's, the others' are theirs"
        assert run.wire.held == 0, "nothing waited with the line in its hands"


async def test_a_question_is_repeated_when_nothing_is_owed_any_more() -> None:
    patient = ModbusLinkOptions.model_validate({"modbus": "rtu:///dev/ttyUSB0?baud=9600", "retries": 1})
    async with running(link(unit("a", 1, ONE), unit("b", 2, ONE)), options=patient) as run:
        await run.seconds(3)
        once: list[Act] = [silence]
        run.wire.owes = SECOND
        run.wire.units = {1: lambda q: once.pop()(q) if once else value(q)}
        before = len(run.of("a"))
        await run.seconds(10)
        assert run.wire.held == 0
        assert all(frame.quality is None for frame in run.frames)
        assert run.reports[-1].units[0].misses == 0
        assert len(run.of("a")) - before >= 7


# a connection that is closed while nobody asks


async def test_a_device_that_closes_idle_connections_is_read_all_the_same() -> None:
    """Many close after some seconds without a question; its polls may be further apart than that."""
    slow_poll = link(unit("a", 1, ONE, poll_ns=60 * SECOND), unit("b", 2, ONE, poll_ns=60 * SECOND))
    async with running(slow_poll) as run:
        for _ in range(5):
            await run.seconds(60)
            run.wire.hang_up()
        assert len(run.of("a")) >= 4 and len(run.of("b")) >= 4
        assert all(frame.quality is None for frame in run.frames)
        assert all(report.backoff_until_ns is None for report in run.reports[-1].units)


async def test_a_server_that_accepts_and_closes_is_bad() -> None:
    async with running(link(unit("a", 1, ONE), unit("b", 2, ONE))) as run:
        await run.seconds(3)
        run.wire.units = {1: closed, 2: closed}
        await run.seconds(15)
        for device in ("a", "b"):
            assert run.of(device)[-1].quality == [Quality.BAD_COMM]


async def test_a_connection_that_was_closed_meanwhile_is_no_refusal() -> None:
    """It broke while nobody asked; the optional register was only the first one that would have been asked."""
    far = readings(profile({"far": {"address": 900}}), far={"optional": True})
    async with running(link(unit("a", 1, far, poll_ns=20 * SECOND), unit("b", 2, ONE, poll_ns=20 * SECOND))) as run:
        for _ in range(4):
            await run.seconds(20)
            run.wire.hang_up()
        await run.seconds(20)
        assert set(only(run, "a", "far")) == {Quality.GOOD}
        assert run.reports[-1].units[0].refused == ()


async def test_a_slow_pace_that_was_missed_is_tried_again_soon() -> None:
    """Energy once an hour: one damaged answer must not make it an hour older, nor hide for an hour that it is lost."""
    assignment = slow(("a", 1, {"far": 3600 * SECOND}))

    def act(question: Question) -> bytes:
        return silence(question) if question.address == 900 else value(question)

    async with running(assignment) as run:
        await run.seconds(2)
        phase = 3600 - run.clock.now().mono_ns // SECOND % 3600
        await run.clock.advance((phase - 5) * SECOND, settle=6)
        run.wire.units = {1: act}
        await run.clock.advance(30 * SECOND, settle=10)
        assert only(run, "a", "far")[-1] == Quality.BAD_COMM, "missed twice in a row"
        asked = sum(q.address == 900 for _, q in run.wire.asked)
        await run.clock.advance(600 * SECOND, settle=10)
        assert sum(q.address == 900 for _, q in run.wire.asked) == asked, "and then in its own period"
        assert points(run, "a")["a"] > 600


# what need not be there


async def test_a_damaged_answer_is_an_answer() -> None:
    """Noise on the line says nothing about what a device has."""

    def act(question: Question) -> bytes:
        return damaged(question) if question.address == 900 else value(question)

    async with running(link(unit("a", 1, optional("far"))), units={1: act}, options=RTU) as run:
        await run.seconds(20)
        assert set(only(run, "a", "far")) == {Quality.BAD_COMM}
        assert set(only(run, "a", "a")) == {Quality.GOOD}
        assert run.reports[-1].units[0].refused == ()


async def test_what_was_there_once_is_fitted() -> None:
    """A sensor that is gone is not a sensor that never was: `highest()` would pass over it."""
    for gone in (silence, exception(2), closed):

        def act(question: Question, gone: Act = gone) -> bytes:
            return gone(question) if question.address == 900 else value(question)

        async with running(link(unit("a", 1, optional("far")))) as run:
            await run.seconds(5)
            run.wire.units = {1: act}
            await run.seconds(200)
            found = only(run, "a", "far")
            assert found[0] == Quality.GOOD
            assert Quality.BAD_NOT_FITTED not in found
            assert found[-1] in (Quality.BAD_CONFIG, Quality.BAD_COMM)
            run.wire.units = {}
            await run.seconds(1000)
            assert only(run, "a", "far")[-1] == Quality.GOOD


async def test_what_has_not_been_looked_for_yet_is_not_called_missing() -> None:
    keys = [f"p{n}" for n in range(64)]
    wide = profile({"a": {"address": 0}, **{key: {"address": 100 + n} for n, key in enumerate(keys)}})
    made = readings(wide, **{key: {"optional": True} for key in keys})

    def every_other(question: Question) -> bytes:
        if question.address >= 100 and any(n % 2 for n in range(question.address, question.address + question.count)):
            return exception(2)(question)
        return value(question)

    async with running(link(unit("a", 1, made)), units={1: every_other}) as run:
        await run.seconds(30)
        for n, key in enumerate(keys):
            found = only(run, "a", key)
            if n % 2:
                assert found[-1] == Quality.BAD_NOT_FITTED
            else:
                assert Quality.BAD_NOT_FITTED not in found and found[-1] == Quality.GOOD


async def test_silence_at_one_of_several_optional_registers_is_only_its_own() -> None:
    keys = [f"p{n}" for n in range(8)]
    wide = profile({"a": {"address": 0}, **{key: {"address": 100 + n} for n, key in enumerate(keys)}})
    made = readings(wide, **{key: {"optional": True} for key in keys})

    def no_105(question: Question) -> bytes:
        return silence(question) if question.address <= 105 < question.address + question.count else value(question)

    async with running(link(unit("a", 1, made), unit("b", 2, ONE)), units={1: no_105}) as run:
        await run.seconds(60)
        latest = {key: only(run, "a", key)[-1] for key in keys}
        assert latest == {**dict.fromkeys(keys, Quality.GOOD), "p5": Quality.BAD_NOT_FITTED}
        times = [frame.at.mono_ns for frame in run.of("a")]
        assert max(b - a for a, b in pairwise(times)) <= 2 * SECOND, "one silence a cycle"
        assert len(run.of("b")) >= 30
