"""What the running gateway has said of itself, as findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.cli.doctor_finding import Finding, Level, fails, fine, warns
from gateway.model import Text
from gateway.texts import both

# whoever feeds it cannot be read, although something else still does feed it
_UNREAD = frozenset({"connect", "timeout", "bad_reply", "crc", "identity", "unavailable"})
_LEVELS = {"down": Level.FAILS, "offline": Level.FAILS, "stale": Level.WARNS, "degraded": Level.WARNS}


def told(answer: Mapping[str, Any]) -> Iterator[Finding]:
    """`answer` is that of gateway.app.doctor."""
    status = {"status": answer["status"], "version": answer["version"]}
    say = {"ok": fine, "degraded": warns, "failed": fails}[answer["status"]]
    yield say("gateway", "running", **status)
    for problem in answer["problems"]:
        yield Finding("gateway", Level.FAILS if answer["status"] == "failed" else Level.WARNS, Text(**problem), None)
    if answer["dead_notices"]:
        yield fails("gateway", "dead_notices", count=answer["dead_notices"])
    if not answer["has_tokens"]:
        yield warns("gateway", "no_tokens")
    for one in answer["sick"]:
        why = Text(**one["why"]) if one["why"] else Text("", "")
        if one["what"] == "note":
            yield Finding("device", Level.FINE, both("doctor_note", id=one["id"], why=why), None)
            continue
        state = both(one["state"]) if one["what"] == "device" else both("doctor_link_state")
        what = both("doctor_sick", id=one["id"], state=state, why=why)
        level = Level.FAILS if one.get("kind") in _UNREAD else _LEVELS[one["state"]]
        yield Finding(one["what"], level, what, None)
    if answer["left_out"]:
        yield warns("device", "left_out", count=answer["left_out"])
    if not answer["sick"] and not answer["left_out"]:
        counts = answer["devices"]
        yield fine("device", "all_well", online=counts["online"], total=sum(counts.values()) - counts["disabled"])
