"""Both ends of a broker for tests: our session, and a publisher that is not ours."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import aiomqtt

from drivers.mqtt.options import MqttLinkOptions
from drivers.mqtt.packet import Arrived
from drivers.mqtt.session import Session

PATIENCE = 60.0
"""Host seconds for what must come, however busy the machine is."""


def options(port: int, **more: object) -> MqttLinkOptions:
    return MqttLinkOptions.model_validate({"mqtt": f"mqtt://127.0.0.1:{port}", **more})


@contextlib.asynccontextmanager
async def publisher(port: int, identifier: str = "publisher", **more: object) -> AsyncIterator[aiomqtt.Client]:
    client = aiomqtt.Client(
        "127.0.0.1",
        port,
        identifier=identifier,
        protocol=aiomqtt.ProtocolVersion.V5,
        timeout=PATIENCE,
        **more,  # type: ignore[arg-type]
    )
    async with client:
        yield client
    misc = client._misc_task
    if misc is not None:
        await asyncio.wait([misc])


async def until(true: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for something to become true; the test fails when it does not."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - it waits for other processes
            await asyncio.sleep(0.01)


class Ears:
    """A session and what it has heard."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.heard: list[Arrived] = []

    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.heard]

    def acknowledge(self, count: int) -> None:
        self.session.acknowledge([message.mid for message in self.heard[:count]])


@contextlib.asynccontextmanager
async def ears(port: int, *filters: str, client_id: str = "ears", **more: object) -> AsyncIterator[Ears]:
    session = await Session.open(options(port, **more), client_id)
    both = Ears(session)
    try:
        session.begin(both.heard.append)
        if filters:
            assert not await session.subscribe(list(filters))
        yield both
    finally:
        await session.close()
