"""On a full disk alarms go on, samples stop, and both come back by themselves (docs/faults.md 17–19)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store import reserve as reserve_module
from gateway.store import samples as samples_module
from gateway.store.journal import Journal
from gateway.store.reserve import Reserve, free_bytes
from gateway.store.samples import Samples
from tests.store.material import frame, judgement, layout, until


def test_a_reserve_holds_real_blocks_and_gives_them_once(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path, size=1 << 20)
    reserve.hold()
    reserve.hold()
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= 1 << 20
    assert [reserve.held, reserve.release(), reserve.held, reserve.release()] == [True, True, False, False]


def test_no_reserve_is_taken_where_space_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reserve_module, "free_bytes", lambda directory: (4 << 20) - 1)
    reserve = Reserve(tmp_path, size=1 << 20)
    reserve.hold()
    assert not reserve.held


async def test_samples_stop_before_the_disk_is_full_and_begin_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [reserve_module.SAMPLES_STOP - 1]
    monkeypatch.setattr(samples_module, "free_bytes", lambda directory: free[0])
    samples = Samples.open(tmp_path / "tele.db")
    accepted: list[int] = []
    one = layout()

    async def put(at: int) -> None:
        samples.append(samples.reserve(), frame(one, at, accept=lambda: accepted.append(at)))
        await until(lambda: samples.queued == 0)

    await put(1)
    full = [samples.full_disk]
    assert samples.failure is None
    assert (samples.counters.received, samples.counters.dropped, accepted) == (3, 3, [1])  # judged, and not kept
    free[0] = reserve_module.SAMPLES_STOP
    await put(2)
    assert [*full, samples.full_disk] == [True, False]
    assert (samples.counters.stored, accepted) == (3, [1, 2])
    assert [(p, f.layout) for p, f in samples.replay(0, [one])] == [(2, one)]  # with its layout, which was dropped once
    await samples.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "disk"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", str(mount)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    yield mount
    subprocess.run(["umount", "-l", str(mount)], capture_output=True, check=False)


def fill(directory: Path) -> None:
    """Another program takes all there is."""
    with (directory / "foreign").open("ab", buffering=0) as file:
        for block in (1 << 20, 4096, 1):
            try:
                while file.write(os.urandom(block)) == block:
                    pass
            except OSError:
                continue


@pytest.mark.long
async def test_a_disk_filled_by_another_program(small_disk: Path) -> None:
    journal, samples = Journal.open(small_disk / "alarm.db", ["log"]), Samples.open(small_disk / "tele.db")
    held = [journal.reserve_held]
    one = layout(floats=100)
    fill(small_disk)
    for seq in range(1, 1001):
        samples.append(samples.reserve(), frame(one, seq))
        await journal.commit(judgement(seq, notice=True, rule=f"R-{seq}"))
    assert [*held, journal.reserve_held] == [True, False]
    await until(lambda: samples.queued == 0)
    assert samples.counters.dropped == samples.counters.received == 100_000
    assert free_bytes(small_disk) < reserve_module.RESERVE
    (small_disk / "foreign").unlink()
    await journal.commit(judgement(1001))
    await samples.close()
    await journal.close()
    assert Journal.open(small_disk / "alarm.db").load().next_seq == 1002
