"""Route: reading the rules anew while the gateway runs."""

from __future__ import annotations

import anyio
from fastapi import APIRouter
from starlette.responses import Response

from gateway.api import reload_shapes
from gateway.api.answers import answer
from gateway.api.guard import Engineer, HouseOf
from gateway.api.problems import Problem
from gateway.api.reloaded import Reloaded, ReloadRefused
from gateway.api.shapes import answers

SHARE_OF_REQUEST = 0.8
"""Of the time that a request may take; what takes longer goes on without its caller."""

router = APIRouter(prefix="/api/v1", tags=["records"])


_ANSWERS = answers(reload_shapes.Reloaded) | {202: {"model": reload_shapes.Reloading}}


@router.post("/reload", responses=_ANSWERS)
async def reload(by: Engineer, house: HouseOf) -> Response:
    """Read rules, maintenance and calendar anew: all or nothing. 202: still reading, the journal tells its end."""
    outcome: Reloaded | None = None
    with anyio.move_on_after(house.options.request_seconds * SHARE_OF_REQUEST):
        try:
            outcome = await house.reload(by.name)
        except ReloadRefused as refused:
            errors = [
                {"loc": [place.file, str(place.line), str(place.col)], "message": place.message}
                for place in refused.places
            ]
            raise Problem(
                409, "the files are refused, the rules of before go on", code="reload_refused", errors=errors
            ) from None
    if outcome is None:
        return answer({"state": "reading"}, 202)
    return answer(outcome.body())
