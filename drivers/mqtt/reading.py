"""A profile's point with everything inherited: its topic, its place in the message, its type and its meaning. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from drivers.conversion import ConversionError, converted, point_of
from drivers.language import REASONS, PointFault
from drivers.meaning import Meaning
from drivers.mqtt.path import Path, parse_path
from drivers.mqtt.take import Bad, Literal, Take, coded, number, text, truth, typed, whole, with_literals, with_text
from gateway.model import Point, PointType, Quality

if TYPE_CHECKING:
    from drivers.mqtt.language import Fault, MqttPoint

_TAKES: dict[PointType, Take] = {
    PointType.FLOAT: number,
    PointType.INT: whole,
    PointType.BOOL: truth,
    PointType.TEXT: text,
}


@dataclass(frozen=True, slots=True)
class MqttReading:
    """Where a point stands and what is made of it. `path` is () for the whole payload."""

    point: Point
    topic: str
    path: Path
    take: Take
    meaning: Meaning
    fault: tuple[Path, Callable[[Any], Any]] | None = None
    absent: tuple[Path, Any] | None = None  # (what must be there, raw value or Bad)


def resolve(key: str, point: MqttPoint, topic: str | None) -> MqttReading:
    """The reading of `point`; PointFault at the key that is wrong."""
    return _Resolver(key, point).reading(topic)


class _Resolver:
    def __init__(self, key: str, point: MqttPoint) -> None:
        self.key = key
        self.point = point

    def refuse(self, field: str, sentence: str) -> PointFault:
        return PointFault(("points", self.key, field), sentence)

    def reading(self, topic: str | None) -> MqttReading:
        point = self.point
        topic = point.topic or topic
        if topic is None:
            raise self.refuse("topic", "a point needs a topic, here or under `mqtt:`")
        path = parse_path(point.path) if point.path is not None else ()
        for field in ("fault", "absent_means"):
            if not path and getattr(point, field) is not None:
                raise self.refuse(field, f"`{field}` is for a JSON message; this point is the whole payload")
        kind, take = self.raw()
        try:
            made = converted(point, kind, None)
        except ConversionError as error:
            raise self.refuse(error.key, str(error)) from None
        take = self.wrapped(kind, take)
        words = tuple(dict.fromkeys((point.enum or {}).values()))
        absent = point.absent_means
        return MqttReading(
            point_of(self.key, made, words),
            topic,
            path,
            take,
            # a taken number is finite, and so small that no scale makes it infinite
            replace(made.meaning(), floating=False),
            (parse_path(point.fault.path), _faults(point.fault)) if point.fault else None,
            (parse_path(absent.beside), self.meant(take, absent.value)) if absent else None,
        )

    def raw(self) -> tuple[PointType, Take]:
        point = self.point
        if point.enum is not None and point.true_for is not None:
            raise self.refuse("true_for", "either `enum`, or a bool by `true_for`, not both")
        if point.false_for is not None and point.true_for is None:
            raise self.refuse("false_for", "what is true must be said, too: `true_for`")
        if point.enum is not None:
            return self.enum(point.enum)
        if point.true_for is not None:
            return self.verdicts()
        kind = PointType(point.type or "float")
        return kind, _TAKES[kind]

    def enum(self, enum: Mapping[Literal, str]) -> tuple[PointType, Take]:
        if not enum:
            raise self.refuse("enum", "at least one code is needed")
        kind = {"float": int, "int": int, "bool": bool, "text": str}.get(self.point.type or "")
        for code in enum:
            if typed(code)[0] is float:
                raise self.refuse("enum", f"a code is a whole number, a text, true or false; not {code}")
            if kind not in (None, typed(code)[0]):
                raise self.refuse("enum", f"{code!r} is no {self.point.type}, as `type` says")
        return PointType.ENUM, coded(enum.items())

    def verdicts(self) -> tuple[PointType, Take]:
        point = self.point
        true, false = point.true_for or (), point.false_for or ()
        if not false:
            raise self.refuse("true_for", "what is false must be said, too: `false_for`; anything else is undeclared")
        if both := {typed(one) for one in true} & {typed(one) for one in false}:
            raise self.refuse("false_for", f"{min(map(str, (one for _, one in both)))} is true already")
        if point.type not in (None, "bool"):
            raise self.refuse("type", f"`true_for` makes a bool, not a point of type {point.type}")
        return PointType.BOOL, coded([*((one, True) for one in true), *((one, False) for one in false)])

    def wrapped(self, kind: PointType, take: Take) -> Take:
        """Texts that are numbers, and literals that are no value; literals first."""
        point = self.point
        if point.text_number:
            if kind not in (PointType.FLOAT, PointType.INT):
                raise self.refuse("text_number", f"a number is expected, but this is a point of type {kind}")
            # behind a scale or a line nobody knows in which unit the device itself counts
            plain = point.scale is None and point.offset is None and not point.signal and not point.linear
            take = with_text(take, point.unit if plain else None)
        if point.no_value:
            values = {typed(one) for one in (*(point.enum or ()), *(point.true_for or ()), *(point.false_for or ()))}
            for literal in point.no_value:
                if typed(literal) in values:
                    raise self.refuse("no_value", f"{literal!r} is a value already")
            take = with_literals(take, {one: REASONS[reason] for one, reason in point.no_value.items()})
        return take

    def meant(self, take: Take, value: Any) -> Any:
        raw = take(value)
        if isinstance(raw, Bad):
            raise self.refuse("absent_means", f"{value!r} would be no value of this point")
        return raw


def _faults(fault: Fault) -> Callable[[Any], Any]:
    reasons = {words: Bad(REASONS[reason]) for words, reason in fault.reasons.items()}
    other = Bad(Quality.BAD_SENSOR)

    def judge(value: Any) -> Any:
        """Why there is no value: the device's words, or at least that it could not measure."""
        return reasons.get(value, other) if value.__class__ is str else other

    return judge
