"""A condition that goes on counting for a while after it has ended, and remembers when it began."""

from __future__ import annotations

from typing import Any

from alerts.condition.columns import Columns, Reading
from alerts.condition.node import Node
from gateway.model import Truth


class Stretched(Node):
    """TRUE while the inner condition is, and for `hold_ns` after; exactly `hold_ns` later it is the inner one's again.

    `rose_ns` is when it became TRUE: None while that was not seen, because it was TRUE when it was first known. TRUE
    behind UNKNOWN is a beginning if FALSE was the last that was known. `ended_ns`: since when it is not TRUE, None
    while it is. `truth`: what the inner one says itself. Restored, what is left of a hold goes on; `age` lets the time
    the gateway was off count, too.
    """

    __slots__ = ("_due", "_last", "ended_ns", "hold_ns", "inner", "rose_ns", "truth")

    def __init__(self, inner: Node, hold_ns: int) -> None:
        super().__init__(inner.slots, inner.alarms)
        self.needs = inner.needs
        self.on_label = inner.on_label
        self.inner = inner
        self.hold_ns = hold_ns
        self.rose_ns: int | None = None
        self.ended_ns: int | None = None
        self.truth: Truth = None
        self._last: Truth = None
        self._due: int | None = None

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        truth = self.truth = self.inner.judge(columns, now_ns)
        self._due = None
        if truth:
            if not self._last:
                self.rose_ns = None if self._last is None else now_ns
            self._last = True
            self.ended_ns = None
            return True
        if self._last and self.ended_ns is None:
            self.ended_ns = now_ns
        if truth is False:
            self._last = False
        if self.ended_ns is not None and now_ns < self.ended_ns + self.hold_ns:
            self._due = self.ended_ns + self.hold_ns
            return True
        return truth

    @property
    def is_over(self) -> bool:
        """FALSE is the last that was known of it, and nothing is held."""
        return not self._last and self._due is None

    def alone(self, columns: Columns) -> Truth:
        """A TRUE of now is one; what is not TRUE may be held."""
        truth = self.inner.alone(columns)
        return truth if truth or not self.hold_ns else None

    def age(self, by_ns: int) -> None:
        """What has happened so far happened so much longer ago."""
        self.rose_ns = None if self.rose_ns is None else self.rose_ns - by_ns
        self.ended_ns = None if self.ended_ns is None else self.ended_ns - by_ns

    def inside(self) -> tuple[Node, ...]:
        return (self.inner,)

    def next_due(self) -> int | None:
        due = self.inner.next_due()
        return self._due if due is None or (self._due is not None and self._due < due) else due

    def snapshot(self) -> Any:
        return [self._last, self.rose_ns, self.ended_ns, self.inner.snapshot()]

    def restore(self, state: Any) -> None:
        self._last, self.rose_ns, self.ended_ns, inner = state
        self.inner.restore(inner)

    def reading(self, columns: Columns) -> Reading:
        return self.inner.reading(columns)
