"""C2 and C6: a point's code, and a point's quality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.condition.columns import BAD, Columns, Reading
from alerts.condition.node import Node
from gateway.model import Truth, Value


class OfSlot(Node):
    """A condition on the present sample of one slot alone."""

    __slots__ = ("slot",)

    def __init__(self, slot: int) -> None:
        super().__init__(frozenset({slot}))
        self.slot = slot

    def reading(self, columns: Columns) -> Reading:
        return Reading(columns.values[self.slot])


class Named(OfSlot):
    """A bool or enum point: each declared code has its answer; one that is not declared is UNKNOWN, never FALSE."""

    __slots__ = ("answers",)

    def __init__(self, slot: int, answers: Mapping[Value, bool]) -> None:
        super().__init__(slot)
        self.answers = dict(answers)

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        quality = columns.quality[self.slot]
        if quality >= BAD or quality < 0:
            return None
        return self.answers.get(columns.values[self.slot])

    def alone(self, columns: Columns) -> Truth:
        return self.judge(columns, 0)


class Numbered(OfSlot):
    """An int point: its number, under a mask, is (or is not) one of some."""

    __slots__ = ("mask", "members", "wanted")

    def __init__(self, slot: int, members: frozenset[int], *, wanted: bool = True, mask: int = -1) -> None:
        super().__init__(slot)
        self.members = members
        self.wanted = wanted
        self.mask = mask

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        quality = columns.quality[self.slot]
        value: Any = columns.values[self.slot]
        if quality >= BAD or quality < 0 or value is None:
            return None
        return (value & self.mask in self.members) is self.wanted

    def alone(self, columns: Columns) -> Truth:
        return self.judge(columns, 0)


class BadQuality(OfSlot):
    """The sample has one of some qualities. BAD for another reason is UNKNOWN; so is a slot without any sample."""

    __slots__ = ("qualities",)

    def __init__(self, slot: int, qualities: frozenset[int]) -> None:
        super().__init__(slot)
        self.needs = frozenset()
        self.qualities = qualities

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        quality = columns.quality[self.slot]
        if quality in self.qualities:
            return True
        # a silent link says nothing about the sensor: a sensor alarm must not clear by it
        return None if quality >= BAD or quality < 0 else False


class Consecutive(Node):
    """TRUE once the inner condition has been TRUE in `n` samples of one slot running; FALSE starts again.

    A BAD sample between two counts for neither: a noisy link does not hide a lift that runs with open doors. A restart
    between two breaks the run, but does not end an answer that was TRUE.
    """

    __slots__ = ("count", "epoch", "inner", "n", "seen_ns", "slot")

    def __init__(self, inner: Node, slot: int, n: int) -> None:
        super().__init__(inner.slots, inner.alarms)
        self.needs = inner.needs
        self.on_label = inner.on_label
        self.inner = inner
        self.slot = slot
        self.n = n
        self.count = 0
        self.seen_ns = -1
        self.epoch = 0

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        if self.epoch != columns.epoch:
            self.epoch = columns.epoch
            self.count = self.n if self.count == self.n else 0
        truth = self.inner.judge(columns, now_ns)
        self.severity = self.inner.severity
        if truth is None:
            return None
        at = columns.at_ns[self.slot]
        if not truth:
            self.count = 0
        elif at != self.seen_ns:
            self.count = min(self.count + 1, self.n)
        self.seen_ns = at
        return truth and self.count >= self.n

    def inside(self) -> tuple[Node, ...]:
        return (self.inner,)

    def snapshot(self) -> Any:
        return [self.count, self.seen_ns, self.epoch, self.inner.snapshot()]

    def restore(self, state: Any) -> None:
        self.count, self.seen_ns, self.epoch, inner = state
        self.inner.restore(inner)
        self.severity = self.inner.severity

    def reading(self, columns: Columns) -> Reading:
        return self.inner.reading(columns)


class Lasting(Node):
    """TRUE once the inner condition has been TRUE for `for_ns` without a FALSE in between, whatever the poll period.

    It needs no further sample: a device that reports only changes says once that it stands still. With `again` a later
    sample of that slot has to say the same: one sample and a poll that is late are no duration. If none comes for
    `gap_ns` more, the time alone decides, and what was seen is said. UNKNOWN in between counts for neither and the time
    goes on, but after more than `gap_ns` of it a time that had not run out begins anew: two moments with a lost link
    between them are no duration.
    """

    __slots__ = ("_due", "_said", "_unknown_ns", "again", "for_ns", "gap_ns", "inner", "since_ns")

    def __init__(self, inner: Node, for_ns: int, gap_ns: int, again: int | None = None) -> None:
        super().__init__(inner.slots, inner.alarms)
        self.needs = inner.needs
        self.on_label = inner.on_label
        self.inner = inner
        self.for_ns = for_ns
        self.gap_ns = gap_ns
        self.again = again
        self.since_ns: int | None = None
        self._unknown_ns: int | None = None
        self._said = False  # it has been TRUE since then
        self._due: int | None = None

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        truth = self.inner.judge(columns, now_ns)
        self.severity = self.inner.severity
        self._due = None
        if not truth:
            if truth is False:
                self.since_ns = self._unknown_ns = None
                self._said = False
            elif self._unknown_ns is None:
                self._unknown_ns = now_ns
            return truth
        lost, self._unknown_ns = self._unknown_ns, None
        since = self.since_ns
        if since is None or (lost is not None and now_ns - lost > self.gap_ns and not self._has_run_out(since, lost)):
            self.since_ns, self._said = now_ns, False
            since = now_ns
        if now_ns < since + self.for_ns:
            self._due = since + self.for_ns
            return False
        if self.again is None or columns.at_ns[self.again] > since or now_ns >= since + self.for_ns + self.gap_ns:
            self._said = True
            return True
        self._due = since + self.for_ns + self.gap_ns
        return False

    def _has_run_out(self, since_ns: int, at_ns: int) -> bool:
        """The time was over by then, and where it takes a second sample that had agreed."""
        return at_ns >= since_ns + self.for_ns and (self.again is None or self._said)

    def next_due(self) -> int | None:
        return self._due

    def inside(self) -> tuple[Node, ...]:
        return (self.inner,)

    def snapshot(self) -> Any:
        return [self.since_ns, self._unknown_ns, self.inner.snapshot(), self._said]

    def restore(self, state: Any) -> None:
        self.since_ns, self._unknown_ns, inner, *said = state
        self._said = said[0] if said else True  # an earlier version did not keep it: what stands goes on
        self.inner.restore(inner)
        self.severity = self.inner.severity

    def reading(self, columns: Columns) -> Reading:
        return self.inner.reading(columns)
