"""Route: how annunciation stands."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from gateway.api.annunciation_shapes import Annunciation
from gateway.api.answers import answer
from gateway.api.guard import HouseOf, Viewer
from gateway.api.shapes import answers

router = APIRouter(prefix="/api/v1", tags=["alarms"])


@router.get("/annunciation", responses=answers(Annunciation))
async def annunciation(_: Viewer, house: HouseOf) -> Response:
    """Whether there is a flood, what chatters, what waits to be said and until when, and who is called next."""
    return answer(house.annunciation())
