"""C3 on a device that speaks only when something changes: its last value holds over the silence."""

from __future__ import annotations

import json

import pytest

from gateway.model import SECOND, Quality
from tests.alerts.building import One

RISE = {"rises_by": "5 cm", "within": "10min"}
FALL = {"falls_by": "5 cm", "within": "10min"}


def one(when: dict[str, str] = RISE) -> One:
    return One(when, poll_s=0)


def test_silence_is_no_change_once_the_device_has_been_heard_for_half_the_window() -> None:
    level = one()
    assert level.put(0, 0.1) is None
    assert level.node.next_due() == 300 * SECOND
    assert level.tick(299) is None
    assert level.tick(300) is False
    assert level.tick(36_000) is False
    assert level.node.next_due() is None, "nothing will change by itself any more"


def test_a_step_after_hours_of_silence_counts_at_once_and_for_one_window() -> None:
    level = one()
    level.put(0, 0.1)
    level.tick(36_000)
    assert level.put(36_001, 0.15) is True
    assert level.node.reading(level.columns).value == 0.05
    assert level.node.next_due() == 36_601 * SECOND
    assert level.tick(36_600) is True
    assert level.tick(36_601) is False


@pytest.mark.parametrize(("when", "step", "truth"), [(RISE, 0.049, False), (RISE, -0.05, False), (FALL, -0.05, True)])
def test_too_small_a_step_and_the_other_direction(when: dict[str, str], step: float, truth: bool) -> None:
    level = one(when)
    level.put(0, 0.5)
    level.tick(600)
    assert level.put(700, 0.5 + step) is truth


def test_several_steps_add_up_within_the_window_only() -> None:
    level = one()
    level.put(0, 0.0)
    assert [level.put(1000 + 200 * n, 0.02 * (n + 1)) for n in range(4)] == [False, False, True, True]
    slow = one()
    slow.put(0, 0.0)
    assert [slow.put(1000 + 400 * n, 0.02 * (n + 1)) for n in range(5)] == [False] * 5


def test_what_fell_before_does_not_hide_what_rises_now() -> None:
    """The window begins high; when that has left it, the rise shows, without a sample."""
    level = one()
    level.put(0, 0.10)
    level.tick(900)
    assert level.put(1000, 0.0) is False
    assert level.put(1100, 0.06) is False
    assert level.node.next_due() == 1600 * SECOND
    assert level.tick(1600) is True


@pytest.mark.parametrize("quality", [Quality.BAD_COMM, Quality.BAD_SENSOR])
def test_a_lost_link_begins_anew(quality: Quality) -> None:
    """The rise of a whole lost night is not one of ten minutes."""
    level = one()
    level.put(0, 0.0)
    level.tick(600)
    assert level.put(700, None, quality) is None
    assert level.put(30_000, 0.3) is None
    assert level.tick(30_299) is None
    assert level.tick(30_300) is False


def test_a_partial_window_is_looked_at_again_when_it_is_whole() -> None:
    level = one()
    level.put(0, 0.0)
    assert level.put(300, 0.03) is True, "3 cm in five minutes is 6 cm in ten"
    assert level.node.next_due() == 600 * SECOND
    assert level.tick(600) is False


def test_memory_is_bounded_and_survives_json() -> None:
    level, again = one(), one()
    for second in range(0, 3000):
        level.put(second, second * 0.00005)
    state = json.loads(json.dumps(level.node.snapshot()))
    assert len(state["samples"]) <= 125
    again.node.restore(state)
    assert again.put(3001, 0.2) is level.put(3001, 0.2) is True
