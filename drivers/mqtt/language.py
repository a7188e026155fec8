"""The profile language for messages: which topics a device speaks on, and where in a message each point stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, PrivateAttr, StringConstraints, model_validator

from drivers.adaptation import Adaptation, AdaptationError, Name
from drivers.computed import ComputedPoint, ParameterField
from drivers.conversion import AsTuple
from drivers.language import Badness, Code, Expected, PointFault, PointKey, Profile, Source, Wire, many, refuse
from drivers.mqtt.defaults import Availability, Identity, MqttDefaults, TimeSpec
from drivers.mqtt.envelope import ENVELOPES, Envelope
from drivers.mqtt.faults import faults_of
from drivers.mqtt.linking import Linker, adjusted, judged, values
from drivers.mqtt.points import MqttParts, MqttPoint, PartPoint
from drivers.mqtt.poison import REASONS
from drivers.mqtt.reading import MqttReading, of_part, resolve
from drivers.mqtt.topic import TopicField, check_variables, variables_of
from drivers.part_ids import hint
from gateway.fields import QuantityField, Strict

__all__ = ["Availability", "MqttPoint", "MqttProfile", "MqttVector", "Outcome"]


def _reason(value: str) -> str:
    if value not in REASONS:
        raise ValueError(f"one of {', '.join(REASONS)} is expected, got {value!r}")
    return value


class Outcome(Strict):
    """What must come out of one moment of a message."""

    expect: dict[PointKey, Expected] = Field(default_factory=dict)
    bad: dict[PointKey, Badness] = Field(default_factory=dict)
    source_time: str | None = Field(default=None, description="RFC 3339; the site's own zone is UTC here")


class MqttVector(Outcome):
    """A message as the device sends it, and what must come out."""

    topic: TopicField | None = Field(default=None, description="absent: the profile's topic")
    payload: JsonValue = Field(default=None, description="a text is the payload itself; anything else is sent as JSON")
    hex: Annotated[str, StringConstraints(pattern=r"^([0-9A-Fa-f]{2}\s?)*$")] | None = Field(
        default=None, description="a payload of bytes"
    )
    variables: dict[Code, str] = Field(default_factory=dict)
    parts: Annotated[tuple[str, ...], BeforeValidator(many)] = Field(default=(), description="parts that it is about")
    parameters: dict[Name, QuantityField] = Field(default_factory=dict, description="as a site would give them")
    history: Annotated[tuple[Outcome, ...], BeforeValidator(many)] = ()
    available: bool | None = None
    poison: Annotated[str, AfterValidator(_reason)] | None = None


class MqttProfile(Profile):
    """A type of device that sends messages."""

    wire: ClassVar[Wire] = "mqtt"

    mqtt: MqttDefaults
    points: dict[PointKey, MqttPoint] = Field(default_factory=dict)
    parts: Annotated[tuple[MqttParts, ...], AsTuple] = ()
    computed: dict[Code, ComputedPoint] = Field(default_factory=dict)
    parameters: ParameterField = Field(default_factory=dict, description="measures that a site gives of each device")
    vectors: Annotated[tuple[MqttVector, ...], BeforeValidator(many)] = ()

    _readings: dict[str, MqttReading] = PrivateAttr(default_factory=dict)
    _firsts: list[dict[str, MqttReading]] = PrivateAttr(default_factory=list)
    """The readings of every template's first part; the others' differ by their places alone."""
    _timezone: str = PrivateAttr(default="UTC")
    _given: dict[str, float | None] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _resolve(self) -> MqttProfile:
        self._given = {name: parameter.value(None) for name, parameter in self.parameters.items()}
        faults = list(self._read_points())
        faults += self._read_parts()
        faults += self._link() if not faults else ()
        faults += faults_of(self) if not faults else ()
        if faults:
            refuse(self.profile, faults)
        return self

    def _read_points(self) -> Iterator[PointFault]:
        for key, point in self.points.items():
            try:
                self._readings[key] = resolve(key, point, self.topic)
            except PointFault as fault:
                yield fault

    def _read_parts(self) -> Iterator[PointFault]:
        for index, parts in enumerate(self.parts):
            self._firsts.append({})
            for name in parts.points:
                try:
                    first, last = (parts.point_of(part, name) for part in parts.ids.ends)
                    self._firsts[-1][name] = resolve(f"{parts.ids.ends[0]}/{name}", first, self.topic)
                    resolve(f"{parts.ids.ends[1]}/{name}", last, self.topic)
                except PointFault as fault:
                    yield PointFault(("parts", index, "points", name, *fault.loc[2:]), fault.sentence)

    def _link(self) -> Iterator[PointFault]:
        """Computed points and judges; of parts in the first one, which stands for all."""
        yield from self._compute(self._readings)
        yield from judged(self._readings, {key: point.valid_when for key, point in self.points.items()}, None)
        for index, parts in enumerate(self.parts):
            part = parts.ids.ends[0]
            of_first = {f"{part}/{name}": reading for name, reading in self._firsts[index].items()}
            together = {**self._readings, **of_first}
            conditions = {f"{part}/{name}": point.valid_when for name, point in parts.points.items()}
            faults = [*self._compute(together, part), *judged(together, conditions, part)]
            self._firsts[index] = {name: together[f"{part}/{name}"] for name in parts.points}
            for fault in faults:
                name = str(fault.loc[1]).rpartition("/")[2]
                yield PointFault(("parts", index, fault.loc[0], name, *fault.loc[2:]), fault.sentence)

    def _compute(self, readings: dict[str, MqttReading], part: str | None = None) -> Iterator[PointFault]:
        linker = Linker(self.parameters, self._given)
        if part is None:
            yield from linker.compute(readings, self.computed, None, [key for key in readings if "/" not in key])
            return
        parts = self.parts[self._part(part)[0]]
        if parts.computed:
            names = [*(key for key in self._readings if "/" not in key), *parts.points]
            yield from linker.compute(readings, parts.computed, part, names)

    @property
    def readings(self) -> Mapping[str, MqttReading]:
        """Every point with its place in a message and its meaning, in the order of the profile; of parts those asked
        for."""
        return self._readings

    @property
    def part_hint(self) -> str:
        return hint([parts.ids for parts in self.parts])

    def for_parts(self, ids: Sequence[str]) -> MqttProfile:
        """The profile with the points of these parts; ValueError with a sentence for an id that is none."""
        if not self.parts:
            return super().for_parts(ids)
        made = self._copy()
        for part in dict.fromkeys(ids):
            index, numbers = self._part(part)
            for name, point in self.parts[index].points.items():
                made.points[f"{part}/{name}"] = point
                made._readings[f"{part}/{name}"] = of_part(self._firsts[index][name], point, part, numbers)
            for fault in made._compute(made._readings, part):
                raise ValueError(f"{part}: {fault.sentence}")
        return made

    def _part(self, part: str) -> tuple[int, Mapping[str, int]]:
        """(which template makes it, the numbers in its id)."""
        for index, parts in enumerate(self.parts):
            if (numbers := parts.ids.numbers(part)) is not None:
                return index, numbers
        raise ValueError(f"{self.profile} has no part {part!r}; its parts are {self.part_hint}")

    def _copy(self) -> MqttProfile:
        made = self.model_copy(update={"points": dict(self.points)})
        made._readings = dict(self._readings)
        made._firsts, made._timezone, made._given = self._firsts, self._timezone, self._given
        return made

    def adapted(self, changes: Adaptation, timezone: str) -> MqttProfile:
        """The profile as it is on one device, whose clock is in `timezone`; AdaptationError at what does not fit."""
        for key in ("word_order", "byte_order", "variant"):
            if key in changes.given:
                raise AdaptationError((key,), f"the profile {self.profile} leaves nothing open that `{key}` could say")
        made = self._copy()
        made._timezone = timezone
        made._given = values(self.profile, self.parameters, changes.parameters)
        for key, keys in changes.adjust.items():
            made._readings[key] = self._adjusted(key, keys)
        if changes.adjust or self.parameters:
            made._compute_again()
        return made

    def _adjusted(self, key: str, keys: Mapping[str, Any]) -> MqttReading:
        reading = self._readings.get(key)
        if reading is None or key not in self.points:
            told = "is computed; its `parameters` may be given" if reading else "is no point of this device"
            raise AdaptationError(("adjust", key), f"{key!r} {told}")
        point = self.points[key]
        if isinstance(point, PartPoint):
            part, name = reading.point.part or "", reading.point.name
            point = self.parts[self._part(part)[0]].point_of(part, name)
        try:
            made = resolve(key, adjusted(key, point, keys), self.topic)
        except PointFault as fault:
            raise AdaptationError(("adjust", key, *fault.loc[2:]), fault.sentence) from None
        return replace(made, meaning=replace(made.meaning, valid_when=reading.meaning.valid_when))

    def _compute_again(self) -> None:
        parts = {reading.point.part for reading in self._readings.values()} - {None}
        self._readings = {key: reading for key, reading in self._readings.items() if reading.meaning.formula is None}
        of_templates = [part for part in parts if part and any(one.ids.numbers(part) for one in self.parts)]
        for part in (None, *sorted(of_templates)):
            for fault in self._compute(self._readings, part):
                raise AdaptationError(("adjust",), f"{fault.loc[1]}: {fault.sentence}")

    @property
    def timezone(self) -> str:
        """Where its own clock is, as the site says; UTC before."""
        return self._timezone

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
    def bytes_path(self) -> str | None:
        """Where in the whole message its bytes are; None when there are none, or they are the whole payload."""
        binary = self.mqtt.binary
        if binary is None or binary.encoding == "raw":
            return None
        return binary.path or (self.envelope.raw if self.envelope else None)

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
        spoken: MqttPoint | ComputedPoint | None = self.points.get(key) or self.computed.get(key)
        return (spoken.source if spoken else None) or self.source

    @property
    def has_examples(self) -> bool:
        return any(vector.expect or vector.bad for vector in self.vectors)
