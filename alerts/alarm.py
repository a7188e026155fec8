"""One alarm through its life: a frozen value, and `advance`, which carries out the table of `lifecycle`.

Pure: no clock, no I/O; the time, the operator and the rule's terms are arguments. Whatever changes comes back as a new
Alarm and the effects to be journalled, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from alerts.answer import holds_for
from alerts.changed import changed
from alerts.lifecycle import ACKNOWLEDGED, ACTIVE, RETURNED, TABLE, TIMED, Do, Trigger, Way, When
from gateway.model import (
    AlarmClass,
    AlarmState,
    CommandRefused,
    Instant,
    Mute,
    Occurrence,
    Severity,
    Text,
    Truth,
    Value,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What of the rule and the source an alarm's life depends on. `mint` makes the ids of its occurrences.

    `realarm_ns`: how long an acknowledgement holds (None: as its severity says). `companion`: it says that another
    alarm cannot be relied on. `took`, if anybody wants to know, is told of every way that is taken: for rehearsals and
    their coverage.
    """

    rule: str
    source: str
    system: str
    title: Text
    class_: AlarmClass
    on_delay_ns: int
    off_delay_ns: int
    latching: bool
    auto_ack: bool
    mint: Callable[[Instant], str]
    took: Callable[[AlarmState, Trigger, Way], None] | None = None
    realarm_ns: int | None = None
    companion: bool = False

    @property
    def life_safety(self) -> bool:
        return self.class_ is AlarmClass.LIFE_SAFETY


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """The whole state of one (rule, source).

    A delay runs towards `due_ns` (mono) or is frozen with `left_ns` to go; neither outside the delay states.
    `credit_ns` is downtime that a life-safety on-delay may still count, if the first sample after it is TRUE.
    `told`: somebody was told that it is on, and not yet that it is over. `life` is the open occurrence.
    """

    state: AlarmState = AlarmState.NORMAL
    condition: Truth = None
    severity: Severity
    due_ns: int | None = None
    left_ns: int | None = None
    credit_ns: int = 0
    first_true_ns: int | None = None  # wall
    value: Value = None
    peak: Value = None
    limit: Value = None
    unit: str | None = None
    told: bool = False
    mutes: tuple[Mute, ...] = ()
    shelved_until_ns: int | None = None  # mono; the label that bounds it too is in the Mute
    out_until_ns: int | None = None  # the same for out of service
    realarm_ns: int | None = None  # mono: its acknowledgement holds until then
    realarm_from_ns: int | None = None  # mono: counted from then
    fleeting: int = 0
    life: Occurrence | None = None

    @property
    def active(self) -> Truth:
        """What alarm() conditions read: raised and not returned; None when FALSE is not known to be so."""
        if self.state in ACTIVE:
            return True
        return None if self.condition is None else False


