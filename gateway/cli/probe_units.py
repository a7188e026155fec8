"""`anlou probe units`: which unit numbers answer on a link. One cheap question each, a pause between two."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from drivers.base import DriverError, SessionError
from drivers.modbus.cell import Table
from drivers.modbus.exceptions import Consequence, ExceptionAnswer
from drivers.modbus.plan import Block
from gateway.cli.probe_link import Asker, ProbeError
from gateway.cli.probe_reading import Asked, UnitReader
from gateway.cli.probe_registers import first_of
from gateway.cli.probe_run import columns, complete, milliseconds, passes, show_json, tell
from gateway.cli.probe_target import add_link, target_of, unit_number
from gateway.clock import BuildingClock, Clock
from gateway.fields import parse_duration
from gateway.model import SECOND, ErrorKind

# the link itself is gone when so many connections in a row fail
MOST_FAILED = 3
TELL_EVERY = 20


@dataclass(frozen=True, slots=True)
class Answers:
    """A unit that is there: what it said, and after how long."""

    unit: int
    said: str
    took_s: float | None
    exception: int | None = None


@dataclass(slots=True)
class Scan:
    """What has been found so far. `asked` counts units; `disturbed` are those whose answer was no proven one."""

    found: list[Answers] = field(default_factory=list)
    disturbed: dict[int, str] = field(default_factory=dict)
    asked: int = 0
    stopped: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_link(parser)
    parser.add_argument("--from", dest="low", type=unit_number, default=1, metavar="N", help="first (default: 1)")
    parser.add_argument("--to", dest="high", type=unit_number, default=247, metavar="N", help="last (default: 247)")
    parser.add_argument("--pause", type=duration, default=SECOND, metavar="T", help="between two (default: 1s)")
    parser.add_argument("--timeout", type=duration, metavar="T", help="for one answer (default: the link's)")
    parser.add_argument("--table", choices=[str(table) for table in Table], default="holding", help="of the question")
    parser.add_argument("--register", dest="first", default="0", metavar="A", help="of the question (default: 0)")
    parser.set_defaults(base="0", count=1)


def duration(text: str) -> int:
    """`500ms`, `1s` … in nanoseconds."""
    try:
        return parse_duration(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None


def run(options: argparse.Namespace) -> int:
    if options.low > options.high:
        raise ProbeError(f"--from {options.low} --to {options.high}: the lower number comes first", 2)
    target = target_of(options)
    table, address = first_of(options)
    clock = BuildingClock()
    asker = target.asker(options.data, clock)
    timeout_ns = options.timeout or target.modbus.timeout
    units = range(options.low, options.high + 1)
    longest = len(units) * (timeout_ns + options.pause) / SECOND
    through = ", through the gateway that reads it" if asker.through else ""
    most = f"{longest / 60:.0f} min" if longest >= 120 else f"{longest:.0f} s"
    tell(f"asking {len(units)} units at {target.options.endpoint}{through}; at most {most}, Ctrl-C stops")

    async def work(stop: asyncio.Event) -> Scan:
        try:
            block = Block(table, address, 1, ())
            return await scan(asker, clock, units, block, pause_ns=options.pause, timeout_ns=options.timeout, stop=stop)
        finally:
            asker.close()

    found = complete(work, gentle=True)
    if options.json:
        show_json(_body(found, target.options.endpoint))
    else:
        for line in _lines(found, len(units)):
            print(line)
    return 0 if found.found else 1


async def scan(
    asker: Asker,
    clock: Clock,
    units: range,
    block: Block,
    *,
    pause_ns: int,
    timeout_ns: int | None,
    stop: asyncio.Event,
) -> Scan:
    """Ask one unit after the other until `stop`; SessionError when there is no link at all."""
    found = Scan()
    failed = 0
    for unit in units:
        asked = await UnitReader(asker, clock, unit, timeout_ns=timeout_ns).ask(block)
        found.asked += 1
        failed = failed + 1 if _is_no_link(asked.error) else 0
        if failed >= MOST_FAILED and asked.error is not None:
            raise asked.error
        if (answers := _heard(unit, asked)) is not None:
            found.found.append(answers)
            tell(f"unit {unit}: {answers.said}")
        elif asked.error is not None and asked.error.kind in (ErrorKind.BAD_REPLY, ErrorKind.CRC):
            found.disturbed[unit] = asked.error.message
        if found.asked % TELL_EVERY == 0:
            tell(f"… {unit}")
        if stop.is_set() or (unit != units[-1] and not await passes(stop, pause_ns / SECOND)):
            found.stopped = unit != units[-1]
            break
    return found


def _is_no_link(error: DriverError | None) -> bool:
    return isinstance(error, SessionError) and error.kind is ErrorKind.CONNECT


def _heard(unit: int, asked: Asked) -> Answers | None:
    """What the unit said; None when nobody did, or a gateway for it."""
    if asked.payload is not None:
        return Answers(unit, "answers", asked.took_s)
    error = asked.error
    if isinstance(error, ExceptionAnswer) and error.consequence is not Consequence.ABSENT:
        return Answers(unit, f"answers with {error.message}", None, error.code)
    return None


def _body(found: Scan, endpoint: str) -> dict[str, Any]:
    return {
        "endpoint": endpoint,
        "asked": found.asked,
        "stopped": found.stopped,
        "units": [
            {
                "unit": one.unit,
                "said": one.said,
                "exception": one.exception,
                "rtt_ms": None if one.took_s is None else round(one.took_s * 1000, 1),
            }
            for one in found.found
        ],
        "disturbed": {str(unit): why for unit, why in found.disturbed.items()},
    }


def _lines(found: Scan, of: int) -> Iterator[str]:
    yield from columns([(f"unit {one.unit}", one.said, milliseconds(one.took_s)) for one in found.found])
    for unit, why in found.disturbed.items():
        yield f"unit {unit}: something answers, but not this question: {why}"
    stopped = f" of {of}, then stopped" if found.stopped else ""
    yield f"{len(found.found)} of the units answer; {found.asked} asked{stopped}"
