"""The simulated building's epoch: a wrong one is told, never taken for a real building's time."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.app.simulation import EPOCH, EpochError, epoch
from tests.gateway.test_cli import anlou


@pytest.mark.parametrize(("said", "meant"), [(None, None), ("", None), ("1700000000000000000", 1_700_000_000 * 10**9)])
def test_an_epoch_is_a_moment_or_nothing(monkeypatch: pytest.MonkeyPatch, said: str | None, meant: int | None) -> None:
    monkeypatch.delenv(EPOCH, raising=False)
    if said is not None:
        monkeypatch.setenv(EPOCH, said)
    assert epoch() == meant


@pytest.mark.parametrize("said", ["1.7e18", " 1700000000000000000", "-1", "yesterday", "1" * 20, "١٧٠٠"])
def test_a_wrong_epoch_is_refused(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv(EPOCH, said)
    with pytest.raises(EpochError, match="nanoseconds"):
        epoch()


def test_a_gateway_with_a_wrong_epoch_does_not_start(tmp_path: Path) -> None:
    done = anlou("demo", "--data", tmp_path / "kept", "--seconds", "1", cwd=tmp_path, ANLOU_EPOCH="soon")
    assert done.returncode == 2
    assert "ANLOU_EPOCH is 'soon'" in done.stderr and "ready" not in done.stdout
