"""Every (state × trigger) of the table is reached: by what happens in a building, or by hand where nothing can."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from alerts import alarm as alarms
from alerts import mute
from alerts.alarm import Alarm, Cue, Terms, advance
from alerts.lifecycle import TABLE, Trigger, Way, When
from gateway.model import AlarmClass, AlarmState, CommandRefused, Severity
from tests.alerts.chance import happen
from tests.alerts.living import Living
from tests.alerts.test_lifecycle import NOW, alarm, terms

S, T = AlarmState, Trigger
Pair = tuple[AlarmState, Trigger]

PAIRS: set[Pair] = {(state, trigger) for state, row in TABLE.items() for trigger in row}
NOT_OPEN = {(state, trigger) for state in (S.NORMAL, S.PENDING) for trigger in (T.ACK, T.RESET, T.WITHDRAWN)}
NOT_TIMED = {(state, T.EXPIRED) for state in S if state not in (S.PENDING, S.RTN_PENDING, S.UNACKED_REC, S.ACKED_REC)}
NOT_ACKED = {(state, T.REALARM) for state in S if state not in (S.ACKED, S.ACKED_REC)}
NOT_TRUE = {(state, T.WORSE) for state in S if state not in (S.UNACKED, S.ACKED)}
"""No building brings these: commands name open occurrences, timers run in their states, worse comes with TRUE. (A
rule that has become more severe while the alarm is returning is tested with restarts.)"""
RARE = {(S.RTN_PENDING, T.RESET), (S.RTN_PENDING, T.WITHDRAWN), (S.RTN_PENDING, T.OUTAGE), (S.LATCHED_ACKED, T.OUTAGE)}
RARE |= {(state, T.WITHDRAWN) for state in S} | {(state, T.EDITED) for state in S}
RARE |= {(state, T.LIFE_SAFETY) for state in S}
BY_HAND = NOT_OPEN | NOT_TIMED | NOT_ACKED | NOT_TRUE
WALKS, EVENTS = 400, 100


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[tuple[AlarmState, Trigger, Way]]]:
    """How often each way was chosen."""
    count: Counter[tuple[AlarmState, Trigger, Way]] = Counter()
    real = alarms.choose

    def choose(here: Alarm, trigger: Trigger, its: Terms) -> Way:
        way = real(here, trigger, its)
        count[here.state, trigger, way] += 1
        return way

    monkeypatch.setattr(alarms, "choose", choose)
    monkeypatch.setattr(mute, "choose", choose)
    yield count


def test_what_happens_in_a_building_reaches_every_pair_that_it_can(
    counted: Counter[tuple[AlarmState, Trigger, Way]],
) -> None:
    wanted = PAIRS - BY_HAND - RARE
    for seed in range(WALKS):
        living, chance = Living(), random.Random(seed)
        for _ in range(EVENTS):
            happen(living, chance)
        living.go_home()
        if not (missing := wanted - {(state, trigger) for state, trigger, _ in counted}):
            break
    assert not missing, sorted(f"{state} × {trigger}" for state, trigger in missing)


GUARDS: dict[When | None, tuple[dict[str, object], dict[str, object]]] = {
    None: ({}, {}),
    When.NO_ON_DELAY: ({"on_delay_ns": 0}, {}),
    When.OFF_DELAY: ({}, {}),
    When.LATCHING: ({"latching": True}, {}),
    When.AUTO_ACK: ({"auto_ack": True}, {}),
    When.LIFE_SAFETY: ({"class_": AlarmClass.LIFE_SAFETY}, {}),
    When.TOLD: ({}, {"told": True}),
    When.FALSE: ({}, {"condition": False}),
}
"""What makes a guard hold: terms, alarm. Otherwise none of them does."""
BARE_TERMS: dict[str, object] = {"off_delay_ns": 0}
BARE: dict[str, object] = {"told": False, "condition": None}


def ways() -> Iterator[tuple[AlarmState, Trigger, Way]]:
    for state, row in TABLE.items():
        for trigger, each in row.items():
            for way in each:
                yield state, trigger, way


@pytest.mark.parametrize(
    ("state", "trigger", "way"), list(ways()), ids=lambda value: str(getattr(value, "when", value))
)
def test_every_way_is_taken_as_it_is_written(
    state: AlarmState, trigger: Trigger, way: Way, counted: Counter[tuple[AlarmState, Trigger, Way]]
) -> None:
    asked, stands = GUARDS[way.when]
    off = {} if way.when is When.OFF_DELAY else BARE_TERMS
    here = alarm(state, **BARE | stands)
    cue = Cue(trigger, by="ann", comment="c", severity=Severity.CRITICAL if trigger is Trigger.WORSE else None)
    if way.refusal:
        with pytest.raises(CommandRefused) as refused:
            advance(here, cue, NOW, terms(**off | asked))
        assert refused.value.code == way.refusal
    else:
        after, _ = advance(here, cue, NOW, terms(**off | asked))
        assert after.state is way.to
    assert counted[state, trigger, way] == 1


def test_the_list_by_hand_holds_no_way_that_changes_anything_unseen() -> None:
    """What nothing can bring is a refusal, or changes nothing but what a rule's removal or its severity do."""
    for state, trigger in BY_HAND - NOT_OPEN - NOT_TRUE:
        assert all(way.to is state and not way.do for way in TABLE[state][trigger]), (state, trigger)
