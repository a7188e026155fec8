"""One gateway to a data directory."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.store.errors import StoreError
from gateway.store.lock import DataLock

HOLDER = """
import sys, time
from pathlib import Path
from gateway.store.lock import DataLock
with DataLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_instance_is_told_who_holds_it_and_a_killed_one_holds_nothing(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match=rf"in use by another gateway, process {holder.pid}$"), DataLock(tmp_path):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with DataLock(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_the_directory_is_made_private(tmp_path: Path) -> None:
    with DataLock(tmp_path / "new" / "data"):
        assert stat.S_IMODE((tmp_path / "new" / "data").stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "new" / "data" / "lock").stat().st_mode) == 0o600
    with DataLock(tmp_path / "new" / "data"):
        pass


def test_an_unusable_directory_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot use the data directory"), DataLock(tmp_path / "file"):
        pass
