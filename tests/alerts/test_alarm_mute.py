"""Shelving, suppression by design, out of service; lifting; the clock's label."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from alerts import mute
from alerts.alarm import Cue, advance, record
from alerts.lifecycle import Trigger
from gateway.model import SECOND, AlarmClass, AlarmState, Command, CommandKind, CommandRefused, Mute
from tests.alerts.stage import BAD, WALL, Stage, level_rule, rule
from tests.alerts.test_lifecycle import NOW, alarm, terms

S = AlarmState
HOUR = 3600 * SECOND


def active(**fields: Any) -> Stage:
    stage = Stage(rule("R", **fields))
    stage.at(0).set(a=True)
    return stage


def refusal(stage: Stage, kind: str, **fields: Any) -> str:
    with pytest.raises(CommandRefused) as refused:
        stage.do(kind, **fields)
    assert refused.value.args[0], "a refusal says why"
    return refused.value.code


def test_shelved_it_lives_on_in_silence_and_speaks_when_the_time_is_up() -> None:
    stage = active()
    stage.at(1).do("shelve", comment="pump replaced", for_ns=HOUR, expected_seq=1)
    life = stage.life()
    (shelf,) = life.mutes
    assert (shelf.kind, shelf.reason, shelf.by, shelf.until_wall_ns) == (
        "shelved",
        "pump replaced",
        "ann",
        WALL + SECOND + HOUR,
    )
    stage.at(2).do("ack")
    stage.at(3600.9).tick()
    assert stage.state() is S.ACKED
    stage.at(3601).tick()
    assert stage.state() is S.UNACKED and stage.life().acked_by is None and stage.life().mutes == ()
    assert stage.told() == ["raise", "reraise"]
    assert stage.rows() == ["raise", "shelve", "ack", "unshelve", "reraise"]
    assert stage.events[-2].body["why"] == "expired" and stage.events[-1].body["why"] == "lifted"


def test_raised_while_shelved_is_journalled_and_not_told_and_has_no_orphan_recovery() -> None:
    stage = active()
    stage.do("shelve", comment="c", for_ns=HOUR)
    stage.at(1).set(a=False)
    assert stage.told() == ["raise", "recover"]  # it was announced, so the recovery goes out though muted
    stage.do("ack")
    stage.at(2).set(a=True)
    assert stage.state() is S.UNACKED and not stage.life().announced and stage.rows()[-1] == "raise"
    assert stage.events[-1].body["muted"] == ["shelved"]
    stage.at(3).set(a=False)
    assert stage.told() == ["raise", "recover"]
    stage.at(4000).tick()
    assert stage.told() == ["raise", "recover"]  # returned in silence: nothing to say any more


def test_a_latch_raised_in_silence_is_heard_when_the_shelf_ends() -> None:
    stage = active(latching=True)
    stage.do("shelve", comment="c", for_ns=HOUR)
    stage.at(1).set(a=False)
    stage.do("ack")
    stage.do("reset", comment="c")
    stage.at(2).set(a=True)
    stage.at(3).set(a=False)
    stage.do("ack")
    assert stage.state() is S.LATCHED_ACKED and stage.told() == ["raise", "recover"]
    stage.at(3601).tick()
    assert stage.state() is S.LATCHED_UNACKED and stage.told()[-1] == "reraise"
    assert stage.life().announced


def test_a_latch_that_was_announced_stays_acknowledged_when_the_shelf_ends() -> None:
    stage = active(latching=True)
    stage.at(1).set(a=False)
    stage.do("ack")
    stage.do("shelve", comment="c", for_ns=HOUR)
    stage.at(4000).tick()
    assert stage.state() is S.LATCHED_ACKED and stage.told() == ["raise"]


def test_unshelved_by_hand() -> None:
    stage = active()
    assert refusal(stage, "unshelve") == "invalid"
    stage.do("shelve", comment="c", for_ns=HOUR)
    stage.do("unshelve")
    assert stage.told() == ["raise", "reraise"] and stage.events[-2].by == "ann"


def test_unshelved_after_the_occurrence_is_over() -> None:
    stage = active()
    stage.do("shelve", comment="c", for_ns=HOUR)
    stage.at(1).set(a=False)
    stage.do("ack")
    over = stage.newest.occurrence
    assert refusal(stage, "shelve", comment="c", for_ns=HOUR) == "not_active"
    stage.do("unshelve", over)
    stage.at(2).set(a=True)
    assert stage.life().announced


@pytest.mark.parametrize(
    "fields",
    [
        {"for_ns": HOUR},
        {"for_ns": HOUR, "comment": "  "},
        {"comment": "c"},
        {"comment": "c", "for_ns": 0},
        {"comment": "c", "for_ns": -1},
        {"comment": "c", "for_ns": 8 * HOUR + 1},
    ],
)
def test_a_shelf_needs_a_comment_and_an_end(fields: dict[str, Any]) -> None:
    stage = active()
    assert refusal(stage, "shelve", **fields) == "invalid"
    assert stage.life().mutes == () and stage.rows() == ["raise"]


def test_eight_hours_are_allowed() -> None:
    stage = active()
    stage.do("shelve", comment="c", for_ns=8 * HOUR)
    assert len(stage.life().mutes) == 1
    stage.do("shelve", comment="c", for_ns=1)


def test_life_safety_is_never_shelved() -> None:
    stage = active(severity="critical", **{"class": "life_safety"})
    assert refusal(stage, "shelve", comment="c", for_ns=HOUR) == "life_safety"


def test_a_one_shot_shelf_ends_with_the_return() -> None:
    stage = active(off_delay="10s")
    stage.do("shelve", comment="c", one_shot=True)
    stage.at(1).set(a=False)
    assert len(stage.life().mutes) == 1
    stage.at(11).tick()
    assert stage.state() is S.RTN_UNACKED and stage.life().mutes == ()
    assert stage.rows()[-2:] == ["unshelve", "return"]
    stage.at(12).set(a=True)
    assert stage.told() == ["raise", "recover", "reraise"]


def test_a_one_shot_shelf_ends_after_eight_hours_at_the_latest() -> None:
    stage = active()
    stage.do("shelve", comment="c", one_shot=True)
    stage.at(8 * 3600 - 1).tick()
    assert stage.told() == ["raise"]
    stage.at(8 * 3600).tick()
    assert stage.told() == ["raise", "reraise"]


def test_shelving_again_replaces_the_shelf() -> None:
    stage = active()
    stage.do("shelve", comment="c", for_ns=HOUR)
    stage.do("shelve", comment="longer", for_ns=2 * HOUR)
    stage.at(3600).tick()
    assert stage.told() == ["raise"] and [mute.reason for mute in stage.life().mutes] == ["longer"]
    stage.at(7200).tick()
    assert stage.told() == ["raise", "reraise"]
    stage.do("shelve", comment="shorter", for_ns=2 * HOUR)
    stage.do("shelve", comment="shorter", for_ns=HOUR)
    stage.at(10800).tick()
    assert stage.told() == ["raise", "reraise", "reraise"]


def test_a_label_that_steps_forward_ends_a_shelf_at_once() -> None:
    stage = active()
    stage.do("shelve", comment="c", for_ns=HOUR)
    stage.wall += 2 * HOUR
    stage.at(10).set(b=True)
    assert stage.told() == ["raise", "reraise"]
    assert stage.events[-1].at.mono_ns == 10 * SECOND


def test_a_label_that_steps_back_makes_no_shelf_longer() -> None:
    stage = active()
    stage.do("shelve", comment="c", for_ns=HOUR)
    stage.wall -= 24 * HOUR
    stage.at(3599).tick()
    assert stage.told() == ["raise"]
    stage.at(3600).tick()
    assert stage.told() == ["raise", "reraise"]


def stages(**fields: Any) -> Stage:
    high = level_rule("HIGH", "0.10 m")
    low = level_rule("LOW", "0.03 m", suppressed_by=["HIGH"], **fields)
    return Stage(low, high)


def test_the_higher_stage_silences_the_lower_even_in_the_same_frame() -> None:
    stage = stages()
    stage.at(0).set(level=0.5)
    assert [(notice.reason, notice.occurrence.rule) for notice in stage.notices] == [("raise", "HIGH")]
    assert stage.state("LOW") is S.UNACKED
    assert [mute.reason for mute in stage.life("LOW").mutes] == ["HIGH"]
    stage.at(1).set(level=0.05)
    assert stage.told("LOW") == ["reraise"] and stage.life("LOW").mutes == ()
    stage.at(2).set(level=0.0)
    assert stage.told("LOW") == ["reraise", "recover"]


def test_announced_then_suppressed_then_over_is_recovered_once() -> None:
    stage = stages()
    stage.at(0).set(level=0.05)
    stage.at(1).set(level=0.5)
    assert stage.rows("LOW") == ["raise", "suppress"]
    stage.at(2).set(level=0.0)
    # the higher stage is judged first: it returns, the lower one speaks for a moment and is over as well
    assert stage.told("LOW")[-1] == "recover" and stage.told("LOW").count("recover") == 1


def test_a_shelved_suppressor_silences_nobody() -> None:
    stage = stages()
    stage.at(0).set(level=0.5)
    high = stage.life("HIGH").occurrence
    stage.do("shelve", high, comment="c", for_ns=HOUR)
    assert stage.told("LOW") == ["reraise"]
    stage.do("unshelve", high)
    assert [mute.reason for mute in stage.life("LOW").mutes] == ["HIGH"]


def test_shelved_and_suppressed_both_must_go() -> None:
    stage = stages()
    stage.at(0).set(level=0.5)
    low = stage.life("LOW").occurrence
    stage.do("shelve", low, comment="c", for_ns=HOUR)
    assert {mute.kind for mute in stage.life("LOW").mutes} == {"shelved", "suppressed"}
    stage.at(1).set(level=0.05)
    assert {mute.kind for mute in stage.life("LOW").mutes} == {"shelved"} and stage.told("LOW") == []
    stage.at(3600).tick()
    assert stage.told("LOW") == ["reraise"]


def test_two_causes_both_must_go() -> None:
    low = level_rule("LOW", "0.03 m", suppressed_by=["HIGH", "B"])
    stage = Stage(low, level_rule("HIGH", "0.10 m"), rule("B", "b"))
    stage.at(0).set(level=0.5, b=True)
    assert [mute.reason for mute in stage.life("LOW").mutes] == ["B", "HIGH"]
    stage.at(1).set(level=0.05)
    assert [mute.reason for mute in stage.life("LOW").mutes] == ["B"] and stage.told("LOW") == []
    stage.at(2).set(b=False)
    assert stage.told("LOW") == ["reraise"]


def test_a_suppressor_held_unknown_still_suppresses() -> None:
    stage = stages()
    stage.at(0).set(level=0.5)
    stage.at(1).set(level=BAD)
    assert [mute.reason for mute in stage.life("LOW").mutes] == ["HIGH"]


def offline() -> Stage:
    gone = rule("GW-01", "health", when={"in": ["offline"]}, **{"class": "system"})
    return Stage(rule("R", severity="critical", **{"class": "life_safety"}), gone)


def test_an_offline_device_speaks_for_its_companions() -> None:
    stage = offline()
    stage.at(0).set(a=False, health="online")
    stage.at(1).set(a=BAD)
    stage.at(20).set(health="offline")
    stage.at(61).tick()
    assert stage.state("R/protection_lost") is S.UNACKED and stage.told("R/protection_lost") == []
    assert [mute.reason for mute in stage.life("R/protection_lost").mutes] == ["device_offline"]
    assert stage.told("GW-01") == ["raise"]
    stage.at(70).set(health="online")
    assert stage.told("R/protection_lost") == ["reraise"]  # back on the wire, and still blind
    stage.at(71).set(a=False)
    stage.at(200).tick()
    assert stage.told("R/protection_lost") == ["reraise", "recover"]


def test_out_of_service_needs_a_permit_and_speaks_on_return() -> None:
    here = alarm(S.ACKED)
    with pytest.raises(CommandRefused):
        mute.take_out_of_service(here, out_command(permit=" "), NOW, terms())
    out, effects = mute.take_out_of_service(here, out_command(), NOW, terms())
    assert [effect.kind for effect in effects] == ["out_of_service"]
    assert advance(out, Cue(Trigger.REALARM), NOW, terms())[1][0].notice is None
    back, effects = mute.return_to_service(out, "command", NOW, terms(), "bob")
    assert [(effect.kind, effect.notice) for effect in effects] == [("in_service", None), ("reraise", "reraise")]
    assert back.state is S.UNACKED and back.mutes == ()
    with pytest.raises(CommandRefused):
        mute.return_to_service(back, "command", NOW, terms(), "bob")


@pytest.mark.parametrize("state", list(AlarmState))
def test_suppressing_and_lifting_in_every_state(state: AlarmState) -> None:
    here = alarm(state)
    muted, effects = mute.suppress(here, {"X"}, NOW, terms())
    assert muted.state is state and muted.due_ns == here.due_ns
    assert [effect.kind for effect in effects] == (["suppress"] if here.life else [])
    assert mute.suppress(muted, {"X"}, NOW, terms()) == (muted, ())
    more, _ = mute.suppress(muted, {"X", "Y"}, NOW, terms())
    less, effects = mute.suppress(more, {"Y"}, NOW, terms())
    assert less.state is state and not any(effect.notice for effect in effects)
    free, effects = mute.suppress(less, set(), NOW, terms())
    assert free.mutes == ()
    again = [effect.notice for effect in effects if effect.notice]
    assert again == (["reraise"] if state in mute_speaks_again else [])


mute_speaks_again = {S.UNACKED, S.UNACKED_REC, S.ACKED, S.ACKED_REC}


def test_one_recovery_for_one_raise() -> None:
    stage = active()
    stage.at(1).set(a=False)
    stage.do("shelve", comment="c", for_ns=HOUR)
    stage.at(2).set(a=True)
    stage.at(3).set(a=False)
    assert stage.rows()[-2:] == ["reraise", "return"]
    assert stage.told() == ["raise", "recover"]


def shelve_command(**fields: Any) -> Command:
    return Command(**{"kind": CommandKind.SHELVE, "occurrence": "OLD", "by": "ann", "comment": "c", **fields})


def out_command(**fields: Any) -> Command:
    given = {"kind": CommandKind.OUT_OF_SERVICE, "by": "bob", "permit": "WO-17", "comment": "c", "for_ns": HOUR}
    return Command(**given | fields)


HERE = alarm(S.UNACKED)
SAFETY = terms(class_=AlarmClass.LIFE_SAFETY)


@pytest.mark.parametrize(
    ("code", "ask"),
    [
        ("life_safety", lambda: mute.shelve(HERE, shelve_command(for_ns=HOUR), NOW, SAFETY)),
        ("invalid", lambda: mute.shelve(HERE, shelve_command(), NOW, terms())),
        ("invalid", lambda: mute.shelve(HERE, shelve_command(for_ns=9 * HOUR), NOW, terms())),
        ("invalid", lambda: mute.shelve(HERE, shelve_command(for_ns=HOUR, comment=" "), NOW, terms())),
        ("invalid", lambda: mute.unshelve(HERE, "command", NOW, terms())),
        ("invalid", lambda: mute.take_out_of_service(HERE, out_command(permit=" "), NOW, terms())),
        ("invalid", lambda: mute.return_to_service(HERE, "command", NOW, terms(), "bob")),
    ],
)
def test_a_refusal_says_why_and_shows_the_alarm_as_it_is(code: str, ask: Callable[[], object]) -> None:
    with pytest.raises(CommandRefused) as refused:
        ask()
    assert (refused.value.code, refused.value.current) == (code, record(HERE))
    assert isinstance(refused.value.args[0], str)


def test_the_journal_says_who_shelved_why_and_until_when() -> None:
    _, (row,) = mute.shelve(HERE, shelve_command(for_ns=HOUR), NOW, terms())
    assert (row.kind, row.by) == ("shelve", "ann")
    assert row.body == {"comment": "c", "until_wall_ns": NOW.wall_ns + HOUR, "one_shot": False}


def test_the_journal_says_what_suppresses_and_what_is_left_of_it() -> None:
    two, (row,) = mute.suppress(HERE, {"Y", "X"}, NOW, terms())
    assert (row.kind, row.body) == ("suppress", {"causes": ["X", "Y"]})
    _, (row,) = mute.suppress(two, {"Y"}, NOW, terms())
    assert (row.kind, row.body) == ("unsuppress", {"causes": ["Y"]})


def test_the_permit_and_who_used_it_are_on_record_and_a_new_permit_replaces_the_old() -> None:
    out, (row,) = mute.take_out_of_service(HERE, out_command(), NOW, terms())
    until = NOW.wall_ns + HOUR
    assert (row.by, row.body) == ("bob", {"permit": "WO-17", "comment": "c", "until_wall_ns": until})
    again, _ = mute.take_out_of_service(out, out_command(permit="WO-18", by="eve"), NOW, terms())
    assert again.mutes == (Mute("out_of_service", "WO-18", "eve", until),)
    _, effects = mute.return_to_service(again, "command", NOW, terms(), "eve")
    assert [effect.by for effect in effects] == ["eve", "eve"]


def test_a_one_shot_shelf_that_has_ended_leaves_no_timer_and_says_why() -> None:
    shelved, _ = mute.shelve(HERE, shelve_command(one_shot=True), NOW, terms())
    after, effects = advance(shelved, Cue(Trigger.FALSE), NOW, terms(off_delay_ns=0))
    assert (after.mutes, after.shelved_until_ns, mute.due(after, NOW)) == ((), None, None)
    assert (effects[0].kind, effects[0].body) == ("unshelve", {"why": "returned"})


def test_a_one_shot_shelf_does_not_outlive_the_occurrence_it_was_for() -> None:
    """Answered within the on-delay of the next raise: that one is a new occurrence, and is heard."""
    shelved, _ = mute.shelve(alarm(S.RTN_PENDING), shelve_command(one_shot=True), NOW, terms())
    over, effects = advance(shelved, Cue(Trigger.ACK, by="ann"), NOW, terms())
    assert over.state is S.PENDING and over.mutes == ()
    assert [effect.kind for effect in effects] == ["unshelve", "ack", "close"]
    assert [effect.notice for effect in advance(over, Cue(Trigger.EXPIRED), NOW, terms())[1]] == ["raise"]


def test_a_one_shot_shelf_that_ends_within_the_next_on_delay_leaves_the_record_true() -> None:
    stage = Stage(rule("R", on_delay="5s"))
    stage.at(0).set(a=True)
    stage.at(5).set(a=False)
    stage.at(6).set(a=True)
    stage.do("shelve", comment="c", one_shot=True)
    assert stage.newest.mutes
    stage.at(7).set(a=False)
    assert stage.rows()[-1] == "unshelve"
    assert stage.newest.state is stage.state() is S.RTN_UNACKED and stage.newest.mutes == ()
