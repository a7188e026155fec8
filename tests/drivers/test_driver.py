"""The driver's decisions in virtual time, on a connection that is a script: no socket, no waiting."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from drivers.modbus.driver import ModbusDriver
from drivers.modbus.exceptions import ExceptionAnswer
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions
from gateway.clock import VirtualClock
from gateway.model import SECOND, ErrorKind, Frame, FrameKind, LinkReport, Quality
from tests.drivers.made import link, profile, unit
from tests.drivers.wire import ONE, OPTIONS, TWO_BLOCKS, Wire, broken, exception, running, silence, value


async def test_polls_in_its_period_and_the_first_is_initial() -> None:
    async with running(link(unit("a", 1, TWO_BLOCKS), unit("b", 2, ONE, poll_ns=5 * SECOND))) as run:
        await run.seconds(10)
        a = run.of("a")
        assert [frame.kind for frame in a] == [FrameKind.INITIAL] + [FrameKind.LIVE] * (len(a) - 1)
        assert (a[0].values, a[0].quality) == ([0, 1, 900], None)
        assert len(a) == 11
        gaps = [two.at.mono_ns - one.at.mono_ns for one, two in pairwise(a[1:])]
        assert set(gaps) == {SECOND}
        assert len(run.of("b")) == 3
        shared = {frame.at.mono_ns for frame in a} & {frame.at.mono_ns for frame in run.of("b")}
        assert len(shared) == 3, "polls due together share one tick"
        assert run.driver.layouts[0] is a[0].layout is a[1].layout
        assert len(run.wire.connects) == 1


async def test_reports_each_second_with_counters() -> None:
    async with running(link(unit("a", 1, ONE, poll_ns=10 * SECOND))) as run:
        await run.seconds(5)
        times = [report.at.mono_ns for report in run.reports]
        assert max(b - a for a, b in pairwise(times)) <= SECOND
        assert len(times) <= 8, "each second, not at every chance"
        report = run.reports[-1]
        assert (report.link, report.endpoint, report.connected, report.connects) == ("l", "tcp://127.0.0.1:1", True, 1)
        (one,) = report.units
        assert (one.name, one.unit, one.devices, one.error) == ("a", 1, ("a",), None)
        assert one.polls == one.good == len(run.frames)
        assert one.last_good_mono_ns is not None
        assert len(one.rtt_ns) == one.polls


async def test_a_dead_unit_is_skipped_probed_and_revived() -> None:
    async with running(link(unit("a", 1, TWO_BLOCKS), unit("b", 2, TWO_BLOCKS)), units={2: silence}) as run:
        await run.seconds(3)
        assert run.of("b")[0].quality == [Quality.BAD_COMM] * 3
        assert run.of("b")[0].values == [None] * 3
        assert len(run.wire.times(2)) == 2, "one block per cycle, two cycles"
        died = run.of("b")[0].at.mono_ns
        b = run.reports[-1].units[1]
        assert b.error is not None
        assert b.error.kind is ErrorKind.TIMEOUT
        assert b.backoff_until_ns == died + 5 * SECOND
        await run.seconds(170)
        probes = [at - died / SECOND for at in run.wire.times(2)[2:]]
        assert [round(probe) for probe in probes] == [5, 16, 37, 78, 139]
        assert all(q.count == 1 for at, q in run.wire.asked if q.unit == 2 and at > died), (
            "a probe asks for one register"
        )
        assert len(run.of("b")) == 1, "said once"
        assert len(run.wire.connects) == 1, "the link is not to blame"
        run.wire.units[2] = value
        await run.seconds(61)
        assert run.of("b")[1].values == [0, 1, 900]
        assert run.of("b")[1].kind is FrameKind.INITIAL
        assert run.of("b")[2].kind is FrameKind.LIVE
        assert {f.at.mono_ns for f in run.of("b")[2:]} <= {f.at.mono_ns for f in run.of("a")}, "back on the link's tick"
        assert run.reports[-1].units[1].backoff_until_ns is None
        assert run.reports[-1].units[1].error is None


async def test_one_dead_of_eight_leaves_the_others_their_rate() -> None:
    units = [unit(f"u{i}", i, ONE) for i in range(1, 9)]
    async with running(link(*units), units={4: silence}, takes=SECOND // 100) as run:
        await run.seconds(60)
        for i in (1, 2, 3, 5, 6, 7, 8):
            assert len(run.of(f"u{i}")) >= 0.9 * 60
        overruns = [report.overruns for report in run.reports[-1].units]
        assert max(overruns) <= 6


async def test_one_babbling_of_eight_leaves_the_others_their_rate() -> None:
    units = [unit(f"u{i}", i, ONE) for i in range(1, 9)]
    async with running(link(*units), units={4: broken}, takes=SECOND // 100) as run:
        await run.seconds(60)
        for i in (1, 2, 3, 5, 6, 7, 8):
            assert len(run.of(f"u{i}")) >= 0.67 * 60
            assert all(frame.quality is None for frame in run.of(f"u{i}")), "a bad reply of one unit is not theirs"
        assert run.of("u4")[0].quality == [Quality.BAD_COMM]
        gaps = [b - a for a, b in pairwise(run.wire.connects)]
        assert min(gaps) >= SECOND, "at most one connect per second"
        assert run.wire.closed == len(run.wire.connects) - 1


async def test_a_lost_link_is_bad_at_once_and_comes_back_as_initial() -> None:
    async with running(link(unit("a", 1, ONE), unit("b", 2, ONE))) as run:
        await run.seconds(3)
        run.wire.reachable = False
        run.wire.units = {1: broken, 2: broken}
        await run.seconds(2)
        for device in ("a", "b"):
            assert run.of(device)[-1].quality == [Quality.BAD_COMM]
        assert run.reports[-1].connected is False
        assert run.reports[-1].error is not None
        assert run.reports[-1].error.kind is ErrorKind.CONNECT
        before = len(run.frames)
        await run.seconds(60)
        assert len(run.frames) == before, "said once"
        assert len(run.wire.connects) <= 64
        run.wire.reachable = True
        run.wire.units = {}
        back = run.clock.now().mono_ns
        await run.seconds(7)
        for device in ("a", "b"):
            again = next(frame for frame in run.of(device) if frame.at.mono_ns > back)
            assert again.kind is FrameKind.INITIAL
            assert again.at.mono_ns - back <= 6 * SECOND
        assert run.reports[-1].connected is True
        assert run.reports[-1].error is None
        assert run.reports[-1].units[0].polls >= 65, "cycles without a link count as polls, not as good ones"
        assert run.reports[-1].units[0].good < 15


async def test_a_quick_reconnect_spoils_nothing() -> None:
    async with running(link(unit("a", 1, ONE), unit("b", 2, ONE))) as run:
        await run.seconds(3)
        once = [broken]
        run.wire.units = {1: lambda q: once.pop()(q) if once else value(q)}
        await run.seconds(3)
        assert all(frame.quality is None for frame in run.frames)
        assert len(run.wire.connects) == 2
        assert [frame.kind for frame in run.of("b")].count(FrameKind.INITIAL) == 2


async def test_silence_of_all_units_reopens_the_link() -> None:
    async with running(link(unit("a", 1, ONE), unit("b", 2, ONE)), units={1: silence, 2: silence}) as run:
        await run.seconds(10)
        assert len(run.wire.connects) >= 2
        assert {frame.layout.device for frame in run.frames} == {"a", "b"}
        assert len(run.frames) == 2


async def test_a_refused_register_costs_only_its_own_point() -> None:
    wide = profile({f"p{i}": {"address": i} for i in range(20)})

    def without_13(question: Question) -> bytes:
        if question.address <= 13 < question.address + question.count:
            raise ExceptionAnswer(2)
        return value(question)

    async with running(link(unit("a", 1, wide)), units={1: without_13}) as run:
        await run.seconds(5)
        for frame in run.of("a"):
            assert frame.quality == [Quality.BAD_CONFIG if i == 13 else 0 for i in range(20)]
            assert frame.values == [None if i == 13 else i for i in range(20)]
        asked_for = len(run.wire.asked)
        await run.seconds(5)
        assert len(run.wire.asked) - asked_for <= 5 * 6, "the refused register is left alone"
        run.wire.units = {}
        await run.seconds(70)
        assert run.of("a")[-1].quality is None, "and asked for again later: it may have been programmed"


async def test_a_device_that_was_starting_is_asked_in_one_block_again() -> None:
    wide = profile({f"p{i}": {"address": i} for i in range(20)})
    async with running(link(unit("a", 1, wide)), units={1: exception(2)}) as run:
        await run.seconds(10)
        assert run.reports[-1].units[0].good == 0, "nothing was answered"
        run.wire.units = {}
        await run.seconds(4)
        assert run.of("a")[-1].quality is None, "one value is asked for all the time, and brings back the rest"
        asked_for = len(run.wire.asked)
        await run.seconds(5)
        assert len(run.wire.asked) - asked_for == 5


async def test_a_unit_that_refuses_everything_does_not_die_unseen() -> None:
    async with running(link(unit("a", 1, TWO_BLOCKS), unit("b", 2, ONE)), units={1: exception(2)}) as run:
        await run.seconds(5)
        asked_for = len(run.wire.times(1))
        await run.seconds(5)
        assert len(run.wire.times(1)) - asked_for == 5, "one question a cycle"
        run.wire.units = {1: silence}
        await run.seconds(5)
        assert run.of("a")[-1].quality == [Quality.BAD_COMM] * 3


async def test_what_emit_lost_is_said_again() -> None:
    """The listener failed with the very frame that said BAD: the next run must not take it for told."""
    clock = VirtualClock(mono_ns=1000 * SECOND)
    wire = Wire(clock, {1: silence}, reachable=False)
    driver = ModbusDriver("l", OPTIONS, link(unit("a", 1, ONE)), clock, lambda report: None, connect=wire)
    taken: list[Frame] = []

    async def emit(frame: Frame) -> None:
        taken.append(frame)
        if len(taken) == 1:
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        await driver.run(emit)
    task = asyncio.ensure_future(driver.run(emit))
    for _ in range(100):
        await clock.advance(SECOND // 10)
    task.cancel()
    await asyncio.wait([task])
    assert [frame.quality for frame in taken] == [[Quality.BAD_COMM]] * 2


async def test_a_refused_function_is_not_cut() -> None:
    made = profile({"h": {"address": 1}, **{f"i{n}": {"address": n, "table": "input"} for n in range(9)}})

    def holding_only(question: Question) -> bytes:
        return value(question) if question.function == 3 else exception(1)(question)

    async with running(link(unit("a", 1, made)), units={1: holding_only}) as run:
        await run.seconds(3)
        assert run.of("a")[0].quality == [0] + [Quality.BAD_CONFIG] * 9
        assert sum(question.function == 4 for _, question in run.wire.asked) == 1


async def test_many_refused_registers_do_not_take_the_link() -> None:
    wide = profile({f"p{i}": {"address": i} for i in range(100)})
    async with running(link(unit("a", 1, wide), unit("b", 2, ONE)), units={1: exception(2)}, takes=SECOND // 20) as run:
        await run.seconds(30)
        assert len(run.of("b")) >= 20
        assert set(run.of("a")[-1].quality or ()) == {Quality.BAD_CONFIG}


async def test_busy_is_tried_again_and_not_dead() -> None:
    async with running(link(unit("a", 1, ONE)), units={1: exception(6)}) as run:
        await run.seconds(6)
        assert len(run.wire.asked) >= 6, "polled on"
        assert [frame.quality for frame in run.of("a")] == [[Quality.BAD_COMM]]
        assert run.reports[-1].units[0].errors == {ErrorKind.EXCEPTION: len(run.wire.asked)}
        run.wire.units = {}
        await run.seconds(2)
        assert run.of("a")[1].kind is FrameKind.INITIAL


async def test_a_panel_behind_its_gateway_is_dead_and_its_neighbour_is_not() -> None:
    async with running(link(unit("a", 1, ONE), unit("b", 2, ONE)), units={2: exception(0x0B)}) as run:
        await run.seconds(12)
        assert len(run.of("a")) >= 12
        assert run.of("b")[0].quality == [Quality.BAD_COMM]
        assert run.reports[-1].units[1].backoff_until_ns is not None


async def test_a_gateway_that_answers_for_absent_devices_keeps_its_connection() -> None:
    async with running(link(unit("a", 1, ONE)), units={1: exception(0x0B)}) as run:
        await run.seconds(60)
        assert run.of("a")[-1].quality == [Quality.BAD_COMM]
        assert len(run.wire.connects) == 1, "the link is not to blame"
        run.wire.units = {}
        await run.seconds(61)
        assert run.of("a")[-1].quality is None


async def test_a_failing_block_is_bad_and_the_rest_is_not() -> None:
    def act(question: Question) -> bytes:
        return exception(4)(question) if question.address == 900 else value(question)

    async with running(link(unit("a", 1, TWO_BLOCKS)), units={1: act}) as run:
        await run.seconds(3)
        assert run.of("a")[-1].quality == [0, 0, Quality.BAD_COMM]
        assert run.reports[-1].units[0].good == 0


async def test_one_missed_cycle_changes_nothing() -> None:
    async with running(link(unit("a", 1, ONE), unit("b", 2, ONE))) as run:
        await run.seconds(3)
        for busy, lost in ((1, 0), (2, 1)):
            often = [exception(6)] * busy
            run.wire.units = {1: lambda q, often=often: often.pop()(q) if often else value(q)}
            await run.seconds(3)
            assert all(frame.quality is None for frame in run.frames)
            assert len(run.of("a")) == len(run.of("b")) - lost, "a busy device is asked once more within the cycle"
            assert run.reports[-1].units[0].misses == 0


async def test_a_question_is_repeated_on_a_live_unit_only() -> None:
    patient = ModbusLinkOptions.model_validate({"modbus": "tcp://127.0.0.1:1", "retries": 1})
    async with running(link(unit("a", 1, ONE)), options=patient) as run:
        await run.seconds(3)
        once = [silence]
        run.wire.units = {1: lambda q: once.pop()(q) if once else value(q)}
        before = len(run.frames)
        await run.seconds(3)
        assert len(run.frames) == before + 3, "the repetition saved the cycle"
        asked = len(run.wire.asked)
        run.wire.units = {1: silence}
        await run.seconds(4)
        assert len(run.wire.asked) == asked + 3, "twice in the first cycle, once in the second, then it is dead"


async def test_a_cancellation_that_came_with_the_answer_is_not_lost() -> None:
    """asyncio.wait_for of Python 3.11 returns the answer and forgets that it was cancelled."""

    def cancelled_meanwhile(question: Question) -> bytes:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return value(question)

    class Swallowing(Wire):
        async def checked_read(self, question: Question) -> bytes:
            try:
                payload = cancelled_meanwhile(question)
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                pass
            return payload

    clock = VirtualClock()
    wire = Swallowing(clock, {})
    taken: list[Frame] = []

    async def emit(frame: Frame) -> None:
        taken.append(frame)

    driver = ModbusDriver("l", OPTIONS, link(unit("a", 1, ONE)), clock, lambda report: None, connect=wire)
    task = asyncio.ensure_future(driver.run(emit))
    await clock.advance(SECOND)
    assert task.cancelled()
    assert taken == []
    assert wire.closed == 1


async def test_overruns_are_counted_and_never_piled_up() -> None:
    async with running(link(unit("a", 1, ONE)), takes=int(2.5 * SECOND)) as run:
        await run.seconds(50)
        report = run.reports[-1].units[0]
        assert 18 <= len(run.of("a")) <= 20
        assert report.overruns >= 25
        assert report.polls == report.good + report.overruns or report.polls == report.good + report.overruns + 1
        run.wire.takes = 0
        before = len(run.of("a"))
        await run.seconds(10)
        assert len(run.of("a")) - before <= 12, "no burst of missed polls"


async def test_time_before_the_link_is_no_overrun() -> None:
    clock = VirtualClock()
    wire = Wire(clock, {})
    reports: list[LinkReport] = []
    driver = ModbusDriver("l", OPTIONS, link(unit("a", 1, ONE)), clock, reports.append, connect=wire)
    await clock.advance(100 * SECOND)

    async def emit(frame: Frame) -> None:
        pass

    task = asyncio.ensure_future(driver.run(emit))
    for _ in range(40):
        await clock.advance(SECOND // 10)
    task.cancel()
    await asyncio.wait([task])
    (one,) = reports[-1].units
    assert one.overruns == 0
    assert one.polls >= 100
    assert 3 <= one.good <= 5


async def test_emit_holds_the_driver_back() -> None:
    gate = asyncio.Event()
    clock = VirtualClock()
    wire = Wire(clock, {})
    driver = ModbusDriver("l", OPTIONS, link(unit("a", 1, ONE)), clock, lambda report: None, connect=wire)
    taken: list[Frame] = []

    async def emit(frame: Frame) -> None:
        taken.append(frame)
        await gate.wait()

    task = asyncio.ensure_future(driver.run(emit))
    await clock.advance(10 * SECOND)
    assert (len(taken), len(wire.asked)) == (1, 1)
    gate.set()
    await clock.advance(3 * SECOND)
    assert 3 <= len(taken) <= 5
    task.cancel()
    await asyncio.wait([task])
    assert wire.closed == 1
