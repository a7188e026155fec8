"""One device's messages: its topics, and from bytes to records of the devices that it feeds. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from drivers.assign import Feed, UnitAssignment
from drivers.meaning import Marks, Step, compile_steps, run_steps
from drivers.mqtt.availability import AvailabilityReader
from drivers.mqtt.language import MqttProfile
from drivers.mqtt.message import read_topics
from drivers.mqtt.poison import Poison
from drivers.mqtt.shapes import Carried
from drivers.mqtt.topic import filled
from gateway.model import Layout, Quality, Value

MOST_LAYOUTS = 64
"""Per unit; a message with another choice of points is one record for each part, or for each of them."""
MOST_OF_A_PART = 8


class Record(NamedTuple):
    """The samples of one device at one moment, from one message.

    `layout` has the points that the message carried, and no others. `source_ns` is UTC, None when none was said or it
    is no usable time; `odd_time` is then what was said. `later_ns` is the other moment that it may mean, in the hour
    that a local clock shows twice. `history`: from an array of older records.
    """

    layout: Layout
    values: list[Value]
    quality: list[int] | None
    source_ns: int | None = None
    odd_time: str | None = None
    history: bool = False
    event_id: str | None = None
    later_ns: int | None = None


class Decoded(NamedTuple):
    """What a message said. `available` is None unless it came on the availability topic; `number` is the sender's own
    count of its messages."""

    records: tuple[Record, ...]
    available: bool | None = None
    ignored_fields: int = 0
    number: int | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """What one fed device takes of a message's columns. `picks` None: all of them, in order."""

    layout: Layout
    picks: tuple[int, ...] | None
    steps: tuple[Step, ...]


class DeviceCodec:
    """Decoder of one unit of an MQTT link; compiled at construction, without state that matters."""

    def __init__(self, unit: UnitAssignment) -> None:
        profile = unit.spec.profile
        if not isinstance(profile, MqttProfile):
            raise TypeError(f"{unit.spec.name}: {profile.profile} is no profile of messages")
        variables = unit.spec.variables
        self.name = unit.spec.name
        self._feeds = unit.feeds
        self._column = {key: index for index, key in enumerate(unit.keys)}
        self._layouts: dict[tuple[int, tuple[int, ...]], Layout] = {}
        self._shapes = self._shapes_of_parts = 0
        self._most_of_parts = MOST_OF_A_PART * len({key.rpartition("/")[0] for key in unit.keys})
        self._topics = read_topics(profile, frozenset(unit.keys), variables, self._parts)
        spoken = profile.mqtt.availability
        self._availability = AvailabilityReader(spoken) if spoken else None
        self.availability_topic = filled(spoken.topic, variables) if spoken else None
        """Where it, or its last will, says whether it is there."""
        self.topics = frozenset(self._topics)
        """Concrete topics of its points."""
        self.layouts: tuple[Layout, ...] = tuple(
            {
                id(part.layout): part.layout
                for topic in self._topics.values()
                if topic.full is not None
                for part in topic.full.use
            }.values()
        )
        """Of messages with everything in them; those with less make more."""

    def blind(self) -> list[Layout]:
        """A layout for each fed device with all that it gets from here: what is BAD when the link is lost."""
        return [feed.layout for feed in self._feeds]

    def decode(self, topic: str, payload: bytes) -> Decoded:
        """What the message says; Poison, and no other error, when it says nothing usable. Never changes its mind."""
        reader = self._topics.get(topic)
        if topic == self.availability_topic and self._availability is not None:
            available = self._availability.read(payload)
            if reader is None:
                return Decoded((), available)
        elif reader is None:
            raise Poison("topic", f"{self.name} does not speak on this topic")
        else:
            available = None
        try:
            moments, ignored, number = reader.read(payload)
        except Poison as poison:
            if available is None or poison.reason != "no_point":
                raise
            return Decoded((), available)  # on a topic that also has points
        if len(moments) == 1 and len(self._feeds) == 1:
            (moment,) = moments
            (part,) = moment.shape.use
            return Decoded((_record(part, moment),), available, ignored, number)
        records = tuple(_record(part, moment) for moment in moments for part in moment.shape.use)
        return Decoded(records, available, ignored, number)

    def _parts(self, keys: tuple[str, ...]) -> tuple[_Part, ...] | None:
        """What each fed device takes of a message with these points; None when there are too many kinds of messages."""
        if len(keys) > 1 and not self._has_room(keys):
            return None
        carried = {self._column[key]: slot for slot, key in enumerate(keys)}
        parts = (self._part(number, feed, carried) for number, feed in enumerate(self._feeds))
        return tuple(part for part in parts if part is not None)

    def _has_room(self, keys: tuple[str, ...]) -> bool:
        """Whether one more kind of message may be remembered; those of one part have room of their own."""
        if self._shapes < MOST_LAYOUTS:
            self._shapes += 1
            return True
        parts = {key.rpartition("/")[0] for key in keys}
        if len(parts) > 1 or "" in parts or self._shapes_of_parts >= self._most_of_parts:
            return False
        self._shapes_of_parts += 1
        return True

    def _part(self, number: int, feed: Feed, carried: dict[int, int]) -> _Part | None:
        chosen = tuple(i for i, column in enumerate(feed.picks) if column in carried)
        if not chosen:
            return None
        picks = tuple(carried[feed.picks[i]] for i in chosen)
        return _Part(
            self._layout(number, feed, chosen),
            None if picks == tuple(range(len(carried))) else picks,
            compile_steps([feed.meanings[i] for i in chosen], {}),
        )

    def _layout(self, number: int, feed: Feed, chosen: tuple[int, ...]) -> Layout:
        if len(chosen) == len(feed.picks):
            return feed.layout
        points = tuple(feed.layout.points[i] for i in chosen)
        return self._layouts.setdefault((number, chosen), Layout(feed.layout.device, points))


def _record(part: _Part, moment: Carried[tuple[_Part, ...]]) -> Record:
    values, quality = moment.values, moment.quality
    if part.picks is not None or part.steps:
        values, quality = _picked(part, values, quality)
    source_ns, odd_time, later_ns = moment.moment
    return Record(part.layout, values, quality, source_ns, odd_time, moment.history, moment.event_id, later_ns)


def _picked(part: _Part, values: list[Value], quality: Sequence[int] | None) -> tuple[list[Value], list[int] | None]:
    picks = part.picks if part.picks is not None else tuple(range(len(values)))
    picked = [values[pick] for pick in picks]
    bad: Marks = {} if quality is None else {i: quality[p] for i, p in enumerate(picks) if quality[p] != Quality.GOOD}
    return picked, run_steps(part.steps, picked, bad)
