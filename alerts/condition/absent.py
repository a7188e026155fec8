"""C10: something that should have followed has not."""

from __future__ import annotations

from typing import Any

from alerts.condition.columns import Columns
from alerts.condition.logic import Joined, earliest
from alerts.condition.node import Node
from gateway.model import Truth


class Missing(Joined):
    """TRUE `by_ns` after `after` became TRUE, if `awaited` has not been TRUE by then; over when it is.

    An `after` that is TRUE when it is first known counts from then: a fire that stands at the start is watched, too. It
    ends the wait when it becomes FALSE, unless `sticky`. Each occurrence of it is waited for once. `awaited` must have
    been known all the time, else UNKNOWN; only after a start it has `unknown_for_ns` to be heard. With `trip` what is
    not known of it did not happen: at once where it is known by then, else when it has been UNKNOWN for
    `unknown_for_ns`. With `counts_downtime` the time that the gateway was off is part of the wait.
    """

    __slots__ = (
        "_began_ns", "_blind", "_due", "_epoch", "_heard", "_last", "_since_ns", "_told", "_unknown_ns", "after",
        "awaited", "by_ns", "counts_downtime", "sticky", "trip", "unknown_for_ns",
    )  # fmt: skip

    def __init__(
        self,
        awaited: Node,
        after: Node,
        by_ns: int,
        *,
        sticky: bool,
        trip: bool,
        unknown_for_ns: int,
        counts_downtime: bool,
    ) -> None:
        super().__init__((awaited, after))
        self.awaited, self.after = awaited, after
        self.by_ns = by_ns
        self.sticky = sticky
        self.trip = trip
        self.unknown_for_ns = unknown_for_ns
        self.counts_downtime = counts_downtime
        self._since_ns: int | None = None  # when that began for which is waited
        self._told = False  # it has been TRUE for this occurrence
        self._blind = False  # `awaited` was lost meanwhile
        self._last: Truth = None  # the last that was known of `after`
        self._unknown_ns: int | None = None  # since when `awaited` is UNKNOWN
        self._heard = False  # `awaited` has been known since the start
        self._began_ns = 0
        self._epoch: int | None = None
        self._due: int | None = None

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        self._follow_epoch(columns, now_ns)
        awaited, after = self.awaited.judge(columns, now_ns), self.after.judge(columns, now_ns)
        self._follow_after(after, now_ns)
        self._follow_awaited(awaited, now_ns)
        self._due = None
        if awaited:
            return False
        if self._since_ns is None:
            return None if after is None else False
        due = self._since_ns + self.by_ns
        if now_ns < due:
            self._due = due
            return False
        if after is None and not self.sticky:
            return None
        self._told = self._told or self._is_missing(awaited, now_ns)
        return True if self._told and (awaited is False or self._trips(now_ns)) else None

    def _follow_epoch(self, columns: Columns, now_ns: int) -> None:
        if columns.epoch == self._epoch:
            return
        if self._epoch is not None and self.counts_downtime and self._since_ns is not None:
            self._since_ns -= columns.outage_ns
        self._epoch = columns.epoch
        self._began_ns = now_ns
        self._heard = False
        self._unknown_ns = None

    def _follow_after(self, after: Truth, now_ns: int) -> None:
        if after is None:
            return
        if after and not self._last and self._since_ns is None:
            self._wait_from(now_ns)
        elif not after and not self.sticky:
            self._since_ns = None
        self._last = after

    def _wait_from(self, at_ns: int | None) -> None:
        self._since_ns = at_ns
        self._told = self._blind = False

    def _follow_awaited(self, awaited: Truth, now_ns: int) -> None:
        if awaited is None:
            if self._unknown_ns is None:
                self._unknown_ns = now_ns
            if self._heard and not self._told:
                self._blind = True
            return
        if not self._heard and not self._told and self._since_ns is not None:
            unheard_ns = now_ns - max(self._began_ns, self._since_ns)
            self._blind = self._blind or unheard_ns > self.unknown_for_ns
        self._heard = True
        self._unknown_ns = None
        if awaited:
            self._since_ns = None

    def _is_missing(self, awaited: Truth, now_ns: int) -> bool:
        if awaited is None:
            return self._trips(now_ns)
        return self.trip or not self._blind

    def _trips(self, now_ns: int) -> bool:
        """`awaited` has been UNKNOWN for so long that it did not happen."""
        if not self.trip or self._unknown_ns is None:
            return False
        if now_ns >= (due := self._unknown_ns + self.unknown_for_ns):
            return True
        self._due = due
        return False

    def alone(self, columns: Columns) -> Truth:
        """It is not missing where a frame shows it; for all else one must have waited."""
        return False if self.awaited.alone(columns) else None

    def next_due(self) -> int | None:
        return earliest((self._due, super().next_due()))

    def snapshot(self) -> Any:
        own = [self._since_ns, self._told, self._blind, self._last, self._unknown_ns, self._heard, self._began_ns]
        return [own, self._epoch, super().snapshot()]

    def restore(self, state: Any) -> None:
        own, self._epoch, operands = state
        self._since_ns, self._told, self._blind, self._last, self._unknown_ns, self._heard, self._began_ns = own
        super().restore(operands)
