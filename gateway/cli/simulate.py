"""`anlou simulate`: only the simulated building on loopback, for a gateway started beside it."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from gateway.app.session import run_loop
from gateway.app.simulation import EPOCH, open_scenario, scenario_choices
from gateway.cli.run import speed
from gateway.clock import BuildingClock, host_wall_ns
from gateway.model import SECOND
from simulators.entry import SourceError
from simulators.simulation import SimulatedBuilding


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO", help=f"{', '.join(scenario_choices())}, or a file")
    parser.add_argument("--site", type=Path, metavar="FILE", help="simulation.yaml of another building")
    parser.add_argument("--speed", type=speed, default=1.0, help="so much faster than real time")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write what was asked for as JSON at the end")


def run(options: argparse.Namespace) -> int:
    try:
        scenario, wiring = open_scenario(options.scenario, options.site)
    except (SourceError, OSError) as problem:
        sys.stderr.write(f"anlou: {problem}\n")
        return 2

    async def main(stop: asyncio.Event) -> int:
        began_ns = host_wall_ns()
        clock = BuildingClock(rate=options.speed, wall_origin_ns=began_ns)
        building = SimulatedBuilding(
            scenario, wiring, lambda: clock.now().mono_ns / SECOND, lambda: clock.now().wall_ns
        )
        ports = await building.start()
        try:
            for link, port in ports.items():
                print(f"ANLOU_PORT_{link.upper().replace('-', '_')}={port}")
            if options.speed != 1.0:
                print(f"{EPOCH}={began_ns}")
            print("ready", flush=True)
            async with asyncio.TaskGroup() as group:
                stepping = group.create_task(building.run())
                await stop.wait()
                stepping.cancel()
        finally:
            await building.stop()
        if options.report:
            options.report.write_text(json.dumps(building.report(), indent=2, default=str))
        return 0

    return run_loop(main)
