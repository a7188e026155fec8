"""What a device refuses, need not have, is only warming up to, or turns out to be: in virtual time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from drivers.base import SessionError
from drivers.modbus.frame import Question
from drivers.modbus.refusals import AGAIN_FIRST, AGAIN_LAST, Refusal
from drivers.profile import ModbusProfile
from gateway.model import SECOND, ErrorKind, Instant, Quality, Value
from tests.drivers.made import HEAD, link, profile, unit
from tests.drivers.test_driver_paces import readings, slow
from tests.drivers.wire import ONE, TWO_BLOCKS, Act, Run, exception, running, silence, value

MINUTE, DAY = 60 * SECOND, 86_400 * SECOND


def without(*registers: int, code: int = 2) -> Act:
    """A device that refuses every request which touches one of these."""

    def act(question: Question) -> bytes:
        if any(question.address <= register < question.address + question.count for register in registers):
            return exception(code)(question)
        return value(question)

    return act


def asked_for(run: Run, register: int, unit: int = 1) -> list[float]:
    """When one request was for this register alone."""
    return [at / SECOND - 1000 for at, q in run.wire.asked if (q.unit, q.address, q.count) == (unit, register, 1)]


async def fast(run: Run, seconds: float) -> None:
    await run.clock.advance(round(seconds * SECOND), settle=6)


def test_a_refusal_is_asked_again_less_and_less() -> None:
    refusal, at, waits = Refusal("no", Instant(0, 0)), 0, []
    for _ in range(8):
        refusal.until(at)
        waits.append(refusal.again_ns - at)
        at = refusal.again_ns
    assert waits[:4] == [MINUTE, 4 * MINUTE, 16 * MINUTE, 64 * MINUTE] and waits[0] == AGAIN_FIRST
    assert waits[-2:] == [DAY, DAY] == [AGAIN_LAST] * 2, "daily in the end"


async def test_a_refused_register_is_reported_and_asked_again_less_and_less() -> None:
    wide = profile({f"p{n}": {"address": n} for n in range(8)})
    async with running(link(unit("a", 1, wide, poll_ns=10 * SECOND)), units={1: without(3)}) as run:
        await fast(run, 30)
        (refused,) = run.reports[-1].units[0].refused
        assert (refused.where, refused.why) == ("holding 3", "exception 0x02, illegal data address")
        assert refused.again_ns == 1000 * SECOND + round(asked_for(run, 3)[0] * SECOND) + MINUTE
        assert refused.since_wall_ns <= run.frames[0].at.wall_ns
        await fast(run, 6000)
        waits = [two - one for one, two in zip(asked_for(run, 3), asked_for(run, 3)[1:], strict=False)]
        assert [round(wait / 60) for wait in waits] == [1, 4, 16, 64]
        assert run.of("a")[-1].quality == [0, 0, 0, Quality.BAD_CONFIG, 0, 0, 0, 0]
        run.wire.units = {}
        await fast(run, 4.5 * 3600)
        assert run.of("a")[-1].quality is None
        assert run.reports[-1].units[0].refused == ()
        count = len(run.wire.asked)
        await fast(run, 100)
        assert len(run.wire.asked) == count + 10, "in one block again"


async def test_undefined_registers_between_points_cost_no_point() -> None:
    gaps = profile({"a": {"address": 0}, "b": {"address": 9}, "c": {"address": 18}})
    async with running(link(unit("a", 1, gaps)), units={1: without(5)}) as run:
        await run.seconds(130)
        assert all(frame.quality is None for frame in run.of("a"))
        assert run.reports[-1].units[0].refused == ()
        assert run.reports[-1].units[0].exceptions == {"illegal data address": 1}, "the cut is remembered"


async def test_a_device_that_is_back_is_asked_for_what_it_refused() -> None:
    async with running(link(unit("a", 1, TWO_BLOCKS), unit("b", 2, ONE)), units={1: without(900)}) as run:
        await run.seconds(90)
        run.wire.units = {1: silence}
        await run.seconds(5)
        run.wire.units = {}
        await run.seconds(7)
        assert run.of("a")[-1].quality is None, "another firmware, perhaps: not after four minutes only"


async def test_refusals_of_one_pace_leave_the_other_alone() -> None:
    async with running(slow(("a", 1, {"far": 5 * SECOND})), units={1: without(900)}) as run:
        await run.seconds(50)
        assert len(asked_for(run, 900)) == 1, "the unit is heard by its other points"
        far = [frame for frame in run.of("a") if frame.layout.points[0].key == "far"]
        assert [frame.quality for frame in far] == [[Quality.BAD_CONFIG]] * len(far) and len(far) >= 10


# points that need not be there


def optional(*keys: str) -> ModbusProfile:
    made = profile({"a": {"address": 0}, "b": {"address": 1}, "far": {"address": 2}, "next": {"address": 3}})
    return readings(made, **{key: {"optional": True} for key in keys})


async def test_what_need_not_be_there_is_asked_apart_and_not_fitted() -> None:
    async with running(link(unit("a", 1, optional("far"))), units={1: without(2)}) as run:
        await run.seconds(30)
        assert {(q.address, q.count) for _, q in run.wire.asked} == {(0, 2), (3, 1), (2, 1)}, "not even as a gap"
    made = optional("b", "far")
    async with running(link(unit("a", 1, made)), units={1: without(2)}) as run:
        await run.seconds(30)
        assert [frame.quality for frame in run.of("a")] == [[0, 0, Quality.BAD_NOT_FITTED, 0]] * 31
        assert run.reports[-1].units[0].good == 31, "nothing is missing"
        (refused,) = run.reports[-1].units[0].refused
        assert refused.where == "holding 2"


async def test_a_device_that_hangs_up_at_a_register_is_not_asked_for_it_again_soon() -> None:
    """Mennekes 4You: it closes the connection instead of refusing."""

    def act(question: Question) -> bytes:
        if question.address <= 2 < question.address + question.count and question.count < 4:
            raise SessionError(ErrorKind.CONNECT, "the device closed the connection")
        return value(question)

    made = readings(
        profile({"a": {"address": 0}, "opt": {"address": 1}, "far": {"address": 2}}, {"limits": {"gap": 0}}),
        opt={"optional": True},
        far={"optional": True},
    )
    async with running(link(unit("a", 1, made), unit("b", 2, ONE)), units={1: act}) as run:
        await run.seconds(50)
        assert len(run.wire.connects) == 3, "both together, then the one that it does not like"
        assert run.of("a")[-1].quality == [0, 0, Quality.BAD_NOT_FITTED]
        assert all(Quality.BAD_COMM not in (frame.quality or ()) for frame in run.frames), "nobody is lost by it"
        assert "hung up" in run.reports[-1].units[0].refused[0].why
        await run.seconds(600)
        assert len(run.wire.connects) <= 5, "once a minute later, then after four, and so on"


async def test_a_slow_cycle_that_was_broken_off_begins_again_at_once() -> None:
    def act(question: Question) -> bytes:
        return closed(question) if question.address == 2 else value(question)

    made = readings(profile({"a": {"address": 0}, "far": {"address": 2}}), far={"optional": True})
    async with running(link(unit("a", 1, made, poll_ns=600 * SECOND)), units={1: act}) as run:
        await run.seconds(3)
        assert [frame.quality for frame in run.of("a")] == [[0, Quality.BAD_NOT_FITTED]]


async def test_a_server_that_closes_at_once_has_not_refused_anything() -> None:
    def act(question: Question) -> bytes:
        raise SessionError(ErrorKind.CONNECT, "the device closed the connection")

    made = readings(profile({"far": {"address": 2}}), far={"optional": True})
    async with running(link(unit("a", 1, made)), units={1: act}) as run:
        await run.seconds(20)
        assert run.reports[-1].units[0].refused == ()
        assert run.of("a")[-1].quality == [Quality.BAD_COMM]


async def test_silence_at_an_optional_register_kills_nobody() -> None:
    def act(question: Question) -> bytes:
        return silence(question) if question.address == 900 else value(question)

    made = readings(profile({"a": {"address": 0}, "far": {"address": 900}}), far={"optional": True})
    async with running(link(unit("a", 1, made)), units={1: act}) as run:
        await run.seconds(30)
        assert len(asked_for(run, 900)) == 2
        assert [frame.quality for frame in run.of("a")][:3] == [
            [0, Quality.BAD_COMM],
            [0, Quality.BAD_NOT_FITTED],
            [0, Quality.BAD_NOT_FITTED],
        ]


# first reads that count for nothing


async def test_first_reads_are_discarded_after_each_connect_and_each_long_pause() -> None:
    made = readings(TWO_BLOCKS_COPY(), far={"warm_up": (2, 30 * SECOND)})
    async with running(link(unit("a", 1, made), unit("b", 2, ONE))) as run:
        await run.seconds(5)
        cold = [0, 0, Quality.BAD_NO_VALUE]
        assert [frame.quality for frame in run.of("a")] == [cold, cold, None, None, None, None]
        assert run.of("a")[0].values == [0, 1, None]
        before = len(run.of("a"))
        once: list[Act] = [closed]
        run.wire.units = {2: lambda q: once.pop()(q) if once else value(q)}
        await run.seconds(5)
        assert [frame.quality for frame in run.of("a")[before:]].count(cold) == 2, "a new connection"
        run.wire.units = {1: silence}
        await run.seconds(20)
        run.wire.units = {}
        before = len(run.of("a"))
        await run.seconds(30)
        assert run.of("a")[before].quality is None or run.of("a")[before].quality == cold
        run.wire.units = {1: silence}
        await run.seconds(40)
        run.wire.units = {}
        before = len(run.of("a"))
        await run.seconds(60)
        assert [frame.quality for frame in run.of("a")[before:]].count(cold) == 2, "it had not been read for long"


def closed(question: Question) -> bytes:
    raise SessionError(ErrorKind.CONNECT, "closed")


def TWO_BLOCKS_COPY() -> ModbusProfile:
    return profile({"a": {"address": 0}, "b": {"address": 1}, "far": {"address": 900}})


async def test_what_is_judged_by_a_cold_point_is_no_value_either() -> None:
    made = readings(
        profile(
            {
                "a": {"address": 0, "valid_when": {"state": "ok"}},
                "state": {"address": 1, "enum": {1: "ok"}},
            }
        ),
        state={"warm_up": (1, 0)},
    )
    async with running(link(unit("a", 1, made))) as run:
        await run.seconds(2)
        assert [frame.quality for frame in run.of("a")] == [[Quality.BAD_NO_VALUE] * 2, None, None]


# who it is


class Varied(ModbusProfile):
    """Firmware 7 has its value at 900, firmware 8 at 901; what else there is nobody knows."""

    @property
    def identity(self) -> tuple[str, ...]:
        return ("firmware",)

    @property
    def variant_name(self) -> str | None:
        return getattr(self, "_is", None)

    def chosen(self, values: Mapping[str, Value]) -> Varied | None:
        firmware = values.get("firmware")
        if firmware not in (7, 8):
            return None
        made = self.model_copy()
        reading = self.readings["v"]
        assert reading.cell is not None
        moved = replace(reading, cell=replace(reading.cell, address=893 + int(firmware)))
        object.__setattr__(made, "_readings", {**self.readings, "v": moved})
        object.__setattr__(made, "_is", f"firmware-{firmware}")
        return made


def varied() -> Varied:
    points = {"firmware": {"address": 10}, "v": {"address": 999}}
    return Varied.model_validate({**HEAD, "modbus": {"type": "uint16"}, "points": points})


def of_firmware(number: int) -> Act:
    def act(question: Question) -> bytes:
        return number.to_bytes(2, "big") if question.address == 10 else value(question)

    return act


async def test_who_it_is_comes_first_and_decides_what_is_read() -> None:
    async with running(link(unit("a", 1, varied()), unit("b", 2, ONE)), units={1: of_firmware(7)}) as run:
        await run.seconds(3)
        assert [q.address for _, q in run.wire.asked if q.unit == 1][:3] == [10, 10, 900]
        assert [frame.values for frame in run.of("a")] == [[7, 900]] * 4
        assert run.reports[-1].units[0].variant == "firmware-7"
        layout = run.of("a")[0].layout
        # another device is there after the link was lost
        once: list[Act] = [closed]
        run.wire.units = {1: of_firmware(8), 2: lambda q: once.pop()(q) if once else value(q)}
        await run.seconds(4)
        assert run.of("a")[-1].values == [8, 901] and run.of("a")[-1].layout is layout
        assert run.reports[-1].units[0].variant == "firmware-8"


async def test_a_device_that_is_back_is_asked_who_it_is() -> None:
    async with running(link(unit("a", 1, varied()), unit("b", 2, ONE)), units={1: of_firmware(7)}) as run:
        await run.seconds(3)
        run.wire.units = {1: silence}
        await run.seconds(10)
        run.wire.units = {1: of_firmware(8)}
        await run.seconds(20)
        assert run.of("a")[-1].values == [8, 901]
        assert len(run.wire.connects) == 1


async def test_an_unknown_variant_is_told_and_asked_again_slowly() -> None:
    async with running(link(unit("a", 1, varied()), unit("b", 2, ONE)), units={1: of_firmware(9)}) as run:
        await run.seconds(50)
        assert [frame.quality for frame in run.of("a")] == [[Quality.BAD_CONFIG] * 2], "said once"
        assert len(run.wire.times(1)) == 1
        report = run.reports[-1].units[0]
        assert report.error is not None and report.error.kind is ErrorKind.IDENTITY
        assert report.error.message == "no variant of made has firmware 9"
        assert (report.good, report.backoff_until_ns, report.variant) == (0, None, None)
        assert report.polls >= 1
        assert len(run.of("b")) == 51, "its neighbour does not notice"
        run.wire.units = {1: of_firmware(7)}
        await run.seconds(15)
        assert run.of("a")[-1].values == [7, 900]
        assert run.reports[-1].units[0].error is None


async def test_a_device_that_never_says_who_it_is_dies() -> None:
    async with running(link(unit("a", 1, varied()), unit("b", 2, ONE)), units={1: silence}) as run:
        await run.seconds(60)
        assert run.of("a")[0].quality == [Quality.BAD_COMM] * 2
        assert {q.address for _, q in run.wire.asked if q.unit == 1} == {10}, "nothing else is asked of a stranger"
        assert run.reports[-1].units[0].backoff_until_ns is not None


async def test_a_refused_identity_is_unknown() -> None:
    async with running(link(unit("a", 1, varied())), units={1: without(10)}) as run:
        await run.seconds(5)
        assert run.of("a")[0].quality == [Quality.BAD_CONFIG] * 2
        assert run.reports[-1].units[0].last_error is not None
        assert run.reports[-1].units[0].last_error.message == "no variant of made has firmware unknown"


@pytest.mark.parametrize("code", [4, 6])
async def test_a_device_that_cannot_say_it_now_is_asked_again(code: int) -> None:
    async with running(link(unit("a", 1, varied())), units={1: exception(code)}) as run:
        await run.seconds(10)
        assert len(run.wire.times(1)) >= 9
        assert run.of("a")[0].quality == [Quality.BAD_COMM] * 2
        run.wire.units = {1: of_firmware(7)}
        await run.seconds(3)
        assert run.of("a")[-1].values == [7, 900]
