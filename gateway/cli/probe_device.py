"""`anlou probe device`: one device read once, each point from registers to quality, and what would read better."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from typing import Any

from drivers.base import SessionError
from drivers.bench.hints import told
from drivers.modbus.exceptions import ExceptionAnswer
from drivers.modbus.references import reference_trap
from drivers.profile import ModbusProfile, Profile
from gateway.cli.probe_heard import add_listening, run_heard
from gateway.cli.probe_link import ProbeError
from gateway.cli.probe_reading import DeviceRead, Read, read_device, refusals
from gateway.cli.probe_run import columns, complete, milliseconds, show_json, tell
from gateway.cli.probe_target import NAME, Target, add_device, add_link, target_of
from gateway.clock import BuildingClock
from gateway.model import Quality

# no fault of anybody's: the device says that it has no such thing, or none at the moment
EXPECTED = frozenset({Quality.GOOD, Quality.BAD_NOT_FITTED, Quality.BAD_NO_VALUE})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_device(parser)
    add_link(parser)
    add_listening(parser)


def run(options: argparse.Namespace) -> int:
    target = target_of(options)
    if target.unit is None:
        raise ProbeError("which device? Its NAME with --site FILE, or --profile and --unit with --link ADDRESS", 2)
    if target.warning:
        tell(f"anlou: {target.warning}")
    if target.unit.profile.wire == "mqtt":
        return run_heard(target, options)
    clock = BuildingClock()
    asker = target.asker(options.data, clock)

    async def work(_: asyncio.Event) -> DeviceRead:
        try:
            return await read_device(target.assignments, asker, clock)
        finally:
            asker.close()

    found = complete(work)
    if found.asked and all(isinstance(one.error, SessionError) for one in found.asked) and found.asked[-1].error:
        raise found.asked[-1].error
    if options.json:
        show_json(_body(target, found, str(asker.through) if asker.through else None))
    else:
        for line in _lines(target, found, asker.through is not None):
            print(line)
    if found.misfit is not None or found.hints:
        return 1
    return 0 if all(one.said.quality in EXPECTED for one in found.points) else 1


def _body(target: Target, found: DeviceRead, through: str | None) -> dict[str, Any]:
    return {
        "device": target.unit.name if target.unit else None,
        "profile": target.unit.profile.profile if target.unit else None,
        "link": target.link,
        "endpoint": target.options.endpoint,
        "through": through,
        "variant": found.variant,
        "misfit": found.misfit,
        "points": [_point(one) for one in found.points],
        "questions": [
            {
                "unit": one.unit,
                "table": one.block.table,
                "address": one.block.address,
                "count": one.block.count,
                "rtt_ms": _ms(one.took_s),
                "error": one.error.message if one.error else None,
                "aside": one.aside,
            }
            for one in found.asked
        ],
        "hints": [str(hint) for hint in found.hints],
    }


def _point(one: Read) -> dict[str, Any]:
    cell = one.cell
    return {
        "point": one.key,
        "unit_number": one.unit,
        "table": cell.table if cell else None,
        "address": cell.address if cell else None,
        "count": cell.words if cell else None,
        "raw": [f"{word:04X}" for word in one.words] if one.words is not None else None,
        "value": one.said.value,
        "unit": one.reading.point.unit,
        "quality": one.said.quality.grade,
        "reason": one.said.quality.reason,
        "rtt_ms": _ms(one.took_s),
        "hints": [str(hint) for hint in one.hints],
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


def _lines(target: Target, found: DeviceRead, through: bool) -> Iterator[str]:
    unit = target.unit
    name = unit.name if unit and unit.name != NAME else f"unit {unit.unit if unit else ''}"
    profile = unit.profile.profile if unit else ""
    how = ", through the gateway that reads it" if through else ""
    variant = f", variant {found.variant}" if found.variant else ""
    yield f"{name}: {profile}{variant} at {target.options.endpoint}{how}"
    rows: list[tuple[str, ...]] = [("point", "register", "raw", "value", "quality", "round trip")]
    rows += [_row(one, several=len({point.unit for point in found.points}) > 1) for one in found.points]
    lines = columns(rows)
    yield lines[0]
    for one, line in zip(found.points, lines[1:], strict=True):
        yield line
        for hint in one.hints[:1]:
            yield f"    {hint}"
    yield _summary(found)
    for why, times in refusals(found.asked).items():
        yield f"  {why}{f' ({times} times)' if times > 1 else ''}"
    if found.misfit:
        yield f"  {found.misfit}"
    if unit and _all_refused(found):
        yield _refused(unit.profile)
    for change in found.hints:
        yield f"for the whole device: {change}"
    if len(found.hints) > 1:
        yield "several changes fit as well: compare a value with what the device itself shows"


def _all_refused(found: DeviceRead) -> bool:
    """It is there, and has none of what the profile asks for."""
    asked = [one for one in found.asked if not one.aside]
    return bool(asked) and all(isinstance(one.error, ExceptionAnswer) for one in asked)


def _refused(profile: Profile) -> str:
    trap = reference_trap(profile) if isinstance(profile, ModbusProfile) else None
    return (
        f"the device refuses everything that is asked: {trap or 'another unit, table or `base`, or another profile?'}"
    )


def _row(one: Read, *, several: bool) -> tuple[str, ...]:
    where = "computed"
    if (cell := one.cell) is not None:
        last = f"…{cell.end - 1}" if cell.words > 1 else ""
        where = f"{f'unit {one.unit} ' if several else ''}{cell.table} {cell.address}{last}"
    raw = "" if one.words is None else " ".join(_word(one, word) for word in one.words)
    value = "-" if one.said.value is None else told(one.said.value, one.reading.point.unit)
    grade, reason = one.said.quality.grade, one.said.quality.reason
    return one.key, where, raw, value, f"{grade}: {reason}" if reason else grade, milliseconds(one.took_s)


def _word(one: Read, word: int) -> str:
    return str(word) if one.cell is not None and one.cell.table.is_bits else f"{word:04X}"


def _summary(found: DeviceRead) -> str:
    good = sum(one.said.quality is Quality.GOOD for one in found.points)
    asked = [one for one in found.asked if not one.aside]
    took = sorted(one.took_s for one in asked if one.took_s is not None)
    times = f", {milliseconds(took[0])} … {milliseconds(took[-1])}" if took else ", none answered"
    questions = f"{len(asked)} question{'s' if len(asked) != 1 else ''}"
    return f"{good} of {len(found.points)} points are good; {questions}{times}"
