"""A stage whose notices pass the annunciator, and a building with as many bool points as a test wants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from alerts.alarm import record
from alerts.annunciate.annunciator import Annunciator
from alerts.annunciate.case import Counts
from alerts.annunciate.options import AnnunciationOptions
from alerts.annunciate.plan import Plan
from alerts.bind import bind
from alerts.engine import AlarmEngine
from alerts.rule import Rule
from alerts.ulid import encode
from gateway.model import Device, Judgement, Notice
from tests.alerts.stage import Stage, device, rule

CHANNELS = ("log", "room", "chief")


def plan(channels: tuple[str, ...] = CHANNELS, **options: Any) -> Plan:
    return Plan(channels, AnnunciationOptions.model_validate(options))


class Office(Stage):
    """A Stage with a plan. `settled`: as after a start in which everybody was heard at once."""

    def __init__(self, *rules: Rule, to: Plan | None = None, devices: tuple[Device, ...] = (device(),)) -> None:
        self.plan = to or plan()
        super().__init__(*rules, devices=devices)

    def build(self) -> AlarmEngine:
        bound = bind(self.rules, self.devices)
        assert not bound.problems, bound.problems
        bound = replace(bound, annunciation=self.plan)
        return AlarmEngine(bound, len(self.events) + 1, lambda now: encode(now.wall_ns // 10**6, next(self._ids)))

    @property
    def annunciator(self) -> Annunciator:
        found = self.engine.annunciator
        assert found is not None
        return found

    @property
    def counts(self) -> Counts:
        return self.annunciator.memory.room.counts

    def until(self, seconds: float) -> Judgement:
        """Time passes, looked at whenever something is due."""
        while (due := self.engine.next_due()) is not None and due <= round(seconds * 10**9):
            self.now_ns = max(self.now_ns, due)
            self.tick()
        return self.at(seconds).tick()

    @property
    def said(self) -> list[tuple[float, str, str]]:
        """(second, reason, rule or number of alarms) of every notice."""
        return [(notice.at.mono_ns / 10**9, notice.reason, what(notice)) for notice in self.notices]

    def balanced(self) -> None:
        """Every notice of the engine is somewhere, once."""
        counts = self.counts
        gone = counts.sent + counts.digested + counts.combined + counts.merged + counts.limited + counts.hushed
        assert counts.came == gone + self.annunciator.memory.held, counts

    def heard_or_held(self) -> None:
        """I9: what is on, latched or not, and not muted has been announced, or waits with a time."""
        for live in self.engine._lives:
            shown = record(live.alarm)
            if shown is None or shown.mutes or not live.alarm.told:
                continue
            case = self.annunciator.memory.cases[shown.occurrence]
            due = self.annunciator.next_due()
            assert case.on or (case.waiting is not None and due is not None), shown


def what(notice: Notice) -> str:
    return str(notice.body["count"]) if notice.reason == "digest" else notice.occurrence.rule


def fire(name: str, point: str = "a", **fields: Any) -> Rule:
    """A life-safety rule."""
    return rule(name, point, severity="critical", **{"class": "life_safety", **fields})
