"""I1–I9 (docs/alarms.md) with alarm.db in the loop: random events, kills and edits, all read back from the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway.journalled import live

IN_A_LIFE = 2_000


@pytest.mark.parametrize("seed", [11, 12])
def test_two_thousand_events(tmp_path: Path, seed: int) -> None:
    kills, rows = live(tmp_path, seed, IN_A_LIFE // 2)
    assert kills > 5 and rows > 300


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_fifty_thousand_events(tmp_path: Path) -> None:
    kills = rows = 0
    for seed in range(25):
        folder = tmp_path / str(seed)
        folder.mkdir()
        killed, written = live(folder, seed, IN_A_LIFE)
        kills, rows = kills + killed, rows + written
    print(f"{25 * IN_A_LIFE:,} events, {kills:,} kills, {rows:,} rows: I1–I9 hold")
    assert kills > 500 and rows > 30_000
