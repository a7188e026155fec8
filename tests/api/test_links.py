"""Links with their units, messages kept aside, parts with their places."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import replace

import httpx
import pytest

from gateway.api import shapes
from gateway.api.app import create_app
from gateway.api.house import House
from gateway.api.links import printable
from gateway.api.tokens import Role
from gateway.health import HealthBook
from gateway.model import (
    SECOND,
    ErrorKind,
    Instant,
    LinkError,
    LinkReport,
    Location,
    Part,
    Quarantined,
    Text,
    UnitReport,
)
from tests.api.conftest import IDS, LIFT, WALL, WATER, Journal, bearer, occurrence

NOW = Instant(5 * SECOND, WALL)
LOST = LinkError(ErrorKind.CONNECT, "refused", WALL)


async def test_links_say_who_is_reached_and_what_went_wrong(viewer: httpx.AsyncClient, house: House) -> None:
    swl = UnitReport(name="swl", unit=None, devices=("water-east",), available=False, polls=9, good=8)
    io = UnitReport(
        name="io",
        unit=3,
        devices=("water-east",),
        errors={ErrorKind.TIMEOUT: 2},
        error=LOST,
        last_error=LOST,
        rtt_ns=(3_000_000, 1_000_000, 2_000_000),
    )
    broker = LinkReport(
        link="broker",
        endpoint="mqtt://b:1883",
        connected=True,
        at=NOW,
        units=(swl,),
        counts={"messages": 10, "gaps": 1},
    )
    garage = LinkReport(
        link="garage", endpoint="tcp://g:502", connected=False, at=NOW, error=LOST, units=(io,), lost_at_ns=-2 * SECOND
    )
    for report in (garage, broker):
        house.health.report(report)
    listed = (await viewer.get("/api/v1/links")).json()
    first, second = shapes.Listing[shapes.Link].model_validate(listed).items
    assert (first.link, first.counts, first.error, first.down_s) == ("broker", {"messages": 10, "gaps": 1}, None, None)
    assert (first.units[0].unit, first.units[0].available, first.units[0].rtt_ms.p50) == (None, False, None)
    assert (second.connected, second.down_s, second.error is not None) == (False, 2.0, True)
    unit = second.units[0]
    assert (unit.unit, unit.available, unit.errors, unit.rtt_ms.p50, unit.rtt_ms.p99) == (3, None, {"timeout": 2}, 2, 3)
    text = (await viewer.get("/metrics")).text
    assert 'anlou_link_messages_total{link="broker",count="messages"} 10\n' in text
    assert 'anlou_link_messages_total{link="broker",count="gaps"} 1\n' in text


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b'{"depth": "\xe6\xb7\xb1"}\r\n', '{"depth": "深"}\r\n'),
        (b"\x00\xff", None),
        (b"a\x1b[2J", None),
        ("\u202eevil".encode(), None),
        (b"", None),
    ],
)
async def test_messages_kept_aside_are_shown_whole(
    make_house: Callable[..., House], payload: bytes, text: str | None
) -> None:
    kept = Quarantined("broker", "a/b", payload, "json", "no JSON", Instant(1, WALL))
    asked: list[int] = []

    def quarantined(limit: int) -> Sequence[tuple[int, Quarantined]]:
        asked.append(limit)
        return [(7, kept)]

    transport = httpx.ASGITransport(create_app(make_house(quarantined=quarantined)))
    headers = bearer(Role.ENGINEER)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as http:
        listed = (await http.get("/api/v1/quarantine", params={"limit": 3})).json()
        assert (await http.get("/api/v1/quarantine", params={"limit": 101})).status_code == 422
    shapes.Listing[shapes.Quarantined].model_validate(listed)
    (item,) = listed["items"]
    assert asked == [3]
    assert (item["number"], item["link"], item["topic"], item["reason"]) == (7, "broker", "a/b", "json")
    assert (b64decode(item["payload"]), item["size"], item["text"]) == (payload, len(payload), text)
    assert printable(payload) == text


async def test_parts_have_names_and_places(make_house: Callable[..., House], journal: Journal) -> None:
    """An alarm is where its source is: the part, where the site places it, or else the device."""
    parts = {
        "L1D1": Part("L1D1", Text("Kitchen 3A", "3A厨房"), Location(None, "3", "kitchen-3a")),
        "L1D2": Part("L1D2"),
    }
    panel = replace(WATER, id="panel-1", parts=parts, poll_ns=0)
    devices = (panel, LIFT)
    journal.rows[IDS[0]] = occurrence(0, source="panel-1/L1D1")
    journal.rows[IDS[1]] = occurrence(1, source="gone/x")
    house = make_house(devices=devices)
    house = replace(house, health=HealthBook(devices, {}, house.clock.now()))
    transport = httpx.ASGITransport(create_app(house))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=bearer(Role.VIEWER)) as http:
        shown = (await http.get("/api/v1/devices/panel-1")).json()
        lost, alarm = (await http.get("/api/v1/alarms")).json()["items"]
    shapes.DeviceWithUnits.model_validate(shown)
    assert shown["poll_s"] is None
    assert shown["parts"] == [
        {
            "id": "L1D1",
            "name": {"en": "Kitchen 3A", "zh": "3A厨房"},
            "location": {"building": "1", "floor": "3", "zone": "kitchen-3a"},
        },
        {"id": "L1D2", "name": None, "location": {"building": "1", "floor": "B2", "zone": "garage-east"}},
    ]
    assert (alarm["part"], alarm["location"]["zone"]) == ("L1D1", "kitchen-3a")
    assert (lost["part"], lost["location"]["zone"]) == ("x", None)
