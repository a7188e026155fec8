"""Waiting on a wire: host time, as all wire timeouts are."""

from __future__ import annotations

import asyncio

from gateway.model import SECOND

_TURNS = 3


async def heard_within(event: asyncio.Event, wait_ns: int) -> bool:
    """Wait for `event`, at most `wait_ns`; whether it came."""
    try:
        async with asyncio.timeout(wait_ns / SECOND):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def catch_up() -> None:
    """Let the loop come to what lies in the kernel already."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


async def rest(wait_ns: int) -> None:
    """Let host time pass."""
    if wait_ns > 0:
        await heard_within(asyncio.Event(), wait_ns)
