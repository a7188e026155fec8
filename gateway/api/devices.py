"""Routes: the site, its devices, their points now and before."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gateway.api import shapes
from gateway.api.answers import (
    DEVICES_AT_ONCE,
    answer,
    cause_body,
    device_body,
    history_body,
    listing,
    page,
    point_body,
    site_body,
)
from gateway.api.guard import HouseOf, Viewer
from gateway.api.house import House
from gateway.api.problems import Problem
from gateway.api.reading import HistoriesOf
from gateway.api.shapes import answers
from gateway.api.units import unit_body
from gateway.model import SECOND, Device, Health

LONGEST_NS = 31 * 86_400 * SECOND
DEFAULT_NS = 3_600 * SECOND
YEARS = range(1970, 2200)  # what 64 bits of nanoseconds can tell, with room for what is added

router = APIRouter(prefix="/api/v1", tags=["devices"])


class DeviceQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    system: Annotated[str | None, Field(max_length=64)] = None
    health: Health | None = None
    after: Annotated[str | None, Field(max_length=64, description="The last device's id of the page before.")] = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class HistoryQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    from_: Annotated[str | None, Field(alias="from", max_length=40, description="RFC 3339; an hour before `to`.")] = (
        None
    )
    to: Annotated[str | None, Field(max_length=40, description="RFC 3339; now.")] = None
    max_points: Annotated[int, Field(ge=1, le=10_000)] = 1500


@router.get("/site", responses=answers(shapes.Site))
async def site(_: Viewer, house: HouseOf) -> Response:
    """Which building this is, and how its gateway and devices are."""
    return answer(site_body(house))


@router.get("/devices", responses=answers(shapes.Listing[shapes.Device]))
async def devices(_: Viewer, house: HouseOf, query: Annotated[DeviceQuery, Query()]) -> Response:
    """The devices in order of their ids, each with its health."""
    now = house.clock.now()
    chosen = sorted(
        (
            device
            for device in house.devices
            if (query.system is None or device.system == query.system)
            and (query.after is None or device.id > query.after)
            and (query.health is None or house.health.state(device.id, now) is query.health)
        ),
        key=lambda device: device.id,
    )
    kept, after = page(chosen, query.limit, lambda device: device.id)
    bodies = []
    for start in range(0, len(kept), DEVICES_AT_ONCE):
        at, some = house.clock.now(), kept[start : start + DEVICES_AT_ONCE]
        bodies += [device_body(device, house.health.brief(device.id, at)) for device in some]
        await asyncio.sleep(0)
    return listing(bodies, after)


@router.get("/devices/{device}", responses=answers(shapes.DeviceWithUnits))
async def device(_: Viewer, house: HouseOf, device: str) -> Response:
    """One device, all that is wrong with it, and the units that it lives on."""
    found = find_device(house, device)
    now = house.clock.now()
    health = house.health.device(found.id, now)
    more = {
        "causes": [cause_body(cause) for cause in health.causes],
        "notes": [cause_body(note) for note in health.notes],
        "units": [unit_body(unit, now) for unit in house.health.units(found.id, now)],
    }
    return answer(device_body(found, health) | more)


@router.get("/devices/{device}/points", responses=answers(shapes.Listing[shapes.PointNow]))
async def points(_: Viewer, house: HouseOf, device: str) -> Response:
    """The newest sample of each point, when it was last good, and why it is not.

    A device that is stale or offline keeps showing them, with their age.
    """
    found = find_device(house, device)
    now = house.clock.now()
    known = {point.key: point for point in house.health.points(found.id, now)}
    values = house.current.values(found.id)
    return listing([point_body(value, known.get(value.point.key), now) for value in values])


@router.get("/points/{device}/{point:path}/history", responses=answers(shapes.History))
async def history(
    _: Viewer,
    house: HouseOf,
    reading: HistoriesOf,
    device: str,
    point: Annotated[str, Path(description="`name`, or `part/name`.")],
    query: Annotated[HistoryQuery, Query()],
) -> Response:
    """At most 31 days, in at most `max_points` pieces that keep the extremes."""
    found = find_device(house, device)
    if all(known.key != point for known in found.points):
        raise Problem(404, "this device has no such point")
    to_ns = house.clock.now().wall_ns if query.to is None else parse_time(query.to, "to")
    from_ns = to_ns - DEFAULT_NS if query.from_ is None else parse_time(query.from_, "from")
    if not from_ns < to_ns:
        raise Problem(422, "`from` must be before `to`")
    if to_ns - from_ns > LONGEST_NS:
        raise Problem(422, "at most 31 days at once")

    def read() -> Response:
        # ten thousand buckets as JSON take the loop 70 ms: a few such callers and no device is read any more
        return answer(history_body(house.history(found.id, point, from_ns, to_ns, query.max_points)))

    return await reading.run(read)


def find_device(house: House, name: str) -> Device:
    found = house.by_id.get(name)
    if found is None:
        raise Problem(404, "there is no such device")
    return found


def parse_time(text: str, name: str) -> int:
    """RFC 3339 with its zone → ns; Problem 422 otherwise."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None or "T" not in text.upper() or moment.year not in YEARS:
            raise ValueError(text)
        whole = int(moment.replace(microsecond=0).timestamp())
    except (ValueError, OverflowError):
        message = "a time with its zone is expected, as 2026-11-23T08:00:00Z (write + as %2B), from 1970 to 2199"
        raise Problem(422, f"`{name}`: {message}") from None
    return whole * SECOND + moment.microsecond * 1000
