"""C10: two conditions that become TRUE within so long of each other, or one so long after the other."""

from __future__ import annotations

from collections import deque
from typing import Any

from alerts.condition.columns import Columns
from alerts.condition.logic import Joined
from alerts.condition.node import Node
from alerts.condition.stretched import Stretched
from gateway.model import Truth

OCCURRENCES = 1000
"""Of the first condition at most so many are remembered, the newest ones."""


class Pair(Joined):
    """Two conditions, each counting for `hold_ns` after it has ended.

    When they became TRUE is building time, which stands still while the gateway is off. With `counts_downtime` what
    happened before lies farther back by the time off.
    """

    __slots__ = ("_epoch", "counts_downtime", "first", "matched", "second")

    def __init__(self, first: Node, second: Node, hold_ns: int, *, counts_downtime: bool) -> None:
        self.first, self.second = Stretched(first, hold_ns), Stretched(second, hold_ns)
        super().__init__((self.first, self.second))
        self.counts_downtime = counts_downtime
        self.matched = False
        self._epoch: int | None = None

    def _follow_epoch(self, columns: Columns) -> None:
        if columns.epoch == self._epoch:
            return
        if self.counts_downtime and self._epoch is not None:
            self._age(columns.outage_ns)
        self._epoch = columns.epoch

    def _age(self, by_ns: int) -> None:
        self.first.age(by_ns)
        self.second.age(by_ns)

    def alone(self, columns: Columns) -> Truth:
        """Not both: FALSE. When they became TRUE, a frame alone does not say."""
        return False if False in (self.first.alone(columns), self.second.alone(columns)) else None

    def snapshot(self) -> Any:
        return [self.matched, self._epoch, super().snapshot()]

    def restore(self, state: Any) -> None:
        self.matched, self._epoch, operands = state
        super().restore(operands)


class Together(Pair):
    """TRUE while both are, if they became so at most `within_ns` apart.

    What was TRUE when it was first known has no beginning, and matches nothing.
    """

    __slots__ = ("within_ns",)

    def __init__(self, first: Node, second: Node, within_ns: int, hold_ns: int, *, counts_downtime: bool) -> None:
        super().__init__(first, second, hold_ns, counts_downtime=counts_downtime)
        self.within_ns = within_ns

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        self._follow_epoch(columns)
        truths = [operand.judge(columns, now_ns) for operand in self.operands]
        if False in truths:
            self.matched = False
            return False
        if None in truths:
            return None
        first, second = self.first.rose_ns, self.second.rose_ns
        if not self.matched and first is not None and second is not None:
            self.matched = abs(first - second) <= self.within_ns
        return self.matched


class Sequence(Pair):
    """TRUE once the second becomes TRUE, at least `least_ns` and at most `most_ns` after the first did, until it ends.

    The first must still count when the second becomes TRUE. Each occurrence of the first is followed at most once.
    """

    __slots__ = ("_firsts", "_tried_ns", "least_ns", "most_ns")

    def __init__(
        self, first: Node, second: Node, least_ns: int, most_ns: int, hold_ns: int, *, counts_downtime: bool
    ) -> None:
        super().__init__(first, second, hold_ns, counts_downtime=counts_downtime)
        self.least_ns = least_ns
        self.most_ns = most_ns
        self._firsts: deque[tuple[int, int | None]] = deque(maxlen=OCCURRENCES)  # when each rose and ended
        self._tried_ns: int | None = None  # the newest occurrence of the first that has been noted

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        self._follow_epoch(columns)
        first, second = (operand.judge(columns, now_ns) for operand in self.operands)
        self._note()
        if second is False:
            self.matched = False
        elif not self.matched and not self.second.is_over and self.second.rose_ns is not None:
            self.matched = self._follows(self.second.rose_ns)
        self._forget(now_ns)
        if self.matched:
            return second
        return None if second is not False and None in (first, second) and first is not False else False

    def _note(self) -> None:
        rose = self.first.rose_ns
        if rose is None:
            self._tried_ns = None
        elif rose != self._tried_ns:
            self._tried_ns = rose
            self._firsts.append((rose, self.first.ended_ns))
        elif self._firsts and self._firsts[-1][0] == rose:
            self._firsts[-1] = (rose, self.first.ended_ns)

    def _follows(self, rose_ns: int) -> bool:
        """Whether it follows an occurrence of the first that still counted; all of those are used up by it."""
        followed = [first for first in self._firsts if self._fits(first, rose_ns)]
        self._firsts = deque((first for first in self._firsts if first not in followed), OCCURRENCES)
        return bool(followed)

    def _fits(self, first: tuple[int, int | None], rose_ns: int) -> bool:
        rose, ended = first
        still = ended is None or rose_ns < ended + self.first.hold_ns
        return still and self.least_ns <= rose_ns - rose <= self.most_ns

    def _forget(self, now_ns: int) -> None:
        """What nothing can follow any more; but the first may turn out to have been TRUE when the second began."""
        second = self.second
        since = now_ns if second.is_over or second.rose_ns is None else second.rose_ns
        while self._firsts and since - self._firsts[0][0] > self.most_ns:
            self._firsts.popleft()

    def _age(self, by_ns: int) -> None:
        super()._age(by_ns)
        self._firsts = deque(
            ((rose - by_ns, None if ended is None else ended - by_ns) for rose, ended in self._firsts), OCCURRENCES
        )
        self._tried_ns = None if self._tried_ns is None else self._tried_ns - by_ns

    def snapshot(self) -> Any:
        return [[list(first) for first in self._firsts], self._tried_ns, super().snapshot()]

    def restore(self, state: Any) -> None:
        firsts, self._tried_ns, pair = state
        self._firsts = deque(((rose, ended) for rose, ended in firsts), OCCURRENCES)
        super().restore(pair)
