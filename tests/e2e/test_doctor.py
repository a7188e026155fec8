"""`anlou doctor` on whole processes: beside a running gateway, and alone with units that are dead."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.api.exposition import Exposition
from tests.e2e.running import PATIENCE, Anlou

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ANLOU = Path(sys.executable).with_name("anlou")
OF_THE_MACHINE = {"clock", "disk", "data"}


def doctor(*arguments: object, env: Mapping[str, str] | None = None) -> tuple[int, list[dict[str, Any]]]:
    """(exit code, findings)."""
    done = subprocess.run(
        [ANLOU, "doctor", "--json", *map(str, arguments)],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    answer = json.loads(done.stdout)
    findings: list[dict[str, Any]] = answer["findings"]
    failing = any(finding["level"] == "fails" for finding in findings)
    assert (answer["ok"], done.returncode) == (not failing, int(failing))
    return done.returncode, findings


def levels(findings: list[dict[str, Any]], check: str) -> list[str]:
    return [finding["level"] for finding in findings if finding["check"] == check]


def test_a_running_building_with_two_sick_units(starter: Path, tmp_path: Path) -> None:
    """What the gateway knows comes over the control socket: its links have one owner."""
    scenario = Path(__file__).with_name("sick-units.yaml")
    data = tmp_path / "data"
    with Anlou("demo", "--scenario", scenario, "--speed", "1", "--data", data, cwd=tmp_path) as running:
        running.wait_until(
            "the dead lift is left out",
            lambda: any(unit["backoff_until"] for unit in running.get("/api/v1/devices/lift-1")["units"]),
        )

        def health() -> list[str]:
            return [running.get(f"/api/v1/devices/lift-{number}")["health"] for number in (1, 2)]

        running.wait_until("one lift by its module, the other as ever", lambda: health() == ["degraded", "online"])
        shown = running.get("/api/v1/devices/lift-1")
        (unit,) = [unit for unit in shown["units"] if unit["name"] == "lift-1"]
        assert (unit["unit"], unit["error"]["kind"]) == (1, "timeout")
        assert "没有应答" in shown["error"]["why"]["zh"]

        def points() -> dict[str, dict[str, Any]]:
            return {item["point"]: item for item in running.items("/api/v1/devices/lift-1/points")}

        running.wait_until("the value is bad, and says why", lambda: points()["speed"]["why"])
        assert points()["speed"]["last_good_at"] is not None
        assert points()["mains_failed"]["why"] is None, "what the module tells of the lift is there"
        read = Exposition(running.http().get("/metrics").text)
        assert read.value("anlou_unit_backoff", link="lifts", unit="lift-1", number="1") == 1
        code, findings = doctor("--site", starter / "demo" / "site.yaml", "--data", data)
        assert code == 1
        told = [finding["what"]["en"] for finding in findings if finding["check"] == "device"]
        assert any(line.startswith("lift-1 is") and "unit 1 has not answered since" in line for line in told), told
        assert not any(line.startswith("lift-2 ") for line in told), told
        assert levels(findings, "port") == [] and levels(findings, "broker") == [], "it was asked, nothing was opened"
        assert running.interrupt() == 0


def test_a_building_without_a_gateway(starter: Path, tmp_path: Path) -> None:
    """Each unit is asked one question; the dead one and the babbling one are named, the others answer."""
    site = starter / "demo" / "site.yaml"
    scenario = Path(__file__).with_name("sick-units.yaml")
    with Anlou("simulate", scenario, cwd=tmp_path) as building:
        building.wait_for_line("^ready$")
        env = dict(line.split("=", 1) for line in building.lines if line.startswith("ANLOU_"))
        found: list[dict[str, Any]] = []

        def both_sick() -> bool:
            found[:] = doctor("--site", site, "--data", tmp_path / "none", env=env)[1]
            return levels(found, "device").count("fails") == 2

        building.wait_until("both sick units are found", both_sick)
        told = {finding["what"]["en"].split(" ")[0]: finding["level"] for finding in found}
        assert (told["lift-1"], told["io-west-ai"], told["lift-2"], told["io-east-ai"]) == (
            "fails",
            "fails",
            "fine",
            "fine",
        )
        assert levels(found, "broker") == ["fine"]
        assert building.interrupt() == 0
    code, findings = doctor("--site", site, "--data", tmp_path / "none", env=env)
    assert code == 1
    assert set(levels(findings, "link")) == set(levels(findings, "broker")) == {"fails"}
    assert not (tmp_path / "none").exists(), "it looks, and begins nothing"


def test_a_port_in_use_and_a_port_that_nobody_named(starter: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        site = starter / "demo" / "site.yaml"
        code, findings = doctor("--site", site, "--data", tmp_path / "none", "--port", number)
    assert code == 1
    (finding,) = [finding for finding in findings if finding["check"] == "port"]
    assert finding["level"] == "fails" and "--port" in finding["mend"]["zh"]
    assert set(levels(findings, "link")) == {"unknown"}, "a port is never guessed"


def test_a_serial_adapter_that_is_not_plugged_in(starter: Path, tmp_path: Path) -> None:
    site = starter / "demo" / "site.yaml"
    site.write_text(site.read_text().replace('"tcp://127.0.0.1:${port:lifts}"', '"rtu:///dev/ttyUSB99?baud=9600"'))
    _, findings = doctor("--site", site, "--data", tmp_path / "none")
    (finding,) = [finding for finding in findings if finding["check"] == "serial"]
    assert finding["level"] == "fails" and finding["what"]["en"] == "/dev/ttyUSB99 is not there"


def test_a_site_file_with_a_mistake(starter: Path, tmp_path: Path) -> None:
    site = starter / "demo" / "site.yaml"
    site.write_text(site.read_text().replace("profile: keba-p30", "profile: keba-p31"))
    done = subprocess.run(
        [ANLOU, "doctor", "--site", site], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 2 and "keba-p30" in done.stderr


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    """The demo's files, in a folder of their own."""
    folder = tmp_path / "starter"
    subprocess.run([ANLOU, "init", folder], check=True, capture_output=True, timeout=PATIENCE)
    return folder