@dataclass(frozen=True, slots=True)
class Cue:
    """A trigger with what belongs to it. `seen_ns` is the sample's own wall time; `severity` comes with WORSE."""

    trigger: Trigger
    by: str | None = None
    comment: str | None = None
    reason: str | None = None
    seen_ns: int | None = None
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What has happened. `kind` names the journal's row, None when only the record changed; `notice` its reason.

    `record` None: the alarm is not open, and the row is about it alone.
    """

    kind: str | None
    record: Occurrence | None
    body: Mapping[str, Any] = field(default_factory=dict)
    notice: str | None = None
    by: str | None = None


REFUSALS = {
    "not_active": "the alarm is not active",
    "still_active": "the alarm is still active; it can be reset when its condition has returned to normal",
    "needs_ack": "the alarm must be acknowledged before it is reset",
    "condition_unknown": "the condition is not known to be normal (bad or missing samples); the latch is kept",
}

_GUARDS: dict[When, Callable[[Alarm, Terms], bool]] = {
    When.NO_ON_DELAY: lambda alarm, terms: terms.on_delay_ns == 0,
    When.OFF_DELAY: lambda alarm, terms: terms.off_delay_ns > 0,
    When.LATCHING: lambda alarm, terms: terms.latching,
    When.AUTO_ACK: lambda alarm, terms: terms.auto_ack,
    When.LIFE_SAFETY: lambda alarm, terms: terms.life_safety,
    When.TOLD: lambda alarm, terms: alarm.told,
    When.FALSE: lambda alarm, terms: alarm.condition is False,
}
_JUDGED: dict[Trigger, Truth] = {
    Trigger.TRUE: True,
    Trigger.FALSE: False,
    Trigger.UNKNOWN: None,
    Trigger.EDITED: None,  # what the old condition said of the new one's question
}


def choose(alarm: Alarm, trigger: Trigger, terms: Terms) -> Way:
    """The way that the table prescribes."""
    for way in TABLE[alarm.state][trigger]:
        if way.when is None or _GUARDS[way.when](alarm, terms):
            if terms.took is not None:
                terms.took(alarm.state, trigger, way)
            return way
    raise AssertionError(f"the table has no way for {alarm.state} × {trigger}")


def advance(alarm: Alarm, cue: Cue, now: Instant, terms: Terms) -> tuple[Alarm, tuple[Effect, ...]]:
    """The alarm after `cue`, and what has happened. An illegal command raises CommandRefused and changes nothing."""
    way = choose(alarm, cue.trigger, terms)
    if way.refusal:
        raise CommandRefused(way.refusal, REFUSALS[way.refusal], record(alarm))
    if way.to is alarm.state and not way.do and alarm.condition is _JUDGED.get(cue.trigger, alarm.condition):
        return alarm, ()
    turn = Turn(alarm, cue, now, terms)
    turn.take(way)
    return turn.alarm, tuple(turn.effects)


def record(alarm: Alarm) -> Occurrence | None:
    """The open occurrence as it stands now."""
    if alarm.life is None:
        return None
    return changed(
        alarm.life,
        state=alarm.state,
        condition=alarm.condition,
        severity=alarm.severity,
        value=alarm.value,
        peak=alarm.peak,
        limit=alarm.limit,
        unit=alarm.unit,
        mutes=alarm.mutes,
        held=alarm.condition is None,
    )


class Turn:
    """One transition in the making."""

    def __init__(self, alarm: Alarm, cue: Cue, now: Instant, terms: Terms) -> None:
        self.alarm = alarm
        self.effects: list[Effect] = []
        self._cue = cue
        self._now = now
        self._terms = terms

    def take(self, way: Way) -> None:
        """Go the whole way: end a one-shot shelf, change the state, do the actions, keep the record true."""
        before = self.alarm
        returned = way.to in RETURNED and way.to is not before.state and self._cue.trigger is not Trigger.EDITED
        if Do.CLOSE in way.do or returned:
            self._end_one_shot()
        timed = way.to in TIMED
        self._set(
            state=way.to,
            condition=_JUDGED.get(self._cue.trigger, before.condition),
            due_ns=before.due_ns if timed else None,
            left_ns=before.left_ns if timed else None,
            credit_ns=before.credit_ns if timed else 0,
            realarm_ns=before.realarm_ns if way.to in ACKNOWLEDGED else None,
            realarm_from_ns=before.realarm_from_ns if way.to in ACKNOWLEDGED else None,
        )
        for action in way.do:
            _ACTIONS[action](self)
        self.show_the_rest()

    def log(self, kind: str | None, notice: str | None = None, **body: Any) -> None:
        """An effect with the record as it is now. A notice is only given while nothing mutes the alarm."""
        shown = record(self.alarm)
        if shown is None:
            return
        if notice and self._audible:
            shown = changed(shown, announced=True)
            self._set(told=True)
        elif notice:
            notice = None
            body["muted"] = sorted({mute.kind for mute in self.alarm.mutes}) or [Severity.JOURNAL.word]
        self._set(life=shown)
        self.effects.append(Effect(kind, shown, body, notice, self._cue.by))

    @property
    def _audible(self) -> bool:
        return not self.alarm.mutes and self.alarm.severity is not Severity.JOURNAL

    def _set(self, **changes: Any) -> None:
        self.alarm = changed(self.alarm, **changes)

    def _change_life(self, **changes: Any) -> None:
        if self.alarm.life is not None:
            self._set(life=changed(self.alarm.life, **changes))

    def show_the_rest(self) -> None:
        """What no row has shown: that the condition is UNKNOWN or known again; without a row, a delay that began, and
        how severe it will be.

        A one-shot shelf that ends on the way has a row of its own, from before the change.
        """
        alarm, life = self.alarm, self.alarm.life
        shown = (alarm.state, alarm.condition, alarm.severity)
        if life is None or (life.state, life.condition, life.severity) == shown:
            return
        held = alarm.condition is None
        self.log(None if life.held is held else "hold" if held else "unhold")

    def reclassify(self) -> None:
        """The occurrence is of the class by now that the terms say, and latches as they say."""
        life, terms = self.alarm.life, self._terms
        if life is None:
            return
        was = life.class_
        self._change_life(class_=terms.class_, latched=terms.latching)
        if was is terms.class_:
            self.log(None)
        else:
            body: dict[str, Any] = {"class": str(terms.class_), "was": str(was), "latched": terms.latching}
            self.log("reclassify", **body)

    def _end_one_shot(self) -> None:
        kept = tuple(mute for mute in self.alarm.mutes if not mute.one_shot)
        if len(kept) < len(self.alarm.mutes):
            self._set(mutes=kept, shelved_until_ns=None)
            self.log("unshelve", why="returned")

    # the actions, in the table's words

    def start_on(self) -> None:
        self._set(due_ns=self._now.mono_ns + self._terms.on_delay_ns, left_ns=None, first_true_ns=self._seen_ns)

    def start_off(self) -> None:
        self._set(due_ns=self._now.mono_ns + self._terms.off_delay_ns, left_ns=None)

    def freeze(self) -> None:
        if self.alarm.due_ns is not None:
            self._set(left_ns=max(0, self.alarm.due_ns - self._now.mono_ns), due_ns=None)

    def resume(self) -> None:
        mono = self._now.mono_ns
        if self.alarm.left_ns is not None:
            self._set(due_ns=mono + self.alarm.left_ns, left_ns=None)
        if self.alarm.credit_ns and self.alarm.due_ns is not None:
            self._set(due_ns=max(mono, self.alarm.due_ns - self.alarm.credit_ns), credit_ns=0)

    def raise_(self) -> None:
        alarm, terms, wall = self.alarm, self._terms, self._now.wall_ns
        first = alarm.first_true_ns if self._cue.trigger is Trigger.EXPIRED else None
        life = Occurrence(
            occurrence=self._terms.mint(self._now),
            rule=terms.rule,
            source=terms.source,
            system=terms.system,
            severity=alarm.severity,
            class_=terms.class_,
            state=alarm.state,
            condition=alarm.condition,
            latched=terms.latching,
            title=terms.title,
            raised_ns=wall,
            active_ns=self._seen_ns if first is None else first,
        )
        self._set(life=life, told=False)
        self.log("raise", "raise")

    def reraise(self) -> None:
        why = "active again" if self._cue.trigger in (Trigger.TRUE, Trigger.EXPIRED) else str(self._cue.trigger)
        self._worsen()
        self._change_life(acked_by=None, acked_ns=None)
        if self.alarm.state in ACTIVE:
            self._change_life(returned_ns=None)
        self.log("reraise", "reraise", why=why)

    def severity_up(self) -> None:
        self._worsen()
        self.log("severity_up", "severity_up")

    def return_(self) -> None:
        self._change_life(returned_ns=self._now.wall_ns)
        self.log("return")

    def returning(self) -> None:
        self.log("returning")

    def cancel_return(self) -> None:
        if self.alarm.life is not None:
            self._change_life(chatter=self.alarm.life.chatter + 1)
        self.log("return_cancelled")

    def count_fleeting(self) -> None:
        self._set(fleeting=self.alarm.fleeting + 1)

    def acknowledge(self) -> None:
        self._change_life(acked_by=self._cue.by, acked_ns=self._now.wall_ns)
        if (for_ns := holds_for(self.alarm.state, self.alarm.severity, self._terms.realarm_ns)) is not None:
            self._set(realarm_ns=self._now.mono_ns + for_ns, realarm_from_ns=self._now.mono_ns)
        self.log("ack", **({"comment": self._cue.comment} if self._cue.comment else {}))

    def reset(self) -> None:
        self.log("reset", comment=self._cue.comment)

    def close(self) -> None:
        why = self._cue.reason or ("reset" if self._cue.trigger is Trigger.RESET else "returned")
        self._change_life(closed_ns=self._now.wall_ns, close_reason=why)
        self.log("close", reason=why)
        self._set(life=None)

    def recover(self) -> None:
        """Rides on the row before it, and goes out even if the alarm is muted by now."""
        if self.alarm.told and self.effects:
            self.effects[-1] = changed(self.effects[-1], notice="recover")
        self._set(told=False)

    @property
    def _seen_ns(self) -> int:
        return self._now.wall_ns if self._cue.seen_ns is None else self._cue.seen_ns

    def _worsen(self) -> None:
        if self._cue.severity is not None:
            self._set(severity=min(self.alarm.severity, self._cue.severity))


_ACTIONS: dict[Do, Callable[[Turn], None]] = {
    Do.START_ON: Turn.start_on,
    Do.START_OFF: Turn.start_off,
    Do.FREEZE: Turn.freeze,
    Do.RESUME: Turn.resume,
    Do.RAISE: Turn.raise_,
    Do.RERAISE: Turn.reraise,
    Do.WORSEN: Turn.severity_up,
    Do.RETURN: Turn.return_,
    Do.RETURNING: Turn.returning,
    Do.CANCEL_RETURN: Turn.cancel_return,
    Do.FLEETING: Turn.count_fleeting,
    Do.ACKNOWLEDGE: Turn.acknowledge,
    Do.RESET: Turn.reset,
    Do.CLOSE: Turn.close,
    Do.RECOVER: Turn.recover,
}
