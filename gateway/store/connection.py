"""Opening the store's files: settings that are checked, numbered migrations, read-only connections."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from gateway.store.errors import Damaged, StoreError

Bindings = Sequence[Any] | Mapping[str, Any]


class FileKind(NamedTuple):
    """One of the store's files: its migrations' folder, its mark in the SQLite header, its durability."""

    name: str
    application_id: int
    synchronous: str
    page_size: int
    wal_pages: int


# "ALJ1", "ALT1" in ASCII. alarm.db is read back at every start and stays small: a WAL below 1 MiB. tele.db writes its
# index pages again and again: the more of them wait in the WAL, the fewer reach the card (E18), so 8 MiB; and the pages
# are small, as a frame committed alone writes three or four: 173 bytes a sample with 1 KiB, 480 with 4 KiB.
ALARM = FileKind("alarm", 0x414C4A31, "FULL", 4096, 200)
TELE = FileKind("tele", 0x414C5431, "NORMAL", 1024, 8000)

DAMAGE = (apsw.CorruptError, apsw.NotADBError)
"""What SQLite raises over what it reads; all other errors may pass, and must not make anybody give up a file."""

BUSY_MS = 5000
SYNCHRONOUS = {"NORMAL": 1, "FULL": 2}

# mmap is off and one connection alone writes and checkpoints: both were part of the corruptions in the field
# (fixed in 3.51.3).
_SETTINGS: tuple[tuple[str, int | str], ...] = (
    ("journal_mode", "wal"),
    ("foreign_keys", 1),
    ("trusted_schema", 0),
    ("mmap_size", 0),
    ("cell_size_check", 1),
)


class Migration(NamedTuple):
    version: int
    sql: str


def migrations(kind: FileKind) -> list[Migration]:
    """The numbered SQL files of one kind, in order; a hole in the numbers is refused."""
    folder = files("gateway.store") / "migrations" / kind.name
    found = sorted((entry.name, entry) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    steps = []
    for number, (name, entry) in enumerate(found, 1):
        if not re.fullmatch(rf"{number:04d}_\w+\.sql", name):
            raise StoreError(f"migration {name} of {kind.name} should be number {number:04d}")
        steps.append(Migration(number, entry.read_text(encoding="utf-8")))
    return steps


def rows(connection: apsw.Connection, sql: str, bindings: Bindings = ()) -> list[tuple[Any, ...]]:
    """Run statements to their end: apsw runs them only as far as rows are fetched, and the rest would not happen."""
    return connection.execute(sql, bindings).fetchall()


def pragma(connection: apsw.Connection, name: str, value: int | str | None = None) -> int | str | None:
    """Set (or only read) a pragma and give what SQLite answers when asked again."""
    if value is not None:
        rows(connection, f"PRAGMA {name}={value}")
    found = rows(connection, f"PRAGMA {name}")
    return found[0][0] if found else None


def set_synchronous(connection: apsw.Connection, level: str) -> None:
    """Set the durability of the commits to come; outside a transaction only."""
    if pragma(connection, "synchronous", level) != SYNCHRONOUS[level]:
        raise StoreError(f"SQLite refuses synchronous={level}")


def open_write(path: Path, kind: FileKind) -> apsw.Connection:
    """The one writing connection of a file: made (0600) if missing, checked, migrated to this version's schema.

    StoreError when the file is of another kind, damaged, or newer than this version; it is then left as it is.
    """
    try:
        _create(path)
        _look_first(path, kind)
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        connection.set_busy_timeout(BUSY_MS)
    except (OSError, apsw.Error) as error:
        raise StoreError(f"cannot open {path}: {error}") from error
    try:
        _refuse_foreign(connection, path, kind)
        _configure(connection, kind)
        _migrate(connection, kind, path)
    except DAMAGE as error:
        connection.close()
        raise Damaged(f"{path} is damaged: {error}") from error
    except apsw.Error as error:
        connection.close()
        raise StoreError(f"cannot prepare {path}: {error}") from error
    except StoreError:
        connection.close()
        raise
    return connection


class FileWatch:
    """Notices that the file at `path` is no longer the one that was opened: SQLite would go on writing into nowhere."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = self._identity()

    def _identity(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_dev, found.st_ino

    def check(self) -> None:
        """OSError when the file was removed or replaced."""
        if self._identity() != self._known:
            raise OSError(f"{self._path} was replaced while it was in use")


def open_read(path: Path) -> apsw.Connection:
    """A connection that cannot write; it sees what was committed and never makes the writer wait."""
    try:
        connection = apsw.Connection(f"file:{_quoted(path)}?mode=ro", flags=_READ_FLAGS)
        connection.set_busy_timeout(BUSY_MS)
        for name, value in (("query_only", 1), ("trusted_schema", 0), ("mmap_size", 0), ("cell_size_check", 1)):
            if pragma(connection, name, value) != value:
                raise StoreError(f"SQLite refuses {name}={value}")
    except apsw.Error as error:
        raise StoreError(f"cannot read {path}: {error}") from error
    return connection


_READ_FLAGS = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI


def _quoted(path: Path) -> str:
    return path.absolute().as_posix().replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _create(path: Path) -> None:
    """An empty file with its directory entry on disk, private to us; SQLite gives its WAL the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _look_first(path: Path, kind: FileKind) -> None:
    """Judge the file before touching it: a writing connection would already change it when it is closed."""
    if path.stat().st_size == 0:
        return
    connection = open_read(path)
    try:
        _refuse_foreign(connection, path, kind)
    except apsw.ReadOnlyError:
        pass  # cut while the file was being made: the writing connection rolls that back, then looks
    except DAMAGE as error:
        raise Damaged(f"{path} is damaged or no database: {error}") from error
    except apsw.Error as error:
        raise StoreError(f"cannot read {path}: {error}") from error
    finally:
        connection.close()


def _refuse_foreign(connection: apsw.Connection, path: Path, kind: FileKind) -> None:
    mark = pragma(connection, "application_id")
    version = pragma(connection, "user_version")
    tables = rows(connection, "SELECT count(*) FROM sqlite_schema")[0][0]
    known = len(migrations(kind))
    if mark != kind.application_id and (mark != 0 or tables != 0):
        raise StoreError(f"{path} is not this program's {kind.name} file (application id {mark})")
    if not isinstance(version, int) or version > known:
        raise StoreError(f"{path} has schema {version}, this version knows up to {known}: use the newer version")


def _configure(connection: apsw.Connection, kind: FileKind) -> None:
    limits = (
        ("busy_timeout", BUSY_MS),
        ("wal_autocheckpoint", kind.wal_pages),
        ("journal_size_limit", kind.wal_pages * kind.page_size),
    )
    if pragma(connection, "page_count") == 0 and pragma(connection, "page_size", kind.page_size) != kind.page_size:
        raise StoreError(f"SQLite refuses page_size={kind.page_size}")
    for name, value in (*_SETTINGS, *limits):
        if (answer := pragma(connection, name, value)) != value:
            raise StoreError(f"SQLite refuses {name}={value} (it says {answer})")
    set_synchronous(connection, kind.synchronous)


def _migrate(connection: apsw.Connection, kind: FileKind, path: Path) -> None:
    """Each step is one transaction with its number in it, so a cut leaves the old schema or the new one."""
    for step in migrations(kind):
        rows(connection, "BEGIN IMMEDIATE")
        try:
            if pragma(connection, "user_version") == step.version - 1:
                rows(connection, step.sql)
                pragma(connection, "application_id", kind.application_id)
                pragma(connection, "user_version", step.version)
            rows(connection, "COMMIT")
        except BaseException:
            if connection.in_transaction:
                rows(connection, "ROLLBACK")
            raise
    if pragma(connection, "user_version") != len(migrations(kind)):
        raise StoreError(f"{path} could not be brought to schema {len(migrations(kind))}")
