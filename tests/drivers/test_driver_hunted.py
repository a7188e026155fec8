"""One that is sick must not stall the others, nor be seen late when it is well again: in virtual time."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from drivers.base import SessionError
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions
from gateway.model import SECOND, ErrorKind, Quality
from tests.drivers.made import link, profile, unit
from tests.drivers.test_driver_paces import readings, slow
from tests.drivers.test_driver_refusals import of_firmware, varied
from tests.drivers.wire import ONE, Act, exception, running, silence, value

MS = SECOND // 1000
RTU = ModbusLinkOptions.model_validate({"modbus": "rtu:///dev/ttyUSB0?baud=9600"})


def closed(question: Question) -> bytes:
    raise SessionError(ErrorKind.CONNECT, "the device closed the connection")


@pytest.mark.parametrize("neighbour", [True, False])
@pytest.mark.parametrize("bad", [0, 13, 19])
async def test_a_device_that_hangs_up_at_a_required_register_keeps_its_others(bad: int, neighbour: bool) -> None:
    def act(question: Question) -> bytes:
        return closed(question) if question.address <= bad < question.address + question.count else value(question)

    wide = profile({f"p{n}": {"address": n} for n in range(20)})
    units = [unit("a", 1, wide), unit("b", 2, ONE)]
    async with running(link(*units[: 2 if neighbour else 1]), units={1: act}) as run:
        await run.seconds(300 if neighbour else 600)
        frame = run.of("a")[-1]
        assert frame.values == [None if n == bad else n for n in range(20)]
        assert frame.quality is not None and frame.quality[bad] == Quality.BAD_CONFIG
        (refused,) = run.reports[-1].units[0].refused
        assert refused.where == f"holding {bad}" and "hung up" in refused.why
        assert all(frame.quality is None for frame in run.of("b"))
        connects = len(run.wire.connects)
        await run.seconds(600)
        assert len(run.wire.connects) <= connects + 4


async def test_a_device_that_hangs_up_whatever_is_asked_is_dead_and_refuses_nothing() -> None:
    wide = profile({f"p{n}": {"address": n} for n in range(20)})
    async with running(link(unit("a", 1, wide), unit("b", 2, ONE)), units={1: closed}) as run:
        await run.seconds(120)
        assert run.reports[-1].units[0].refused == ()
        assert run.reports[-1].units[0].backoff_until_ns is not None
        assert run.of("a")[-1].quality == [Quality.BAD_COMM] * 20
        assert len(run.of("b")) >= 100
        run.wire.units = {}
        await run.seconds(70)
        assert run.of("a")[-1].quality is None


@pytest.mark.parametrize("wire", ["tcp", "rtu"])
async def test_a_unit_that_is_back_is_seen_within_its_probe_pause(wire: str) -> None:
    told = RTU if wire == "rtu" else ModbusLinkOptions.model_validate({"modbus": "tcp://127.0.0.1:1"})
    async with running(link(unit("a", 1, ONE), unit("b", 2, ONE)), options=told) as run:
        for away in (3, 30, 300):
            run.wire.units = {2: silence}
            await run.seconds(away)
            run.wire.units = {}
            back = run.clock.now().mono_ns
            await run.seconds(62)
            again = next(frame for frame in run.of("b") if frame.at.mono_ns > back and frame.quality is None)
            assert again.at.mono_ns - back <= min(60, 5 + away) * SECOND + SECOND


async def test_a_link_that_is_back_is_seen_within_six_seconds() -> None:
    for away in (2, 20, 200):
        async with running(link(unit("a", 1, ONE), unit("b", 2, ONE))) as run:
            await run.seconds(3)
            run.wire.units, run.wire.reachable = {1: silence, 2: silence}, False
            await run.seconds(away + 3)
            run.wire.units, run.wire.reachable = {}, True
            back = run.clock.now().mono_ns
            await run.seconds(8)
            for device in ("a", "b"):
                good = [f.at.mono_ns for f in run.of(device) if f.at.mono_ns > back and f.quality is None]
                assert good[0] - back <= 6 * SECOND, (away, device)


async def test_an_unknown_identity_costs_its_neighbours_nothing() -> None:
    def busy(question: Question) -> bytes:
        return exception(6)(question)

    for act in (busy, silence, of_firmware(9), exception(2), exception(4)):
        async with running(link(unit("a", 1, varied()), unit("b", 2, ONE)), units={1: act}, takes=5 * MS) as run:
            await run.seconds(10)
            before = len(run.of("b"))
            await run.seconds(60)
            assert len(run.of("b")) - before >= 0.9 * 60
            assert run.of("a")[-1].quality in ([Quality.BAD_COMM] * 2, [Quality.BAD_CONFIG] * 2)


async def test_a_cold_identity_is_asked_again_at_once() -> None:
    """Its first answer counts for nothing: that is not an unknown variant."""
    made = readings(varied(), firmware={"warm_up": (1, 0)})
    async with running(link(unit("a", 1, made)), units={1: of_firmware(7)}) as run:
        await run.seconds(5)
        assert run.of("a")[-1].values == [7, 900]


async def test_the_bench_at_a_dead_unit_leaves_the_polls_two_thirds() -> None:
    async with running(link(*(unit(f"u{n}", n, ONE) for n in range(1, 7))), takes=20 * MS, options=RTU) as run:
        run.wire.units = {9: silence}
        run.wire.owes = SECOND

        async def scan() -> None:
            while True:
                try:
                    await run.driver.borrow(lambda wire: wire.checked_read(Question(9, 3, 1, 1, 2)))
                except Exception:  # noqa: BLE001 - a bench asks on
                    continue

        scanning = asyncio.ensure_future(scan())
        await run.seconds(60)
        scanning.cancel()
        for number in range(1, 7):
            assert len(run.of(f"u{number}")) >= 0.6 * 60
            gaps = [b.at.mono_ns - a.at.mono_ns for a, b in pairwise(run.of(f"u{number}"))]
            assert max(gaps) <= 4 * SECOND


async def test_a_starved_trend_is_read_or_bad() -> None:
    """Urgent points alone fill the wire: the others come within a bound, or say that nobody reads them."""
    devices = [(f"u{n}", n, {"far": 2 * SECOND}) for n in range(1, 11)]
    async with running(slow(*devices, urgent=("a", "b")), takes=150 * MS) as run:
        await run.seconds(300)
        for name, _, _ in devices:
            far = [f.at.mono_ns for f in run.of(name) if f.layout.points[0].key == "far"]
            assert max(b - a for a, b in pairwise([*far, run.clock.now().mono_ns])) <= 60 * SECOND


async def test_all_units_of_a_serial_line_that_die_and_come_back() -> None:
    units = [unit(f"u{n}", n, ONE) for n in range(1, 9)]
    dead: dict[int, Act] = dict.fromkeys(range(1, 9), silence)
    async with running(link(*units), options=RTU, takes=20 * MS) as run:
        await run.seconds(3)
        run.wire.units, run.wire.owes = dead, SECOND
        await run.seconds(600)
        assert run.wire.held == 0
        run.wire.units = {}
        await run.seconds(62)
        for n in range(1, 9):
            assert run.of(f"u{n}")[-1].quality is None, n
