"""C10: two conditions that become TRUE within so long of each other, or one so long after the other.

Nobody sees when a condition changes that is TRUE when it is first known, or UNKNOWN in between: it may have been at any
moment of that time. Where the answer hangs on which, it is UNKNOWN; for life safety it is TRUE, for there an unobserved
gap counts as true (both operands have really been seen TRUE: a dead bus makes no pair).
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from alerts.condition.columns import Columns
from alerts.condition.logic import Joined
from alerts.condition.node import Node
from alerts.condition.stretched import Stretched, back
from gateway.model import Truth

OCCURRENCES = 1000
"""Of the first condition at most so many are remembered, the newest ones."""


class Life(NamedTuple):
    """From when to when a condition was TRUE; fields as those of Stretched."""

    since_ns: int | None
    rose_ns: int
    ended_ns: int | None
    over_ns: int | None

    def aged(self, by_ns: int) -> Life:
        ends = back(self.ended_ns, by_ns), back(self.over_ns, by_ns)
        return Life(back(self.since_ns, by_ns), self.rose_ns - by_ns, *ends)


class Pair(Joined):
    """Two conditions, each counting for `hold_ns` after it has ended.

    When they became TRUE is building time, which stands still while the gateway is off. With `life_safety` what
    happened before lies farther back by the time off, and what may have been counts as having been.
    """

    __slots__ = ("_epoch", "first", "life_safety", "matched", "second")

    def __init__(self, first: Node, second: Node, hold_ns: int, *, life_safety: bool) -> None:
        self.first, self.second = Stretched(first, hold_ns), Stretched(second, hold_ns)
        super().__init__((self.first, self.second))
        self.life_safety = life_safety
        self.matched = False
        self._epoch: int | None = None

    def _follow_epoch(self, columns: Columns, now_ns: int) -> None:
        if columns.epoch == self._epoch:
            return
        if self._epoch is not None:
            off_ns = columns.outage_ns if self.life_safety else 0
            self._age(off_ns)
            self.first.lost(now_ns - off_ns)
            self.second.lost(now_ns - off_ns)
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
    """TRUE while both are, if they became so at most `within_ns` apart."""

    __slots__ = ("within_ns",)

    def __init__(self, first: Node, second: Node, within_ns: int, hold_ns: int, *, life_safety: bool) -> None:
        super().__init__(first, second, hold_ns, life_safety=life_safety)
        self.within_ns = within_ns

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        self._follow_epoch(columns, now_ns)
        truths = [operand.judge(columns, now_ns) for operand in self.operands]
        if False in truths:
            self.matched = False
            return False
        if None in truths:
            return None
        near = True if self.matched else self._near()
        self.matched = near or (near is None and self.life_safety)
        return self.matched or near

    def _near(self) -> Truth:
        """Whether they became TRUE so near to each other; UNKNOWN if they may have."""
        first, second = self.first, self.second
        if first.rose_ns is None or second.rose_ns is None:
            return None
        if None not in (first.since_ns, second.since_ns) and abs(first.rose_ns - second.rose_ns) <= self.within_ns:
            return True
        too_far = _above(first.since_ns, second.rose_ns + self.within_ns)
        too_far = too_far or _above(second.since_ns, first.rose_ns + self.within_ns)
        return False if too_far else None


class Sequence(Pair):
    """TRUE once the second becomes TRUE, at least `least_ns` and at most `most_ns` after the first did, until it ends.

    The first must still count when the second becomes TRUE. Each occurrence of the first is followed at most once.
    """

    __slots__ = ("_firsts", "_tried_ns", "least_ns", "most_ns")

    def __init__(
        self, first: Node, second: Node, least_ns: int, most_ns: int, hold_ns: int, *, life_safety: bool
    ) -> None:
        super().__init__(first, second, hold_ns, life_safety=life_safety)
        self.least_ns = least_ns
        self.most_ns = most_ns
        self._firsts: deque[Life] = deque(maxlen=OCCURRENCES)
        self._tried_ns: int | None = None  # the newest occurrence of the first that has been noted

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        self._follow_epoch(columns, now_ns)
        first, second = (operand.judge(columns, now_ns) for operand in self.operands)
        self._note()
        follows: Truth = False
        if second is False:
            self.matched = False
        elif not self.matched and not self.second.is_over:
            follows = self._follows(seen=first is not None)
            self.matched = follows is True
        self._forget(now_ns)
        if self.matched:
            return second
        if second is False:
            return False
        return None if follows is None or (None in (first, second) and first is not False) else False

    def _note(self) -> None:
        first = self.first
        if first.rose_ns is None:
            return
        life = Life(first.since_ns, first.rose_ns, first.ended_ns, first.over_ns)
        if first.rose_ns != self._tried_ns:
            self._tried_ns = first.rose_ns
            self._firsts.append(life)
        elif self._firsts and self._firsts[-1].rose_ns == first.rose_ns:
            self._firsts[-1] = life

    def _follows(self, *, seen: bool) -> Truth:
        """Whether it follows an occurrence of the first that still counted; all of those are used up by it.

        UNKNOWN if it may, and nothing is used up then, except where that is enough: for life safety, once the first is
        `seen` again (while it is UNKNOWN nothing raises).
        """
        rose_ns = self.second.rose_ns
        if rose_ns is None:
            return None
        followed = [first for first in self._firsts if self._fits(first, rose_ns)]
        if not followed:
            followed = [first for first in self._firsts if self._may_fit(first, rose_ns)]
            if followed and not (self.life_safety and seen):
                return None
        self._firsts = deque((first for first in self._firsts if first not in followed), OCCURRENCES)
        return bool(followed)

    def _fits(self, first: Life, rose_ns: int) -> bool:
        if first.since_ns is None or self.second.since_ns is None:
            return False
        still = first.ended_ns is None or rose_ns < first.ended_ns + self.first.hold_ns
        return still and self.least_ns <= rose_ns - first.rose_ns <= self.most_ns

    def _may_fit(self, first: Life, rose_ns: int) -> bool:
        """At some moment of the time in which each may have become TRUE, and the first have ended."""
        if first.over_ns is not None:
            rose_ns = min(rose_ns, first.over_ns + self.first.hold_ns - 1)
        too_late = _above(self.second.since_ns, min(rose_ns, first.rose_ns + self.most_ns))
        return not too_late and not _above(first.since_ns, rose_ns - self.least_ns)

    def _forget(self, now_ns: int) -> None:
        """What nothing can follow any more; but the first may turn out to have been TRUE when the second began."""
        second = self.second
        since = second.could_begin_ns(now_ns) if second.is_over else second.since_ns
        while self._firsts and _above(since, self._firsts[0].rose_ns + self.most_ns):
            self._firsts.popleft()

    def _age(self, by_ns: int) -> None:
        super()._age(by_ns)
        self._firsts = deque((first.aged(by_ns) for first in self._firsts), OCCURRENCES)
        self._tried_ns = back(self._tried_ns, by_ns)

    def snapshot(self) -> Any:
        return [[list(first) for first in self._firsts], self._tried_ns, super().snapshot()]

    def restore(self, state: Any) -> None:
        firsts, tried_ns, pair = state
        self._firsts = deque((_life(*first) for first in firsts), OCCURRENCES)
        self._tried_ns = tried_ns
        super().restore(pair)


def _above(at_ns: int | None, limit_ns: int) -> bool:
    """None: as long ago as one likes."""
    return at_ns is not None and at_ns > limit_ns


def _life(*seen: Any) -> Life:
    """From a snapshot; an earlier version kept when it rose and ended, of what was seen to do so."""
    if len(seen) == 2:
        rose_ns, ended_ns = seen
        return Life(rose_ns, rose_ns, ended_ns, ended_ns)
    return Life(*seen)
