"""Answers about units and links: what their drivers reported, and why they are not well."""

from __future__ import annotations

import re
from typing import Any

from alerts.notify.body import rfc3339, text_body
from gateway.api.answers import milliseconds, seconds
from gateway.health import LinkHealth, UnitHealth
from gateway.model import Announced, Instant, LinkError, Refused

_NOT_OF_AN_ID = re.compile(r"[^a-z0-9]+")
LONGEST_ID = 64


def link_body(link: LinkHealth, now: Instant) -> dict[str, Any]:
    """The Link of docs/api.md."""
    report = link.report
    return {
        "link": report.link,
        "endpoint": report.endpoint,
        "connected": report.connected,
        "connects": report.connects,
        "error": error_body(report.error),
        "why": None if link.why is None else text_body(link.why),
        "down_s": None if report.lost_at_ns is None else seconds(max(0, now.mono_ns - report.lost_at_ns)),
        "busy": report.busy,
        "counts": dict(report.counts),
        "units": [unit_body(unit, now) for unit in link.units],
        "announced": [announced_body(report.link, one) for one in report.announced],
    }


def unit_body(unit: UnitHealth, now: Instant) -> dict[str, Any]:
    """The Unit of docs/api.md."""
    report = unit.report
    good, again = report.last_good_mono_ns, report.backoff_until_ns
    return {
        "link": unit.link,
        "endpoint": unit.endpoint,
        "name": report.name,
        "unit": report.unit,
        "devices": list(report.devices),
        "variant": report.variant,
        "available": report.available,
        "polls": report.polls,
        "good": report.good,
        "overruns": report.overruns,
        "misses": report.misses,
        "errors": {kind.value: count for kind, count in report.errors.items()},
        "exceptions": dict(report.exceptions),
        "error": error_body(report.error),
        "last_error": error_body(report.last_error),
        "why": None if unit.why is None else text_body(unit.why),
        "last_good_at": rfc3339(report.last_good_wall_ns),
        "last_good_age_s": None if good is None else seconds(now.mono_ns - good),
        "backoff_until": None if again is None else rfc3339(_wall_ns(again, now)),
        "rtt_ms": {"p50": milliseconds(unit.rtt.p50_ns), "p99": milliseconds(unit.rtt.p99_ns)},
        "refused": [refused_body(one, now) for one in report.refused],
    }


def refused_body(refused: Refused, now: Instant) -> dict[str, Any]:
    """Registers left out of the polls."""
    return {
        "where": refused.where,
        "why": refused.why,
        "since": rfc3339(refused.since_wall_ns),
        "again_at": rfc3339(_wall_ns(refused.again_ns, now)),
    }


def announced_body(link: str, announced: Announced) -> dict[str, Any]:
    """A device that has announced itself, with what the site file would say of it."""
    return {
        "profile": announced.profile,
        "topic": announced.topic,
        "variables": dict(announced.variables),
        "at": rfc3339(announced.at_wall_ns),
        "known": announced.known,
        "available": announced.available,
        "snippet": None if announced.known else site_snippet(link, announced),
    }


def site_snippet(link: str, announced: Announced) -> str:
    """An entry for `devices:` of the site file. What a stranger has sent stands in quotes."""
    told = "-".join([announced.profile, *(value for _, value in sorted(announced.variables.items()))])
    name = _NOT_OF_AN_ID.sub("-", told.lower()).strip("-")[:LONGEST_ID].strip("-") or "device"
    variables = ", ".join(f"{key}: {_quoted(value)}" for key, value in announced.variables.items())
    return f"  {name}:\n    profile: {announced.profile}\n    link: {link}\n    vars: {{{variables}}}\n"


def error_body(error: LinkError | None) -> dict[str, Any] | None:
    """What went wrong with a link or a unit, as its driver said it."""
    if error is None:
        return None
    return {"kind": error.kind.value, "message": error.message, "at": rfc3339(error.at_wall_ns)}


def _wall_ns(mono_ns: int, now: Instant) -> int:
    return now.wall_ns - now.mono_ns + mono_ns


def _quoted(text: str) -> str:
    """A double-quoted scalar of YAML."""
    shown = (one if one.isprintable() and one not in '"\\' else f"\\U{ord(one):08X}" for one in text)
    return f'"{"".join(shown)}"'
