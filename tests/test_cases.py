"""A bug report is a folder: what was on the wire, the site that met it, and what must come out.

`capture.jsonl` is what `anlou probe record` writes (docs/probe.md), `site.yaml` (with its `profiles/`) reads it over
the link that the capture names, `expect.yaml` says what must come of it: `expect` the last good values, `bad` the
reasons of points without one, `never` values that may at no time be good, `quarantined` how many messages were kept
aside for which reason, `probe` what the bench proposes for a whole device (null: nothing).
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from drivers.assign import LinkAssignment, assign
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.options import ModbusLinkOptions
from drivers.mqtt.driver import MqttDriver
from drivers.mqtt.options import MqttLinkOptions
from gateway.cli.probe_link import Direct
from gateway.cli.probe_reading import read_device
from gateway.clock import BuildingClock
from gateway.config.load import SiteConfig, load_site
from gateway.model import SECOND, Driver, Frame, LinkReport, Quality, Quarantined, Value
from simulators.capture import read_capture
from simulators.capture_play import CapturePlay

CASES = sorted(path.parent for path in (Path(__file__).parent / "cases").glob("*/expect.yaml"))
KEYS = {"title", "what", "expect", "bad", "never", "quarantined", "probe"}
SPEED = 4.0
PATIENCE, LOOK = 60.0, 0.02


class Outcome:
    """What came of a case so far."""

    def __init__(self) -> None:
        self.last: dict[tuple[str, str], tuple[Value, Quality]] = {}
        self.good: dict[tuple[str, str], set[Value]] = {}
        self.kept: Counter[str] = Counter()
        self.connected = False

    async def emit(self, frame: Frame) -> None:
        marks = frame.quality or [0] * len(frame.values)
        for point, value, mark in zip(frame.layout.points, frame.values, marks, strict=True):
            key = (frame.layout.device, point.key)
            self.last[key] = (value, Quality(mark))
            if mark == Quality.GOOD:
                self.good.setdefault(key, set()).add(value)
        if frame.accept is not None:
            frame.accept()

    def quarantine(self, item: Quarantined, accept: Callable[[], None]) -> None:
        self.kept[item.reason] += 1
        accept()

    def report(self, report: LinkReport) -> None:
        self.connected = self.connected or report.connected

    def missing(self, wanted: dict[str, Any]) -> list[str]:
        """What has not come out as the case says."""
        found = []
        for (device, point), value in flat(wanted.get("expect", {})):
            got = self.last.get((device, point))
            if got is None or got[1] is not Quality.GOOD or not same(got[0], value):
                found.append(f"{device}.{point}: {value!r} is expected, got {got}")
        for (device, point), reason in flat(wanted.get("bad", {})):
            got = self.last.get((device, point))
            if got is None or got[1].reason != reason:
                found.append(f"{device}.{point}: bad ({reason}) is expected, got {got}")
        kept = wanted.get("quarantined", {})
        return found + [f"{r}: {n} kept aside, got {self.kept[r]}" for r, n in kept.items() if self.kept[r] != n]


def flat(values: dict[str, dict[str, Any]]) -> list[tuple[tuple[str, str], Any]]:
    return [((device, point), value) for device, points in values.items() for point, value in points.items()]


def same(one: Value, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool) or not isinstance(one, (int, float)):
        return one == other
    return math.isclose(one, other, rel_tol=1e-6)


def driver(site: SiteConfig, assignment: LinkAssignment, clock: BuildingClock, outcome: Outcome) -> Driver:
    options = site.links[assignment.link]
    if isinstance(options, ModbusLinkOptions):
        return ModbusDriver(assignment.link, options, assignment, clock, outcome.report)
    return MqttDriver(
        assignment.link,
        options,
        assignment,
        clock,
        outcome.report,
        client_id="anlou-case",
        quarantine=outcome.quarantine,
        count=lambda **_: None,
        recent=lambda *_: [],
    )


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
async def test_case(folder: Path) -> None:
    wanted = YAML(typ="safe", pure=True).load((folder / "expect.yaml").read_text("utf-8"))
    assert wanted.keys() <= KEYS, "a key that nobody looks at would be a promise that nobody keeps"
    assert wanted.keys() & {"expect", "bad", "quarantined", "never"}
    capture = read_capture(folder / "capture.jsonl")
    clock = BuildingClock(rate=SPEED)
    play = CapturePlay(capture, lambda: clock.now().mono_ns / SECOND)
    ports = await play.start()
    outcome = Outcome()
    began = 0
    try:
        site = load_site(folder / "site.yaml", ports)
        drivers = [driver(site, one, clock, outcome) for one in assign(site.units, site.channels).values()]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.run(outcome.emit)) for one in drivers]
            for _ in range(round(PATIENCE / LOOK)):
                if outcome.connected and len(tasks) == len(drivers):
                    began = clock.now().mono_ns
                    tasks.append(group.create_task(play.run()))
                over = len(tasks) > len(drivers) and clock.now().mono_ns - began >= capture.seconds * SECOND
                if over and not outcome.missing(wanted):
                    break
                await asyncio.sleep(LOOK)
            for task in tasks:
                task.cancel()
        assert outcome.missing(wanted) == []
        for key, value in flat(wanted.get("never", {})):
            assert not any(same(one, value) for one in outcome.good.get(key, ())), f"{key} was {value}"
        await probed(site, wanted.get("probe", {}))
    finally:
        await play.stop()


async def probed(site: SiteConfig, wanted: dict[str, str | None]) -> None:
    """The bench on the same wire: the change that it proposes for the whole device."""
    for name, proposal in wanted.items():
        spec = next(unit for unit in site.units if unit.name == name)
        options = site.links[spec.link]
        assert not isinstance(options, MqttLinkOptions)
        clock = BuildingClock()
        asker = Direct(options, clock)
        try:
            found = await read_device(assign([spec], [])[spec.link].units, asker, clock)
        finally:
            asker.close()
        assert (found.hints[0].keys if found.hints else None) == proposal


def test_there_are_cases() -> None:
    assert len(CASES) >= 4
    assert all((folder / "capture.jsonl").exists() and (folder / "site.yaml").exists() for folder in CASES)
