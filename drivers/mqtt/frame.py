"""From the bytes of a message to where its points begin, and what is said around them. Pure.

Whose it is, when it was measured, which event, what is older.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from drivers.mqtt.binary import BYTES, unpacked
from drivers.mqtt.defaults import TimeSpec
from drivers.mqtt.json_value import LARGEST, parse
from drivers.mqtt.language import MqttProfile
from drivers.mqtt.path import BLOCKED, MISSING, getter, parse_path
from drivers.mqtt.plugin import find
from drivers.mqtt.poison import Poison
from drivers.mqtt.source_time import local_reader, odd, reader, zone_of
from drivers.mqtt.topic import filled

LONGEST_ID = 128


Moment = tuple[int | None, str | None, int | None]
"""(source_ns, what was said instead of a usable time, the other moment that it may mean in the hour that a clock shows
twice)."""
NO_MOMENT: Moment = (None, None, None)


class _Clock:
    """Reads the moment at a path."""

    def __init__(self, spec: TimeSpec, timezone: str) -> None:
        self._get = getter(parse_path(spec.path))
        self._local = local_reader(zone_of(spec.zone, timezone)) if spec.format == "local" else None
        self._read = reader(spec.format) if spec.format != "local" else None

    def moment(self, message: Any) -> Moment:
        said = self._get(message)
        if said is MISSING or said is None:
            return NO_MOMENT
        if self._read is not None:
            at = self._read(said)
            return (at, None, None) if at is not None else (None, odd(said), None)
        local = self._local(said) if self._local is not None else None
        return (local.ns, None, local.later_ns) if local is not None else (None, odd(said), None)


class Frame:
    """The frame of one device's messages, its variables filled in."""

    def __init__(self, profile: MqttProfile, variables: Mapping[str, str]) -> None:
        mqtt, envelope, timezone = profile.mqtt, profile.envelope, profile.timezone
        self._root = getter(parse_path(profile.root)) if profile.root else None
        self._clock = _Clock(profile.time, timezone) if profile.time else None
        self._identity = getter(parse_path(profile.identity.path)) if profile.identity else None
        self._equals = filled(profile.identity.equals, variables) if profile.identity else ""
        self._event_id = getter(parse_path(profile.event_id)) if profile.event_id else None
        self._sequence = getter(parse_path(profile.sequence)) if profile.sequence else None
        self._raw = getter(parse_path(envelope.raw)) if envelope else None
        self._no_codec = envelope.no_codec if envelope else ""
        self._history = getter(parse_path(mqtt.history.path)) if mqtt.history else None
        self._history_clock = _Clock(mqtt.history.time, timezone) if mqtt.history else None
        self._codec = find(mqtt.codec).decode if mqtt.codec else None
        self._encoding = mqtt.binary.encoding if mqtt.binary else None
        self._bytes = getter(parse_path(profile.bytes_path)) if profile.bytes_path else None
        whole = self._bytes is None and (self._encoding is not None or self._codec is not None)
        self.message: Callable[[bytes], Any] = self._of_bytes if whole else parse
        """The whole message; Poison when it is none."""
        self._around = bool(self._root or self._clock or self._identity or self._event_id or self._sequence)
        self.bare = not self._around and self._bytes is None
        """Nothing but points: a message is where their paths begin."""
        self.also = frozenset(mqtt.also)
        self.known = self.also.union(_heads(profile), {BYTES})
        """Keys beside the points' that have a use, where the points' paths begin."""

    def _of_bytes(self, payload: bytes) -> Any:
        """A message that is bytes as a whole, or whose bytes a codec reads."""
        if len(payload) > LARGEST:
            raise Poison("oversize", f"{len(payload):,} bytes; at most {LARGEST:,} are read")
        if self._encoding is None or self._encoding == "raw":
            return self._codec(payload) if self._codec else {BYTES: payload}
        found = unpacked(_text(payload), self._encoding)
        if found.__class__ is not bytes:
            raise Poison("encoding", f"no {self._encoding}")
        return self._codec(found) if self._codec else {BYTES: found}

    def open(self, message: Any) -> tuple[Any, Moment, str | None]:
        """(where the points' paths begin, when it was, event id); MISSING when the device has sent no payload."""
        if self._identity is not None:
            self._check(self._identity(message))
        root = message
        if self._root is not None:
            root = self._root(message)
            if root is MISSING or root is None:
                if self._bytes is None:
                    self._rootless(message)
                root = MISSING
        if self._bytes is not None:
            root = self._with_bytes(root, self._bytes(message))
        if not self._around:
            return root, NO_MOMENT, None
        moment = self._clock.moment(message) if self._clock else NO_MOMENT
        return root, moment, _event_id(self._event_id(message)) if self._event_id else None

    def _with_bytes(self, root: Any, said: Any) -> Any:
        found = unpacked(said, self._encoding or "base64")
        if self._codec is None:
            if found is MISSING or root.__class__ not in (dict, type(MISSING)):
                return root
            # the message was parsed for us alone
            within = {} if root is MISSING else root
            within[BYTES] = found
            return within
        if found is MISSING:
            return MISSING  # without a payload there is nothing to decode
        if found.__class__ is not bytes:
            raise Poison("encoding", f"what should be {self._encoding} is none: {odd(said)}")
        return self._codec(found)

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


def _text(payload: bytes) -> str:
    """The payload as a text; quotes as of a JSON text are none of it."""
    try:
        text = payload.decode("ascii").strip()
    except UnicodeDecodeError:
        raise Poison("encoding", "letters and digits are expected, got other bytes") from None
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
