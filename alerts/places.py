"""What a rule's `on` may name: devices, systems, profiles, labels and places of the site. A slip is told; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from alerts.condition.operand import Loc, nearest
from alerts.rule import On
from gateway.model import Device, Location


@dataclass(frozen=True, slots=True)
class Places:
    """The names that the site knows. `systems` and `profiles`: also those that it has not got but the house knows.

    Without `systems` (`profiles`) a rule for another one is no slip: it may be a pack's.
    """

    devices: Sequence[Device]
    systems: Collection[str] = ()
    profiles: Collection[str] = ()
    only_building: str | None = field(init=False)
    _places: frozenset[Location] = field(init=False)

    def __post_init__(self) -> None:
        everywhere = (place for device in self.devices for place in (device.location, *map(device.place, device.parts)))
        object.__setattr__(self, "_places", frozenset(everywhere))
        named = {place.building for place in self._places if place.building is not None}
        object.__setattr__(self, "only_building", named.pop() if len(named) == 1 else None)

    def fits(self, on: On, place: Location) -> bool:
        """Whether a source at that place is meant. What names no building is in the site's only one."""
        pairs = (
            (on.building, place.building or self.only_building),
            (on.floor, place.floor),
            (on.zone, place.zone),
        )
        return all(asked is None or asked == found for asked, found in pairs)

    def slips(self, on: On) -> Iterator[tuple[Loc, str]]:
        """Names that are nobody's, with their paths in the rule: the rule would watch nothing."""
        for key, name, known in self._names(on):
            if name is not None and name not in known:
                yield ("on", key), _told(key, name, known, listed=key in {"building", "floor", "zone"})
        keys = sorted({key for device in self.devices for key in device.labels})
        for key, value in on.labels.items():
            values = sorted({device.labels[key] for device in self.devices if key in device.labels})
            # labels are the site's own words, but a pack may ask for some that a site does not use
            if (not values and nearest(key, keys)) or (values and value not in values and nearest(value, values)):
                what, name, known = ("label", key, keys) if not values else (f"label {key}", value, values)
                yield ("on", "labels", key), _told(what, name, known, listed=False)

    def _names(self, on: On) -> Iterator[tuple[str, str | None, Collection[str]]]:
        yield "device", on.device, [device.id for device in self.devices]
        if self.systems:
            yield "system", on.system, [*self.systems, *dict.fromkeys(device.system for device in self.devices)]
        if self.profiles:
            own = (device.profile for device in self.devices if device.profile is not None)
            yield "profile", on.profile, [*self.profiles, *dict.fromkeys(own)]
        yield "building", on.building, self._of(place.building for place in self._places)
        yield "floor", on.floor, self._of(place.floor for place in self._places)
        yield "zone", on.zone, self._of(place.zone for place in self._places)

    @staticmethod
    def _of(names: Iterable[str | None]) -> list[str]:
        return sorted({name for name in names if name is not None})


def _told(what: str, name: str, known: Collection[str], *, listed: bool) -> str:
    hint = nearest(name, known)
    if not hint and listed:
        hint = f"; the site names {', '.join(list(known)[:12])}" if known else "; the site names none"
    return f"there is no {what} {name!r}{hint}"
