"""A condition that goes on counting for a while after it has ended, and remembers when it began."""

from __future__ import annotations

from typing import Any

from alerts.condition.columns import Columns, Reading
from alerts.condition.node import Node
from gateway.model import Truth


class Stretched(Node):
    """TRUE while the inner condition is, and for `hold_ns` after; exactly `hold_ns` later it is the inner one's again.

    `rose_ns` is when it was first seen TRUE, `since_ns` the earliest that it may have become so: the same moment behind
    a FALSE, farther back where it was UNKNOWN in between, None where it was TRUE when it was first known. TRUE behind
    UNKNOWN is a beginning if FALSE was the last that was known. `ended_ns`: since when it is not seen TRUE, None while
    it is; `over_ns`: when it was seen FALSE after that. `truth`: what the inner one says itself. Restored, what is left
    of a hold goes on; `age` lets the time the gateway was off count, too.
    """

    __slots__ = (
        "_due", "_last", "_lost_ns", "ended_ns", "hold_ns", "inner", "over_ns", "rose_ns", "since_ns", "truth",
    )  # fmt: skip

    def __init__(self, inner: Node, hold_ns: int) -> None:
        super().__init__(inner.slots, inner.alarms)
        self.needs = inner.needs
        self.on_label = inner.on_label
        self.inner = inner
        self.hold_ns = hold_ns
        self.since_ns: int | None = None
        self.rose_ns: int | None = None
        self.ended_ns: int | None = None
        self.over_ns: int | None = None
        self.truth: Truth = None
        self._last: Truth = None
        self._lost_ns: int | None = None  # since when it is UNKNOWN behind a FALSE
        self._due: int | None = None

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        truth = self.truth = self.inner.judge(columns, now_ns)
        self._due = None
        if truth:
            if not self._last:
                self.since_ns = self.could_begin_ns(now_ns)
            if not self._last or self.rose_ns is None:
                self.rose_ns = now_ns
            self._last = True
            self._lost_ns = self.ended_ns = self.over_ns = None
            return True
        if self._last and self.ended_ns is None:
            self.ended_ns = now_ns
        if truth is False:
            if self._last:
                self.over_ns = now_ns
            self._last = False
            self._lost_ns = None
        else:
            self.lost(now_ns)
        if self.ended_ns is not None and now_ns < self.ended_ns + self.hold_ns:
            self._due = self.ended_ns + self.hold_ns
            return True
        return truth

    @property
    def is_over(self) -> bool:
        """FALSE is the last that was known of it, and nothing is held."""
        return not self._last and self._due is None

    def could_begin_ns(self, now_ns: int) -> int | None:
        """The earliest that it may have become TRUE, should it be so now; None: nobody can say."""
        if self._last is None:
            return None
        return now_ns if self._lost_ns is None else self._lost_ns

    def lost(self, at_ns: int) -> None:
        """From then on nobody has seen it."""
        if self._last is False and self._lost_ns is None:
            self._lost_ns = at_ns

    def alone(self, columns: Columns) -> Truth:
        """A TRUE of now is one; what is not TRUE may be held."""
        truth = self.inner.alone(columns)
        return truth if truth or not self.hold_ns else None

    def age(self, by_ns: int) -> None:
        """What has happened so far happened so much longer ago."""
        self.since_ns, self.rose_ns = back(self.since_ns, by_ns), back(self.rose_ns, by_ns)
        self.ended_ns, self.over_ns = back(self.ended_ns, by_ns), back(self.over_ns, by_ns)
        self._lost_ns = back(self._lost_ns, by_ns)

    def inside(self) -> tuple[Node, ...]:
        return (self.inner,)

    def next_due(self) -> int | None:
        due = self.inner.next_due()
        return self._due if due is None or (self._due is not None and self._due < due) else due

    def snapshot(self) -> Any:
        seen = [self._last, self.rose_ns, self.ended_ns]
        return [*seen, self.inner.snapshot(), self.since_ns, self.over_ns, self._lost_ns]

    def restore(self, state: Any) -> None:
        self._last, rose_ns, self.ended_ns, inner, *unseen = state
        # an earlier version kept no more than these, and of what was TRUE when it was first known not when that was
        self.since_ns, self.over_ns, self._lost_ns = unseen or (rose_ns, self.ended_ns, None)
        self.rose_ns = self.ended_ns if rose_ns is None else rose_ns
        self.inner.restore(inner)

    def reading(self, columns: Columns) -> Reading:
        return self.inner.reading(columns)


def back(at_ns: int | None, by_ns: int) -> int | None:
    """So much earlier, if it was at all."""
    return None if at_ns is None else at_ns - by_ns
