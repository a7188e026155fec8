"""docs/new-device.md, command by command: from a register table to values, over another implementation's server."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyModbusTCP.server import DataBank, ModbusServer

from tests.e2e.running import PATIENCE, TOKEN, Anlou
from tests.mqtt.brokers import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

PAGE = (Path(__file__).parents[2] / "docs/new-device.md").read_text()
PROFILE, SITE = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
STEPS = re.findall(r"^```(diff|console)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
REGISTERS = [0x0095, 0x0000, 0x04E2, 0x3333, 0x4366, 0x5BB0, 0x0001]


class Controller(DataBank):
    """The seven registers of the manual's table; there is nothing behind them."""

    def get_holding_registers(self, address: int, number: int = 1, srv_info: object = None) -> list[int] | None:
        if number > 16 or address + number > len(REGISTERS):
            return None
        return REGISTERS[address : address + number]


@pytest.fixture
def port() -> Iterator[int]:
    server = ModbusServer("127.0.0.1", free_port(), no_block=True, data_bank=Controller())
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


def run(command: str, folder: Path, port: int) -> tuple[int, str]:
    program, *arguments = command.split()
    assert program == "anlou"
    anlou = Path(sys.executable).with_name("anlou")
    environment = {**os.environ, "ANLOU_PORT_SUMP": str(port)}
    done = subprocess.run(
        [anlou, *arguments],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout + done.stderr


def plain(line: str) -> str:
    """Without what differs from one run to the next: spaces, times, the port."""
    line = re.sub(r"\d+(\.\d+)? ms", "N ms", line)
    line = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", line)
    return " ".join(line.split())


def without_examples(profile: str) -> str:
    return profile.partition("vectors:")[0]


def changed(profile: str, diff: str) -> str:
    (was,) = re.findall(r"^-(.*)$", diff, re.MULTILINE)
    (becomes,) = re.findall(r"^\+(.*)$", diff, re.MULTILINE)
    assert was in profile
    return profile.replace(was, becomes)


def test_the_profile_is_short() -> None:
    assert len(PROFILE.splitlines()) < 60


def test_the_page_from_top_to_bottom(tmp_path: Path, port: int) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "site.yaml").write_text(SITE)
    file = tmp_path / "profiles/sump-controller-sc2.yaml"
    shown = 0
    profile = PROFILE
    for kind, text in STEPS:
        if kind == "diff":
            profile = changed(PROFILE, text)
            continue
        if "--plan" in text:
            profile = PROFILE  # the last part of the page: mended
        command, *expected = text.splitlines()
        needs_device = command.startswith("$ anlou probe") and profile is not PROFILE
        file.write_text(without_examples(profile) if needs_device else profile)
        _, output = run(command.removeprefix("$ "), tmp_path, port)
        said = [plain(line) for line in output.splitlines()]
        for line in expected:
            if line.strip() not in {"", "…"}:
                assert plain(line) in said, f"{command}: {line!r} is not in\n{output}"
                shown += 1
    assert shown > 20, "the page shows what the commands say"


MISTAKES = [text for kind, text in STEPS if kind == "diff"]


@pytest.mark.parametrize("number", range(3), ids=["overlap", "word order", "off by one"])
def test_a_mistake_does_not_start(number: int, tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "profiles/sump-controller-sc2.yaml").write_text(changed(PROFILE, MISTAKES[number]))
    for command in ("anlou check --site site.yaml", "anlou run --site site.yaml --port 0"):
        code, output = run(command, tmp_path, 5020)
        assert code == 2, output
        assert re.search(r"profiles/sump-controller-sc2\.yaml:\d+:\d+: ", output), output


def test_a_table_that_is_one_off_everywhere_is_found_on_the_bench(tmp_path: Path, port: int) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "site.yaml").write_text(SITE)
    shifted = without_examples(PROFILE).replace("base: ref", "base: 1")
    shifted = re.sub(r"4000(\d)", lambda found: str(int(found[1]) + 1), shifted)
    (tmp_path / "profiles/sump-controller-sc2.yaml").write_text(shifted)
    code, output = run("anlou probe device sump-1 --site site.yaml", tmp_path, port)
    assert code == 1 and "every address one lower would make" in output, output


def test_the_gateway_reads_it_right(tmp_path: Path, port: int) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "profiles/sump-controller-sc2.yaml").write_text(PROFILE)
    environment = {"ANLOU_PORT_SUMP": str(port)}
    with Anlou("run", "--site", "site.yaml", "--data", "data", "--port", "0", cwd=tmp_path, env=environment) as running:
        running.ready()
        _, told = run("anlou token create --role viewer --name bench --data data", tmp_path, port)
        running.use_token(TOKEN.findall(told)[0])
        path = "/api/v1/devices/sump-1/points"
        running.wait_until("read", lambda: any(one["value"] is not None for one in running.items(path)))
        points = {one["point"]: one for one in running.items(path)}
    assert points["sump_level"]["value"] == 1.25
    assert points["mains_voltage"]["value"] == pytest.approx(struct.unpack(">f", bytes.fromhex("43663333"))[0])
    assert points["running_hours"]["value"] == pytest.approx(8900.8)
    assert points["mode"]["value"] == "automatic"
    assert points["high_high_float"]["value"] is True
    assert points["pump-1/pump_fault"]["value"] is True and points["pump-2/pump_fault"]["value"] is False
    assert all(one["quality"] == "good" for one in points.values())
