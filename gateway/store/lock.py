"""One gateway to a data directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.store.errors import StoreError


class DirectoryLock:
    """Exclusive use of a data directory while entered; the kernel lets go when the process dies, however it dies.

    Makes the directory (0700) if it is missing. Entering raises StoreError, naming the other process, when another
    one holds it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._file: int | None = None

    def __enter__(self) -> Self:
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"cannot use the data directory {self.directory}: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(file, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(file)
            raise StoreError(f"{self.directory} is in use by another gateway, process {owner}") from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file = file
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # the file stays: removing it would let a third process lock a new one beside the second
        if self._file is not None:
            os.close(self._file)
            self._file = None


DataLock = DirectoryLock
