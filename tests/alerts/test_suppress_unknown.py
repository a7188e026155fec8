"""What keeps a life-safety alarm silent must be known: a test bit that died ends the suppression after unknown_for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.alerts.stage import BAD, Stage, rule

LIFE: dict[str, Any] = {"class": "life_safety", "severity": "critical"}
IN_TEST = {"point": "b", "is": True}


def in_test(**fields: Any) -> Stage:
    here = Stage(rule("R", suppress_when=IN_TEST, **fields))
    here.at(0).set(a=False, b=True)
    return here


def test_a_test_bit_that_died_keeps_no_fire_silent() -> None:
    here = in_test(**LIFE)
    here.at(1).set(b=BAD)
    here.at(2).set(a=True)
    here.at(60.9).tick()
    assert here.told() == []
    here.at(61).tick()
    assert here.told() == ["reraise"]


def test_nor_the_loss_of_the_detector_itself() -> None:
    here = in_test(**LIFE)
    here.at(1).set(a=BAD, b=BAD)
    here.at(61).tick()
    assert here.told("R/protection_lost")[0] in ("raise", "reraise") and len(here.told("R/protection_lost")) == 1


def test_lost_for_a_moment_it_goes_on_and_the_time_begins_anew() -> None:
    here = in_test(**LIFE)
    here.at(1).set(b=BAD)
    here.at(2).set(a=True)
    here.at(50).set(b=True)
    here.at(51).set(b=BAD)
    here.at(110).tick()
    assert here.told() == []
    here.at(111).tick()
    assert here.told() == ["reraise"]
    here.at(120).set(b=True)
    assert [held.reason for held in here.life().mutes] == ["suppress_when"]


@pytest.mark.parametrize("outage_s", [0, 30])
def test_a_restart_gives_it_the_time_to_be_heard(outage_s: int) -> None:
    here = in_test(**LIFE)
    here.save()
    here.at(10).restart(outage_s)
    here.at(11).set(a=True)
    here.at(69).tick()
    assert here.told() == []
    here.at(70).tick()
    assert here.told() == ["reraise"]


def test_the_time_that_has_run_goes_on_over_a_restart_and_a_reload() -> None:
    for restarts in (True, False):
        here = in_test(**LIFE)
        here.at(1).set(b=BAD)
        here.at(30)
        if restarts:
            here.save()
            here.restart()
        else:
            here.succeed(here.rules)
        here.at(31).set(a=True)
        here.at(61).tick()
        assert here.told() == ["reraise"]


def test_of_other_classes_unknown_leaves_it_as_it_was() -> None:
    here = in_test()
    here.at(1).set(b=BAD)
    here.at(2).set(a=True)
    here.at(10_000).tick()
    assert here.told() == []


def test_what_ran_out_unseen_is_told_by_the_first_tick_and_not_by_the_start() -> None:
    here = in_test(**LIFE)
    here.at(1).set(a=True, b=BAD)
    here.save()
    here.at(100).restart()
    assert here.told() == [], "a start tells nobody anything"
    here.at(100.001).tick()
    assert here.told() == ["reraise"]


def test_what_ran_out_unseen_is_not_told_by_a_bad_sample_in_the_moment_of_the_start() -> None:
    here = in_test(**LIFE)
    here.at(1).set(a=True, b=BAD)
    here.save()
    here.at(100).restart()
    here.set(a=BAD)
    assert here.told() == [], "UNKNOWN tells nobody anything"
    here.at(100.001).tick()
    assert here.told() == ["reraise"]
