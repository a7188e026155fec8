"""Which alarms are meant: of a rule, system, class, severity, place or label. For routes, silences and maintenance."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, StringConstraints
from pydantic.json_schema import WithJsonSchema

from alerts.companion import SUFFIX
from alerts.condition.operand import nearest
from alerts.rule import Name, Rule
from gateway.fields import ClassField, Id, SeverityField, Strict
from gateway.model import Device, Severity

RuleName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}(/protection_lost)?$", max_length=80)
]
"""A rule, and with it its companion; or the companion alone."""
SourceName = Annotated[str, StringConstraints(min_length=1, max_length=160, pattern=r"^[^/]+(/[^/]+)?$")]
_WORDS = [severity.word for severity in Severity]


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str | Severity) else value


Severities = Annotated[
    tuple[SeverityField, ...],
    Field(strict=False, min_length=1),
    BeforeValidator(_several),
    PlainSerializer(lambda found: [severity.word for severity in found], when_used="json"),
    WithJsonSchema({"anyOf": [{"enum": _WORDS}, {"type": "array", "minItems": 1, "items": {"enum": _WORDS}}]}),
]


class Match(Strict):
    """What is given must all hold; an empty one fits every alarm.

    `rule` means its companion too. `device` is a device with all its parts, or one part of it (`device/part`).
    `severity` is the rule's own, one or a list. A place is the source's: a part is where the site says, else where its
    device is.
    """

    rule: RuleName | None = None
    system: Id | None = None
    class_: Annotated[ClassField | None, Field(alias="class")] = None
    severity: Severities | None = None
    building: Name | None = None
    floor: Name | None = None
    zone: Name | None = None
    device: SourceName | None = None
    labels: Annotated[dict[Id, Name], Field(max_length=20)] = Field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Nothing is given (or only an empty map of labels): it fits every alarm."""
        return not self.labels and not (self.model_fields_set - {"labels"})

    def fits(self, rule: Rule, device: Device, part: str | None) -> bool:
        """Whether it means the alarm of `rule` on the device or that part of it."""
        place = device.place(part)
        pairs = (
            (self.system, device.system),
            (self.building, place.building),
            (self.floor, place.floor),
            (self.zone, place.zone),
        )
        return (
            all(asked is None or asked == found for asked, found in pairs)
            and (self.class_ is None or rule.class_ is self.class_)
            and (self.severity is None or rule.severity in self.severity)
            and (self.rule is None or self.rule in (rule.rule, rule.rule.removesuffix(SUFFIX)))
            and (self.device is None or self.device in (device.id, f"{device.id}/{part}"))
            and all(device.labels.get(key) == value for key, value in self.labels.items())
        )

    def to_json(self) -> dict[str, Any]:
        """As it was written; `Match.model_validate` reads it back."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def misnamed(self, rules: Collection[str], devices: Collection[Device]) -> Iterator[tuple[str, str]]:
        """(key, what is wrong) for each name that nothing on the site has: it would mean no alarm for ever."""
        sources = {source for device in devices for source in _sources(device)}
        places = [device.place(part) for device in devices for part in (None, *device.parts)]
        asked = (
            ("rule", None if self.rule is None else self.rule.removesuffix(SUFFIX), set(rules)),
            ("system", self.system, {device.system for device in devices}),
            ("building", self.building, {place.building for place in places}),
            ("floor", self.floor, {place.floor for place in places}),
            ("zone", self.zone, {place.zone for place in places}),
            ("device", self.device, sources),
        )
        for key, name, known in asked:
            if name is not None and name not in known:
                yield key, f"there is no {key} {name!r}{nearest(name, sorted(one for one in known if one is not None))}"
        for label, value in self.labels.items():
            given = {key for device in devices for key in device.labels}
            if label not in given:
                yield "labels", f"no device has the label {label!r}{nearest(label, sorted(given))}"
                continue
            values = {device.labels[label] for device in devices if label in device.labels}
            if value not in values:
                yield "labels", f"no device has the label {label} {value!r}{nearest(value, sorted(values))}"


def _sources(device: Device) -> Iterator[str]:
    yield device.id
    for part in {*device.parts, *(point.part for point in device.points if point.part is not None)}:
        yield f"{device.id}/{part}"
