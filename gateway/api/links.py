"""Routes: the links with their units, and the messages that no sample could be made of."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from alerts.notify.body import rfc3339
from gateway.api import shapes
from gateway.api.answers import answer, listing
from gateway.api.guard import Engineer, HouseOf, Viewer
from gateway.api.reading import ReadingOf
from gateway.api.shapes import answers
from gateway.api.units import link_body
from gateway.model import Quarantined

router = APIRouter(prefix="/api/v1", tags=["links"])


class QuarantineQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=100)] = 20


@router.get("/links", responses=answers(shapes.Listing[shapes.Link]))
async def links(_: Viewer, house: HouseOf) -> Response:
    """The links as their drivers reported them last: who is reached over them, who is not and why, who is new."""
    now = house.clock.now()
    return listing([link_body(link, now) for link in house.health.link_healths(now)])


@router.get("/quarantine", responses=answers(shapes.Listing[shapes.Quarantined]))
async def quarantine(
    _: Engineer, house: HouseOf, reading: ReadingOf, query: Annotated[QuarantineQuery, Query()]
) -> Response:
    """The newest messages that were kept aside because they are no samples, newest first."""

    def read() -> Response:
        kept = house.quarantined(query.limit)
        return answer({"items": [aside_body(number, message) for number, message in kept], "next": None})

    return await reading.run(read)


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
