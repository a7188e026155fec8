"""Bad inputs (docs/faults.md API4–API11): a problem in the one shape, never a 500, never a guess."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from gateway.api.app import create_app
from gateway.api.limits import HEADERS, check_host, client, networks
from gateway.api.options import ApiOptions
from gateway.api.problems import Problem
from gateway.api.tokens import Role
from gateway.model import AlarmClass
from tests.api.conftest import IDS, Journal, bearer, occurrence

MEMBERS = {"type", "title", "status", "code", "detail", "errors", "current"}
ACK = f"/api/v1/alarms/{IDS[0]}/ack"
JSON = {"Content-Type": "application/json"}


def is_problem(reply: httpx.Response, *statuses: int) -> dict[str, Any]:
    assert reply.status_code in statuses, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = reply.json()
    assert set(problem) == MEMBERS
    assert problem["status"] == reply.status_code
    assert "Traceback" not in reply.text
    return problem


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/v1", 404),
        ("GET", "/api/v1/devices/", 404),
        ("GET", "/debug", 404),
        ("POST", "/healthz", 405),
        ("TRACE", "/api/v1/site", 405),
        ("DELETE", ACK, 405),
        ("PATCH", "/api/v1/alarms", 405),
        ("OPTIONS", "/api/v1/alarms", 405),
    ],
)
async def test_wrong_address_or_method(operator: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    is_problem(await operator.request(method, path), status)


async def test_method_override_is_not_a_thing(operator: httpx.AsyncClient) -> None:
    is_problem(await operator.post("/api/v1/alarms", headers={"X-HTTP-Method-Override": "GET"}), 405)


@pytest.mark.parametrize(
    "body",
    [
        b'{"expected_seq": NaN}',
        b'{"expected_seq": 1e999}',
        b'{"expected_seq": -1e999}',
        b'{"expected_seq": Infinity}',
        b'{"expected_seq": true}',
        b'{"expected_seq": "7"}',
        b'{"expected_seq": 7.0}',
        b'{"expected_seq": -1}',
        b'{"expected_seq": 9223372036854775808}',
        b'{"expected_seq": 7, "expected_seq": 8}',
        b'{"expected_seq": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 30_000,
        b'{"comment": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b"[]",
        b"null",
        b'"ack"',
        b"7",
        b"{}{}",
        b"{'comment': 'x'}",
        b"{} // x",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"\x00",
        b'{"comment": ""}',
        b'{"comment": " x"}',
        b'{"comment": 7}',
        b'{"comment": "a\\u0000b"}',
        b'{"comment": "a\\r\\nb"}',
        b'{"comment": "\\u001b[31m"}',
        b'{"comment": "\\u202egpj"}',
        b'{"comment": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"comment": "' + b"x" * 3000 + b'"}',
        b'{"role": "admin"}',
        b'{"occurrence": "x", "by": "root"}',
        b'{"__class__": {}}',
    ],
)
async def test_bodies_that_are_not_meant(operator: httpx.AsyncClient, journal: Journal, body: bytes) -> None:
    is_problem(await operator.post(ACK, content=body, headers=JSON), 400, 422)
    assert journal.commands == []


async def test_a_comment_may_hold_what_people_write(operator: httpx.AsyncClient, journal: Journal) -> None:
    for comment in ("<script>alert(1)</script>", '=HYPERLINK("x")', "已派人到场 🚒", "; DROP TABLE event"):
        journal.rows[IDS[0]] = occurrence(0)
        reply = await operator.post(ACK, json={"comment": comment})
        assert reply.status_code == 200
        assert journal.commands[-1].comment == comment


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=utf-7"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": ""},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_other_media_types(operator: httpx.AsyncClient, headers: dict[str, str]) -> None:
    is_problem(await operator.post(ACK, content=b"{}", headers=headers), 415)


async def test_utf8_may_be_named(operator: httpx.AsyncClient) -> None:
    headers = {"Content-Type": 'Application/JSON; charset="UTF-8"'}
    assert (await operator.post(ACK, content=b"{}", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
        "CON",
        ";drop",
        "x" * 10_000,
        "🚒",
        "%00",
        "nobody",
        "%ff",
    ],
)
async def test_names_are_only_looked_up(operator: httpx.AsyncClient, name: str) -> None:
    for path in (
        f"/api/v1/devices/{name}",
        f"/api/v1/devices/{name}/points",
        f"/api/v1/points/{name}/floor_level/history",
        f"/api/v1/points/water-east/{name}/history",
        f"/api/v1/alarms/{name}",
        f"/docs/{name}",
    ):
        reply = await operator.get(path)
        if reply.status_code == 200:  # `..` was taken away by the client: another address altogether
            assert ".." in name or name == "%2e%2e"
        else:
            is_problem(reply, 400, 404, 422)
    is_problem(await operator.post(f"/api/v1/alarms/{name}/ack", json={}), 400, 404, 405, 422)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        *[
            (path, f"limit={limit}")
            for path in ("/api/v1/alarms", "/api/v1/events", "/api/v1/devices")
            for limit in ("-1", "0", "1000000000", "1e3", "1.5", "", "x", "٣٣٣٣٣", "true", "9" * 5000)
        ],
        ("/api/v1/alarms", "state=sleeping"),
        ("/api/v1/alarms", "severity=1"),
        ("/api/v1/alarms", "severity=CRITICAL"),
        ("/api/v1/alarms", "open=perhaps"),
        ("/api/v1/alarms", "after=forged"),
        ("/api/v1/alarms", "after=01HZZZZZZZZZZZZZZZZZZZZZZ0%00"),
        ("/api/v1/alarms", "after=01HZZZZZZZZZZZZZZZZZZZZZZ0%0A"),
        ("/api/v1/alarms", "sevrity=critical"),
        ("/api/v1/events", "after=-1"),
        ("/api/v1/events", "after=9223372036854775808"),
        ("/api/v1/devices", "health=fine"),
        ("/api/v1/devices", "helth=online"),
        *[
            ("/api/v1/points/water-east/floor_level/history", query)
            for query in (
                "max_points=0",
                "max_points=10001",
                "from=yesterday",
                "from=2023-11-14",
                "from=2023-11-14T00:00:00",
                "from=2023-02-30T00:00:00Z",
                "from=1700000000",
                "from=0001-01-01T00:00:00%2B23:59",
                "from=9999-12-31T23:59:59Z",
                "to=2023-11-14T00:00:00+08:00",
                "from=1923-11-14T00:00:00Z&to=2023-11-14T00:00:00Z",
                "from=2023-11-14T00:00:00Z&to=2023-11-13T00:00:00Z",
                "points=5",
            )
        ],
    ],
)
async def test_queries_that_are_not_meant(viewer: httpx.AsyncClient, path: str, query: str) -> None:
    is_problem(await viewer.get(f"{path}?{query}"), 422)


@pytest.mark.parametrize(
    "moments",
    [
        "from=0001-01-01T00:00:00Z&to=0001-01-02T00:00:00Z",
        "from=1969-12-31T00:00:00Z&to=1970-01-02T00:00:00Z",
        "from=2262-04-11T23:47:16Z&to=2262-04-12T00:00:00Z",
        "from=9999-12-31T00:00:00Z&to=9999-12-31T23:59:59Z",
    ],
)
async def test_times_that_the_store_cannot_tell(viewer: httpx.AsyncClient, moments: str) -> None:
    reply = await viewer.get(f"/api/v1/points/water-east/floor_level/history?{moments}")
    assert "1970" in is_problem(reply, 422)["detail"]


@pytest.mark.parametrize(
    "address",
    [
        "/api/v1/alarms?state=unacked&state=acked",  # one of the two would not be shown
        "/api/v1/alarms?system=fire&System=fire",
        "/api/v1/rules?rule=WA-01",
        "/api/v1/site?x=1",
        "/api/v1/devices/water-east?x",
        "/api/v1/devices/water-east/points?limit=1",
        "/metrics?name=anlou_up",
    ],
)
async def test_a_query_that_would_be_overlooked_is_refused(viewer: httpx.AsyncClient, address: str) -> None:
    is_problem(await viewer.get(address), 422)


async def test_a_command_takes_no_query(operator: httpx.AsyncClient, journal: Journal) -> None:
    is_problem(await operator.post(f"{ACK}?comment=seen", json={}), 422)
    assert journal.commands == []


async def test_acknowledging(operator: httpx.AsyncClient, journal: Journal) -> None:
    first = await operator.post(ACK, json={"expected_seq": 7, "comment": "on my way"})
    assert (first.status_code, first.json()["state"], first.json()["acked_by"]) == (200, "acked", "the operator")
    again = await operator.post(ACK, json={"expected_seq": 7})
    assert (again.status_code, again.json()) == (200, first.json())
    assert len(journal.log) == 1


async def test_acknowledging_in_parallel_leaves_one_row(operator: httpx.AsyncClient, journal: Journal) -> None:
    replies = await asyncio.gather(*(operator.post(ACK, json={"expected_seq": 7}) for _ in range(8)))
    assert {reply.status_code for reply in replies} == {200}
    assert len(journal.log) == 1


async def test_acknowledging_without_a_body(operator: httpx.AsyncClient) -> None:
    assert (await operator.post(ACK)).status_code == 200


async def test_a_stale_ack_is_told_what_is(operator: httpx.AsyncClient) -> None:
    problem = is_problem(await operator.post(ACK, json={"expected_seq": 3}), 409)
    assert problem["code"] == "stale"
    assert problem["current"]["seq"] == 7


async def test_acks_of_what_is_over_or_never_was(operator: httpx.AsyncClient) -> None:
    assert is_problem(await operator.post(f"/api/v1/alarms/{IDS[2]}/ack", json={}), 409)["code"] == "not_active"
    assert is_problem(await operator.post(f"/api/v1/alarms/{IDS[9]}/ack", json={}), 404)["code"] == "not_found"


async def test_shelving(operator: httpx.AsyncClient, journal: Journal) -> None:
    path = f"/api/v1/alarms/{IDS[0]}/shelve"
    for wrong in (
        {},
        {"comment": "x"},
        {"for": "1h"},
        {"comment": "x", "for": 3600},
        {"comment": "x", "for": "1h", "one_shot": True},
        {"comment": "x", "for": "0s"},
        {"comment": "x", "for": "-1h"},
        {"comment": "x", "for_": "1h"},
        {"comment": "x", "for": "9" * 400 + "s"},
        {"comment": "x", "for": "36501d"},
        {"comment": "x", "one_shot": 1},
    ):
        is_problem(await operator.post(path, json=wrong), 422)
    assert (await operator.post(path, json={"comment": "repair", "for": "30min"})).status_code == 200
    assert journal.commands[0].for_ns == 1800 * 1_000_000_000
    forbidden = await operator.post(f"/api/v1/alarms/{IDS[1]}/shelve", json={"comment": "x", "one_shot": True})
    assert is_problem(forbidden, 403)["code"] == "life_safety"


async def test_resetting_needs_a_comment(operator: httpx.AsyncClient, journal: Journal) -> None:
    journal.rows[IDS[1]] = replace(journal.rows[IDS[1]], class_=AlarmClass.LIFE_SAFETY, latched=True)
    path = f"/api/v1/alarms/{IDS[1]}/reset"
    is_problem(await operator.post(path, json={}), 422)
    assert (await operator.post(path, json={"comment": "checked on site", "expected_seq": 7})).status_code == 200
    assert (await operator.post(f"/api/v1/alarms/{IDS[0]}/unshelve", json={})).status_code == 200


async def test_bodies_have_a_size(operator: httpx.AsyncClient) -> None:
    big = b'{"comment": "' + b"x" * 300_000 + b'"}'
    is_problem(await operator.post(ACK, content=big, headers=JSON), 413)

    async def endless() -> Any:
        while True:
            yield b" " * 10_000

    reply = await operator.post(ACK, content=endless(), headers=JSON)
    is_problem(reply, 413)
    assert reply.headers["connection"] == "close"


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "2130706433"])
async def test_foreign_hosts(http: httpx.AsyncClient, host: str) -> None:
    is_problem(await http.get("/healthz", headers={"Host": host}), 400, 421)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "127.0.0.1:80", "[::1]:8080", "192.168.1.9", "gw.local"]
)
def test_own_hosts(host: str) -> None:
    check_host([host], frozenset({"localhost", "gw.local"}))


def test_exactly_one_host() -> None:
    for hosts in ([], ["localhost", "localhost"]):
        with pytest.raises(Problem):
            check_host(hosts, frozenset({"localhost"}))


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("203.0.113.5", ["10.9.9.9"], "203.0.113.5"),  # not a proxy of ours
        ("10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["1.2.3.4, 203.0.113.5, 10.0.0.2"], "203.0.113.5"),  # what stands left of it may be made up
        ("10.0.0.1", ["1.2.3.4", "203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.2"], "10.0.0.1"),
    ],
)
def test_who_really_calls(peer: str, forwarded: list[str], caller: str) -> None:
    assert client((peer, 1), forwarded, networks(["10.0.0.0/8"]))[0] == caller


async def test_every_answer_carries_the_security_headers(operator: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/api/v1/site", "/nothing", "/docs", "/metrics", "/api/v1/alarms?limit=x"):
        headers = (await operator.get(path)).headers
        assert all(name in headers for name in HEADERS)
        assert "unsafe" not in headers["content-security-policy"]
        assert "strict-transport-security" not in headers
        assert "access-control-allow-origin" not in headers


async def test_strict_transport_security_with_tls(make_house: Any) -> None:
    app = create_app(make_house(options=ApiOptions(tls_certificate="c.pem", tls_key="k.pem")))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://localhost") as http:
        assert "strict-transport-security" in (await http.get("/healthz")).headers


async def test_a_bug_is_a_500_that_tells_nothing(make_house: Any, caplog: pytest.LogCaptureFixture) -> None:
    def bug() -> list[Any]:
        raise ZeroDivisionError("the secret of the house")

    app = create_app(make_house(rules_view=bug))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http:
        reply = await http.get("/api/v1/rules", headers=bearer(Role.VIEWER))
    problem = is_problem(reply, 500)
    assert "secret" not in reply.text
    assert problem["detail"].rpartition(" ")[2] in caplog.text
    assert "the secret of the house" in caplog.text


async def test_a_read_that_hangs_is_given_up(make_house: Any) -> None:
    import threading

    gone = threading.Event()
    app = create_app(make_house(options=ApiOptions(request_seconds=0.2), history=lambda *_: gone.wait(60)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http:
        reply = await http.get("/api/v1/points/lift-1/speed/history", headers=bearer(Role.VIEWER))
        gone.set()
        is_problem(reply, 503)
