"""What an expression reads beside the present values: ages, windows and alarms; and the compiled expression itself."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

from alerts.condition.columns import BAD, Columns, Reading
from alerts.condition.expr_function import Function, Seen, Slot
from alerts.condition.logic import earliest
from alerts.condition.node import Node
from alerts.condition.rate import Rate
from gateway.model import SECOND, Truth, Value

BUCKETS = 60
"""A window is kept in so many pieces, whatever the poll period: it is that much sharper than its length."""


class Watch(Protocol):
    """Something that an expression reads and that has a memory, or is no point. None is UNKNOWN."""

    def look(self, columns: Columns, now_ns: int) -> Value: ...
    def next_due(self) -> int | None: ...
    def snapshot(self) -> Any: ...
    def restore(self, state: Any) -> None: ...


class Age:
    """Seconds since the point's last GOOD or UNCERTAIN sample; since watching began while there has been none.

    After a restart it counts from there. `limits_s` are what it is compared with; without any it is looked at each
    second.
    """

    __slots__ = ("_due", "_epoch", "_since_ns", "limits_s", "slot")

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.limits_s: list[float] = []
        self._since_ns: int | None = None
        self._epoch = 0
        self._due: int | None = None

    def look(self, columns: Columns, now_ns: int) -> Value:
        if self._since_ns is None or self._epoch != columns.epoch:
            self._since_ns, self._epoch = now_ns, columns.epoch
        if columns.known(self.slot):
            self._since_ns = max(self._since_ns, columns.at_ns[self.slot])
        age_ns = max(0, now_ns - self._since_ns)
        self._due = self._next(now_ns, self._since_ns)
        return age_ns / SECOND

    def _next(self, now_ns: int, since_ns: int) -> int | None:
        if not self.limits_s:
            return now_ns + SECOND
        ends = (since_ns + round(limit * SECOND) for limit in self.limits_s)
        # at the limit itself, and just beyond it: one of them is where `>` or `>=` changes its mind
        return min((due for end in ends for due in (end, end + 1) if due > now_ns), default=None)

    def next_due(self) -> int | None:
        return self._due

    def snapshot(self) -> Any:
        return [self._since_ns, self._epoch]

    def restore(self, state: Any) -> None:
        self._since_ns, self._epoch = state


class Slope:
    """How fast the point has changed over a window, per second."""

    __slots__ = ("_rate",)

    def __init__(self, rate: Rate) -> None:
        self._rate = rate

    def look(self, columns: Columns, now_ns: int) -> Value:
        return self._rate.per_second(columns, now_ns)

    def next_due(self) -> int | None:
        return self._rate.next_due()

    def snapshot(self) -> Any:
        return self._rate.snapshot()

    def restore(self, state: Any) -> None:
        self._rate.restore(state)


class _Piece:
    """What of a window falls into one bucket: extremes, and each value times the share of the window that it held."""

    __slots__ = ("held_ns", "high", "index", "low", "sum")

    def __init__(self, index: int, low: float, high: float, held_ns: int = 0, sum_: float = 0.0) -> None:
        self.index, self.low, self.high, self.held_ns, self.sum = index, low, high, held_ns, sum_


class Window:
    """The mean, least or greatest value of the point in the window that ends now.

    A value holds until the next sample, at most `gap_ns` (None: a device that speaks only when something changes). The
    mean is over time, so that quick samples weigh no more. UNKNOWN while the point is BAD, silent for longer, or known
    for less than half of the window.
    """

    __slots__ = ("_due", "_epoch", "_open", "_pieces", "gap_ns", "kind", "slot", "step_ns", "within_ns")

    def __init__(self, slot: int, kind: str, within_ns: int, gap_ns: int | None) -> None:
        self.slot = slot
        self.kind = kind
        self.within_ns = within_ns
        self.gap_ns = gap_ns
        self.step_ns = within_ns // BUCKETS
        self._pieces: deque[_Piece] = deque()
        self._open: tuple[int, float] | None = None  # the sample that holds
        self._epoch = 0
        self._due: int | None = None

    def look(self, columns: Columns, now_ns: int) -> Value:
        if columns.epoch != self._epoch:
            self._epoch = columns.epoch
            self._pieces.clear()
            self._open = None
        self._due = None
        quality, at = columns.quality[self.slot], columns.at_ns[self.slot]
        if quality < 0:
            return None
        value: Any = columns.values[self.slot]
        good = quality < BAD and value is not None and math.isfinite(value)
        self._take(at, value if good else None)
        return self._answer(now_ns) if good else None

    def _take(self, at: int, value: float | None) -> None:
        if self._open is not None:
            since, held = self._open
            if at > since:
                self._keep(since, at if self.gap_ns is None else min(at, since + self.gap_ns), held)
        self._open = None if value is None else (at, value)

    def _keep(self, begin: int, end: int, value: float) -> None:
        """A value that held from `begin` to `end`, cut at the edges of the buckets."""
        step, pieces = self.step_ns, self._pieces
        begin = max(begin, end - self.within_ns)
        for index in range(begin // step, (end - 1) // step + 1):
            held = min(end, (index + 1) * step) - max(begin, index * step)
            if pieces and pieces[-1].index == index:
                last = pieces[-1]
                last.low, last.high = min(last.low, value), max(last.high, value)
            else:
                pieces.append(last := _Piece(index, value, value))
            last.held_ns += held
            last.sum += value * (held / self.within_ns)
        while pieces and (pieces[0].index + 1) * step <= end - self.within_ns:
            pieces.popleft()

    def _answer(self, now_ns: int) -> Value:
        assert self._open is not None  # noqa: S101 - the sample has just been taken
        since, value = self._open
        if self.gap_ns is not None and now_ns - since > self.gap_ns:
            return None
        begin, step = now_ns - self.within_ns, self.step_ns
        inside = [piece for piece in self._pieces if (piece.index + 1) * step > begin]
        open_ns = now_ns - max(since, begin)
        kept_ns = sum(piece.held_ns for piece in inside)
        low = min(value, *(piece.low for piece in inside)) if inside else value
        high = max(value, *(piece.high for piece in inside)) if inside else value
        filled = 2 * (kept_ns + open_ns) >= self.within_ns
        self._due = self._next(now_ns, since + self.within_ns // 2 - kept_ns, moves=low != high or not filled)
        if not filled:
            return None
        if low == high or self.kind != "avg":
            return low if self.kind == "min" else high
        total = sum(piece.sum for piece in inside) + value * (open_ns / self.within_ns)
        return min(max(total * (self.within_ns / (kept_ns + open_ns)), low), high)

    def _next(self, now_ns: int, half_ns: int, *, moves: bool) -> int | None:
        silent = None if self.gap_ns is None or self._open is None else self._open[0] + self.gap_ns + 1
        if not moves:
            return silent
        edge = (now_ns // self.step_ns + 1) * self.step_ns
        return earliest((silent, edge, half_ns if half_ns > now_ns else None))

    def next_due(self) -> int | None:
        return self._due

    def snapshot(self) -> Any:
        pieces = [[piece.index, piece.low, piece.high, piece.held_ns, piece.sum] for piece in self._pieces]
        return {"epoch": self._epoch, "open": None if self._open is None else list(self._open), "pieces": pieces}

    def restore(self, state: Any) -> None:
        self._epoch = state["epoch"]
        self._open = None if state["open"] is None else (state["open"][0], state["open"][1])
        self._pieces = deque(_Piece(*piece) for piece in state["pieces"])


class AnyActive:
    """Whether any of some alarms is active."""

    __slots__ = ("_keys",)

    def __init__(self, keys: frozenset[tuple[str, str]]) -> None:
        self._keys = keys

    def look(self, columns: Columns, now_ns: int) -> Value:
        truths = [columns.alarm_active.get(key) for key in self._keys]
        return True if True in truths else None if None in truths else False

    def next_due(self) -> int | None:
        return None

    def snapshot(self) -> Any:
        return None

    def restore(self, state: Any) -> None:
        """Nothing to take over."""


class Expression(Node):
    """A compiled expression. `shown` is what it compares first, the limit and the unit of both."""

    __slots__ = ("_function", "_read", "_seen", "_shown", "_watches")

    def __init__(
        self,
        function: Function,
        read: Sequence[int],
        watches: Sequence[Watch],
        *,
        slots: frozenset[int],
        needs: frozenset[int],
        alarms: frozenset[tuple[str, str]],
        shown: tuple[Slot | Seen, float | None, str | None] | None,
    ) -> None:
        super().__init__(slots, alarms)
        self.needs = needs
        self._function = function
        self._read = tuple(read)
        self._watches = tuple(watches)
        self._seen: Sequence[Value] = (None,) * len(self._watches)
        self._shown = shown

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        if self._watches:
            self._seen = [watch.look(columns, now_ns) for watch in self._watches]
        return self._function(columns.values, columns.quality, self._seen)

    def alone(self, columns: Columns) -> Truth:
        return self._function(columns.values, columns.quality, (None,) * len(self._watches))

    def next_due(self) -> int | None:
        return earliest(watch.next_due() for watch in self._watches)

    def snapshot(self) -> Any:
        return [watch.snapshot() for watch in self._watches] or None

    def restore(self, state: Any) -> None:
        for watch, part in zip(self._watches, state or (), strict=True):
            watch.restore(part)

    def reading(self, columns: Columns) -> Reading:
        if self._shown is None:
            return Reading()
        of, limit, unit = self._shown
        value = columns.values[self._read[of.index]] if isinstance(of, Slot) else self._seen[of.index]
        if isinstance(of, Seen) and isinstance(value, float):
            value = float(f"{value:.6g}")
        return Reading(value, limit, unit)
