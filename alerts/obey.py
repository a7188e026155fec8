"""What a rule that has changed asks of the alarm that stands: its class, its severity, how long an answer holds."""

from __future__ import annotations

from alerts import mute
from alerts.alarm import Cue
from alerts.amended import milder, reclassified, running, told
from alerts.answer import held_again
from alerts.changed import changed
from alerts.evaluator import Evaluator
from alerts.lifecycle import ACTIVE, DELAY_ON, Trigger
from alerts.live import Live
from gateway.model import AlarmClass, Instant, Severity


def said(live: Live) -> Severity:
    """How severe its rule calls it by what is known of its condition; UNKNOWN holds what was known last."""
    return live.condition.severity or live.instance.rule.severity


def obey_class(evaluator: Evaluator, live: Live, now: Instant) -> None:
    """An open alarm whose rule has become life safety is it from now on; what may not mute it any more ends.

    (The other way round it stays life safety until it closes: `alerts.in_force`.)
    """
    alarm, terms = live.alarm, live.terms
    if alarm.life is not None and terms.life_safety and alarm.life.class_ is not AlarmClass.LIFE_SAFETY:
        worst = min(alarm.severity, said(live))
        evaluator.commit(live, *mute.become_life_safety(alarm, worst, now, terms), now)
    elif alarm.life is not None and (alarm.life.class_, alarm.life.latched) != (terms.class_, terms.latching):
        evaluator.commit(live, *reclassified(alarm, now, terms), now)
    if live.alarm.mutes and mute.forbidden(live.alarm, now, terms):
        evaluator.commit(live, *mute.lift_forbidden(live.alarm, now, terms), now)
    if live.alarm.state in DELAY_ON and live.alarm.condition is None:
        evaluator.commit(live, running(live.alarm, now, terms), (), now)


def obey_severity(evaluator: Evaluator, live: Live, now: Instant, was: Severity | None = None) -> None:
    """As severe as its rule says, and answered for as long as it says.

    More severe is announced. `was` is how severe its rule called it until now: what has been reached since the raise
    and is over stays reached, and nothing is taken back of an alarm that is UNKNOWN, returned or latched, or that is
    life safety against its rule. None: nobody knows, and nothing is taken back.
    """
    alarm, level = live.alarm, said(live)
    if alarm.state in DELAY_ON:
        severity = level if alarm.life is None else min(level, alarm.severity)
        if severity is not alarm.severity:
            evaluator.commit(live, *told(changed(alarm, severity=severity), now, live.terms), now)
    elif alarm.life is not None and level < alarm.severity:
        evaluator.apply(live, Cue(Trigger.WORSE, severity=level), now)
    elif was is not None and was <= alarm.severity < level and _lowers(live):
        evaluator.commit(live, *milder(alarm, level, now, live.terms), now)
    if (answered := held_again(live.alarm, now, live.terms)) is not live.alarm:
        evaluator.commit(live, answered, (), now)


def _lowers(live: Live) -> bool:
    """It is active, its condition is known, and its class is its rule's."""
    alarm = live.alarm
    return alarm.state in ACTIVE and alarm.condition is not None and live.terms.class_ is live.own.class_
