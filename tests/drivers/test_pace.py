"""The grid of due polls and the pauses of what does not answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.pace import Probing, first_due, next_due
from drivers.reconnect import Reconnecting
from gateway.model import SECOND

PERIODS = st.integers(SECOND // 10, 3600 * SECOND)
TIMES = st.integers(0, 10**18)


@given(PERIODS, TIMES, st.integers(0, 10**13))
def test_next_due_never_piles_up(period: int, due: int, late: int) -> None:
    now = due + late
    following, skipped = next_due(due, period, now)
    assert (following - due) % period == 0
    assert following > due
    assert following > now - period, "at most one cycle is made up for"
    assert skipped == (following - due) // period - 1
    if late < period:
        assert (following, skipped) == (due + period, 0)


@given(st.text(min_size=1), PERIODS, TIMES)
def test_first_due_is_now_on_the_grid(link: str, period: int, now: int) -> None:
    assert now - period < first_due(link, period, now) <= now


def test_probing_backs_off_to_a_minute() -> None:
    probing = Probing(lambda: 0.0)
    assert [probing.after(0, 0) // SECOND for _ in range(6)] == [5, 10, 20, 40, 60, 60]
    assert Probing(lambda: 0.9999).after(0, 0) < 6.25 * SECOND
    assert Probing(lambda: 0.0).after(0, 20 * SECOND) == 80 * SECOND, "a probe may take a fifth of the link"


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=30, max_size=30))
def test_reconnecting_is_never_faster_than_one_a_second_nor_slower_than_the_cap(chances: list[float]) -> None:
    random = iter(chances)
    pauses = Reconnecting(SECOND // 2, 5 * SECOND, lambda: next(random))
    now = last = None
    for _ in range(20):
        at = pauses.next_at(now or 0)
        if last is not None:
            assert SECOND <= at - last <= 5 * SECOND
        pauses.connecting(at)
        now = last = at


def test_a_good_answer_forgets_the_failures() -> None:
    pauses = Reconnecting(SECOND // 2, 30 * SECOND, lambda: 0.999)
    for at in range(10):
        pauses.connecting(at)
    pauses.worked()
    assert pauses.next_at(100 * SECOND) == 100 * SECOND
