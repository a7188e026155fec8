"""Points of a device in periods of their own, several units in one device, pauses, a bus that is short of time."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from drivers.assign import LinkAssignment, UnitSpec, assign
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions
from drivers.profile import ModbusProfile
from gateway.model import SECOND, FrameKind, Quality
from tests.drivers.made import link, profile, unit
from tests.drivers.wire import ONE, TWO_BLOCKS, Act, Run, exception, running, silence, value

MS = SECOND // 1000


def readings(made: ModbusProfile, **changes: dict[str, Any]) -> ModbusProfile:
    """The profile with other readings, as its language would have made them."""
    for key, change in changes.items():
        made._readings[key] = replace(made._readings[key], **change)
    return made


def slow(*devices: tuple[str, int, dict[str, int]], urgent: tuple[str, ...] = ()) -> LinkAssignment:
    """Devices of the points a, b (and far) at 1 s, but for the points that are read less often."""
    specs = [
        UnitSpec(name, "l", number, TWO_BLOCKS, SECOND, True, every=every, urgent=frozenset(urgent))
        for name, number, every in devices
    ]
    return assign(specs, [])["l"]


def points(run: Run, device: str) -> dict[str, int]:
    """How many samples each point has."""
    counted: dict[str, int] = {}
    for frame in run.of(device):
        for point in frame.layout.points:
            counted[point.key] = counted.get(point.key, 0) + 1
    return counted


async def test_points_are_read_in_their_own_periods_on_one_grid() -> None:
    async with running(slow(("a", 1, {"b": 10 * SECOND, "far": 5 * SECOND}))) as run:
        await run.seconds(20)
        assert points(run, "a") == {"a": 21, "b": 3, "far": 5}
        ticks = {frame.at.mono_ns for frame in run.of("a")}
        assert len(ticks) == 21, "what is due together shares a tick"
        kinds = [frame.kind for frame in run.of("a") if frame.layout.points[0].key == "b"]
        assert kinds == [FrameKind.INITIAL, FrameKind.LIVE, FrameKind.LIVE]
        report = run.reports[-1].units[0]
        assert report.polls == report.good == 21 + 3 + 5


async def test_a_pace_that_is_never_answered_speaks_for_its_own_points() -> None:
    def act(question: Question) -> bytes:
        return silence(question) if question.address == 900 else value(question)

    async with running(slow(("a", 1, {"far": 5 * SECOND})), units={1: act}) as run:
        await run.seconds(21)
        (lost,) = [frame for frame in run.of("a") if frame.layout.points[0].key == "far"]
        assert lost.quality == [Quality.BAD_COMM]
        assert points(run, "a")["a"] == 22, "the unit lives"
        assert run.reports[-1].units[0].backoff_until_ns is None


async def test_a_device_of_several_units_dies_by_numbers() -> None:
    made = readings(
        profile({"a": {"address": 1}, "b": {"address": 2}, "judged": {"address": 3}}),
        b={"unit": "socket"},
        judged={"unit": 7},
    )
    spec = UnitSpec("cp", "l", 5, made, SECOND, True, units={"socket": 6})
    async with running(assign([spec], [])["l"], units={6: silence}) as run:
        await run.seconds(30)
        assert {(q.unit, q.address) for _, q in run.wire.asked} == {(5, 1), (6, 2), (7, 3)}
        reports = {report.unit: report for report in run.reports[-1].units}
        assert {report.name for report in reports.values()} == {"cp"}
        assert [reports[n].backoff_until_ns is not None for n in (5, 6, 7)] == [False, True, False]
        assert reports[6].misses >= 2 and reports[5].misses == reports[7].misses == 0
        assert points(run, "cp")["b"] == 1 and points(run, "cp")["a"] > 25


async def test_a_unit_has_its_pause_and_the_others_use_it() -> None:
    gentle = profile({f"p{n}": {"address": n} for n in range(4)}, {"limits": {"one_value": True, "pause": "100ms"}})
    async with running(link(unit("a", 1, gentle), unit("b", 2, ONE)), takes=5 * MS) as run:
        await run.seconds(10)
        times = run.wire.times(1)
        assert min(two - one for one, two in pairwise(times)) >= 0.105 - 1e-9
        assert len(run.of("a")) >= 10
        order = [question.unit for _, question in run.wire.asked[-10:]]
        assert "12111" in "".join(map(str, order)), "b is asked while a rests"


async def test_a_slow_device_has_its_own_timeout() -> None:
    patient = profile({"a": {"address": 0}}, {"limits": {"timeout": "8s"}})
    async with running(link(unit("a", 1, patient), unit("b", 2, ONE))) as run:
        await run.seconds(2)
        assert {q.unit: q.timeout_ns for _, q in run.wire.asked} == {1: 8 * SECOND, 2: None}


async def test_alarms_before_trends_when_a_bus_is_short_of_time() -> None:
    # 100 ms a question: ten units with urgent and trend points need 2 s of every second
    every = [unit(f"u{n}", n, TWO_BLOCKS) for n in range(1, 11)]
    specs = [replace(spec, urgent=frozenset({"a"}), every={"far": SECOND + 1}) for spec in every]
    async with running(assign(specs, [])["l"], takes=80 * MS) as run:
        await run.seconds(100)
        counted = [points(run, spec.name) for spec in specs]
        assert min(count["a"] for count in counted) >= 0.9 * 100, "what rules read keeps its rate"
        trends = [count["far"] for count in counted]
        assert min(trends) >= 10 and max(trends) <= 60, "trends starve first, yet not for ever"
        assert max(trends) - min(trends) <= 3, "and all alike"
        assert all(report.overruns >= 35 for report in run.reports[-1].units), "and it is counted"


async def test_trends_that_starve_do_not_take_the_bus_when_they_come() -> None:
    # urgent points alone need more than there is
    every = [unit(f"u{n}", n, TWO_BLOCKS) for n in range(1, 11)]
    specs = [replace(spec, urgent=frozenset({"a"}), every={"far": SECOND + 1}) for spec in every]
    async with running(assign(specs, [])["l"], takes=200 * MS) as run:
        await run.seconds(200)
        counted = [points(run, spec.name) for spec in specs]
        urgent, trend = sum(c["a"] for c in counted), sum(c["far"] for c in counted)
        assert min(c["far"] for c in counted) >= 10, "not for ever"
        assert urgent >= 0.75 * (urgent + trend)


async def test_a_slow_unit_does_not_take_more_than_its_share() -> None:
    wide = profile({f"p{n}": {"address": n} for n in range(10)}, {"limits": {"one_value": True}})
    units = [unit(f"u{n}", n, ONE) for n in range(1, 8)]

    async def rate(*more: UnitSpec) -> int:
        async with running(link(*units, *more), takes=10 * MS) as run:
            run.wire.delays = {9: 500 * MS}
            await run.seconds(100)
            if more:
                assert len(run.of("slow")) >= 10, "it has its share"
            return min(len(run.of(spec.name)) for spec in units)

    alone = await rate()
    assert await rate(unit("slow", 9, wide)) >= 0.67 * alone


async def test_many_dead_units_do_not_take_the_bus_with_their_probes() -> None:
    units = [unit(f"u{n}", n, ONE) for n in range(1, 25)]
    dead: dict[int, Act] = dict.fromkeys(range(5, 25), silence)
    async with running(link(*units), takes=10 * MS) as run:
        await run.seconds(10)
        run.wire.units = dead
        await run.seconds(45)  # twenty units are missed twice
        before = [len(run.of(f"u{n}")) for n in range(1, 5)]
        await run.seconds(100)
        kept = [len(run.of(f"u{n}")) - was for n, was in zip(range(1, 5), before, strict=True)]
        assert min(kept) >= 0.67 * 100
        probed = {q.unit for at, q in run.wire.asked if at > run.clock.now().mono_ns - 100 * SECOND}
        assert probed == set(range(1, 25)), "and each of them is probed"


async def test_ten_of_a_hundred_that_die_at_once_cost_the_others_no_poll() -> None:
    """On links of their own, as the benchmark has it on real sockets."""
    async with AsyncExitStack() as stack:
        runs = [await stack.enter_async_context(running(link(unit(f"d{n}", 1, ONE)))) for n in range(100)]
        for run in runs:
            await run.seconds(5)
        for run in runs[:10]:
            run.wire.units = {1: silence}
        for run in runs:
            before = len(run.frames)
            await run.seconds(20)
            run.frames = run.frames[before:]
        for run in runs[10:]:
            assert len(run.frames) == 20
            gaps = [b.at.mono_ns - a.at.mono_ns for a, b in pairwise(run.frames)]
            assert set(gaps) == {SECOND}
        assert all(run.frames[0].quality == [Quality.BAD_COMM] for run in runs[:10])


async def test_a_unit_that_answers_probes_only_is_probed_less_and_less() -> None:
    def act(question: Question) -> bytes:
        return value(question) if question.count == 1 and question.address == 0 else silence(question)

    async with running(link(unit("a", 1, TWO_BLOCKS), unit("b", 2, ONE)), units={1: act}) as run:
        await run.seconds(200)
        asked = run.wire.times(1)
        assert len([at for at in asked if at > 1100]) <= 2 * 3, "a probe and a cycle each minute"
        assert len(run.of("a")) == 1
        run.wire.units = {}
        await run.seconds(80)
        assert run.of("a")[-1].quality is None


async def test_how_busy_the_link_is() -> None:
    async with running(link(unit("a", 1, ONE), unit("b", 2, ONE)), takes=200 * MS) as run:
        await run.seconds(90)
        assert run.reports[-1].busy == pytest.approx(0.4, abs=0.02)
        run.wire.takes = 0
        await run.seconds(70)
        assert run.reports[-1].busy == 0


async def test_the_serial_port_stays_open_when_nobody_answers() -> None:
    serial = ModbusLinkOptions.model_validate({"modbus": "rtu:///dev/ttyUSB0?baud=9600"})
    async with running(link(unit("a", 1, ONE)), options=serial, units={1: silence}) as run:
        await run.seconds(30)
        assert len(run.wire.connects) == 1, "it is the unit that does not answer, and it is probed"
        assert run.of("a")[0].quality == [Quality.BAD_COMM]
        run.wire.units = {}
        await run.seconds(61)
        assert run.of("a")[-1].quality is None


async def test_exceptions_are_counted_by_name() -> None:
    async with running(link(unit("a", 1, TWO_BLOCKS)), units={1: exception(4)}) as run:
        await run.seconds(5)
        (report,) = run.reports[-1].units
        assert report.exceptions == {"server device failure": len(run.wire.asked)}
        assert report.good == 0
