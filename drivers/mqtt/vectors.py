"""A profile's own examples, run through the real reader. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from drivers.adaptation import Adaptation, AdaptationError
from drivers.examples import compared
from drivers.language import Mistake
from drivers.mqtt.availability import AvailabilityReader
from drivers.mqtt.language import MqttProfile, MqttVector, Outcome
from drivers.mqtt.message import read_topics
from drivers.mqtt.poison import Poison
from drivers.mqtt.shapes import Carried
from drivers.mqtt.source_time import reader
from drivers.mqtt.topic import filled
from gateway.model import SECOND

_Moment = Carried[tuple[()]]
_Places = tuple[str | int, ...]


def mistakes(profile: MqttProfile) -> Iterator[Mistake]:
    """Every example that the profile does not keep."""
    for index, vector in enumerate(profile.vectors):
        try:
            meant = profile.for_parts(vector.parts) if vector.parts else profile
            if vector.parameters:
                meant = meant.adapted(Adaptation(parameters=vector.parameters), "UTC")
        except AdaptationError as error:
            yield index, error.loc, error.sentence
            continue
        for place, sentence in _check(meant, vector):
            yield index, place, sentence


def _check(profile: MqttProfile, vector: MqttVector) -> Iterator[tuple[_Places, str]]:
    template = vector.topic or profile.topic
    if template is None:
        yield (), "the vector needs a `topic`: the profile has none of its own"
        return
    try:
        profile.check_variables(vector.variables)
        topic = filled(template, vector.variables)
    except (ValueError, KeyError) as error:
        yield ("variables",), str(error.args[0])
        return
    try:
        moments, available = _read(profile, vector, topic)
    except LookupError:
        yield (), f"no point comes on the topic {topic}"
        return
    except Poison as poison:
        if poison.reason != vector.poison:
            yield (), f"poison ({poison.reason}): {poison}"
        return
    if vector.poison is not None:
        yield ("poison",), f"expected poison ({vector.poison}), but something was read"
        return
    if available is not vector.available:
        yield ("available",), f"expected {vector.available}, got {available}"
    expects = (vector.expect, vector.bad, vector.source_time, vector.history, vector.available is not None)
    if moments and not any(expects):
        came = ", ".join(dict.fromkeys(key for one in moments for key in one.shape.keys))
        yield (), f"nothing is expected, but {came} came"
    yield from _compare((), vector, [one for one in moments if not one.history])
    older = [one for one in moments if one.history]
    if len(older) != len(vector.history):
        yield ("history",), f"expected {len(vector.history)} older records, got {len(older)}"
    for number, (entry, one) in enumerate(zip(vector.history, older, strict=False)):
        yield from _compare(("history", number), entry, [one])


def _read(profile: MqttProfile, vector: MqttVector, topic: str) -> tuple[list[_Moment], bool | None]:
    payload = _sent(vector)
    spoken = profile.mqtt.availability
    hears = spoken is not None and filled(spoken.topic, vector.variables) == topic
    available = AvailabilityReader(spoken).read(payload) if spoken is not None and hears else None
    topics = read_topics(profile, frozenset(profile.readings), vector.variables, _nothing)
    if topic not in topics and hears:
        return [], available
    moments, *_ = topics[topic].read(payload)
    return moments, available


def _sent(vector: MqttVector) -> bytes:
    if vector.hex is not None:
        return bytes.fromhex(vector.hex)
    return vector.payload.encode() if isinstance(vector.payload, str) else msgspec.json.encode(vector.payload)


def _nothing(_keys: tuple[str, ...]) -> tuple[()]:
    return ()


def _compare(place: _Places, wanted: Outcome, moments: list[_Moment]) -> Iterator[tuple[_Places, str]]:
    came = {
        key: (one.values[slot], one.quality[slot] if one.quality else 0)
        for one in moments
        for slot, key in enumerate(one.shape.keys)
    }
    for name, keys in (("expect", wanted.expect), ("bad", wanted.bad)):
        for key in keys:
            if key not in came:
                yield (*place, name, key), f"{key}: nothing came"
            elif told := compared(key, *came[key], wanted.expect, wanted.bad):
                yield (*place, name, key), f"{key}: {told}"
    if wanted.source_time is not None:
        at = next((one.moment[0] for one in moments), None)
        expected = reader("rfc3339")(wanted.source_time)
        if expected is None or at != expected:
            got = "none" if at is None else f"{at / SECOND:.3f} s since 1970"
            yield (*place, "source_time"), f"expected {wanted.source_time}, got {got}"
