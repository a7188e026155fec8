"""From the entries of the site file to devices, units and channels, with every cross check between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from drivers.assign import ChannelSpec, UnitSpec
from drivers.profile import ChannelOptions, Profile, channel_point, profile_points
from gateway.config.inspection import Inspection
from gateway.config.nearest import unknown
from gateway.config.profiles import Profiles
from gateway.config.site import DEFAULT_POLL_NS, DeviceEntry, Module, Place
from gateway.config.site_file import SiteDocument
from gateway.model import GATEWAY_DEVICE, HEALTH_POINT, SECOND, Device, Location, Point, PointType, Text

MAX_DEVICES = 2_000
MAX_POINTS = 200_000
GATEWAY = Device(
    id=GATEWAY_DEVICE,
    system=GATEWAY_DEVICE,
    name=Text("Gateway", "网关"),
    profile=None,
    location=Location(),
    poll_ns=10 * SECOND,
    points=(
        Point("disk_used", PointType.FLOAT, "%"),
        Point("outbox_pending", PointType.INT),
        Point("queue_depth", PointType.INT),
        Point("loop_lag", PointType.FLOAT, "s"),
        HEALTH_POINT,
    ),
)


@dataclass
class Built:
    """What the entries became. `complete` is False when an entry had to be left out."""

    units: dict[str, UnitSpec] = field(default_factory=dict)
    channels: list[ChannelSpec] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    complete: bool = True


def build(inspection: Inspection, site: SiteDocument, profiles: Profiles) -> Built:
    """Devices (the gateway last), units and channels; problems are noted."""
    return _Builder(inspection, site, profiles).build()


class _Builder:
    def __init__(self, inspection: Inspection, site: SiteDocument, profiles: Profiles) -> None:
        self.inspection, self.document, self.site = inspection, site.document, site.site
        self.entries, self.profiles, self.built = site, profiles, Built()
        self.addresses: dict[tuple[str, int], tuple[str, str]] = {}

    def build(self) -> Built:
        modules, devices = self.site.modules, self.site.devices
        if len(devices) > MAX_DEVICES:
            self.problem(("devices",), f"at most {MAX_DEVICES:,} devices are allowed, got {len(devices):,}")
            return self.built
        for name, module in modules.items():
            self.unit(("modules", name), name, module, own_device=False)
        for name, entry in devices.items():
            self.names(name)
            self.unit(("devices", name), name, entry, own_device=True)
        for name, entry in devices.items():
            self.device(name, entry)
        points = sum(len(device.points) for device in self.built.devices)
        if points > MAX_POINTS:
            self.problem(("devices",), f"at most {MAX_POINTS:,} points are allowed, got {points:,}")
        self.built.devices.append(GATEWAY)
        return self.built

    def names(self, name: str) -> None:
        if name == GATEWAY_DEVICE:
            self.problem(("devices", name), f"the gateway itself is the device {name!r}; choose another id")
        if name in self.entries.names("modules"):
            where = self.document.line_of(("modules", name))
            self.problem(("devices", name), f"the module in {where} has the same id {name!r}; choose another one")

    def unit(self, path: tuple[str, str], name: str, entry: Module | DeviceEntry, *, own_device: bool) -> None:
        """What answers at (link, unit), if the entry names one and everything about it is right."""
        if entry.profile is None:
            self.no_unit(path, entry)
            return
        profile = self.profile(path, entry.profile)
        if entry.link is None or entry.unit is None:
            lacking = "link" if entry.link is None else "unit"
            self.problem(path, f"the key {lacking!r} is missing: what has a profile answers on a link as a unit")
            return
        if entry.link not in self.entries.names("links"):
            self.problem((*path, "link"), unknown("link", entry.link, self.entries.names("links")), value=True)
        if (entry.link, entry.unit) in self.addresses:
            first = self.document.line_of(self.addresses[entry.link, entry.unit])
            message = f"unit {entry.unit} of link {entry.link!r} is taken by {first}; each unit answers for one entry"
            self.problem((*path, "unit"), message, value=True)
        self.addresses.setdefault((entry.link, entry.unit), path)
        if profile is None:
            return
        if profile.needs_liveness:
            told = profile.needs_liveness.en
            self.inspection.warn(self.document, (*path, "profile"), f"this device wants a life sign: {told}")
        if not (isinstance(entry, DeviceEntry) and entry.disabled):
            poll = DEFAULT_POLL_NS if entry.poll is None else entry.poll
            self.built.units[name] = UnitSpec(name, entry.link, entry.unit, profile, poll, own_device)

    def no_unit(self, path: tuple[str, str], entry: Module | DeviceEntry) -> None:
        for key in ("link", "unit", "poll"):
            if getattr(entry, key) is not None:
                self.problem(
                    (*path, key), f"without a `profile` nothing is read from this device, so `{key}` has no use"
                )
        if isinstance(entry, DeviceEntry) and not entry.points:
            self.problem(path, "nothing would be read: a `profile`, or `points` from modules, are expected")

    def profile(self, path: tuple[str, str], name: str) -> Profile | None:
        try:
            found = self.profiles.get(name)
        except LookupError as error:
            self.problem((*path, "profile"), str(error.args[0]), value=True)
            return None
        self.built.complete &= found is not None
        return found

    def device(self, name: str, entry: DeviceEntry) -> None:
        profile = self.profiles_known(entry.profile)
        points = {point.key: point for point in profile_points(profile)} if profile else {}
        of_profile = set(points)
        polls = [self.built.units[name].poll_ns] if name in self.built.units else []
        for key, point, unit in self.channels(name, entry):
            path = ("devices", name, "points", key)
            if key in of_profile:
                self.problem(path, f"the profile {entry.profile!r} already has a point {key!r}; choose another name")
            elif key == HEALTH_POINT.key:
                self.problem(path, f"every device already has a point {key!r}; choose another name")
            points[key] = point
            polls += [self.built.units[unit].poll_ns] if unit in self.built.units else []
        system = entry.system or (profile.system if profile else None)
        if system is None:
            if entry.profile is None or profile is not None:
                self.problem(("devices", name), "the key 'system' is missing, and the profile does not say it either")
            return
        self.built.devices.append(
            Device(
                id=name,
                system=system,
                name=entry.name or Text(name, name),
                profile=entry.profile,
                location=_location(entry.at),
                poll_ns=max(polls, default=DEFAULT_POLL_NS),  # its slowest source: nothing is late before that
                points=(*points.values(), HEALTH_POINT),
                disabled=entry.disabled,
            )
        )

    def profiles_known(self, name: str | None) -> Profile | None:
        try:
            return self.profiles.get(name) if name else None
        except LookupError:
            return None

    def channels(self, device: str, entry: DeviceEntry) -> Iterator[tuple[str, Point, str]]:
        """(key, point, unit) of the device's channels that are right."""
        used: dict[tuple[object, ...], str] = {}
        for key, options in entry.points.items():
            path = ("devices", device, "points", key)
            same = tuple(str(value) for value in options.model_dump().values())
            if same in used:
                first = self.document.line_of((*path[:-1], used[same]))
                self.problem(path, f"reads the same channel in the same way as {used[same]!r} in {first}")
            used.setdefault(same, key)
            point = self.channel(path, key, options)
            if point is None:
                self.built.complete = False
                continue
            if not entry.disabled:
                self.built.channels.append(ChannelSpec(device, key, options.module, options.point, options))
            yield key, point, options.module

    def channel(self, path: tuple[str, ...], key: str, options: ChannelOptions) -> Point | None:
        source = self.site.modules.get(options.module) or self.site.devices.get(options.module)
        if source is None or source.profile is None:
            self.no_channel_source(path, options.module)
            return None
        if isinstance(source, DeviceEntry) and source.disabled:
            self.problem((*path, "from"), f"{options.module!r} is disabled, so this would never be read", value=True)
        profile = self.profiles_known(source.profile)
        if profile is None:
            return None
        if options.point not in profile.readings:
            said = unknown(f"point of {options.module!r} ({source.profile})", options.point, profile.readings)
            self.problem((*path, "from"), said, value=True)
            return None
        try:
            return channel_point(key, options, profile)
        except ValueError as error:
            self.unfit(path, str(error))
            return None

    def no_channel_source(self, path: tuple[str, ...], name: str) -> None:
        if name in self.site.devices:
            self.problem((*path, "from"), f"the device {name!r} has no profile and so no channels", value=True)
        elif name not in self.entries.names("modules") + self.entries.names("devices"):
            with_channels = [other for other, entry in self.site.devices.items() if entry.profile]
            known = [*self.entries.names("modules"), *with_channels]
            self.problem((*path, "from"), unknown("module", name, known), value=True)

    def unfit(self, path: tuple[str, ...], message: str) -> None:
        """`linear: …` points at the key `linear`, if the site says it; else at the point."""
        key = message.partition(":")[0]
        place = (*path, key)
        if place in self.document.marks:
            self.problem(place, message.partition(":")[2].strip(), value=True)
        else:
            self.problem(path, message)

    def problem(self, path: tuple[str, ...], message: str, *, value: bool = False) -> None:
        self.built.complete = False
        (self.inspection.at_value if value else self.inspection.at_key)(self.document, path, message)


def _location(place: Place) -> Location:
    return Location(place.building, place.floor, place.zone)
