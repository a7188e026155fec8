"""From the entries of the site file to devices, units and channels, with every cross check between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from drivers.assign import ChannelSpec
from drivers.profile import ChannelOptions, channel_point, made, made_of_channel, profile_points
from gateway.config.built import Built, Checker
from gateway.config.discover import lookouts
from gateway.config.inspection import Inspection
from gateway.config.nearest import unknown
from gateway.config.profiles import Profiles
from gateway.config.site import DEFAULT_POLL_NS, SYSTEMS, DeviceEntry, Place
from gateway.config.site_file import SiteDocument
from gateway.config.speakers import Speakers
from gateway.config.wires import wire_of
from gateway.health.points import gateway_points
from gateway.model import GATEWAY_DEVICE, HEALTH_POINT, SECOND, Device, Location, Part, Point, Text

MAX_DEVICES = 2_000
MAX_POINTS = 200_000


def build(inspection: Inspection, site: SiteDocument, profiles: Profiles) -> Built:
    """Devices (the gateway last), units and channels; problems are noted."""
    return _Builder(inspection, site, profiles).build()


class _Builder(Checker):
    def __init__(self, inspection: Inspection, site: SiteDocument, profiles: Profiles) -> None:
        super().__init__(inspection, site, Built())
        self.speakers = Speakers(inspection, site, self.built, profiles)

    def build(self) -> Built:
        modules, devices = self.site.modules, self.site.devices
        if len(devices) > MAX_DEVICES:
            self.problem(("devices",), f"at most {MAX_DEVICES:,} devices are allowed, got {len(devices):,}")
            return self.built
        for name, module in modules.items():
            self.speakers.add(("modules", name), name, module, own_device=False)
        for name, entry in devices.items():
            self.names(name)
            self.speakers.add(("devices", name), name, entry, own_device=True)
        for name, entry in devices.items():
            self.device(name, entry)
        points = sum(len(device.points) for device in self.built.devices)
        if points > MAX_POINTS:
            self.problem(("devices",), f"at most {MAX_POINTS:,} points are allowed, got {points:,}")
        self.built.devices.append(self.gateway())
        return self.built

    def gateway(self) -> Device:
        """The gateway itself, with the points of the links that are read or listened to."""
        read = {unit.link for unit in self.built.units.values()} | set(lookouts(self.site))
        links = {name: wire_of(link) == "mqtt" for name, link in self.site.links.items() if name in read}
        return Device(
            id=GATEWAY_DEVICE,
            system=GATEWAY_DEVICE,
            name=Text("Gateway", "网关"),
            profile=None,
            location=Location(),
            poll_ns=10 * SECOND,
            points=(*gateway_points(links, historian=self.site.historian is not None), HEALTH_POINT),
        )

    def names(self, name: str) -> None:
        if name == GATEWAY_DEVICE:
            self.problem(("devices", name), f"the gateway itself is the device {name!r}; choose another id")
        if name in self.entries.names("modules"):
            where = self.document.line_of(("modules", name))
            self.problem(("devices", name), f"the module in {where} has the same id {name!r}; choose another one")

    def device(self, name: str, entry: DeviceEntry) -> None:
        profile = self.speakers.profiles.get(name)
        points = {point.key: point for point in profile_points(profile)} if profile else {}
        of_profile = set(points)
        marks = made(profile) if profile else {}
        polls = [self.built.units[name].poll_ns] if name in self.built.units else []
        for key, point, unit in self.channels(name, entry):
            path = ("devices", name, "points", key)
            if key in of_profile:
                self.problem(path, f"the profile {entry.profile!r} already has a point {key!r}; choose another name")
            elif key == HEALTH_POINT.key:
                self.problem(path, f"every device already has a point {key!r}; choose another name")
            points[key] = point
            marks[key] = made_of_channel(entry.points[key], self.speakers.profiles[unit])
            polls += [self.built.units[unit].poll_ns] if unit in self.built.units else []
        system = entry.system or (profile.system if profile else None)
        if system is not None and system not in SYSTEMS:
            told = f"{unknown('system', system, SYSTEMS)} (its profile {entry.profile!r} says so)"
            self.problem(("devices", name), f"no rule would look at it: {told}")
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
                poll_ns=max(
                    polls, default=DEFAULT_POLL_NS
                ),  # of its slowest source; quicker points have periods of their own
                points=(*points.values(), HEALTH_POINT),
                disabled=entry.disabled,
                labels=entry.labels,
                parts=self.parts(name, entry, points.values()),
                made=marks,
            )
        )

    def parts(self, name: str, entry: DeviceEntry, points: Iterable[Point]) -> dict[str, Part]:
        """The parts that the site names. Each has a point; else it would be a name that nothing ever happens to."""
        known = dict.fromkeys(point.part for point in points if point.part is not None)
        for part in entry.parts if entry.profile is None or name in self.speakers.profiles else ():
            # what a profile with templates does not know has been told already
            if part not in known and not self.speakers.has_templates(name):
                self.problem(("devices", name, "parts", part), unknown("part", part, known))
        return {part: Part(part, said.name, _location(said.at)) for part, said in entry.parts.items()}

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
        profile = self.speakers.profiles.get(options.module)
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


def _location(place: Place) -> Location:
    return Location(place.building, place.floor, place.zone)
