"""Answers that a line still owes. Frames without transactions are told apart by time alone. Pure.

Whoever was asked and has not answered may still do so, up to a bound (`late_within`). Until then the same function is
not asked of this unit again, or its late answer would be taken for the new one; other units, and other functions, go
on. Past the bound an answer is taken for the next question's: that is the assumption everything here rests on.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from drivers.modbus.frame import Question
from drivers.modbus.rtu_frame import Frame
from gateway.model import SECOND

# a unit that talks without being asked is not believed for so long after its last word
DISTRUST_NS = 30 * SECOND


@dataclass(slots=True)
class _Debt:
    function: int
    size: int
    timeout_ns: int
    until_ns: int
    heard: bool = False


@dataclass(slots=True)
class Owed:
    """What one endpoint owes; it outlives the connections to it. Times are the host's, monotonic.

    `all_until_ns`: who asked before us is not known, so until then everything is owed; by slow units for longer.
    """

    all_until_ns: int = 0
    _debts: dict[int, list[_Debt]] = field(default_factory=dict)
    _distrusted: dict[int, int] = field(default_factory=dict)
    _late: dict[int, int] = field(default_factory=dict)

    def unanswered(self, question: Question, timeout_ns: int, until_ns: int) -> None:
        """`question` has no answer, and `until_ns` it may still come; its timeout was at `timeout_ns`."""
        debts = self._debts.setdefault(question.unit, [])
        debts.append(_Debt(question.function, question.size, timeout_ns, until_ns))

    def until(self, question: Question, now_ns: int) -> int:
        """From when on an answer to `question` can be no older one's."""
        debts = [debt for debt in self._debts.get(question.unit, ()) if debt.until_ns > now_ns]
        self._debts[question.unit] = debts
        all_ns = self.all_until_ns and self.all_until_ns + (question.timeout_ns or 0)
        return max([all_ns, *(debt.until_ns for debt in debts if debt.function == question.function)])

    def expects(self, frame: Frame, now_ns: int) -> bool:
        """A frame that is nobody's answer now: whether it can be a late one."""
        return now_ns < self.all_until_ns or self._debt_of(frame, now_ns) is not None

    def late(self, frame: Frame, now_ns: int) -> bool:
        """As `expects`, and the next one is not. What is owed stays owed: a frame that says this unit's number may be
        another's, and the late answer still to come.
        """
        if (debt := self._debt_of(frame, now_ns)) is not None:
            debt.heard = True
            self._late[frame.unit] = now_ns - debt.timeout_ns
        return debt is not None or now_ns < self.all_until_ns

    def _debt_of(self, frame: Frame, now_ns: int) -> _Debt | None:
        for debt in self._debts.get(frame.unit, ()):
            same = debt.function == frame.function and frame.size in (None, debt.size)
            if same and not debt.heard and debt.until_ns > now_ns:
                return debt
        return None

    def unasked(self, unit: int, now_ns: int) -> None:
        """`unit` has spoken although nobody asked: its answers cannot be told from what it says by itself."""
        self._distrusted[unit] = now_ns + DISTRUST_NS

    def distrusts(self, unit: int, now_ns: int) -> bool:
        return self._distrusted.get(unit, 0) > now_ns

    def lateness_ns(self, unit: int) -> int | None:
        """How long after its timeout the unit's last late answer came."""
        return self._late.get(unit)
