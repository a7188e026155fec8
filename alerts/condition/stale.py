"""C5: nothing has been heard of a point for too long."""

from __future__ import annotations

from typing import Any

from alerts.condition.columns import Columns
from alerts.condition.state import OfSlot
from gateway.model import Truth


class Stale(OfSlot):
    """TRUE when the last GOOD or UNCERTAIN sample of the slot is more than `after_ns` ago; BAD is no reception.

    What came too late to be believed was heard all the same. The clock begins at the start, and anew at a restart: the
    gateway's own silence is not the sensor's. UNKNOWN from then on until something is heard or the time is up.
    """

    __slots__ = ("_due", "_epoch", "_heard", "_since_ns", "after_ns")

    def __init__(self, slot: int, after_ns: int) -> None:
        super().__init__(slot)
        self.needs = frozenset()  # it tells of the missing signal itself
        self.after_ns = after_ns
        self._epoch = 0
        self._since_ns: int | None = None
        self._heard = False
        self._due: int | None = None

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        since = self._since_ns
        if since is None or columns.epoch != self._epoch:
            self._epoch = columns.epoch
            self._heard = False
            since = now_ns
        if columns.known(self.slot):
            since = self._reception(since, columns.at_ns[self.slot])
        if columns.late_ns and (late := columns.late_ns.get(self.slot)) is not None:
            since = self._reception(since, late)
        self._since_ns = since
        self._due = since + self.after_ns + 1
        if now_ns < self._due:
            return False if self._heard else None
        self._due = None
        return True

    def _reception(self, since: int, at_ns: int) -> int:
        """When it was heard last. The first sample may be older than this condition: its rule has been edited."""
        if self._heard:
            return max(since, at_ns)
        self._heard = True
        return at_ns

    def next_due(self) -> int | None:
        return self._due

    def snapshot(self) -> Any:
        return [self._since_ns, self._heard, self._epoch]

    def restore(self, state: Any) -> None:
        self._since_ns, self._heard, self._epoch = state
