"""Every write and sync of both files' lives as the moment of death (docs/faults.md E1c): strace kills at the N-th."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.aftermath import Acknowledged, inspect, victim

CALLS = "pwrite64,fdatasync,fsync,ftruncate"
ALARMS = "25"


def die_at(directory: Path, call: int) -> tuple[bool, Acknowledged]:
    trace = ("strace", "-f", "-o", "/dev/null", "-e", f"trace={CALLS}", "-e", f"inject={CALLS}:signal=KILL:when={call}")
    acknowledged = Acknowledged()
    process = victim(directory, ALARMS, before=trace)
    out, _ = process.communicate(timeout=300)
    acknowledged.hear(out.splitlines(keepends=True))
    return process.returncode != 0, acknowledged


@pytest.mark.long
@pytest.mark.timeout(600)
def test_death_at_each_write_and_sync(tmp_path: Path) -> None:
    died = 0
    # the first ones make the files, every one of them counts; later they repeat commit after commit
    for call in [*range(1, 60), *range(61, 200, 7)]:
        directory = tmp_path / str(call)
        directory.mkdir()
        killed, acknowledged = die_at(directory, call)
        died += killed
        inspect(directory, acknowledged)
    assert died >= 60, "strace did not kill: the sweep proves nothing"
