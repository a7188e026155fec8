"""Conditions that take too much of the machine: found at little cost, set aside for a while, tried again. Pure.

A whole sweep is timed by the cheap clock. Only when one took longer than the budget are those who were asked in it
doubted, and measured one by one the next times they are asked; whoever is within the budget then is doubted no more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from alerts.condition.columns import Columns, Condition
from alerts.condition.logic import Blind
from gateway.model import SECOND, Text, Truth
from gateway.texts import both

if TYPE_CHECKING:
    from alerts.live import Hush, Live

ALLOWED_NS = SECOND // 20
"""CPU time of one evaluation of one condition on one source."""
IN_A_ROW = 3
"""So often over the budget, measured one after the other: a collection of garbage or a page that was swapped out falls
into one evaluation, not into the same one three times."""
FIRST_REST_NS = 600 * SECOND
LONGEST_REST_NS = 86400 * SECOND


class OverBudget(Exception):  # noqa: N818 - what it took stands in the sentence
    """It is set aside, and was not asked or its answer does not count."""


@dataclass(frozen=True, slots=True)
class Meter:
    """Two clocks of the host, in ns, which only go forward. `elapsed` is cheap and tells whether to look closer; `cpu`
    is what this thread has had of a processor, so that a starved machine is nobody's fault. A stretch of `elapsed`
    is never shorter than the same of `cpu`."""

    elapsed: Callable[[], int]
    cpu: Callable[[], int]


@dataclass(slots=True)
class Pace:
    """A condition that is doubted. `until_ns` (building time): set aside until then; None: it is asked.

    `over` and `within` count measurements in a row. `rest_ns` is how long it was set aside last, 0: never; then one
    measurement over the budget is enough, and IN_A_ROW within it end the doubt. `took_ns` is the one for which it was.
    """

    over: int = 0
    within: int = 0
    rest_ns: int = 0
    until_ns: int | None = None
    took_ns: int = 0

    def why(self) -> Text:
        """For whoever looks."""
        took, allowed = -(-self.took_ns // 10**6), ALLOWED_NS // 10**6
        return both("rule_over_budget", took=took, allowed=allowed)

    def set_aside(self, now_ns: int, took_ns: int) -> None:
        self.rest_ns = min(max(2 * self.rest_ns, FIRST_REST_NS), LONGEST_REST_NS)
        self.until_ns, self.took_ns = now_ns + self.rest_ns, took_ns
        self.over = self.within = 0


def resting_until(one: Live | Hush, now_ns: int) -> int | None:
    """Until when it is not asked; None: it is."""
    until = None if one.pace is None else one.pace.until_ns
    return until if until is not None and now_ns < until else None


def tried_at_once(pace: Pace | None, now_ns: int) -> Pace | None:
    """At a reload whoever is set aside is tried without waiting; who was only doubted begins anew."""
    return None if pace is None or pace.until_ns is None else replace(pace, until_ns=now_ns)


class Budget:
    """What evaluations may take of the machine."""

    def __init__(self, meter: Meter) -> None:
        self.elapsed = meter.elapsed
        self._cpu = meter.cpu

    def doubt(self, asked: Sequence[Live], lives: Sequence[Live]) -> None:
        """Somebody among them, or among those who follow from them, took too long."""
        whole = len(asked) == len(lives)
        places = range(len(lives)) if whole else {place for live in asked for place in (live.index, *live.closure)}
        for place in places:
            live = lives[place]
            live.calm = False
            live.pace = live.pace or Pace()
            if live.hush is not None:
                live.hush.pace = live.hush.pace or Pace()

    def ask(self, one: Live | Hush, ask: Callable[[Columns, int], Truth], columns: Columns, now_ns: int) -> Truth:
        """The answer of one that is doubted; OverBudget when there is none, any error of its own passes through."""
        pace = one.pace
        if pace is None:
            return ask(columns, now_ns)
        if resting_until(one, now_ns) is not None:
            raise OverBudget(pace.why().en)
        if pace.until_ns is not None and not isinstance(one.condition, Blind):
            columns = _behind_a_gap(one.condition, columns, now_ns)
        began = self._cpu()
        try:
            truth = ask(columns, now_ns)
        except Exception:
            self._weigh(one, pace, self._cpu() - began, now_ns)
            raise
        self._weigh(one, pace, self._cpu() - began, now_ns)
        return truth

    @staticmethod
    def _weigh(one: Live | Hush, pace: Pace, took_ns: int, now_ns: int) -> None:
        if took_ns <= ALLOWED_NS:
            pace.until_ns, pace.over, pace.within = None, 0, pace.within + 1
            if not pace.rest_ns or pace.within >= IN_A_ROW:
                one.pace = None
            return
        pace.over, pace.within = pace.over + 1, 0
        if pace.rest_ns or pace.over >= IN_A_ROW:
            pace.set_aside(now_ns, took_ns)
            raise OverBudget(pace.why().en)


def _behind_a_gap(condition: Condition, columns: Columns, now_ns: int) -> Columns:
    """What it did not see must not pass for silence, or for a value that held: as behind a restart of no length its
    windows begin again. Answers the columns by which to ask it now; behind that it goes on with all others."""
    condition.judge(replace(columns, epoch=columns.epoch + 1, outage_ns=0), now_ns)
    return replace(columns, outage_ns=0)
