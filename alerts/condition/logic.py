"""C11: all, any, not, in Kleene's three values; and conditions made of other alarms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from alerts.condition.columns import BAD, Columns, Reading
from alerts.condition.node import Node
from gateway.model import Severity, Truth


class Joined(Node):
    """Several operands. Every one is asked every time: those that count samples must see them all."""

    __slots__ = ("operands",)

    def __init__(self, operands: Sequence[Node]) -> None:
        super().__init__(
            frozenset(slot for operand in operands for slot in operand.slots),
            frozenset(alarm for operand in operands for alarm in operand.alarms),
        )
        self.needs = frozenset(slot for operand in operands for slot in operand.needs)
        self.operands = tuple(operands)
        self.on_label = any(operand.on_label for operand in operands)

    def inside(self) -> tuple[Node, ...]:
        return self.operands

    def next_due(self) -> int | None:
        return earliest(operand.next_due() for operand in self.operands)

    def snapshot(self) -> Any:
        return [operand.snapshot() for operand in self.operands]

    def restore(self, state: Any) -> None:
        for operand, part in zip(self.operands, state, strict=True):
            operand.restore(part)

    def reading(self, columns: Columns) -> Reading:
        """The first operand's that is compared with a limit, else the first that shows a value."""
        readings = [operand.reading(columns) for operand in self.operands]
        compared = (reading for reading in readings if reading.limit is not None)
        shown = (reading for reading in readings if reading.value is not None)
        return next(compared, None) or next(shown, Reading())


class All(Joined):
    """FALSE if any is FALSE, else UNKNOWN if any is UNKNOWN, else TRUE."""

    __slots__ = ()

    def alone(self, columns: Columns) -> Truth:
        return every(operand.alone(columns) for operand in self.operands)

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        result: Truth = True
        for operand in self.operands:
            truth = operand.judge(columns, now_ns)
            if truth is False:
                result = False
            elif truth is None and result:
                result = None
        return result


class AnyOf(Joined):
    """TRUE if any is TRUE, else UNKNOWN if any is UNKNOWN, else FALSE."""

    __slots__ = ()

    def alone(self, columns: Columns) -> Truth:
        truths = [operand.alone(columns) for operand in self.operands]
        return True if True in truths else None if None in truths else False

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        result: Truth = False
        for operand in self.operands:
            truth = operand.judge(columns, now_ns)
            if truth:
                result = True
            elif truth is None and result is False:
                result = None
        return result


class Not(Joined):
    """The opposite; UNKNOWN stays UNKNOWN."""

    __slots__ = ()

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        truth = self.operands[0].judge(columns, now_ns)
        return None if truth is None else not truth

    def alone(self, columns: Columns) -> Truth:
        truth = self.operands[0].alone(columns)
        return None if truth is None else not truth


class Tripping(Joined):
    """`all` with operands that fail towards the alarm (`on_unknown: trip`).

    Such an operand, UNKNOWN for `after_ns`, is read as TRUE while another operand really is TRUE: neither a dead bus
    nor a start-up raises by itself.
    """

    __slots__ = ("_due", "_trips", "_unknown_since", "_waits", "after_ns")

    def __init__(self, operands: Sequence[Node], trips: Sequence[bool], after_ns: int) -> None:
        super().__init__(operands)
        self.after_ns = after_ns
        self._trips = tuple(trips)
        self._unknown_since: list[int | None] = [None] * len(self.operands)
        self._due: int | None = None
        self._waits = False

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        truths = [operand.judge(columns, now_ns) for operand in self.operands]
        self._due = None
        if None not in truths:
            if self._waits:
                self._unknown_since = [None] * len(truths)
                self._waits = False
            return False not in truths
        self._waits = True
        tripped = [self._has_tripped(index, truth, now_ns) for index, truth in enumerate(truths)]
        if False in truths:
            return False
        raises = True in truths and all(truth or each for truth, each in zip(truths, tripped, strict=True))
        return True if raises else None

    def alone(self, columns: Columns) -> Truth:
        """What is not there does not trip: how long it was UNKNOWN then, nobody can say."""
        return every(operand.alone(columns) for operand in self.operands)

    def _has_tripped(self, index: int, truth: Truth, now_ns: int) -> bool:
        if truth is not None or not self._trips[index]:
            self._unknown_since[index] = None
            return False
        since = self._unknown_since[index]
        if since is None:
            since = self._unknown_since[index] = now_ns
        due = since + self.after_ns
        if now_ns < due:
            self._due = due if self._due is None else min(self._due, due)
        return now_ns >= due

    def next_due(self) -> int | None:
        return earliest((self._due, super().next_due()))

    def snapshot(self) -> Any:
        return {"since": list(self._unknown_since), "operands": super().snapshot()}

    def restore(self, state: Any) -> None:
        self._unknown_since = list(state["since"])
        self._waits = True
        super().restore(state["operands"])


