"""Routes: the journal, and the rules."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from alerts.notify.body import text_body
from gateway.api import shapes
from gateway.api.answers import event_body, guidance_body, listing, page
from gateway.api.guard import HouseOf, Viewer
from gateway.api.reading import ReadingOf
from gateway.api.shapes import answers

router = APIRouter(prefix="/api/v1", tags=["records"])


class EventQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    after: Annotated[int, Field(ge=0, lt=2**63, description="The last `seq` that the caller has.")] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


@router.get("/events", responses=answers(shapes.Listing[shapes.Event]))
async def events(_: Viewer, house: HouseOf, reading: ReadingOf, query: Annotated[EventQuery, Query()]) -> Response:
    """The journal, oldest first."""

    def read() -> Response:
        rows = house.records.events(query.after, query.limit + 1)
        kept, after = page(rows, query.limit, lambda row: row.seq)
        return listing([event_body(row) for row in kept], after)

    return await reading.run(read)


@router.get("/rules", responses=answers(shapes.Listing[shapes.Rule]))
async def rules(_: Viewer, house: HouseOf) -> Response:
    """Each rule with what it watches now, and where it could not be bound and why."""
    watched: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in house.rules_view():
        watched[row["rule"]].append({name: value for name, value in row.items() if name != "rule"})
    missing: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for unbound in house.unbound:
        missing[unbound.rule].append({"source": unbound.source, "why": unbound.why})
    return listing(
        [
            {
                "rule": name,
                "title": text_body(rule.title),
                "severity": rule.severity.word,
                "class": rule.class_.value,
                "guidance": guidance_body(rule),
                "instances": watched[name],
                "unbound": missing[name],
            }
            for name, rule in sorted(house.rules.items())
        ]
    )
