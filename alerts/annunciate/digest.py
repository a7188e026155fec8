"""Many alarms in one notice: what each channel is told, with the causes counted. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alerts.annunciate import wording
from alerts.annunciate.case import Arrival, Case
from gateway.model import Occurrence, Text

GROUP, FLOOD, START_UP = "group", "flood", "start_up"
MOST_IDS = 500
MOST_ALARMS = 20
TOP = 3


@dataclass(frozen=True, slots=True)
class Item:
    """One alarm of a digest: why it is in it, and whom that goes to. It may be in it for others by another reason, but
    for no channel twice.
    """

    case: Case
    reason: str
    record: Occurrence
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """One notice: for these channels, about the alarm that weighs most, with this body."""

    to: tuple[str, ...]
    about: Occurrence
    body: Mapping[str, Any]


def compose(items: Sequence[Item], kind: str, first: tuple[Arrival, Text] | None) -> list[Digest]:
    """One digest for each channel; channels that are told the same share it. `first`: where a flood began."""
    shares: dict[tuple[int, ...], list[str]] = {}
    for channel in dict.fromkeys(channel for item in items for channel in item.to):
        share = tuple(place for place, item in enumerate(items) if channel in item.to)
        shares.setdefault(share, []).append(channel)
    found = []
    for share, channels in shares.items():
        told = sorted((items[place] for place in share), key=_weight)
        found.append(Digest(tuple(channels), told[0].record, body_of(told, kind, first)))
    return found


def body_of(items: Sequence[Item], kind: str, first: tuple[Arrival, Text] | None = None) -> dict[str, Any]:
    """Counts by rule, system and reason; the ids, the first alarms, and a sentence for people."""
    rules = Counter(item.record.rule for item in items)
    titles = {item.record.rule: item.record.title for item in items}
    causes = [wording.say("cause", title=titles[rule], count=count) for rule, count in rules.most_common(TOP)]
    text = wording.say(f"digest_{kind}", count=len(items), causes=wording.joined(causes, wording.texts()["comma"]))
    body: dict[str, Any] = {
        "kind": kind,
        "count": len(items),
        "reasons": dict(Counter(item.reason for item in items)),
        "rules": dict(rules.most_common()),
        "systems": dict(Counter(item.record.system for item in items).most_common()),
        "occurrences": [item.case.occurrence for item in items[:MOST_IDS]],
        "alarms": [_brief(item) for item in items[:MOST_ALARMS]],
    }
    if first is not None:
        arrival, title = first
        body["first_out"] = {"occurrence": arrival.occurrence, "rule": arrival.rule, "source": arrival.source}
        text = wording.joined([text, wording.say("began_with", title=title, source=arrival.source)])
    return body | {"text": wording.body(text)}


def _brief(item: Item) -> dict[str, Any]:
    record = item.record
    return {
        "occurrence": record.occurrence,
        "reason": item.reason,
        "rule": record.rule,
        "source": record.source,
        "severity": record.severity.word,
        "title": wording.body(record.title),
    }


def _weight(item: Item) -> tuple[int, int, str]:
    return item.record.severity, item.record.raised_ns, item.case.occurrence
