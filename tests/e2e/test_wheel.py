"""The wheel in an empty virtual environment, started from /: what a checkout has by accident is missing there."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.e2e.running import Anlou

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

ROOT = Path(__file__).resolve().parents[2]
OURS = {"gateway", "drivers", "alerts", "simulators"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that holds nothing but the wheel and what it asks for; its bin folder."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", folder, ROOT], check=True, timeout=600)
    (wheel,) = folder.glob("anlou-*.whl")
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == OURS
    for needed in ("gateway/starter/demo/site.yaml", "gateway/starter/rules/elevator.yaml", "gateway/texts.yaml"):
        assert needed in names
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True, timeout=300)
    venv_pip = [folder / "venv/bin/python", "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*venv_pip, "install", wheel], check=True, timeout=900)
    return folder / "venv/bin"


def test_the_demo_runs_from_the_wheel(installed: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    command = [installed / "anlou", "demo", "--seconds", "20"]
    done = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, timeout=300, check=False)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "ready http://127.0.0.1:" in output
    assert "WA-08" in output
    assert "Traceback" not in output


def test_the_starter_copied_from_the_wheel_checks_clean(installed: Path, tmp_path: Path) -> None:
    anlou = installed / "anlou"
    subprocess.run([anlou, "init", tmp_path / "site"], check=True, cwd="/", timeout=300)
    with Anlou("check", "--site", tmp_path / "site/demo/site.yaml", cwd=tmp_path, anlou=str(anlou)) as check:
        assert check.process.wait(300) == 0, check.output
