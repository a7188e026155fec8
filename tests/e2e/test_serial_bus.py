"""`anlou run` on a serial line with eight units, three of them sick: each is named with its reason."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simulators.faults import Fault, FaultKind
from simulators.rtu_server import RtuServer
from tests.e2e.running import PATIENCE, TOKEN, Anlou

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

BAUD = 9600
DEAD, BABBLING, ILLEGAL = 3, 5, 7
PROFILE = """
profile: made-meter
title: {en: Meter made for a test, zh: 测试电表}
system: ev-charging
source: [{ref: "this test", verified: code}]
modbus: {table: holding, type: uint16}
points:
  voltage_l1: {address: 0, unit: V, range: [100, 300]}
  current_l1: {address: 1, unit: A}
  power: {address: 2, unit: W}
  frequency: {address: 4, scale: 0.01, unit: Hz}
vectors:
  - {registers: {0: [230, 3, 690, 0, 5000]}, expect: {voltage_l1: 230, current_l1: 3, power: 690, frequency: 50}}
"""
NAME = "{en: Meter, zh: 电表}"
REGISTERS = [230, 3, 690, 0, 5000]


def site(line: Path, poll: str) -> str:
    devices = "\n".join(
        f"  meter-{n}: {{profile: made-meter, link: bus, unit: {n}, poll: {poll}, name: {NAME}}}" for n in range(1, 9)
    )
    return f"""
site: {{id: bench, name: {{en: The bench, zh: 测试台}}, timezone: Asia/Shanghai}}
profiles: [./profiles]
links:
  bus: {{modbus: "rtu://{line}?baud={BAUD}", timeout: 300ms}}
devices:
{devices}
rules: {{packs: [gateway]}}
"""


class Meter:
    def __init__(self) -> None:
        self.missing: int | None = None

    def __call__(self, table: object, address: int, count: int) -> list[int] | None:
        asked = range(address, address + count)
        return None if self.missing in asked or asked.stop > len(REGISTERS) else REGISTERS[address : address + count]


def anlou(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("anlou")
    return subprocess.run(
        [program, *arguments], cwd=cwd, check=False, timeout=PATIENCE, capture_output=True, text=True, encoding="utf-8"
    )


def watch(folder: Path, fall_sick: Any) -> None:
    with Anlou("run", "--site", "site.yaml", "--data", "data", "--port", "0", cwd=folder) as running:
        running.ready()
        told = anlou("token", "create", "--role", "viewer", "--name", "test", "--data", "data", cwd=folder)
        running.use_token(TOKEN.findall(told.stdout)[0])

        def health() -> dict[str, str]:
            return {one["id"]: one["health"] for one in running.items("/api/v1/devices")}

        meters = {f"meter-{n}" for n in range(1, 9)}
        running.wait_until("all online", lambda: {health()[one] for one in meters} == {"online"})
        fall_sick()
        sick = {f"meter-{n}" for n in (DEAD, BABBLING, ILLEGAL)}
        running.wait_until(
            "named", lambda: all(running.get(f"/api/v1/devices/{one}")["health"] != "online" for one in sick)
        )
        running.wait_until("offline", lambda: health()[f"meter-{DEAD}"] == "offline")
        running.wait_until("the others online", lambda: {health()[one] for one in meters - sick} == {"online"})
        for number, kinds in ((DEAD, {"timeout"}), (BABBLING, {"crc", "bad_reply"}), (ILLEGAL, {"config"})):

            def named(number: int = number, kinds: set[str] = kinds) -> bool:
                # the last error alone: what a neighbour said into the question is that of a moment
                error = running.get(f"/api/v1/devices/meter-{number}")["error"]
                return error is not None and error["kind"] in kinds

            running.wait_until(f"meter-{number} has its reason", named)
        path = f"/api/v1/devices/meter-{ILLEGAL}/points"

        def all_but_one() -> bool:
            points = {one["point"]: one["value"] for one in running.items(path)}
            return points["current_l1"] is None and points["voltage_l1"] == 230

        running.wait_until("all but the refused register is read", all_but_one)
        metrics = running.http().get("/metrics").text
        assert re.search(
            rf'anlou_unit_errors_total{{[^}}]*unit="meter-{DEAD}"[^}}]*kind="timeout"[^}}]*}} [1-9]', metrics
        )

        def found() -> bool:
            doctor = anlou("doctor", "--site", "site.yaml", "--data", "data", cwd=folder)
            assert doctor.returncode == 1, doctor
            told = {int(number) for number in re.findall(r"device: meter-(\d)", doctor.stdout)}
            assert told >= {DEAD, BABBLING, ILLEGAL}, doctor
            return told == {DEAD, BABBLING, ILLEGAL}

        running.wait_until("the doctor names them and nobody else", found)

        def raised() -> set[str]:
            return {event["source"] for event in running.events() if event["kind"] == "raise"}

        running.wait_until("the dead one's alarm", lambda: f"meter-{DEAD}" in raised())
        assert not raised() & (meters - sick), raised()
        assert running.interrupt() == 0


async def test_who_is_sick_on_a_serial_line_is_named_and_the_others_stay_online(tmp_path: Path) -> None:
    meters = {number: Meter() for number in range(1, 9)}
    server = RtuServer(meters, baud=BAUD, turnaround=0.005)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/made-meter.yaml").write_text(PROFILE)
    (tmp_path / "site.yaml").write_text(site(server.plug(), "1s"))
    loop = asyncio.get_running_loop()

    async def sicken() -> None:
        server.set_faults(DEAD, Fault(FaultKind.SILENT))
        server.set_faults(BABBLING, Fault(FaultKind.GARBAGE))
        meters[ILLEGAL].missing = 1

    def fall_sick() -> None:
        asyncio.run_coroutine_threadsafe(sicken(), loop).result(PATIENCE)

    try:
        await asyncio.to_thread(watch, tmp_path, fall_sick)
        seen = {function for log in server.logs.values() for function in log.functions}
        assert seen == {3}
    finally:
        await server.stop()


def test_a_bus_that_cannot_fit_is_refused_with_its_arithmetic(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/made-meter.yaml").write_text(PROFILE)
    line = tmp_path / "line"
    (tmp_path / "site.yaml").write_text(site(line, "100ms"))
    for command in ("check", "run"):
        done = anlou(command, "--site", "site.yaml", cwd=tmp_path)
        assert done.returncode == 2 and re.search(r"site\.yaml:\d+:\d+: .*bus", done.stderr), done
        assert "allow_overrun" in done.stderr
    (tmp_path / "site.yaml").write_text(site(line, "100ms").replace("timeout: 300ms", "allow_overrun: true"))
    done = anlou("check", "--site", "site.yaml", "--plan", cwd=tmp_path)
    assert done.returncode == 0 and "warning" in done.stdout, done
