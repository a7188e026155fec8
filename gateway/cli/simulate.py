"""`anlou simulate`: only the simulated building, or a capture, on loopback, for a gateway started beside it."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

from gateway.app.session import run_loop
from gateway.app.simulation import EPOCH, open_scenario, scenario_choices
from gateway.cli.run import speed
from gateway.clock import BuildingClock, Clock, host_wall_ns
from gateway.model import SECOND
from simulators.capture import CaptureError, read_capture
from simulators.capture_play import CapturePlay
from simulators.entry import SourceError
from simulators.simulation import SimulatedBuilding


def add_arguments(parser: argparse.ArgumentParser) -> None:
    played = parser.add_mutually_exclusive_group(required=True)
    played.add_argument("scenario", nargs="?", metavar="SCENARIO", help=f"{', '.join(scenario_choices())}, or a file")
    played.add_argument("--capture", type=Path, metavar="FILE", help="instead: what `anlou probe record` has written")
    parser.add_argument("--site", type=Path, metavar="FILE", help="simulation.yaml of another building")
    parser.add_argument("--speed", type=speed, default=1.0, help="so much faster than real time")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write what was asked for as JSON at the end")


def run(options: argparse.Namespace) -> int:
    try:
        made = _opened(options)
    except (SourceError, CaptureError, OSError) as problem:
        sys.stderr.write(f"anlou: {problem}\n")
        return 2

    async def main(stop: asyncio.Event) -> int:
        began_ns = host_wall_ns()
        clock = BuildingClock(rate=options.speed, wall_origin_ns=began_ns)
        building = made(clock)
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


def _opened(options: argparse.Namespace) -> Callable[[Clock], SimulatedBuilding | CapturePlay]:
    """What is to be played, once there is a clock for it."""
    if options.capture is not None:
        capture = read_capture(options.capture)
        return lambda clock: CapturePlay(capture, lambda: clock.now().mono_ns / SECOND)
    scenario, wiring = open_scenario(options.scenario, options.site)
    return lambda clock: SimulatedBuilding(
        scenario, wiring, lambda: clock.now().mono_ns / SECOND, lambda: clock.now().wall_ns
    )
