"""Route: the live stream. First what was missed, then how everything stands, then every change."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gateway.api import shapes
from gateway.api.guard import HouseOf, Viewer, secret_hash
from gateway.api.house import House
from gateway.api.listener import EventStream
from gateway.api.points import Watched
from gateway.api.problems import Problem
from gateway.api.shapes import answers
from gateway.api.telling import Listener

MOST_POINTS = 64
LARGEST_SEQ = 2**63
_NUMBER = re.compile(r"[0-9]{1,19}")  # isdigit() would let other scripts' digits through

router = APIRouter(prefix="/api/v1", tags=["stream"])


class StreamQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    points: Annotated[
        str | None,
        Field(max_length=8192, description=f"`device/point,…`, at most {MOST_POINTS}: their newest samples."),
    ] = None
    last_event_id: Annotated[
        str | None, Field(max_length=64, description="As the header, for tools that cannot send one.")
    ] = None


HEADER = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The last `id` that you have; it goes before `last_event_id`.",
    "schema": {"type": "string", "pattern": "^[0-9]{1,19}$"},
}
ANSWER = "Server-Sent Events; the schema says by an event's name what its `data` holds."


@router.get(
    "/stream",
    status_code=200,
    response_class=EventStream,
    responses=answers(shapes.Frames),
    openapi_extra={"parameters": [HEADER]},
    response_description=ANSWER,
)
async def stream(by: Viewer, house: HouseOf, request: Request, query: Annotated[StreamQuery, Query()]) -> Response:
    """Server-Sent Events without end. Come back with the last `id`: no row of the journal is missed or told twice."""
    since = last_event_id(request.headers.getlist("last-event-id"), query.last_event_id)
    watched = find_points(house, query.points)
    return EventStream(request.app.state, Listener(by, secret_hash(request), since, watched))


def last_event_id(headers: list[str], asked: str | None) -> int | None:
    """The row after which to go on, None for none. An `EventSource` keeps its address and renews only the header."""
    if len(headers) > 1:
        raise Problem(422, "Last-Event-ID stands twice")
    text = headers[0] if headers else asked
    if not text:
        return None
    if not _NUMBER.fullmatch(text) or int(text) >= LARGEST_SEQ:
        raise Problem(422, "Last-Event-ID is the number of a row of the journal")
    return int(text)


def find_points(house: House, asked: str | None) -> tuple[Watched, ...]:
    """The points asked for, each once."""
    found: dict[str, Watched] = {}
    for written in (asked or "").split(",") if asked else ():
        name, _, key = written.partition("/")
        device = house.by_id.get(name)
        point = None if device is None else next((one for one in device.points if one.key == key), None)
        if point is None:
            raise Problem(422, f"`points`: there is no {written[:80]!r}; write device/point, or device/part/point")
        found[written] = Watched(name, point)
    if len(found) > MOST_POINTS:
        raise Problem(422, f"at most {MOST_POINTS} points in one stream")
    return tuple(found.values())
