"""How long the machine kept this process from running: for that no rate is held against the product."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, Self

P = ParamSpec("P")
LOOK = 0.02
TRIES = 3


class Stalls:
    """While it is entered a thread of its own looks at the clock each `LOOK` seconds.

    A thread, for an event loop that the product blocks is the product's fault and must not count: the interpreter lets
    another thread look within 5 ms of that. `lost` is the sum of what the looks came late, `longest` the worst of them.
    """

    def __init__(self) -> None:
        self.lost = self.longest = self.span = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        last = time.monotonic()
        done = False
        while not done:
            done = self._done.wait(LOOK)
            now = time.monotonic()
            since, last = now - last, now
            late = since - LOOK
            self.span += since
            self.longest = max(self.longest, late)
            self.lost += late if late > LOOK / 4 else 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def starved(self) -> bool:
        """A tenth of a second at once, or a twentieth of the time in small pieces."""
        return self.longest >= 0.1 or self.lost >= max(0.1, self.span / 20)

    def __str__(self) -> str:
        return f"the machine kept us waiting for {self.lost:.2f} of {self.span:.1f} s, {self.longest:.2f} s at once"


async def again_if_starved(measure: Callable[[], Awaitable[None]]) -> None:
    """Measure; once more, saying why, when it failed while the machine did not let us run.

    Only for claims that a starved test process can break while the product is right. What fails on a machine that lets
    us run fails at once, and what fails three times fails. A `pytest.raises` that has met nothing fails at once, too
    (it is no Exception): no stall excuses that something was accepted.
    """
    for left in reversed(range(TRIES)):
        with Stalls() as stalls:
            try:
                return await measure()
            except Exception as failed:  # noqa: BLE001 - it is raised again
                failure = failed
        if not left or not stalls.starved:
            raise failure
        print(f"measured again: {stalls}; {failure}")


def measured_again_if_starved(test: Callable[P, Awaitable[None]]) -> Callable[P, Coroutine[Any, Any, None]]:
    """A whole test as such a measurement. Its fixtures are the same ones each time."""

    @wraps(test)
    async def measured(*args: P.args, **named: P.kwargs) -> None:
        await again_if_starved(lambda: test(*args, **named))

    return measured
