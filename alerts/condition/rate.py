"""C3: a point rises or falls by so much within a sliding window, of samples that keep coming or of values that hold."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

from alerts.condition.columns import BAD, Columns, Reading
from alerts.condition.node import Node
from gateway.model import SECOND, Quality, Truth

STEPS = 120
"""A window keeps at most about this many samples, whatever the poll period."""
_HAIR = 1e-10
_ROUND = 8
"""A counter that would have gone further than an eighth of its round between two samples has been reset instead."""
_DURATIONS = ((3600 * SECOND, "h"), (60 * SECOND, "min"), (SECOND, "s"))


@dataclass(frozen=True, slots=True)
class Window:
    within_ns: int
    span_ns: int
    gap_ns: int


class Rate(Node):
    """The slope over the GOOD samples of the window, as the change it would make in a whole window.

    UNKNOWN while the window spans less than `span_ns`, the newest sample is BAD or older than `gap_ns`. A longer gap
    (also one by a restart) and a value that the device or its sensor calls bad begin a new window. A lost poll
    (BAD_COMM) does not: it says nothing about the water, and a rule that a single lost poll blinds for minutes would
    be blind in every storm.

    A `counter` only grows: when it falls it has begun again, at 0 behind its last number (it goes on) or because it was
    reset (a new window). infinity: it has no last number. None: it is no counter.
    """

    __slots__ = (
        "_due", "_epoch", "_samples", "_turned", "clear", "counter", "rise", "sign", "slot", "trip", "tripped", "unit",
        "window",
    )  # fmt: skip

    def __init__(
        self,
        slot: int,
        sign: int,
        change: float,
        deadband: float,
        *,
        window: Window,
        unit: str | None,
        counter: float | None = None,
    ) -> None:
        super().__init__(frozenset({slot}))
        self.slot = slot
        self.sign = sign
        self.rise = change
        # a hair below: a rise of exactly the limit must not be lost in the last bits of the slope's division
        self.trip, self.clear = change * (1 - _HAIR), (change - deadband) * (1 - _HAIR)
        self.window = window
        self.unit = unit
        self.tripped = False
        self.counter = counter
        self._turned = 0.0  # what the rounds of the counter within the window have added
        self._samples: deque[tuple[int, float]] = deque()
        self._epoch = 0
        self._due: int | None = None

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        if columns.epoch != self._epoch:
            self._reach_over(columns)
        self._due = None
        quality = columns.quality[self.slot]
        if quality < 0:
            return None
        value: Any = columns.values[self.slot]
        if quality >= BAD or value is None or value != value:  # noqa: PLR0124 - not a number
            if quality != Quality.BAD_COMM:
                self._samples.clear()
            return None
        self._take(columns.at_ns[self.slot], value)
        change = self._change(now_ns)
        self._due = self._next(now_ns, change)
        if change is None:
            return None
        if change >= self.trip:
            self.tripped = True
        elif change < self.clear:
            self.tripped = False
        return self.tripped

    def _reach_over(self, columns: Columns) -> None:
        """A restart: building time leaves the outage out, the water did not. One that is longer than a gap is one."""
        if columns.epoch == self._epoch + 1:
            self._samples = deque((at - columns.outage_ns, value) for at, value in self._samples)
        else:
            self._samples.clear()
        self._epoch = columns.epoch

    def _take(self, at: int, value: float) -> None:
        samples = self._samples
        if samples and at - samples[-1][0] > self.window.gap_ns:
            samples.clear()
        self._keep(at, self._unrolled(at, value))
        while samples[0][0] <= at - self.window.within_ns:
            samples.popleft()

    def _unrolled(self, at: int, value: float) -> float:
        """The number as if the counter had not begun again within the window."""
        if self.counter is None:
            return value
        if not self._samples:
            self._turned = 0.0
        elif at > self._samples[-1][0] and value + self._turned < (last := self._samples[-1][1]):
            if 0 <= value + self._turned + self.counter - last <= self.counter / _ROUND < math.inf:
                self._turned += self.counter
            else:
                self._samples.clear()
                self._turned = 0.0
        return value + self._turned

    def _keep(self, at: int, value: float) -> None:
        samples = self._samples
        if samples and at <= samples[-1][0]:
            if at == samples[-1][0]:
                samples[-1] = (at, value)
            return
        # the newest is always kept; those before it at least a step apart, which bounds the memory
        if len(samples) > 1 and samples[-1][0] - samples[-2][0] < self.window.within_ns // STEPS:
            samples[-1] = (at, value)
        else:
            samples.append((at, value))

    def _change(self, now_ns: int) -> float | None:
        if not self._samples or now_ns - self._samples[-1][0] > self.window.gap_ns:
            return None
        (first_at, first), (last_at, last) = self._samples[0], self._samples[-1]
        span = last_at - first_at
        if span <= 0 or span < self.window.span_ns:
            return None
        return self.sign * (last - first) * (self.window.within_ns / span)

    def _next(self, now_ns: int, change: float | None) -> int | None:
        """When the answer changes if no sample comes."""
        return None if change is None else self._samples[-1][0] + self.window.gap_ns + 1

    def per_second(self, columns: Columns, now_ns: int) -> float | None:
        """The slope itself, whatever its limit; None where the answer would be UNKNOWN."""
        if self.judge(columns, now_ns) is None or (change := self._change(now_ns)) is None:
            return None
        return self.sign * change / (self.window.within_ns / SECOND)

    def next_due(self) -> int | None:
        return self._due

    def snapshot(self) -> Any:
        samples = [[at, value] for at, value in self._samples]
        return {"tripped": self.tripped, "epoch": self._epoch, "samples": samples, "turned": self._turned}

    def restore(self, state: Any) -> None:
        self.tripped = bool(state["tripped"])
        self._epoch = state["epoch"]
        self._turned = state.get("turned", 0.0)
        self._samples = deque((at, value) for at, value in state["samples"])

    def reading(self, columns: Columns) -> Reading:
        change = self._change(self._judged_at()) if self._samples else None
        value = None if change is None else float(f"{self.sign * change:.6g}")
        return Reading(value, self.sign * self.rise, f"{self.unit or '1'}/{self._within()}")

    def _judged_at(self) -> int:
        return self._samples[-1][0]

    def _within(self) -> str:
        for length, name in _DURATIONS:
            if self.window.within_ns >= length:
                amount = self.window.within_ns / length
                return name if amount == 1 else f"{amount:g}{name}"
        return f"{self.window.within_ns}ns"


class HeldRate(Rate):
    """The same for a device that speaks only when something changes: what it said last holds until it speaks again.

    The window reaches from now backwards, over silence. UNKNOWN until the device has been heard for `span_ns`, and so
    again after any BAD sample: what happened while its link was lost is not known, and must not pass for one step.
    """

    __slots__ = ("_now_ns",)

    def __init__(
        self,
        slot: int,
        sign: int,
        change: float,
        deadband: float,
        *,
        window: Window,
        unit: str | None,
        counter: float | None = None,
    ) -> None:
        super().__init__(slot, sign, change, deadband, window=window, unit=unit, counter=counter)
        self._now_ns = 0

    def _reach_over(self, columns: Columns) -> None:
        self._samples.clear()
        self._epoch = columns.epoch

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        self._now_ns = now_ns
        if columns.quality[self.slot] >= BAD:
            self._samples.clear()
        return super().judge(columns, now_ns)

    def _take(self, at: int, value: float) -> None:
        self._keep(at, self._unrolled(at, value))  # however long ago the one before it was

    def _change(self, now_ns: int) -> float | None:
        samples, begin = self._samples, now_ns - self.window.within_ns
        while len(samples) > 1 and samples[1][0] <= begin:
            samples.popleft()  # the one after it holds since before the window
        first_at, first = samples[0]
        span = now_ns - max(first_at, begin)
        if span <= 0 or span < self.window.span_ns:
            return None
        return self.sign * (samples[-1][1] - first) * (self.window.within_ns / span)

    def _next(self, now_ns: int, change: float | None) -> int | None:
        samples, within = self._samples, self.window.within_ns
        if change is None:
            return samples[0][0] + self.window.span_ns
        if samples[0][0] > now_ns - within:
            return samples[0][0] + within
        return samples[1][0] + within if len(samples) > 1 else None

    def _judged_at(self) -> int:
        return self._now_ns
