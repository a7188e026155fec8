"""run → fail → back off → run: keeps a link or a sink alive without letting its failure reach its neighbours."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from typing import NoReturn

from gateway.clock import Clock
from gateway.model import SECOND

log = logging.getLogger("anlou.supervise")

FIRST_NS = SECOND // 2
LONGEST_NS = 30 * SECOND
HEALTHY_NS = 60 * SECOND


class Backoff:
    """Full jitter over a doubling span, 0.5 s → 30 s: many links that fail together do not come back together."""

    def __init__(self, rng: random.Random, first_ns: int = FIRST_NS, longest_ns: int = LONGEST_NS) -> None:
        self._rng = rng
        self._first = first_ns
        self._longest = longest_ns
        self._span = first_ns

    def next_ns(self) -> int:
        """How long to wait now; the next answer may be twice as long."""
        wait = int(self._span * self._rng.random())
        self._span = min(self._span * 2, self._longest)
        return max(wait, self._first // 5)

    def reset(self) -> None:
        self._span = self._first


async def supervise(
    name: str,
    run: Callable[[], Awaitable[object]],
    clock: Clock,
    *,
    rng: random.Random | None = None,
    failed: Callable[[Exception], None] | None = None,
) -> NoReturn:
    """Run `run` for ever. Its failure is told once to the log and to `failed`, then it runs again after a back-off.

    The back-off starts over after a run of 60 s (building time). Cancellation goes through: it is not a failure.
    """
    backoff = Backoff(rng or random.Random())  # noqa: S311 - jitter, not secrecy
    failing = False
    while True:
        started = clock.now().mono_ns
        try:
            await run()
            error: Exception = RuntimeError(f"{name} ended by itself")
        except Exception as problem:  # noqa: BLE001 - the one place where a neighbour's failure is contained
            error = problem
        ran_ns = clock.now().mono_ns - started
        if ran_ns >= HEALTHY_NS:
            backoff.reset()
            failing = False
        if not failing:
            log.warning("%s failed, trying again: %s: %s", name, type(error).__name__, error)
            failing = True
        if failed is not None:
            failed(error)
        await clock.sleep_until(clock.now().mono_ns + backoff.next_ns())
