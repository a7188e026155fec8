"""The profile language for messages: which topics a device speaks on, and where in a message each point stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar
from typing import Literal as OneOf

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, PrivateAttr, model_validator

from drivers.conversion import Conversion
from drivers.language import (
    Badness,
    Code,
    Expected,
    PointFault,
    PointKey,
    Profile,
    Reason,
    Source,
    Sources,
    Wire,
    many,
    refuse,
)
from drivers.mqtt.envelope import ENVELOPES, Envelope, EnvelopeName
from drivers.mqtt.path import PathField
from drivers.mqtt.poison import REASONS
from drivers.mqtt.reading import MqttReading, resolve
from drivers.mqtt.source_time import TimeFormat
from drivers.mqtt.topic import TopicField, check_variables, variables_of
from gateway.fields import Duration, Strict, within
from gateway.model import SECOND

Literal = bool | int | float | str
Literals = Annotated[tuple[Literal, ...], BeforeValidator(many), Field(min_length=1)]
Interval = Annotated[Duration, within(SECOND, 7 * 86400 * SECOND, "1s … 7d")]


def _reason(value: str) -> str:
    if value not in REASONS:
        raise ValueError(f"one of {', '.join(REASONS)} is expected, got {value!r}")
    return value


class TimeSpec(Strict):
    """Where a message says when it was measured."""

    path: PathField
    format: TimeFormat


class Identity(Strict):
    """Where a message says whose it is, and what must stand there."""

    path: PathField
    equals: str = Field(min_length=1, max_length=256)


class EventId(Strict):
    """Where a message has the number that only it has."""

    path: PathField


class Count(Strict):
    """Where a message has its sender's own count of messages."""

    path: PathField


class Availability(Strict):
    """The topic on which the device, or its last will, says whether it is there."""

    topic: TopicField
    path: PathField | None = Field(default=None, description="absent: the whole payload")
    online: Literals
    offline: Literals


class History(Strict):
    """An array of older records, each with its own time; they never become current."""

    path: PathField
    time: TimeSpec


class MqttDefaults(Strict):
    """Topic and frame of the messages. Paths here are those of the whole message."""

    envelope: EnvelopeName | None = None
    topic: TopicField | None = None
    root: PathField | None = Field(default=None, description="where the points' paths begin")
    time: TimeSpec | None = None
    identity: Identity | None = None
    event_id: EventId | None = None
    sequence: Count | None = Field(default=None, description="each message has one more than the one before it")
    expect_every: Interval | None = Field(default=None, description="how often it speaks at least")
    availability: Availability | None = None
    history: History | None = None
    also: Annotated[tuple[str, ...], BeforeValidator(many)] = Field(
        default=(), description="further keys of the device: a message with nothing else is none of ours, and sound"
    )


class Fault(Strict):
    """A field that is there when the device could not measure."""

    path: PathField
    reasons: dict[str, Reason] = Field(default_factory=dict)


class AbsentMeans(Strict):
    """What an absent field means, in a message that has `beside`: some network servers leave out 0, false and ""."""

    value: Literal
    beside: PathField


class MqttPoint(Conversion):
    """One point: where it stands, of which type it is, what its numbers and words mean."""

    path: PathField | None = Field(default=None, description="absent: the whole payload")
    topic: TopicField | None = None
    type: OneOf["float", "int", "bool", "text"] | None = None
    enum: dict[Literal, Code] | None = None
    true_for: Literals | None = Field(default=None, description="bool: TRUE for these")
    false_for: Literals | None = Field(default=None, description="and FALSE for these; any other is undeclared")
    text_number: bool = Field(default=False, description="a number may be a text, with its unit behind")
    no_value: dict[Literal, Reason] | None = Field(default=None, description="what stands there instead of a value")
    fault: Fault | None = None
    absent_means: AbsentMeans | None = None
    source: Sources | None = None


class Outcome(Strict):
    """What must come out of one moment of a message."""

    expect: dict[PointKey, Expected] = Field(default_factory=dict)
    bad: dict[PointKey, Badness] = Field(default_factory=dict)
    source_time: str | None = Field(default=None, description="RFC 3339")


class MqttVector(Outcome):
    """A message as the device sends it, and what must come out."""

    topic: TopicField | None = Field(default=None, description="absent: the profile's topic")
    payload: JsonValue = Field(description="a text is the payload itself; anything else is sent as JSON")
    variables: dict[Code, str] = Field(default_factory=dict)
    history: Annotated[tuple[Outcome, ...], BeforeValidator(many)] = ()
    available: bool | None = None
    poison: Annotated[str, AfterValidator(_reason)] | None = None


