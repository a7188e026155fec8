"""`anlou check --plan`: the arithmetic of each bus, for people and for programs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from alerts.bound import Unbound
from gateway.cli.check_lost import lost_lines
from gateway.cli.main import main
from tests.config.conftest import Folder

METERS = """\
profile: meter
title: {en: Meter, zh: 电表}
source: [{ref: test, verified: memory}]
modbus: {table: input, type: float32}
points:
  power: {address: 0}
  voltage: {address: 40}
  energy_total: {address: 2}
vectors: [{registers: {0: [0x4366, 0x3333]}, expect: {power: 230.2}}]
"""


@pytest.fixture
def bus(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.write("profiles/meter.yaml", METERS)
    meter = "  meter-1: {profile: meter, system: ev-charging, link: bus, unit: 12, every: {energy_total: 1min}}\n"
    folder.change(('"tcp://10.0.0.7:502"', '"rtu:///dev/ttyUSB0?baud=9600"'), ("rules: {", f"{meter}rules: {{"))
    return folder


def test_the_plan_of_a_bus(bus: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--site", str(bus.path / "site.yaml"), "--plan"]) == 0
    told = capsys.readouterr().out
    assert told.endswith(
        "  bus: rtu:///dev/ttyUSB0, 9600 baud, 8N1; 20ms for each answer (assumed)\n"
        "    unit  entry    profile  every  for     points  requests  bytes out  in   time  load\n"
        "    3     io       box      1s     alarms       2         1          8  27  60 ms  6.0%\n"
        "          reads holding 0…10\n"
        "    12    meter-1  meter    1s     trends       2         2         16  18  83 ms  8.3%\n"
        "          reads input 0…1, 40…41\n"
        "    12    meter-1  meter    1min   trends       1         1          8   9  41 ms  0.1%\n"
        "          reads input 2…3\n"
        "    total: 3.02 requests, 144 ms in each 1s (14%); everything at once takes 184 ms\n"
        "    with a dead unit: the others wait 1.0 s in each of two cycles, then it is only probed (25%)\n"
    )


def test_the_plan_of_a_bus_for_a_program(bus: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--site", str(bus.path / "site.yaml"), "--plan", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["plan"]
    assert (told["link"], told["baud"], told["answer_s"], told["answer_assumed"]) == ("bus", 9600, 0.02, True)
    assert told["due_s"] == pytest.approx(told["load"] * told["period_s"]) and told["period_s"] == 1
    io, meter = told["units"]
    assert (io["feeds"], meter["feeds"]) == (["sump"], ["meter-1"])
    assert told["load"] == pytest.approx(io["load"] + meter["load"], abs=1e-5)
    quick, slow = meter["paces"]
    assert (quick["period_s"], quick["points"], quick["requests"], quick["blocks"]) == (
        1,
        2,
        2,
        ["input 0…1", "input 40…41"],
    )
    assert (slow["period_s"], slow["urgent"], slow["bytes_out"], slow["bytes_in"]) == (60, False, 8, 9)


def test_an_overfull_bus_starts_neither_check_nor_run(bus: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    bus.change(("baud=9600", "baud=300"))
    for command in (["check"], ["run", "--data", str(bus.path / "data")]):
        assert main([*command, "--site", str(bus.path / "site.yaml")]) == 2
        told = capsys.readouterr().err
        assert "site.yaml:4:3: this 300-baud bus needs 2.7 s for what is due each 1s" in told, told
        assert "or say `allow_overrun: true`" in told


def test_the_example_of_the_documentation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/commands.md").read_text()
    (site,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    plan, refused = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    file = tmp_path / "site.yaml"
    file.write_text(site)
    assert main(["check", "--site", str(file), "--plan"]) == 0
    assert plan in capsys.readouterr().out
    file.write_text(site.replace("baud=9600", "baud=1200"))
    assert main(["check", "--site", str(file)]) == 2
    assert refused.rstrip() in capsys.readouterr().err.replace(f"{tmp_path}/", "").splitlines()


def test_what_rules_do_not_watch_is_told_once_for_all_devices() -> None:
    """A line for each rule and reason; that a rule watches nothing at all stands out, and is not told twice."""
    level, trip = "the device has no point 'sump_level'", "the device has no point 'pump_fault'"
    nothing = "the rule watches nothing on this site"
    unbound = [
        *(Unbound("WA-07", f"water-{number}", level) for number in range(1, 11)),
        Unbound("WA-08", "water-1", trip),
        Unbound("WA-08", None, nothing),
        Unbound("FI-01", None, nothing),
        Unbound("FI-02", None, nothing),
        Unbound("EL-01", None, "the rule is disabled"),
    ]
    reduced = [Unbound("EV-01", "charger-1", "the device has no point 'pilot_current'")]
    assert list(lost_lines(unbound, reduced)) == [
        "  rules that watch nothing here:",
        "    WA-08  water-1  the device has no point 'pump_fault'",
        "  the rule watches nothing on this site: FI-01, FI-02",
        "  the rule is disabled: EL-01",
        "  rules that do not watch these:",
        "    WA-07  water-1, water-2, water-3, water-4, water-5, water-6, water-7, water-8 and 2 more  "
        "the device has no point 'sump_level'",
        "  rules that watch these in part:",
        "    EV-01  charger-1  the device has no point 'pilot_current'",
    ]
    assert list(lost_lines([], [])) == []
