"""What becomes a notice, for whom, and when: between the engine's transitions and the outbox (docs/alarms.md, Notices).

A resident of the engine: it hears every row in its order, decides about every notice that comes with one, and its
memory is committed in the same transaction as what it says. Every notice of the engine (raise, reraise, severity_up,
recover) is said by itself, in a digest, or together with its end; or a newer one of the same alarm goes instead; or
it waits, and a restart finds it waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.annunciate.case import ON, Case, Waiting, Where
from alerts.annunciate.gates import DIGEST, FLOOD_OVER, SETTLE, Gates
from alerts.annunciate.ladders import Ladders
from alerts.annunciate.memory import CHATTER, Memory
from alerts.annunciate.plan import Plan, urgent
from alerts.annunciate.restless import Restless
from alerts.annunciate.teller import RAISED_AND_RECOVERED, UNANSWERED, Teller
from alerts.annunciate.view import view
from alerts.condition.columns import Columns
from alerts.live import Key, Live
from alerts.recorder import Recorder
from gateway.model import Event, Instant, Judgement, Notice, Occurrence

_OWN = frozenset({"digest", "escalate", "flood_begin", "flood_end", "chatter_begin", "chatter_end"})


class Annunciator:
    """One for the site's one control room. `now` is the moment up to which it has done what is due."""

    name = "annunciator"

    def __init__(self, plan: Plan, recorder: Recorder, lives: Mapping[Key, Live], columns: Columns) -> None:
        self.memory = Memory()
        self.now = Instant(0, 0)
        self.plan = plan
        self._recorder = recorder
        self.teller = Teller(plan, recorder, lives, self.memory)
        self.gates = Gates(plan, self.memory, self.teller, recorder, columns)
        self.ladders = Ladders(plan, self.memory, self.teller, self.gates)
        self._restless = Restless(plan.options.chatter, self.memory, recorder, lives)
        self._heard = 0  # rows of the judgement in the making

    # --- resident

    def next_due(self) -> int | None:
        return self.memory.agenda.first()

    def fire(self, at: Instant) -> None:
        self._hear()
        self._advance(at)

    def pass_on(self, judgement: Judgement, at: Instant) -> None:
        self._hear()
        self._advance(at)
        judgement.notices[:] = self.teller.out
        self.teller.out.clear()
        self._heard = 0

    def changed(self) -> bool:
        return self.memory.changed

    def pieces(self) -> Mapping[str, Any]:
        """What has changed, by piece; None: it is gone."""
        return self.memory.pieces()

    def snapshot(self) -> Any:
        return self.memory.whole()

    def restore(self, state: Any) -> None:
        """A snapshot, or pieces of it."""
        self.memory.put_back(state)
        self.gates.rearm()

    def restarted(self, now: Instant, outage_ns: int) -> None:
        """Waits and ladders go on with what was left of them, as delays do."""

    def view(self) -> dict[str, Any]:
        """How it stands, JSON-able."""
        return view(self.memory, self.now, self.ladders.of)

    # --- hearing

    def _hear(self) -> None:
        pending = self._recorder.pending
        if self._heard == len(pending.events):
            return
        notices = {notice.seq: notice for notice in pending.notices}
        while self._heard < len(pending.events):
            event = pending.events[self._heard]
            self._heard += 1
            if event.kind in _OWN or event.rule is None or event.source is None or event.occurrence is None:
                continue
            self._advance(event.at)
            self._restless.hear((event.rule, event.source), event)
            if (notice := notices.get(event.seq)) is not None:
                self._came(notice, event)
            case, shown = self.memory.cases.get(event.occurrence), pending.occurrences.get(event.occurrence)
            if case is not None and shown is not None:
                self._follow(case, shown, event)

    def _came(self, notice: Notice, event: Event) -> None:
        """A notice of the engine."""
        self._count("came", 1)
        shown, at = notice.occurrence, event.at
        case = self.memory.cases.get(shown.occurrence)
        known = case is not None
        case = case or Case(shown.occurrence, shown.rule, shown.source, at.mono_ns)
        item = Waiting(notice.reason, notice.seq, shown, Where.GROUP)
        if notice.reason in ON:
            why = event.body.get("why")
            if why == "active again":
                case.since_ns = at.mono_ns
            self.ladders.begin(case, why, at)
            case.repeat_ns = None
            self._on(case, item, at)
            return
        if not known:  # told before anybody kept a record of whom
            case.to, case.on, case.known = self.plan.channels, True, True
        self._over(case, item, at)

    def _on(self, case: Case, item: Waiting, at: Instant) -> None:
        """It is on, or worse."""
        before, case.waiting = case.waiting, None
        if before is not None:
            self._drop(before)
            if before.reason in ("raise", RAISED_AND_RECOVERED) and not case.known:
                item.reason = "raise"
        if before is None or urgent(item.record) or before.where is Where.MUTED or not before.stands_for:
            self.gates.offer(case, item, at)
            return
        due, item.body = before.due_ns, before.body
        if before.where is Where.GROUP and due is not None:
            due = min(due, at.mono_ns + self.plan.wait_ns(item.record.severity))
        self.gates.wait(case, item, before.where, due)

    def _over(self, case: Case, item: Waiting, at: Instant) -> None:
        """It is over: told to whoever was told that it is on; together with its raise where nobody was."""
        before, case.waiting = case.waiting, None
        case.escalation = case.unresolved = case.repeat_ns = None
        case.called = ()
        if case.on:
            if before is not None:
                self._drop(before)
            self.gates.offer(case, item, at)
        elif before is None or before.where in (Where.CHATTER, Where.MUTED) or item.record.mutes:
            limited = before is not None and before.where is Where.CHATTER
            self._count("limited" if limited else "hushed", 1 + (0 if before is None else before.stands_for))
            self.teller.keep_or_drop(case, item.record)
        else:
            item.reason, item.stands_for, item.body = RAISED_AND_RECOVERED, before.stands_for + 1, before.body
            self.gates.wait(case, item, before.where, before.due_ns)

    def _follow(self, case: Case, shown: Occurrence, event: Event) -> None:
        """What any row of it means: acknowledged, muted or heard again, returned but latched, over."""
        at, waiting = event.at, case.waiting
        if waiting is not None:
            waiting.record = shown
            if waiting.reason == "repeat" and (shown.mutes or shown.state not in UNANSWERED):
                case.waiting = waiting = None
        if shown.state not in UNANSWERED:
            case.repeat_ns = None
        if event.kind == "ack":
            case.called = ()  # who was to be called because nobody had answered
        self.ladders.follow(case, shown, at)
        if waiting is not None and waiting.where is Where.MUTED and not shown.mutes:
            case.waiting = None
            self.gates.offer(case, waiting, at, past=Where.SETTLE)
        elif event.kind == "return" and shown.latched and shown.closed_ns is None and case.on and waiting is None:
            self.gates.offer(case, Waiting("returned", event.seq, shown, Where.FLOOD, stands_for=0), at)
        elif event.kind == "close":
            self.teller.keep_or_drop(case, shown)
        else:  # the record is of the end of the judgement: it may be closed by a row that has not been heard
            self.memory.keep(case)

    # --- time

    def _advance(self, at: Instant) -> None:
        """Everything that is due by `at`, each at its own moment."""
        agenda = self.memory.agenda
        while (due := agenda.first()) is not None and due <= at.mono_ns:
            key = agenda.pop()
            moment = Instant(due, due + at.wall_ns - at.mono_ns)
            if key == DIGEST:
                self.gates.tell_flood(moment)
            elif key == FLOOD_OVER:
                self.gates.end_flood(moment)
            elif key == SETTLE:
                self.gates.look_whether_settled(moment)
            elif key[0] == CHATTER:
                self._restless.quiet((key[1], key[2]), moment)
            elif (case := self.memory.cases.get(key[1])) is not None:
                self._ring(case, moment)
        self.now = max(self.now, at)

    def _ring(self, case: Case, at: Instant) -> None:
        waiting = case.waiting
        if waiting is not None and waiting.due_ns is not None and waiting.due_ns <= at.mono_ns:
            self.gates.release(case, waiting, at)
        self.ladders.ring(case, at)
        if case.repeat_ns is not None and case.repeat_ns <= at.mono_ns:
            self._repeat(case, at)
        if case.occurrence in self.memory.cases:
            self.memory.keep(case)

    def _repeat(self, case: Case, at: Instant) -> None:
        """Said once more, unless somebody has muted it, or it chatters, or something newer of it waits."""
        shown = self.teller.shown(case)
        intervals = () if shown is None else self.plan.repeat(shown.severity)
        case.repeat_ns = None
        if shown is None or shown.state not in UNANSWERED or not intervals:
            return
        case.repeat_ns = at.mono_ns + intervals[min(case.repeats + 1, len(intervals) - 1)]
        one = self.memory.chatters.get(case.key)
        if shown.mutes or case.waiting is not None or (one is not None and one.on and not urgent(shown)):
            return
        case.repeats += 1
        item = Waiting("repeat", case.seq, shown, Where.GROUP, stands_for=0)
        self.gates.offer(case, item, at, past=Where.CHATTER)

    # --- counting

    def _drop(self, item: Waiting) -> None:
        """A newer one of the same alarm goes instead."""
        self._count("limited" if item.where is Where.CHATTER else "merged", item.stands_for)

    def _count(self, fate: str, number: int) -> None:
        counts = self.memory.room.counts
        setattr(counts, fate, getattr(counts, fate) + number)
        self.memory.keep_room()
