"""The whole table, pair by pair, against a second writing of it; the picture; the refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alerts.alarm import REFUSALS, Alarm, Cue, Terms, advance, record
from alerts.lifecycle import ACTIVE, LATCHED, TABLE, TIMED, Do, Trigger, document
from gateway.model import (
    SECOND,
    AlarmClass,
    AlarmState,
    CommandRefused,
    Instant,
    Mute,
    Occurrence,
    Severity,
    Text,
)

NOW = Instant(100 * SECOND, 1_700_000_100 * SECOND)
S = AlarmState


def terms(**changes: object) -> Terms:
    given: dict[str, object] = {
        "rule": "R",
        "source": "dev",
        "system": "test",
        "title": Text("r", "规"),
        "class_": AlarmClass.PROPERTY,
        "on_delay_ns": 30 * SECOND,
        "off_delay_ns": 60 * SECOND,
        "latching": False,
        "auto_ack": False,
        "mint": lambda now: "NEW",
    }
    return Terms(**(given | changes))  # type: ignore[arg-type]


def life(state: AlarmState) -> Occurrence | None:
    if state in (S.NORMAL, S.PENDING):
        return None
    acked = state in (S.ACKED, S.ACKED_REC, S.LATCHED_ACKED)
    returned = state in (S.RTN_UNACKED, S.RTN_PENDING) or state in LATCHED
    return Occurrence(
        occurrence="OLD",
        rule="R",
        source="dev",
        system="test",
        severity=Severity.HIGH,
        class_=AlarmClass.PROPERTY,
        state=state,
        condition=None,
        latched=False,
        title=Text("r", "规"),
        raised_ns=1,
        active_ns=1,
        acked_by="ann" if acked else None,
        acked_ns=2 if acked else None,
        returned_ns=3 if returned else None,
        announced=True,
        seq=7,
    )


CONDITION = {
    S.NORMAL: False,
    S.PENDING: True,
    S.UNACKED: True,
    S.UNACKED_REC: False,
    S.ACKED: True,
    S.ACKED_REC: False,
    S.RTN_UNACKED: False,
    S.RTN_PENDING: True,
    S.LATCHED_UNACKED: False,
    S.LATCHED_ACKED: False,
}


def alarm(state: AlarmState, **changes: object) -> Alarm:
    made = Alarm(
        state=state,
        condition=CONDITION[state],
        severity=Severity.HIGH,
        due_ns=NOW.mono_ns + 5 * SECOND if state in TIMED else None,
        told=state in ACTIVE or state in LATCHED,
        life=life(state),
    )
    made = replace(made, **changes)  # type: ignore[arg-type]
    return replace(made, life=record(made))


# For an on-delay of 30 s, an off-delay of 60 s, not latching; written from the reference, not from the table.
# trigger → next state (its delay afterwards) rows;notices, or !code: refused. What is not written changes nothing.
EXPECTED = """
normal
    edited    normal
    true      pending(running)
    unknown   normal
    ack       !not_active
    reset     !not_active
pending
    false     normal
    unknown   pending(frozen)
    expired   unacked raise;raise
    ack       !not_active
    reset     !not_active
    outage    normal
    edited    normal
    withdrawn normal
unacked
    false     unacked_rec(running) returning
    unknown   unacked hold
    ack       acked ack
    reset     !still_active
    worse     unacked severity_up;severity_up
    lifted    unacked reraise;reraise
    life_safety unacked reraise;reraise
    edited    unacked hold
    withdrawn normal close;recover
unacked_rec
    true      unacked return_cancelled
    unknown   unacked_rec(frozen) hold
    expired   rtn_unacked return;recover
    ack       acked_rec(running) ack
    reset     !still_active
    worse     unacked_rec(running) severity_up;severity_up
    lifted    unacked_rec(running) reraise;reraise
    life_safety unacked_rec(running) reraise;reraise
    edited    unacked hold
    withdrawn normal close;recover
acked
    false     acked_rec(running) returning
    unknown   acked hold
    reset     !still_active
    worse     unacked reraise;reraise
    realarm   unacked reraise;reraise
    lifted    unacked reraise;reraise
    life_safety unacked reraise;reraise
    edited    acked hold
    withdrawn normal close;recover
