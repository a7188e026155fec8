"""`anlou probe` beside a running gateway: over its connection, never a second one."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.modbus_server import ModbusServer
from simulators.pdu import Table, mapped
from tests.e2e.running import Anlou
from tests.gateway.probe_stage import Bench, meter, probe, served

__all__ = ["probe"]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SITE = """
site: {id: bench, name: {en: Bench, zh: 台架}, timezone: Asia/Shanghai, language: en}
links:
  bus: {modbus: "tcp://127.0.0.1:${port:bus}"}
devices:
  meter-ev: {profile: eastron-sdm630, system: ev-charging, link: bus, unit: 5, poll: 500ms}
rules: {packs: []}
"""


class Stage:
    """A gateway that reads a meter which takes one connection only."""

    def __init__(self, folder: Path, server: ModbusServer, link: str, gateway: Anlou) -> None:
        self.site = folder / "site.yaml"
        self.data = folder / "data"
        self.server, self.link, self.gateway = server, link, gateway

    @property
    def good(self) -> bool:
        """The gateway reads the meter, as if nobody else did."""
        device = self.gateway.get("/api/v1/devices/meter-ev")
        return bool(device["health"] == "online" and self.server.accepted == 1 and self.server.turned_away == 0)

    def goes_on(self) -> None:
        """A busy machine may have cost it a poll, but no connection."""
        self.gateway.wait_until("the meter is read as before", lambda: self.good)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with served({5: meter(), 7: mapped({Table.HOLDING: {0: 1}})}, max_connections=1) as (server, link):
        (tmp_path / "site.yaml").write_text(SITE)
        env = {"ANLOU_PORT_BUS": link.rsplit(":", 1)[1]}
        words = ("run", "--site", tmp_path / "site.yaml", "--data", tmp_path / "data", "--port", "0")
        with Anlou(*words, cwd=tmp_path, env=env) as gateway:
            made = Stage(tmp_path, server, link, gateway)
            gateway.ready()
            with Anlou("token", "create", "--role", "viewer", "--name", "t", "--data", made.data, cwd=tmp_path) as t:
                gateway.use_token(t.token())
            gateway.wait_until("the meter is read", lambda: made.good)
            yield made
            assert gateway.interrupt() == 0, gateway.output


def test_the_owner_s_connection_is_borrowed(probe: Bench, stage: Stage) -> None:
    # its port is the gateway's to know: this shell has no ANLOU_PORT_BUS
    done = probe("device", "meter-ev", "--site", stage.site, "--data", stage.data, "--json")
    assert done.code == 0, done.err
    assert done.json["through"] == str(stage.data)
    assert done.json["points"][0]["value"] == pytest.approx(230.2173, rel=1e-6)
    assert done.err == ""
    # without a site, by another name of the same endpoint
    address = stage.link.replace("127.0.0.1", "localhost")
    words = ("--link", address, "--data", stage.data)
    done = probe("registers", *words, "--unit", 5, "--table", "input", "--from", 0, "--count", 6, "--json")
    assert done.code == 0, done.err
    assert done.json["through"] == str(stage.data)
    units = probe("units", *words, "--from", 4, "--to", 7, "--pause", "10ms", "--json")
    assert [unit["unit"] for unit in units.json["units"]] == [5, 7]
    assert "through the gateway" in units.err
    file = stage.data.parent / "c.jsonl"
    recorded = probe("record", "meter-ev", "--out", file, "--site", stage.site, "--data", stage.data, "--seconds", "1")
    assert recorded.code == 0, recorded.err
    assert json.loads(file.read_text().splitlines()[0])["link"] == "bus"
    stage.goes_on()


def test_without_words_the_gateway_is_found_where_it_keeps_its_sites(
    probe: Bench, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = tmp_path / "usual" / "anlou"
    usual.mkdir(parents=True)
    (usual / "bench").symlink_to(stage.data)
    monkeypatch.setenv("XDG_STATE_HOME", str(usual.parent))
    done = probe("registers", "--link", stage.link, "--unit", 5, "--table", "input", "--from", 0, "--count", 2)
    assert done.code == 0, done.err
    assert "through the gateway that reads it" in done.out
    stage.goes_on()


def test_other_files_than_the_gateway_s_are_told(probe: Bench, stage: Stage) -> None:
    stage.site.write_text(SITE.replace("500ms", "400ms"))
    done = probe("device", "meter-ev", "--site", stage.site, "--data", stage.data)
    assert done.code == 0
    assert "was started with other files" in done.err


def test_another_user_s_socket_is_refused_and_no_connection_made(
    probe: Bench, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = stage.data / "control.sock"
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("gateway.app.control.ask", denied)
    done = probe("registers", "--link", stage.link, "--data", stage.data, "--unit", 5, "--from", 0)
    assert done.code == 1
    assert "another user's: probe as that user" in done.err
    stage.goes_on()
    assert socket.exists()
