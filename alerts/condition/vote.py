"""C9 and C11: enough of several conditions are TRUE: votes of sensors that may be bad, and n of some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from alerts.condition.columns import BAD, Columns, Reading
from alerts.condition.logic import Joined, earliest
from alerts.condition.node import Node
from alerts.condition.stretched import Stretched
from gateway.model import Truth

Bad = Literal["unknown", "excluded", "counts"]


class SomeOf(Joined):
    """TRUE if at least `n` are TRUE, FALSE if so many no longer can be, else UNKNOWN."""

    __slots__ = ("n",)

    def __init__(self, operands: Sequence[Node], n: int) -> None:
        super().__init__(operands)
        self.n = n

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        return _enough([operand.judge(columns, now_ns) for operand in self.operands], self.n)

    def alone(self, columns: Columns) -> Truth:
        return _enough([operand.alone(columns) for operand in self.operands], self.n)


def _enough(truths: Sequence[Truth], n: int) -> Truth:
    true = truths.count(True)
    return True if true >= n else False if true + truths.count(None) < n else None


class Vote(Joined):
    """TRUE if at least `n` voters are TRUE, each for `within_ns` longer than it is; 0: at the same moment.

    `voters` are lists of conditions: those of one list are one voter, TRUE if any of them is. A voter that is UNKNOWN
    is, by `bad`, UNKNOWN here too, or left out (then as many votes as remain are enough, but at least one), or a vote
    (beside at least one that is really TRUE: a dead bus alone raises nothing). One that has not been heard since the
    start is not bad yet: it has `settle_ns` to speak, unless it says itself that it is BAD.
    """

    __slots__ = ("_began_ns", "_due", "_epoch", "_groups", "_heard", "_true", "bad", "n", "settle_ns")

    def __init__(self, voters: Sequence[Sequence[Node]], n: int, within_ns: int, bad: Bad, settle_ns: int) -> None:
        stretched = [[Stretched(node, within_ns) for node in nodes] for nodes in voters]
        super().__init__([node for nodes in stretched for node in nodes])
        self._groups = tuple(map(tuple, stretched))
        self.n = n
        self.bad = bad
        self.settle_ns = settle_ns
        self._heard = [False] * len(self._groups)
        self._epoch = -1
        self._began_ns = 0
        self._true = 0
        self._due: int | None = None

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        if columns.epoch != self._epoch:
            self._epoch = columns.epoch
            self._began_ns = now_ns
            self._heard = [False] * len(self._groups)
        true = unknown = bad = 0
        for index, nodes in enumerate(self._groups):
            truth = _either([node.judge(columns, now_ns) for node in nodes])
            if _either([node.truth for node in nodes]) is not None:
                self._heard[index] = True
            if truth is not None:
                true += truth
            elif self._is_bad(index, columns, now_ns):
                bad += 1
            else:
                unknown += 1
        settled = self._began_ns + self.settle_ns
        self._due = settled if unknown and self.bad != "unknown" and now_ns < settled else None
        self._true = true
        return self._count(true, unknown, bad)

    def _is_bad(self, index: int, columns: Columns, now_ns: int) -> bool:
        if self._heard[index] or now_ns >= self._began_ns + self.settle_ns:
            return True
        return any(columns.quality[slot] >= BAD for node in self._groups[index] for slot in node.needs)

    def _count(self, true: int, unknown: int, bad: int) -> Truth:
        n = self.n
        if self.bad == "excluded":
            remaining = len(self._groups) - bad
            if not remaining:
                return None
            n = min(n, remaining)
        elif self.bad == "counts":
            if true and true + bad >= n:
                return True
            unknown += bad
        else:
            unknown += bad
        return True if true >= n else False if true + unknown < n else None

    def alone(self, columns: Columns) -> Truth:
        """Who is bad then, nobody can say; and who voted before, neither."""
        return _enough([_either([node.alone(columns) for node in nodes]) for nodes in self._groups], self.n)

    def next_due(self) -> int | None:
        return earliest((self._due, super().next_due()))

    def snapshot(self) -> Any:
        return [list(self._heard), self._epoch, self._began_ns, super().snapshot()]

    def restore(self, state: Any) -> None:
        heard, self._epoch, self._began_ns, operands = state
        if len(heard) != len(self._groups):
            raise ValueError("votes of other voters")
        self._heard = list(heard)
        super().restore(operands)

    def reading(self, columns: Columns) -> Reading:
        """How many votes there are, and how many are needed."""
        return Reading(self._true, self.n)


def _either(truths: Sequence[Truth]) -> Truth:
    return True if True in truths else None if None in truths else False
