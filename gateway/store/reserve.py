"""Disk space kept for alarms: a file of real blocks to give up, and a limit below which samples are not written."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)

RESERVE = 16 << 20  # 2 MB made room for 442 alarm commits on a full disk (E16)
SAMPLES_STOP = 4 * RESERVE


def free_bytes(directory: Path) -> int:
    """What an ordinary user may still write there."""
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize


class Reserve:
    """A file that occupies space until it is needed. All of it is best effort: no space is no error here."""

    def __init__(self, directory: Path, size: int = RESERVE) -> None:
        self._path = directory / "reserve"
        self._size = size

    @property
    def held(self) -> bool:
        return self._path.exists()

    def hold(self) -> None:
        """Take the space, if it is not held and there is four times as much."""
        with contextlib.suppress(OSError):
            if self.held or free_bytes(self._path.parent) < 4 * self._size:
                return
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(file, 0, self._size)
            except OSError:
                self._path.unlink()
                raise
            finally:
                os.close(file)

    def release(self) -> bool:
        """Give the space back; whether there was any to give."""
        try:
            self._path.unlink()
        except OSError:
            return False
        log.error("the disk is full: the reserve of %d MiB is given to alarms", self._size >> 20)
        return True
