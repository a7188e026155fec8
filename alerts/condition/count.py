"""C8: another condition has become TRUE too often."""

from __future__ import annotations

from collections import deque
from itertools import accumulate, pairwise
from typing import Any

from alerts.condition.columns import Columns, Reading
from alerts.condition.logic import earliest
from alerts.condition.node import Node
from gateway.model import Quality, Truth

EDGES = 1000
"""At most so many edges are kept, the newest ones; a rule cannot ask for more."""


class Count(Node):
    """TRUE while the inner condition has gone from FALSE to TRUE at least `count` times within (now − W, now].

    It stays TRUE until fewer than `clears_below` are left. What is TRUE when it is first known is no edge, nor is what
    a broker kept (INITIAL); TRUE behind UNKNOWN is one if FALSE was the last that was known. Edges survive a restart,
    and grow older by the time the gateway was off. Too few edges while the inner condition is UNKNOWN is UNKNOWN.
    """

    __slots__ = ("_due", "_edges", "_epoch", "_last", "clears_below", "count", "inner", "tripped", "within_ns")

    def __init__(self, inner: Node, count: int, clears_below: int, within_ns: int) -> None:
        super().__init__(inner.slots, inner.alarms)
        self.needs = inner.needs
        self.on_label = inner.on_label
        self.inner = inner
        self.count = count
        self.clears_below = clears_below
        self.within_ns = within_ns
        self.tripped = False
        self._edges: deque[int] = deque(maxlen=EDGES)
        self._last: Truth = None
        self._epoch = 0
        self._due: int | None = None

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        if columns.epoch != self._epoch:
            self._epoch = columns.epoch
            self._edges = deque((at - columns.outage_ns for at in self._edges), EDGES)
        truth = self.inner.judge(columns, now_ns)
        if truth is not None:
            if truth and self._last is False and not self._is_initial(columns, now_ns):
                self._edges.append(now_ns)
            self._last = truth
        edges = self._edges
        while edges and edges[0] <= now_ns - self.within_ns:
            edges.popleft()
        if len(edges) >= self.count:
            self.tripped = True
        elif len(edges) < self.clears_below:
            self.tripped = False
        self._due = edges[-self.clears_below] + self.within_ns if self.tripped else None
        return True if self.tripped else None if truth is None else False

    def _is_initial(self, columns: Columns, now_ns: int) -> bool:
        """What has just been said was not said just now."""
        at, quality = columns.at_ns, columns.quality
        return any(at[slot] == now_ns and quality[slot] == Quality.UNCERTAIN_INITIAL for slot in self.slots)

    def next_due(self) -> int | None:
        return earliest((self._due, self.inner.next_due()))

    def inside(self) -> tuple[Node, ...]:
        return (self.inner,)

    def snapshot(self) -> Any:
        edges = list(self._edges)
        # each but the first as its distance: a thousand of them are 10 kB
        steps = [*edges[:1], *(later - earlier for earlier, later in pairwise(edges))]
        return [self.tripped, self._last, self._epoch, steps, self.inner.snapshot()]

    def restore(self, state: Any) -> None:
        self.tripped, self._last, self._epoch, steps, inner = state
        self._edges = deque(accumulate(steps), EDGES)
        self.inner.restore(inner)

    def reading(self, columns: Columns) -> Reading:
        return Reading(len(self._edges), self.count)
