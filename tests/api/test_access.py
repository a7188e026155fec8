"""Who is let in: the whole route × role matrix, and every way of not being let in (docs/faults.md API1…)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from gateway.api.app import OPEN, ROUTERS, create_app
from gateway.api.guard import guard_of, refuse_unguarded
from gateway.api.house import House
from gateway.api.tokens import Role, is_token, make_token, token_hash
from gateway.store.errors import StoreError
from tests.api.conftest import IDS, TOKENS, bearer

PATHS = {
    "/metrics": Role.VIEWER,
    "/openapi.json": Role.VIEWER,
    "/api/v1/site": Role.VIEWER,
    "/api/v1/devices": Role.VIEWER,
    "/api/v1/devices/{device}": Role.VIEWER,
    "/api/v1/devices/{device}/points": Role.VIEWER,
    "/api/v1/points/{device}/{point:path}/history": Role.VIEWER,
    "/api/v1/alarms": Role.VIEWER,
    "/api/v1/alarms/{occurrence}": Role.VIEWER,
    "/api/v1/alarms/{occurrence}/ack": Role.OPERATOR,
    "/api/v1/alarms/{occurrence}/reset": Role.OPERATOR,
    "/api/v1/alarms/{occurrence}/shelve": Role.OPERATOR,
    "/api/v1/alarms/{occurrence}/unshelve": Role.OPERATOR,
    "/api/v1/alarms/{occurrence}/out_of_service": Role.OPERATOR,
    "/api/v1/alarms/{occurrence}/in_service": Role.OPERATOR,
    "/api/v1/alarms/{occurrence}/explain": Role.VIEWER,
    "/api/v1/explain": Role.VIEWER,
    "/api/v1/annunciation": Role.VIEWER,
    "/api/v1/reload": Role.ENGINEER,
    "/api/v1/mutes": Role.VIEWER,
    "/api/v1/silences": Role.VIEWER,
    "POST /api/v1/silences": Role.OPERATOR,
    "/api/v1/silences/{silence}": Role.OPERATOR,
    "/api/v1/rules/{rule}/{source:path}/out_of_service": Role.OPERATOR,
    "/api/v1/rules/{rule}/{source:path}/in_service": Role.OPERATOR,
    "/api/v1/events": Role.VIEWER,
    "/api/v1/rules": Role.VIEWER,
    "/api/v1/links": Role.VIEWER,
    "/api/v1/kpi": Role.VIEWER,
    "/api/v1/quarantine": Role.ENGINEER,
    "/api/v1/stream": Role.VIEWER,
}
ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
GUARDED = [route for route in ROUTES if route.path not in OPEN]


def named(route: APIRoute) -> str:
    """Its path, with the method where reading the same path is another route."""
    read = any(other.path == route.path and "GET" in (other.methods or ()) for other in ROUTES)
    return f"POST {route.path}" if "POST" in (route.methods or ()) and read else route.path


def url(route: APIRoute) -> str:
    values = {"{device}": "water-east", "{point:path}": "floor_level", "{occurrence}": IDS[0], "{silence}": IDS[0]}
    values |= {"{rule}": "EL-01", "{source:path}": "lift-1"}
    path = route.path
    for name, value in values.items():
        path = path.replace(name, value)
    return f"{path}?last_event_id=x" if path.endswith("/stream") else path  # refused for it: else it never ends


def test_every_route_is_on_the_list() -> None:
    """A new route must say here who may use it."""
    assert {named(route): guard.role for route in ROUTES if (guard := guard_of(route))} == PATHS
    assert {named(route) for route in ROUTES} == PATHS.keys() | OPEN


@pytest.mark.parametrize("role", [None, *Role], ids=lambda role: role.word if role else "nobody")
@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.path)
async def test_matrix(http: httpx.AsyncClient, route: APIRoute, role: Role | None) -> None:
    headers = {} if role is None else bearer(role)
    reply = await http.request(next(iter(route.methods)), url(route), headers=headers)
    if role is None:
        assert reply.status_code == 401
    elif role < PATHS[named(route)]:
        assert reply.status_code == 403
    else:
        assert reply.status_code not in (401, 403)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer ")],
        [("Authorization", TOKENS[Role.ADMIN])],
        [("Authorization", f"Basic {TOKENS[Role.ADMIN]}")],
        [("Authorization", f"Bearer {TOKENS[Role.ADMIN]}x")],
        [("Authorization", f"Bearer  {TOKENS[Role.ADMIN]}")],
        [("Authorization", f"Bearer {make_token()}")],
        [("Authorization", f"Bearer {TOKENS[Role.ADMIN]}"), ("Authorization", f"Bearer {TOKENS[Role.ADMIN]}")],
        [("Authorization", "Bearer " + "x" * 8000)],
        [("X-Forwarded-User", "admin"), ("Cookie", f"token={TOKENS[Role.ADMIN]}")],
    ],
)
async def test_not_let_in_always_looks_the_same(http: httpx.AsyncClient, headers: list[tuple[str, str]]) -> None:
    plain = await http.get("/api/v1/site")
    reply = await http.get("/api/v1/site", headers=headers)
    assert reply.status_code == 401
    assert reply.content == plain.content
    assert reply.headers == plain.headers
    assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("name", ["token", "access_token", "TOKEN", "api_key", "key", "Authorization"])
async def test_a_token_in_the_address_is_refused(http: httpx.AsyncClient, name: str) -> None:
    reply = await http.get("/api/v1/site", params={name: TOKENS[Role.ADMIN]}, headers=bearer(Role.ADMIN))
    assert reply.status_code == 400
    assert TOKENS[Role.ADMIN] not in reply.text


async def test_a_store_that_does_not_answer_lets_nobody_in(make_house: Any) -> None:
    def broken(_: bytes) -> None:
        raise StoreError("alarm.db is gone")

    app = create_app(make_house(authenticate=broken))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http:
        reply = await http.get("/api/v1/site", headers=bearer(Role.ADMIN))
        assert (reply.status_code, reply.json()["code"]) == (503, "unavailable")
        assert "alarm.db" not in reply.text
        assert (await http.get("/healthz")).status_code == 200


def test_a_route_without_a_guard_stops_the_start() -> None:
    router = APIRouter()

    @router.get("/open-by-mistake")
    def mistake() -> None:
        return

    with pytest.raises(RuntimeError, match="open-by-mistake"):
        refuse_unguarded(router.routes, OPEN)


async def test_docs_ask_for_a_token_in_the_page(http: httpx.AsyncClient) -> None:
    page = await http.get("/docs")
    assert page.status_code == 401
    assert page.headers["content-type"].startswith("text/html")
    assert 'src="/docs/swagger-ui-bundle.js"' in page.text
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "http" not in page.text.replace("https://", "")  # nothing from elsewhere
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js"):
        assert (await http.get(f"/docs/{name}")).status_code == 200
    assert (await http.get("/docs/../openapi.json")).status_code in (401, 404)
    assert (await http.get("/docs/swagger-ui.js.map")).status_code == 404
    assert (await http.get("/docs", headers=bearer(Role.VIEWER))).status_code == 200
    spec = (await http.get("/openapi.json", headers=bearer(Role.VIEWER))).json()
    assert spec["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert spec["paths"]["/api/v1/alarms/{occurrence}/reset"]["post"]["requestBody"]["required"] is True


async def test_commands_carry_the_callers_name(http: httpx.AsyncClient, house: House, journal: Any) -> None:
    await http.post(f"/api/v1/alarms/{IDS[0]}/ack", headers=bearer(Role.ENGINEER))
    assert journal.commands[0].by == "the engineer"


def test_tokens_and_roles() -> None:
    tokens = {make_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(is_token(token) for token in tokens)
    assert not is_token("anlou_short")
    assert len(token_hash("x")) == 32
    assert Role.of("operator") is Role.OPERATOR
    assert Role.VIEWER < Role.OPERATOR < Role.ENGINEER < Role.ADMIN
    for nonsense in ("OPERATOR", "root", ""):
        with pytest.raises(ValueError, match="viewer, operator"):
            Role.of(nonsense)
