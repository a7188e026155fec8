"""Time: the only module that reads a clock. Building time may run faster than the host's; host time never does.

Building time (polls, delays, staleness, back-off, scenarios) is origin + rate × the host's monotonic clock. Host time
(wire timeouts, keep-alive, HTTP, tokens, shutdown) is the machine's own.
"""

from __future__ import annotations

import asyncio
import ctypes
import heapq
import itertools
import time
from typing import Protocol

from gateway.model import SECOND, Instant

_ADJTIMEX_ERROR = 5  # TIME_ERROR: the kernel knows that nobody disciplines its clock
_TIMEX_BYTES = 512  # struct timex is 208 bytes at most; `modes` 0 only reads


def host_mono_ns() -> int:
    """The host's monotonic clock, for wire timeouts and round trips."""
    return time.monotonic_ns()


def host_cpu_ns() -> int:
    """What this thread has had of a processor: for what a piece of work costs, on however busy a machine."""
    return time.thread_time_ns()


def host_wall_ns() -> int:
    """The host's UTC clock, for tokens and logs."""
    return time.time_ns()


def fast_wall_ns(rate: float, epoch_ns: int) -> int:
    """The UTC label of a building that has run `rate` times faster since `epoch_ns`: the same in every process."""
    return epoch_ns + int((time.time_ns() - epoch_ns) * rate)


def host_clock_synced() -> bool | None:
    """Whether a time server disciplines the host's clock, by the kernel's word; None where there is no such word."""
    try:
        state: int = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):  # not Linux
        return None
    return state != _ADJTIMEX_ERROR if state >= 0 else None


class Clock(Protocol):
    """Building time as every room but the shell sees it."""

    def now(self) -> Instant: ...
    async def sleep_until(self, mono_ns: int) -> None: ...


class BuildingClock:
    """Building time anchored at start: `mono_base_ns` goes on from the last run, `wall_ns` begins at the origin."""

    def __init__(self, *, rate: float = 1.0, mono_base_ns: int = 0, wall_origin_ns: int | None = None) -> None:
        if not 0 < rate <= 1000:
            raise ValueError(f"rate must be in (0, 1000], got {rate}")
        self.rate = rate
        self._host_start = time.monotonic_ns()
        self._mono_base = mono_base_ns
        wall = time.time_ns() if wall_origin_ns is None else wall_origin_ns
        self._wall_offset = wall - mono_base_ns

    def now(self) -> Instant:
        mono = self._mono_base + int((time.monotonic_ns() - self._host_start) * self.rate)
        return Instant(mono, mono + self._wall_offset)

    async def sleep_until(self, mono_ns: int) -> None:
        """Sleep until building time reaches `mono_ns`; returns at once (but yields) when it has."""
        while (wait_ns := mono_ns - self.now().mono_ns) > 0:
            await asyncio.sleep(wait_ns / self.rate / SECOND)
            if wait_ns < 1000:
                return
        await asyncio.sleep(0)

    def follow_host(self, threshold_ns: int = 2 * SECOND) -> int | None:
        """Re-anchor the label when the host's clock has stepped; the step in ns, or None. Monotonic time stays.

        Only for a real building (rate 1): a simulated one keeps its own origin.
        """
        step = time.time_ns() - self.now().wall_ns
        if self.rate != 1.0 or abs(step) < threshold_ns:
            return None
        self._wall_offset += step
        return step


class VirtualClock:
    """Building time that moves only when told; for tests, replay and rule tests."""

    def __init__(self, mono_ns: int = 0, wall_ns: int = 1_700_000_000 * SECOND) -> None:
        self._mono = mono_ns
        self._offset = wall_ns - mono_ns
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> Instant:
        return Instant(self._mono, self._mono + self._offset)

    async def sleep_until(self, mono_ns: int) -> None:
        if mono_ns <= self._mono:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (mono_ns, next(self._order), woken))
        await woken

    def set(self, mono_ns: int) -> None:
        """Jump to a later moment without waking anybody in between."""
        if mono_ns < self._mono:
            raise ValueError("building time never goes back")
        self._mono = mono_ns

    async def advance(self, by_ns: int, settle: int = 20) -> None:
        """Move on by `by_ns`, waking sleepers in order and letting each run (`settle` loop turns) before the next."""
        end = self._mono + by_ns
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, woken = heapq.heappop(self._sleepers)
            self._mono = max(self._mono, due)
            if not woken.done():
                woken.set_result(None)
            for _ in range(settle):
                await asyncio.sleep(0)
        self._mono = end
        for _ in range(settle):
            await asyncio.sleep(0)
