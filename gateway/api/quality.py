"""Route: alarm quality in a span, from the journal."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from alerts.notify.body import rfc3339
from gateway.api import quality_shapes
from gateway.api.answers import answer
from gateway.api.devices import parse_time
from gateway.api.guard import HouseOf, Viewer
from gateway.api.problems import Problem
from gateway.api.reading import HistoriesOf
from gateway.api.shapes import answers
from gateway.model import SECOND

router = APIRouter(prefix="/api/v1/kpi", tags=["records"])

WEEK_NS = 7 * 86_400 * SECOND
LONGEST_NS = 92 * 86_400 * SECOND


class Span(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=False)

    from_: Annotated[str | None, Field(alias="from", max_length=40, description="RFC 3339; a week before `to`.")] = None
    to: Annotated[str | None, Field(max_length=40, description="RFC 3339, not included; now.")] = None


@router.get("", responses=answers(quality_shapes.Kpi))
async def kpi(_: Viewer, house: HouseOf, histories: HistoriesOf, query: Annotated[Span, Query()]) -> Response:
    """Alarm quality (ISA-18.2, EEMUA 191) of at most 92 days, from the journal."""
    end = house.clock.now().wall_ns if query.to is None else parse_time(query.to, "to")
    begin = end - WEEK_NS if query.from_ is None else parse_time(query.from_, "from")
    if not 0 < end - begin <= LONGEST_NS:
        raise Problem(422, "`from` must lie before `to`, and at most 92 days before it")
    figures = await histories.run(house.kpi, begin, end)
    return answer({"from": rfc3339(begin), "to": rfc3339(end), **figures})
