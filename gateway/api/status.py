"""Routes: /healthz for whoever watches the gateway, /metrics for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.api import shapes
from gateway.api.answers import answer
from gateway.api.guard import HouseOf, Viewer
from gateway.api.measures import device_families, house_families, link_families, unit_families
from gateway.api.metrics import MEDIA_TYPE, Family, render
from gateway.api.reading import ReadingOf
from gateway.api.shapes import answers
from gateway.model import Occurrence

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
    links = house.health.links()
    families = [*house_families(house), *device_families(house), alarm_family(alarms)]
    answered = [({"status": str(status)}, float(count)) for status, count in sorted(request.app.state.answers.items())]
    families.append(Family("anlou_http_answers_total", "counter", "Answers of this API by status.", answered))
    families += request.app.state.streams.families()
    for supplier in house.metrics:
        families += supplier()

    def written() -> str:
        # a thousand units are 17,000 lines; what they are made of changes no more
        return render([*families, *link_families(links), *unit_families(links)])

    return Response(await reading.run(written), media_type=MEDIA_TYPE)


def alarm_family(alarms: Sequence[Occurrence]) -> Family:
    counts = Counter((alarm.state.value, alarm.severity.word) for alarm in alarms)
    samples = [({"state": state, "severity": word}, float(count)) for (state, word), count in sorted(counts.items())]
    return Family("anlou_alarms", "gauge", "Open alarms.", samples)
