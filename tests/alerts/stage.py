"""A small building for the engine's tests: bool points that rules copy, virtual time, restarts through JSON."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import Any

from alerts.bind import bind
from alerts.bound import Bound
from alerts.budget import Meter
from alerts.engine import AlarmEngine
from alerts.live import Watch
from alerts.maintenance import MaintenanceOptions
from alerts.rule import Rule
from alerts.ulid import encode
from gateway.model import (
    HEALTH_POINT,
    SECOND,
    AlarmState,
    Checkpoint,
    Command,
    CommandKind,
    Device,
    Event,
    Frame,
    FrameKind,
    InstanceSnapshot,
    Instant,
    Judgement,
    Layout,
    Location,
    Notice,
    Occurrence,
    Point,
    PointType,
    Quality,
    Silence,
    SilenceWish,
    Text,
)

WALL = 1_700_000_000 * SECOND
BAD = object()
GUIDANCE = {
    key: {"en": "x", "zh": "中"}
    for key in ("cause", "consequence", "corrective_action", "confirm_how", "owner", "basis")
} | {"time_to_respond": "10min"}


def rule(name: str, point: str = "a", **fields: Any) -> Rule:
    """A rule that is TRUE while its bool point is; LOW property, no delays, unless told otherwise."""
    given = {
        "rule": name,
        "title": {"en": name, "zh": name},
        "severity": "low",
        "class": "property",
        "on": {"system": "test", "point": point},
        "when": {"is": True},
    } | fields
    if given["severity"] in ("critical", "high", "medium"):
        given.setdefault("guidance", GUIDANCE)
    return Rule.model_validate(given)


def level_rule(name: str, limit: str, **fields: Any) -> Rule:
    """At least `limit` of water on the point `level`, 1 cm deadband."""
    fields.setdefault("when", {"at_least": limit, "deadband": "0.01 m"})
    return rule(name, "level", **fields)


BOOLS = ("a", "b", "c", "d", "e")
POINTS = (*(Point(name, PointType.BOOL) for name in BOOLS), Point("level", PointType.FLOAT, "m"), HEALTH_POINT)


def device(name: str = "dev", system: str = "test") -> Device:
    return Device(
        id=name,
        system=system,
        name=Text(name, name),
        profile=None,
        location=Location(),
        poll_ns=SECOND,
        points=POINTS,
    )


class Stage:
    """One engine with its store (what was committed) and its log (what was judged), so that it can be killed."""

    def __init__(
        self,
        *rules: Rule,
        devices: tuple[Device, ...] = (device(),),
        wall: int = WALL,
        windows: Sequence[MaintenanceOptions] = (),
        zone: tzinfo = UTC,
        meter: Meter | None = None,
    ) -> None:
        self.meter = meter
        self.rules, self.devices, self.wall = rules, devices, wall
        self.windows, self.zone = tuple(windows), zone
        self.watch: Watch | None = None
        self.now_ns = 0
        self.position = 0
        self.events: list[Event] = []
        self.notices: list[Notice] = []
        self.instances: dict[tuple[str, str], InstanceSnapshot] = {}
        self.occurrences: dict[str, Occurrence] = {}
        self.log: list[tuple[int, Frame]] = []
        self.checkpoint: Checkpoint | None = None
        self._ids = itertools.count(1)
        self._layouts: dict[tuple[str, tuple[str, ...]], Layout] = {}
        self.engine = self.build()

    def build(self) -> AlarmEngine:
        bound = self.bound()
        assert not bound.problems, bound.problems
        ids = self._ids
        return AlarmEngine(
            bound,
            len(self.events) + 1,
            lambda now: encode(now.wall_ns // 10**6, next(ids)),
            watch=self.watch,
            meter=self.meter,
        )

    def bound(self) -> Bound:
        return replace(bind(self.rules, self.devices, zone=self.zone), windows=self.windows)

    @property
    def now(self) -> Instant:
        return Instant(self.now_ns, self.wall + self.now_ns)

    def at(self, seconds: float) -> Stage:
        self.now_ns = round(seconds * SECOND)
        return self

    def frame(
        self, device: str = "dev", kind: FrameKind = FrameKind.LIVE, source_s: float | None = None, **values: Any
    ) -> Frame:
        key = (device, tuple(values))
        points = {point.name: point for point in POINTS}
        layout = self._layouts.setdefault(key, Layout(device, tuple(points[name] for name in values)))
        shown = [None if value is BAD else value for value in values.values()]
        quality = [int(Quality.BAD_COMM) if value is BAD else 0 for value in values.values()]
        source_ns = None if source_s is None else self.wall + round(source_s * SECOND)
        return Frame(layout, shown, self.now, quality if any(quality) else None, source_ns, kind)

    def set(
        self, device: str = "dev", kind: FrameKind = FrameKind.LIVE, source_s: float | None = None, **values: Any
    ) -> Judgement:
        """One frame with these points; BAD for a bad sample. `source_s`: the device's own time on this stage."""
        frame = self.frame(device, kind, source_s, **values)
        self.position += 1
        judgement = self.commit(self.engine.judge(frame, self.position))
        self.log.append((self.position, frame))
        return judgement

    def tick(self) -> Judgement:
        return self.commit(self.engine.tick(self.now, self.position))

    def do(self, kind: str, occurrence: str | None = None, **fields: Any) -> Judgement:
        occurrence = occurrence or self.newest.occurrence
        command = Command(kind=CommandKind(kind), occurrence=occurrence, by=fields.pop("by", "ann"), **fields)
        return self.commit(self.engine.command(command, self.now, self.position))

    def out(self, kind: str, name: str = "R", source: str = "dev", **fields: Any) -> Judgement:
        """A command on an alarm that need not be open."""
        given = {"by": "ann", "comment": "c"} | fields
        command = Command(kind=CommandKind(kind), rule=name, source=source, **given)
        return self.commit(self.engine.command(command, self.now, self.position))

    def silence(self, for_s: float = 3600, reason: str = "known", **of: Any) -> Silence:
        wish = SilenceWish(of=of, for_ns=round(for_s * SECOND), by="ann", reason=reason)
        silence, judgement = self.engine.silence(wish, self.now, self.position)
        self.commit(judgement)
        return silence

    def unsilence(self, silence: str) -> Judgement:
        return self.commit(self.engine.unsilence(silence, "ann", self.now, self.position)[1])

    def step(self, seconds: float) -> Stage:
        """The clock on the wall is set; building time is not."""
        self.wall += round(seconds * SECOND)
        return self

    def commit(self, judgement: Judgement) -> Judgement:
        assert [event.seq for event in judgement.events] == list(
            range(len(self.events) + 1, len(self.events) + 1 + len(judgement.events))
        )
        json.dumps([dict(event.body) for event in judgement.events])
        self.events += judgement.events
        self.notices += judgement.notices
        self.occurrences |= judgement.occurrences
        for snapshot in judgement.instances:
            self.instances[snapshot.rule, snapshot.source] = stored(snapshot)
        return judgement

    def save(self) -> None:
        """What the store does with a checkpoint."""
        made = self.engine.checkpoint(self.now, self.position)
        instances = tuple(stored(snapshot) for snapshot in made.instances)
        columns = json.loads(json.dumps(made.columns))
        self.checkpoint = Checkpoint(
            position=made.position, at=made.at, next_seq=made.next_seq, columns=columns, instances=instances
        )

    def reload(self) -> list[Judgement]:
        """A new engine from what is stored, with the log behind it judged; not yet restarted."""
        self.engine = self.build()
        opened = [occurrence for occurrence in self.occurrences.values() if occurrence.closed_ns is None]
        self.engine.restore(self.checkpoint, tuple(self.instances.values()), opened)
        floor = self.checkpoint.position if self.checkpoint else 0
        return [self.engine.judge(frame, position) for position, frame in self.log if position > floor]

    def restart(self, outage_s: float = 0, rules: tuple[Rule, ...] | None = None) -> Judgement:
        """Killed and started again: building time leaves the downtime out, its label does not."""
        if rules is not None:
            self.rules = rules
        for judgement in self.reload():
            self.commit(judgement)
        self.wall += round(outage_s * SECOND)
        return self.commit(self.engine.restarted(self.now, round(outage_s * SECOND)))

    def succeed(self, rules: tuple[Rule, ...]) -> Judgement:
        """A reload without a restart: another engine goes on for this one."""
        self.tick()
        former, self.rules = self.engine, rules
        self.engine = self.build()
        return self.commit(self.engine.succeed(former, self.now, self.position, "ann", {}))

    # --- looking

    def state(self, name: str = "R", source: str = "dev") -> AlarmState:
        return self.engine.state(name, source)

    @property
    def newest(self) -> Occurrence:
        return next(reversed(self.occurrences.values()))

    def life(self, name: str = "R", source: str = "dev") -> Occurrence:
        (found,) = [o for o in self.engine.open_occurrences() if (o.rule, o.source) == (name, source)]
        return found

    def told(self, name: str = "R") -> list[str]:
        return [notice.reason for notice in self.notices if notice.occurrence.rule == name]

    def house_rows(self) -> list[str]:
        """What the journal says that is about no alarm."""
        return [event.kind for event in self.events if event.rule is None]

    def rows(self, name: str = "R") -> list[str]:
        return [event.kind for event in self.events if event.rule == name]


def stored(snapshot: InstanceSnapshot) -> InstanceSnapshot:
    return InstanceSnapshot(
        snapshot.rule, snapshot.source, snapshot.position, json.loads(json.dumps(snapshot.state, allow_nan=False))
    )
