"""Packs at work in the engine: frames of a whole building in virtual time, and what people were told."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from alerts.bind import bind
from alerts.engine import AlarmEngine
from alerts.rule import Rule
from alerts.ulid import encode
from gateway.model import (
    SECOND,
    AlarmState,
    Command,
    CommandKind,
    Device,
    Event,
    Frame,
    FrameKind,
    Instant,
    Judgement,
    Layout,
    Notice,
    Occurrence,
    Quality,
)
from tests.alerts.building import catalogue

WALL = 1_700_000_000 * SECOND


class Play:
    """An engine over some rules and devices; points are named by their keys."""

    def __init__(self, rules: Sequence[Mapping[str, Any] | Rule], devices: Sequence[Device]) -> None:
        self.devices = {device.id: device for device in devices}
        bound = bind([Rule.model_validate(each) for each in rules], devices, catalogue())
        assert bound.problems == ()
        ids = itertools.count(1)
        self.engine = AlarmEngine(bound, 1, lambda now: encode(now.wall_ns // 10**6, next(ids)))
        self.events: list[Event] = []
        self.notices: list[Notice] = []
        self.now_ns = 0
        self.position = 0
        self._layouts: dict[tuple[str, ...], Layout] = {}

    def parts(self, device: str) -> list[str]:
        return list(self.devices[device].parts)

    @property
    def now(self) -> Instant:
        return Instant(self.now_ns, WALL + self.now_ns)

    def at(self, seconds: float) -> Play:
        self.now_ns = round(seconds * SECOND)
        return self

    def set(
        self,
        device: str,
        quality: int = Quality.GOOD,
        kind: FrameKind = FrameKind.LIVE,
        source_s: float | None = None,
        **values: Any,
    ) -> Judgement:
        """One frame. `source_s`: the device's own time, in seconds of this play."""
        points = {point.key: point for point in self.devices[device].points}
        layout = self._layouts.setdefault((device, *values), Layout(device, tuple(points[key] for key in values)))
        bad = quality >= 0x80
        shown = [None if bad else value for value in values.values()]
        source_ns = None if source_s is None else WALL + round(source_s * SECOND)
        frame = Frame(layout, shown, self.now, [quality] * len(shown) if quality else None, source_ns, kind)
        self.position += 1
        return self._keep(self.engine.judge(frame, self.position))

    def tick(self) -> Judgement:
        return self._keep(self.engine.tick(self.now, self.position))

    def do(self, kind: str, rule: str, source: str) -> Judgement:
        command = Command(kind=CommandKind(kind), occurrence=self.life(rule, source).occurrence, by="ann", comment="c")
        return self._keep(self.engine.command(command, self.now, self.position))

    def close(self, rule: str, source: str) -> None:
        """Answered and reset."""
        self.do("ack", rule, source)
        self.do("reset", rule, source)
        assert self.state(rule, source) is AlarmState.NORMAL

    def _keep(self, judgement: Judgement) -> Judgement:
        self.events += judgement.events
        self.notices += judgement.notices
        return judgement

    # --- looking

    def state(self, rule: str, source: str) -> AlarmState:
        return self.engine.state(rule, source)

    def life(self, rule: str, source: str) -> Occurrence:
        (found,) = [o for o in self.engine.open_occurrences() if (o.rule, o.source) == (rule, source)]
        return found

    @property
    def told(self) -> list[tuple[str, str, str]]:
        return [(notice.reason, notice.occurrence.rule, notice.occurrence.source) for notice in self.notices]

    @property
    def first_out(self) -> dict[str | None, bool]:
        """The mark of the newest raise on each source that has one."""
        raised = [event for event in self.events if event.kind == "raise" and "first_out" in event.body]
        return {event.source: event.body["first_out"] for event in raised}
