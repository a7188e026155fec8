"""Answers: plain dictionaries, encoded once by msgspec."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from starlette.responses import Response

from alerts.notify.body import alarm_body, life_body, rfc3339, text_body
from gateway.api.current import CurrentValue
from gateway.api.house import AlarmRule, House
from gateway.health import DeviceHealth, HealthError, PointHealth
from gateway.model import SECOND, Device, Event, Health, Instant, Location, Occurrence, Part, Quality, Text
from gateway.store.history import Bucket, Change, History

ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")

DEVICES_AT_ONCE = 50  # then the loop turns: nobody who polls or judges waits for a list of a thousand

_encoder = msgspec.json.Encoder()


def answer(content: Any, status: int = 200) -> Response:
    return Response(_encoder.encode(content), status, media_type="application/json")


def listing(items: Sequence[Any], next_cursor: str | int | None = None) -> Response:
    return answer({"items": items, "next": next_cursor})


def page(rows: Sequence[Any], limit: int, cursor: Callable[[Any], Any]) -> tuple[Sequence[Any], Any]:
    """Of `limit` + 1 rows the first `limit`, and where the next page begins (None on the last)."""
    kept = rows[:limit]
    return kept, cursor(kept[-1]) if len(rows) > limit else None


def site_body(house: House) -> dict[str, Any]:
    """Which building this is, and how its gateway and devices are."""
    now = house.clock.now()
    counts = house.health.counts(now)
    return {
        "id": house.site.id,
        "name": text_body(house.site.name),
        "timezone": house.site.timezone,
        "language": house.site.language,
        "version": house.version,
        "now": rfc3339(now.wall_ns),
        "status": house.health.verdict(now),
        "systems": sorted({device.system for device in house.devices}),
        "devices": {health.value: counts[health] for health in Health},
    }


def device_body(device: Device, health: DeviceHealth) -> dict[str, Any]:
    """The Device of docs/design.md §6."""
    return {
        "id": device.id,
        "name": text_body(device.name),
        "system": device.system,
        "profile": device.profile,
        "location": place_body(device.location),
        "parts": [part_body(device, part) for part in device.parts.values()],
        "health": health.health.value,
        "since": rfc3339(health.since_wall_ns),
        "last_good_at": rfc3339(health.last_good_wall_ns),
        "age_s": seconds(health.age_ns),
        "poll_s": seconds(device.poll_ns or None),
        "error": None if health.error is None else cause_body(health.error),
        "success_ratio": health.success_ratio,
        "rtt_ms": {"p50": milliseconds(health.rtt.p50_ns), "p99": milliseconds(health.rtt.p99_ns)},
        "points": {
            "total": health.points.total,
            "good": health.points.good,
            "bad": health.points.bad,
            "not_fitted": health.points.not_fitted,
            "silent": health.points.silent,
        },
    }


def cause_body(cause: HealthError) -> dict[str, Any]:
    """Why a device is not well: `message` for programs, `why` for people."""
    return {
        "kind": cause.kind,
        "message": cause.message,
        "at": rfc3339(cause.at_wall_ns),
        "why": text_body(cause.why),
    }


def place_body(place: Location) -> dict[str, str | None]:
    return {"building": place.building, "floor": place.floor, "zone": place.zone}


def part_body(device: Device, part: Part) -> dict[str, Any]:
    """A part that the site names, at its own place or its device's."""
    name = None if part.name is None else text_body(part.name)
    return {"id": part.id, "name": name, "location": place_body(device.place(part.id))}


def value_body(current: CurrentValue, now: Instant) -> dict[str, Any]:
    """A point and its newest sample. `quality` null: not sampled since start. `value` is null whenever it is bad."""
    point = current.point
    return {
        "point": point.key,
        "part": point.part,
        "type": point.type.value,
        "unit": point.unit,
        "codes": list(point.codes),
        "value": current.value,
        **quality_body(current.quality),
        "at": None if current.at is None else rfc3339(current.at.wall_ns),
        "source_at": rfc3339(current.source_ns),
        "age_s": None if current.at is None else seconds(now.mono_ns - current.at.mono_ns),
    }


def point_body(current: CurrentValue, health: PointHealth | None, now: Instant) -> dict[str, Any]:
    """A point with its newest sample, and what health knows of it (nothing of its own point `health`)."""
    at = current.at
    if health is None:
        known: dict[str, Any] = {
            "last_good_at": None if at is None else rfc3339(at.wall_ns),
            "last_good_age_s": None if at is None else seconds(now.mono_ns - at.mono_ns),
            "period_s": None,
            "silent": False,
            "why": None,
        }
    else:
        known = {
            "last_good_at": rfc3339(health.last_good_wall_ns),
            "last_good_age_s": seconds(health.age_ns),
            "period_s": seconds(health.period_ns or None),
            "silent": health.silent,
            "why": None if health.why is None else text_body(health.why),
        }
    return value_body(current, now) | known


