"""What each route answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from gateway.api.app import create_app
from gateway.api.house import House
from gateway.api.tokens import Role
from gateway.health import GatewayStatus
from gateway.model import AlarmState, Frame, Quality
from tests.api.conftest import IDS, WATER_LAYOUT, Journal, bearer

DEVICE_KEYS = {
    "id", "name", "system", "profile", "location", "health", "since", "last_good_at", "age_s", "poll_s", "error",
    "success_ratio", "rtt_ms", "points", "parts",
}  # fmt: skip
ALARM_KEYS = {
    "occurrence", "rule", "source", "system", "severity", "class", "state", "condition", "latched", "acked_by",
    "raised_at", "active_at", "returned_at", "value", "limit", "unit", "title", "guidance", "mutes", "seq",
    "part", "location",
}  # fmt: skip


async def test_healthz_is_open_and_says_no_more_than_its_status(http: httpx.AsyncClient, house: House) -> None:
    reply = await http.get("/healthz")
    assert (reply.status_code, reply.json()) == (200, {"status": "ok"})
    status = GatewayStatus(disk_used=99.0, outbox_pending=0, queue_depth=0, loop_lag_s=0.0)
    house.health.gateway(status, house.clock.now())
    assert (await http.get("/healthz")).json() == {"status": "degraded"}
    stuck = GatewayStatus(disk_used=1.0, outbox_pending=0, queue_depth=0, loop_lag_s=0.0, failed=("writer stuck",))
    house.health.gateway(stuck, house.clock.now())
    reply = await http.get("/healthz")
    assert (reply.status_code, reply.json()) == (503, {"status": "failed"})
    assert (await http.head("/healthz")).status_code == 503


async def test_site(viewer: httpx.AsyncClient) -> None:
    site = (await viewer.get("/api/v1/site")).json()
    assert site["id"] == "riverside-1"
    assert site["name"] == {"en": "R", "zh": "滨河苑"}
    assert site["devices"]["starting"] == 2
    assert site["now"] == "2023-11-14T22:13:20.000000Z"


async def test_devices_have_the_documented_shape(viewer: httpx.AsyncClient) -> None:
    listed = (await viewer.get("/api/v1/devices")).json()
    assert listed["next"] is None
    assert [device["id"] for device in listed["items"]] == ["lift-1", "water-east"]
    assert all(set(device) == DEVICE_KEYS for device in listed["items"])
    one = (await viewer.get("/api/v1/devices/water-east")).json()
    assert {key: one[key] for key in DEVICE_KEYS} == listed["items"][1]
    assert set(one) - DEVICE_KEYS == {"causes", "notes", "units"}
    assert one["points"] == {"total": 2, "good": 0, "bad": 0, "not_fitted": 0, "silent": 0}
    assert one["name"] == {"en": "East sump", "zh": "东集水坑"}


async def test_devices_are_filtered_and_paged(viewer: httpx.AsyncClient) -> None:
    only = (await viewer.get("/api/v1/devices", params={"system": "elevator"})).json()
    assert [device["id"] for device in only["items"]] == ["lift-1"]
    assert (await viewer.get("/api/v1/devices", params={"health": "offline"})).json()["items"] == []
    first = (await viewer.get("/api/v1/devices", params={"limit": 1})).json()
    assert first["next"] == "lift-1"
    second = (await viewer.get("/api/v1/devices", params={"limit": 1, "after": first["next"]})).json()
    assert ([device["id"] for device in second["items"]], second["next"]) == (["water-east"], None)


async def test_points_show_value_quality_and_age(viewer: httpx.AsyncClient, house: House) -> None:
    frame = Frame(WATER_LAYOUT, (0.12, None), house.clock.now(), (Quality.GOOD, Quality.BAD_SENSOR))
    house.current.observe(frame)
    house.health.observe(frame)
    await house.clock.advance(1_500_000_000)  # type: ignore[attr-defined]
    items = {item["point"]: item for item in (await viewer.get("/api/v1/devices/water-east/points")).json()["items"]}
    level = items["floor_level"]
    assert (level["value"], level["quality"], level["reason"], level["unit"]) == (0.12, "good", None, "m")
    assert level["age_s"] == 1.5
    run = items["pump-1/pump_run"]
    assert (run["value"], run["quality"], run["reason"], run["part"]) == (None, "bad", "sensor", "pump-1")
    assert items["health"]["quality"] is None
    device = (await viewer.get("/api/v1/devices/water-east")).json()
    assert device["health"] == "degraded"
    assert device["points"] == {"total": 2, "good": 1, "bad": 1, "not_fitted": 0, "silent": 0}
    assert device["error"]["message"] == "bad: pump-1/pump_run (sensor)"


async def test_history_of_numbers_and_of_parts(viewer: httpx.AsyncClient) -> None:
    window = {"from": "2023-11-14T00:00:00Z", "to": "2023-11-14T08:00:00+08:00"}
    reply = await viewer.get("/api/v1/points/water-east/floor_level/history", params=window | {"to": window["from"]})
    assert reply.status_code == 422
    window = {"from": "2023-11-14T07:00:00+08:00", "to": "2023-11-14T00:00:00Z"}
    found = (await viewer.get("/api/v1/points/water-east/floor_level/history", params=window)).json()
    assert (found["from"], found["kind"]) == ("2023-11-13T23:00:00.000000Z", "buckets")
    assert (found["items"][0]["max"], found["items"][0]["quality"]) == (0.3, "good")
    assert found["items"][1]["quality"] is None
    found = (await viewer.get("/api/v1/points/water-east/pump-1/pump_run/history")).json()
    assert [(item["value"], item["quality"], item["reason"]) for item in found["items"]] == [
        (True, "good", None),
        (None, "bad", "sensor"),
    ]


async def test_open_alarms_are_the_default(viewer: httpx.AsyncClient) -> None:
    listed = (await viewer.get("/api/v1/alarms")).json()
    assert [alarm["occurrence"] for alarm in listed["items"]] == [IDS[1], IDS[0]]
    assert all(set(alarm) == ALARM_KEYS for alarm in listed["items"])
    water = listed["items"][1]
    assert water["guidance"] == {"cause": {"en": "rain", "zh": "暴雨"}, "time_to_respond_s": 600.0}
    assert (water["severity"], water["class"], water["condition"]) == ("high", "property", "true")
    assert len((await viewer.get("/api/v1/alarms", params={"open": "false"})).json()["items"]) == 3


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"system": "elevator"}, [1]),
        ({"severity": "critical"}, []),
        ({"severity": "high"}, [1, 0]),
        ({"state": "normal", "open": "false"}, [2]),
    ],
)
async def test_alarms_are_filtered(viewer: httpx.AsyncClient, query: dict[str, str], numbers: list[int]) -> None:
    items = (await viewer.get("/api/v1/alarms", params=query)).json()["items"]
    assert [alarm["occurrence"] for alarm in items] == [IDS[number] for number in numbers]


async def test_alarms_are_paged(viewer: httpx.AsyncClient) -> None:
    first = (await viewer.get("/api/v1/alarms", params={"limit": 1})).json()
    assert first["next"] == IDS[1]
    second = (await viewer.get("/api/v1/alarms", params={"limit": 1, "after": first["next"]})).json()
    assert ([alarm["occurrence"] for alarm in second["items"]], second["next"]) == ([IDS[0]], None)


async def test_a_standing_alarm_shows_the_value_of_now(make_house: Callable[..., House], journal: Journal) -> None:
    """Between two rows of the journal the water goes on rising; what is committed is told as it was committed."""
    now = replace(journal.rows[IDS[0]], value=0.31, peak=0.35, condition=None, held=True, state=AlarmState.ACKED)
    newer = replace(journal.rows[IDS[1]], value=9.9, condition=None, seq=8)
    transport = httpx.ASGITransport(create_app(make_house(live=lambda: [now, newer])))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=bearer(Role.VIEWER)) as http:
        lift, water = (await http.get("/api/v1/alarms")).json()["items"]
        one = (await http.get(f"/api/v1/alarms/{IDS[0]}")).json()
    assert (lift["value"], lift["condition"], lift["seq"]) == (0.12, "true", 7)
    assert (water["value"], water["condition"], water["state"], water["seq"]) == (0.31, "unknown", "unacked", 7)
    assert (one["value"], one["life"]["peak"], one["life"]["held"]) == (0.31, 0.35, True)


async def test_one_alarm_tells_how_it_ended(viewer: httpx.AsyncClient) -> None:
    alarm = (await viewer.get(f"/api/v1/alarms/{IDS[2]}")).json()
    assert set(alarm) == ALARM_KEYS | {"life"}
    assert alarm["life"]["close_reason"] == "returned"
    assert alarm["life"]["closed_at"] == "2023-11-14T22:13:21.000000Z"


async def test_rules_say_what_they_watch(viewer: httpx.AsyncClient) -> None:
    rule = (await viewer.get("/api/v1/rules")).json()["items"][0]
    assert (rule["rule"], rule["instances"]) == ("WA-02", [{"source": "water-east", "state": "unacked"}])


async def test_events_follow_a_sequence(operator: httpx.AsyncClient, journal: Journal) -> None:
    for number in range(2):
        assert (await operator.post(f"/api/v1/alarms/{IDS[number]}/ack", json={})).status_code == 200
    first = (await operator.get("/api/v1/events", params={"limit": 1})).json()
    assert (first["items"][0]["kind"], first["items"][0]["by"], first["next"]) == ("ack", "the operator", 8)
    assert (await operator.get("/api/v1/events", params={"after": 8})).json() == {"items": [], "next": None}


async def test_metrics_are_prometheus_text(viewer: httpx.AsyncClient) -> None:
    await viewer.get("/nothing")
    reply = await viewer.get("/metrics")
    assert 'anlou_http_answers_total{status="404"} 1\n' in reply.text
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'anlou_devices{health="starting"} 2\n' in reply.text
    assert 'anlou_alarms{state="unacked",severity="high"} 2\n' in reply.text
    assert reply.text.count("# TYPE anlou_up gauge") == 1


@pytest.mark.parametrize(
    ("address", "made"),
    [
        ("/api/v1/points/water-east/floor_level/history", "gateway.api.devices.history_body"),
        ("/api/v1/events", "gateway.api.records.event_body"),
    ],
)
async def test_long_answers_are_made_off_the_loop(
    operator: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, address: str, made: str
) -> None:
    """Forty callers of ten thousand buckets each stopped two polls of three while the loop wrote their JSON."""
    await operator.post(f"/api/v1/alarms/{IDS[0]}/ack", json={"comment": "an event"})
    threads: list[threading.Thread] = []

    def noted(_: object) -> dict[str, object]:
        threads.append(threading.current_thread())
        return {}

    monkeypatch.setattr(made, noted)
    assert (await operator.get(address)).status_code == 200
    assert threads and threading.main_thread() not in threads
