"""A rule on a source as it stands, for whoever looks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alerts.budget import Pace
from alerts.live import Live
from gateway.model import AlarmState, Mute, Text, Truth
from gateway.texts import both


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


def faults(lives: Iterable[Live]) -> dict[str, Text]:
    """Rule → why it cannot be judged, and on which source; a companion is its rule's. Of many sources the first."""
    found: dict[str, dict[str, Text]] = {}
    for live in lives:
        rule = live.instance.companion_of[0] if live.instance.companion_of else live.instance.rule.rule
        found.setdefault(rule, {}).setdefault(live.instance.source, _why(live))
    return {rule: _at(found[rule]) for rule in sorted(found)}


def _at(sources: dict[str, Text]) -> Text:
    source, why = next(iter(sources.items()))
    if len(sources) == 1:
        return both("rule_fails_at", source=source, why=why)
    return both("rule_fails_at_some", source=source, why=why, more=len(sources) - 1)


def _why(live: Live) -> Text:
    """Of one that is set aside in both languages; an error has its own words."""
    own, hush = live.fault, live.hush
    if own is not None or hush is None:
        return _told(own or "", live.pace)
    found = _told(hush.fault or "", hush.pace)
    return found if found.en == hush.fault else both("rule_suppression_fails", why=found)


def _told(fault: str, pace: Pace | None) -> Text:
    return Text(fault, fault) if pace is None or pace.until_ns is None else pace.why()