def quality_body(quality: int | None) -> dict[str, str | None]:
    """`quality` good, uncertain, bad or null (nothing there), and the `reason` of the latter two."""
    if quality is None:
        return {"quality": None, "reason": None}
    known = Quality(quality)
    return {"quality": known.grade, "reason": known.reason}


def alarm(occurrence: Occurrence, house: House) -> dict[str, Any]:
    """The Alarm of docs/design.md §6, with its rule's guidance and the place of what it is about."""
    rule = house.rules.get(occurrence.rule)
    name, _, part = occurrence.source.partition("/")
    device = house.by_id.get(name)
    place = Location() if device is None else device.place(part or None)
    return {
        **alarm_body(occurrence, None if rule is None else guidance_body(rule)),
        "part": part or None,
        "location": place_body(place),
    }


def alarm_with_life(occurrence: Occurrence, house: House) -> dict[str, Any]:
    """An alarm, and how it went on and ended."""
    return alarm(occurrence, house) | {"life": life_body(occurrence)}


def as_now(rows: Sequence[Occurrence], house: House) -> list[Occurrence]:
    """Committed alarms with the values of this moment: those move without a row of the journal.

    Not of an alarm that has changed since the row: it would show the value of one state beside another state.
    """
    return at_present(rows, judged(house)) if rows else []


def judged(house: House) -> dict[str, Occurrence]:
    """The open alarms as they are judged now, for `at_present`. On the loop's thread only."""
    return {now.occurrence: now for now in house.live()}


def at_present(rows: Sequence[Occurrence], now: Mapping[str, Occurrence]) -> list[Occurrence]:
    return [_as_now(row, now.get(row.occurrence)) for row in rows]


def _as_now(row: Occurrence, now: Occurrence | None) -> Occurrence:
    if now is None or now.seq != row.seq:
        return row
    return replace(row, value=now.value, peak=now.peak, condition=now.condition, held=now.held)


def guidance_body(rule: AlarmRule) -> dict[str, Any] | None:
    """The rationalisation record; `time_to_respond` becomes seconds."""
    guidance = rule.guidance
    if guidance is None:
        return None
    fields = dict(guidance)  # a pydantic model gives its fields, a mapping its items
    shown: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "time_to_respond":
            shown["time_to_respond_s"] = seconds(value)
        else:
            shown[name] = text_body(value) if isinstance(value, Text) else value
    return shown


def event_body(event: Event) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "at": rfc3339(event.at.wall_ns),
        "kind": event.kind,
        "occurrence": event.occurrence,
        "rule": event.rule,
        "source": event.source,
        "by": event.by,
        "body": dict(event.body),
    }


def history_body(history: History) -> dict[str, Any]:
    """`kind` buckets (numbers: extremes, mean, last) or changes (all else). A gap is an item without quality."""
    numeric = not history.changes
    items = (
        [_bucket_body(bucket) for bucket in history.buckets]
        if numeric
        else [_change_body(change) for change in history.changes]
    )
    return {
        "device": history.device,
        "point": history.point,
        "type": None if history.type is None else history.type.value,
        "unit": history.unit,
        "from": rfc3339(history.from_ns),
        "to": rfc3339(history.to_ns),
        "kind": "buckets" if numeric else "changes",
        "truncated": history.truncated,
        "items": items,
        "next": None,
    }


def _bucket_body(bucket: Bucket) -> dict[str, Any]:
    return {
        "from": rfc3339(bucket.from_ns),
        "to": rfc3339(bucket.to_ns),
        "count": bucket.count,
        "bad": bucket.bad,
        "min": bucket.min,
        "min_at": rfc3339(bucket.min_ns),
        "max": bucket.max,
        "max_at": rfc3339(bucket.max_ns),
        "mean": bucket.mean,
        "last": bucket.last,
        "last_at": rfc3339(bucket.last_ns),
        "late": bucket.late,
        **quality_body(bucket.quality),
    }


def _change_body(change: Change) -> dict[str, Any]:
    at = rfc3339(change.at_ns)
    return {"at": at, "value": change.value, "late": change.late, **quality_body(change.quality)}


def seconds(ns: int | None) -> float | None:
    return None if ns is None else round(ns / SECOND, 3)


def milliseconds(ns: int | None) -> float | None:
    return None if ns is None else round(ns / 1_000_000, 3)
