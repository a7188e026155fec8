"""What answers on Modbus links: each number of a link belongs to one entry, and each entry has its periods."""

from __future__ import annotations

from collections.abc import Iterator

from drivers.assign import UnitSpec
from drivers.profile import ModbusProfile
from gateway.config.built import Built, Checker
from gateway.config.document import Path
from gateway.config.inspection import Inspection
from gateway.config.nearest import unknown
from gateway.config.site import DEFAULT_POLL_NS, DeviceEntry, Module
from gateway.config.site_file import SiteDocument
from gateway.fields import duration_words


class Units(Checker):
    """Checks and keeps the entries on Modbus links."""

    def __init__(self, inspection: Inspection, site: SiteDocument, built: Built) -> None:
        super().__init__(inspection, site, built)
        self._taken: dict[tuple[str, int], Path] = {}

    def add(
        self, path: Path, name: str, entry: Module | DeviceEntry, profile: ModbusProfile | None, *, own_device: bool
    ) -> None:
        """What answers at (link, unit); it becomes a unit when everything about it is right. A bad profile is None."""
        if not entry.unit or entry.link is None:
            self.problem(path, "the key 'unit' is missing: what has a profile answers on a link as a unit")
            return
        numbers: dict[int, Path] = {entry.unit: ("unit",)}
        if profile is not None:
            for number, key in self._further(path, entry, profile):
                numbers.setdefault(number, key)
        for number, key in numbers.items():
            self._number(path, entry.link, number, key)
        if profile is None:
            return
        poll = self._poll(path, entry, profile)
        every = self._every(path, entry, profile, poll)
        if not (isinstance(entry, DeviceEntry) and entry.disabled):
            self.built.units[name] = UnitSpec(
                name, entry.link, entry.unit, profile, poll, own_device, units=entry.units, every=every
            )

    def _number(self, path: Path, link: str, number: int, key: Path) -> None:
        """Nobody else on the link may have this number, which the entry says at `key`."""
        first = self._taken.setdefault((link, number), path)
        if first != path:
            taken = self.document.line_of(first)
            message = f"unit {number} of link {link!r} is taken by {taken}; each unit answers for one entry"
            self.problem((*path, *key), message, value=key[0] != "parts")

    def _further(self, path: Path, entry: Module | DeviceEntry, profile: ModbusProfile) -> Iterator[tuple[int, Path]]:
        """(number, where it is said) of the device's further units, and of its parts that are units."""
        declared = profile.modbus.units
        numbers: dict[int, str] = {}
        for name in entry.units:
            if name not in declared:
                told = unknown(f"unit of {profile.profile}", name, declared)
                if not declared:
                    told = f"the profile {profile.profile!r} has no further units: `unit` is the only number"
                self.problem((*path, "units", name), told)
                return
        for name, number in {**declared, **entry.units}.items():
            other = numbers.setdefault(number, name)
            if other != name:
                place = (*path, "units", name if name in entry.units else other)
                self.problem(place, f"{name!r} and {other!r} would both be unit {number}", value=True)
            yield number, ("units", name)
        for reading in profile.readings.values():
            if isinstance(reading.unit, int) and reading.unit not in numbers:
                numbers[reading.unit] = reading.point.key
                yield reading.unit, ("parts", reading.point.part or "")

    def _poll(self, path: Path, entry: Module | DeviceEntry, profile: ModbusProfile) -> int:
        least = profile.modbus.limits.min_period or 0
        if entry.poll and entry.poll < least:
            words = duration_words(least)
            told = f"{profile.profile} must not be polled more often than each {words} (`min_period` of its profile)"
            self.problem((*path, "poll"), told, value=True)
        most = profile.modbus.limits.max_period
        if entry.poll and most is not None and entry.poll > most:
            told = f"{profile.profile} takes a silence of more than {duration_words(most)} for a lost master"
            self.problem((*path, "poll"), f"{told} (`max_period` of its profile): poll it more often", value=True)
        return entry.poll or max(min(DEFAULT_POLL_NS, most or DEFAULT_POLL_NS), least)

    def _every(self, path: Path, entry: Module | DeviceEntry, profile: ModbusProfile, poll: int) -> dict[str, int]:
        """The periods of points that the site reads less often."""
        for key, period in entry.every.items():
            if key not in profile.readings:
                self.problem((*path, "every", key), unknown(f"point of {profile.profile}", key, profile.readings))
            elif period < poll:
                told = (
                    f"a point cannot be read more often than its device is polled, each {duration_words(poll)};"
                    " give the device a shorter `poll`, and the other points this period"
                )
                self.problem((*path, "every", key), told, value=True)
        return entry.every