acked_rec
    true      acked return_cancelled
    unknown   acked_rec(frozen) hold
    expired   normal return,close;recover
    reset     !still_active
    worse     unacked_rec(running) reraise;reraise
    realarm   unacked_rec(running) reraise;reraise
    lifted    unacked_rec(running) reraise;reraise
    life_safety unacked_rec(running) reraise;reraise
    edited    acked hold
    withdrawn normal close;recover
rtn_unacked
    true      rtn_pending(running)
    unknown   rtn_unacked hold
    ack       normal ack,close
    reset     !not_active
    edited    rtn_unacked hold
    withdrawn normal close
rtn_pending
    false     rtn_unacked
    unknown   rtn_pending(frozen) hold
    expired   unacked reraise;reraise
    ack       pending(running) ack,close
    reset     !not_active
    outage    rtn_unacked
    edited    rtn_unacked hold
    withdrawn normal close
latched_unacked
    true      unacked reraise;reraise
    unknown   latched_unacked hold
    ack       latched_acked ack
    reset     !needs_ack
    life_safety latched_unacked reraise;reraise
    edited    latched_unacked hold
    withdrawn normal close;recover
latched_acked
    true      unacked reraise;reraise
    unknown   latched_acked hold
    reset     normal reset,close;recover
    life_safety latched_unacked reraise;reraise
    edited    latched_acked hold
    withdrawn normal close;recover
