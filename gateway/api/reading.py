"""Blocking reads in worker threads, a few at a time: a slow disk must not stop the loop that judges alarms."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, ParamSpec, TypeVar

import anyio
import anyio.to_thread
from fastapi import Depends, Request

READERS = 4

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Reading:
    """Runs functions off the event loop. A caller whose deadline passes leaves; its thread ends by itself."""

    def __init__(self, readers: int = READERS) -> None:
        self._limiter = anyio.CapacityLimiter(readers)

    async def run(
        self, read: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        return await anyio.to_thread.run_sync(
            partial(read, *args, **kwargs), limiter=self._limiter, abandon_on_cancel=True
        )


def reading_of(request: Request) -> Reading:
    reading: Reading = request.app.state.reading
    return reading


def histories_of(request: Request) -> Reading:
    histories: Reading = request.app.state.histories
    return histories


ReadingOf = Annotated[Reading, Depends(reading_of)]
HistoriesOf = Annotated[Reading, Depends(histories_of)]
