"""A rule on a source as it stands, for whoever looks."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.live import Live
from gateway.model import AlarmState, Mute, Truth


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule on a source as it stands: `due_ns` (mono) of its running delay; `fault`: why it cannot be judged."""

    rule: str
    source: str
    state: AlarmState
    condition: Truth
    due_ns: int | None
    mutes: tuple[Mute, ...]
    fleeting: int
    occurrence: str | None
    fault: str | None


def view(live: Live) -> RuleView:
    """How it stands now."""
    alarm = live.alarm
    rule, source = live.key
    return RuleView(
        rule,
        source,
        alarm.state,
        alarm.condition,
        alarm.due_ns,
        alarm.mutes,
        alarm.fleeting,
        alarm.life.occurrence if alarm.life else None,
        live.fault,
    )
