"""The routes that explain: who may ask, what is asked for, and how nothing is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx

from gateway.api.app import create_app
from gateway.api.explained import NotExplained
from gateway.api.house import House
from gateway.api.tokens import Role
from tests.api.conftest import IDS, bearer

ASKED = "2026-11-23T13:30:00Z"


async def explain(occurrence: str) -> Mapping[str, Any] | None:
    return {"of": occurrence} if occurrence == IDS[0] else None


async def explain_rule(rule: str, source: str, at_ns: int | None) -> Mapping[str, Any]:
    if rule == "NONE":
        raise NotExplained("there is no rule 'NONE'")
    return {"of": [rule, source, at_ns]}


def caller(make_house: Callable[..., House], **changes: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(make_house(**changes)))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=bearer(Role.VIEWER))


async def test_an_alarm_and_a_rule(make_house: Callable[..., House]) -> None:
    async with caller(make_house, explain=explain, explain_rule=explain_rule) as http:
        assert (await http.get(f"/api/v1/alarms/{IDS[0]}/explain")).json() == {"of": IDS[0]}
        for nobody in (IDS[1], "nonsense"):
            assert (await http.get(f"/api/v1/alarms/{nobody}/explain")).status_code == 404
        asked = {"rule": "WA-02/protection_lost", "source": "water-east/pump-1"}
        assert (await http.get("/api/v1/explain", params=asked)).json() == {"of": [*asked.values(), None]}
        at = (await http.get("/api/v1/explain", params={**asked, "at": ASKED})).json()["of"][2]
        assert at == 1_795_440_600 * 10**9
        refused = await http.get("/api/v1/explain", params={**asked, "rule": "NONE"})
        assert refused.status_code == 404 and "NONE" in refused.json()["detail"]
        for wrong in ({"rule": "R"}, {**asked, "at": "noon"}, {**asked, "then": ASKED}):
            assert (await http.get("/api/v1/explain", params=wrong)).status_code == 422


async def test_a_house_that_keeps_nothing_says_so(make_house: Callable[..., House]) -> None:
    async with caller(make_house) as http:
        assert (await http.get(f"/api/v1/alarms/{IDS[0]}/explain")).status_code == 503
        assert (await http.get("/api/v1/explain", params={"rule": "R", "source": "s"})).status_code == 503
