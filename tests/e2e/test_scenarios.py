"""The scenarios through the whole house: simulators, wire, driver, engine, store, API, terminal."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import PATIENCE, Anlou

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture
def demo(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Anlou]:
    scenario, speed = request.param
    with Anlou("demo", "--scenario", scenario, "--speed", speed, "--data", tmp_path / "d", cwd=tmp_path) as running:
        running.ready()
        yield running


def raised(running: Anlou) -> list[tuple[str, str]]:
    return [(event["rule"], event["source"]) for event in running.events() if event["kind"] == "raise"]


@pytest.mark.parametrize("demo", [("storm-night", "30")], indirect=True)
def test_storm_night_climbs_the_stages_in_order(demo: Anlou) -> None:
    demo.wait_until("WA-03", lambda: demo.alarm("WA-03"))
    order = [rule for rule, source in raised(demo) if source == "water-east"]
    assert [rule for rule in order if rule in {"WA-01", "WA-02", "WA-03"}] == ["WA-01", "WA-02", "WA-03"]
    assert ("WA-08", "water-east/pump-1") in raised(demo)
    assert not {("WA-01", "water-west"), ("WA-02", "water-west"), ("WA-03", "water-west")} & set(raised(demo))
    for rule in ("WA-01", "WA-02"):

        def suppressed(rule: str = rule) -> Any:
            alarm = demo.alarm(rule, "water-east")
            assert alarm is not None, f"{rule} stands"
            return alarm["mutes"]

        demo.wait_until(f"{rule} is suppressed by the higher stage", suppressed)
    for device in ("lift-1", "lift-2", "water-east", "water-west"):

        def online(device: str = device) -> bool:
            return bool(demo.get(f"/api/v1/devices/{device}")["health"] == "online")

        # at thirty times its speed a stall of a third of a second is ten seconds of silence
        demo.wait_until(f"{device} online", online)

    def deepest() -> float:
        history = demo.get("/api/v1/points/water-east/floor_level/history", max_points=50)
        return max((item["max"] for item in history["items"] if item["max"] is not None), default=0)

    demo.wait_until("the log has it too", lambda: deepest() >= 0.25)


@pytest.mark.parametrize("demo", [("entrapment", "20")], indirect=True)
def test_entrapment_is_heard(demo: Anlou) -> None:
    alarm = demo.wait_until("EL-01", lambda: demo.alarm("EL-01", "lift-1"))
    assert (alarm["severity"], alarm["class"], alarm["state"]) == ("critical", "life_safety", "unacked")
    assert alarm["title"]["zh"] and alarm["title"]["en"] and alarm["guidance"]["corrective_action"]
    assert not [pair for pair in raised(demo) if pair == ("EL-01", "lift-2")]
    demo.wait_for_line(r"lift-1.*EL-01")


@pytest.mark.parametrize("demo", [("sensor-dies", "20")], indirect=True)
def test_a_dead_sensor_clears_nothing(demo: Anlou) -> None:
    demo.wait_until("WA-12", lambda: demo.alarm("WA-12", "water-east"))

    def lost() -> Any:
        return demo.alarm("WA-01/protection_lost", "water-east")

    companion = demo.wait_until("protection lost", lost)
    assert companion["guidance"]["corrective_action"]["zh"], "whoever is woken by it must know what to do"
    value_alarm = demo.alarm("WA-01", "water-east")
    assert value_alarm is not None
    assert value_alarm["condition"] == "unknown"
    assert value_alarm["state"] in {"unacked", "acked"}

    def sensed() -> Any:
        points = {item["point"]: item for item in demo.items("/api/v1/devices/water-east/points")}
        assert points["floor_level"]["value"] is None
        return (points["floor_level"]["quality"], points["floor_level"]["reason"]) == ("bad", "sensor")

    demo.wait_until("the sensor is named, and not a stall of the machine that makes all silent", sensed)
    returned = [event for event in demo.events() if event["rule"] == "WA-01" and event["kind"] in {"return", "close"}]
    assert returned == []


def test_ctrl_c_ends_everything(tmp_path: Path) -> None:
    with Anlou("demo", "--scenario", "calm-day", cwd=tmp_path) as running:
        running.ready()
        running.wait_until("the first poll", lambda: running.get("/api/v1/devices/lift-1")["health"] == "online")
        assert running.interrupt() == 0, running.output
        assert running.left_behind() == []
        codes = running.wait_for_line(r"function codes.*: ([1-4 ,]+)$")
        assert set(codes.group(1).replace(",", " ").split()) <= {"1", "2", "3", "4"}
        assert "Traceback" not in running.output


def test_seconds_end_it_by_itself(tmp_path: Path) -> None:
    with Anlou("demo", "--seconds", "4", "--scenario", "calm-day", cwd=tmp_path) as running:
        running.ready()
        assert running.process.wait(PATIENCE) == 0
        assert "Traceback" not in running.output


def test_a_caller_in_the_middle_of_asking_holds_nobody_up(tmp_path: Path) -> None:
    """Ctrl-C with a head and a body that never end: neither is waited for, neither is told as a failure of ours."""
    with Anlou("demo", "--scenario", "calm-day", cwd=tmp_path) as running:
        port = int(running.ready().rsplit(":", 1)[1])
        half = (
            f"POST /api/v1/alarms/X/ack HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {running.token()}\r\n"
            "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        with (
            socket.create_connection(("127.0.0.1", port)) as head,
            socket.create_connection(("127.0.0.1", port)) as body,
        ):
            head.sendall(b"GET /healthz HTTP/1.1\r\nHost: loc")
            body.sendall(half.encode())
            running.get("/api/v1/site")
            assert running.interrupt() == 0, running.output
        assert "Traceback" not in running.output
        assert running.left_behind() == []
