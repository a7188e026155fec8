"""Conditions that take too much of the machine: found at little cost, set aside for a while, tried again. Pure.

A whole sweep is timed by the cheap clock. Only when one took longer than the budget are those who were asked in it
doubted, and measured one by one the next times they are asked; whoever is within the budget then is doubted no more.
What it costs to find an answer does not make it a wrong one: the last one before it is set aside counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from alerts.condition.columns import NEVER, Columns, Condition
from alerts.condition.logic import Blind
from alerts.lifecycle import ACTIVE, DELAY_OFF, DELAY_ON
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
SHARE = 100
"""Life safety is set aside for so many times what it took, FIRST_REST_NS at the longest, and never for longer than
before: a hundredth of a processor is spared for it, and a fire is seen some seconds late and not tomorrow."""
_APART = -2
"""An epoch that never is, nor the one before another."""


class OverBudget(Exception):  # noqa: N818 - what it took stands in the sentence
    """It is set aside. `answer`: what it answered for the last time; None when it was not asked, or did not know."""

    def __init__(self, why: str, answer: Truth = None) -> None:
        super().__init__(why)
        self.answer = answer


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
    measurement over the budget is enough, and IN_A_ROW within it end the doubt. `took_ns` is the one for which it was,
    the first since it was within: what is set aside again at once is no news.
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

    def set_aside(self, now_ns: int, took_ns: int, *, life_safety: bool) -> None:
        if life_safety:
            self.rest_ns = min(SHARE * took_ns, FIRST_REST_NS)
        else:
            self.rest_ns = min(max(2 * self.rest_ns, FIRST_REST_NS), LONGEST_REST_NS)
        self.until_ns, self.took_ns = now_ns + self.rest_ns, self.took_ns or took_ns
        self.over = self.within = 0


def resting_until(one: Live | Hush, now_ns: int) -> int | None:
    """Until when it is not asked; None: it is."""
    until = None if one.pace is None else one.pace.until_ns
    return until if until is not None and now_ns < until else None


def is_news(live: Live, last: Truth) -> bool:
    """Whether the last answer of one that is set aside changes anything, so that it is worth a row."""
    state, level = live.alarm.state, live.condition.severity
    if last is None or live.guards:
        return False
    is_worse = last and level is not None and level < live.alarm.severity
    return is_worse or state in DELAY_ON or last is not (state in ACTIVE - DELAY_OFF)


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

    def ask(
        self,
        one: Live | Hush,
        ask: Callable[[Columns, int], Truth],
        columns: Columns,
        now_ns: int,
        *,
        life_safety: bool = False,
    ) -> Truth:
        """The answer of one that is doubted; OverBudget when it is set aside, any error of its own passes through."""
        pace = one.pace
        if pace is None:
            return ask(columns, now_ns)
        if resting_until(one, now_ns) is not None:
            raise OverBudget(pace.why().en)
        # its windows begin again as behind a restart of no length; behind that it goes on with all others
        seen = columns if pace.until_ns is None else replace(columns, outage_ns=0)
        began, truth = self._cpu(), None
        try:
            truth = ask(seen, now_ns)
        finally:
            if _weigh(one, pace, self._cpu() - began, now_ns, life_safety=life_safety):
                _part(one.condition, columns, now_ns)
                raise OverBudget(pace.why().en, truth)
        return truth


def _weigh(one: Live | Hush, pace: Pace, took_ns: int, now_ns: int, *, life_safety: bool) -> bool:
    """Whether it is set aside for that."""
    if took_ns <= ALLOWED_NS:
        pace.until_ns, pace.over, pace.within, pace.took_ns = None, 0, pace.within + 1, 0
        if not pace.rest_ns or pace.within >= IN_A_ROW:
            one.pace = None
        return False
    pace.over, pace.within = pace.over + 1, 0
    if not pace.rest_ns and pace.over < IN_A_ROW:
        return False
    pace.set_aside(now_ns, took_ns, life_safety=life_safety)
    return True


def _part(condition: Condition, columns: Columns, now_ns: int) -> None:
    """What it will not see must not pass for silence, or for a value that held: from now on its inputs are lost to it,
    and its windows begin again behind that. So it is stored, too, for a start that judges the log without measuring.
    """
    if isinstance(condition, Blind):
        return  # it keeps no more than since when, and the condition that it guards is its rule's
    unseen = [NEVER] * len(columns.quality)
    lost = replace(columns, quality=unseen, alarm_active={}, alarm_hushed=set(), late_ns={}, outage_ns=0)
    # one that fails at that is told of when it is tried again
    with suppress(Exception):
        condition.judge(lost, now_ns)
        condition.judge(replace(lost, epoch=_APART), now_ns)
