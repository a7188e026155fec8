"""Why things are not well, as the API shows it: units, links, points, and devices that have announced themselves."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from gateway.api import shapes
from gateway.api.house import House
from gateway.api.units import site_snippet
from gateway.model import (
    SECOND,
    Announced,
    ErrorKind,
    Frame,
    Instant,
    LinkError,
    LinkReport,
    Quality,
    Refused,
    UnitReport,
)
from tests.api.conftest import WALL, WATER_LAYOUT

LOST = LinkError(ErrorKind.TIMEOUT, "unit 2 did not answer within 1 s", WALL)
WELL = UnitReport(name="water-east", unit=1, devices=("water-east",), polls=10, good=10, variant="p40-old")
SICK = UnitReport(
    name="water-east",
    unit=2,
    devices=("water-east",),
    polls=10,
    good=6,
    errors={ErrorKind.TIMEOUT: 3, ErrorKind.EXCEPTION: 1},
    exceptions={"illegal data address": 1},
    error=LOST,
    last_error=LOST,
    misses=3,
    last_good_mono_ns=-4 * SECOND,
    last_good_wall_ns=WALL - 4 * SECOND,
    backoff_until_ns=30 * SECOND,
    rtt_ns=(2_000_000, 1_000_000, 9_000_000),
    refused=(Refused("holding 40…43", "illegal data address", WALL - SECOND, 86_400 * SECOND),),
)
NEW = Announced("openevse", "openevse/announce/a1b2", {"base": "openevse-west", "id": "a1b2"}, WALL, known=False)


def told(now: Instant, *units: UnitReport, **changes: Any) -> LinkReport:
    return LinkReport(link="cellar", endpoint="tcp://10.0.0.8:502", connected=True, at=now, units=units, **changes)


async def test_a_device_shows_all_its_units_and_causes(viewer: httpx.AsyncClient, house: House) -> None:
    now = house.clock.now()
    frame = Frame(WATER_LAYOUT, (0.1, None), now, (Quality.GOOD, Quality.BAD_CONFIG))
    house.health.observe(frame)
    house.health.report(told(now, WELL, SICK, busy=0.42))
    shown = (await viewer.get("/api/v1/devices/water-east")).json()
    shapes.DeviceWithUnits.model_validate(shown)
    assert shown["health"] == "degraded"
    assert [cause["kind"] for cause in shown["causes"]] == ["timeout", "config", "config"]
    assert shown["error"] == shown["causes"][0]
    assert shown["error"]["message"] == LOST.message
    assert shown["error"]["why"]["en"].startswith("unit 2 has not answered since 22:13:16, asked again at 22:13:50")
    assert "没有应答" in shown["error"]["why"]["zh"]
    well, sick = shown["units"]
    assert (well["unit"], well["variant"], well["why"], well["refused"], well["backoff_until"]) == (
        1,
        "p40-old",
        None,
        [],
        None,
    )
    assert (sick["unit"], sick["misses"], sick["last_good_age_s"], sick["endpoint"]) == (
        2,
        3,
        4.0,
        "tcp://10.0.0.8:502",
    )
    assert sick["errors"] == {"timeout": 3, "exception": 1}
    assert sick["exceptions"] == {"illegal data address": 1}
    assert sick["rtt_ms"] == {"p50": 2.0, "p99": 9.0}
    assert sick["backoff_until"] == "2023-11-14T22:13:50.000000Z"
    assert sick["refused"] == [
        {
            "where": "holding 40…43",
            "why": "illegal data address",
            "since": "2023-11-14T22:13:19.000000Z",
            "again_at": "2023-11-15T22:13:20.000000Z",
        }
    ]


async def test_points_show_when_they_were_good_and_why_they_are_not(viewer: httpx.AsyncClient, house: House) -> None:
    for quality in (None, (Quality.GOOD, Quality.BAD_SENSOR)):
        frame = Frame(WATER_LAYOUT, (0.1, None), house.clock.now(), quality)
        house.health.observe(frame)
        house.current.observe(frame)
        await house.clock.advance(2 * SECOND)  # type: ignore[attr-defined]
    listed = (await viewer.get("/api/v1/devices/water-east/points")).json()
    shapes.Listing[shapes.PointNow].model_validate(listed)
    items = {item["point"]: item for item in listed["items"]}
    level, run, health = items["floor_level"], items["pump-1/pump_run"], items["health"]
    assert (level["last_good_age_s"], level["period_s"], level["silent"], level["why"]) == (2.0, 1.0, False, None)
    assert (run["age_s"], run["last_good_age_s"], run["reason"]) == (2.0, 4.0, "sensor")
    assert run["last_good_at"] == "2023-11-14T22:13:20.000000Z"
    assert run["why"] == {
        "en": "a fault of the sensor or its wire, last good: 22:13:20",
        "zh": "传感器或线路故障，最后有效：22:13:20",
    }
    assert (health["period_s"], health["why"]) == (None, None)


async def test_a_point_that_nobody_has_heard_says_so(viewer: httpx.AsyncClient) -> None:
    items = (await viewer.get("/api/v1/devices/lift-1/points")).json()["items"]
    assert items[0]["why"]["en"] == "not heard yet; it is expected every 1 s"
    assert (items[0]["last_good_at"], items[0]["last_good_age_s"], items[0]["quality"]) == (None, None, None)


async def test_links_show_their_load_and_who_announced_himself(viewer: httpx.AsyncClient, house: House) -> None:
    known = NEW._replace(known=True, available=False)
    house.health.report(told(house.clock.now(), WELL, busy=0.42, announced=(NEW, known)))
    listed = (await viewer.get("/api/v1/links")).json()
    (link,) = shapes.Listing[shapes.Link].model_validate(listed).items
    assert (link.busy, link.why, link.units[0].why) == (0.42, None, None)
    first, second = link.announced
    assert (first.known, second.known, second.snippet) == (False, True, None)
    assert (first.available, second.available) == (None, False)
    assert first.snippet == (
        "  openevse-openevse-west-a1b2:\n"
        "    profile: openevse\n"
        "    link: cellar\n"
        '    vars: {base: "openevse-west", id: "a1b2"}\n'
    )


async def test_a_link_that_is_down_says_since_when(viewer: httpx.AsyncClient, house: House) -> None:
    now = house.clock.now()
    house.health.report(
        LinkReport(link="cellar", endpoint="tcp://c:502", connected=False, at=now, error=LOST, units=(WELL,))
    )
    (link,) = (await viewer.get("/api/v1/links")).json()["items"]
    assert link["why"]["en"] == f"the link cellar at tcp://c:502 is down since 22:13:20 ({LOST.message})"
    assert link["units"][0]["why"] == link["why"]


@pytest.mark.parametrize(
    "value", ['"; drop', "a\\b\n# x", "\u202eevil", "深圳", "{}: [x", "\U0001f525", "0x10", "no", "\x85", "\ud800"]
)
def test_what_a_stranger_sends_stays_in_its_quotes(value: str) -> None:
    """The snippet is pasted into the site file: a name must not become a key there."""
    snippet = site_snippet("broker", NEW._replace(variables={"id": value}))
    if value == "\ud800":
        assert "\\U0000D800" in snippet
        return
    (entry,) = YAML(typ="safe", pure=True).load(f"devices:\n{snippet}")["devices"].values()
    assert entry == {"profile": "openevse", "link": "broker", "vars": {"id": value}}
