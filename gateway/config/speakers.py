"""What speaks on the links: the senders of an MQTT link, and with gateway.config.units the units of a Modbus link."""

from __future__ import annotations

from itertools import pairwise

from drivers.adaptation import Adaptation
from drivers.assign import UnitSpec
from drivers.mqtt.topic import filled
from drivers.profile import ModbusProfile, MqttProfile, Profile
from gateway.config.adapting import fitted
from gateway.config.built import Built, Checker
from gateway.config.document import Path
from gateway.config.inspection import Inspection
from gateway.config.nearest import unknown
from gateway.config.profiles import Profiles
from gateway.config.site import DeviceEntry, Module
from gateway.config.site_file import SiteDocument
from gateway.config.units import Units
from gateway.config.wires import wire_of

_WIRES = {"modbus": "a Modbus link", "mqtt": "an MQTT link"}
_SPEAKS = {"modbus": "is of Modbus registers", "mqtt": "is of MQTT messages"}


class Speakers(Checker):
    """Checks and keeps the entries that have a profile. `profiles` are theirs, with the parts that the site names."""

    def __init__(self, inspection: Inspection, site: SiteDocument, built: Built, library: Profiles) -> None:
        super().__init__(inspection, site, built)
        self.profiles: dict[str, Profile] = {}
        self._library = library
        self._units = Units(inspection, site, built)
        self._topics: dict[tuple[str, str], Path] = {}
        self._departures: dict[tuple[str, str], Path] = {}

    def add(self, path: tuple[str, str], name: str, entry: Module | DeviceEntry, *, own_device: bool) -> None:
        """An entry: it becomes a unit when everything about it is right."""
        if entry.profile is None:
            self._without_profile(path, entry)
            return
        profile = self._profile(path, entry.profile)
        if profile is not None:
            profile = fitted(self, path, entry, profile)
        if profile is not None:
            self.profiles[name] = profile
        wire = self._wire(path, entry, profile)
        if wire == "mqtt" and isinstance(profile, MqttProfile):
            self._sender(path, name, entry, profile, own_device=own_device)
        elif wire == "modbus":
            self._has_no_use(path, entry, ("vars", "expect_every"), "a unit of a Modbus link is polled: `unit`, `poll`")
            registers = profile if isinstance(profile, ModbusProfile) else None
            self._units.add(path, name, entry, registers, own_device=own_device)

    def has_templates(self, name: str) -> bool:
        """Whether the parts of this entry are those that its profile's templates make."""
        return name in self.profiles and bool(self.profiles[name].part_hint)

    def _without_profile(self, path: Path, entry: Module | DeviceEntry) -> None:
        for key in ("link", "unit", "units", "poll", "every", "vars", "expect_every", *Adaptation.model_fields):
            if getattr(entry, key):
                told = f"without a `profile` nothing is read from this device, so `{key}` has no use"
                self.problem((*path, key), told)
        if isinstance(entry, DeviceEntry) and not entry.points:
            self.problem(path, "nothing would be read: a `profile`, or `points` from modules, are expected")

    def _profile(self, path: Path, name: str) -> Profile | None:
        try:
            found = self._library.get(name)
        except LookupError as error:
            self.problem((*path, "profile"), str(error.args[0]), value=True)
            return None
        self.built.complete &= found is not None
        if found is not None and found.needs_liveness:
            self.warn((*path, "profile"), f"this device wants a life sign: {found.needs_liveness.en}")
        return found

    def _wire(self, path: Path, entry: Module | DeviceEntry, profile: Profile | None) -> str | None:
        """The wire that both the link and the profile speak; None when they do not, which is told."""
        if entry.link is None:
            self.problem(path, "the key 'link' is missing: what has a profile answers on a link")
            return None
        link = self.site.links.get(entry.link)
        if entry.link not in self.entries.names("links"):
            self.problem((*path, "link"), unknown("link", entry.link, self.entries.names("links")), value=True)
        if link is not None and profile is not None and wire_of(link) != profile.wire:
            told = (
                f"{entry.link!r} is {_WIRES[wire_of(link)]}, but the profile {entry.profile!r} {_SPEAKS[profile.wire]}"
            )
            self.problem((*path, "link"), told, value=True)
            return None
        if profile is not None:
            return profile.wire
        return None if link is None else wire_of(link)

    def _sender(
        self, path: Path, name: str, entry: Module | DeviceEntry, profile: MqttProfile, *, own_device: bool
    ) -> None:
        """What sends messages on topics of its own."""
        told = "nothing has a number on an MQTT link: `vars` fills in its topics"
        self._has_no_use(path, entry, ("unit", "units"), told)
        self._has_no_use(
            path, entry, ("poll", "every"), "nothing is polled over MQTT; `expect_every` says how often it speaks"
        )
        variables = self._variables(path, name, entry, profile)
        if variables is None or entry.link is None:
            return
        if self._alone(path, entry.link, profile, variables) and not _is_disabled(entry):
            every = entry.expect_every or profile.mqtt.expect_every or 0
            self.built.units[name] = UnitSpec(name, entry.link, None, profile, every, own_device, variables)

    def _has_no_use(self, path: Path, entry: Module | DeviceEntry, keys: tuple[str, ...], why: str) -> None:
        for key in keys:
            if getattr(entry, key):
                self.problem((*path, key), f"`{key}` has no use here: {why}")

    def _variables(
        self, path: Path, name: str, entry: Module | DeviceEntry, profile: MqttProfile
    ) -> dict[str, str] | None:
        """The variables of the profile's topics; None when they are not those."""
        needed = profile.variables
        given = {"id": name} | entry.vars if "id" in needed else entry.vars
        if missing := sorted(needed - given.keys()):
            where = sorted(topic for topic in _templates(profile) if any(f"{{{one}}}" in topic for one in missing))
            names = ", ".join(f"{one}: …" for one in missing)
            told = f"`vars: {{{names}}}` must fill in {' and '.join(map(repr, where))}"
            self.problem((*path, "vars") if entry.vars else path, told)
        for key in sorted(given.keys() - needed):
            self.problem((*path, "vars", key), unknown("variable", key, sorted(needed)))
        if missing or given.keys() - needed:
            return None
        try:
            profile.check_variables(given)
        except ValueError as error:
            key, _, message = str(error).partition(": ")
            self.problem((*path, "vars", key), message or key, value=True)
            return None
        return given

    def _alone(self, path: Path, link: str, profile: MqttProfile, variables: dict[str, str]) -> bool:
        """Whether its topics are nobody else's: else it would take another one's values for its own."""
        topics = sorted(filled(topic, variables) for topic in {reading.topic for reading in profile.readings.values()})
        for topic, following in pairwise(topics):
            if topic == following:
                self.problem((*path, "vars"), f"with these variables two topics of the profile are one: {topic!r}")
                return False
        for topic in topics:
            first = self._topics.setdefault((link, topic), path)
            if first != path:
                taken = self.document.line_of(first)
                told = f"{topic!r} is the topic of {taken}; each sender is one entry, whose `points` may feed others"
                self.problem(path, told)
                return False
        return self._departs_alone(path, link, profile, variables)

    def _departs_alone(self, path: Path, link: str, profile: MqttProfile, variables: dict[str, str]) -> bool:
        """Whether nobody else's availability topic is its own. A bridge's, without `{id}`, may be that of many."""
        spoken = profile.mqtt.availability
        if spoken is None or "{id}" not in spoken.topic:
            return True
        topic = filled(spoken.topic, variables)
        first = self._departures.setdefault((link, topic), path)
        if first != path:
            told = (
                f"{topic!r} is the availability topic of {self.document.line_of(first)}; `id` is the sender's own,"
                " and nobody would know which of the two is gone"
            )
            place = (*path, "vars", "id")
            if place in self.document.marks:
                self.problem(place, told, value=True)
            else:
                self.problem(path, told)
        return first == path


def _is_disabled(entry: Module | DeviceEntry) -> bool:
    return isinstance(entry, DeviceEntry) and entry.disabled


def _templates(profile: MqttProfile) -> set[str]:
    """Whatever in a profile is filled in with variables."""
    found = {reading.topic for reading in profile.readings.values()}
    if profile.mqtt.availability is not None:
        found.add(profile.mqtt.availability.topic)
    if profile.identity is not None:
        found.add(profile.identity.equals)
    return found
