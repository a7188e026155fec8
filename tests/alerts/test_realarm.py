"""An acknowledgement holds for a while: what is still active then wants a new one."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.model import SECOND, AlarmState
from tests.alerts.stage import BAD, Stage, rule

S = AlarmState


def acked(**fields: Any) -> Stage:
    stage = Stage(rule("R", **fields))
    stage.at(0).set(a=True)
    stage.do("ack")
    return stage


@pytest.mark.parametrize(
    ("severity", "own", "after"),
    [
        ("critical", None, 1800),
        ("high", None, 3600),
        ("medium", None, None),
        ("low", None, None),
        ("critical", "2h", 7200),
        ("low", "5min", 300),
    ],
)
def test_it_rings_again_after_its_time(severity: str, own: str | None, after: float | None) -> None:
    stage = acked(severity=severity, **({"realarm_after": own} if own else {}))
    if after is None:
        stage.at(86_400).set(a=True)
        assert stage.state() is S.ACKED and stage.told() == ["raise"]
        return
    stage.at(after - 0.001).tick()
    assert stage.told() == ["raise"]
    stage.at(after).tick()
    assert stage.told() == ["raise", "reraise"] and stage.state() is S.UNACKED
    assert stage.life().acked_by is None and stage.events[-1].body["why"] == "realarm"
    stage.do("ack")
    stage.at(2 * after).tick()
    assert stage.told() == ["raise", "reraise", "reraise"]


def test_what_is_returning_rings_again_too_and_what_is_over_does_not() -> None:
    stage = acked(realarm_after="60s", off_delay="50s")
    stage.at(30).set(a=False)
    stage.at(60).tick()
    assert stage.state() is S.UNACKED_REC and stage.told() == ["raise", "reraise"]
    over = acked(realarm_after="60s")
    over.at(30).set(a=False)
    over.at(90).tick()
    assert over.state() is S.NORMAL and over.told() == ["raise", "recover"]


def test_unknown_does_not_stop_it() -> None:
    stage = acked(realarm_after="60s")
    stage.at(10).set(a=BAD)
    stage.at(60).tick()
    assert stage.told() == ["raise", "reraise"]


@pytest.mark.parametrize("saved", [True, False])
def test_the_remaining_time_survives_a_restart_without_the_downtime(saved: bool) -> None:
    stage = acked(realarm_after="60s")
    stage.at(20).tick()
    if saved:
        stage.save()
    stage.restart(outage_s=3000)
    stage.at(59.9).tick()
    assert stage.told() == ["raise"]
    stage.at(60).tick()
    assert stage.told() == ["raise", "reraise"]


@pytest.mark.parametrize("step", [-86_400, -3600, 3600, 86_400])
def test_a_clock_step_moves_nothing(step: int) -> None:
    stage = acked(realarm_after="60s")
    stage.at(20).step(step).tick()
    stage.at(59.9).tick()
    assert stage.told() == ["raise"]
    stage.at(60).tick()
    assert stage.told() == ["raise", "reraise"]


def test_a_rule_that_has_been_given_a_time_counts_from_the_restart_and_one_that_lost_it_rings_no_more() -> None:
    stage = acked()
    stage.at(10).restart(rules=(rule("R", realarm_after="60s"),))
    stage.at(70).tick()
    assert stage.told() == ["raise", "reraise"]
    stage.do("ack")
    stage.restart(rules=(rule("R"),))
    stage.at(500).tick()
    assert stage.told() == ["raise", "reraise"]


def test_while_muted_it_is_journalled_and_told_when_the_mute_ends() -> None:
    stage = acked(realarm_after="60s")
    stage.do("shelve", comment="c", for_ns=100 * SECOND)
    stage.at(60).tick()
    assert stage.told() == ["raise"] and stage.rows()[-1] == "reraise"
    stage.at(100).tick()
    assert stage.told() == ["raise", "reraise"]


def test_a_companion_has_its_own_time() -> None:
    stage = Stage(rule("R", severity="high", unknown_for="5s", realarm_after="10s"))
    assert stage.engine.rules_view()[1].rule == "R/protection_lost"
    stage.restart()
    stage.at(6).tick()
    stage.do("ack")
    stage.at(600).tick()
    assert stage.told("R/protection_lost") == ["raise"]
