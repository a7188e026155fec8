"""One topic of a device: from the bytes of a message to columns of its points. Pure, compiled once per device.

A message carries some of the points, so its columns have a shape: which points, in the profile's order. There are few
shapes; each is compiled when it is first met.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from drivers.meaning import Marks, Step, compile_steps, run_steps
from drivers.mqtt.frame import NO_MOMENT, Frame, Moment
from drivers.mqtt.json_value import parse
from drivers.mqtt.language import MqttProfile
from drivers.mqtt.path import BLOCKED, MISSING, first_of, getter
from drivers.mqtt.poison import Poison
from drivers.mqtt.reading import MqttReading
from drivers.mqtt.take import Bad, Take
from drivers.mqtt.topic import filled

_Get = Callable[[Any], Any]
_Point = tuple[int, str | None, _Get, Take, tuple[_Get, _Get] | None, tuple[_Get, Any] | None]
"""(bit, the only key of its path, path, take, (path, judge) of its fault, (what must be there, value when absent))."""
T = TypeVar("T")
Use = Callable[[tuple[str, ...]], T | None]
"""What a shape with these points is for; None when there are too many shapes already."""


@dataclass(frozen=True, slots=True)
class Shape(Generic[T]):
    """What a message carried, how its columns get their meaning, and what it is for."""

    keys: tuple[str, ...]
    steps: tuple[Step, ...]
    use: T


@dataclass(slots=True)
class Carried(Generic[T]):
    """The columns of one moment."""

    shape: Shape[T]
    values: list[Any]
    quality: list[int] | None
    moment: Moment = NO_MOMENT
    event_id: str | None = None
    history: bool = False


class TopicReader(Generic[T]):
    """The points on one topic. When there are too many shapes, those of each part come alone, then each point."""

    def __init__(self, readings: Mapping[str, MqttReading], wanted: Container[str], frame: Frame, use: Use[T]) -> None:
        self._frame = frame
        self._use = use
        self._keys = tuple(key for key in readings if key in wanted)
        self._meanings = [readings[key].meaning for key in self._keys]
        self._whole = all(reading.whole for reading in readings.values())
        self._keyed = all(isinstance(path[0], str) for reading in readings.values() for path in reading.paths)
        self._points = [_point(1 << i, readings[key]) for i, key in enumerate(self._keys)]
        self._of_part = _masks(self._keys)
        self._known = frame.known.union(*(_heads(reading) for reading in readings.values()))
        # a message that has only these says nothing that is wanted, and is sound
        self._harmless = frame.also.union(*(_heads(readings[key]) for key in readings if key not in wanted))
        self._shapes: dict[int, Shape[T]] = {}
        self.full = self._shape((1 << len(self._keys)) - 1)
        """The shape of a message with everything in it."""

    def read(self, payload: bytes) -> tuple[list[Carried[T]], int, int | None]:
        """(moments that the message tells of, number of fields that nobody knows, the sender's count of messages).

        Poison when it is no sample.
        """
        if self._whole:
            return self._read_whole(payload), 0, None
        frame = self._frame
        message = frame.message(payload)
        root, moment, event_id = (message, NO_MOMENT, None) if frame.bare else frame.open(message)
        number = None if frame.bare else frame.number(message)
        if root is MISSING:
            return [], 0, number
        if root.__class__ is not dict and (self._keyed or root.__class__ is not list):
            raise Poison("shape", f"an object is expected, got {_kind(root)}")
        values: list[Any] = []
        bad: Marks = {}
        mask, sound = self._find(root, values, bad)
        ignored = len(root.keys() - self._known) if isinstance(root, dict) else 0
        carried = self._columns(mask, values, bad, moment, event_id) if mask else []
        if frame.has_history:
            for place, (entry, then) in enumerate(frame.older(message)):
                older: list[Any] = []
                marks: Marks = {}
                seen, good = self._find(entry, older, marks) if entry is not BLOCKED else (0, 0)
                ignored += not seen
                sound += good
                if seen:
                    mask |= seen
                    own_id = event_id and f"{event_id}/{place}"  # the event is the uplink; each record is one too
                    carried += self._columns(seen, older, marks, then, own_id, history=True)
        if not sound:
            self._refuse(root, mask)
        return carried, ignored, number

    def _read_whole(self, payload: bytes) -> list[Carried[T]]:
        value, text = scalar(payload)
        values: list[Any] = []
        bad: Marks = {}
        sound = 0
        for _, _, _, take, _, _ in self._points:
            raw = take(value)
            if raw.__class__ is Bad and not raw.sound and text is not None:
                raw = take(text)  # `123` may be meant as a text
            if raw.__class__ is not Bad:
                sound += 1
            else:
                bad[len(values)] = raw.quality
                sound += raw.sound
                raw = None
            values.append(raw)
        if values and not sound:
            self._refuse(value, 1)
        return self._columns((1 << len(values)) - 1, values, bad, NO_MOMENT, None) if values else []

    def _find(self, root: Any, values: list[Any], bad: Marks) -> tuple[int, int]:
        """Fill in what the object has of the points: (which, how many of them it says, and in the declared type)."""
        mask = sound = 0
        keyed = root.__class__ is dict
        for bit, key, get, take, fault, absent in self._points:
            value = root.get(key, MISSING) if keyed and key is not None else get(root)
            if fault is not None and (said := fault[0](root)) is not MISSING and said is not None:
                raw = fault[1](said)
            elif value is not MISSING:
                raw = take(value)
            elif absent is not None and _is_said(absent[0](root)):
                mask |= bit
                values.append(absent[1])  # not said: it speaks for nothing else in the message
                continue
            else:
                continue
            mask |= bit
            if raw.__class__ is not Bad:
                sound += 1
            else:
                bad[len(values)] = raw.quality
                sound += raw.sound
                raw = None
            values.append(raw)
        return mask, sound

    def _columns(
        self, mask: int, values: list[Any], bad: Marks, moment: Moment, event_id: str | None, *, history: bool = False
    ) -> list[Carried[T]]:
        shape = self._shapes.get(mask) or self._shape(mask)
        if shape is not None:
            quality = run_steps(shape.steps, values, bad)
            return [Carried(shape, values, quality, moment, event_id, history)]
        bits = [bit for bit, *_ in self._points if bit & mask]
        parts = [part & mask for part in self._of_part if part & mask]
        apart = []
        for some in parts if len(parts) > 1 else bits:
            slots = [slot for slot, bit in enumerate(bits) if bit & some]
            marks = {place: bad[slot] for place, slot in enumerate(slots) if slot in bad}
            apart += self._columns(some, [values[slot] for slot in slots], marks, moment, event_id, history=history)
        return apart

    def _shape(self, mask: int) -> Shape[T] | None:
        numbers = [i for i in range(len(self._keys)) if mask >> i & 1]
        keys = tuple(self._keys[i] for i in numbers)
        use = self._use(keys)
        if use is None:
            return None
        shape = Shape(keys, compile_steps([self._meanings[i] for i in numbers], {}), use)
        self._shapes[mask] = shape
        return shape

    def _refuse(self, root: Any, mask: int) -> None:
        if mask:
            raise Poison("type", f"of {', '.join(self._keys)[:120]} nothing is of the type that the profile declares")
        if root.__class__ is not dict or not self._harmless & root.keys():
            raise Poison("no_point", f"nothing that is expected here: {', '.join(self._keys)[:120]}")


def _point(bit: int, reading: MqttReading) -> _Point:
    # most paths are one key, and a call costs more than looking it up
    path = reading.paths[0] if len(reading.paths) == 1 else ()
    key = path[0] if len(path) == 1 and isinstance(path[0], str) else None
    fault = (getter(reading.fault[0]), reading.fault[1]) if reading.fault else None
    absent = (getter(reading.absent[0]), reading.absent[1]) if reading.absent else None
    return bit, key, reading.field or first_of(reading.paths), reading.take, fault, absent


def _masks(keys: tuple[str, ...]) -> list[int]:
    """The bits of each part's points, and of those that belong to none."""
    masks: dict[str, int] = {}
    for i, key in enumerate(keys):
        part = key.rpartition("/")[0]
        masks[part] = masks.get(part, 0) | 1 << i
    return list(masks.values())


def _is_said(value: Any) -> bool:
    return value is not MISSING and value is not BLOCKED and value is not None


def _heads(reading: MqttReading) -> set[str]:
    paths = [*reading.paths, *(one[0] for one in (reading.fault, reading.absent) if one)]
    return {step for path in paths for step in path[:1] if isinstance(step, str)}


def _kind(value: Any) -> str:
    return {list: "an array", dict: "an object", str: "a text", bool: "true or false"}.get(value.__class__, "a number")


def scalar(payload: bytes) -> tuple[Any, str | None]:
    """The payload as JSON, and as the text it also is, unless it is a JSON text."""
    try:
        value = parse(payload)
    except Poison as poison:
        if poison.reason != "json" or not payload.strip():
            raise
        value = None
        read = False
    else:
        read = True
        if value.__class__ is str:
            return value, None
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise Poison("encoding", "not UTF-8") from None
    if "\0" in text:
        raise Poison("text", "NUL in a text")
    text = text.strip(" \t\r\n")
    return (value, text) if read else (text, None)


def read_topics(
    profile: MqttProfile, wanted: Container[str], variables: Mapping[str, str], use: Use[T]
) -> dict[str, TopicReader[T]]:
    """A reader for every topic on which wanted points come."""
    frame = Frame(profile, variables)
    by_topic: dict[str, dict[str, MqttReading]] = defaultdict(dict)
    for key, reading in profile.readings.items():
        by_topic[filled(reading.topic, variables)][key] = reading
    return {
        topic: TopicReader(readings, wanted, frame, use)
        for topic, readings in by_topic.items()
        if any(key in wanted for key in readings)
    }
