"""Out of service: under a permit, for a time, life safety by two persons; also of an alarm that is not open."""

from __future__ import annotations

from typing import Any

import pytest

from alerts import mute
from gateway.model import SECOND, AlarmClass, AlarmState, CommandRefused, Mute
from tests.alerts.stage import WALL, Stage, rule
from tests.alerts.test_lifecycle import NOW, alarm, terms

S = AlarmState
HOUR = 3600 * SECOND
PERMIT: dict[str, Any] = {"permit": "WO-17", "for_ns": HOUR}


def calm(**fields: Any) -> Stage:
    stage = Stage(rule("R", **fields))
    stage.at(0).set(a=False)
    return stage


def safety() -> Stage:
    return calm(severity="critical", latching=False, unknown_for="5s", **{"class": "life_safety"})


def refusal(stage: Stage, kind: str = "out_of_service", **fields: Any) -> str:
    before = len(stage.events)
    with pytest.raises(CommandRefused) as refused:
        stage.out(kind, **fields)
    assert len(stage.events) == before and refused.value.args[0]
    return refused.value.code


def test_an_alarm_that_is_not_open_is_taken_out_journalled_and_raised_in_silence() -> None:
    stage = calm()
    judgement = stage.out("out_of_service", **PERMIT)
    assert judgement.occurrences == {} and judgement.instances
    (row,) = judgement.events
    assert (row.kind, row.rule, row.source, row.occurrence, row.by) == ("out_of_service", "R", "dev", None, "ann")
    assert row.body == {"permit": "WO-17", "comment": "c", "until_wall_ns": WALL + HOUR}
    stage.at(10).set(a=True)
    assert stage.told() == [] and stage.life().mutes == (Mute("out_of_service", "WO-17", "ann", WALL + HOUR),)


def test_on_return_what_is_active_is_announced_and_wants_an_answer() -> None:
    stage = calm()
    stage.out("out_of_service", **PERMIT)
    stage.at(10).set(a=True)
    stage.do("ack")
    judgement = stage.out("in_service")
    assert [event.kind for event in judgement.events] == ["in_service", "reraise"]
    assert list(judgement.occurrences) == [stage.life().occurrence]
    assert stage.told() == ["reraise"] and stage.state() is S.UNACKED
    assert refusal(stage, "in_service") == "invalid"


def test_on_return_the_next_sample_decides() -> None:
    stage = calm(on_delay="10s")
    stage.out("out_of_service", **PERMIT)
    stage.at(1).set(a=True)
    stage.at(2).set(a=False)
    stage.out("in_service")
    stage.at(3).set(a=True)
    stage.at(12.9).tick()
    assert stage.state() is S.PENDING
    stage.at(13).tick()
    assert stage.told() == ["raise"]


@pytest.mark.parametrize("opened", [True, False])
def test_it_ends_by_itself_and_is_journalled_whether_open_or_not(opened: bool) -> None:
    stage = calm()
    stage.out("out_of_service", **PERMIT)
    stage.at(10).set(a=opened)
    stage.at(3599.9).tick()
    assert "in_service" not in stage.rows()
    stage.at(3600).tick()
    (row,) = (event for event in stage.events if event.kind == "in_service")
    assert row.body["why"] == "expired" and (row.occurrence is not None) is opened
    assert stage.told() == (["reraise"] if opened else [])


@pytest.mark.parametrize(("step", "ends"), [(-1800, 3600), (1800, 1800), (86_400, 11)])
def test_a_clock_that_steps_makes_it_no_longer_and_its_label_ends_it(step: int, ends: float) -> None:
    stage = calm()
    stage.out("out_of_service", **PERMIT)
    stage.at(10).set(a=True)
    stage.at(11).step(step).tick()
    stage.at(ends - 0.1 if ends > 11 else 11).tick()
    assert stage.told() == ([] if ends > 11 else ["reraise"])
    stage.at(ends).tick()
    assert stage.told() == ["reraise"]


@pytest.mark.parametrize("saved", [True, False])
def test_it_goes_on_over_a_restart(saved: bool) -> None:
    stage = calm()
    stage.out("out_of_service", **PERMIT)
    if saved:
        stage.save()
    stage.at(10).restart(outage_s=600)
    stage.at(11).set(a=True)
    assert stage.told() == []
    stage.at(2999).tick()
    assert stage.told() == []
    stage.at(3000).tick()
    assert stage.told() == ["reraise"]


def test_an_open_occurrence_is_taken_out_and_returned_after_it_is_over() -> None:
    stage = calm()
    stage.at(1).set(a=True)
    stage.do("out_of_service", comment="c", **PERMIT)
    assert stage.told() == ["raise"]
    stage.at(2).set(a=False)
    assert stage.told() == ["raise", "recover"]
    stage.do("ack")
    over = stage.newest.occurrence
    stage.do("in_service", over)
    stage.at(3).set(a=True)
    assert stage.told() == ["raise", "recover", "raise"]


