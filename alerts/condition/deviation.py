"""C4: a point is too far from a constant, from another point, or from its own recent median."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

from alerts.condition.columns import Columns, Reading
from alerts.condition.median import Recent
from alerts.condition.node import Node
from alerts.condition.threshold import MovingLimit, known
from gateway.model import Truth

_ULPS = 4
"""Differences of decimal numbers are off by their last bits: 0.31 − 0.30 is not more than 0.01."""


class Deviation(Node):
    """|x − reference| > limit trips, ≤ limit − deadband clears; in between the previous answer holds (FALSE if none).

    UNKNOWN while one of the two is, or is no finite number.
    """

    __slots__ = ("clear", "limit", "slot", "trip", "tripped", "unit")

    def __init__(self, slot: int, limit: float, deadband: float, unit: str | None) -> None:
        super().__init__(frozenset({slot}))
        self.slot = slot
        self.trip, self.clear = limit, limit - deadband
        self.unit = unit
        self.tripped = False

    @abstractmethod
    def reference(self, columns: Columns, value: float) -> float | None:
        """What the point, which is now at `value`, should be near to; None when that is not known."""

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        value = known(columns, self.slot, absolute=False)
        if value is None or not math.isfinite(value):
            return None
        reference = self.reference(columns, value)
        if reference is None or not math.isfinite(reference):
            return None
        truth = self._outside(value, reference)
        if truth is not None:
            self.tripped = truth
        return self.tripped

    def _outside(self, value: float, reference: float) -> Truth:
        far = abs(value - reference) - _ULPS * math.ulp(max(abs(value), abs(reference)))
        return True if far > self.trip else False if far <= self.clear else None

    def snapshot(self) -> Any:
        return self.tripped

    def restore(self, state: Any) -> None:
        self.tripped = bool(state)

    def reading(self, columns: Columns) -> Reading:
        """How far it is, with its sign, beside the limit on that side."""
        value = known(columns, self.slot, absolute=False)
        reference = None if value is None else self._shown(columns, value)
        if value is None or reference is None:
            return Reading(None, self.trip, self.unit)
        far = float(f"{value - reference:.6g}")
        return Reading(far, math.copysign(self.trip, far), self.unit)

    def _shown(self, columns: Columns, value: float) -> float | None:
        """The reference, without a trace."""
        return self.reference(columns, value)


class FromConstant(Deviation):
    __slots__ = ("constant",)

    def __init__(self, slot: int, limit: float, deadband: float, unit: str | None, *, constant: float) -> None:
        super().__init__(slot, limit, deadband, unit)
        self.constant = constant

    def reference(self, columns: Columns, value: float) -> float | None:
        return self.constant

    def alone(self, columns: Columns) -> Truth:
        value = known(columns, self.slot, absolute=False)
        return None if value is None or not math.isfinite(value) else self._outside(value, self.constant)


class FromPoint(Deviation):
    """From another point. Samples that are more than `align_ns` apart are not compared; None: both hold what they said.

    Both times are the gateway's own, of receipt: no device's clock can pull them apart.
    """

    __slots__ = ("align_ns", "other")

    def __init__(
        self, slot: int, limit: float, deadband: float, unit: str | None, *, other: MovingLimit, align_ns: int | None
    ) -> None:
        super().__init__(slot, limit, deadband, unit)
        self.slots = self.needs = frozenset({slot, other.slot})
        self.other = other
        self.align_ns = align_ns

    def reference(self, columns: Columns, value: float) -> float | None:
        at = columns.at_ns
        if self.align_ns is not None and abs(at[self.slot] - at[self.other.slot]) > self.align_ns:
            return None
        return self.other.now(columns)

    def alone(self, columns: Columns) -> Truth:
        value = known(columns, self.slot, absolute=False)
        reference = None if value is None else self.reference(columns, value)
        if value is None or reference is None or not math.isfinite(value) or not math.isfinite(reference):
            return None
        return self._outside(value, reference)


class FromMedian(Deviation):
    """From the median of its own samples of the window before the present one.

    UNKNOWN until half of the window is there, and so again after a long outage. BAD samples are left out.
    """

    __slots__ = ("_epoch", "_now", "_recent")

    def __init__(
        self, slot: int, limit: float, deadband: float, unit: str | None, *, within_ns: int, every_ns: int
    ) -> None:
        super().__init__(slot, limit, deadband, unit)
        self._recent = Recent(within_ns, every_ns)
        self._now: tuple[int, float] | None = None
        self._epoch = 0

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        if columns.epoch != self._epoch:
            # at once, not with the next sample: how long the outage was is not known for ever
            self._reach_over(columns)
        return super().judge(columns, now_ns)

    def reference(self, columns: Columns, value: float) -> float | None:
        at = columns.at_ns[self.slot]
        if self._now is not None and at > self._now[0]:
            self._recent.add(*self._now)
        self._recent.forget(at - self._recent.within_ns)
        if self._now is None or at >= self._now[0]:
            self._now = (at, value)
        return self._recent.median if self._recent.is_enough else None

    def _reach_over(self, columns: Columns) -> None:
        """Behind a restart the samples are older by the outage; those that are in the window still count."""
        if self._now is not None:
            self._recent.add(*self._now)
            self._now = None
        if columns.epoch == self._epoch + 1:
            self._recent.age(columns.outage_ns)
        else:
            self._recent.clear()
        self._epoch = columns.epoch

    def _shown(self, columns: Columns, value: float) -> float | None:
        return self._recent.median if self._recent.is_enough else None

    def snapshot(self) -> Any:
        return [self.tripped, self._epoch, self._now, self._recent.snapshot()]

    def restore(self, state: Any) -> None:
        self.tripped, self._epoch, now, samples = state
        self._now = None if now is None else (now[0], now[1])
        self._recent.restore(samples)
