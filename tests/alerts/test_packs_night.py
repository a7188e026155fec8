"""Whole nights through the packs and the engine: what the control room would hear, minute by minute."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from alerts.bind import bind
from alerts.engine import AlarmEngine
from alerts.rule import Rule
from gateway.model import SECOND, Device, Event, Frame, Instant, Layout, Quality, Value
from tests.alerts.building import catalogue, lift, pack, packs, sump
from tests.alerts.playing import Play
from tests.alerts.test_packs_lift import IDLE
from tests.alerts.test_packs_water import DRY

Told = list[tuple[int, str, str, str]]
Bad = dict[str, Quality]
EAST = "water-east"


class Night:
    """One device, a frame each second, and every event of the kinds that people hear."""

    def __init__(self, device: Device) -> None:
        rules = [Rule.model_validate(each) for each in packs()]
        self.engine = AlarmEngine(bind(rules, [device], catalogue()))
        self.layout = Layout(device.id, device.points)
        self.told: Told = []
        self.position = 0

    def play(
        self, seconds: range, at: Callable[[int], dict[str, Value]], bad: dict[str, Quality] | None = None
    ) -> None:
        for second in seconds:
            for event in (*self._ticks(second), *self._frame(second, at(second), bad or {})):
                if event.kind in {"raise", "reraise", "severity_up", "return"} and event.rule and event.source:
                    self.told.append((event.at.mono_ns // SECOND, event.kind, event.rule, event.source))

    def _ticks(self, second: int) -> Iterator[Event]:
        while (due := self.engine.next_due()) is not None and due <= second * SECOND:
            self.position += 1
            yield from self.engine.tick(Instant(due, due), self.position).events

    def _frame(self, second: int, values: dict[str, Value], bad: dict[str, Quality]) -> list[Event]:
        self.position += 1
        quality = [bad.get(point.key, Quality.GOOD) for point in self.layout.points]
        shown = [None if point.key in bad else values.get(point.key) for point in self.layout.points]
        now = Instant(second * SECOND, second * SECOND)
        return self.engine.judge(Frame(self.layout, shown, now, quality), self.position).events


def test_a_storm() -> None:
    night = Night(sump())
    dry: dict[str, Any] = {**DRY, "health": "online"}
    night.play(range(600), lambda second: dry)
    night.play(range(600, 1500), lambda second: {**dry, "floor_level": (second - 600) * 0.0005})
    assert night.told == [
        (710, "raise", "WA-04", EAST),  # 5 cm in ten minutes at 700 s
        (720, "raise", "WA-01", EAST),  # 3 cm at 660 s
        (830, "raise", "WA-02", EAST),  # 10 cm at 800 s
        (1110, "raise", "WA-03", EAST),  # 25 cm at 1100 s
    ]


def test_a_sensor_that_dies_in_the_water() -> None:
    night = Night(sump())
    wet: dict[str, Any] = {**DRY, "health": "online", "floor_level": 0.05}
    night.play(range(120), lambda second: wet)
    night.play(range(120, 500), lambda second: wet, {"floor_level": Quality.BAD_SENSOR})
    raised = [(second, rule) for second, kind, rule, _ in night.told if kind == "raise"]
    assert raised[0] == (60, "WA-01")
    assert (135, "WA-12") in raised
    assert (180, "WA-03/protection_lost") in raised
    assert "return" not in {kind for _, kind, rule, _ in night.told if rule == "WA-01"}, "a dead sensor is not dry"


def test_people_between_two_floors() -> None:
    night = Night(lift())
    idle: dict[str, Any] = {**IDLE, "health": "online"}
    running = {**idle, "speed": 1.5, "door_zone": False, "load": 12.0, "motion": "running"}
    night.play(range(60), lambda second: {**running, "floor": 3 + second // 5})
    night.play(range(60, 200), lambda second: {**running, "speed": 0.0, "motion": "stopped", "mode": "fault"})
    assert night.told == [(123, "raise", "EL-01", "lift-1")]


def test_an_entrapment_that_is_over_is_quiet_at_ordinary_stops_until_the_next_one() -> None:
    """Nobody has reset it yet: latched, it rings again without its delay."""
    night = Night(lift())
    idle: dict[str, Any] = {**IDLE, "health": "online"}
    running = {**idle, "speed": 1.5, "door_zone": False, "load": 12.0, "motion": "running"}
    stuck = {**running, "speed": 0.0, "motion": "stopped"}
    night.play(range(100), lambda second: stuck)
    stop = [running, running, {**stuck, "motion": "opening"}] + [{**idle, "load": 12.0, "motion": "opening"}] * 4
    stop += [{**idle, "load": 12.0, "motion": "open_held", "door_open": True, "door_closed": False}] * 3
    night.play(range(100, 400), lambda second: stop[second % len(stop)])
    assert night.told == [(63, "raise", "EL-01", "lift-1"), (100, "return", "EL-01", "lift-1")]
    night.play(range(400, 420), lambda second: stuck if second > 405 else running)
    assert night.told[2:] == [(409, "reraise", "EL-01", "lift-1")]


def test_a_calm_day_with_a_parcel() -> None:
    night = Night(lift())
    night.play(range(1800), lambda second: {**IDLE, "health": "online", "load": 4.0})
    assert night.told == []


def test_water_that_is_gone_at_once_does_not_ring_its_lower_stages_on_the_way_out() -> None:
    """Stage 2 is over five minutes after the water; stage 1, muted under it until then, ends a moment later."""
    play = Play(pack("garage-water"), [sump()])
    play.at(0).set("water-east", **DRY)
    play.at(100).set("water-east", floor_level=0.12)
    play.at(3600).tick()
    play.notices.clear()
    play.at(3600).set("water-east", floor_level=0.05)  # stage 2 returns …
    play.at(3610).set("water-east", floor_level=0.0)  # … and ten seconds later stage 1
    play.at(7200).tick()
    assert [(reason, rule) for reason, rule, _ in play.told if rule.startswith("WA-0")] == [("recover", "WA-02")]
