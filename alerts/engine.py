"""AlarmEngine: frames, ticks and commands in, transitions out (gateway.model.Engine). Pure of I/O; time is an argument.

What goes into the journal: `raise`, `reraise` (why), `severity_up`, `severity_down` and `reclassify` (its rule calls it
milder by now, is of another class), `returning` and `return_cancelled` (off-delay begun
and broken off), `return`, `ack`, `reset`, `close` (reason), `hold` and `unhold` (condition UNKNOWN, known again),
`shelve`, `unshelve`, `suppress`, `unsuppress`, `out_of_service`, `in_service`, `silence`, `unsilence`, `maintenance`,
`maintenance_over` (also each silence and window itself, without an alarm), `rule_error`, `missed_while_down` (a
life-safety pulse that only history shows), and every `note`. The `raise` of a part says whether it is the `first_out`.
On-delays are not journalled; they live in the InstanceSnapshots. Value and peak of a standing alarm move without a row
and reach the journal with the next one; `occurrence` shows them as they are now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from alerts import desk, resident, restart, snapshot, succession
from alerts.alarm import record
from alerts.annunciate.annunciator import Annunciator
from alerts.bound import Bound
from alerts.budget import Budget, Meter
from alerts.condition.columns import BAD, Columns
from alerts.covers import Covers
from alerts.evaluator import Evaluator
from alerts.heard import Heard
from alerts.live import NOT_IN_REPLAY, Live, Watch, wire
from alerts.past import Remembrance
from alerts.recorder import Recorder
from alerts.resident import Resident
from alerts.route import HealthWord, Route
from alerts.ulid import ulid
from alerts.view import RuleView, faults, view
from gateway.model import (
    HEALTH_POINT,
    AlarmState,
    Checkpoint,
    Command,
    Frame,
    FrameKind,
    InstanceSnapshot,
    Instant,
    Judgement,
    Layout,
    Occurrence,
    Quality,
    Silence,
    SilenceWish,
    Text,
)


class AlarmEngine:
    """One per site.

    Start: `restore` (if anything is stored), `judge` for every logged frame behind it, then `restarted`. An engine that
    is not restored starts with its first call. `position` is the log position judged last.
    """

    def __init__(
        self,
        bound: Bound,
        next_seq: int = 1,
        ids: Callable[[Instant], str] = ulid,
        watch: Watch | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._recorder = Recorder(next_seq)
        self._lives = wire(bound.instances, ids, watch)
        self._by_key = {live.key: live for live in self._lives}
        self._by_slot: dict[int, list[Live]] = {}
        for live in self._lives:
            for slot in live.slots:
                self._by_slot.setdefault(slot, []).append(live)
        self._of_device: dict[str, dict[str, int]] = {}
        for slot, (device, key) in enumerate(bound.columns.keys):
            self._of_device.setdefault(device, {})[key] = slot
        self._evaluator = Evaluator(self._lives, bound.columns, self._recorder)
        self._evaluator.budget = self._budget = None if meter is None else Budget(meter)
        self._columns = bound.columns
        self._remembrance = Remembrance(bound.columns, self._recorder)
        self._heard = Heard()
        self._covers = Covers(bound, self._evaluator, self._recorder, ids)
        self._residents: tuple[Resident, ...] = (self._covers,)
        self._annunciator: Annunciator | None = None
        if bound.annunciation is not None:
            self._annunciator = Annunciator(bound.annunciation, self._recorder, self._by_key, bound.columns)
            self._residents += (self._annunciator,)  # after whoever mutes
        self._now = Instant(0, 0)
        self._bound = bound
        self._routes: dict[Layout, Route] = {}
        self._orphans: list[restart.Orphan] = []
        self._ahead: list[Live] = []
        self._floor = -1
        self._highest = 0
        self._started = False
        self._replaying = False

    @property
    def position(self) -> int:
        return self._highest

    # --- the way of every frame

    def judge(self, frame: Frame, position: int) -> Judgement:
        """Everything due by the frame's time, then the frame: its samples together, each dependent rule once."""
        if position <= self._floor:
            return Judgement()
        at = frame.at
        if self._ahead:
            self._catch_up(position)
        self._begin(at, position)
        self._fire(at)
        if frame.kind is not FrameKind.HISTORY:
            self._heard.note(frame)
            route = self._routes.get(frame.layout) or self._route(frame.layout)
            if route.columns or route.health:
                route.put(frame, self._columns)
                readers = route.readers if route.health is None else self._heed(frame, route, route.health)
                self._evaluator.sweep(readers, at, frame.source_ns)
                self._fire(at)
        else:
            route = self._routes.get(frame.layout) or self._route(frame.layout)
            self._remembrance.judge(frame, route.columns, route.readers, self._evaluator.position)
            if self._hear_late(frame, route):
                self._evaluator.sweep(route.readers, at)
                self._fire(at)
        return self._take()

    def tick(self, now: Instant, position: int) -> Judgement:
        """Time has passed and no sample came."""
        self._begin(now, position)
        self._fire(now)
        return self._take()

    def next_due(self) -> int | None:
        """When to tick next (mono). It may turn out that nothing is due by then."""
        dues = (self._evaluator.timers.next(), resident.earliest(self._residents))
        return min((due for due in dues if due is not None), default=None)

    # --- people

    def command(self, command: Command, now: Instant, position: int) -> Judgement:
        """Carry it out, or raise CommandRefused and change nothing.

        The judgement always holds the occurrence as it is then; for an acknowledgement twice it holds nothing else. Of
        an alarm that is not open it holds none.
        """
        live = desk.find(self._lives, command)
        self._begin(now, position)
        desk.carry_out(self._evaluator, live, command, now)
        self._evaluator.sweep((), now)
        judgement = self._take()
        named = command.occurrence or (live.alarm.life.occurrence if live.alarm.life else "")
        if named and named not in judgement.occurrences and (shown := self.occurrence(named)):
            judgement.occurrences[named] = shown
        return judgement

    def silence(self, wish: SilenceWish, now: Instant, position: int) -> tuple[Silence, Judgement]:
        """Nobody is told of these alarms for a while (alerts.covers); CommandRefused changes nothing."""
        self._begin(now, position)
        silence = self._covers.silence(wish, now)
        self._evaluator.sweep((), now)
        return silence, self._take()

    def unsilence(self, silence: str, by: str, now: Instant, position: int) -> tuple[Silence, Judgement]:
        """They speak again, before its time."""
        self._begin(now, position)
        ended = self._covers.unsilence(silence, by, now)
        self._evaluator.sweep((), now)
        return ended, self._take()

    def silences(self) -> list[Silence]:
        """Those that last, oldest first."""
        return self._covers.silences()

    def note(self, kind: str, now: Instant, by: str | None = None, body: Mapping[str, Any] | None = None) -> Judgement:
        """A row of the journal that is not about an alarm."""
        self._now = now
        self._recorder.event(kind, now, by, body or {})
        return self._take()

    # --- stopping and starting

    def checkpoint(self, now: Instant, position: int) -> Checkpoint:
        """Everything, judged up to `position`."""
        epoch, moment = self._columns.epoch, (position, self._evaluator.judged_ns)
        return Checkpoint(
            position=position,
            at=now,
            next_seq=self._recorder.next_seq,
            columns=snapshot.columns_out(self._columns),
            instances=(
                *(snapshot.take(live, moment, epoch) for live in self._lives),
                *(resident.take(one, moment) for one in self._residents),
            ),
        )

    def restore(
        self,
        checkpoint: Checkpoint | None,
        instances: Sequence[InstanceSnapshot],
        open_occurrences: Sequence[Occurrence],
    ) -> None:
        """Take over what was stored. Then judge the log behind it, then call `restarted`."""
        self._replaying, self._evaluator.budget = True, None  # the same log must end in the same states
        instances, own = resident.split(instances)
        if checkpoint is not None:
            alarms, stored = resident.split(checkpoint.instances)
            checkpoint, own = replace(checkpoint, instances=tuple(alarms)), [*stored, *own]
        resident.put_back(self._residents, own)
        if checkpoint is not None:
            self._floor = checkpoint.position
            self._recorder.next_seq = max(self._recorder.next_seq, checkpoint.next_seq)
        self._orphans = restart.take_over(self._evaluator, checkpoint, instances, open_occurrences, self._bound)
        seen = [live.seen for live in self._lives if live.seen and live.seen != NOT_IN_REPLAY]
        self._highest, self._evaluator.judged_ns = max([(max(self._floor, 0), 0), *seen])
        ahead = [live for live in self._lives if live.inputs and live.seen is not None]
        self._ahead = sorted(ahead, key=lambda live: live.seen or NOT_IN_REPLAY, reverse=True)

    def restarted(self, now: Instant, outage_ns: int) -> Judgement:
        """The log is judged: from here on it is live. Inputs are UNKNOWN until their first sample."""
        self._replaying = False
        self._ahead = []
        self._heard.forget_all()
        self._started = True
        self._now = now
        self._evaluator.position = self._highest
        self._evaluator.follow_label(now)
        restart.close_orphans(self._recorder, self._orphans, (self._highest, self._evaluator.judged_ns), now)
        self._orphans = []
        self._covers.begin(now)
        restart.resume(self._evaluator, self._recorder, now, outage_ns)
        for one in self._residents:
            one.restarted(now, outage_ns)
        if self._annunciator is not None:
            self._annunciator.gates.settle(now)
        self._evaluator.budget = self._budget
        return self._take()

    def succeed(
        self, former: AlarmEngine, now: Instant, position: int, by: str | None, body: Mapping[str, Any]
    ) -> Judgement:
        """Go on for an engine with other rules, which has been asked up to `now` and is not asked again.

        What is known stays known, nothing is said twice; `body` is of the journal's row `reload`. Then judge on.
        """
        self._started, self._now, self._floor = True, now, former._floor
        self._highest = max(position, former._highest)
        self._recorder.next_seq = former._recorder.next_seq
        self._recorder.event("reload", now, by, body)
        self._heard = former._heard
        for frame in self._heard.frames():
            route = self._routes.get(frame.layout) or self._route(frame.layout)
            route.put(frame, self._columns)
            if route.health is not None and route.health.is_gone(frame):
                self._lose(frame, route.health)
        succession.take_over_columns(self._columns, former._columns)
        succession.take_over_residents(self._residents, former._residents)
        self._covers.begin(now)
        succession.take_over(self._evaluator, former._evaluator, self._recorder, self._bound, now)
        for one in self._residents:
            one.restarted(now, 0)
        return self._take()

    # --- looking

    def state(self, rule: str, source: str) -> AlarmState:
        """The state of one alarm; KeyError when there is none."""
        return self._by_key[rule, source].alarm.state

    def at_work(self, rule: str, source: str) -> tuple[Live, Columns]:
        """One alarm and what it reads, to be looked at only; KeyError when there is none."""
        return self._by_key[rule, source], self._columns

    def occurrence(self, occurrence: str) -> Occurrence | None:
        """An open occurrence as it is now, or the newest closed one of its alarm."""
        for live in self._lives:
            for shown in (record(live.alarm), live.closed):
                if shown is not None and shown.occurrence == occurrence:
                    return shown
        return None

    def open_occurrences(self) -> list[Occurrence]:
        """All that are open, as they are now."""
        shown = (record(live.alarm) for live in self._lives)
        return [occurrence for occurrence in shown if occurrence is not None]

    def rules_view(self) -> list[RuleView]:
        """Every rule on every source."""
        return [view(live) for live in self._lives]

    @property
    def faulty_rules(self) -> dict[str, Text]:
        """Rules that cannot be judged, and why: what they watch is UNKNOWN there."""
        return faults(self._evaluator.faulty)

    @property
    def annunciator(self) -> Annunciator | None:
        """Who decides what becomes a notice; None where every notice of the engine is one."""
        return self._annunciator

    # --- within

    def _fire(self, until: Instant) -> None:
        """Everything that is due by `until`, each at its own moment."""
        if self._evaluator.follow_label(until):
            self._covers.fire(until)
            self._evaluator.sweep((), until)
        while (due := resident.earliest(self._residents)) is not None and due <= until.mono_ns:
            at = Instant(due, due + until.wall_ns - until.mono_ns)
            self._evaluator.fire(at)
            for one in self._residents:
                one.fire(at)
            self._evaluator.sweep((), at)
            if resident.earliest(self._residents) == due:
                break  # one that is never satisfied must not stop the clock for everybody else
        self._evaluator.fire(until)

    def _begin(self, at: Instant, position: int) -> None:
        self._now = at
        self._highest = max(position, self._highest)
        self._evaluator.position = position if self._replaying else self._highest
        if not self._started and not self._replaying:
            self._started = True
            self._evaluator.follow_label(at)
            self._covers.begin(at)
            self._evaluator.sweep(self._lives, at)
            self._covers.restarted(at, 0)

    def _take(self) -> Judgement:
        # a command judges nothing that is due: what it stores has been judged up to the tick before it
        moment = (self._evaluator.position, self._evaluator.judged_ns)
        for one in self._residents:
            one.pass_on(self._recorder.pending, self._now)
        judgement = self._recorder.take(self._lives, moment, self._columns)
        for one in self._residents:
            if one.changed():
                judgement.instances += resident.take_changed(one, moment)
        return judgement

    def _catch_up(self, position: int) -> None:
        """Before the log goes on behind what an instance has seen: its samples, also those that the log lacks."""
        while self._ahead and (seen := self._ahead[-1].seen) and seen[0] < position:
            live = self._ahead.pop()
            snapshot.points_in(self._columns, live.inputs)
            live.inputs = ()

    def _route(self, layout: Layout) -> Route:
        slots = self._columns.slots
        pairs = [
            (column, slots[layout.device, point.key])
            for column, point in enumerate(layout.points)
            if (layout.device, point.key) in slots
        ]
        readers = self._readers(slot for _, slot in pairs)
        keys = [point.key for point in layout.points]
        health = None
        if HEALTH_POINT.key in keys:
            every = self._of_device.get(layout.device, {})
            others = tuple(slot for key, slot in every.items() if key != HEALTH_POINT.key)
            health = HealthWord(keys.index(HEALTH_POINT.key), others, self._readers(every.values()))
        route = self._routes[layout] = Route(tuple(pairs), readers, health)
        return route

    def _readers(self, slots: Iterable[int]) -> tuple[Live, ...]:
        """Whoever reads one of these, in order of evaluation."""
        places = {live.index for slot in slots for live in self._by_slot.get(slot, ())}
        return tuple(self._lives[place] for place in sorted(places))

    def _heed(self, frame: Frame, route: Route, health: HealthWord) -> tuple[Live, ...]:
        """Who is asked after a word of health. Of a device that is gone nothing is known until it speaks again.

        A lost link says so of each point itself; a sensor that falls silent, or whose broker calls it gone, does not,
        and what it said last would pass for the present for as long as nobody looks.
        """
        if not health.is_gone(frame):
            return route.readers
        self._heard.forget(frame.layout.device)
        self._heard.note(frame)
        self._lose(frame, health)
        return health.readers

    def _lose(self, frame: Frame, health: HealthWord) -> None:
        for slot in health.slots:
            self._columns.put(slot, None, int(Quality.BAD_COMM), frame.at.mono_ns)

    def _hear_late(self, frame: Frame, route: Route) -> bool:
        """Note who was heard, if too late to be believed: its values move nothing, but it is not silent."""
        quality = frame.quality
        late = [slot for column, slot in route.columns if quality is None or quality[column] < BAD]
        self._columns.late_ns.update(dict.fromkeys(late, frame.at.mono_ns))
        return bool(late)
