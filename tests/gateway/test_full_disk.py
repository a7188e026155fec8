"""A full disk keeps no samples; the devices are read and judged all the same, and are shown so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.app.house import Rooms, open_rooms
from gateway.app.shutdown import Teardown
from gateway.config.load import load_site
from gateway.model import Frame, Health, Layout, Point, PointType
from gateway.store import samples as store
from gateway.store.reserve import SAMPLES_STOP

SITE = Path(__file__).resolve().parents[2] / "config/demo/site.yaml"
PORTS = {
    link: number for number, link in enumerate(("lifts", "garage", "fire", "charging", "charger-east-1", "broker"), 1)
}
LAYOUT = Layout("water-east", (Point("floor_level", PointType.FLOAT, "m"),))


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    teardown = Teardown()
    yield await open_rooms(load_site(SITE, PORTS), tmp_path, 1.0, teardown)
    assert await teardown.run() == []


async def test_a_device_that_is_read_is_not_offline_on_a_full_disk(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "free_bytes", lambda folder: SAMPLES_STOP - 1)
    async with asyncio.timeout(60):
        while not rooms.samples.full_disk:
            await rooms.emit(Frame(LAYOUT, (0.1,), rooms.clock.now()))
            await asyncio.sleep(0.01)
    await rooms.emit(Frame(LAYOUT, (0.2,), rooms.clock.now()))
    now = rooms.clock.now()
    assert rooms.health.state("water-east", now) is Health.ONLINE
    shown = {value.point.key: value.value for value in rooms.house.current.values("water-east")}
    assert shown["floor_level"] == 0.2
    assert "not kept" in " ".join(text.en for text in (await rooms.figures.status()).degraded)
