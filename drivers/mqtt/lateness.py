"""When did it happen: a source time is believed while the device's clock can be (D21). Pure."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from gateway.model import SECOND, FrameKind, Instant, Layout, Quality

# a clock that is off by more is not believed
MAX_SKEW = 5 * SECOND
# what is older is history: stored at its time, never current
LATE = 5 * SECOND
OLDEST = 31 * 86_400 * SECOND
# a live device's lag stays the same; that of a backlog shrinks
STEADY = 5 * SECOND
WATCHED = 20
# a few messages of a backlog may look live for a moment
SPAN = 30 * SECOND


class Verdict(NamedTuple):
    """What becomes of a record. `quality` is what its GOOD values become; `odd`: its time was not believed; `newest`:
    it is late, but nothing newer is known of its points."""

    kind: FrameKind
    source_ns: int | None
    quality: int = 0
    odd: bool = False
    newest: bool = False


_LIVE = Verdict(FrameKind.LIVE, None)
_BACKLOG = Verdict(FrameKind.HISTORY, None, Quality.UNCERTAIN_BACKLOG)
_RETAINED = Verdict(FrameKind.INITIAL, None, Quality.UNCERTAIN_INITIAL)
_ODD = {
    kind: Verdict(kind, None, Quality.UNCERTAIN_CLOCK, odd=True)
    for kind in (FrameKind.LIVE, FrameKind.INITIAL, FrameKind.HISTORY)
}


class Lateness:
    """The clock of one sender, as its messages show it, and the newest event time of its points."""

    def __init__(self) -> None:
        self.trusted = True
        self._run: deque[tuple[int, int]] = deque(maxlen=WATCHED)  # (received, lag) of live samples in a row
        self._began_ns = self._first_lag = 0  # of that row, of which only the newest are kept
        self._newest: dict[Layout, list[int]] = {}
        self._sharing: dict[Layout, tuple[list[int], ...]] = {}

    def judge(
        self,
        layout: Layout,
        source_ns: int | None,
        at: Instant,
        *,
        odd: bool = False,
        history: bool = False,
        drained: bool = False,
        retained: bool = False,
    ) -> Verdict:
        """What to do with a record that claims `source_ns` (None with `odd`: it claims something unusable).

        `drained`: it may have waited at the broker while we were away. `history`: the device itself calls it old.
        """
        if source_ns is None:
            if odd:
                return _ODD[_kind(history or drained, retained)]
            return _BACKLOG if history or drained else _RETAINED if retained else _LIVE
        lag = at.wall_ns - source_ns
        if not (history or drained or retained):
            self._watch(lag, at.mono_ns)
        if not self.trusted or lag < -MAX_SKEW or lag > OLDEST:
            return _ODD[_kind(history or drained, retained)]
        if history:
            return Verdict(FrameKind.HISTORY, source_ns)
        newest = self._newest.get(layout)
        if newest is None:
            newest = self._meet(layout)
        sharing = self._sharing[layout]
        latest = newest[0] if len(sharing) == 1 else max([one[0] for one in sharing])
        if source_ns < latest:
            return Verdict(FrameKind.HISTORY, source_ns)
        newest[0] = source_ns
        if lag > LATE and not retained:
            return Verdict(FrameKind.HISTORY, source_ns, newest=True)
        if retained:
            return Verdict(FrameKind.INITIAL, source_ns, Quality.UNCERTAIN_INITIAL)
        return Verdict(FrameKind.LIVE, source_ns)

    def unsurpassed(self, layout: Layout, source_ns: int) -> tuple[int, ...]:
        """The columns of which nothing newer is known: another one of the layout's points may have been said later."""
        newer = {
            point.key
            for other, cell in self._newest.items()
            if other.device == layout.device and cell[0] > source_ns
            for point in other.points
        }
        return tuple(column for column, point in enumerate(layout.points) if point.key not in newer)

    def accepted(self, layout: Layout, source_ns: int) -> None:
        """An earlier run has taken this as current."""
        newest = self._newest.get(layout) or self._meet(layout)
        newest[0] = max(newest[0], source_ns)

    def _watch(self, lag: int, mono_ns: int) -> None:
        run = self._run
        if run and (abs(lag - run[-1][1]) > STEADY or abs(lag - self._first_lag) > STEADY):
            run.clear()  # a backlog, or the clock has been set: what was thought of it holds until more is seen
        if not run:
            self._began_ns, self._first_lag = mono_ns, lag
        run.append((mono_ns, lag))
        if self.trusted and -MAX_SKEW <= lag <= MAX_SKEW:
            return
        if mono_ns - self._began_ns >= SPAN:
            lags = sorted([one for _, one in run])
            self.trusted = abs(lags[len(lags) // 2]) <= MAX_SKEW

    def _meet(self, layout: Layout) -> list[int]:
        """The order of times is kept per point: layouts that share one look at each other."""
        mine = self._newest[layout] = [-1 << 62]
        keys = {point.key for point in layout.points}
        for other in self._newest:
            if other.device == layout.device and not keys.isdisjoint(point.key for point in other.points):
                self._sharing[other] = (*self._sharing.get(other, ()), mine)
        shared = (
            cell
            for other, cell in self._newest.items()
            if other.device == layout.device and not keys.isdisjoint(point.key for point in other.points)
        )
        self._sharing[layout] = tuple(shared)
        return mine


def settled(source_ns: int | None, later_ns: int, at: Instant) -> tuple[int | None, bool]:
    """(which of two moments is meant, whether that is doubtful), in the hour that a local clock shows twice.

    A message that is true now was measured now; of what is older, the earlier one is taken.
    """
    for one in (source_ns, later_ns):
        if one is not None and abs(at.wall_ns - one) <= MAX_SKEW:
            return one, False
    return source_ns, True


def _kind(old: bool, retained: bool) -> FrameKind:
    if old:
        return FrameKind.HISTORY
    return FrameKind.INITIAL if retained else FrameKind.LIVE
