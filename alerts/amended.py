"""What a changed rule makes of an alarm, each a turn of its own; `alerts.obey` and `alerts.succession` decide when."""

from __future__ import annotations

from alerts.alarm import Alarm, Cue, Effect, Terms, Turn, advance
from alerts.changed import changed
from alerts.lifecycle import Trigger
from gateway.model import Instant, Severity


def edited(alarm: Alarm, now: Instant, terms: Terms) -> Alarm:
    """The alarm with a changed condition that is asked at once: until it has answered nothing is told. See `told`."""
    return changed(advance(alarm, Cue(Trigger.EDITED), now, terms)[0], life=alarm.life)


def told(alarm: Alarm, now: Instant, terms: Terms) -> tuple[Alarm, tuple[Effect, ...]]:
    """What no row has shown yet of an edited alarm, now that its condition has answered."""
    turn = Turn(alarm, Cue(Trigger.UNKNOWN), now, terms)
    turn.show_the_rest()
    return turn.alarm, tuple(turn.effects)


def reclassified(alarm: Alarm, now: Instant, terms: Terms) -> tuple[Alarm, tuple[Effect, ...]]:
    """Its rule is of another class, or latches, by now: the open occurrence too, and nobody is told."""
    turn = Turn(alarm, Cue(Trigger.UNKNOWN), now, terms)
    turn.reclassify()
    return turn.alarm, tuple(turn.effects)


def milder(alarm: Alarm, severity: Severity, now: Instant, terms: Terms) -> tuple[Alarm, tuple[Effect, ...]]:
    """What its rule says of it has become less severe: journalled, and nobody is told."""
    turn = Turn(changed(alarm, severity=severity), Cue(Trigger.UNKNOWN), now, terms)
    turn.log("severity_down")
    return turn.alarm, tuple(turn.effects)


def running(alarm: Alarm, now: Instant, terms: Terms) -> Alarm:
    """An on-delay whose condition is UNKNOWN: for life safety it runs, for others it stands still."""
    if terms.life_safety and alarm.left_ns is not None:
        return changed(alarm, due_ns=now.mono_ns + alarm.left_ns, left_ns=None)
    if not terms.life_safety and alarm.due_ns is not None:
        return advance(alarm, Cue(Trigger.UNKNOWN), now, terms)[0]
    return alarm
