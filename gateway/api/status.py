"""Routes: /healthz for whoever watches the gateway, /metrics for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.api import shapes
from gateway.api.answers import answer
from gateway.api.guard import HouseOf, Viewer
from gateway.api.house import House
from gateway.api.metrics import MEDIA_TYPE, Family, render, single
from gateway.api.reading import ReadingOf
from gateway.api.shapes import answers
from gateway.model import Health, Occurrence

MOST_ALARMS = 10_000

router = APIRouter(tags=["status"])


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", responses=answers(shapes.Status) | {503: {"model": shapes.Status}})
async def healthz(house: HouseOf) -> Response:
    """ok, degraded, or failed with 503: the gateway's own state, not its devices'. Open to all, so it says no more."""
    status = house.health.verdict(house.clock.now())
    return answer({"status": status}, 503 if status == "failed" else 200)


@router.get("/metrics")
async def metrics(_: Viewer, house: HouseOf, reading: ReadingOf, request: Request) -> Response:
    """The Prometheus text format."""
    alarms = await reading.run(house.records.occurrences, open_only=True, limit=MOST_ALARMS)
    families = [*house_families(house), alarm_family(alarms), *link_families(house)]
    answered = [({"status": str(status)}, float(count)) for status, count in sorted(request.app.state.answers.items())]
    families.append(Family("anlou_http_answers_total", "counter", "Answers of this API by status.", answered))
    families += request.app.state.streams.families()
    for supplier in house.metrics:
        families += supplier()
    return Response(render(families), media_type=MEDIA_TYPE)


def house_families(house: House) -> Iterator[Family]:
    """The gateway's own numbers and the devices' states."""
    status = house.health.gateway_status
    now = house.clock.now()
    counts = house.health.counts(now)
    up = 0.0 if house.health.verdict(now) == "failed" else 1.0
    yield single("anlou_up", "gauge", "0 while /healthz says failed.", up)
    yield single("anlou_frames_total", "counter", "Frames judged and stored.", house.current.frames)
    yield single("anlou_outbox_pending", "gauge", "Notices that wait for delivery.", status.outbox_pending)
    yield single("anlou_writer_queue_depth", "gauge", "Frames that wait for the writer.", status.queue_depth)
    yield single("anlou_loop_lag_seconds", "gauge", "How late the event loop is.", status.loop_lag_s)
    if status.disk_used is not None:
        yield single("anlou_disk_used_percent", "gauge", "Of the file system with the stores.", status.disk_used)
    by_health = [({"health": health.value}, float(counts[health])) for health in Health]
    yield Family("anlou_devices", "gauge", "Devices by health.", by_health)


def alarm_family(alarms: Sequence[Occurrence]) -> Family:
    counts = Counter((alarm.state.value, alarm.severity.word) for alarm in alarms)
    samples = [({"state": state, "severity": word}, float(count)) for (state, word), count in sorted(counts.items())]
    return Family("anlou_alarms", "gauge", "Open alarms.", samples)


def link_families(house: House) -> Iterator[Family]:
    """What the drivers report of links and units."""
    links = house.health.links()
    yield Family("anlou_link_up", "gauge", "Connected.", [({"link": one.link}, float(one.connected)) for one in links])
    connects = [({"link": one.link}, float(one.connects)) for one in links]
    yield Family("anlou_link_connects_total", "counter", "Connections made.", connects)
    counts = [({"link": one.link, "count": name}, float(count)) for one in links for name, count in one.counts.items()]
    yield Family("anlou_link_messages_total", "counter", "What a link counts of its messages.", counts)
    units = [({"link": one.link, "unit": unit.name}, unit) for one in links for unit in one.units]
    polls = [(labels, float(unit.polls)) for labels, unit in units]
    yield Family("anlou_unit_polls_total", "counter", "Polls.", polls)
    good = [(labels, float(unit.good)) for labels, unit in units]
    yield Family("anlou_unit_polls_good_total", "counter", "Polls with a good answer.", good)
    overruns = [(labels, float(unit.overruns)) for labels, unit in units]
    yield Family("anlou_unit_overruns_total", "counter", "Polls skipped: the one before was not done.", overruns)
    errors = [
        ({**labels, "kind": kind.value}, float(count)) for labels, unit in units for kind, count in unit.errors.items()
    ]
    yield Family("anlou_unit_errors_total", "counter", "Failed requests by kind.", errors)
