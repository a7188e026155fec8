"""`suppress_when`: suppressed by design while the rule itself says so. UNKNOWN leaves it as it was."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.bind import bind
from gateway.model import SECOND, AlarmState
from tests.alerts.stage import BAD, Stage, device, level_rule, rule

S = AlarmState
PLANT = {"point": "b", "is": True}


def stage(**fields: Any) -> Stage:
    here = Stage(rule("R", suppress_when=fields.pop("suppress_when", PLANT), **fields))
    here.at(0).set(a=False, b=False)
    return here


def causes(here: Stage, name: str = "R") -> list[str]:
    (view,) = (view for view in here.engine.rules_view() if view.rule == name)
    assert all(held.kind == "suppressed" for held in view.mutes)
    return [held.reason for held in view.mutes]


def test_suppressed_while_true_and_heard_when_it_ends() -> None:
    here = stage()
    here.at(1).set(b=True)
    assert causes(here) == ["suppress_when"]
    here.at(2).set(a=True)
    assert here.told() == [] and here.events[-1].body["muted"] == ["suppressed"]
    here.at(3).set(b=False)
    assert here.told() == ["reraise"] and here.rows() == ["raise", "unsuppress", "reraise"]


def test_its_own_points_wake_it_though_the_condition_does_not_read_them() -> None:
    here = stage()
    here.at(1).set(a=True)
    here.at(2).set(b=True)
    assert here.rows() == ["raise", "suppress"]


@pytest.mark.parametrize(("frame", "told"), [({"a": True, "b": True}, []), ({"a": False, "b": False}, [])])
def test_what_comes_in_one_frame_is_not_told_in_between(frame: dict[str, bool], told: list[str]) -> None:
    here = stage()
    if not frame["b"]:
        here.at(1).set(b=True)
        here.at(2).set(a=True)
    here.at(3).set(**frame)
    assert here.told() == told


def test_unknown_holds_what_it_was() -> None:
    here = stage()
    here.at(1).set(b=True)
    here.at(2).set(b=BAD)
    assert causes(here) == ["suppress_when"]
    here.at(3).set(b=False)
    assert causes(here) == []
    here.at(4).set(b=BAD)
    assert causes(here) == []


@pytest.mark.parametrize("saved", [True, False])
def test_a_restart_holds_it_until_the_first_sample(saved: bool) -> None:
    here = stage()
    here.at(1).set(b=True)
    here.at(2).set(a=True)
    if saved:
        here.save()
    here.restart(outage_s=60)
    here.at(3).set(a=True)
    assert here.told() == [] and causes(here) == ["suppress_when"]
    here.at(4).set(b=False)
    assert here.told() == ["reraise"]


def test_a_duration_ends_without_a_new_sample_and_over_a_restart() -> None:
    here = stage(suppress_when={"point": "b", "is": True, "for": "10s"})
    here.at(1).set(b=True)
    here.at(2).set(a=True)
    assert here.told() == ["raise"]
    here.at(11).tick()
    assert causes(here) == ["suppress_when"]


def test_a_lost_point_of_it_is_no_loss_of_protection_and_prolongs_nothing() -> None:
    here = stage(severity="high", suppress_when={"all": [PLANT, {"point": "c", "is": True, "for": "10min"}]})
    bare = Stage(rule("R", severity="high"))
    (of_here, _), (of_bare, _) = (
        ((each.unknown_for_ns, each.condition_hash) for each in bind(here.rules, [device()]).instances[:2]),
        ((each.unknown_for_ns, each.condition_hash) for each in bind(bare.rules, [device()]).instances[:2]),
    )
    assert of_here == of_bare, "neither the time to be missed nor the mark of its condition changes"
    here.at(1).set(a=False, b=BAD, c=BAD)
    for second in range(2, 200, 5):
        here.at(second).set(a=False, b=BAD, c=BAD)
    assert here.state("R/protection_lost") is S.NORMAL


def test_the_companion_follows_what_suppresses_the_alarm_it_guards() -> None:
    here = stage(severity="high", unknown_for="5s")
    here.at(1).set(b=True)
    here.at(2).set(a=BAD)
    here.at(8).tick()
    assert here.state("R/protection_lost") is S.UNACKED and here.told("R/protection_lost") == []
    assert causes(here, "R/protection_lost") == ["suppress_when"]
    here.at(9).set(a=BAD, b=False)
    assert here.told("R/protection_lost") == ["reraise"]


def test_the_companion_does_not_ring_when_the_signal_is_back_in_the_same_frame() -> None:
    here = stage(severity="high", unknown_for="5s")
    here.at(1).set(b=True)
    here.at(2).set(a=BAD)
    here.at(8).tick()
    here.at(9).set(a=False, b=False)
    here.at(60).tick()
    assert here.told("R/protection_lost") == []


def test_life_safety_is_suppressed_by_its_own_state_and_by_no_other_alarm() -> None:
    here = stage(severity="critical", latching=False, **{"class": "life_safety"})
    here.at(1).set(b=True)
    here.at(2).set(a=True)
    assert here.told() == [] and causes(here) == ["suppress_when"]
    here.at(3).set(b=False)
    assert here.told() == ["reraise"]


def test_a_suppressor_that_its_own_rule_keeps_silent_speaks_for_nobody() -> None:
    low = level_rule("LOW", "0.03 m", suppressed_by=["HIGH"])
    high = level_rule("HIGH", "0.10 m", suppress_when=PLANT)
    here = Stage(low, high)
    here.at(0).set(level=0.2, b=False)
    assert here.told("LOW") == []
    here.at(1).set(b=True)
    assert here.told("LOW") == ["reraise"]


def test_another_alarm_may_be_what_suppresses() -> None:
    other = rule("PLANT", "b")
    here = Stage(rule("R", suppress_when={"alarm": "PLANT"}), other)
    here.at(0).set(a=False, b=True)
    here.at(1).set(a=True)
    assert here.told() == [] and causes(here) == ["suppress_when"]
    here.at(2).set(b=False)
    assert here.told() == ["reraise"]


def test_a_device_without_the_point_is_watched_all_the_same_and_that_is_told() -> None:
    bound = bind([rule("R", suppress_when={"point": "testing", "is": True})], [device()])
    assert [instance.hush for instance in bound.instances] == [None]
    assert [(one.rule, one.why) for one in bound.reduced] == [("R", "suppress_when: the device has no point 'testing'")]


def test_a_changed_suppress_when_keeps_the_alarm_and_asks_afresh() -> None:
    here = stage()
    here.at(1).set(b=True)
    here.at(2).set(a=True)
    here.restart(rules=(rule("R", suppress_when={"point": "c", "is": True}),))
    assert here.state() is S.UNACKED and causes(here) == ["suppress_when"]
    here.at(3).set(c=False)
    assert here.told() == ["reraise"]


def test_taken_out_of_the_rule_it_speaks() -> None:
    here = stage()
    here.at(1).set(b=True)
    here.at(2).set(a=True)
    here.restart(rules=(rule("R"),))
    assert causes(here) == [] and here.told() == ["reraise"]
    assert here.now_ns == 2 * SECOND
