"""Process deaths at random moments: nothing acknowledged lost, nothing there by half (docs/faults.md 1, 2)."""

from __future__ import annotations

import random
import select
import subprocess
from pathlib import Path

import pytest

from tests.store.aftermath import Acknowledged, inspect, victim


def kill_after(process: subprocess.Popen[str], seconds: float, acknowledged: Acknowledged) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    select.select([], [], [], seconds)
    process.kill()
    acknowledged.hear(process.stdout)
    process.communicate()


def kill_often(directory: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    acknowledged = Acknowledged()
    for times in range(5 * kills):
        kill_after(victim(directory), chance.uniform(0, 0.25), acknowledged)
        inspect(directory, acknowledged)
        # a busy machine lets little happen in such a life
        if times + 1 >= kills and min(len(acknowledged.events), len(acknowledged.frames)) > kills:
            break
    assert len(acknowledged.events) > kills and len(acknowledged.frames) > kills


def test_ten_kills_in_one_directory(tmp_path: Path) -> None:
    kill_often(tmp_path, 10, seed=1)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(2, 6))
def test_a_hundred_kills(tmp_path: Path, seed: int) -> None:
    kill_often(tmp_path, 25, seed)


def test_an_orderly_end_keeps_everything(tmp_path: Path) -> None:
    acknowledged = Acknowledged()
    process = victim(tmp_path, "50")
    out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, "")
    acknowledged.hear(out.splitlines(keepends=True))
    assert (len(acknowledged.events), len(acknowledged.frames), acknowledged.checkpoint) == (50, 50, 40)
    assert not list(tmp_path.glob("*-wal"))
    inspect(tmp_path, acknowledged)
