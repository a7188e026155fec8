"""Who is read when, over which link, and whether every bus has the time for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from drivers.assign import AssignmentError, LinkAssignment, assign
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
    """The devices, with the periods of the points that are read less often than the rest."""
    seldom: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for assignment in assignments.values():
        for unit in assignment.units:
            for pace in unit.paces:
                for feed in pace.feeds:
                    seldom[feed.layout.device].update((point.key, pace.period_ns) for point in feed.layout.points)
    return [_with(device, seldom.get(device.id, {})) for device in devices]


def _with(device: Device, periods: Mapping[str, int]) -> Device:
    longer = {key: period for key, period in periods.items() if period > device.poll_ns}
    return replace(device, periods=longer) if longer and device.poll_ns else device


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
        elif options.allow_overrun:
            inspection.warn(site.document, ("links", name), too_much)
        else:
            inspection.at_key(site.document, ("links", name), f"{too_much}, or say `allow_overrun: true`")
    return found
