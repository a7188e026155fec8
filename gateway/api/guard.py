"""Who calls and what they may do. Every way of not being let in looks the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.routing import BaseRoute

from gateway.api.house import House
from gateway.api.problems import Problem
from gateway.api.reading import Reading
from gateway.api.tokens import Identity, Role, token_hash

_SCHEME = HTTPBearer(auto_error=False, scheme_name="token", description="An API token, `anlou token create` prints one")


def house_of(request: Request) -> House:
    house: House = request.app.state.house
    return house


HouseOf = Annotated[House, Depends(house_of)]


class Guard:
    """A dependency that lets in whoever has `role` or more."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, request: Request, house: HouseOf, _: Annotated[Any, Security(_SCHEME)]) -> Identity:
        identity = await identify(request)
        if identity is None:
            raise Problem(401, "a valid token is needed", headers={"WWW-Authenticate": "Bearer"})
        if identity.role < self.role:
            raise Problem(403, f"the role {self.role.word} is needed")
        if request.query_params and not request.scope["route"].dependant.query_params:
            raise Problem(422, "nothing can be asked for in this address's query")
        return identity


Viewer = Annotated[Identity, Depends(Guard(Role.VIEWER))]
Operator = Annotated[Identity, Depends(Guard(Role.OPERATOR))]
Engineer = Annotated[Identity, Depends(Guard(Role.ENGINEER))]
Admin = Annotated[Identity, Depends(Guard(Role.ADMIN))]


async def identify(request: Request) -> Identity | None:
    """The caller, or None. The store is asked in any case, so that the time tells nothing about the token."""
    scheme, token = _authorization(request)
    identity = await identify_by(request.app.state, token_hash(token))
    return identity if scheme.lower() == "bearer" and token else None


async def identify_by(app_state: Any, secret_hash: bytes) -> Identity | None:
    """Whose token has this hash, now."""
    house: House = app_state.house
    identifying: Reading = app_state.identifying
    return await identifying.run(house.authenticate, secret_hash)


def secret_hash(request: Request) -> bytes:
    """What the caller's token is looked up by, again and again while it listens."""
    return token_hash(_authorization(request)[1])


def _authorization(request: Request) -> tuple[str, str]:
    headers = request.headers.getlist("authorization")
    scheme, _, token = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
    return scheme, token


def guard_of(route: BaseRoute) -> Guard | None:
    """The guard in front of a route, None when it is open."""
    if not isinstance(route, APIRoute):
        return None
    return next(
        (call for dependency in route.dependant.dependencies if isinstance(call := dependency.call, Guard)), None
    )


def refuse_unguarded(routes: Iterable[BaseRoute], open_paths: frozenset[str]) -> None:
    """Deny by default: a route without a guard that is not on the list of open ones is a bug found at start."""
    for route in routes:
        path = getattr(route, "path", "?")
        if guard_of(route) is None and path not in open_paths:
            raise RuntimeError(f"{path} has no guard and is not meant to be open")
