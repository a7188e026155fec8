"""A recorded night judged by the real health and engine, as the gateway does it; and killed, and begun again.

The recording's own time is `t` (ns). Building time leaves the downtime out of it; its label may step.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from alerts.engine import AlarmEngine
from alerts.ulid import encode
from gateway.app.house import feeds
from gateway.health import GatewayStatus, HealthBook
from gateway.model import (
    SECOND,
    AlarmState,
    Checkpoint,
    Command,
    CommandKind,
    Event,
    Frame,
    FrameKind,
    InstanceSnapshot,
    Instant,
    Judgement,
    Layout,
    LinkReport,
    Notice,
    Occurrence,
    Quality,
    Value,
)
from tests.rehearsal.storm import WALL, Storm

CHECKPOINT_EVERY = 10 * SECOND
HEALTHY = GatewayStatus(disk_used=40.0, outbox_pending=0, queue_depth=0, loop_lag_s=0.0)
_KINDS = (
    "raise reraise severity_up returning return_cancelled return close ack reset shelve unshelve suppress unsuppress"
    " out_of_service in_service missed_while_down"
)
TRANSITIONS = frozenset(_KINDS.split())
"""What happens to an alarm. `hold` and `unhold` only say that a value is not known, as after every start."""


@dataclass(frozen=True)
class Happened:
    """A row of the journal about an alarm, at a time of the recording."""

    t: int
    rule: str
    source: str
    kind: str
    state: str

    @property
    def what(self) -> tuple[str, str, str, str]:
        return self.rule, self.source, self.kind, self.state


@dataclass
class Kept:
    """What the files hold."""

    checkpoint: Checkpoint | None = None
    instances: dict[tuple[str, str], InstanceSnapshot] = field(default_factory=dict)
    occurrences: dict[str, Occurrence] = field(default_factory=dict)
    log: list[tuple[int, Frame]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    happened: list[Happened] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    position: int = 0
    ids: int = 0

    def copy(self) -> Kept:
        return replace(
            self,
            instances=dict(self.instances),
            occurrences=dict(self.occurrences),
            log=list(self.log),
            events=list(self.events),
            happened=list(self.happened),
            notices=list(self.notices),
        )


@dataclass(frozen=True)
class Killed:
    """The files at the moment `t` of a kill, and the first item of the recording that the next run may hear.

    `how`: `between` two frames; `unjudged`, the frame was lost before anything of it was committed; `unlogged`, what it
    changed was committed, but the power went before its row was in the log.
    """

    kept: Kept
    place: int
    t: int
    how: str


def at_desk(kind: str, *states: str) -> Callable[[Night], None]:
    """An operator who does this to every alarm in one of these states."""

    def act(night: Night) -> None:
        for life in sorted(night.engine.open_occurrences(), key=lambda one: (one.rule, one.source)):
            if life.state in states:
                night.command(kind, life)

    return act


class Night:
    """One run of the gateway on a recording, from its item `place` on."""

    def __init__(self, storm: Storm, desk: Sequence[tuple[float, Callable[[Night], None]]] = ()) -> None:
        self.storm = storm
        self.whole_desk = sorted(((round(s * SECOND), act) for s, act in desk), key=lambda one: one[0])
        self.desk = list(self.whole_desk)
        self.kept = Kept()
        self.keeps = True
        self.place = 0
        self.t = 0
        self.down_ns = 0
        self.label_ns = 0
        self.said: set[Layout] = set()
        self.unmoved: int | None = None
        self._open()

    def _open(self) -> None:
        self.engine = AlarmEngine(self.storm.binding.bound(), len(self.kept.events) + 1, self._mint)
        site = self.storm.site
        self.health = HealthBook(site.devices, feeds(site), self.now, ZoneInfo(site.site.timezone))
        self.pulse_ns = self.now.mono_ns
        self.numbers_ns = self.now.mono_ns
        self.checkpoint_ns = self.now.mono_ns + CHECKPOINT_EVERY
        self.said = set()
        self.unmoved = None

    def _mint(self, at: Instant) -> str:
        self.kept.ids += 1
        return encode(at.wall_ns // 10**6, self.kept.ids)

    @property
    def now(self) -> Instant:
        return Instant(self.t - self.down_ns, WALL + self.t + self.label_ns)

    # playing

    def play(self, until: int | None = None, look: Callable[[Night, bool], None] = lambda night, done: None) -> Night:
        """Up to an item of the recording, or to its end; `look` is called before each, and when it is done."""
        end = len(self.storm.heard) if until is None else until
        while self.place < end:
            t, item = self.storm.heard[self.place]
            self._let_time_pass(t)
            look(self, False)
            if isinstance(item, LinkReport):
                self.health.report(replace(item, at=self.now))
            else:
                self.emit(self.shifted(item))
            look(self, True)
            self.place += 1
        return self

    def shifted(self, frame: Frame) -> Frame:
        kind = frame.kind
        if kind is FrameKind.LIVE and frame.layout not in self.said:
            kind = FrameKind.INITIAL
        if kind is not FrameKind.HISTORY:
            self.said.add(frame.layout)
        return replace(frame, at=self.now, kind=kind)

    def _let_time_pass(self, t: int) -> None:
        while True:
            desk = self.desk[0][0] if self.desk else 1 << 62
            moments = [self.pulse_ns, self.numbers_ns, self.checkpoint_ns, self._due(), desk - self.down_ns]
            first = min(moments)
            if first > t - self.down_ns:
                break
            self.t = max(self.t, first + self.down_ns)
            if self._due() <= first:
                asked = self.engine.next_due()
                self.commit(self.engine.tick(self.now, self.kept.position))
                self.unmoved = asked if self.engine.next_due() == asked else None
            elif desk - self.down_ns <= first:
                self.desk.pop(0)[1](self)
            elif self.numbers_ns <= first:
                self.numbers_ns += 10 * SECOND
                self.emit(self.health.gateway(HEALTHY, self.now))
            elif self.pulse_ns <= first:
                self.pulse_ns += SECOND
                for frame in (*self.health.frames(self.now), *self.health.silenced(self.now)):
                    self.emit(frame)
                if (news := self.health.gateway_news(self.now)) is not None:
                    self.emit(news)
            else:
                self.checkpoint_ns += CHECKPOINT_EVERY
                if self.keeps:
                    self.save()
        self.t = max(self.t, t)

    def _due(self) -> int:
        due = self.engine.next_due()
        if due is None:
            return 1 << 62
        return due if due != self.unmoved else max(due, self.now.mono_ns) + SECOND // 10

    # the way of a frame

    def emit(self, frame: Frame) -> None:
        self.kept.position += 1
        self.commit(self.engine.judge(frame, self.kept.position))
        if self.keeps:
            self.kept.log.append((self.kept.position, frame))
        if frame.kind is not FrameKind.HISTORY:
            self.health.observe(frame)

    def command(self, kind: str, life: Occurrence) -> None:
        command = Command(kind=CommandKind(kind), occurrence=life.occurrence, by="ann", comment="night", for_ns=None)
        if kind == "shelve":
            command = replace(command, for_ns=1800 * SECOND)
        self.commit(self.engine.command(command, self.now, self.kept.position))

    def commit(self, judgement: Judgement) -> None:
        kept = self.kept
        for event in judgement.events:
            assert event.seq == len(kept.events) + 1
            kept.events.append(event)
            if event.rule is not None and event.source is not None:
                state = str(event.body.get("state", ""))
                kept.happened.append(
                    Happened(self.down_ns + event.at.mono_ns, event.rule, event.source, event.kind, state)
                )
        kept.notices += judgement.notices
        kept.occurrences |= judgement.occurrences
        for one in judgement.instances if self.keeps else ():
            kept.instances[one.rule, one.source] = _through_json(one)

    def step_clock(self, by_ns: int) -> None:
        """The label of building time is set."""
        self.label_ns += by_ns
        self.commit(self.engine.tick(self.now, self.kept.position))

    def save(self) -> None:
        """What the store does with a checkpoint."""
        made = self.engine.checkpoint(self.now, self.kept.position)
        instances = tuple(map(_through_json, made.instances))
        columns = json.loads(json.dumps(made.columns))
        self.kept.checkpoint = replace(made, columns=columns, instances=instances)
        self.kept.instances.clear()
        self.kept.log.clear()

    # killed

    def again(self, killed: Killed, down_ns: int) -> Night:
        """Another run from what was kept when this one was killed, after so long off; it keeps nothing itself."""
        other = Night(self.storm)
        other.whole_desk = self.whole_desk
        other.desk = [one for one in self.whole_desk if one[0] > killed.t]
        other.kept, other.place, other.down_ns = killed.kept.copy(), killed.place, down_ns
        other.label_ns = self.label_ns
        other.t = killed.t + down_ns
        kept = other.kept
        other._open()
        opened = [life for life in kept.occurrences.values() if life.closed_ns is None]
        other.engine.restore(kept.checkpoint, tuple(kept.instances.values()), opened)
        for position, frame in list(kept.log):
            other.commit(other.engine.judge(frame, position))
        other.commit(other.engine.restarted(other.now, down_ns))
        other.keeps = False
        other._reconnect()
        return other

    def _reconnect(self) -> None:
        """What the links say of themselves; what the broker has kept meanwhile; what was polled meanwhile is gone."""
        reports = {}
        for _, item in self.storm.heard[: self.place]:
            if isinstance(item, LinkReport):
                reports[item.link] = item
        for report in reports.values():
            self.health.report(replace(report, at=self.now))
        by_broker = {layout.device for layout in self.storm.site.assignments["broker"].layouts}
        heard = self.storm.heard
        while self.place < len(heard) and heard[self.place][0] < self.t:
            item = heard[self.place][1]
            self.place += 1
            if isinstance(item, Frame) and item.layout.device in by_broker:
                self.emit(self.shifted(item))
        self._say_what_lasts()

    def _say_what_lasts(self) -> None:
        """As the driver of a broker does from what the store has: of points that are said only when they change."""
        lasting = {device.id for device in self.storm.site.devices if not device.poll_ns}
        newest: dict[str, tuple[Layout, Value]] = {}
        for _, item in self.storm.heard[: self.place]:
            if isinstance(item, Frame) and item.layout.device in lasting:
                for point, value in zip(item.layout.points, item.values, strict=True):
                    newest[f"{item.layout.device}.{point.key}"] = Layout(item.layout.device, (point,)), value
        for layout, value in newest.values():
            quality = [int(Quality.UNCERTAIN_BACKLOG)]
            self.emit(Frame(layout, [value], self.now, quality, kind=FrameKind.INITIAL))

    @property
    def happened(self) -> list[Happened]:
        """The transitions of alarms."""
        return [one for one in self.kept.happened if one.kind in TRANSITIONS]

    def states(self) -> dict[tuple[str, str], AlarmState]:
        return {(view.rule, view.source): view.state for view in self.engine.rules_view()}


def _through_json(one: InstanceSnapshot) -> InstanceSnapshot:
    return InstanceSnapshot(one.rule, one.source, one.position, json.loads(json.dumps(one.state, allow_nan=False)))
