"""A list of many devices: the loop that polls and judges turns in between, and each shows its nearest cause."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import httpx

from gateway.api.app import create_app
from gateway.api.house import House
from gateway.api.tokens import Role
from gateway.clock import VirtualClock
from gateway.health import DeviceHealth, HealthBook
from gateway.model import SECOND, Instant
from tests.api.conftest import WATER, bearer

COUNT = 200


async def test_a_list_of_many_devices_lets_the_loop_turn(make_house: Callable[..., House]) -> None:
    devices = tuple(replace(WATER, id=f"water-{number:03}") for number in range(COUNT))
    clock = VirtualClock()
    health = HealthBook(devices, {}, clock.now())
    turns, asked = 0, Counter[int]()

    class Watched(HealthBook):
        def brief(self, device: str, now: Instant) -> DeviceHealth:
            asked[turns] += 1
            return health.brief(device, now)

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    house = make_house(devices=devices, clock=clock, health=Watched(devices, {}, clock.now()))
    transport = httpx.ASGITransport(create_app(house))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as caller:
        beside = asyncio.create_task(others())
        answer = await caller.get("/api/v1/devices", headers=bearer(Role.VIEWER))
        beside.cancel()
    assert len(answer.json()["items"]) == COUNT == asked.total()
    assert max(asked.values()) <= 50, asked


async def test_a_list_shows_the_nearest_cause_of_each(make_house: Callable[..., House]) -> None:
    clock = VirtualClock()
    house = make_house(clock=clock, health=HealthBook((WATER,), {}, clock.now()), devices=(WATER,))
    await clock.advance(60 * SECOND)
    transport = httpx.ASGITransport(create_app(house))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", headers=bearer(Role.VIEWER)
    ) as caller:
        (listed,) = (await caller.get("/api/v1/devices")).json()["items"]
        alone = (await caller.get("/api/v1/devices/water-east")).json()
    assert listed["error"] == alone["error"] == alone["causes"][0]
    assert listed["health"] == "offline"
