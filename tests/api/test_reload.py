"""POST /api/v1/reload: an engineer's, all or nothing, with every problem at its place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest

from gateway.api import reload_shapes, shapes
from gateway.api.app import create_app
from gateway.api.house import House
from gateway.api.options import ApiOptions
from gateway.api.reloaded import Place, Reloaded, ReloadRefused
from gateway.api.tokens import Role
from tests.api.conftest import bearer

DONE = Reloaded(was="a", digest="b", added=["N-01"], changed=["WA-02"], warnings=["rules.yaml:3:1: look"])


def caller(house: House) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(house)), base_url="http://localhost")


async def test_what_is_different_is_told(make_house: Callable[..., House]) -> None:
    asked: list[str] = []

    async def reload(by: str) -> Reloaded:
        asked.append(by)
        return DONE

    async with caller(make_house(reload=reload)) as http:
        reply = await http.post("/api/v1/reload", headers=bearer(Role.ENGINEER))
        assert reply.status_code == 200 and asked == ["the engineer"]
        shown = reload_shapes.Reloaded.model_validate(reply.json())
        assert (shown.added, shown.removed, shown.changed) == (["N-01"], [], ["WA-02"])
        for role in (Role.VIEWER, Role.OPERATOR):
            assert (await http.post("/api/v1/reload", headers=bearer(role))).status_code == 403
        assert (await http.post("/api/v1/reload")).status_code == 401
        assert len(asked) == 1


async def test_every_problem_is_told_at_its_place(make_house: Callable[..., House]) -> None:
    async def reload(by: str) -> Reloaded:
        raise ReloadRefused([Place("rules.yaml", number, 5, f"problem {number}") for number in range(1, 31)])

    async with caller(make_house(reload=reload)) as http:
        reply = await http.post("/api/v1/reload", headers=bearer(Role.ADMIN))
    assert reply.status_code == 409
    problem = shapes.ProblemShape.model_validate(reply.json())
    assert problem.code == "reload_refused" and len(problem.errors) == 30
    assert problem.errors[6].loc == ["rules.yaml", "7", "5"] and problem.errors[6].message == "problem 7"


async def test_a_site_that_takes_long_to_read_answers_in_time_and_is_not_cut_short(
    make_house: Callable[..., House],
) -> None:
    begun = asyncio.Event()

    async def reload(by: str) -> Reloaded:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with caller(make_house(reload=reload, options=ApiOptions(request_seconds=5.0))) as http:
        reply = await http.post("/api/v1/reload", headers=bearer(Role.ENGINEER))
    assert begun.is_set() and reply.status_code == 202
    reload_shapes.Reloading.model_validate(reply.json())


async def test_a_house_without_reload_says_so(make_house: Callable[..., House]) -> None:
    async with caller(make_house()) as http:
        assert (await http.post("/api/v1/reload", headers=bearer(Role.ENGINEER))).status_code == 503


@pytest.mark.parametrize("body", ["{}", "[]"])
async def test_a_body_is_no_harm(make_house: Callable[..., House], body: str) -> None:
    async def reload(by: str) -> Reloaded:
        return DONE

    async with caller(make_house(reload=reload)) as http:
        reply = await http.post("/api/v1/reload", headers=bearer(Role.ENGINEER), content=body)
    assert reply.status_code == 200
