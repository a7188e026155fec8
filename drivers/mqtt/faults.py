"""What is wrong with a profile of messages as a whole, though each of its points is right. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from drivers.language import PointFault
from drivers.mqtt.reading import MqttReading

if TYPE_CHECKING:
    from drivers.mqtt.language import MqttProfile, Outcome

_Loc = tuple[str | int, ...]


def faults_of(profile: MqttProfile) -> Iterator[PointFault]:
    """Everything that is wrong, each at its place."""
    if not profile.points and not profile.parts:
        yield PointFault(("points",), "at least 1 point is needed, here or under `parts`")
        return
    readings = list(_all_readings(profile))
    yield from _of_the_frame(profile, [reading for _, reading in readings])
    yield from _mixed_topics(readings)
    yield from _of_parts(profile)
    yield from _unknown_in_vectors(profile)


def _all_readings(profile: MqttProfile) -> Iterator[tuple[_Loc, MqttReading]]:
    for key, reading in profile.readings.items():
        if key in profile.points:
            yield ("points", key), reading
    for index, firsts in enumerate(profile._firsts):
        for name, reading in firsts.items():
            yield ("parts", index, "points", name), reading


def _of_the_frame(profile: MqttProfile, readings: Iterable[MqttReading]) -> Iterator[PointFault]:
    mqtt, readings = profile.mqtt, list(readings)
    if mqtt.expect_every is None and mqtt.availability is None:
        told = "`expect_every` or `availability` is needed: how would anybody know that the device is gone?"
        yield PointFault(("mqtt",), told)
    if mqtt.availability:
        both = [one for one in mqtt.availability.online if one in mqtt.availability.offline]
        if both:
            yield PointFault(("mqtt", "availability", "offline"), f"{both[0]!r} already means on line")
    if not any(not reading.whole for reading in readings):
        for key in ("time", "identity", "event_id", "sequence", "root", "history", "codec", "binary"):
            if getattr(mqtt, key) is not None:
                yield PointFault(("mqtt", key), f"`{key}` is for JSON messages, but no point has a `path`")
    yield from _of_bytes(profile, readings)


def _of_bytes(profile: MqttProfile, readings: Iterable[MqttReading]) -> Iterator[PointFault]:
    mqtt = profile.mqtt
    fields = [reading for reading in readings if reading.field is not None]
    if fields and (mqtt.binary is None or mqtt.codec is not None):
        told = "a codec makes names of the bytes; take `path`" if mqtt.codec else "`mqtt.binary` must say where"
        yield PointFault(("points", fields[0].point.key, "at"), f"there are no bytes to read from: {told}")
    if mqtt.binary is None or mqtt.codec is not None:
        return
    if not fields:
        yield PointFault(("mqtt", "binary"), "nobody reads these bytes: no point has an `at`, and there is no `codec`")
    if profile.bytes_path is None:
        for key in ("time", "identity", "event_id", "sequence", "root", "history"):
            if getattr(mqtt, key) is not None:
                yield PointFault(("mqtt", key), f"`{key}` is for JSON messages; these are bytes and nothing else")


def _mixed_topics(readings: Iterable[tuple[_Loc, MqttReading]]) -> Iterator[PointFault]:
    first: dict[str, tuple[str, bool]] = {}
    for loc, reading in readings:
        other, other_whole = first.setdefault(reading.topic, (reading.point.key, reading.whole))
        if reading.whole is not other_whole:
            told = f"{other!r} on the same topic takes {'the whole payload' if other_whole else 'a part of it'}"
            yield PointFault((*loc, "path"), f"{told}; it cannot be both")


def _of_parts(profile: MqttProfile) -> Iterator[PointFault]:
    for index, parts in enumerate(profile.parts):
        for part in parts.ids.ends:
            if any(other.ids.numbers(part) is not None for other in profile.parts[:index]):
                yield PointFault(("parts", index, "id"), f"{part!r} is also a part of a template above")
                break
        for name, point in parts.points.items():
            first, last = (parts.point_of(part, name) for part in parts.ids.ends)
            if first != last or parts.ids.ends[0] == parts.ids.ends[1]:
                continue
            field = "path" if point.path is not None else "topic"
            told = "all parts would show the same place: `{part}` or a variable of the id must stand in it"
            yield PointFault(("parts", index, "points", name, field), told)


def _unknown_in_vectors(profile: MqttProfile) -> Iterator[PointFault]:
    for index, vector in enumerate(profile.vectors):
        if (vector.payload is None) is (vector.hex is None):
            yield PointFault(("vectors", index), "what is sent is expected: either `payload` or `hex`")
        try:
            known = profile.for_parts(vector.parts).readings if vector.parts else profile.readings
        except ValueError as error:
            yield PointFault(("vectors", index, "parts"), str(error))
            continue
        places: list[tuple[_Loc, Outcome]] = [((), vector)]
        places += [(("history", number), older) for number, older in enumerate(vector.history)]
        for place, one in places:
            for name, keys in (("expect", one.expect), ("bad", one.bad)):
                for key in keys:
                    if key not in known:
                        loc = ("vectors", index, *place, name, key)
                        yield PointFault(loc, f"there is no point {key!r} in this profile")
