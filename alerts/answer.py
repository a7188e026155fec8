"""How long an acknowledgement holds while its alarm goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alerts.changed import changed
from alerts.lifecycle import ACKNOWLEDGED
from gateway.model import SECOND, AlarmState, Instant, Severity

if TYPE_CHECKING:
    from alerts.alarm import Alarm, Terms

REALARM_NS = {Severity.CRITICAL: 30 * 60 * SECOND, Severity.HIGH: 60 * 60 * SECOND}
"""Where the rule does not say: our judgement. Others hold for ever."""


def holds_for(state: AlarmState, severity: Severity, own_ns: int | None) -> int | None:
    """How long; None: for as long as the alarm lasts, or nobody has answered. `own_ns` is what the rule says."""
    if state not in ACKNOWLEDGED:
        return None
    return own_ns or REALARM_NS.get(severity)


def held_again(alarm: Alarm, now: Instant, terms: Terms) -> Alarm:
    """The alarm with the end of its acknowledgement as the terms say by now: counted from when it was given.

    Later than now: frames of this very moment may be judged again after a death, and are from before the change. What
    was given for ever counts from now on, for nobody has waited for its end.
    """
    for_ns = holds_for(alarm.state, alarm.severity, terms.realarm_ns)
    if for_ns is None:
        return alarm if alarm.realarm_ns is None else changed(alarm, realarm_ns=None, realarm_from_ns=None)
    if alarm.realarm_ns is None:
        return changed(alarm, realarm_ns=now.mono_ns + for_ns, realarm_from_ns=now.mono_ns)
    if alarm.realarm_from_ns is None or alarm.realarm_from_ns + for_ns == alarm.realarm_ns:
        return alarm  # as it was, or given to an earlier version, which did not keep when
    return changed(alarm, realarm_ns=max(now.mono_ns + 1, alarm.realarm_from_ns + for_ns))
