"""Who may ask: tokens made, listed, revoked and recognised; every change is a row of the journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gateway.api.tokens import Identity, Role, make_token, token_hash
from gateway.app.control import ControlError
from gateway.clock import host_wall_ns
from gateway.fields import Line
from gateway.pipeline import Pipeline
from gateway.store.errors import StoreError
from gateway.store.journal import Journal
from gateway.store.reader import Reader

_NAME = TypeAdapter[str](Line)


class Access:
    """The one place that makes tokens while the gateway runs."""

    def __init__(self, journal: Journal, reader: Reader, pipeline: Pipeline) -> None:
        self._journal = journal
        self._reader = reader
        self._pipeline = pipeline
        self._some = False

    def authenticate(self, secret_hash: bytes) -> Identity | None:
        """Whose token it is; None for unknown, revoked and expired alike. Blocking."""
        token = self._reader.token(secret_hash)
        now = host_wall_ns()
        if token is None or (token.revoked_wall_ns or now) < now or (token.expires_wall_ns or now) < now:
            return None
        return Identity(token.name, Role.of(token.role))

    def has_tokens(self) -> bool:
        """Somebody can sign in."""
        return self._some

    async def begin(self) -> None:
        """Look once whether there is any token."""
        self._some = bool(await self._journal.list_tokens())

    async def create(self, name: str, role: str, by: str) -> str:
        """A new token, shown by the caller once. ControlError when the name is taken or none, or the role is none."""
        try:
            _NAME.validate_python(name)
        except ValidationError:
            raise ControlError("a token's name is one printable line of at most 64 characters: whose it is") from None
        try:
            Role.of(role)
            token = make_token()
            await self._journal.add_token(name, role, token_hash(token), created=host_wall_ns())
        except (StoreError, ValueError) as refused:
            raise ControlError(str(refused)) from None
        self._some = True
        await self._pipeline.note("token_created", by, {"name": name, "role": role})
        return token

    async def revoke(self, name: str, by: str) -> None:
        """End a token now. ControlError when there is none of that name."""
        try:
            await self._journal.revoke_token(name, host_wall_ns())
        except StoreError as refused:
            raise ControlError(str(refused)) from None
        await self._pipeline.note("token_revoked", by, {"name": name})

    async def listed(self) -> list[dict[str, Any]]:
        """Every token without its secret."""
        return [
            {"name": token.name, "role": token.role, "created": token.created_wall_ns, "revoked": token.revoked_wall_ns}
            for token in await self._journal.list_tokens()
        ]

    async def answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The control socket's `token` command: do = create | list | revoke."""
        match request:
            case {"do": "create", "name": str(name), "role": str(role)}:
                return {"token": await self.create(name, role, "control")}
            case {"do": "revoke", "name": str(name)}:
                await self.revoke(name, "control")
                return {}
            case {"do": "list"}:
                return {"tokens": await self.listed()}
        raise ControlError("do = create (name, role), list or revoke (name) is expected")
