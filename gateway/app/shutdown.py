"""What was opened is closed in the reverse order, each step by its name, whatever the others do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger("anlou.shutdown")

STEP_SECONDS = 4.0  # host time; all steps together must end within systemd's TimeoutStopSec


class Teardown:
    """A LIFO of named steps; a failed start drains the same stack as a normal end."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, Callable[[], Awaitable[None] | None]]] = []

    def add(self, name: str, step: Callable[[], Awaitable[None] | None]) -> None:
        self._steps.append((name, step))

    async def run(self) -> list[str]:
        """Run all steps, newest first; the names of those that failed or took too long."""
        failed = []
        while self._steps:
            name, step = self._steps.pop()
            try:
                async with asyncio.timeout(STEP_SECONDS):
                    pending = step()
                    if pending is not None:
                        await pending
            except Exception as problem:
                log.exception("closing %s failed: %s", name, type(problem).__name__)
                failed.append(name)
        return failed
