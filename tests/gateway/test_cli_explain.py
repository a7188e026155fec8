"""`anlou explain` from files: of the site only what judges matters."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli import explain
from gateway.cli.main import main

DEMO = Path(__file__).parents[2] / "config" / "demo" / "site.yaml"


def test_ports_that_only_a_running_gateway_knows_are_no_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("LIFTS", "GARAGE", "FIRE", "CHARGING", "CHARGER_EAST_1", "BROKER"):
        monkeypatch.delenv(f"ANLOU_PORT_{name}", raising=False)
    assert main(["explain", "XC-06", "lift-1", "--site", str(DEMO), "--data", str(tmp_path)]) == explain.EXIT_STORE
    assert capsys.readouterr().err == f"anlou: no gateway keeps anything in {tmp_path}\n"
