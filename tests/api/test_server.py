"""A real uvicorn on a free port: limits, deadlines, slow and rude callers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from gateway.api.app import create_app
from gateway.api.house import House
from gateway.api.options import ApiOptions
from gateway.api.server import BindRefused, bind_refusal, serve
from gateway.api.tokens import Role
from gateway.model import Command, Occurrence
from tests.api.conftest import IDS, TOKENS, Journal, bearer

QUICK = ApiOptions(request_seconds=2, connections_per_address=8)
PATIENCE = 60
"""Host seconds for what must come, however busy the machine is."""


@asynccontextmanager
async def running(house: House, scheme: str = "http") -> AsyncIterator[int]:
    """The port of a server that runs as the app runs it, and is stopped as the app stops it."""
    stop, up = asyncio.Event(), asyncio.Event()
    said: list[str] = []

    def ready(url: str) -> None:
        said.append(url)
        up.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(serve(create_app(house), "127.0.0.1", 0, house.options, ready, stop))
        await up.wait()
        assert said[0].startswith(f"{scheme}://127.0.0.1:")
        try:
            yield int(said[0].rpartition(":")[2])
        finally:
            stop.set()


@pytest.fixture
async def port(make_house: Callable[..., House]) -> AsyncIterator[int]:
    async with running(make_house(options=QUICK)) as number:
        yield number


class Exchange(NamedTuple):
    """What came back before the server closed: status 0 when nothing did."""

    status: int
    problem: dict[str, Any]
    raw: bytes


async def exchange(port: int, *parts: bytes, pause: float = 0.0) -> Exchange:
    """Send the parts one after the other while reading until the server closes, which it must."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    raw = bytearray()

    async def send() -> None:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)

    async def receive() -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(65536):
                raw.extend(chunk)

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(send(), receive())
    await hang_up(writer)
    head, _, body = bytes(raw).partition(b"\r\n\r\n")
    if not head:
        return Exchange(0, {}, b"")
    problem = json.JSONDecoder().raw_decode(body.decode())[0] if body.startswith(b"{") else {}
    return Exchange(int(head.split()[1]), problem, bytes(raw))


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
DRIP = [b"GET /healthz HTTP/1.1\r\nX: ", *(b"x",) * 2000]
"""Lasts longer than anybody waits: only the server can end it."""
POST = (
    f"POST /api/v1/alarms/{IDS[0]}/ack HTTP/1.1\r\nHost: localhost\r\n"
    f"Authorization: Bearer {TOKENS[Role.OPERATOR]}\r\nContent-Type: application/json\r\n"
).encode()


