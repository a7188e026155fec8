"""Judging: who is asked, in which order, and what follows from the answers. Building time moves only by arguments."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

from alerts import mute
from alerts.alarm import Alarm, Cue, Effect, advance
from alerts.budget import ALLOWED_NS, Budget, OverBudget, is_news, resting_until
from alerts.changed import changed
from alerts.condition.columns import Columns, Reading
from alerts.condition.logic import earliest
from alerts.in_force import in_force
from alerts.lifecycle import ACTIVE, DELAY_OFF, Trigger
from alerts.live import Hush, Live
from alerts.peak import farther
from alerts.recorder import Recorder
from alerts.timers import Timers
from gateway.model import SECOND, AlarmState, Instant, Severity, Truth

_CUES = {True: Trigger.TRUE, False: Trigger.FALSE, None: Trigger.UNKNOWN}
_QUIET = frozenset({AlarmState.NORMAL, AlarmState.PENDING})
_AGAIN_NS = 60 * SECOND
"""A rule that failed is asked again after so long, whatever deadline it had."""
_LONGEST_FAULT = 200


class Evaluator:
    """Asks conditions, carries the answers through the life cycle, and wakes whoever depends on the outcome.

    A deadline is judged as of its own moment, not of the moment somebody came to look: a replay that ticks at other
    times ends in the same states.
    """

    def __init__(self, lives: Sequence[Live], columns: Columns, recorder: Recorder) -> None:
        self.lives = lives
        self.columns = columns
        self.timers = Timers(len(lives))
        self.position = 0
        self.judged_ns = 0  # everything due by then has been fired
        self._recorder = recorder
        self._woken: list[int] = []  # heap of places
        self._timed_mutes: set[int] = set()
        self._faulty: set[int] = set()
        self._offset: int | None = None
        self._starting = False
        self.budget: Budget | None = None
        self.on_freed: Callable[[Live, Instant], None] | None = None  # an alarm may be muted again as its rule says
        self._on_label = [live for live in lives if live.on_label]
        for live in lives:
            self._show_others(live)

    # --- asking

    def sweep(self, direct: Sequence[Live], at: Instant, seen_ns: int | None = None) -> None:
        """Ask these (in order of evaluation) and, each after its inputs, everybody whom the answers wake."""
        budget = self.budget
        if budget is None or not direct:
            self._sweep(direct, at, seen_ns)
            return
        began = budget.elapsed()
        self._sweep(direct, at, seen_ns)
        if budget.elapsed() - began > ALLOWED_NS:
            budget.doubt(direct, self.lives)

    def _sweep(self, direct: Sequence[Live], at: Instant, seen_ns: int | None = None) -> None:
        woken, columns, mono = self._woken, self.columns, at.mono_ns
        for live in direct:
            while woken and woken[0] <= live.index:
                place = heapq.heappop(woken)
                if place != live.index:
                    self._ask(self.lives[place], at, seen_ns)
            if live.calm:
                # nearly every sample: FALSE as before, nothing runs. Whatever else it is, it is asked again in full
                try:
                    if live.condition.judge(columns, mono) is False and live.condition.next_due() is None:
                        continue
                except Exception:  # noqa: BLE001, S110 - told of below
                    pass
            self._ask(live, at, seen_ns)
        while woken:
            place = heapq.heappop(woken)
            while woken and woken[0] == place:
                heapq.heappop(woken)
            self._ask(self.lives[place], at, seen_ns)

    def start(self, at: Instant) -> None:
        """Ask everybody after a restart, when no input is known: it may set delays going, and changes nothing else."""
        self._starting = True
        for place in tuple(self._timed_mutes):
            self._arm(self.lives[place], at)
        self.sweep(self.lives, at)
        self._starting = False

    def _ask(self, live: Live, at: Instant, seen_ns: int | None, *, tick: bool = False) -> None:
        if self._has_seen(live, at):
            return
        hush = live.hush
        if hush is not None:
            if not live.guards:
                self._judge_hush(live, hush, at, tick)
            if hush.on:
                self.suppress(live, at)  # before a raise in the same frame
        truth, due = self._judge(live, at, seen_ns, tick)
        if self._starting and truth and live.guards and live.alarm.state in DELAY_OFF:
            truth = None  # that nothing has been heard yet does not take back that it had been heard again
        live.condition_due_ns = due
        if due is not None:
            if due <= at.mono_ns:
                # a condition that is never satisfied must not stop the clock for everybody else
                live.condition_due_ns = due = at.mono_ns + SECOND // 1000
            self.timers.arm(live.index, due)
        if truth is True or truth is not live.alarm.condition:
            self._settle(live, truth, at, seen_ns)
        if live.asked or (hush is not None and not hush.on):
            self.suppress(live, at)  # after a return in the same frame
        quiet = truth is False and due is None and live.seen is None and hush is None
        live.calm = quiet and live.fault is None and live.pace is None

    def _judge(self, live: Live, at: Instant, seen_ns: int | None, tick: bool) -> tuple[Truth, int | None]:
        """Its answer, and when it may be another without a sample. What cannot be judged protects nobody."""
        if live.guarded is not None and resting_until(live.guarded, at.mono_ns) is not None:
            return True, None  # it is woken when the guarded one is tried again
        truth, due, fault = self._answer(live, at, tick)
        if fault is not None and is_news(live, truth):
            self._settle(live, truth, at, seen_ns)
        if fault != live.fault:
            if live.companion is not None and (fault is None or live.fault is None):
                heapq.heappush(self._woken, live.companion)
            live.fault = fault
            self._tell_fault(live, fault, at)
        return (True if live.guards else None) if fault is not None else truth, due

    def _answer(self, one: Live | Hush, at: Instant, tick: bool) -> tuple[Truth, int | None, str | None]:
        """The answer, when it may be another, and why there is no more: one bad rule must not blind the building."""
        ask = one.condition.tick if tick else one.condition.judge
        try:
            if one.pace is None or self.budget is None:
                truth = ask(self.columns, at.mono_ns)
            else:
                urgent = isinstance(one, Live) and one.terms.life_safety
                truth = self.budget.ask(one, ask, self.columns, at.mono_ns, life_safety=urgent)
            return truth, one.condition.next_due(), None
        except OverBudget as over:
            return over.answer, resting_until(one, at.mono_ns), str(over)
        except Exception as error:  # noqa: BLE001 - UNKNOWN, and told of
            return None, at.mono_ns + _AGAIN_NS, f"{type(error).__name__}: {error}"[:_LONGEST_FAULT]

    def _judge_hush(self, live: Live, hush: Hush, at: Instant, tick: bool) -> None:
        truth, due, fault = self._answer(hush, at, tick)
        if fault is not None:  # that it is over counts; it does not begin with what cannot say when it ends
            truth, fault = truth and None, f"suppress_when: {fault}"
        if fault != hush.fault:
            hush.fault = fault
            self._tell_fault(live, fault, at)
        truth, lapses = self._lapsed(live, hush, truth, at.mono_ns)
        hush.due_ns = due = earliest((due, lapses))
        if due is not None:
            hush.due_ns = due = max(due, at.mono_ns + SECOND // 1000)
            self.timers.arm(live.index, due)
        if truth is not None and truth is not hush.on:
            hush.on = truth
            if live.companion is not None:
                heapq.heappush(self._woken, live.companion)

    def _lapsed(self, live: Live, hush: Hush, truth: Truth, now_ns: int) -> tuple[Truth, int | None]:
        """The answer, FALSE where UNKNOWN has kept a life-safety alarm silent for too long; else when that will be."""
        if truth is not None or not hush.on or not live.terms.life_safety:
            hush.unknown_ns = None
            return truth, None
        if hush.unknown_ns is None:
            hush.unknown_ns = now_ns
        lapses = hush.unknown_ns + live.instance.unknown_for_ns
        if self._starting and lapses <= now_ns:  # a start tells nobody anything, nor does what is heard in its moment
            lapses = now_ns + SECOND // 1000
            hush.unknown_ns = lapses - live.instance.unknown_for_ns
        return (False, None) if now_ns >= lapses else (None, lapses)

    def _tell_fault(self, live: Live, fault: str | None, at: Instant) -> None:
        if fault is not None:
            rule, source = live.key
            self._recorder.event("rule_error", at, None, {"rule": rule, "source": source, "error": fault})
        self._note_fault(live)

    def _note_fault(self, live: Live) -> None:
        hush = None if live.hush is None or live.guards else live.hush.fault
        is_well = live.fault is None and hush is None
        (self._faulty.discard if is_well else self._faulty.add)(live.index)

    @property
    def faulty(self) -> list[Live]:
        """Those that could not be judged when they were asked last, in order of evaluation."""
        return [self.lives[place] for place in sorted(self._faulty)]

    def _has_seen(self, live: Live, at: Instant) -> bool:
        """While the log is judged: this moment is in its state already."""
        return live.seen is not None and (self.position, at.mono_ns) <= live.seen

    def _settle(self, live: Live, truth: Truth, at: Instant, seen_ns: int | None) -> None:
        before = live.alarm
        alarm = self._observe(live) if truth else before
        if truth is False and before.state in ACTIVE and before.condition is not False:
            alarm = changed(before, value=self._reading(live).value)  # what it came down to
        alarm, effects = advance(alarm, Cue(_CUES[truth], seen_ns=seen_ns), at, live.terms)
        self.commit(live, alarm, effects, at)
        level = live.condition.severity
        if truth and level is not None and alarm.life is not None and level < alarm.severity:
            self.apply(live, Cue(Trigger.WORSE, severity=level), at)

    def _observe(self, live: Live) -> Alarm:
        """Value, peak and level of a TRUE sample. While active, a higher level is news and goes through the table."""
        alarm = live.alarm
        value, limit, unit = self._reading(live)
        severity = alarm.severity
        if alarm.state not in ACTIVE:
            level = live.condition.severity or live.instance.rule.severity
            severity = level if alarm.life is None else Severity(min(level, severity))
        # a new life begins with a new peak
        peak = value if alarm.state is AlarmState.NORMAL else farther(alarm.peak, value, limit)
        seen = (value, peak, limit, unit, severity)
        if seen == (alarm.value, alarm.peak, alarm.limit, alarm.unit, alarm.severity):
            return alarm
        return changed(alarm, value=value, peak=peak, limit=limit, unit=unit, severity=severity)

    def _reading(self, live: Live) -> Reading:
        try:
            return live.condition.reading(self.columns)
        except Exception:  # noqa: BLE001 - what cannot be shown must be heard all the same
            return Reading()

    # --- what follows

    def apply(self, live: Live, cue: Cue, at: Instant) -> None:
        """Any other trigger. CommandRefused passes through, and nothing has changed then."""
        self.commit(live, *advance(live.alarm, cue, at, live.terms), at)

    def commit(self, live: Live, alarm: Alarm, effects: Sequence[Effect], at: Instant) -> None:
        """The alarm's new value; whoever depends on what has changed is woken, muted or lifted."""
        before = live.alarm
        if alarm is before:
            return
        spoke = live.suppresses
        live.alarm = alarm
        if before.life is not None and alarm.life is None and live.remembers:
            over = before.life.returned_ns
            live.past = changed(live.past, known=(before.life.active_ns, at.wall_ns if over is None else over))
        if effects or self._worth_storing(live, before):
            self._recorder.effects(live, self._marked(live, effects), at)
            self._recorder.touch(live)
        self._arm(live, at)
        if self._show_others(live):
            for place in live.readers:
                heapq.heappush(self._woken, place)
        if before.state in DELAY_OFF and alarm.state not in DELAY_OFF and alarm.mutes:
            self.suppress(live, at)
        if live.suppresses is not spoke:
            for place in live.targets:
                self.suppress(self.lives[place], at)
        if alarm.life is None and live.terms is not live.own:
            live.terms = live.own  # closed, it is its rule's again: what may mute it by now does
            self.suppress(live, at)
            if self.on_freed is not None:
                self.on_freed(live, at)

    def _show_others(self, live: Live) -> bool:
        """Show conditions on other alarms what this one is now; whether it is something else than before."""
        columns, key, alarm = self.columns, live.key, live.alarm
        before, hushed = columns.alarm_active.get(key), key in columns.alarm_hushed
        active = columns.alarm_active[key] = alarm.active
        is_hushed = bool(active and alarm.mutes) and any(held.reason == mute.OWN_STATE for held in alarm.mutes)
        if is_hushed is not hushed:
            (columns.alarm_hushed.add if is_hushed else columns.alarm_hushed.discard)(key)
        return active is not before or is_hushed is not hushed

    def _marked(self, live: Live, effects: Sequence[Effect]) -> Sequence[Effect]:
        """The raise of a part says whether it is the first of its rule among those still open on the device."""
        if not live.instance.part or live.guards or not any(effect.kind == "raise" for effect in effects):
            return effects
        first = all(place == live.index or self.lives[place].alarm.life is None for place in live.group)
        return [
            changed(effect, body={**effect.body, "first_out": first}) if effect.kind == "raise" else effect
            for effect in effects
        ]

    @staticmethod
    def _worth_storing(live: Live, before: Alarm) -> bool:
        """A change of state or mutes is; but a companion's on-delay is found again from the log behind the checkpoint.

        Otherwise every start and every lost poll would write a row for each rule of a device.
        """
        after = live.alarm
        if live.guards and before.state in _QUIET and after.state in _QUIET:
            return before.mutes != after.mutes
        return before.state is not after.state or before.mutes != after.mutes

    def suppress(self, live: Live, at: Instant) -> None:
        """Muted by design for exactly those who speak for it now, and while it is returning also for who just did.

        What ends with its suppressor, only some seconds later, must not ring in between: a thousand companions of a
        panel that is back, the lower stage of water that is gone. Should it not end, it is lifted and rings.
        """
        if self._has_seen(live, at):
            return
        deaf = live.asked if live.itself(at.mono_ns) else ()
        causes = {c for place, c in live.suppressors if self.lives[place].suppresses and place not in deaf}
        if live.hush is not None and live.hush.on:
            causes.add(mute.OWN_STATE)
        if live.unanswered or live.alarm.state in DELAY_OFF:
            held = {each.reason for each in live.alarm.mutes if each.kind == mute.SUPPRESSED}
            if live.unanswered and causes <= held:
                return
            causes |= held
        self.commit(live, *mute.suppress(live.alarm, causes, at, live.terms), at)

    # --- time

    def fire(self, until: Instant) -> None:
        """Everything that is due by `until`, in order."""
        self.follow_label(until)
        self.judged_ns = max(self.judged_ns, until.mono_ns)
        while rung := self.timers.ring(until.mono_ns):
            asked, index = rung
            live = self.lives[index]
            due = live.due()
            if due is None or due > asked:
                self.timers.arm(index, due)
                continue
            at = Instant(asked, asked + until.wall_ns - until.mono_ns)
            began = 0 if self.budget is None else self.budget.elapsed()
            self._fire(live, at)
            self._sweep((), at)
            if self.budget is not None and self.budget.elapsed() - began > ALLOWED_NS:
                self.budget.doubt((live,), self.lives)
            self.timers.arm(index, live.due())

    def _fire(self, live: Live, at: Instant) -> None:
        mono = at.mono_ns
        while live.mute_due_ns is not None and live.mute_due_ns <= mono:
            self.commit(live, *mute.expire(live.alarm, at, live.terms), at)
        if live.alarm.due_ns is not None and live.alarm.due_ns <= mono:
            # at the very moment of its end a delay has been sat out: before the condition may change its mind
            self.apply(live, Cue(Trigger.EXPIRED), at)
        if live.alarm.realarm_ns is not None and live.alarm.realarm_ns <= mono:
            self.apply(live, Cue(Trigger.REALARM), at)
        hush = None if live.guards else live.hush
        hush_is_due = hush is not None and hush.due_ns is not None and hush.due_ns <= mono
        if hush_is_due or (live.condition_due_ns is not None and live.condition_due_ns <= mono):
            live.condition_due_ns = None
            self._ask(live, at, None, tick=True)

    def follow_label(self, now: Instant) -> bool:
        """Shelves and permits end by the label and schedules follow it; when it has stepped, they are looked at again
        at once. Whether it has."""
        offset = now.wall_ns - now.mono_ns
        if offset == self._offset:
            return False
        self._offset = self.columns.label_ns = offset
        for place in tuple(self._timed_mutes):
            if not self._has_seen(self.lives[place], now):  # else the label was another one when it was stored
                self._arm(self.lives[place], now)
        if self._on_label:
            self.sweep(self._on_label, now)
        return True

    def _arm(self, live: Live, at: Instant) -> None:
        live.mute_due_ns = mute.due(live.alarm, at)
        self._watch_mutes(live)
        self.timers.arm(live.index, live.alarm.due_ns)
        self.timers.arm(live.index, live.alarm.realarm_ns)

    def _watch_mutes(self, live: Live) -> None:
        if live.mute_due_ns is None:
            self._timed_mutes.discard(live.index)
        else:
            self._timed_mutes.add(live.index)
            self.timers.arm(live.index, live.mute_due_ns)

    def take_up(self, live: Live) -> None:
        """A stored alarm goes on: nothing has happened, only the deadlines and what others see of it are set."""
        live.terms = in_force(live.own, live.alarm.life)
        self._show_others(live)
        ends = [end for end in (live.alarm.shelved_until_ns, live.alarm.out_until_ns) if end is not None]
        live.mute_due_ns = min(ends, default=None)
        self._watch_mutes(live)
        self._note_fault(live)
        self.timers.arm(live.index, live.due())

    def go_on_from(self, former: Evaluator) -> None:
        """Stand where another one stood; what is due by then has been fired, and its label has been followed."""
        self.position, self.judged_ns, self._offset = former.position, former.judged_ns, former._offset

    def credit(self, live: Live, downtime_ns: int) -> None:
        """Downtime that a running on-delay may count, if the next sample is TRUE."""
        live.alarm = changed(live.alarm, credit_ns=live.alarm.credit_ns + downtime_ns)