def test_a_stale_view_of_an_open_alarm_is_refused() -> None:
    stage = calm()
    stage.at(1).set(a=True)
    assert refusal(stage, expected_seq=99, **PERMIT) == "stale"
    stage.out("out_of_service", expected_seq=stage.life().seq, **PERMIT)


@pytest.mark.parametrize(
    "fields",
    [
        {"permit": " "},
        {"permit": None},
        {"comment": " "},
        {"for_ns": None},
        {"for_ns": 0},
        {"for_ns": mute.MAX_OUT_NS + 1},
        {"second": "Ann "},
        {"second": " "},
    ],
)
def test_permit_comment_end_and_another_person_are_needed(fields: dict[str, Any]) -> None:
    stage = calm()
    assert refusal(stage, **PERMIT | fields) == "invalid"
    assert stage.engine.rules_view()[0].mutes == ()


def test_the_longest_is_thirty_days() -> None:
    stage = calm()
    stage.out("out_of_service", **PERMIT | {"for_ns": mute.MAX_OUT_NS})


@pytest.mark.parametrize("second", [None, "", " ", "ann", " ANN"])
def test_life_safety_needs_another_person(second: str | None) -> None:
    assert refusal(safety(), **PERMIT, second=second) == "invalid"


def test_two_persons_take_life_safety_out_for_a_week_at_most_and_both_are_on_record() -> None:
    stage = safety()
    assert refusal(stage, **PERMIT | {"for_ns": mute.MAX_OUT_LIFE_SAFETY_NS + 1}, second="li") == "invalid"
    (row,) = stage.out("out_of_service", **PERMIT, second="li").events
    assert (row.by, row.body["second"]) == ("ann", "li")
    stage.at(1).set(a=True)
    assert stage.told() == []


def test_a_companion_is_taken_out_of_service_by_its_own_name() -> None:
    stage = safety()
    stage.out("out_of_service", "R/protection_lost", **PERMIT, second="li")
    stage.restart()
    stage.at(60).tick()
    assert stage.state("R/protection_lost") is S.UNACKED and stage.told("R/protection_lost") == []
    stage.out("in_service", "R/protection_lost")
    assert stage.told("R/protection_lost") == ["reraise"]


def test_what_is_not_watched_cannot_be_taken_out_and_nothing_else_is_done_to_what_is_not_open() -> None:
    stage = calm()
    assert refusal(stage, source="elsewhere", **PERMIT) == "not_found"
    assert refusal(stage, name="Q", **PERMIT) == "not_found"
    for kind in ("ack", "reset", "shelve"):
        assert refusal(stage, kind) == "invalid"


# --- life safety's exemptions, in one place


LIFE = terms(class_=AlarmClass.LIFE_SAFETY)
COMPANION = terms(class_=AlarmClass.LIFE_SAFETY, companion=True)
EVERY = [Mute(kind, reason) for kind in mute.KINDS for reason in ("FI-02", mute.OWN_STATE, "device_offline")]
EVERY += [Mute(mute.OUT_OF_SERVICE, "by two", "ann", second="li")]


@pytest.mark.parametrize("held", EVERY, ids=lambda held: f"{held.kind}-{held.reason}")
@pytest.mark.parametrize("state", list(AlarmState))
def test_nothing_but_what_is_allowed_ever_lies_over_life_safety(held: Mute, state: AlarmState) -> None:
    """Whatever way a mute comes in, it passes one gate: here it is found lying there already."""
    allowed = held.second is not None or (held.kind == mute.SUPPRESSED and held.reason == mute.OWN_STATE)
    assert mute.may_mute(LIFE, held.kind, held.reason) is (allowed or held.kind == mute.OUT_OF_SERVICE)
    assert mute.may_mute(COMPANION, held.kind, held.reason) is (held.kind in (mute.OUT_OF_SERVICE, mute.SUPPRESSED))
    assert mute.may_mute(terms(), held.kind, held.reason)
    here = alarm(state, mutes=(held,))
    assert mute.forbidden(here, NOW, LIFE) is not allowed
    if not allowed:
        lifted, effects = mute.lift_forbidden(here, NOW, LIFE)
        assert lifted.mutes == ()
        again = [effect.notice for effect in effects if effect.notice]
        spoken = {S.UNACKED, S.UNACKED_REC, S.ACKED, S.ACKED_REC}
        assert again == (["reraise"] if state in spoken else [])


def test_covers_and_suppressors_pass_by_life_safety() -> None:
    here = alarm(S.UNACKED)
    covers = (Mute(mute.SILENCED, "x", "ann"), Mute(mute.MAINTENANCE, "W", "WO"))
    assert mute.cover(here, covers, NOW, LIFE) == (here, ())
    assert mute.suppress(here, {"FI-02", "device_offline"}, NOW, LIFE) == (here, ())
    assert mute.suppress(here, {"FI-02", mute.OWN_STATE}, NOW, LIFE)[0].mutes == (Mute("suppressed", mute.OWN_STATE),)
