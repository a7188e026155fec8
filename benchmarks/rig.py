"""The gateway's own rooms over a field of devices: driver, engine, stores and pipeline, as the app wires them."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alerts.bind import bind
from alerts.engine import AlarmEngine
from alerts.rule import Rule
from drivers.assign import UnitSpec, assign
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.options import ModbusLinkOptions
from drivers.profile import parse_profile, profile_points
from gateway.clock import BuildingClock
from gateway.model import HEALTH_POINT, Device, Judgement, Location, Text
from gateway.pipeline import Pipeline, recover
from gateway.store.journal import Journal
from gateway.store.samples import Samples

POINTS = 100

PROFILE = parse_profile(
    {
        "profile": "bench-100",
        "title": {"en": "100 registers", "zh": "一百个寄存器"},
        "source": [{"ref": "this benchmark", "verified": "code"}],
        "modbus": {"table": "holding", "type": "uint16"},
        "points": {f"p{n}": {"address": n, "scale": 0.1} for n in range(POINTS)},
    }
)
RULE = Rule.model_validate(
    {
        "rule": "BENCH-01",
        "title": {"en": "high", "zh": "高"},
        "severity": "low",
        "class": "equipment",
        "on": {"point": "p0"},
        "when": {"above": 1000},
    }
)


@dataclass
class Rig:
    clock: BuildingClock
    pipeline: Pipeline
    samples: Samples
    drivers: list[ModbusDriver]


def device(number: int, poll_ns: int) -> Device:
    points = (*profile_points(PROFILE), HEALTH_POINT)
    name = f"d{number}"
    return Device(
        id=name,
        system="bench",
        name=Text(name, name),
        profile=PROFILE.profile,
        location=Location(),
        poll_ns=poll_ns,
        points=points,
    )


@contextlib.asynccontextmanager
async def rig(
    ports: Sequence[int], units: int, poll_ns: int, rate: float, committed: Callable[[Judgement], None] = lambda _: None
) -> AsyncIterator[Rig]:
    """Everything opened in a folder of its own and closed again; nothing polls yet."""
    count = len(ports) * units
    engine = AlarmEngine(bind([RULE], [device(n, poll_ns) for n in range(count)]))
    specs = [
        UnitSpec(f"d{n}", f"link-{n // units}", n % units + 1, PROFILE, poll_ns, own_device=True) for n in range(count)
    ]
    clock = BuildingClock(rate=rate)
    with tempfile.TemporaryDirectory(prefix="anlou-bench-") as folder:
        journal, samples = Journal.open(Path(folder) / "alarm.db"), Samples.open(Path(folder) / "tele.db")
        try:
            await recover(engine, journal, samples, clock)
            drivers = [
                ModbusDriver(
                    link,
                    ModbusLinkOptions.model_validate({"modbus": f"tcp://127.0.0.1:{ports[int(link[5:])]}"}),
                    assignment,
                    clock,
                    lambda report: None,
                )
                for link, assignment in assign(specs, []).items()
            ]
            yield Rig(clock, Pipeline(engine, journal, samples, clock, after_commit=committed), samples, drivers)
        finally:
            await samples.close()
            await journal.close()


async def until_cancelled(driver: ModbusDriver, rig_: Rig) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await driver.run(rig_.pipeline.emit)
