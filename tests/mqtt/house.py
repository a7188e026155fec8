"""The gateway's own rooms over one MQTT link, as the app wires them; as a program: a gateway to be killed.

`python -m tests.mqtt.house PORT FOLDER` runs until it is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alerts.bind import bind
from alerts.engine import AlarmEngine
from alerts.rule import Rule
from drivers.assign import UnitSpec, assign
from drivers.mqtt.driver import MqttDriver
from drivers.mqtt.options import MqttLinkOptions
from drivers.profile import Profile, parse_profile, profile_points
from gateway.clock import Clock
from gateway.model import HEALTH_POINT, SECOND, Device, Frame, Judgement, LinkReport, Location, Text
from gateway.pipeline import Pipeline, last_known, recover, resumed_clock
from gateway.store.journal import Journal
from gateway.store.samples import Samples

DEVICES = 5
PROFILE = parse_profile(
    {
        "profile": "made-mqtt",
        "title": {"en": "made for a test", "zh": "测试"},
        "source": [{"ref": "the test itself", "verified": "code"}],
        "mqtt": {"topic": "dev/{id}/up", "time": {"path": "ts", "format": "unix_ms"}, "expect_every": "10min"},
        "points": {"level": {"path": "level"}, "number": {"path": "n", "type": "int"}},
    }
)
RULE = Rule.model_validate(
    {
        "rule": "TEST-01",
        "title": {"en": "high", "zh": "高"},
        "severity": "low",
        "class": "equipment",
        "on": {"point": "level"},
        "when": {"at_least": 1000},
    }
)


def device(name: str, profile: Profile) -> Device:
    return Device(
        id=name,
        system="test",
        name=Text(name, name),
        profile=profile.profile,
        location=Location(),
        poll_ns=600 * SECOND,
        points=(*profile_points(profile), HEALTH_POINT),
    )


@dataclass
class House:
    samples: Samples
    driver: MqttDriver
    reports: list[LinkReport]
    clock: Clock
    frames: list[Frame] = field(default_factory=list)
    alarms: list[tuple[str, str]] = field(default_factory=list)

    @property
    def report(self) -> LinkReport:
        return self.reports[-1]

    @property
    def counts(self) -> dict[str, int]:
        return self.driver._tally.counts()

    def numbers(self) -> list[object]:
        return [frame.values[1] for frame in self.frames]

    def conserved(self) -> bool:
        """D4, when nothing is on its way."""
        counters = self.samples.counters
        return counters.received == counters.settled


@contextlib.asynccontextmanager
async def house(port: int, folder: Path, **options: Any) -> AsyncIterator[House]:
    """Running; it is connected, or tries."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240 - a moment
    names = [f"d{number}" for number in range(DEVICES)]
    specs = [UnitSpec(n, "broker", None, PROFILE, 600 * SECOND, own_device=True, variables={"id": n}) for n in names]
    journal, samples = Journal.open(folder / "alarm.db"), Samples.open(folder / "tele.db")
    try:
        bound = bind([RULE], [device(name, PROFILE) for name in names])
        engine = AlarmEngine(bound, next_seq=journal.load().next_seq)
        clock = resumed_clock(last_known(journal.load(), samples))
        reports: list[LinkReport] = []
        address = options.pop("mqtt", f"mqtt://127.0.0.1:{port}")
        driver = MqttDriver(
            "broker",
            MqttLinkOptions.model_validate({"mqtt": address, **options}),
            assign(specs, [])["broker"],
            clock,
            reports.append,
            client_id="anlou-test-broker",
            quarantine=samples.quarantine,
            count=samples.count,
            recent=samples.recent,
        )
        rooms = House(samples, driver, reports, clock)

        def committed(judgement: Judgement) -> None:
            rooms.alarms += [(event.kind, event.source or "") for event in judgement.events]

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


async def main() -> None:
    async with house(int(sys.argv[1]), Path(sys.argv[2])):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
