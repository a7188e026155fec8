"""C7: a point that should move has stood still."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

from alerts.condition.columns import Columns, Reading
from alerts.condition.logic import earliest
from alerts.condition.node import Node
from gateway.model import Truth

STEPS = 120
"""A window keeps the lowest and the highest sample of about so many steps, whatever the poll period."""
_ULPS = 4
"""Differences of decimal numbers are off by their last bits: 0.31 − 0.30 is within 0.01."""


@dataclass(slots=True)
class Step:
    """Some neighbouring samples: of when they are, between what they lie, how many."""

    first_ns: int
    last_ns: int
    low: float
    high: float
    count: int


class Spread:
    """Between what the samples of a sliding window lie, in bounded memory.

    Samples are kept in steps of W / 120, and a step leaves the window with its last sample: of a quicker point the
    window is up to that much longer than W. `begin_ns` is the first sample since the last gap.
    """

    __slots__ = ("_highs", "_lows", "_step_ns", "_steps", "begin_ns", "count", "over_ns")

    def __init__(self, over_ns: int) -> None:
        self.over_ns = over_ns
        self._step_ns = over_ns // STEPS
        self._steps: deque[Step] = deque()
        # those that no later one reaches below (above): the first is the lowest (highest) of all
        self._lows: deque[Step] = deque()
        self._highs: deque[Step] = deque()
        self.clear()

    def clear(self) -> None:
        self._steps.clear()
        self._lows.clear()
        self._highs.clear()
        self.begin_ns = 0
        self.count = 0

    @property
    def newest_ns(self) -> int | None:
        return self._steps[-1].last_ns if self._steps else None

    @property
    def is_whole(self) -> bool:
        """The samples reach over a whole window."""
        return bool(self._steps) and self._steps[-1].last_ns - self.begin_ns >= self.over_ns

    def within(self, eps: float) -> bool:
        """All samples lie within `eps`."""
        low, high = self._lows[0].low, self._highs[0].high
        return high - low <= eps + _ULPS * math.ulp(max(abs(low), abs(high)))

    @property
    def width(self) -> float:
        return self._highs[0].high - self._lows[0].low

    def add(self, at_ns: int, value: float) -> None:
        """A sample; one that is older than the newest is not taken, one of the same time is not counted."""
        newest = self._steps[-1] if self._steps else None
        if newest is not None and at_ns < newest.last_ns:
            return
        is_more = newest is None or at_ns > newest.last_ns
        self.count += is_more
        if newest is None or (is_more and at_ns - newest.first_ns >= self._step_ns):
            self.begin_ns = at_ns if newest is None else self.begin_ns
            newest = Step(at_ns, at_ns, value, value, 1)
            self._steps.append(newest)
        else:
            newest.last_ns, newest.low, newest.high = at_ns, min(newest.low, value), max(newest.high, value)
            newest.count += is_more
        self._rank(newest)
        self._drop(at_ns - self.over_ns)

    def _rank(self, newest: Step) -> None:
        """Take the newest step into account, or that it has grown: it leaves its own place then, too."""
        lows, highs = self._lows, self._highs
        while lows and lows[-1].low >= newest.low:
            lows.pop()
        lows.append(newest)
        while highs and highs[-1].high <= newest.high:
            highs.pop()
        highs.append(newest)

    def _drop(self, until_ns: int) -> None:
        steps, lows, highs = self._steps, self._lows, self._highs
        while steps[0].last_ns <= until_ns:
            gone = steps.popleft()
            self.count -= gone.count
            if lows[0] is gone:
                lows.popleft()
            if highs[0] is gone:
                highs.popleft()

    def age(self, by_ns: int) -> None:
        """All samples are so much older."""
        self.begin_ns -= by_ns
        for step in self._steps:
            step.first_ns -= by_ns
            step.last_ns -= by_ns

    def snapshot(self) -> Any:
        steps = [[step.first_ns, step.last_ns, step.low, step.high, step.count] for step in self._steps]
        return [self.begin_ns, steps]

    def restore(self, state: Any) -> None:
        self.clear()
        self.begin_ns, steps = state
        for each in steps:
            step = Step(*each)
            self._steps.append(step)
            self._rank(step)
            self.count += step.count


class Flat(Node):
    """TRUE when all samples of the last W lie within `eps`, FALSE as soon as two of them do not.

    UNKNOWN until there are `samples` of them that reach over a whole W without a gap of more than `gap_ns`, and so
    again after a gap, which a restart is too. BAD samples are left out. While the gate is FALSE so is the answer, and
    the window begins behind it; while the gate is UNKNOWN nothing is TRUE.
    """

    __slots__ = ("_after_ns", "_due", "_epoch", "_spread", "eps", "gap_ns", "gate", "samples", "slot", "unit")

    def __init__(
        self, slot: int, eps: float, over_ns: int, samples: int, *, gap_ns: int, unit: str | None, gate: Node | None
    ) -> None:
        own = frozenset({slot})
        super().__init__(own | gate.slots if gate else own, gate.alarms if gate else frozenset())
        self.needs = own | gate.needs if gate else own
        self.on_label = gate is not None and gate.on_label
        self.slot = slot
        self.eps = eps
        self.samples = samples
        self.gap_ns = gap_ns
        self.unit = unit
        self.gate = gate
        self._spread = Spread(over_ns)
        self._after_ns = -1  # samples up to then were taken while the gate was FALSE
        self._epoch = 0
        self._due: int | None = None

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        if columns.epoch != self._epoch:
            self._reach_over(columns)
        self._due = None
        is_open = True if self.gate is None else self.gate.judge(columns, now_ns)
        if is_open is False:
            self._spread.clear()
            if columns.known(self.slot):
                self._after_ns = columns.at_ns[self.slot]
            return False
        truth = self._flat(columns, now_ns)
        return None if truth and is_open is None else truth

    def _reach_over(self, columns: Columns) -> None:
        """A restart is a gap like any other, as long as the outage: of that, building time knows nothing."""
        if columns.epoch == self._epoch + 1:
            self._spread.age(columns.outage_ns)
        else:
            self._spread.clear()
        self._epoch = columns.epoch

    def _flat(self, columns: Columns, now_ns: int) -> Truth:
        spread, at, value = self._spread, columns.at_ns[self.slot], columns.values[self.slot]
        if not columns.known(self.slot) or not isinstance(value, (int, float)) or not math.isfinite(value):
            return None
        newest = spread.newest_ns
        if newest is not None and at - newest > self.gap_ns:
            spread.clear()
        if at > self._after_ns:
            spread.add(at, value)
        newest = spread.newest_ns
        if newest is None or now_ns - newest > self.gap_ns:
            return None
        if spread.within(self.eps) and not (spread.is_whole and spread.count >= self.samples):
            return None
        self._due = newest + self.gap_ns + 1
        return spread.within(self.eps)

    def next_due(self) -> int | None:
        return earliest((self._due, None if self.gate is None else self.gate.next_due()))

    def inside(self) -> tuple[Node, ...]:
        return () if self.gate is None else (self.gate,)

    def snapshot(self) -> Any:
        gate = None if self.gate is None else self.gate.snapshot()
        return [self._after_ns, self._epoch, self._spread.snapshot(), gate]

    def restore(self, state: Any) -> None:
        self._after_ns, self._epoch, spread, gate = state
        self._spread.restore(spread)
        if self.gate is not None:
            self.gate.restore(gate)

    def reading(self, columns: Columns) -> Reading:
        """How far its samples lie apart, beside how far they should."""
        width = float(f"{self._spread.width:.6g}") if self._spread.count else None
        return Reading(width, self.eps, self.unit)
