"""One topic of a device: from the bytes of a message to columns of its points. Pure, compiled once per device.

A message carries some of the points; which these are is its shape (shapes.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping
from typing import Any, Generic

from drivers.meaning import Marks
from drivers.mqtt.finding import Index, point_of
from drivers.mqtt.frame import NO_MOMENT, Frame
from drivers.mqtt.json_value import parse
from drivers.mqtt.language import MqttProfile
from drivers.mqtt.path import BLOCKED, MISSING
from drivers.mqtt.poison import Poison
from drivers.mqtt.reading import MqttReading
from drivers.mqtt.shapes import Carried, Shapes, T, Use
from drivers.mqtt.take import Bad
from drivers.mqtt.topic import filled


class TopicReader(Generic[T]):
    """The points on one topic. When there are too many shapes, those of each part come alone, then each point."""

    def __init__(self, readings: Mapping[str, MqttReading], wanted: Container[str], frame: Frame, use: Use[T]) -> None:
        self._frame = frame
        self._shapes = Shapes({key: reading for key, reading in readings.items() if key in wanted}, use)
        self._keys = [key for key in self._shapes.keys if readings[key].meaning.formula is None]
        self._whole = all(reading.whole for reading in readings.values() if reading.meaning.formula is None)
        self._keyed = all(isinstance(path[0], str) for reading in readings.values() for path in reading.paths)
        self._points = [point_of(1 << i, readings[key]) for i, key in enumerate(self._keys)]
        self._index = Index([readings[key] for key in self._keys], self._points)
        self._known = frame.known.union(*(_heads(reading) for reading in readings.values()))
        # a message that has only these says nothing that is wanted, and is sound
        self._harmless = frame.also.union(*(_heads(readings[key]) for key in readings if key not in wanted))
        self.full = self._shapes.full
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
        carried = self._shapes.columns(mask, values, bad, moment, event_id) if mask else []
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
                    carried += self._shapes.columns(seen, older, marks, then, own_id, history=True)
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
        return self._shapes.columns((1 << len(values)) - 1, values, bad, NO_MOMENT, None) if values else []

    def _find(self, root: Any, values: list[Any], bad: Marks) -> tuple[int, int]:
        """Fill in what the object has of the points: (which, how many of them it says, and in the declared type)."""
        mask = sound = 0
        keyed = root.__class__ is dict
        for bit, key, get, take, fault, absent in self._index.of(root):
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

    def _refuse(self, root: Any, mask: int) -> None:
        if mask:
            raise Poison("type", f"of {', '.join(self._keys)[:120]} nothing is of the type that the profile declares")
        if root.__class__ is not dict or not self._harmless & root.keys():
            raise Poison("no_point", f"nothing that is expected here: {', '.join(self._keys)[:120]}")


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
