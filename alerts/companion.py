"""`<rule>/protection_lost`: the alarm that says that another alarm cannot be relied on."""

from __future__ import annotations

import functools
import json
from importlib.resources import files
from typing import Any

from alerts.rule import Guidance, Rule
from gateway.model import SECOND, AlarmClass, Severity, Text

SUFFIX = "/protection_lost"
_PROMPT = 5 * 60 * SECOND
_CALM = 60 * SECOND


def has_companion(rule: Rule) -> bool:
    """Rules people must answer (critical, high, medium, also where only an escalation is; life safety always), unless
    they watch the system itself.

    A rule about quality or health has nothing to lose: the missing signal is what it reports. bind leaves those out.
    """
    if rule.class_ is AlarmClass.LIFE_SAFETY:
        return True
    return rule.worst <= Severity.MEDIUM and rule.class_ is not AlarmClass.SYSTEM


def companion_rule(rule: Rule, unknown_for_ns: int) -> Rule:
    """The companion of `rule`: the same labels, one severity below (at least high for life safety, and never one that
    is only journalled), never latched."""
    severity = Severity(min(rule.severity + 1, Severity.LOW))
    if rule.class_ is AlarmClass.LIFE_SAFETY:
        severity = Severity.HIGH
    changes: dict[str, Any] = {
        "rule": rule.rule + SUFFIX,
        "title": _text("title", rule),
        "severity": severity,
        "on_delay": unknown_for_ns,
        "off_delay": min(unknown_for_ns, _CALM),
        "latching": False,
        "auto_ack": False,
        "suppressed_by": (),
        "suppress_when": None,  # it follows the guarded alarm's
        "realarm_after": None,
        "escalate": (),
        "guidance": _guidance(rule),
    }
    return rule.model_copy(update=changes)


def _guidance(rule: Rule) -> Guidance | None:
    if rule.guidance is None:
        return None
    texts: dict[str, Any] = {key: _text(key, rule) for key in texts_of_companions() if key != "title"}
    # somebody must be there before the guarded alarm's own time is up; below five minutes is for critical and high only
    texts["time_to_respond"] = max(rule.guidance.time_to_respond, _PROMPT)
    return rule.guidance.model_copy(update=texts)


def _text(key: str, rule: Rule) -> Text:
    text = texts_of_companions()[key]
    return Text(text["en"].replace("{title}", rule.title.en), text["zh"].replace("{title}", rule.title.zh))


@functools.cache
def texts_of_companions() -> dict[str, dict[str, str]]:
    """The texts in both languages; `{title}` stands for the guarded rule's."""
    texts: dict[str, dict[str, str]] = json.loads(files("alerts").joinpath("companion.json").read_text("utf-8"))
    return texts
