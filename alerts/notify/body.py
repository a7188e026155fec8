"""How an alarm and a notice look in JSON, on every channel and in the API."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from gateway.model import SECOND, Mute, Notice, Occurrence, Text, Truth

_TRUTHS = {True: "true", False: "false", None: "unknown"}


def rfc3339(ns: int | None) -> str | None:
    """A wall time as `2026-11-23T13:30:33.123456Z`."""
    if ns is None:
        return None
    seconds, rest = divmod(ns, SECOND)
    return f"{_whole(seconds)}.{rest // 1000:06d}Z"


@lru_cache(4096)  # a listing repeats the same few seconds
def _whole(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def text_body(text: Text) -> dict[str, str]:
    return {"en": text.en, "zh": text.zh}


def truth_body(truth: Truth) -> str:
    """UNKNOWN is said, not left to a null that a reader may take for false."""
    return _TRUTHS[truth]


def mute_body(mute: Mute) -> dict[str, Any]:
    return {
        "kind": mute.kind,
        "reason": mute.reason,
        "by": mute.by,
        "until": rfc3339(mute.until_wall_ns),
        "one_shot": mute.one_shot,
    }


def alarm_body(occurrence: Occurrence, guidance: Any = None) -> dict[str, Any]:
    """The Alarm of docs/design.md §6. `condition` is a word: true, false or unknown."""
    return {
        "occurrence": occurrence.occurrence,
        "rule": occurrence.rule,
        "source": occurrence.source,
        "system": occurrence.system,
        "severity": occurrence.severity.word,
        "class": occurrence.class_.value,
        "state": occurrence.state.value,
        "condition": truth_body(occurrence.condition),
        "latched": occurrence.latched,
        "acked_by": occurrence.acked_by,
        "raised_at": rfc3339(occurrence.raised_ns),
        "active_at": rfc3339(occurrence.active_ns),
        "returned_at": rfc3339(occurrence.returned_ns),
        "value": occurrence.value,
        "limit": occurrence.limit,
        "unit": occurrence.unit,
        "title": text_body(occurrence.title),
        "guidance": guidance,
        "mutes": [mute_body(mute) for mute in occurrence.mutes],
        "seq": occurrence.seq,
    }


def life_body(occurrence: Occurrence) -> dict[str, Any]:
    """What a reader of one occurrence wants besides: how it went on and how it ended."""
    return {
        "acked_at": rfc3339(occurrence.acked_ns),
        "closed_at": rfc3339(occurrence.closed_ns),
        "close_reason": occurrence.close_reason,
        "peak": occurrence.peak,
        "announced": occurrence.announced,
        "held": occurrence.held,
        "chatter": occurrence.chatter,
        "chattering": occurrence.chattering,
    }


def notice_body(notice: Notice, site: str) -> dict[str, Any]:
    """What a webhook receives. `about` is what belongs to its reason: a digest's alarms, an end's duration, a step."""
    return {
        "site": site,
        "seq": notice.seq,
        "reason": notice.reason,
        "step": notice.step,
        "about": dict(notice.body),
        "at": rfc3339(notice.at.wall_ns),
        "alarm": alarm_body(notice.occurrence) | {"life": life_body(notice.occurrence)},
    }
