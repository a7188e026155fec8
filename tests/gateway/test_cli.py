"""The command line as people meet it: one clear line and the right exit code, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.running import PATIENCE, Anlou

ANLOU = Path(sys.executable).with_name("anlou")


def anlou(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [ANLOU, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, ""),
        (["--no-such-flag"], 2, "unrecognized"),
        (["fly"], 2, "invalid choice"),
        ([""], 2, "invalid choice"),
        (["-"], 2, "invalid choice"),
        (["demo", "--speed", "0"], 2, "above 0"),
        (["demo", "--speed", "nan"], 2, "above 0"),
        (["demo", "--port", "65536"], 2, "0 to 65535"),
        (["demo", "--scenario", "flood"], 2, "storm-night"),
        (["demo", "--scenario", "missing.yaml"], 2, "missing.yaml"),
        (["run", "--site", "missing.yaml"], 2, "missing.yaml"),
        (["check", "--site", "."], 2, "."),
        (["token", "create", "--role", "king", "--name", "x", "--data", "d"], 2, "invalid choice"),
        (["token", "list", "--data", "/proc/none"], 73, "/proc/none"),
        (["simulate", "flood"], 2, "storm-night"),
        (["schema"], 2, "kind"),
        (["test-rules"], 2, "FILE"),
        (["test-rules", "missing.yaml"], 2, "missing.yaml"),
        (["replay", "--data", "d", "--capture", "c"], 2, "not allowed with"),
        (["replay", "--capture", "missing.jsonl"], 73, "missing.jsonl"),
        (["schema", "sites"], 2, "invalid choice"),
    ],
)
def test_wrong_words_get_one_clear_answer(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    done = anlou(*arguments, cwd=tmp_path)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr


def test_help_is_there_in_every_locale(tmp_path: Path) -> None:
    for locale in ("C", "C.UTF-8"):
        done = anlou("--help", cwd=tmp_path, LANG=locale, LC_ALL=locale, PYTHONUTF8="0", COLUMNS="0")
        assert done.returncode == 0
        assert "安楼" in done.stdout


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{ANLOU} demo --help | head -1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_tokens_without_a_running_gateway(tmp_path: Path) -> None:
    data = tmp_path / "data"
    made = anlou("token", "create", "--role", "operator", "--name", "desk", "--data", data, cwd=tmp_path)
    assert made.returncode == 0
    assert made.stdout.startswith("anlou_")
    assert f"{data} is new" in made.stderr
    again = anlou("token", "create", "--role", "viewer", "--name", "desk", "--data", data, cwd=tmp_path)
    assert again.returncode == 1
    assert "desk" in again.stderr
    assert anlou("token", "revoke", "--name", "desk", "--data", data, cwd=tmp_path).returncode == 0
    listed = anlou("token", "list", "--data", data, cwd=tmp_path)
    assert listed.stdout.split() == ["desk", "operator", "revoked"]
    assert made.stdout.strip() not in listed.stdout


@pytest.mark.parametrize("name", ["", " ", "two\nlines", "\u202edesk", "x" * 65, "\x1b[31m"])
def test_a_token_has_a_name_that_the_journal_can_show(tmp_path: Path, name: str) -> None:
    refused = anlou("token", "create", "--role", "viewer", "--name", name, "--data", tmp_path / "d", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "printable" in refused.stderr


@pytest.mark.parametrize("do", [["list"], ["revoke", "--name", "x"]])
def test_a_mistyped_data_folder_is_not_begun(tmp_path: Path, do: list[str]) -> None:
    asked = anlou("token", *do, "--data", tmp_path / "dta", cwd=tmp_path)
    assert asked.returncode == 73
    assert "dta" in asked.stderr
    assert not (tmp_path / "dta").exists()


@pytest.mark.e2e
def test_tokens_through_the_running_gateway_and_its_lock(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Anlou("demo", "--scenario", "calm-day", "--data", data, cwd=tmp_path) as running:
        url = running.ready()
        made = anlou("token", "create", "--role", "viewer", "--name", "wall", "--data", data, cwd=tmp_path)
        assert made.returncode == 0, made.stderr
        operator = running.token()
        running.close_client()
        running.use_token(made.stdout.strip())
        assert running.get("/api/v1/site")["id"] == "riverside-1"
        assert running.http().post("/api/v1/alarms/X/ack", json={}).status_code == 403
        assert anlou("token", "revoke", "--name", "wall", "--data", data, cwd=tmp_path).returncode == 0
        assert running.http().get("/api/v1/site").status_code == 401
        second = anlou("demo", "--data", data, cwd=tmp_path)
        assert second.returncode == 73
        assert str(running.process.pid) in second.stderr
        port = url.rsplit(":", 1)[1]
        taken = anlou("demo", "--port", port, cwd=tmp_path)
        assert taken.returncode == 69
        assert port in taken.stderr
        running.close_client()
        running.use_token(operator)
        kinds = [event["kind"] for event in running.events()]
        assert kinds.count("token_created") == 2
        assert kinds.count("token_revoked") == 1
        assert running.interrupt() == 0


@pytest.mark.e2e
def test_run_beside_simulate(tmp_path: Path) -> None:
    """The gateway and the building as two processes, as an integrator has them."""
    site = Path(__file__).resolve().parents[2] / "config/demo/site.yaml"
    report = tmp_path / "report.json"
    with Anlou("simulate", "calm-day", "--speed", "4", "--report", report, cwd=tmp_path) as building:
        building.wait_for_line("^ready$")
        ports = dict(line.split("=") for line in building.lines if line.startswith("ANLOU_PORT_"))
        arguments = ("run", "--site", site, "--data", tmp_path / "data", "--port", "0", "--speed", "4")
        with Anlou(*arguments, cwd=tmp_path, env=ports) as gateway:
            gateway.ready()
            assert f"--data {tmp_path / 'data'}" in gateway.output, "how to make the first token is told"
            made = anlou(
                "token", "create", "--role", "viewer", "--name", "t", "--data", tmp_path / "data", cwd=tmp_path
            )
            gateway.use_token(made.stdout.strip())
            gateway.wait_until(
                "everybody online",
                lambda: all(device["health"] == "online" for device in gateway.items("/api/v1/devices")),
            )
            gateway.process.terminate()
            assert gateway.process.wait(PATIENCE) == 0, gateway.output
        assert building.interrupt() == 0
    assert '"functions"' in report.read_text()


def test_it_does_not_listen_to_the_world_unasked(tmp_path: Path) -> None:
    site = Path(__file__).resolve().parents[2] / "config/demo/site.yaml"
    links = ("LIFTS", "GARAGE", "FIRE", "CHARGING", "CHARGER_EAST_1", "BROKER")
    ports = {f"ANLOU_PORT_{link}": str(number) for number, link in enumerate(links, 1)}
    done = anlou("run", "--site", site, "--data", tmp_path / "d", "--host", "0.0.0.0", cwd=tmp_path, **ports)
    assert done.returncode == 77
    assert "insecure" in done.stderr
    nowhere = anlou("run", "--site", site, "--data", tmp_path / "d", "--host", "192.0.2.1", cwd=tmp_path, **ports)
    assert nowhere.returncode == 69
    assert "192.0.2.1" in nowhere.stderr
