"""`anlou demo`: a simulated building over real TCP, and the gateway that watches it, on free loopback ports."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gateway.app.house import Rooms
from gateway.app.lines import Lines
from gateway.app.memory import laying_up
from gateway.app.session import live_once, run_loop
from gateway.app.simulation import open_scenario, scenario_began, scenario_choices
from gateway.cli.run import port_number, speed, start_logging
from gateway.clock import host_wall_ns
from gateway.config.load import load_site
from gateway.config.problems import ConfigErrors
from gateway.config.starter import starter
from gateway.model import SECOND
from gateway.texts import say
from simulators.entry import SourceError
from simulators.scenario import Scenario
from simulators.simulation import SimulatedBuilding
from simulators.wiring import Wiring

DEFAULT_SPEED = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    names = ", ".join(scenario_choices())
    parser.add_argument("--scenario", default="storm-night", metavar="NAME", help=f"{names}, or a file")
    parser.add_argument("--site", type=Path, metavar="FILE", help="a changed copy of the demo's site file (anlou init)")
    parser.add_argument("--speed", type=speed, default=DEFAULT_SPEED, metavar="X", help="default: %(default)g")
    parser.add_argument("--seconds", type=float, metavar="N", help="end by itself after N seconds")
    parser.add_argument("--port", type=port_number, default=0, help="of the API; default: a free one")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep everything here and go on from it next time")
    parser.add_argument("--language", choices=["en", "zh"], default="en", help="of the demo's own sentences")


def run(options: argparse.Namespace) -> int:
    start_logging(logging.WARNING)
    try:
        scenario, wiring = open_scenario(options.scenario)
    except (SourceError, OSError) as problem:
        sys.stderr.write(f"anlou: {problem}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="anlou-demo-") as scratch:
        folder = options.data or Path(scratch) / "data"
        demo = Demo(options, scenario, wiring, folder)
        return run_loop(demo.main)


class Demo:
    """The building and its gateway in one process, so that one Ctrl-C ends both."""

    def __init__(self, options: argparse.Namespace, scenario: Scenario, wiring: Wiring, folder: Path) -> None:
        self._options = options
        self._scenario = scenario
        self._folder = folder
        self._began_ns = 0
        self._rooms: Rooms | None = None
        self._building = SimulatedBuilding(scenario, wiring, self._elapsed, self._wall)

    def _elapsed(self) -> float:
        if self._rooms is None:
            return 0.0
        return (self._rooms.clock.now().mono_ns - self._began_ns) / SECOND

    def _wall(self) -> int:
        return host_wall_ns() if self._rooms is None else self._rooms.clock.now().wall_ns

    def _say(self, key: str, **places: object) -> None:
        print(say(key, self._options.language, **places), flush=True)

    async def main(self, stop: asyncio.Event) -> int:
        ports = await self._building.start()
        try:
            # in the wheel the starter is a real folder too: hatchling unpacks it
            with laying_up():
                config = load_site(self._options.site or Path(str(starter() / "demo" / "site.yaml")), ports)
        except ConfigErrors as errors:
            sys.stderr.write(f"{errors}\n")
            await self._building.stop()
            return 2
        lines = Lines(ZoneInfo(config.site.timezone))
        title = self._scenario.title[self._options.language]
        self._say("scenario", name=self._scenario.name, title=title, speed=self._options.speed)
        self._say("stored", path=self._folder)
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:

            async def opened(rooms: Rooms) -> None:
                self._rooms = rooms
                self._began_ns = scenario_began(self._folder, self._scenario.name, rooms.clock.now().mono_ns)
                token = await _token(rooms)
                self._say("token", token=token)
                # a restarted demo: the building is where its time says before the first poll sees it
                await self._building.catch_up()
                group.create_task(_until(over, self._building.run()))
                group.create_task(_until(over, _print_changes(rooms, lines)))

            if self._options.seconds is not None:
                group.create_task(_until(over, _stop_after(self._options.seconds, stop)))
            try:
                code = await live_once(
                    config,
                    self._folder,
                    host="127.0.0.1",
                    port=self._options.port,
                    stop=stop,
                    rate=self._options.speed,
                    ready=lambda address: print(f"ready {address}", flush=True),
                    opened=opened,
                )
            finally:
                over.set()
                await self._building.stop()
        for line in function_codes(self._building.report()):
            print(line)
        self._say("ended")
        return code


async def _until(over: asyncio.Event, work: Any) -> None:
    """Let `work` run until `over`; its failure is the demo's."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        await over.wait()
        task.cancel()


async def _token(rooms: Rooms) -> str:
    """A token of its own for each run: the earlier ones stay valid and stay in the journal."""
    taken = {token["name"] for token in await rooms.access.listed()}
    number = next(number for number in range(1, len(taken) + 2) if f"demo-{number}" not in taken)
    return await rooms.access.create(f"demo-{number}", "operator", "demo")


async def _print_changes(rooms: Rooms, lines: Lines) -> None:
    changes = rooms.bus.subscribe(lambda: None, size=1000)
    async for change in changes:
        for line in lines.of(change):
            print(line, flush=True)


async def _stop_after(seconds: float, stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        stop.set()


def function_codes(report: Mapping[str, Any]) -> list[str]:
    """What each link's simulator was asked: the proof that nothing but reading happened."""
    found = []
    for link, seen in report.items():
        if "published" in seen:
            found.append(f"simulator {link}: {sum(seen['published'].values())} messages published by its devices")
            continue
        codes = sorted({code for unit in seen["units"].values() for code in unit["functions"]})
        found.append(f"simulator {link}: function codes seen: {', '.join(map(str, codes)) or 'none'}")
    return found
