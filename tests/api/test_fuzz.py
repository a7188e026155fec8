"""Anything may be sent: no request makes a 500, and nothing but a valid command reaches the door."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.api.app import create_app
from gateway.api.house import House
from gateway.api.problems import Problem
from gateway.api.strict import decode
from gateway.api.tokens import Role
from tests.api.conftest import IDS, Journal, bearer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(["expected_seq", "comment", "for", "one_shot", "for_", "by", "occurrence"])
BODIES = st.binary(max_size=200) | st.dictionaries(FIELDS, JSON, max_size=5).map(lambda body: json.dumps(body).encode())
HEADERS = {"Content-Type": "application/json", **bearer(Role.OPERATOR)}
PREFIXES = ("/", "/api/v1/devices/", "/api/v1/points/water-east/", "/api/v1/alarms/")
LISTS = ("/api/v1/alarms", "/api/v1/devices", "/api/v1/events")
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LENIENT = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SLOW
@given(body=BODIES, action=st.sampled_from(["ack", "reset", "shelve", "unshelve"]))
def test_bodies(make_house: Callable[..., House], body: bytes, action: str) -> None:
    journal = Journal()

    async def post() -> httpx.Response:
        app = create_app(make_house(command=journal.command))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http:
            return await http.post(f"/api/v1/alarms/{IDS[0]}/{action}", content=body, headers=HEADERS)

    reply = asyncio.run(post())
    assert reply.status_code in (200, 400, 422)
    assert len(journal.commands) == (reply.status_code == 200)
    for command in journal.commands:
        assert command.expected_seq is None or type(command.expected_seq) is int
        assert command.comment is None or command.comment.isprintable()
        assert type(command.one_shot) is bool


@SLOW
@given(path=st.text(max_size=40), query=st.dictionaries(st.text(max_size=12), st.text(max_size=20), max_size=3))
def test_addresses(make_house: Callable[..., House], path: str, query: dict[str, Any]) -> None:
    async def get() -> list[int]:
        app = create_app(make_house())
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=HEADERS) as http:
            asked = [prefix + quote(path) for prefix in PREFIXES] + list(LISTS)
            return [(await http.get(f"{url}?{urlencode(query)}")).status_code for url in asked]

    assert set(asyncio.run(get())) <= {200, 400, 404, 405, 422}


@LENIENT
@given(JSON)
def test_what_is_json_is_read_as_it_is(value: Any) -> None:
    text = json.dumps(value)
    try:
        found = decode(text.encode())
    except Problem as problem:
        assert problem.status == 400
        assert "NaN" in text or "Infinity" in text
    else:
        assert found == value


@LENIENT
@given(st.binary(max_size=100))
def test_what_is_not_json_is_a_problem(raw: bytes) -> None:
    try:
        decode(raw)
    except Problem as problem:
        assert problem.status == 400
        json.loads(problem.body())
