"""Building time: monotonic across host clock steps, faster than the host when asked, virtual in tests."""

from __future__ import annotations

import asyncio

import pytest

from gateway import clock as clock_module
from gateway.clock import BuildingClock, VirtualClock
from gateway.model import SECOND, Instant


class HostTime:
    """Stands for the host's two clocks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.mono, self.wall = 5_000 * SECOND, 1_800_000_000 * SECOND
        monkeypatch.setattr(clock_module.time, "monotonic_ns", lambda: self.mono)
        monkeypatch.setattr(clock_module.time, "time_ns", lambda: self.wall)

    def pass_(self, seconds: float, wall_step: float = 0) -> None:
        self.mono += int(seconds * SECOND)
        self.wall += int((seconds + wall_step) * SECOND)


def test_building_time_goes_on_from_the_last_run(monkeypatch: pytest.MonkeyPatch) -> None:
    host = HostTime(monkeypatch)
    clock = BuildingClock(mono_base_ns=700 * SECOND, wall_origin_ns=host.wall + 60 * SECOND)
    assert clock.now() == Instant(700 * SECOND, host.wall + 60 * SECOND)
    host.pass_(10)
    assert clock.now() == Instant(710 * SECOND, host.wall + 60 * SECOND)


@pytest.mark.parametrize("step", [-86400, -3600, 3600, 86400])
def test_a_host_clock_step_moves_the_label_only(monkeypatch: pytest.MonkeyPatch, step: float) -> None:
    host = HostTime(monkeypatch)
    clock = BuildingClock()
    host.pass_(1, wall_step=step)
    before = clock.now()
    assert before.mono_ns == SECOND
    assert clock.follow_host() == step * SECOND
    assert clock.now() == Instant(SECOND, host.wall)
    assert clock.follow_host() is None


def test_a_small_drift_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    host = HostTime(monkeypatch)
    clock = BuildingClock()
    host.pass_(100, wall_step=1.9)
    assert clock.follow_host() is None


def test_a_simulated_building_keeps_its_own_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    host = HostTime(monkeypatch)
    clock = BuildingClock(rate=10)
    host.pass_(3)
    assert clock.now().mono_ns == 30 * SECOND
    host.pass_(1, wall_step=-3600)
    assert clock.follow_host() is None
    assert clock.now().mono_ns == 40 * SECOND


@pytest.mark.parametrize("rate", [0, -1, 1001])
def test_rate_has_bounds(rate: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        BuildingClock(rate=rate)


async def test_sleep_follows_the_rate() -> None:
    clock = BuildingClock(rate=1000)
    await asyncio.wait_for(clock.sleep_until(clock.now().mono_ns + 20 * SECOND), 60)
    assert clock.now().mono_ns >= 20 * SECOND


async def test_virtual_sleepers_wake_in_order_at_their_own_moment() -> None:
    clock = VirtualClock()
    woken: list[tuple[str, int]] = []

    async def sleeper(name: str, seconds: int) -> None:
        await clock.sleep_until(seconds * SECOND)
        woken.append((name, clock.now().mono_ns // SECOND))

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("late", 9), ("early", 3), ("middle", 5)):
            group.create_task(sleeper(name, seconds))
        await asyncio.sleep(0)
        await clock.advance(4 * SECOND)
        assert woken == [("early", 3)]
        await clock.advance(6 * SECOND)
    assert woken == [("early", 3), ("middle", 5), ("late", 9)]
    with pytest.raises(ValueError, match="back"):
        clock.set(SECOND)
