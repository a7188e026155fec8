"""A real uvicorn on a free port: limits, deadlines, slow and rude callers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway.api.app import create_app
from gateway.api.house import House
from gateway.api.options import ApiOptions
from gateway.api.server import BindRefused, bind_refusal, serve
from gateway.clock import host_mono_ns
from gateway.model import SECOND
from tests.api.conftest import TOKENS, Role

QUICK = ApiOptions(request_seconds=0.3, connections_per_address=8)


@asynccontextmanager
async def running(house: House) -> AsyncIterator[int]:
    """The port of a server that runs as the app runs it, and is stopped as the app stops it."""
    stop, up = asyncio.Event(), asyncio.Event()
    said: list[str] = []

    def ready(url: str) -> None:
        said.append(url)
        up.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(serve(create_app(house), "127.0.0.1", 0, house.options, ready, stop))
        await up.wait()
        assert said[0].startswith("http://127.0.0.1:")
        try:
            yield int(said[0].rpartition(":")[2])
        finally:
            stop.set()


@pytest.fixture
async def port(make_house: Callable[..., House]) -> AsyncIterator[int]:
    async with running(make_house(options=QUICK)) as number:
        yield number


async def exchange(port: int, *parts: bytes, pause: float = 0.0) -> tuple[int, dict[str, Any], float]:
    """Send the parts, read until the other side closes: status, problem, seconds."""
    begun = host_mono_ns()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await asyncio.sleep(pause)
        async with asyncio.timeout(5):
            raw = await reader.read()
    finally:
        writer.close()
        with pytest.MonkeyPatch.context():
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    head, _, body = raw.partition(b"\r\n\r\n")
    seconds = (host_mono_ns() - begun) / SECOND
    if not head:
        return 0, {}, seconds
    return int(head.split()[1]), json.loads(body) if body else {}, seconds


async def test_it_serves_and_stops(port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        reply = await http.get("/healthz")
    assert reply.json() == {"status": "ok"}
    assert "server" not in reply.headers
    assert "date" in reply.headers


async def test_a_silent_connection_is_closed(port: int) -> None:
    status, problem, seconds = await exchange(port)
    assert (status, problem["code"]) == (408, "too_slow")
    assert seconds < 2
