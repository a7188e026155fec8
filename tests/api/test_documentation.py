"""docs/api.md says what is there."""

from __future__ import annotations

from pathlib import Path

from fastapi.routing import APIRoute

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