"""


def expected() -> list[tuple[AlarmState, Trigger, str]]:
    cells: dict[tuple[AlarmState, Trigger], str] = {}
    state = S.NORMAL
    for line in EXPECTED.split("\n"):
        if line.startswith(" "):
            trigger, cell = line.split(maxsplit=1)
            cells[state, Trigger(trigger)] = cell
        elif line:
            state = AlarmState(line)
    return [(state, trigger, cells.get((state, trigger), "=")) for state in AlarmState for trigger in Trigger]


def test_the_second_writing_is_whole() -> None:
    assert sum(cell != "=" for _, _, cell in expected()) == 78
    assert set(TABLE) == set(AlarmState)
    assert all(set(row) == set(Trigger) for row in TABLE.values())
    assert {action for row in TABLE.values() for ways in row.values() for way in ways for action in way.do} == set(Do)


@pytest.mark.parametrize(("state", "trigger", "cell"), expected())
def test_every_pair(state: AlarmState, trigger: Trigger, cell: str) -> None:
    before = alarm(state)
    cue = Cue(trigger, by="bob", severity=Severity.CRITICAL if trigger is Trigger.WORSE else None)
    if cell.startswith("!"):
        with pytest.raises(CommandRefused) as refused:
            advance(before, cue, NOW, terms())
        assert refused.value.code == cell[1:]
        assert refused.value.current == record(before)
        assert str(refused.value) == REFUSALS[cell[1:]]
        return
    after, effects = advance(before, cue, NOW, terms())
    if cell == "=":
        assert (after, effects) == (before, ())
        return
    where, _, happened = cell.partition(" ")
    name, _, delay = where.partition("(")
    rows, _, notices = happened.partition(";")
    assert after.state == name
    assert [effect.kind for effect in effects if effect.kind] == (rows.split(",") if rows else [])
    assert [effect.notice for effect in effects if effect.notice] == (notices.split(",") if notices else [])
    assert (after.due_ns is not None, after.left_ns is not None) == (delay == "running)", delay == "frozen)")


@pytest.mark.parametrize("state", list(AlarmState))
@pytest.mark.parametrize("trigger", list(Trigger))
@pytest.mark.parametrize("known", [True, False, None])
@pytest.mark.parametrize("delay", [{"credit_ns": 1}, {"due_ns": None, "left_ns": SECOND}], ids=["runs", "frozen"])
def test_after_every_pair_the_alarm_is_sound(
    state: AlarmState, trigger: Trigger, known: bool | None, delay: dict[str, object]
) -> None:
    before = alarm(state, condition=known, **(delay if state in TIMED else {}))
    try:
        after, effects = advance(before, Cue(trigger, by="bob"), NOW, terms())
    except CommandRefused:
        return
    assert ((after.due_ns is None) != (after.left_ns is None)) is (after.state in TIMED)  # I7
    assert after.credit_ns == 0 or after.state in TIMED
    assert (after.life is None) is (after.state in (S.NORMAL, S.PENDING))
    if after.life is not None:
        assert record(after) == after.life
    for effect in effects:
        assert effect.record.held is (effect.record.condition is None)
    if trigger is Trigger.EDITED:
        assert after.condition is None
    if trigger in (Trigger.TRUE, Trigger.FALSE, Trigger.UNKNOWN):
        assert after.condition is {Trigger.TRUE: True, Trigger.FALSE: False, Trigger.UNKNOWN: None}[trigger]


@pytest.mark.parametrize(
    ("state", "trigger", "changes", "to", "notices"),
    [
        (S.NORMAL, Trigger.TRUE, {"on_delay_ns": 0}, S.UNACKED, ["raise"]),
        (S.RTN_UNACKED, Trigger.TRUE, {"on_delay_ns": 0}, S.UNACKED, ["reraise"]),
        (S.UNACKED, Trigger.FALSE, {"off_delay_ns": 0}, S.RTN_UNACKED, ["recover"]),
        (S.UNACKED, Trigger.FALSE, {"off_delay_ns": 0, "auto_ack": True}, S.NORMAL, ["recover"]),
        (S.UNACKED, Trigger.FALSE, {"off_delay_ns": 0, "latching": True}, S.LATCHED_UNACKED, []),
        (S.UNACKED, Trigger.FALSE, {"off_delay_ns": 0, "latching": True, "auto_ack": True}, S.LATCHED_UNACKED, []),
        (S.ACKED, Trigger.FALSE, {"off_delay_ns": 0}, S.NORMAL, ["recover"]),
        (S.ACKED, Trigger.FALSE, {"off_delay_ns": 0, "latching": True}, S.LATCHED_ACKED, []),
        (S.UNACKED_REC, Trigger.EXPIRED, {"auto_ack": True}, S.NORMAL, ["recover"]),
        (S.UNACKED_REC, Trigger.EXPIRED, {"latching": True}, S.LATCHED_UNACKED, []),
        (S.ACKED_REC, Trigger.EXPIRED, {"latching": True}, S.LATCHED_ACKED, []),
        (S.PENDING, Trigger.UNKNOWN, {"class_": AlarmClass.LIFE_SAFETY}, S.PENDING, []),
        (S.RTN_UNACKED, Trigger.LIFE_SAFETY, {"latching": True}, S.LATCHED_UNACKED, ["reraise"]),
        (S.RTN_PENDING, Trigger.LIFE_SAFETY, {"latching": True}, S.UNACKED, ["reraise"]),
    ],
)
def test_guards(
    state: AlarmState, trigger: Trigger, changes: dict[str, object], to: AlarmState, notices: list[str]
) -> None:
    after, effects = advance(alarm(state), Cue(trigger), NOW, terms(**changes))
    assert (after.state, [effect.notice for effect in effects if effect.notice]) == (to, notices)


def test_a_life_safety_delay_runs_on_while_unknown_but_the_return_never_does() -> None:
    life_safety = terms(class_=AlarmClass.LIFE_SAFETY)
    for state, runs in ((S.PENDING, True), (S.RTN_PENDING, True), (S.UNACKED_REC, False), (S.ACKED_REC, False)):
        after, _ = advance(alarm(state), Cue(Trigger.UNKNOWN), NOW, life_safety)
        assert (after.due_ns is not None) is runs, state


@pytest.mark.parametrize("state", [S.LATCHED_UNACKED, S.LATCHED_ACKED])
def test_a_latch_never_announced_is_raised_when_the_last_mute_goes(state: AlarmState) -> None:
    after, effects = advance(alarm(state, told=False), Cue(Trigger.LIFTED), NOW, terms(latching=True))
    assert after.state is S.LATCHED_UNACKED
    assert after.life is not None and after.life.acked_by is None
    assert [effect.notice for effect in effects] == ["reraise"]


@pytest.mark.parametrize("condition", [None, True])
def test_a_latch_is_reset_only_with_the_condition_false(condition: bool | None) -> None:
    held = alarm(S.LATCHED_ACKED, condition=condition)
    with pytest.raises(CommandRefused) as refused:
        advance(held, Cue(Trigger.RESET, by="bob"), NOW, terms(latching=True))
    assert refused.value.code == "condition_unknown"


@pytest.mark.parametrize("state", list(AlarmState))
def test_muted_nothing_is_told_but_the_recovery_of_what_was(state: AlarmState) -> None:
    muted = alarm(state, mutes=(Mute("shelved", "known"),))
    for trigger in Trigger:
        try:
            _, effects = advance(muted, Cue(trigger), NOW, terms(off_delay_ns=0, on_delay_ns=0))
        except CommandRefused:
            continue
        for effect in effects:
            assert effect.notice in (None, "recover"), (state, trigger)
            if effect.notice == "recover":
                assert muted.told


@pytest.mark.parametrize("state", list(AlarmState))
def test_severity_journal_is_never_told(state: AlarmState) -> None:
    quiet = alarm(state, severity=Severity.JOURNAL, told=False)
    for trigger in Trigger:
        try:
            _, effects = advance(quiet, Cue(trigger), NOW, terms())
        except CommandRefused:
            continue
        assert [effect.notice for effect in effects if effect.notice] == []


@pytest.mark.parametrize("state", list(AlarmState))
def test_no_state_is_a_trap(state: AlarmState) -> None:
    """I8: lift, FALSE, off-delay, ACK, RESET lead home from anywhere."""
    for latching in (False, True):
        here, chosen = alarm(state), terms(latching=latching)
        for trigger in (Trigger.LIFTED, Trigger.FALSE, Trigger.EXPIRED, Trigger.ACK, Trigger.RESET):
            try:
                here, _ = advance(here, Cue(trigger, by="bob"), NOW, chosen)
            except CommandRefused:
                continue
        assert here.state is S.NORMAL


def test_the_time_of_an_outage_is_credited_once() -> None:
    here = alarm(S.PENDING, credit_ns=2 * SECOND)
    after, _ = advance(here, Cue(Trigger.TRUE), NOW, terms())
    assert (after.due_ns, after.credit_ns) == (NOW.mono_ns + 3 * SECOND, 0)


def test_a_delay_frozen_at_its_end_has_nothing_left() -> None:
    after, _ = advance(alarm(S.PENDING, due_ns=NOW.mono_ns), Cue(Trigger.UNKNOWN), NOW, terms())
    assert after.left_ns == 0


def test_an_occurrence_without_an_on_delay_began_with_its_own_sample_not_an_earlier_one() -> None:
    after, _ = advance(alarm(S.NORMAL, first_true_ns=1), Cue(Trigger.TRUE, seen_ns=77), NOW, terms(on_delay_ns=0))
    assert after.life is not None and after.life.active_ns == 77


@pytest.mark.parametrize(
    ("state", "trigger", "why"),
    [
        (S.RTN_PENDING, Trigger.EXPIRED, "active again"),
        (S.LATCHED_ACKED, Trigger.TRUE, "active again"),
        (S.ACKED, Trigger.WORSE, "worse"),
        (S.ACKED, Trigger.REALARM, "realarm"),
        (S.ACKED, Trigger.LIFTED, "lifted"),
    ],
)
def test_what_is_raised_again_says_why_and_wants_a_new_answer(state: AlarmState, trigger: Trigger, why: str) -> None:
    after, (row,) = advance(alarm(state), Cue(trigger), NOW, terms())
    assert row.body == {"why": why}
    assert after.life is not None and (after.life.acked_by, after.life.acked_ns) == (None, None)


@pytest.mark.parametrize(
    ("state", "cue", "bodies"),
    [
        (S.UNACKED, Cue(Trigger.ACK, comment="seen"), [{"comment": "seen"}]),
        (S.UNACKED, Cue(Trigger.ACK), [{}]),
        (S.RTN_UNACKED, Cue(Trigger.ACK), [{}, {"reason": "returned"}]),
        (S.LATCHED_ACKED, Cue(Trigger.RESET, comment="dry"), [{"comment": "dry"}, {"reason": "reset"}]),
        (S.UNACKED, Cue(Trigger.WITHDRAWN, reason="disabled"), [{"reason": "disabled"}]),
    ],
)
def test_the_journal_keeps_the_comment_and_how_it_ended(
    state: AlarmState, cue: Cue, bodies: list[dict[str, str]]
) -> None:
    _, effects = advance(alarm(state), cue, NOW, terms())
    assert [effect.body for effect in effects] == bodies


def test_the_document_is_generated_from_the_table() -> None:
    page = Path(__file__).parents[2] / "docs" / "alarm-states.md"
    assert page.read_text(encoding="utf-8") == document(), "python -m alerts.lifecycle > docs/alarm-states.md"
