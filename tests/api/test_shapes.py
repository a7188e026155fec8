"""The documented shapes are the real ones: each route's answer is read back with its own documentation."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from gateway.api import annunciation_shapes, muting_shapes, quality_shapes, shapes
from gateway.api.house import House
from gateway.model import Frame, LinkReport, Mute, Quality, UnitReport
from tests.api.conftest import IDS, WALL, WATER_LAYOUT, Journal, occurrence

GETS: dict[str, type[BaseModel]] = {
    "/healthz": shapes.Status,
    "/api/v1/site": shapes.Site,
    "/api/v1/devices": shapes.Listing[shapes.Device],
    "/api/v1/devices/water-east": shapes.DeviceWithUnits,
    "/api/v1/devices/water-east/points": shapes.Listing[shapes.PointNow],
    "/api/v1/points/water-east/floor_level/history": shapes.History,
    "/api/v1/points/water-east/pump-1/pump_run/history": shapes.History,
    "/api/v1/alarms?open=false": shapes.Listing[shapes.Alarm],
    f"/api/v1/alarms/{IDS[2]}": shapes.AlarmWithLife,
    "/api/v1/events": shapes.Listing[shapes.Event],
    "/api/v1/rules": shapes.Listing[shapes.Rule],
    "/api/v1/links": shapes.Listing[shapes.Link],
    "/api/v1/mutes": shapes.Listing[muting_shapes.Muted],
    "/api/v1/silences": shapes.Listing[muting_shapes.Silence],
    "/api/v1/kpi": quality_shapes.Kpi,
    "/api/v1/annunciation": annunciation_shapes.Annunciation,
    "/nothing": shapes.ProblemShape,
    "/api/v1/alarms?limit=x": shapes.ProblemShape,
}


@pytest.mark.parametrize("path", GETS)
async def test_every_answer_has_its_documented_shape(
    operator: httpx.AsyncClient, house: House, journal: Journal, path: str
) -> None:
    now = house.clock.now()
    frame = Frame(WATER_LAYOUT, (0.12, None), now, (Quality.UNCERTAIN_CLOCK, Quality.BAD_SENSOR), source_ns=WALL)
    house.health.observe(frame)
    house.current.observe(frame)
    unit = UnitReport(name="io", unit=3, devices=("water-east",), polls=4, good=3, rtt_ns=(1_000_000, 2_000_000))
    house.health.report(LinkReport(link="garage", endpoint="e", connected=True, at=now, units=(unit,)))
    journal.rows[IDS[1]] = occurrence(1, mutes=(Mute("shelved", "repair", "x", WALL, True),), condition=None)
    await operator.post(f"/api/v1/alarms/{IDS[0]}/ack", json={"comment": "seen"})
    journal.out["WA-02", "lift-1"] = Mute("out_of_service", "WO-17", "x", WALL)
    await operator.post("/api/v1/silences", json={"of": {"rule": "WA-02"}, "for": "1h", "reason": "known"})
    reply = await operator.get(path)
    GETS[path].model_validate(reply.json())


async def test_commands_answer_with_an_alarm_and_refusals_with_the_present_one(operator: httpx.AsyncClient) -> None:
    stale = await operator.post(f"/api/v1/alarms/{IDS[0]}/ack", json={"expected_seq": 1})
    assert shapes.ProblemShape.model_validate(stale.json()).current is not None
    done = await operator.post(f"/api/v1/alarms/{IDS[0]}/ack", json={})
    shapes.Alarm.model_validate(done.json())


async def test_every_route_is_documented(viewer: httpx.AsyncClient) -> None:
    spec: dict[str, Any] = (await viewer.get("/openapi.json")).json()
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            if path == "/metrics":
                continue
            kind = "text/event-stream" if path == "/api/v1/stream" else "application/json"
            assert operation["responses"]["200"]["content"][kind]["schema"], (
                f"{method} {path} says nothing of its answer"
            )
            assert "default" in operation["responses"]
