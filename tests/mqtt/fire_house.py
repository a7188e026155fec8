"""A fire panel's transmitter on a broker: driver, rules of the pack `fire`, and store, as the app wires them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from alerts.bind import bind
from alerts.engine import AlarmEngine
from alerts.rule import Rule
from drivers.adaptation import Adaptation
from drivers.assign import UnitSpec, assign
from drivers.mqtt.driver import MqttDriver
from drivers.mqtt.options import MqttLinkOptions
from drivers.profile import MqttProfile, library, parse_profile, profile_points
from gateway.clock import Clock
from gateway.model import HEALTH_POINT, SECOND, Device, Frame, Judgement, LinkReport, Location, Text
from gateway.pipeline import Pipeline, last_known, recover, resumed_clock
from gateway.store.journal import Journal
from gateway.store.samples import Samples

RULES = Path(__file__).resolve().parents[2] / "config/rules/fire.yaml"


def shipped(name: str) -> MqttProfile:
    made = parse_profile(YAML(typ="safe", pure=True).load((library() / f"{name}.yaml").read_text("utf-8")))
    assert isinstance(made, MqttProfile)
    return made


@dataclass
class FireHouse:
    samples: Samples
    driver: MqttDriver
    clock: Clock
    reports: list[LinkReport] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    alarms: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def report(self) -> LinkReport:
        return self.reports[-1]

    def raised(self) -> set[tuple[str, str]]:
        """(rule, source) of every alarm that has begun."""
        return {(rule, source) for kind, rule, source in self.alarms if kind == "raise"}

    def last(self, key: str) -> Any:
        """The newest value of a point."""
        for frame in reversed(self.frames):
            for point, value in zip(frame.layout.points, frame.values, strict=True):
                if point.key == key:
                    return value
        raise LookupError(key)


@contextlib.asynccontextmanager
async def fire_house(
    port: int, folder: Path, parts: Sequence[str], announce: Sequence[MqttProfile] = ()
) -> AsyncIterator[FireHouse]:
    """A panel behind `site/uitd-1`; it is connected, or tries."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240 - a moment
    profile = shipped("gbt26875-uitd").for_parts(parts).adapted(Adaptation(), "Asia/Shanghai")
    variables = {"base": "site", "id": "uitd-1"}
    spec = UnitSpec("panel", "broker", None, profile, 30 * SECOND, own_device=True, variables=variables)
    points = (*profile_points(profile), HEALTH_POINT)
    device = Device(
        id="panel",
        system="fire",
        name=Text("panel", "panel"),
        profile=profile.profile,
        location=Location(),
        poll_ns=30 * SECOND,
        points=points,
        periods={key: 0 for key, reading in profile.readings.items() if reading.every_ns == 0},
    )
    rules = [Rule.model_validate(one) for one in YAML(typ="safe", pure=True).load(RULES.read_text("utf-8"))]
    journal, samples = Journal.open(folder / "alarm.db"), Samples.open(folder / "tele.db")
    try:
        bound = bind(rules, [device])
        engine = AlarmEngine(bound, next_seq=journal.load().next_seq)
        clock = resumed_clock(last_known(journal.load(), samples))
        reports: list[LinkReport] = []
        driver = MqttDriver(
            "broker",
            MqttLinkOptions.model_validate({"mqtt": f"mqtt://127.0.0.1:{port}"}),
            assign([spec], [])["broker"],
            clock,
            reports.append,
            client_id="anlou-fire-test",
            quarantine=samples.quarantine,
            count=samples.count,
            recent=samples.recent,
            announce=announce,
        )
        rooms = FireHouse(samples, driver, clock, reports)

        def committed(judgement: Judgement) -> None:
            rooms.alarms += [(event.kind, event.rule or "", event.source or "") for event in judgement.events]

        await recover(engine, journal, samples, clock, layouts=driver.layouts)
        pipeline = Pipeline(engine, journal, samples, clock, after_commit=committed, after_frame=rooms.frames.append)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(pipeline.run_ticks()), group.create_task(driver.run(pipeline.emit))]
            try:
                yield rooms
            finally:
                for task in tasks:
                    task.cancel()
    finally:
        await samples.close()
        await journal.close()
