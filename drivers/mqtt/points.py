"""The profile language for messages: a point, and the points of a part."""

from __future__ import annotations

from typing import Annotated
from typing import Literal as OneOf

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, model_validator

from drivers.computed import ComputedPoint
from drivers.conversion import AsTuple, Conversion
from drivers.judges import Conditions
from drivers.language import Code, PointFault, Reason, Sources, Spoken, many
from drivers.mqtt.binary import FieldType, TextEncoding
from drivers.mqtt.defaults import Interval, Literal, Literals
from drivers.mqtt.path import PathField, parse_path
from drivers.mqtt.topic import TopicField, check_topic
from drivers.part_ids import PartIdField, PartIds, named, strange, without_variables
from gateway.fields import TextField


def _part_path(value: str) -> str:
    parse_path(without_variables(value))
    return value


def _part_topic(value: str) -> str:
    check_topic(without_variables(value))
    return value


_PartPath = Annotated[str, AfterValidator(_part_path)]
_PartTopic = Annotated[str, AfterValidator(_part_topic)]
Paths = Annotated[tuple[PathField, ...], BeforeValidator(many), Field(min_length=1, max_length=16)]
_PartPaths = Annotated[tuple[_PartPath, ...], BeforeValidator(many), Field(min_length=1, max_length=16)]


class Fault(Spoken):
    """A field that is there when the device could not measure."""

    path: PathField
    reasons: dict[str, Reason] = Field(default_factory=dict)


class AbsentMeans(Spoken):
    """What an absent field means, in a message that has `beside`: some network servers leave out 0, false and ""."""

    value: Literal
    beside: PathField


class MqttPoint(Spoken, Conversion):
    """One point: where it stands, of which type it is, what its numbers and words mean."""

    path: Paths | None = Field(
        default=None, description="of several the first that is there; absent: the whole payload"
    )
    topic: TopicField | None = None
    type: OneOf["float", "int", "bool", "text"] | FieldType | None = None
    at: int | None = Field(default=None, ge=0, le=65535, description="place in the bytes of `binary`, from 0")
    length: int | None = Field(default=None, ge=1, le=256, description="bytes of a text")
    encoding: TextEncoding | None = Field(default=None, description="of a text in bytes; absent: ascii")
    byte_order: OneOf["big", "little"] | None = None
    bit: int | None = Field(default=None, ge=0, le=63, description="bool from this bit, 0 is the lowest")
    bits: Annotated[tuple[int, int], AsTuple] | None = Field(default=None, description="int from bits low … high")
    enum: dict[Literal, Code] | None = None
    true_for: Literals | None = Field(default=None, description="bool: TRUE for these")
    false_for: Literals | None = Field(default=None, description="and FALSE for these; any other is undeclared")
    text_number: bool = Field(default=False, description="a number may be a text, with its unit behind")
    no_value: dict[Literal, Reason] | None = Field(default=None, description="what stands there instead of a value")
    fault: Fault | None = None
    absent_means: AbsentMeans | None = None
    valid_when: Conditions | None = Field(default=None, description="points of the same message that say it counts")
    every: Interval | OneOf["change"] | None = Field(
        default=None, description="how often this point comes at least; `change`: only when it changes"
    )
    source: Sources | None = None


class PartFault(Fault):
    path: _PartPath


class PartAbsentMeans(AbsentMeans):
    beside: _PartPath


class PartPoint(MqttPoint):
    """A point of every part: `{part}` and the variables of the id may stand in its paths and its topic."""

    path: _PartPaths | None = None
    topic: _PartTopic | None = None
    fault: PartFault | None = None
    absent_means: PartAbsentMeans | None = None


class MqttParts(Spoken):
    """Instances inside a device, as a template: ids, and where in a message their points stand."""

    id: PartIdField
    over: dict[Code, Annotated[tuple[int, int], AsTuple]] = Field(min_length=1, max_length=4)
    title: TextField | None = None
    points: dict[Code, PartPoint] = Field(min_length=1)
    computed: dict[Code, ComputedPoint] = Field(default_factory=dict)

    _ids: PartIds = PrivateAttr()

    @model_validator(mode="after")
    def _variables(self) -> MqttParts:
        self._ids = PartIds(self.id, self.over)
        for name, point in self.points.items():
            beside = [one.path for one in (point.fault,) if one] + [one.beside for one in (point.absent_means,) if one]
            for text in (*(point.path or ()), *beside):
                if (other := strange(text, self._ids.variables | {"part"})) is not None:
                    known = ", ".join(f"{{{one}}}" for one in ("part", *self.over))
                    raise ValueError(f"{name}: {other} is none of {known}")
        return self

    @property
    def ids(self) -> PartIds:
        return self._ids

    def point_of(self, part: str, name: str) -> MqttPoint:
        """The point of one part, as if the profile had it itself; PointFault where its numbers do not fit."""
        point, numbers = self.points[name], self.ids.numbers(part) or {}

        def at(key: str, template: str) -> str:
            try:
                return named(template, part, numbers)
            except ValueError as error:
                raise PointFault(("points", name, key), str(error)) from None

        own: dict[str, object] = {}
        if point.path is not None:
            own["path"] = tuple(at("path", path) for path in point.path)
        if point.topic is not None:
            own["topic"] = at("topic", point.topic)
        if point.fault is not None:
            own["fault"] = point.fault.model_copy(update={"path": at("fault", point.fault.path)})
        if point.absent_means is not None:
            beside = at("absent_means", point.absent_means.beside)
            own["absent_means"] = point.absent_means.model_copy(update={"beside": beside})
        return point.model_copy(update=own)
