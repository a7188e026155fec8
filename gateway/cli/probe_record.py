"""`anlou probe record`: what is answered or said, with its times, in a file that `anlou simulate` plays again."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from drivers.bench import capture
from drivers.modbus.blocks import blocks_of
from drivers.modbus.exceptions import ExceptionAnswer
from drivers.modbus.limits import Limits
from drivers.modbus.plan import Block
from drivers.mqtt.codec import DeviceCodec
from drivers.mqtt.options import MqttLinkOptions
from drivers.mqtt.packet import Arrived
from drivers.profile import ModbusProfile
from gateway.cli.probe_heard import listened
from gateway.cli.probe_link import Asker, ProbeError
from gateway.cli.probe_listen import listen
from gateway.cli.probe_reading import Asked, UnitReader
from gateway.cli.probe_registers import add_registers, blocks_for, first_of
from gateway.cli.probe_run import complete, passes, show_json, tell
from gateway.cli.probe_target import Target, add_device, add_link, target_of
from gateway.cli.probe_units import duration
from gateway.clock import BuildingClock, Clock, host_mono_ns, host_wall_ns
from gateway.model import SECOND

LARGEST = 64 * 1024 * 1024
SHORTEST_NS = SECOND // 10


@dataclass(slots=True)
class Recording:
    """A capture that is being written: its lines go to the disk one by one, so that Ctrl-C loses none."""

    out: TextIO
    began_ns: int
    lines: int = 0
    failed: int = 0
    size: int = 0

    @property
    def full(self) -> bool:
        return self.size >= LARGEST

    def now(self) -> float:
        return (host_mono_ns() - self.began_ns) / SECOND

    def write(self, line: str, *, failed: bool = False) -> None:
        self.out.write(f"{line}\n")
        self.out.flush()
        self.lines += 1
        self.failed += failed
        self.size += len(line)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="a file that is not there yet")
    add_device(parser)
    add_link(parser)
    add_registers(parser, required=False)
    parser.add_argument("--every", type=duration, default=SECOND, metavar="T", help="between two rounds (default: 1s)")
    parser.add_argument("--filter", action="append", metavar="FILTER", help="MQTT: topics (default: its own, or #)")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="N", help="record so long (default: 60)")


def run(options: argparse.Namespace) -> int:
    if not 0 < options.seconds <= 7 * 86_400:
        raise ProbeError(f"--seconds {options.seconds:g}: above 0, at most a week", 2)
    target = target_of(options)
    if target.warning:
        tell(f"anlou: {target.warning}")
    if isinstance(target.options, MqttLinkOptions):
        recorded = _messages(target, options)
    else:
        recorded = _registers(target, options)
    said = f"{recorded.lines} lines, {recorded.failed} of them without an answer"
    full = "; the file has reached its limit" if recorded.full else ""
    if options.json:
        body = {"file": str(options.out), "lines": recorded.lines, "failed": recorded.failed, "full": recorded.full}
        show_json(body)
    else:
        print(f"{options.out}: {said}{full}. Play it: anlou simulate --capture {options.out}")
    return 0 if recorded.lines > recorded.failed else 1


@contextmanager
def _opened(file: Path, wire: str, link: str) -> Iterator[Recording]:
    try:
        # never over another capture
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        raise ProbeError(f"{file} is there already; a capture is never written over", 2) from None
    except OSError as error:
        raise ProbeError(f"{file}: {(error.strerror or str(error)).lower()}", 2) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(capture.head(wire, link, host_wall_ns()) + "\n")
        yield Recording(out, host_mono_ns())


def _link_name(target: Target) -> str:
    return target.link if "://" not in target.link else "capture"


def _messages(target: Target, options: argparse.Namespace) -> Recording:
    filters = options.filter or ["#"]
    if options.filter is None and target.unit is not None:
        filters = [topic for one in target.assignments for topic in listened(DeviceCodec(one))]

    with _opened(options.out, "mqtt", _link_name(target)) as recording:

        async def work(stop: asyncio.Event) -> bool:
            def take(message: Arrived, _: int) -> None:
                line = capture.message(recording.now(), message.topic, message.payload, retain=message.retain)
                recording.write(line)
                if recording.full:
                    stop.set()

            tell(f"recording {', '.join(filters)} at {target.options.endpoint} for {options.seconds:g} s; Ctrl-C stops")
            await listen(target.mqtt, filters, options.seconds, stop, take)
            return True

        complete(work, gentle=True)
        return recording


def _registers(target: Target, options: argparse.Namespace) -> Recording:
    readers = _what(target, options)
    every_ns = max(options.every, SHORTEST_NS)
    clock = BuildingClock()
    asker = target.asker(options.data, clock)
    with _opened(options.out, "modbus", _link_name(target)) as recording:

        async def work(stop: asyncio.Event) -> bool:
            through = ", through the gateway that reads it" if asker.through else ""
            tell(f"recording at {target.options.endpoint}{through} for {options.seconds:g} s; Ctrl-C stops")
            try:
                await _rounds(recording, readers, asker, clock, every_ns=every_ns, seconds=options.seconds, stop=stop)
            finally:
                asker.close()
            return True

        complete(work, gentle=True)
        return recording


_Plan = Sequence[tuple[int, Limits, tuple[Block, ...]]]
"""Unit number, its device's limits, and what is asked of it in each round."""


def _what(target: Target, options: argparse.Namespace) -> _Plan:
    planned: list[tuple[int, Limits, tuple[Block, ...]]] = []
    for assignment in target.assignments:
        profile, number = assignment.spec.profile, assignment.unit
        if isinstance(profile, ModbusProfile) and number is not None:
            planned.append((number, profile.modbus.limits, blocks_of(profile, assignment.keys)))
    if planned:
        return planned
    if options.first is None or options.unit is None:
        raise ProbeError("what is to be recorded? A device's NAME, --profile, or --unit and --from", 2)
    table, first = first_of(options)
    return [(options.unit, Limits(), blocks_for(table, first, options.count))]


async def _rounds(
    recording: Recording,
    planned: _Plan,
    asker: Asker,
    clock: Clock,
    *,
    every_ns: int,
    seconds: float,
    stop: asyncio.Event,
) -> None:
    due_ns = clock.now().mono_ns
    while not (stop.is_set() or recording.full or recording.now() >= seconds):
        for unit, limits, blocks in planned:
            reader = UnitReader(asker, clock, unit, limits)
            for block in blocks:
                at = recording.now()
                asked = await reader.ask(block)
                recording.write(_line(at, unit, block, asked), failed=asked.payload is None)
        due_ns = max(due_ns + every_ns, clock.now().mono_ns)
        await passes(stop, (due_ns - clock.now().mono_ns) / SECOND)


def _line(at: float, unit: int, block: Block, asked: Asked) -> str:
    if asked.payload is not None:
        return capture.answered(at, unit, block, asked.payload, asked.took_s or 0.0)
    if isinstance(asked.error, ExceptionAnswer):
        return capture.refused(at, unit, block, asked.error.code)
    return capture.silent(at, unit, block)
