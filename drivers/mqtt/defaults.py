"""The profile language for messages: what holds for all points of a device, and what is said around them."""

from __future__ import annotations

from typing import Annotated
from typing import Literal as OneOf

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from drivers.language import Code, Spoken, many
from drivers.mqtt.binary import Encoding
from drivers.mqtt.envelope import EnvelopeName
from drivers.mqtt.path import PathField
from drivers.mqtt.plugin import CodecName
from drivers.mqtt.source_time import TimeFormat
from drivers.mqtt.topic import TopicField, variables_of
from gateway.fields import Duration, Strict, within
from gateway.model import SECOND

Literal = bool | int | float | str
Literals = Annotated[tuple[Literal, ...], BeforeValidator(many), Field(min_length=1)]
Interval = Annotated[Duration, within(SECOND, 7 * 86400 * SECOND, "1s … 7d")]
Zone = OneOf["site", "utc"] | Annotated[str, StringConstraints(pattern=r"^[+-]([01]\d|2[0-3]):[0-5]\d$")]


class TimeSpec(Strict):
    """Where a message says when it was measured."""

    path: PathField
    format: TimeFormat
    zone: Zone | None = Field(default=None, description="of `local`: site (the default), utc, or such as +08:00")

    @model_validator(mode="after")
    def _zone_of_local(self) -> TimeSpec:
        if self.zone is not None and self.format != "local":
            raise ValueError(f"`zone` is for `format: local`; {self.format} says it itself")
        return self


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


class Binary(Strict):
    """Where the bytes are that points with `at`, or a codec, read."""

    path: PathField | None = Field(default=None, description="of the whole message; absent: the whole payload")
    encoding: Encoding

    @model_validator(mode="after")
    def _raw_is_whole(self) -> Binary:
        if self.encoding == "raw" and self.path is not None:
            raise ValueError("raw bytes cannot stand inside a message; they are the whole payload, without a `path`")
        return self


class Announce(Strict):
    """The topic on which devices of this type announce themselves: shown to whoever sets up a site, never added."""

    topic: TopicField = Field(description="its variables are what the site would write under `vars`")
    variables: dict[Code, PathField] = Field(default_factory=dict, description="those that the message itself says")

    @model_validator(mode="after")
    def _says_something(self) -> Announce:
        in_topic = variables_of([self.topic])
        if self.topic.count("{") != len(in_topic):
            raise ValueError("a variable stands in the topic twice")
        if not in_topic and not self.variables:
            raise ValueError("neither the topic nor the message says a variable: all devices would look alike")
        if both := sorted(in_topic & self.variables.keys()):
            raise ValueError(f"{both[0]!r} is already said by the topic")
        return self


class MqttDefaults(Spoken):
    """Topic and frame of the messages. Paths here are those of the whole message."""

    envelope: EnvelopeName | None = None
    topic: TopicField | None = None
    codec: CodecName | None = Field(default=None, description="a plug-in that makes a JSON value of the bytes")
    binary: Binary | None = None
    root: PathField | None = Field(default=None, description="where the points' paths begin")
    time: TimeSpec | None = None
    identity: Identity | None = None
    event_id: EventId | None = None
    sequence: Count | None = Field(default=None, description="each message has one more than the one before it")
    expect_every: Interval | None = Field(default=None, description="how often it speaks at least")
    availability: Availability | None = None
    announce: Announce | None = None
    history: History | None = None
    also: Annotated[tuple[str, ...], BeforeValidator(many)] = Field(
        default=(), description="further keys of the device: a message with nothing else is none of ours, and sound"
    )
