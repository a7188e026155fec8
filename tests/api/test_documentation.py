"""docs/api.md says what is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from fastapi.routing import APIRoute
from swagger_ui_bundle import swagger_ui_path  # type: ignore[import-untyped]

from gateway.api.app import ROUTERS
from gateway.api.guard import guard_of
from gateway.api.options import ApiOptions
from gateway.api.problems import Problem
from gateway.model import Health

PAGE = (Path(__file__).resolve().parents[2] / "docs/api.md").read_text()


def test_every_route_is_there_with_its_role() -> None:
    lines = {line.split("`")[1]: line.split("|")[2].strip() for line in PAGE.splitlines() if line.startswith("| `")}
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            if route.methods == {"HEAD"} or route.path.startswith("/docs/"):
                continue
            (method,) = route.methods
            guard = guard_of(route)
            written = f"{method} {route.path.replace(':path', '')}"
            assert lines[written] == ("–" if guard is None else guard.role.word)


def test_states_members_and_limits_are_there() -> None:
    assert all(f"| `{health}` |" in PAGE for health in Health)
    assert all(f'"{member}"' in PAGE for member in ("type", "title", "status", "code", "detail", "errors", "current"))
    assert Problem(404, "x").body().count(b'":') == 7
    options = ApiOptions()
    for limit in (
        f"{options.max_body_bytes // 1024} KiB of body",
        f"{options.request_seconds:g} s to send",
        f"{options.connections_per_address}\nconnections",
    ):
        assert limit in PAGE


async def test_the_description_is_one_that_the_page_can_show(viewer: httpx.AsyncClient) -> None:
    """The bundled Swagger UI refuses OpenAPI 3.1 with an error page; 3.0 writes null, const and bounds otherwise."""
    said = (await viewer.get("/openapi.json")).json()
    assert said["openapi"] == "3.0.3" and "summary" not in said["info"] and said["info"]["description"]
    bundle = (swagger_ui_path / "swagger-ui-bundle.js").read_text()
    assert "openapi: 3.0.n" in bundle, "a newer page takes 3.1: the translation may go"
    for part in parts(said):
        assert part.get("type") != "null" and "const" not in part and "propertyNames" not in part
        assert {"type": "null"} not in (part.get("anyOf") or ())
        assert all(part.get(bound) in (None, True) for bound in ("exclusiveMinimum", "exclusiveMaximum"))
    alarm = said["components"]["schemas"]["Alarm"]["properties"]
    assert alarm["acked_by"] == {"title": "Acked By", "type": "string", "nullable": True}
    assert alarm["condition"]["enum"] == ["true", "false", "unknown"]


def parts(described: Any) -> Iterator[dict[str, Any]]:
    if isinstance(described, dict):
        yield described
    for inner in (
        described.values() if isinstance(described, dict) else described if isinstance(described, list) else ()
    ):
        yield from parts(inner)
