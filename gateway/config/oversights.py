"""What a good site may still have forgotten. These are warnings: the site starts."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.bind import Bound, Catalogue
from alerts.milder import milder
from gateway.config.built import Built
from gateway.config.document import Path
from gateway.config.inspection import Inspection
from gateway.config.rules import Rules
from gateway.config.site_file import SiteDocument
from gateway.model import GATEWAY_DEVICE, HEALTH_POINT, Device
from gateway.near import either, nearest_all
from gateway.units import UnitError, convert

# a point of one's own is allowed; so near a standard name it is more likely a slip, and no pack would look at it
LIKELY_A_SLIP = 0.8


def warn_of_oversights(
    inspection: Inspection, site: SiteDocument, built: Built, bound: Bound, catalogue: Catalogue
) -> None:
    """Devices that no rule watches, modules that nobody reads, points that nearly have a standard name."""
    watched = _watched(bound)
    slips = _Slips(catalogue)
    for device in built.devices[:-1]:  # the last is the gateway itself
        if not device.disabled and device.id not in watched:
            message = f"no rule watches the points of {device.id!r}; it would be shown, but never raise an alarm"
            inspection.warn(site.document, ("devices", device.id), message)
        for path, message in slips.of(device):
            inspection.warn(site.document, path, message)
    fed = {channel.unit for channel in built.channels}
    for name in site.site.modules:
        if name not in fed:
            inspection.warn(site.document, ("modules", name), f"no device takes a point from the module {name!r}")


def warn_of_milder(rules: Rules, bound: Bound) -> None:
    """Alarms that a milder one would keep silent; told where the site has made one of the two so, if it has."""
    for each in milder(bound):
        places = ((each.named, each.loc), (each.by, ("severity",)), (each.silent, ("severity",)))
        rules.warn(each.message, places)


def told_of_units(inspection: Inspection, site: SiteDocument, built: Built, catalogue: Catalogue) -> set[str]:
    """The standard points that some device has in a unit of something else. It is told there, where it can be mended:
    each rule of a pack would complain at a line of its own, which nobody here may change.
    """
    found: set[str] = set()
    for device in built.devices[:-1]:
        standard = {**catalogue.get("all", {}), **catalogue.get(device.system, {})}
        for point in device.points:
            meant = standard.get(point.name)
            if meant is None or meant.unit is None or point.unit == meant.unit:
                continue
            try:
                if point.unit is not None:
                    convert(1.0, point.unit, meant.unit)
                    continue
                said = "has no unit"
            except UnitError:
                said = f"is in {point.unit}"
            of = f"{point.key!r} of {device.id!r}" + (f" ({device.profile})" if device.profile else "")
            told = f"{of} {said}, but the standard point {point.name!r} is in {meant.unit}: rules could not compare it"
            own = ("devices", device.id, "points", point.key)
            path = own if own in site.document.marks else ("devices", device.id)
            inspection.at_key(site.document, path, f"{told}; give it that unit, or another name")
            found.add(point.name)
    return found


def _watched(bound: Bound) -> set[str]:
    """Devices with a rule on more than their being online."""
    inputs = {slot: key for key, slot in bound.columns.slots.items()}
    own = [instance for instance in bound.instances if instance.companion_of is None]
    read = {inputs[slot] for instance in own for slot in instance.condition.slots}
    return {device for device, key in read if key != HEALTH_POINT.key} - {GATEWAY_DEVICE}


class _Slips:
    """Names that are nearly a standard one; of a thousand devices of one type each is looked up once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._meant: dict[tuple[str, str], list[str]] = {}

    def of(self, device: Device) -> Iterator[tuple[Path, str]]:
        names = {point.name for point in device.points}
        for point in device.points:
            if meant := [name for name in self._near(device.system, point.name) if name not in names]:
                yield (
                    ("devices", device.id, "points", point.key),
                    f"{point.name!r} is no standard point of system {device.system!r}, so no rule pack looks at it;"
                    f" did you mean {either(meant)}?",
                )

    def _near(self, system: str, name: str) -> list[str]:
        if (system, name) not in self._meant:
            standard = {**self._catalogue.get("all", {}), **self._catalogue.get(system, {})}
            self._meant[system, name] = [] if name in standard else nearest_all(name, standard, LIKELY_A_SLIP)
        return self._meant[system, name]
