"""Routes: the links with their units, and the messages that no sample could be made of."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from alerts.notify.body import rfc3339
from gateway.api import shapes
from gateway.api.answers import answer, listing, milliseconds, seconds
from gateway.api.guard import Engineer, HouseOf, Viewer
from gateway.api.reading import ReadingOf
from gateway.api.shapes import answers
from gateway.model import Instant, LinkError, LinkReport, Quarantined, UnitReport

router = APIRouter(prefix="/api/v1", tags=["links"])


class QuarantineQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=100)] = 20


@router.get("/links", responses=answers(shapes.Listing[shapes.Link]))
async def links(_: Viewer, house: HouseOf) -> Response:
    """The links as their drivers reported them last: who is reached over them, and what went wrong."""
    now = house.clock.now()
    return listing([link_body(report, now) for report in sorted(house.health.links(), key=lambda one: one.link)])


@router.get("/quarantine", responses=answers(shapes.Listing[shapes.Quarantined]))
async def quarantine(
    _: Engineer, house: HouseOf, reading: ReadingOf, query: Annotated[QuarantineQuery, Query()]
) -> Response:
    """The newest messages that were kept aside because they are no samples, newest first."""

    def read() -> Response:
        kept = house.quarantined(query.limit)
        return answer({"items": [aside_body(number, message) for number, message in kept], "next": None})

    return await reading.run(read)


def link_body(report: LinkReport, now: Instant) -> dict[str, Any]:
    """The Link of docs/api.md."""
    return {
        "link": report.link,
        "endpoint": report.endpoint,
        "connected": report.connected,
        "connects": report.connects,
        "error": error_body(report.error),
        "down_s": None if report.lost_at_ns is None else seconds(max(0, now.mono_ns - report.lost_at_ns)),
        "counts": dict(report.counts),
        "units": [unit_body(unit) for unit in report.units],
    }


def unit_body(unit: UnitReport) -> dict[str, Any]:
    return {
        "name": unit.name,
        "unit": unit.unit,
        "devices": list(unit.devices),
        "available": unit.available,
        "polls": unit.polls,
        "good": unit.good,
        "overruns": unit.overruns,
        "errors": {kind.value: count for kind, count in unit.errors.items()},
        "error": error_body(unit.error),
        "last_error": error_body(unit.last_error),
        "last_good_at": rfc3339(unit.last_good_wall_ns),
        "rtt_ms": {"p50": _percentile(unit, 0.50), "p99": _percentile(unit, 0.99)},
    }


def error_body(error: LinkError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {"kind": error.kind.value, "message": error.message, "at": rfc3339(error.at_wall_ns)}


def aside_body(number: int, kept: Quarantined) -> dict[str, Any]:
    """The message whole: its sender's mistake can only be found in its bytes."""
    return {
        "number": number,
        "at": rfc3339(kept.at.wall_ns),
        "link": kept.link,
        "topic": kept.topic,
        "reason": kept.reason,
        "message": kept.message,
        "size": len(kept.payload),
        "payload": b64encode(kept.payload).decode("ascii"),
        "text": printable(kept.payload),
    }


def printable(payload: bytes) -> str | None:
    """The payload as text, None when it holds anything but letters, signs, blanks and ends of lines."""
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if text and all(one.isprintable() or one in "\t\r\n" for one in text) else None


def _percentile(unit: UnitReport, share: float) -> float | None:
    """Nearest rank."""
    times = sorted(unit.rtt_ns)
    return milliseconds(times[round((len(times) - 1) * share)]) if times else None
