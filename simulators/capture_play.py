"""A capture as a simulator: its link opened, its answers given or its messages published at their times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from simulators.broker import Broker
from simulators.capture import Capture
from simulators.capture_server import CaptureServer
from simulators.mqtt_device import Message
from simulators.mqtt_session import Session, SessionLost

PACE_SECONDS = 0.02
RETRY_SECONDS = 0.5
"""Host time between two looks at the clock, and between two attempts to reach the broker."""
SENDER = "capture"


class CapturePlay:
    """Serves one capture; `elapsed()` are seconds that only grow, at whatever speed.

    Registers begin with the first question, messages with `run`. Messages go to the broker at `broker` (host, port), or
    to one of its own. What comes after the last line is that: the last registers stay, and no message follows.
    """

    def __init__(self, capture: Capture, elapsed: Callable[[], float], broker: tuple[str, int] | None = None) -> None:
        self._capture = capture
        self._elapsed = elapsed
        self._server = CaptureServer(capture, elapsed) if not capture.messages else None
        self._outside = broker
        self._broker = Broker() if self._server is None and broker is None else None
        self._address = broker or ("127.0.0.1", 0)
        self.published = 0

    async def start(self, ports: Mapping[str, int] | None = None, host: str = "127.0.0.1") -> dict[str, int]:
        """Open the link, on the port given for it or a free one; link → port."""
        wanted = (ports or {}).get(self._capture.link, 0)
        if self._server is not None:
            port = await self._server.start(host, wanted)
        elif self._broker is not None:
            port = await self._broker.start(host, wanted)
            self._address = (host, port)
        else:
            port = self._address[1]
        return {self._capture.link: port}

    async def run(self) -> None:
        """Publish at the recorded times; then, and for registers at once, wait until cancelled."""
        began = self._elapsed()
        waiting = list(self._capture.messages)
        while waiting:
            try:
                async with Session(*self._address, SENDER, None, lambda: None) as session:
                    while waiting:
                        while self._elapsed() - began < waiting[0].t:  # noqa: ASYNC110  # time itself has no event
                            await asyncio.sleep(PACE_SECONDS)
                        one = waiting[0]
                        await session.publish(Message(SENDER, one.topic, one.payload, one.retain))
                        self.published += 1
                        del waiting[0]
            except (SessionLost, OSError):
                await asyncio.sleep(RETRY_SECONDS)
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            await self._server.stop()
        if self._broker is not None:
            await self._broker.stop()

    def report(self) -> dict[str, Any]:
        """What was asked for or acknowledged, as a simulated building's report has it."""
        said = self._server.report() if self._server is not None else {"published": self.published, "units": {}}
        return {self._capture.link: said}
