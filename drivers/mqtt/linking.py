"""Points that need others of the same message: computed ones, and those that others judge. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from drivers.adaptation import AdaptationError
from drivers.computed import ComputedPoint, Parameter, compute
from drivers.judges import Conditions, judge
from drivers.language import PointFault
from drivers.mqtt.points import MqttPoint
from drivers.mqtt.reading import MqttReading, computed
from gateway.fields import Quantity

Readings = dict[str, MqttReading]


class Linker:
    """Adds the computed points of one profile. `given` are its parameters' values, None for those nobody has given."""

    def __init__(self, parameters: Mapping[str, Parameter], given: Mapping[str, float | None]) -> None:
        self._given = given
        self._units = {name: parameter.unit for name, parameter in parameters.items()}

    def compute(
        self, readings: Readings, section: Mapping[str, ComputedPoint], part: str | None, names: Iterable[str]
    ) -> Iterator[PointFault]:
        """Add those of the device (`part` None) or of one part, over points of these names; what is wrong with them."""
        points = {name: reading.point for name in names if (reading := _there(readings, part, name)) is not None}
        for name, spec in section.items():
            key = f"{part}/{name}" if part else name
            if key in readings:
                yield PointFault(("computed", name), f"{key!r} is already a point that is read")
                continue
            try:
                later = [*section][[*section].index(name) :]
                point, meaning = compute(key, spec, points, self._given, units=self._units, later=later)
            except PointFault as fault:
                yield PointFault(("computed", name, *fault.loc[2:]), fault.sentence)
                continue
            topics = sorted({readings[operand].topic for operand in meaning.needs})
            if len(topics) > 1:
                told = f"its points never come in one message: {' and '.join(topics)}"
                yield PointFault(("computed", name, "expr"), told)
                continue
            points[name] = point
            readings[key] = computed(point, meaning, topics[0], spec.every)


def _there(readings: Readings, part: str | None, name: str) -> MqttReading | None:
    """The point of that name: the part's own, or the device's."""
    return (readings.get(f"{part}/{name}") if part else None) or readings.get(name)


def judged(readings: Readings, conditions: Mapping[str, Conditions | None], part: str | None) -> Iterator[PointFault]:
    """Let points be judged by others, as `conditions` (by key) say; what is wrong with that.

    The judges of a part's points are points of the same part, or of the device.
    """
    for key, said in conditions.items():
        judges = []
        for name, condition in (said or {}).items():
            reading = _there(readings, part, name)
            loc = ("points", key, "valid_when", name)
            if reading is None:
                yield PointFault(loc, f"there is no point {name!r} in this profile")
            elif reading.topic != readings[key].topic:
                yield PointFault(loc, f"{name!r} comes on another topic: the two are never in one message")
            else:
                try:
                    judges.append(judge(condition, reading.point))
                except ValueError as error:
                    yield PointFault(loc, str(error))
        meaning = replace(readings[key].meaning, valid_when=tuple(judges))
        readings[key] = replace(readings[key], meaning=meaning)
        if _circle(readings, key):
            yield PointFault(("points", key, "valid_when"), f"{key!r} would be judged by itself")
            readings[key] = replace(readings[key], meaning=replace(meaning, valid_when=()))


def _circle(readings: Readings, key: str) -> bool:
    seen: set[str] = set()
    waiting = list(readings[key].needs)
    while waiting:
        one = waiting.pop()
        if one == key:
            return True
        if one not in seen and one in readings:
            seen.add(one)
            waiting += readings[one].needs
    return False


def values(profile: str, parameters: Mapping[str, Parameter], given: Mapping[str, Quantity]) -> dict[str, float | None]:
    """The parameters' values as a site gives them; AdaptationError at what is missing, unknown or cannot be."""
    for name in given:
        if name not in parameters:
            known = f"its parameters are {', '.join(parameters)}" if parameters else "it has none"
            raise AdaptationError(("parameters", name), f"the profile {profile} has no parameter {name!r}; {known}")
    found: dict[str, float | None] = {}
    for name, parameter in parameters.items():
        try:
            found[name] = parameter.value(given.get(name))
        except ValueError as error:
            raise AdaptationError(("parameters", name), str(error)) from None
        if found[name] is None:
            unit = f" {parameter.unit}" if parameter.unit else ""
            told = f"the profile {profile} needs a measure of this device: `parameters: {{{name}: …{unit}}}`"
            raise AdaptationError(("parameters",) if given else (), told)
    return found


_PLACES = frozenset(
    ("path", "topic", "at", "type", "length", "encoding", "byte_order", "bit", "bits")  # where it stands
) | {"fault", "absent_means", "valid_when", "source"}


def adjusted(key: str, point: MqttPoint, changes: Mapping[str, Any]) -> MqttPoint:
    """The point with keys that differ on one device; AdaptationError at what cannot be said of it."""
    for name in changes:
        if name in _PLACES:
            told = f"where {key!r} stands is the same on all devices of a type: `{name}` belongs to the profile"
            raise AdaptationError(("adjust", key, name), told)
    said = {name: getattr(point, name) for name in point.model_fields_set}
    try:
        return MqttPoint.model_validate({**said, **changes})
    except ValidationError as error:
        first = error.errors()[0]
        raise AdaptationError(("adjust", key, *first["loc"]), first["msg"].removeprefix("Value error, ")) from None
