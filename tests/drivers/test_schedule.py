"""Whose turn it is, how long the wire was taken, and how often a first read counts for nothing: pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.busy import Busy
from drivers.modbus.schedule import Schedule
from drivers.modbus.unit import Unit
from drivers.modbus.warm_up import WarmUp
from gateway.model import SECOND, Instant, Quality
from tests.drivers.made import link, profile, unit
from tests.drivers.test_driver_paces import readings, slow
from tests.drivers.wire import ONE

MS = SECOND // 1000


def schedule(*units: Unit) -> Schedule:
    return Schedule(units)


def made(*numbers: int) -> list[Unit]:
    assignment = link(*(unit(f"u{n}", n, ONE) for n in numbers))
    return [Unit(one, Instant(0, 0), lambda: 0.0) for one in assignment.units]


def polled(one: Unit, now: int) -> None:
    """One cycle of its only pace, answered."""
    (cycle,) = one.cycles
    one.begin(cycle, now)
    while (asked := cycle.next(now)) is not None:
        cycle.answered(asked, bytes(asked.question.size))
    one.answered(cycle, Instant(now, now))


def test_nobody_is_due_until_the_grid_says_so() -> None:
    units = made(1, 2)
    order = schedule(*units)
    for one in units:
        polled(one, 0)
    assert order.next(0) is None
    assert order.wake_ns == units[0].cycles[0].due_ns > 0
    turn = order.next(order.wake_ns)
    assert turn is not None and turn.unit is units[0]


def test_who_has_had_least_goes_first() -> None:
    one, two, three = made(1, 2, 3)
    order = schedule(one, two, three)
    for owner, took in ((one, 900 * MS), (two, 10 * MS), (three, 50 * MS)):
        turn = order.next(0)
        assert turn is not None and turn.unit is owner
        polled(owner, 0)
        order.took(turn, 0, took)
    late = 2 * SECOND
    following = []
    for _ in range(3):
        turn = order.next(late)
        assert turn is not None
        following.append(turn.unit)
        polled(turn.unit, late)
        turn.unit.cycles[0].due_ns += 100 * SECOND
    assert following == [two, three, one]


def test_a_unit_that_was_idle_has_saved_nothing_up() -> None:
    one, two = made(1, 2)
    order = schedule(one, two)
    one.spent_ns = 100 * SECOND
    two.cycles[0].due_ns = 5 * SECOND
    turn = order.next(0)
    assert turn is not None and turn.unit is one
    turn = order.next(5 * SECOND)
    assert turn is not None and turn.unit.spent_ns == 100 * SECOND


def test_what_rules_read_goes_first() -> None:
    assignment = slow(("a", 1, {"far": 2 * SECOND}), urgent=("far",))
    (only,) = (Unit(one, Instant(0, 0), lambda: 0.0) for one in assignment.units)
    turn = schedule(only).next(0)
    assert turn is not None and turn.cycle is only.cycles[1]


def test_busy_counts_the_last_minute() -> None:
    busy = Busy(0)
    assert busy.share(0) == 0
    busy.took(0, 500 * MS)
    assert busy.share(SECOND) == pytest.approx(0.5)
    busy.took(SECOND, 9 * SECOND)  # a slow device: eight seconds, each of which was taken
    assert busy.share(10 * SECOND) == pytest.approx(0.85)
    assert busy.share(62 * SECOND) == pytest.approx(6 / 59)
    assert busy.share(69 * SECOND) == 0
    assert busy.share(10_000 * SECOND) == 0


@given(st.lists(st.tuples(st.integers(0, 5 * SECOND), st.integers(0, 90 * SECOND)), max_size=40))
def test_no_link_is_busier_than_always(spans: list[tuple[int, int]]) -> None:
    busy, now = Busy(0), 0
    for idle, took in spans:
        busy.took(now + idle, now + idle + took)
        now += idle + took
        assert 0 <= busy.share(now) <= 1
    busy = Busy(0)
    busy.took(0, 200 * SECOND)
    assert busy.share(200 * SECOND) == 1


def test_first_reads_count_for_nothing() -> None:
    of = readings(profile({"a": {"address": 0}, "b": {"address": 1}}), b={"warm_up": (2, 10 * SECOND)})
    warm = WarmUp(list(of.readings.values()))
    cold = {1: Quality.BAD_NO_VALUE}
    assert [warm.discarded((), at * SECOND) for at in (0, 1, 2, 12)] == [cold, cold, {}, {}]
    assert warm.discarded({1}, 13 * SECOND) == {}, "it was not read: that is no pause that ended"
    assert warm.discarded((), 23 * SECOND) == cold, "not read for more than ten seconds"
    warm.begin()
    assert [warm.discarded((), at * SECOND) for at in (24, 25, 26)] == [cold, cold, {}]
    assert not WarmUp(list(ONE.readings.values()))
