"""`anlou check --plan`: what is asked of each bus, and who is expected to speak on each broker, with the arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from drivers.modbus.budget import LinkBudget, PaceBudget, UnitBudget
from drivers.mqtt.codec import DeviceCodec
from drivers.mqtt.options import MqttLinkOptions
from gateway.config.load import SiteConfig
from gateway.fields import duration_words
from gateway.model import SECOND

_HEAD = ("unit", "entry", "profile", "every", "for", "points", "requests", "bytes out", "in", "time", "load")
_LEFT = 5  # columns of words; the others are numbers


def plan_body(site: SiteConfig) -> dict[str, Any]:
    """The plan as JSON."""
    return {"plan": [_bus(site, bus) for bus in site.buses.values()], "senders": senders(site)}


def plan_lines(site: SiteConfig) -> Iterator[str]:
    """The plan for people."""
    for bus in site.buses.values():
        yield from _bus_lines(bus)
    for sender in senders(site):
        yield "  {link} {name} ({profile}) {expected}: {listened}".format(**sender)
    for link, profiles in site.discover.items():
        for profile in profiles:
            topic = profile.mqtt.announce.topic if profile.mqtt.announce else ""
            yield f"  {link} looks for devices of {profile.profile}: {topic}"
    for link in site.assignments:
        if watched := getattr(site.links[link], "watch", ()):
            yield f"  {link} notices messages from nobody under {', '.join(watched)}"


def _bus(site: SiteConfig, bus: LinkBudget) -> dict[str, Any]:
    line = bus.options.line
    fed = {(unit.spec.name, unit.unit): list(unit.devices) for unit in site.assignments[bus.link].units}
    return {
        "link": bus.link,
        "endpoint": bus.options.endpoint,
        "baud": None if line is None else line.baud,
        "answer_s": bus.answer_ns / SECOND,
        "answer_assumed": not bus.told,
        "units": [
            {
                "name": unit.name,
                "unit": unit.unit,
                "profile": unit.profile,
                "load": _rounded(unit.load),
                "dead_s": _rounded(unit.dead_s),
                "paces": [_pace(pace) for pace in unit.paces],
                "feeds": fed[unit.name, unit.unit],
            }
            for unit in bus.units
        ],
        "period_s": bus.period_ns / SECOND,
        "due_s": _rounded(bus.due_s),
        "requests_due": _rounded(bus.requests_due),
        "load": _rounded(bus.load),
        "cycle_s": _rounded(bus.cycle_s),
        "dead_s": _rounded(bus.dead_s),
        "load_with_dead": _rounded(bus.load_with_dead),
        "allow_overrun": bus.options.allow_overrun,
    }


def _pace(pace: PaceBudget) -> dict[str, Any]:
    return {
        "period_s": pace.period_ns / SECOND,
        "urgent": pace.urgent,
        "points": pace.points,
        "requests": len(pace.blocks),
        "blocks": list(map(str, pace.blocks)),
        "bytes_out": pace.bytes_out,
        "bytes_in": pace.bytes_in,
        "seconds": _rounded(pace.seconds),
        "load": _rounded(pace.load),
    }


def _bus_lines(bus: LinkBudget) -> Iterator[str]:
    line = f", {bus.options.line}" if bus.options.line is not None else ""
    said = "said" if bus.told else "assumed"
    yield f"  {bus.link}: {bus.options.endpoint}{line}; {duration_words(bus.answer_ns)} for each answer ({said})"
    rows = [(_row(unit, pace), pace) for unit in bus.units for pace in unit.paces]
    widths = [max(map(len, column)) for column in zip(_HEAD, *(row for row, _ in rows), strict=True)]
    yield f"    {_aligned(_HEAD, widths)}"
    for row, pace in rows:
        yield f"    {_aligned(row, widths)}"
        yield f"    {'':{widths[0]}}  reads {_registers(pace)}"
    yield (
        f"    total: {_count(bus.requests_due)}, {_time(bus.due_s)} in each {duration_words(bus.period_ns)}"
        f" ({bus.load:.0%}); everything at once takes {_time(bus.cycle_s)}"
    )
    if len(bus.units) > 1:
        yield (
            f"    with a dead unit: the others wait {_time(bus.dead_s)} in each of two cycles, then it is only probed"
            f" ({bus.load_with_dead:.0%})"
        )


def _row(unit: UnitBudget, pace: PaceBudget) -> tuple[str, ...]:
    return (
        str(unit.unit),
        unit.name,
        unit.profile,
        duration_words(pace.period_ns),
        "alarms" if pace.urgent else "trends",
        str(pace.points),
        str(len(pace.blocks)),
        str(pace.bytes_out),
        str(pace.bytes_in),
        _time(pace.seconds),
        f"{pace.load:.1%}",
    )


def _registers(pace: PaceBudget) -> str:
    """`input 0…17, 52…53; holding 300`."""
    tables: dict[str, list[str]] = {}
    for block in pace.blocks:
        table, _, registers = str(block).partition(" ")
        tables.setdefault(table, []).append(registers)
    return "; ".join(f"{table} {', '.join(registers)}" for table, registers in tables.items()) or "nothing"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        text.ljust(width) if number < _LEFT else text.rjust(width)
        for number, (text, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _count(requests: float) -> str:
    return f"{requests:.3g} request{'' if requests == 1 else 's'}"


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _rounded(number: float) -> float:
    return round(number, 6)


def senders(site: SiteConfig) -> list[dict[str, Any]]:
    """Who speaks on MQTT links, on which topics, and what would tell that it is gone."""
    found = []
    for link, assignment in site.assignments.items():
        for unit in assignment.units if isinstance(site.links[link], MqttLinkOptions) else ():
            codec = DeviceCodec(unit)
            every = unit.spec.poll_ns / SECOND
            found.append(
                {
                    "link": link,
                    "name": unit.spec.name,
                    "profile": unit.spec.profile.profile,
                    "expected_s": every or None,
                    "expected": f"every {every:g} s" if every else "when something changes",
                    "topics": sorted(codec.topics),
                    "availability_topic": codec.availability_topic,
                    "listened": ", ".join(listened(codec)),
                    "feeds": list(unit.devices),
                }
            )
    return found


def listened(codec: DeviceCodec) -> list[str]:
    """The topics that are subscribed for a device."""
    return [*sorted(codec.topics), *([codec.availability_topic] if codec.availability_topic else [])]