class MqttProfile(Profile):
    """A type of device that sends messages."""

    wire: ClassVar[Wire] = "mqtt"

    mqtt: MqttDefaults
    points: dict[PointKey, MqttPoint] = Field(min_length=1)
    vectors: Annotated[tuple[MqttVector, ...], BeforeValidator(many)] = ()

    _readings: dict[str, MqttReading] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _resolve(self) -> MqttProfile:
        faults: list[PointFault] = []
        for key, point in self.points.items():
            try:
                self._readings[key] = resolve(key, point, self.topic)
            except PointFault as fault:
                faults.append(fault)
        faults += _of_the_frame(self)
        faults += _mixed_topics(self._readings)
        faults += _unknown_in_vectors(self)
        if faults:
            refuse(self.profile, faults)
        return self

    @property
    def readings(self) -> Mapping[str, MqttReading]:
        """Every point with its place in a message and its meaning, in the order of the profile."""
        return self._readings

    @property
    def envelope(self) -> Envelope | None:
        return ENVELOPES[self.mqtt.envelope] if self.mqtt.envelope else None

    @property
    def topic(self) -> str | None:
        """Template of the topic of points that have none of their own."""
        return self.mqtt.topic or (self.envelope.topic if self.envelope else None)

    @property
    def root(self) -> str | None:
        return self.mqtt.root or (self.envelope.root if self.envelope else None)

    @property
    def time(self) -> TimeSpec | None:
        if self.mqtt.time is None and self.envelope:
            return TimeSpec(path=self.envelope.time, format=self.envelope.time_format)
        return self.mqtt.time

    @property
    def identity(self) -> Identity | None:
        if self.mqtt.identity is None and self.envelope:
            return Identity(path=self.envelope.identity, equals=self.envelope.equals)
        return self.mqtt.identity

    @property
    def event_id(self) -> str | None:
        if self.mqtt.event_id is None and self.envelope:
            return self.envelope.event_id
        return self.mqtt.event_id.path if self.mqtt.event_id else None

    @property
    def sequence(self) -> str | None:
        if self.mqtt.sequence is None and self.envelope:
            return self.envelope.sequence
        return self.mqtt.sequence.path if self.mqtt.sequence else None

    @property
    def variables(self) -> frozenset[str]:
        """What a site must say of a device of this type."""
        texts = {reading.topic for reading in self._readings.values()}
        if self.mqtt.availability:
            texts.add(self.mqtt.availability.topic)
        if self.identity:
            texts.add(self.identity.equals)
        return variables_of(texts)

    def check_variables(self, given: Mapping[str, str]) -> None:
        """ValueError with a sentence when these are not the variables of a device of this type."""
        check_variables(self.variables, given)

    def sources(self, key: str) -> tuple[Source, ...]:
        return self.points[key].source or self.source

    @property
    def has_examples(self) -> bool:
        return any(vector.expect or vector.bad for vector in self.vectors)


def _of_the_frame(profile: MqttProfile) -> Iterator[PointFault]:
    mqtt = profile.mqtt
    if mqtt.expect_every is None and mqtt.availability is None:
        told = "`expect_every` or `availability` is needed: how would anybody know that the device is gone?"
        yield PointFault(("mqtt",), told)
    if mqtt.availability:
        both = [one for one in mqtt.availability.online if one in mqtt.availability.offline]
        if both:
            yield PointFault(("mqtt", "availability", "offline"), f"{both[0]!r} already means on line")
    json_points = [reading for reading in profile.readings.values() if reading.path]
    for key in ("time", "identity", "event_id", "sequence", "root", "history"):
        if getattr(mqtt, key) is not None and not json_points:
            yield PointFault(("mqtt", key), f"`{key}` is for JSON messages, but no point has a `path`")


def _mixed_topics(readings: Mapping[str, MqttReading]) -> Iterator[PointFault]:
    first: dict[str, tuple[str, bool]] = {}
    for key, reading in readings.items():
        whole = not reading.path
        other, other_whole = first.setdefault(reading.topic, (key, whole))
        if whole is not other_whole:
            told = f"{other!r} on the same topic takes {'the whole payload' if other_whole else 'a part of it'}"
            yield PointFault(("points", key, "path"), f"{told}; it cannot be both")


def _unknown_in_vectors(profile: MqttProfile) -> Iterator[PointFault]:
    for index, vector in enumerate(profile.vectors):
        places: list[tuple[tuple[str | int, ...], Outcome]] = [((), vector)]
        places += [(("history", number), older) for number, older in enumerate(vector.history)]
        for place, one in places:
            for name, keys in (("expect", one.expect), ("bad", one.bad)):
                for key in keys:
                    if key not in profile.points:
                        loc = ("vectors", index, *place, name, key)
                        yield PointFault(loc, f"there is no point {key!r} in this profile")
