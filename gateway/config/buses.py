"""Who is read when, over which link, and whether every bus has the time for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from drivers.assign import AssignmentError, Feed, LinkAssignment, Pace, UnitAssignment, assign
from drivers.modbus.budget import LinkBudget, budget, overrun, tight
from drivers.modbus.options import ModbusLinkOptions
from gateway.config.built import Built
from gateway.config.inspection import Inspection
from gateway.config.site_file import SiteDocument
from gateway.config.wires import LinkOptions
from gateway.model import Device

Assignments = Mapping[str, LinkAssignment]


def assigned(inspection: Inspection, site: SiteDocument, built: Built) -> Assignments:
    """What every link reads, for whom. What does not fit together is told at the entry that it is about."""
    try:
        return assign(list(built.units.values()), built.channels)
    except AssignmentError as error:
        name = str(error).partition(":")[0].partition(".")[0]
        section = "devices" if name in site.site.devices else "modules"
        inspection.at_key(site.document, (section, name), str(error))
        return {}


def with_periods(devices: Sequence[Device], assignments: Assignments) -> list[Device]:
    """The devices, with their links, and the periods of the points that have another one than the device."""
    known: defaultdict[str, dict[str, int]] = defaultdict(dict)
    links: defaultdict[str, list[str]] = defaultdict(list)
    for link, assignment in assignments.items():
        for device in dict.fromkeys(layout.device for layout in assignment.layouts):
            links[device].append(link)
        for unit in assignment.units:
            for pace in unit.paces:
                for feed in pace.feeds:
                    known[feed.layout.device].update(_periods(unit, pace, feed))
    return [_with(device, known.get(device.id, {}), links.get(device.id, [])) for device in devices]


def _periods(unit: UnitAssignment, pace: Pace, feed: Feed) -> Iterator[tuple[str, int]]:
    """That of its pace; of what comes by itself that of its sender, or what its profile says of the point."""
    readings = unit.spec.profile.readings
    for point, pick in zip(feed.layout.points, feed.picks, strict=True):
        said = readings[pace.keys[pick]].every_ns if unit.unit is None else None
        yield point.key, pace.period_ns if said is None else said


def _with(device: Device, periods: Mapping[str, int], links: Sequence[str]) -> Device:
    other = {key: period for key, period in periods.items() if period != device.poll_ns}
    return replace(device, periods=other, links=tuple(links)) if other or links else device


def budgets(
    inspection: Inspection, site: SiteDocument, assignments: Assignments, links: Mapping[str, LinkOptions]
) -> Mapping[str, LinkBudget]:
    """The arithmetic of every Modbus link. One that cannot do its polls is refused, unless the site allows it."""
    found: dict[str, LinkBudget] = {}
    for name, assignment in assignments.items():
        options = links[name]
        if not isinstance(options, ModbusLinkOptions):
            continue
        found[name] = budget(assignment, options)
        if (too_much := overrun(found[name])) is None:
            if (told := tight(found[name])) is not None:
                inspection.warn(site.document, ("links", name), told)
        elif options.allow_overrun or not _is_known(options):
            inspection.warn(site.document, ("links", name), too_much)
        else:
            inspection.at_key(site.document, ("links", name), f"{too_much}, or say `allow_overrun: true`")
    return found


def _is_known(options: ModbusLinkOptions) -> bool:
    """Characters on a line take time. How quick a network port is has only been assumed, unless the site says it."""
    return options.line is not None or options.assumed_rtt is not None
