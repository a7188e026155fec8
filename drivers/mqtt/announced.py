"""Devices that announce themselves on a broker: shown to whoever sets up a site, never added by themselves. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drivers.assign import UnitSpec
from drivers.mqtt.availability import AvailabilityReader
from drivers.mqtt.json_value import parse
from drivers.mqtt.language import MqttProfile
from drivers.mqtt.path import getter, parse_path
from drivers.mqtt.poison import Poison
from drivers.mqtt.source_time import odd
from drivers.mqtt.topic import as_filter, as_pattern
from gateway.model import Announced, Instant

MOST = 200
"""Announcements that are kept; the oldest is forgotten first."""
_LONGEST_TOPIC = 512


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one type of device announces itself."""

    profile: str
    topic: re.Pattern[str]
    said: Mapping[str, Callable[[Any], Any]]  # variables that stand in the message
    availability: AvailabilityReader | None  # when this is also where its last will comes
    known: tuple[Mapping[str, str], ...]  # variables of those that the site has


class Announcements:
    """What was announced on one link. `profiles` are the types to look for."""

    def __init__(self, profiles: Iterable[MqttProfile], units: Sequence[UnitSpec]) -> None:
        by_name = {profile.profile: profile for profile in profiles if profile.mqtt.announce is not None}
        self._kinds = tuple(_kind(profile, units) for profile in by_name.values())
        self._found: dict[tuple[str, str], Announced] = {}
        self._told: tuple[Announced, ...] | None = ()
        self.filters: tuple[str, ...] = tuple(
            dict.fromkeys(as_filter(one.mqtt.announce.topic) for one in by_name.values() if one.mqtt.announce)
        )

    def hears(self, topic: str) -> bool:
        """Whether announcements come on this topic."""
        return any(kind.topic.fullmatch(topic) for kind in self._kinds) and len(topic) <= _LONGEST_TOPIC

    def take(self, topic: str, payload: bytes, at: Instant) -> None:
        """An announcement, or a last will on its topic; Poison when it is neither."""
        for kind in self._kinds:
            if (match := kind.topic.fullmatch(topic)) is not None:
                self._take(kind, match, payload, at)

    def _take(self, kind: _Kind, match: re.Match[str], payload: bytes, at: Instant) -> None:
        key = kind.profile, match.string
        message = parse(payload) if payload else None
        if payload and message.__class__ is not dict:
            raise Poison("shape", "an announcement is an object")
        before = self._found.pop(key, None)
        self._told = None
        if not payload:
            return  # taken back: that is how a retained message is removed
        variables = dict(before.variables) if before is not None else {}  # a last will does not say them again
        variables |= {name: odd(value) for name, value in match.groupdict().items()}
        for name, get in kind.said.items():
            said = get(message)
            if said.__class__ is str or said.__class__ is int:
                variables[name] = odd(said)
        known = any(variables.items() <= one.items() for one in kind.known)
        available = _available(kind, payload)
        self._found[key] = Announced(kind.profile, match.string, variables, at.wall_ns, known, available)
        if len(self._found) > MOST:
            del self._found[next(iter(self._found))]

    def report(self) -> tuple[Announced, ...]:
        """All that are known, the newest first."""
        if self._told is None:
            self._told = tuple(reversed(self._found.values()))
        return self._told


def _kind(profile: MqttProfile, units: Sequence[UnitSpec]) -> _Kind:
    spoken, availability = profile.mqtt.announce, profile.mqtt.availability
    if spoken is None:
        raise ValueError(f"{profile.profile} does not announce itself")
    same = availability is not None and as_filter(availability.topic) == as_filter(spoken.topic)
    return _Kind(
        profile.profile,
        as_pattern(spoken.topic),
        {name: getter(parse_path(path)) for name, path in spoken.variables.items()},
        AvailabilityReader(availability) if availability is not None and same else None,
        tuple(unit.variables for unit in units if unit.profile.profile == profile.profile),
    )


def _available(kind: _Kind, payload: bytes) -> bool | None:
    if kind.availability is None:
        return None
    try:
        return kind.availability.read(payload)
    except Poison:
        return None
