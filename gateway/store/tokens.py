"""API tokens, by the hash of their secret. Run inside the journal's writer, or by a reader."""

from __future__ import annotations

import apsw

from gateway.store.connection import rows
from gateway.store.errors import StoreError
from gateway.store.records import Token

_COLUMNS = "name, role, created_wall_ns, expires_wall_ns, revoked_wall_ns"


def add(connection: apsw.Connection, token: Token, token_hash: bytes) -> None:
    if len(token_hash) != 32:
        raise StoreError("a token is kept as its SHA-256, 32 bytes")
    if rows(connection, "SELECT 1 FROM token WHERE name = ? OR hash = ?", (token.name, token_hash)):
        raise StoreError(f"there is a token {token.name!r} already")
    rows(
        connection,
        "INSERT INTO token (name, role, hash, created_wall_ns, expires_wall_ns) VALUES (?, ?, ?, ?, ?)",
        (token.name, token.role, token_hash, token.created_wall_ns, token.expires_wall_ns),
    )


def listed(connection: apsw.Connection) -> list[Token]:
    return [Token(*row) for row in rows(connection, f"SELECT {_COLUMNS} FROM token ORDER BY name")]  # noqa: S608


def revoke(connection: apsw.Connection, name: str, wall_ns: int) -> None:
    found = rows(
        connection,
        "UPDATE token SET revoked_wall_ns = ifnull(revoked_wall_ns, ?) WHERE name = ? RETURNING name",
        (wall_ns, name),
    )
    if not found:
        raise StoreError(f"there is no token {name!r}")


def by_hash(connection: apsw.Connection, token_hash: bytes) -> Token | None:
    """Revoked and expired ones included: who asks decides, and can say why."""
    found = rows(connection, f"SELECT {_COLUMNS} FROM token WHERE hash = ?", (token_hash,))  # noqa: S608
    return Token(*found[0]) if found else None
