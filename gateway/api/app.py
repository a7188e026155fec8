"""create_app: the routes, their guards and their limits around one house."""

from __future__ import annotations

from collections import Counter

from fastapi import FastAPI

from gateway.api import (
    alarms,
    annunciation,
    devices,
    docs,
    explained,
    links,
    muting,
    quality,
    records,
    reload,
    status,
    stream,
)
from gateway.api.guard import refuse_unguarded
from gateway.api.house import House
from gateway.api.limits import Limits
from gateway.api.problems import install_problems
from gateway.api.reading import Reading
from gateway.api.streams import Pace, Streams

ROUTERS = (
    status.router,
    devices.router,
    alarms.router,
    explained.router,
    annunciation.router,
    muting.router,
    records.router,
    reload.router,
    quality.router,
    links.router,
    stream.router,
    docs.router,
)
IDENTIFIERS = 2  # threads that only look up tokens: an acknowledgement must not queue behind somebody's history
HISTORIES = 1  # thread: it shares the interpreter with the loop that judges alarms, half and half at worst
REPLAYS = 1  # thread, for the same reason; apart from histories, so that a screen need not wait for somebody's month
OPEN = frozenset({"/healthz", "/docs", "/docs/start.js", "/docs/{name}"})


def create_app(house: House, pace: Pace | None = None) -> FastAPI:
    """The ASGI application. It starts nothing and opens nothing; `gateway.api.server.serve` runs it and its streams."""
    app = FastAPI(
        title="AnLou",
        version="1",
        summary="Safety-monitoring gateway of a residential building",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.house = house
    app.state.reading = Reading()
    app.state.histories = Reading(HISTORIES)
    app.state.identifying = Reading(IDENTIFIERS)
    app.state.replaying = Reading(REPLAYS)
    app.state.streams = Streams(house, pace or Pace.within(house.options.request_seconds))
    app.state.answers = Counter()
    install_problems(app)
    for router in ROUTERS:
        refuse_unguarded(router.routes, OPEN)
        app.include_router(router)
    app.add_middleware(Limits, options=house.options, answers=app.state.answers)
    return app
