"""Stopping and starting again (docs/design.md D10): nothing is lost, nothing is said twice, downtime is not delay.

Order: take_over what is stored → the log is judged → resume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alerts import snapshot
from alerts.alarm import Alarm, Cue, Terms, advance
from alerts.bound import Bound
from alerts.evaluator import Evaluator
from alerts.lifecycle import DELAY_ON, Trigger
from alerts.live import NOT_IN_REPLAY, Key, Moment
from alerts.obey import obey_class, obey_severity
from alerts.recorder import Recorder
from gateway.model import SECOND, Checkpoint, InstanceSnapshot, Instant, Occurrence

OUTAGE_TOLERANCE_NS = 3600 * SECOND


@dataclass(frozen=True, slots=True)
class Orphan:
    """A stored alarm that no instance continues, and why."""

    key: Key
    alarm: Alarm
    reason: str


def take_over(
    evaluator: Evaluator,
    checkpoint: Checkpoint | None,
    instances: Sequence[InstanceSnapshot],
    open_occurrences: Sequence[Occurrence],
    bound: Bound,
) -> list[Orphan]:
    """Put every instance back to its newest snapshot; open occurrences that none continues are returned."""
    if checkpoint is not None:
        snapshot.columns_in(evaluator.columns, checkpoint.columns)
    stored = snapshot.newest([*(checkpoint.instances if checkpoint else ()), *instances])
    newest = max((snapshot.moment_of(found) for found in stored.values()), default=None)
    alarms: list[Alarm] = []
    for live in evaluator.lives:
        found = stored.pop(live.key, None)
        if found is None:
            live.seen = newest if checkpoint is None else NOT_IN_REPLAY
            continue
        snapshot.put_back(live, found)
        live.seen = snapshot.moment_of(found)
        live.inputs = found.state.get("inputs", ())
        if snapshot.measured_otherwise(live, found):
            live.seen, live.inputs = NOT_IN_REPLAY, ()  # the log behind it says numbers of then, too
        evaluator.columns.epoch = max(evaluator.columns.epoch, found.state["epoch"])
        evaluator.take_up(live)
    alarms += [alarm for found in stored.values() if (alarm := snapshot.alarm_of(found)).life is not None]
    known = {alarm.life.occurrence for alarm in alarms if alarm.life is not None}
    known |= {live.alarm.life.occurrence for live in evaluator.lives if live.alarm.life is not None}
    alarms += [snapshot.orphan(life) for life in open_occurrences if life.occurrence not in known]
    return _adopt(evaluator, alarms, bound)


def _adopt(evaluator: Evaluator, alarms: Sequence[Alarm], bound: Bound) -> list[Orphan]:
    """Alarms without an instance's state go to the instance that has their rule and source and no life of its own."""
    orphans = []
    lives = {live.key: live for live in evaluator.lives}
    for alarm in alarms:
        if alarm.life is None:
            continue
        key = (alarm.life.rule, alarm.life.source)
        live = lives.get(key)
        if live is None:
            orphans.append(Orphan(key, alarm, why_gone(key, bound)))
        elif live.alarm.life is not None:
            orphans.append(Orphan(key, alarm, "superseded"))
        else:
            live.alarm = alarm
            live.edited = True
            evaluator.take_up(live)
    return orphans


def resume(evaluator: Evaluator, recorder: Recorder, now: Instant, outage_ns: int) -> None:
    """Everything is UNKNOWN until seen again; then each rule is asked once.

    All instances are stored at once: a second crash must not judge the log before this moment without it.
    """
    evaluator.columns.forget(max(outage_ns, 0))
    for live in evaluator.lives:
        live.seen = None
        if live.edited:
            live.edited = False
            evaluator.apply(live, Cue(Trigger.EDITED), now)
        if outage_ns > OUTAGE_TOLERANCE_NS:
            evaluator.apply(live, Cue(Trigger.OUTAGE), now)
        obey_class(evaluator, live, now)
        obey_severity(evaluator, live, now)
    running = [live for live in evaluator.lives if live.alarm.state in DELAY_ON]
    for live in evaluator.lives:
        evaluator.suppress(live, now)
    evaluator.start(now)
    for live in running:
        # after the sweep, for that has seen no sample; and not for a companion, which a start makes TRUE by itself
        if live.terms.life_safety and not live.guards and live.alarm.state in DELAY_ON:
            evaluator.credit(live, outage_ns)
    recorder.touch_all(evaluator.lives)


def close_orphans(recorder: Recorder, orphans: Sequence[Orphan], moment: Moment, now: Instant) -> None:
    """Close what no rule speaks for any more, with the reason, and tell those who were told of it."""
    for orphan in orphans:
        if orphan.alarm.life is None:
            continue
        cue = Cue(Trigger.WITHDRAWN, reason=orphan.reason)
        left, effects = advance(orphan.alarm, cue, now, _terms(orphan.alarm.life))
        recorder.orphan(effects, now, snapshot.leftover(orphan.key, left, moment))


def why_gone(key: Key, bound: Bound) -> str:
    """Why no instance has this key: `disabled` or `rule_removed`."""
    for unbound in bound.unbound:
        concerned = unbound.source is None or f"{key[1]}/".startswith(f"{unbound.source}/")
        if unbound.rule == key[0].partition("/")[0] and concerned and "disabled" in unbound.why:
            return "disabled"
    return "rule_removed"


def _terms(life: Occurrence) -> Terms:
    return Terms(
        rule=life.rule,
        source=life.source,
        system=life.system,
        title=life.title,
        class_=life.class_,
        on_delay_ns=0,
        off_delay_ns=0,
        latching=life.latched,
        auto_ack=False,
        mint=_never,
    )


def _never(now: Instant) -> str:
    raise AssertionError("a withdrawn alarm begins no new life")
