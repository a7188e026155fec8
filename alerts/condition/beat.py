"""C13: a counter or a toggling bit that should keep changing stands still: its sender is dead or hangs."""

from __future__ import annotations

from typing import Any

from alerts.condition.columns import Columns
from alerts.condition.state import OfSlot
from gateway.model import Quality, Truth, Value


class Heartbeat(OfSlot):
    """TRUE when the slot's value has not changed for more than `after_ns`, whatever else it says meanwhile.

    BAD is no beat, nor is a value that a broker kept (INITIAL) or that came too late. The clock begins at the start,
    and anew at a restart. UNKNOWN from then on until the first beat is seen or the time is up.
    """

    __slots__ = ("_beaten", "_due", "_epoch", "_since_ns", "_value", "after_ns")

    def __init__(self, slot: int, after_ns: int) -> None:
        super().__init__(slot)
        self.needs = frozenset()  # a signal that is gone does not beat: it tells of that itself
        self.after_ns = after_ns
        self._epoch = 0
        self._since_ns: int | None = None
        self._beaten = False
        self._value: Value = None
        self._due: int | None = None

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        if self._since_ns is None or columns.epoch != self._epoch:
            self._epoch = columns.epoch
            self._since_ns, self._beaten, self._value = now_ns, False, None
        value = columns.values[self.slot]
        # not a number differs even from itself
        is_value = columns.known(self.slot) and value is not None and value == value  # noqa: PLR0124
        if is_value and value != self._value:
            if self._value is not None and columns.quality[self.slot] != Quality.UNCERTAIN_INITIAL:
                self._since_ns, self._beaten = columns.at_ns[self.slot], True
            self._value = value
        self._due = self._since_ns + self.after_ns + 1
        if now_ns < self._due:
            return False if self._beaten else None
        self._due = None
        return True

    def next_due(self) -> int | None:
        return self._due

    def snapshot(self) -> Any:
        return [self._since_ns, self._beaten, self._value, self._epoch]

    def restore(self, state: Any) -> None:
        self._since_ns, self._beaten, self._value, self._epoch = state
