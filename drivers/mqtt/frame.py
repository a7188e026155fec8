"""What is said around the points of a message: whose it is, when it was measured, which event, what is older. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from drivers.mqtt.language import MqttProfile, TimeSpec
from drivers.mqtt.path import BLOCKED, MISSING, getter, parse_path
from drivers.mqtt.poison import Poison
from drivers.mqtt.source_time import odd, reader
from drivers.mqtt.topic import filled

LONGEST_ID = 128
Moment = tuple[int | None, str | None]
"""(source_ns, what was said instead of a usable time)."""
NO_MOMENT: Moment = (None, None)


class _Clock:
    """Reads the moment at a path."""

    def __init__(self, spec: TimeSpec) -> None:
        self._get = getter(parse_path(spec.path))
        self._read = reader(spec.format)

    def moment(self, message: Any) -> Moment:
        said = self._get(message)
        if said is MISSING or said is None:
            return NO_MOMENT
        at = self._read(said)
        return (at, None) if at is not None else (None, odd(said))


class Frame:
    """The frame of one device's messages, its variables filled in."""

    def __init__(self, profile: MqttProfile, variables: Mapping[str, str]) -> None:
        mqtt, envelope = profile.mqtt, profile.envelope
        self._root = getter(parse_path(profile.root)) if profile.root else None
        self._clock = _Clock(profile.time) if profile.time else None
        self._identity = getter(parse_path(profile.identity.path)) if profile.identity else None
        self._equals = filled(profile.identity.equals, variables) if profile.identity else ""
        self._event_id = getter(parse_path(profile.event_id)) if profile.event_id else None
        self._sequence = getter(parse_path(profile.sequence)) if profile.sequence else None
        self._raw = getter(parse_path(envelope.raw)) if envelope else None
        self._no_codec = envelope.no_codec if envelope else ""
        self._history = getter(parse_path(mqtt.history.path)) if mqtt.history else None
        self._history_clock = _Clock(mqtt.history.time) if mqtt.history else None
        self.bare = not (self._root or self._clock or self._identity or self._event_id or self._sequence)
        """Nothing but points."""
        self.also = frozenset(mqtt.also)
        self.known = self.also.union(_heads(profile))
        """Keys beside the points' that have a use, where the points' paths begin."""

    def open(self, message: Any) -> tuple[Any, Moment, str | None]:
        """(where the points' paths begin, when it was, event id); MISSING when the device has sent no payload."""
        if self._identity is not None:
            self._check(self._identity(message))
        root = message
        if self._root is not None:
            root = self._root(message)
            if root is MISSING or root is None:
                self._rootless(message)
                root = MISSING
        moment = self._clock.moment(message) if self._clock else NO_MOMENT
        return root, moment, _event_id(self._event_id(message)) if self._event_id else None

    def number(self, message: Any) -> int | None:
        """The sender's own count; None when it gives none, or something that is no count."""
        said = self._sequence(message) if self._sequence else None
        return said if said.__class__ is int and 0 <= said < 1 << 63 else None

    def older(self, message: Any) -> Iterator[tuple[Any, Moment]]:
        """Every record of the history with its own time. What is no record comes as BLOCKED."""
        if self._history is None or self._history_clock is None:
            return
        entries = self._history(message)
        if entries is MISSING or entries is None:
            return
        if entries.__class__ is not list:
            yield BLOCKED, NO_MOMENT
            return
        for entry in entries:
            if entry.__class__ is dict:
                yield entry, self._history_clock.moment(entry)
            else:
                yield BLOCKED, NO_MOMENT

    @property
    def has_history(self) -> bool:
        return self._history is not None

    def _check(self, said: Any) -> None:
        if said != self._equals and (said.__class__ is not int or str(said) != self._equals):
            whose = "nobody's name" if said is MISSING or said is BLOCKED else odd(said)
            raise Poison("identity", f"the message says that it is from {whose}, not from {self._equals}")

    def _rootless(self, message: Any) -> None:
        if self._raw is None:
            raise Poison("no_point", "the part of the message that has the points is not there")
        # without a payload there was nothing to decode: an answer of the radio protocol, not of the device
        if self._raw(message) not in (MISSING, None, ""):
            raise Poison("no_codec", self._no_codec)


def _event_id(said: Any) -> str | None:
    if said.__class__ is int and -(2**63) <= said < 2**64:
        return str(said)
    return said if said.__class__ is str and 0 < len(said) <= LONGEST_ID and said.isprintable() else None


def _heads(profile: MqttProfile) -> Iterator[str]:
    root = parse_path(profile.root) if profile.root else ()
    places = (profile.time, profile.identity, profile.mqtt.history)
    texts = [profile.event_id, profile.sequence, *(place.path for place in places if place)]
    for path in (parse_path(text) for text in texts if text):
        head = path[len(root)] if path[: len(root)] == root and len(path) > len(root) else None
        if isinstance(head, str):
            yield head