async def test_it_serves_and_stops(port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        reply = await http.get("/healthz")
    assert reply.json() == {"status": "ok"}
    assert "server" not in reply.headers
    assert "date" in reply.headers


async def test_a_silent_connection_is_closed(port: int) -> None:
    found = await exchange(port)
    assert (found.status, found.problem["code"]) == (408, "too_slow")


async def test_a_dripping_head_is_closed(port: int) -> None:
    """Slow loris: a byte now and then does not move the deadline."""
    found = await exchange(port, *DRIP, pause=0.05)
    assert found.status in (408, 0)
    assert await alive(port)


async def test_a_dripping_body_is_closed(port: int) -> None:
    found = await exchange(port, POST + b"Content-Length: 100\r\n\r\n", *(b"{",) * 99, pause=1)
    assert found.status in (408, 503, 0)
    assert await alive(port)


async def test_the_second_request_of_a_connection_has_the_same_deadline(port: int) -> None:
    found = await exchange(port, HEAD + b"\r\n", *DRIP, pause=0.05)
    assert found.raw.startswith(b"HTTP/1.1 200")


async def test_a_fast_caller_is_not_cut_off_after_the_deadline(port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        for _ in range(10):
            assert (await http.get("/healthz")).status_code == 200
            await asyncio.sleep(0.25)


async def test_body_without_end(port: int) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    found = await exchange(port, POST + b"Transfer-Encoding: chunked\r\n\r\n", *(chunk,) * 50)
    assert found.status in (413, 0)  # 0: the reset overtook the answer


async def test_a_declared_giant_is_refused_before_it_is_sent(port: int) -> None:
    found = await exchange(port, POST + b"Content-Length: 104857600\r\n\r\n")
    assert (found.status, found.problem["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("request_", "statuses"),
    [
        (HEAD + b"X: " + b"x" * 1_000_000 + b"\r\n\r\n", {431, 0}),
        (HEAD + b"".join(b"X-%d: y\r\n" % number for number in range(10_000)) + b"\r\n", {431, 0}),
        (HEAD + b"Content-Length: -1\r\n\r\n", {400}),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", {400}),
        (HEAD + b"Content-Length: 1e3\r\n\r\n", {400}),
        (HEAD + b"Host: localhost\r\n\r\n", {400}),
        (b"GET /healthz HTTP/1.1\r\n\r\n", {400}),
        (b"GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", {400}),
        (b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", {421}),
        (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", {400}),
        (b"TRACE /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", {405}),
        (b"GET /%00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", {400}),
        (b"GET /healthz\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n", {400}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {400, 408}),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", {400}),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}),
        (b"\r\n" * 20_000, {400, 408, 431, 0}),
    ],
)
async def test_rude_requests(port: int, request_: bytes, statuses: set[int]) -> None:
    found = await exchange(port, request_)
    assert found.status in statuses
    if found.status:
        assert found.problem["status"] == found.status
        assert b"application/problem+json" in found.raw
    assert await alive(port)


async def test_content_length_beside_chunked(port: int) -> None:
    """Request smuggling: refused, and the connection closed."""
    smuggled = b"0\r\n\r\nGET /api/v1/site HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    found = await exchange(port, POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n" + smuggled)
    assert found.status == 400
    assert found.raw.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (ApiOptions(request_seconds=60, connections_per_address=8), "too many connections from this address"),
        (ApiOptions(request_seconds=60, connections=8), "too many connections"),
    ],
)
async def test_connections_have_a_limit(make_house: Callable[..., House], options: ApiOptions, why: str) -> None:
    async with running(make_house(options=options)) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
        found = await exchange(port)
        assert (found.status, found.problem["detail"]) == (503, why)
        for _, writer in held:
            await hang_up(writer)
        assert await alive(port)


async def test_many_slow_callers_do_not_stop_the_others(make_house: Callable[..., House]) -> None:
    options = ApiOptions(request_seconds=0.5, connections_per_address=400, connections=500)
    async with running(make_house(options=options)) as port:
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
        for _, writer in slow:
            writer.write(b"GET / HTTP/1.1\r\nX: ")
        assert await alive(port)
        async with asyncio.timeout(PATIENCE):
            replies = await asyncio.gather(*(reader.read() for reader, _ in slow), return_exceptions=True)
        # closing before the head has been read is a reset
        assert all(isinstance(reply, ConnectionError) or b" 408 " in reply for reply in replies)
        await asyncio.gather(*(hang_up(writer) for _, writer in slow))


async def test_a_caller_that_never_reads_is_dropped(make_house: Callable[..., House]) -> None:
    rows = [{"rule": "WA-02", "source": "x" * 1000} for _ in range(20_000)]
    options = ApiOptions(request_seconds=0.5)
    async with running(make_house(options=options, rules_view=lambda: rows)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        head = f"GET /api/v1/rules HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKENS[Role.VIEWER]}\r\n\r\n"
        writer.write(head.encode())
        await asyncio.sleep(3)
        got = 0
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE):
                while chunk := await reader.read(65536):
                    got += len(chunk)
        assert got < 20_000_000  # the rest was thrown away with the connection
        await hang_up(writer)
        assert await alive(port)


async def test_stopping_lets_a_running_request_finish(make_house: Callable[..., House], journal: Journal) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow(command: Command) -> Occurrence:
        begun.set()
        await go.wait()
        return await journal.command(command)

    house = make_house(command=slow)
    stop, up = asyncio.Event(), asyncio.Event()
    said: list[str] = []

    def ready(url: str) -> None:
        said.append(url)
        up.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(serve(create_app(house), "127.0.0.1", 0, house.options, ready, stop))
        await up.wait()
        async with httpx.AsyncClient(base_url=said[0], headers=bearer(Role.OPERATOR)) as http:
            asking = group.create_task(http.post(f"/api/v1/alarms/{IDS[0]}/ack", json={}))
            await begun.wait()
            stop.set()
            go.set()
            assert (await asking).status_code == 200


async def test_a_deadline_does_not_cut_a_command_in_two(make_house: Callable[..., House], journal: Journal) -> None:
    async def slow(command: Command) -> Occurrence:
        await asyncio.sleep(2 * QUICK.request_seconds)
        return await journal.command(command)

    async with running(make_house(options=QUICK, command=slow)) as port:
        await exchange(port, POST + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}")
    assert len(journal.log) == 1


async def test_cancelling_the_server_closes_everything(make_house: Callable[..., House]) -> None:
    house, up = make_house(), asyncio.Event()
    said: list[str] = []

    def ready(url: str) -> None:
        said.append(url)
        up.set()

    serving = asyncio.ensure_future(serve(create_app(house), "127.0.0.1", 0, house.options, ready, asyncio.Event()))
    await up.wait()
    port = int(said[0].rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(0.05)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    await hang_up(writer)
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_signals_are_left_alone(port: int) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        assert "uvicorn" not in repr(signal.getsignal(number))


@pytest.mark.parametrize(
    ("beyond", "users", "options", "missing"),
    [
        (False, False, ApiOptions(), None),
        (True, True, ApiOptions(), "TLS"),
        (True, False, ApiOptions(), "TLS (api.tls_certificate, api.tls_key) and a token"),
        (True, False, ApiOptions(tls_certificate="c", tls_key="k"), "without a token"),
        (True, True, ApiOptions(tls_certificate="c", tls_key="k"), None),
        (True, False, ApiOptions(insecure=True), None),
    ],
)
def test_when_the_door_may_open(beyond: bool, users: bool, options: ApiOptions, missing: str | None) -> None:
    refusal = bind_refusal(beyond, users, options)
    assert (refusal is None) == (missing is None)
    assert missing is None or (refusal is not None and missing in refusal)


async def test_it_refuses_to_listen_on_all_addresses(make_house: Callable[..., House]) -> None:
    house = make_house()
    with pytest.raises(BindRefused, match="loopback"):
        await serve(create_app(house), "0.0.0.0", 0, house.options, lambda _: None, asyncio.Event())


async def test_a_taken_port_is_an_os_error(port: int, make_house: Callable[..., House]) -> None:
    house = make_house()
    with pytest.raises(OSError, match="in use"):
        await serve(create_app(house), "127.0.0.1", port, house.options, lambda _: None, asyncio.Event())


async def alive(port: int) -> bool:
    """Whether it serves; on a busy machine a deadline of a moment may meet an honest caller, too."""
    for _ in range(20):
        if (await exchange(port, HEAD + b"Connection: close\r\n\r\n")).status == 200:
            return True
    return False


@pytest.fixture
def identity(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*make.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


async def test_tls(make_house: Callable[..., House], identity: tuple[Path, Path]) -> None:
    """A handshake has a deadline too."""
    certificate, key = identity
    options = ApiOptions(tls_certificate=str(certificate), tls_key=str(key), request_seconds=2)
    async with running(make_house(options=options), scheme="https") as port:
        trusting = ssl.create_default_context(cafile=certificate)
        async with httpx.AsyncClient(verify=trusting) as http:
            reply = await http.get(f"https://127.0.0.1:{port}/healthz")
        assert "strict-transport-security" in reply.headers
        assert (await exchange(port)).status == 0
        assert (await exchange(port, HEAD + b"\r\n")).raw == b""