class Escalated(Joined):
    """The first operand's answer; the others, while it is TRUE, make it more severe. UNKNOWN holds the severity.

    A severity that has been changed in the file counts at once: what is kept is which steps were reached.
    """

    __slots__ = ("_counted", "_reached", "severities")

    def __init__(self, base: Node, steps: Sequence[tuple[Node, Severity]]) -> None:
        super().__init__((base, *(node for node, _ in steps)))
        self.needs = base.needs
        self.severities = tuple(severity for _, severity in steps)
        self._reached = [False] * len(steps)
        self._counted: list[bool] = []  # the steps that made the severity what it is

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        base, *steps = self.operands
        answer = base.judge(columns, now_ns)
        for index, step in enumerate(steps):
            truth = step.judge(columns, now_ns)
            if truth is not None:
                self._reached[index] = truth
        if answer is not None:
            self._count(self._reached if answer else ())
        return answer

    def alone(self, columns: Columns) -> Truth:
        return self.operands[0].alone(columns)

    def _count(self, reached: Sequence[bool]) -> None:
        self._counted = list(reached)
        counted = (severity for severity, counts in zip(self.severities, reached, strict=False) if counts)
        self.severity = min(counted, default=None)

    def snapshot(self) -> Any:
        return {"counted": self._counted, "reached": list(self._reached), "operands": super().snapshot()}

    def restore(self, state: Any) -> None:
        self._reached = [bool(reached) for reached in state["reached"]]
        # an earlier version kept the severity itself
        self._count(state["counted"] if "counted" in state else self._reached if state["severity"] else ())
        super().restore(state["operands"])

    def reading(self, columns: Columns) -> Reading:
        return self.operands[0].reading(columns)


class OtherAlarm(Node):
    """Any of some other alarms is active. With `heard` one that its own `suppress_when` keeps silent is not."""

    __slots__ = ("heard",)

    def __init__(self, alarms: Iterable[tuple[str, str]], *, heard: bool = False) -> None:
        super().__init__(alarms=frozenset(alarms))
        self.heard = heard

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        result: Truth = False
        for alarm in self.alarms:
            truth = columns.alarm_active.get(alarm)
            if truth and not (self.heard and alarm in columns.alarm_hushed):
                return True
            if truth is None:
                result = None
        return result


class Blind(Node):
    """The companion's condition: the guarded one cannot be trusted to raise.

    TRUE while the guarded condition is UNKNOWN, or any point that it needs or alarm that it reads is. A FALSE that
    happens to need only the known half (`moving and door open` on a parked lift with a dead door switch) is no
    protection. A window that is filling is not lost yet: with all inputs there, a guarded UNKNOWN counts only after
    `fills_ns`, and is UNKNOWN here too before. With `after_ns`, `by_itself` tells whether points of its own have been
    missing for so long. `patience_ns`: for how long it waits for each alarm that it reads before it counts that as
    lost; a sensor that speaks every ten minutes is not missing one minute after a start.
    """

    __slots__ = (
        "_asked_ns", "_due", "_filling_ns", "_points", "_since_ns", "after_ns", "fills_ns", "guarded", "patience_ns",
    )  # fmt: skip

    def __init__(
        self,
        guarded: Node,
        after_ns: int | None = None,
        fills_ns: int = 0,
        patience_ns: Mapping[tuple[str, str], int] | None = None,
    ) -> None:
        super().__init__(guarded.slots, guarded.alarms)
        self.guarded = guarded
        self.on_label = guarded.on_label
        self.after_ns = after_ns
        self.fills_ns = fills_ns
        self.patience_ns = {} if patience_ns is None else {key: ns for key, ns in patience_ns.items() if ns > 0}
        self._asked_ns: int | None = None  # since when an alarm that has time is UNKNOWN
        self._points = tuple(guarded.needs)
        self._since_ns: int | None = None
        self._filling_ns: int | None = None  # since when all inputs are there
        self._due: int | None = None

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        quality = columns.quality
        self._due = None
        for slot in self._points:
            if quality[slot] >= BAD or quality[slot] < 0:
                if self.after_ns is not None:
                    self._wait(now_ns, self.after_ns)
                self._filling_ns = None
                return True
        self._since_ns = None
        if (lost := self._alarm_lost(columns, now_ns)) is not None:
            return lost
        if self._filling_ns is None:
            self._filling_ns = now_ns
        if self.guarded.judge(columns, now_ns) is not None:
            return False
        if now_ns >= self._filling_ns + self.fills_ns:
            return True
        self._due = self._filling_ns + self.fills_ns
        return None

    def _alarm_lost(self, columns: Columns, now_ns: int) -> Truth:
        """Whether an alarm that it reads is lost, or may still be heard in its own time; None: all are known."""
        missing = [alarm for alarm in self.alarms if columns.alarm_active.get(alarm) is None]
        if not missing:
            self._asked_ns = None
            return None
        if self._asked_ns is None:
            self._asked_ns = now_ns
        due = self._asked_ns + min(self.patience_ns.get(alarm, 0) for alarm in missing)
        if now_ns >= due:
            return True
        self._due = due
        return False

    def _wait(self, now_ns: int, after_ns: int) -> None:
        if self._since_ns is None:
            self._since_ns = now_ns
        if now_ns < self._since_ns + after_ns:
            self._due = self._since_ns + after_ns

    def inside(self) -> tuple[Node, ...]:
        return (self.guarded,)

    def by_itself(self, now_ns: int) -> bool:
        return self.after_ns is not None and self._since_ns is not None and now_ns >= self._since_ns + self.after_ns

    def next_due(self) -> int | None:
        return earliest((self._due, self.guarded.next_due()))

    def snapshot(self) -> Any:
        return [self._since_ns, self._filling_ns, self._asked_ns]

    def restore(self, state: Any) -> None:
        self._since_ns, self._filling_ns, *asked = state
        self._asked_ns = asked[0] if asked else None  # an earlier version did not keep it


def every(truths: Iterable[Truth]) -> Truth:
    """Kleene's AND."""
    found = set(truths)
    return False if False in found else None if None in found else True


def earliest(times: Iterable[int | None]) -> int | None:
    return min((time for time in times if time is not None), default=None)
