"""A building of its own for one test: devices that speak, the real health and the real engine, in virtual time."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from alerts.bound import Bound
from alerts.engine import AlarmEngine
from alerts.lifecycle import Trigger, Way
from alerts.ulid import encode
from gateway.health import HealthBook
from gateway.model import (
    SECOND,
    AlarmState,
    Checkpoint,
    Command,
    Device,
    Event,
    Frame,
    FrameKind,
    Health,
    InstanceSnapshot,
    Instant,
    Judgement,
    Notice,
    Occurrence,
    Quality,
    Value,
)
from gateway.rehearsal.script import Slope, Where
from gateway.rehearsal.speaker import Speaker

BEGINS_WALL_NS = 1_767_225_600 * SECOND
"""2026-01-01 00:00 UTC, the label of every test's beginning."""
HEALTH_EVERY = SECOND
CHECKPOINT_FRAMES = 2000
"""So many frames at most are judged again at a restart."""
_FAR = 1 << 62
_NOT_AT_ONCE = SECOND // 10
"""An engine that asks for the same moment again is asked so much later, as the gateway does."""

Watch = Callable[[str, str, AlarmState, Trigger, Way], None]


class RehearsedHouse:
    """`bind` makes the alarms anew for each start of the gateway. `recovers`: what a restart needs is kept.

    `test_ns` is the test's own time; building time leaves the gateway's downtime out of it, and its label may step.
    `newest` is the occurrence that each alarm has, or had last.
    """

    def __init__(
        self, devices: Sequence[Device], bind: Callable[[], Bound], watch: Watch, *, recovers: bool = False
    ) -> None:
        self._devices = tuple(devices)
        self._bind = bind
        self._watch = watch
        self._recovers = recovers
        self._ids = itertools.count(1)
        self._down_ns = 0
        self._stepped_ns = 0
        self._log: list[tuple[int, Frame]] = []
        self._kept: dict[tuple[str, str], InstanceSnapshot] = {}
        self._open: dict[str, Occurrence] = {}
        self._checkpoint: Checkpoint | None = None
        self._position = 0
        self._unmoved: int | None = None
        self.test_ns = 0
        self.replaying = False
        self.events: list[Event] = []
        self.notices: list[Notice] = []
        self.newest: dict[tuple[str, str], Occurrence] = {}
        self.speakers = {device.id: Speaker(device) for device in devices}
        self._begin()

    def _begin(self) -> None:
        self.bound = self._bind()
        self.engine = AlarmEngine(self.bound, len(self.events) + 1, self._mint, self._seen)
        feeds = {device.id: (device.id,) for device in self._devices}
        self.health = HealthBook(self._devices, feeds, self.now)
        for speaker in self.speakers.values():
            self.health.report(speaker.report(self.now))
        self._health_ns = self.now.mono_ns

    @property
    def now(self) -> Instant:
        mono = self.test_ns - self._down_ns
        return Instant(mono, BEGINS_WALL_NS + self.test_ns + self._stepped_ns)

    def test_time(self, at: Instant) -> int:
        """The time of the test at a moment of its present run, ns."""
        return at.mono_ns + self._down_ns

    def _mint(self, at: Instant) -> str:
        return encode(at.wall_ns // 10**6, next(self._ids))

    def _seen(self, rule: str, source: str, state: AlarmState, trigger: Trigger, way: Way) -> None:
        if not self.replaying:
            self._watch(rule, source, state, trigger, way)

    # time

    def go_on(self, until_ns: int) -> None:
        """Up to this time of the test: delays that end then have ended, what is said then is not said yet."""
        end = until_ns - self._down_ns
        while True:
            due = self._engine_due()
            spoken = min((one for one in map(Speaker.due_ns, self.speakers.values()) if one is not None), default=_FAR)
            moment = min(due, spoken, self._health_ns)
            if moment >= end and due > end:
                break
            self.test_ns = max(self.test_ns, moment + self._down_ns)
            if due <= moment:
                self._tick(due)
            elif spoken <= moment:
                self._let_speak(spoken)
            else:
                self._pulse()
        self.test_ns = until_ns

    def _engine_due(self) -> int:
        due = self.engine.next_due()
        if due is None:
            return _FAR
        return due if due != self._unmoved else max(due, self.now.mono_ns) + _NOT_AT_ONCE

    def _tick(self, due: int) -> None:
        asked = self.engine.next_due()
        self._keep(self.engine.tick(self.now, self._position))
        self._unmoved = asked if self.engine.next_due() == asked else None

    def _let_speak(self, due: int) -> None:
        for speaker in self.speakers.values():
            if (at := speaker.due_ns()) is not None and at <= due:
                self._emit(speaker.say(self.now, self.test_ns))

    def _pulse(self) -> None:
        """What health concludes, each second, as the gateway asks it."""
        self._health_ns = self.now.mono_ns + HEALTH_EVERY
        for speaker in self.speakers.values():
            if speaker.device.poll_ns == 0 or speaker.lost_ns is not None:
                self.health.report(speaker.report(self.now))
        self._emit(self.health.frames(self.now))
        self._emit(self.health.silenced(self.now))

    # what happens to it

    def say(
        self, values: Mapping[Where, Value], slopes: Mapping[Where, Slope], bad: Mapping[Where, Quality]
    ) -> list[Where]:
        """The devices say this at once, and go on saying it. Ramps that begin nowhere are answered."""
        nowhere = []
        for (device, key), value in values.items():
            self.speakers[device].put(key, value)
        for (device, key), slope in slopes.items():
            if not self.speakers[device].move(key, slope, self.test_ns):
                nowhere.append((device, key))
        for (device, key), quality in bad.items():
            self.speakers[device].spoil(key, quality)
        for device in dict.fromkeys(device for device, _ in (*values, *slopes, *bad)):
            self._emit(self.speakers[device].say(self.now, self.test_ns, whole=True))
        return nowhere

    def lose_link(self, device: str) -> None:
        self._emit(self.speakers[device].lose_link(self.now))
        self._report(device)

    def fall_silent(self, device: str) -> None:
        self.speakers[device].fall_silent()
        self._report(device)

    def speak(self, device: str) -> None:
        """It is there again."""
        self.speakers[device].speak()
        self._report(device)
        self._emit(self.speakers[device].say(self.now, self.test_ns, whole=True))

    def _report(self, device: str) -> None:
        self.health.report(self.speakers[device].report(self.now))

    def remember(self, device: str, ago_ns: int, values: Mapping[str, Value]) -> None:
        """A device says what it measured earlier."""
        self._emit([self.speakers[device].past(values, self.now, self.now.wall_ns - ago_ns)])

    def step_clock(self, by_ns: int) -> None:
        """The host's clock is set; building time does not notice."""
        self._stepped_ns += by_ns
        self._keep(self.engine.note("clock_step", self.now, body={"step_ns": by_ns}))
        self._keep(self.engine.tick(self.now, self._position))

    def command(self, command: Command) -> None:
        """CommandRefused when it is refused; then nothing has changed."""
        self._keep(self.engine.command(command, self.now, self._position))

    # what is kept

    def _emit(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            self._position += 1
            self._keep(self.engine.judge(frame, self._position))
            if frame.kind is not FrameKind.HISTORY:
                self.health.observe(frame)
            if self._recovers:
                self._log.append((self._position, frame))
                if len(self._log) >= CHECKPOINT_FRAMES:
                    self._save()

    def _keep(self, judgement: Judgement) -> None:
        self.events += judgement.events
        self.notices += judgement.notices
        self.newest |= {(life.rule, life.source): life for life in judgement.occurrences.values()}
        if self._recovers:
            self._open |= judgement.occurrences
            for one in judgement.instances:
                self._kept[one.rule, one.source] = _through_json(one)

    def _save(self) -> None:
        made = self.engine.checkpoint(self.now, self._position)
        columns = json.loads(json.dumps(made.columns))
        instances = tuple(map(_through_json, made.instances))
        self._checkpoint = replace(made, columns=columns, instances=instances)
        self._kept.clear()
        self._log.clear()
        self._open = {key: life for key, life in self._open.items() if life.closed_ns is None}

    def restart(self, after_ns: int) -> None:
        """Killed, and started again after this time from what was kept: checkpoint, committed states and the log."""
        last = self.now
        self.test_ns += after_ns
        self._down_ns += after_ns
        self._begin()
        opened = [life for life in self._open.values() if life.closed_ns is None]
        self.engine.restore(self._checkpoint, tuple(self._kept.values()), opened)
        floor = self._checkpoint.position if self._checkpoint else 0
        self.replaying = True
        for position, frame in self._log:
            if position > floor:
                self._keep(self.engine.judge(frame, position))
        self.replaying = False
        outage_ns = max(0, self.now.wall_ns - last.wall_ns)
        self._keep(self.engine.restarted(self.now, outage_ns))
        self._save()
        for speaker in self.speakers.values():
            speaker.restarted()
            self._emit(speaker.say(self.now, self.test_ns, whole=True))

    # looking

    def health_of(self, device: str) -> Health:
        return self.health.state(device, self.now)


def _through_json(one: InstanceSnapshot) -> InstanceSnapshot:
    return InstanceSnapshot(one.rule, one.source, one.position, json.loads(json.dumps(one.state, allow_nan=False)))
