"""The clock is set in the middle of storm-night, while delays run and an alarm is shelved."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from gateway.model import SECOND
from tests.rehearsal.night import Night
from tests.rehearsal.storm import storm
from tests.rehearsal.test_storm_restarts import DESK, lives

pytestmark = [pytest.mark.xdist_group("storm"), pytest.mark.timeout(600)]

HOUR, DAY = 3600, 86_400
MOMENT = 475.0
"""WA-02's on-delay and XC-01's condition run, WA-05 is shelved until 2050 s."""
UNTIL = 800 * SECOND
"""What the step could have done has been done by then."""


@cache
def night(step_s: int) -> Night:
    def step(night: Night) -> None:
        night.step_clock(step_s * SECOND)

    acts: list[tuple[float, Callable[[Night], None]]] = [*DESK, (MOMENT, step)] if step_s else [*DESK]
    recorded = storm()
    end = next(i for i, (t, _) in enumerate(recorded.heard) if t >= UNTIL)
    return Night(recorded, acts).play(end)


@pytest.mark.parametrize("step_s", [HOUR, -HOUR, DAY, -DAY], ids=["+1h", "-1h", "+1d", "-1d"])
def test_a_step_raises_and_clears_nothing(step_s: int) -> None:
    """Every transition at its moment of building time, but for the shelf: a step forward over its end ends it at once,
    and the alarm, which is still on, is announced again. A step back makes no shelf longer."""
    plain, stepped = lives(night(0)), lives(night(step_s))
    shelved = ("WA-05", "water-east")
    assert plain.keys() == stepped.keys()
    for key in plain.keys() - {shelved}:
        assert [(one.t, one.what) for one in plain[key]] == [(one.t, one.what) for one in stepped[key]], key
    before = [(one.t, one.kind) for one in plain[shelved]]
    after = [(one.t, one.kind) for one in stepped[shelved]]
    if step_s < 0:
        assert after == before
    else:
        assert after[: len(before)] == before
        assert [kind for _, kind in after[len(before) :]] == ["unshelve", "reraise"]
        assert {t for t, _ in after[len(before) :]} == {round(MOMENT * SECOND)}


def test_nobody_hears_what_nobody_subscribed_to() -> None:
    """The broker filters as MQTT does: what the OpenEVSE of the west says besides is no unknown device (GW-16). So the
    flood begins with the eleventh arrival of the building itself, the third stage of the water.
    """
    assert storm().kept_aside == []
    rows = [(round(one.at.mono_ns / SECOND, 1), one.kind, one.rule) for one in night(0).kept.events]
    assert not [row for row in rows if row[1] == "raise" and row[2] == "GW-16"]
    (flood,) = [row for row in rows if row[1] == "flood_begin"]
    assert flood == (711.1, "flood_begin", "WA-08"), "it began with the pump that tripped"
    arrived = [row for row in rows if row[1] in ("raise", "reraise") and flood[0] - 600 < row[0] <= flood[0]]
    assert arrived[-1] == (711.1, "raise", "WA-03") and len(arrived) == 11


def test_delays_run_while_the_clock_is_set() -> None:
    """Otherwise the test above would prove nothing."""
    at = round(MOMENT * SECOND)
    raised = {one.rule: one.t for one in night(0).happened if one.kind == "raise"}
    assert at < raised["WA-02"] <= at + 30 * SECOND
