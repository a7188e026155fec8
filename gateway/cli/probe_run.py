"""Runs one piece of bench work in a loop of its own; Ctrl-C ends it, at once or with what there is so far."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from drivers.base import DriverError
from gateway.app.session import run_loop
from gateway.cli.probe_link import ProbeError

T = TypeVar("T")
Work = Callable[[asyncio.Event], Coroutine[Any, Any, T]]


def complete(work: Work[T], *, gentle: bool = False) -> T:
    """The result of `work(stop)`. `gentle`: it ends by itself when `stop` is set; otherwise it is broken off then, and
    KeyboardInterrupt raised. Errors of the bench come out as they are.
    """
    results: list[T] = []
    errors: list[Exception] = []

    async def whole(stop: asyncio.Event) -> None:
        try:
            results.append(await work(stop))
        except (ProbeError, DriverError) as error:
            errors.append(error)

    async def main(stop: asyncio.Event) -> int:
        async with asyncio.TaskGroup() as group:
            working, stopped = group.create_task(whole(stop)), group.create_task(stop.wait())
            await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
            if gentle:
                await asyncio.wait([working])
            working.cancel()
            stopped.cancel()
        return 0

    run_loop(main)
    if errors:
        raise errors[0]
    if not results:
        raise KeyboardInterrupt
    return results[0]


async def passes(event: asyncio.Event, seconds: float) -> bool:
    """Wait for `event` at most so many host seconds; True when it did not come."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return True
    return False


def tell(line: str) -> None:
    """A word to the person at the terminal, beside the answer."""
    try:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except OSError:
        pass  # nobody reads it; the answer goes elsewhere


def show_json(answer: Any) -> None:
    print(json.dumps(answer, indent=2, ensure_ascii=False))


def columns(rows: Iterable[Sequence[str]], indent: str = "") -> list[str]:
    """Rows as lines with aligned columns; the last one is as long as it likes."""
    rows = list(rows)
    longest = max(map(len, rows), default=0)
    widths = [max((len(row[i]) for row in rows if i + 1 < len(row)), default=0) for i in range(longest)]
    return [indent + "  ".join(cell.ljust(widths[i]) for i, cell in enumerate(row)).rstrip() for row in rows]


def milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.0f} ms"
