"""One lane for each sender: its records are emitted in order, and do not wait for another's commit.

Most records change no alarm, and emitting them waits for nothing: such a one is done on the spot, without a task.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from typing import Any

Start = Callable[[], Awaitable[None] | None]


class Lanes:
    """Begins work at once where its lane is free. A failure goes to the task group that owns the lanes."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._busy: dict[str, deque[Start]] = {}

    def put(self, lane: str, start: Start) -> None:
        """Do it behind what is already in this lane. An error of work that waits for nothing is raised here."""
        waiting = self._busy.get(lane)
        if waiting is not None:
            waiting.append(start)
            return
        begun = _begin(start)
        if begun is not None:
            self._busy[lane] = deque()
            self._group.create_task(self._go_on(lane, begun), name=f"lane {lane}")

    async def _go_on(self, lane: str, begun: _Begun) -> None:
        await begun
        waiting = self._busy[lane]
        while waiting:
            more = _begin(waiting.popleft())
            if more is not None:
                await more
        del self._busy[lane]


def _begin(start: Start) -> _Begun | None:
    """Run as far as it goes without waiting; None when that was all."""
    awaitable = start()
    if awaitable is None:
        return None
    steps = awaitable.__await__()
    try:
        first = next(steps)
    except StopIteration:
        return None
    return _Begun(steps, first)


class _Begun:
    """Work that has taken its first step and waits for something: a task goes on with it."""

    def __init__(self, steps: Generator[Any, Any, None], waits_for: Any) -> None:
        self._steps = steps
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        waits_for = self._waits_for
        while True:
            try:
                yield waits_for
            except BaseException as error:  # noqa: BLE001 - a cancellation above all: it belongs to the work
                try:
                    waits_for = self._steps.throw(error)
                except StopIteration:
                    return
            else:
                try:
                    waits_for = next(self._steps)
                except StopIteration:
                    return
