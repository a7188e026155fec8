"""An explanation as JSON: for the API, the control socket and the terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Any

from alerts.explain import Explanation, Operand, sentence
from alerts.notify.body import alarm_body, life_body, mute_body, rfc3339, text_body, truth_body
from alerts.rule import Rule
from alerts.written import written
from gateway.model import SECOND, Event, Instant, Occurrence, Text
from gateway.store.records import Told


def rule_body(rule: Rule) -> dict[str, Any]:
    """The rule's sentence, as it is written."""
    return {
        "title": text_body(rule.title),
        "severity": rule.severity.word,
        "class": rule.class_.value,
        "on": written(rule.on),
        "when": written(rule.when),
        "latching": rule.latching,
    }


def explanation_body(told: Explanation, zone: tzinfo) -> dict[str, Any]:
    """How the alarm stood at that moment. `zone` is the building's, for the sentences."""
    return {
        "state": told.state.value,
        "reasons": [text_body(text) for text in told.reasons],
        "condition": _operand(told.condition, told.at, zone),
        "delays": {
            "on_s": told.on_delay_ns / SECOND,
            "off_s": told.off_delay_ns / SECOND,
            "began_at": _label(told.began_ns, told.at),
            "due_at": _label(told.due_ns, told.at),
            "left_s": None if told.left_ns is None else told.left_ns / SECOND,
        },
        "mutes": [mute_body(mute) for mute in told.mutes],
        "fault": told.fault,
    }


def _operand(one: Operand, at: Instant, zone: tzinfo) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "text": text_body(one.text),
        "sentence": text_body(sentence(one, None if one.since is None else clock(one.since.wall_ns, zone))),
        "answer": truth_body(one.answer),
        "since": None if one.since is None else rfc3339(one.since.wall_ns),
        "value": one.value,
        "limit": one.limit,
        "unit": one.unit,
        "due_at": _label(one.due_ns, at),
        "inputs": [
            {
                "device": each.device,
                "point": each.point,
                "value": each.value,
                "quality": None if each.quality is None else each.quality.grade,
                "reason": None if each.quality is None else each.quality.reason,
                "age_s": None if each.age_ns is None else each.age_ns / SECOND,
            }
            for each in one.inputs
        ],
        "alarms": [
            {"rule": rule, "source": source, "active": truth_body(active)} for (rule, source), active in one.asked
        ],
        "operands": [_operand(each, at, zone) for each in one.operands],
    }


def life_told(occurrence: Occurrence, events: Iterable[Event], notices: Iterable[Told]) -> dict[str, Any]:
    """What an occurrence went through, and who was told of it."""
    return {
        "alarm": alarm_body(occurrence) | {"life": life_body(occurrence)},
        "transitions": [
            {
                "seq": event.seq,
                "at": rfc3339(event.at.wall_ns),
                "kind": event.kind,
                "by": event.by,
                "body": dict(event.body),
            }
            for event in events
        ],
        "notices": [
            {
                "at": rfc3339(each.notice.at.wall_ns),
                "reason": each.notice.reason,
                "step": each.notice.step,
                "channel": each.channel,
                "state": each.state,
                "attempts": each.attempts,
                "next_at": rfc3339(each.next_wall_ns or None) if each.state == "pending" else None,
                "done_at": rfc3339(each.done_wall_ns),
                "error": each.error,
            }
            for each in notices
        ],
    }


def clock(wall_ns: int, zone: tzinfo) -> str:
    """A moment as the building's clocks show it."""
    return f"{datetime.fromtimestamp(wall_ns / SECOND, zone):%Y-%m-%d %H:%M:%S}"


def _label(mono_ns: int | None, at: Instant) -> str | None:
    return None if mono_ns is None else rfc3339(at.wall_ns + mono_ns - at.mono_ns)


def unexplained(why: str) -> dict[str, Any]:
    """Where the condition cannot be shown any more."""
    reason = text_body(Text(why, why))
    return {"state": None, "reasons": [reason], "condition": None, "delays": None, "mutes": [], "fault": None}
