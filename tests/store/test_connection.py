"""Files are opened with the settings that the promises rest on, or not at all."""

from __future__ import annotations

import stat
from importlib.resources import files
from pathlib import Path

import apsw
import pytest

from gateway.store import connection as door
from gateway.store.connection import ALARM, TELE, FileKind, open_read, open_write, pragma, rows
from gateway.store.errors import StoreError

KINDS = pytest.mark.parametrize("kind", [ALARM, TELE], ids=lambda kind: kind.name)


def test_sqlite_is_not_one_with_the_wal_reset_bug() -> None:
    assert tuple(int(n) for n in apsw.sqlite_lib_version().split(".")) >= (3, 51, 3)


@KINDS
def test_settings_are_in_force(tmp_path: Path, kind: FileKind) -> None:
    with open_write(tmp_path / "x.db", kind) as connection:
        found = {name: pragma(connection, name) for name in ("journal_mode", "synchronous", "busy_timeout")}
        assert found == {"journal_mode": "wal", "synchronous": {"alarm": 2, "tele": 1}[kind.name], "busy_timeout": 5000}
        for name, value in {"foreign_keys": 1, "trusted_schema": 0, "mmap_size": 0, "cell_size_check": 1}.items():
            assert pragma(connection, name) == value, name
        assert pragma(connection, "wal_autocheckpoint") == kind.wal_pages
        assert pragma(connection, "page_size") == kind.page_size
        assert pragma(connection, "journal_size_limit") == kind.wal_pages * kind.page_size
        assert pragma(connection, "application_id") == kind.application_id
        assert pragma(connection, "user_version") == len(door.migrations(kind))
    connection.close()


def test_a_setting_that_does_not_hold_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deaf(connection: apsw.Connection, name: str, value: int | str | None = None) -> int | str | None:
        return "delete" if name == "journal_mode" else pragma(connection, name, value)

    monkeypatch.setattr(door, "pragma", deaf)
    with pytest.raises(StoreError, match="refuses journal_mode=wal"):
        open_write(tmp_path / "x.db", ALARM)


@KINDS
def test_files_are_private(tmp_path: Path, kind: FileKind) -> None:
    connection = open_write(tmp_path / "data" / "x.db", kind)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "data").iterdir()}
    assert modes == {"x.db": 0o600, "x.db-wal": 0o600, "x.db-shm": 0o600}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    connection.close()


@KINDS
def test_opening_again_changes_nothing(tmp_path: Path, kind: FileKind) -> None:
    path = tmp_path / "x.db"
    open_write(path, kind).close()
    before = path.read_bytes()
    open_write(path, kind).close()
    assert path.read_bytes() == before


@KINDS
def test_a_newer_schema_is_left_byte_for_byte(tmp_path: Path, kind: FileKind) -> None:
    path = tmp_path / "x.db"
    connection = open_write(path, kind)
    pragma(connection, "user_version", 99)
    # the mark stands in the WAL alone, as after a crash of the newer version
    log = tmp_path / "x.db-wal"
    before = path.read_bytes(), log.read_bytes()
    with pytest.raises(StoreError, match="schema 99, this version knows up to"):
        open_write(path, kind)
    assert (path.read_bytes(), log.read_bytes()) == before
    connection.close()
    before_closed = path.read_bytes()
    with pytest.raises(StoreError, match="schema 99"):
        open_write(path, kind)
    assert path.read_bytes() == before_closed


def test_a_foreign_file_is_left_alone(tmp_path: Path) -> None:
    tele, other, text = tmp_path / "tele.db", tmp_path / "other.db", tmp_path / "text.db"
    open_write(tele, TELE).close()
    foreign = apsw.Connection(str(other))
    rows(foreign, "CREATE TABLE mine (x)")
    foreign.close()
    text.write_text("not a database, " * 300)
    for path, sentence in ((tele, "not this program's alarm"), (other, "not this program's"), (text, "no database")):
        before = path.read_bytes()
        with pytest.raises(StoreError, match=sentence):
            open_write(path, ALARM)
        assert path.read_bytes() == before


def test_a_directory_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot open"):
        open_write(tmp_path / "file" / "x.db", ALARM)


def test_a_failing_migration_leaves_the_old_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.db"
    open_write(path, ALARM).close()
    real = door.migrations(ALARM)
    broken = [*real, door.Migration(len(real) + 1, "CREATE TABLE half (x); INSERT INTO nowhere VALUES (1)")]
    monkeypatch.setattr(door, "migrations", lambda kind: broken)
    with pytest.raises(StoreError, match="no such table: nowhere"):
        open_write(path, ALARM)
    monkeypatch.undo()
    connection = open_write(path, ALARM)
    assert rows(connection, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'") == [(0,)]
    connection.close()


@KINDS
def test_migrations_are_numbered_without_holes(kind: FileKind) -> None:
    names = sorted(entry.name for entry in (files("gateway.store") / "migrations" / kind.name).iterdir())
    assert [name[:4] for name in names] == [f"{n:04d}" for n in range(1, len(names) + 1)]


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "odd ?#%20 name.db"
    writing = open_write(path, TELE)
    reading = open_read(path)
    with pytest.raises(apsw.ReadOnlyError):
        rows(reading, "INSERT INTO device (id, name) VALUES (1, 'x')")
    reading.close()
    writing.close()
