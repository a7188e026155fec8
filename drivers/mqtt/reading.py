"""A profile's point with everything inherited: its topic, its place in the message, its type and its meaning. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from drivers.conversion import ConversionError, converted, point_of
from drivers.language import REASONS, PointFault
from drivers.meaning import Meaning
from drivers.mqtt.binary import FIELD_TYPES, flag_at, measured, number_at, size_of, text_at
from drivers.mqtt.path import MISSING, Path, parse_path
from drivers.mqtt.take import Bad, Literal, Take, coded, number, text, truth, typed, whole, with_literals, with_text
from drivers.part_ids import named
from gateway.model import Point, PointType, Quality

if TYPE_CHECKING:
    from drivers.mqtt.points import Fault, MqttPoint, PartPoint

_TAKES: dict[PointType, Take] = {
    PointType.FLOAT: number,
    PointType.INT: whole,
    PointType.BOOL: truth,
    PointType.TEXT: text,
}
# what is said of bytes only
_OF_BYTES = ("length", "encoding", "byte_order", "bit", "bits")


@dataclass(frozen=True, slots=True)
class MqttReading:
    """Where a point stands and what is made of it.

    `paths` are alternatives, () for the whole payload, unless `field` reads it from the message's bytes. `every_ns` is
    how often this point comes at least: None as often as the device speaks, 0 only when it changes.
    """

    point: Point
    topic: str
    paths: tuple[Path, ...]
    take: Take
    meaning: Meaning
    fault: tuple[Path, Callable[[Any], Any]] | None = None
    absent: tuple[Path, Any] | None = None  # (what must be there, raw value or Bad)
    field: Callable[[Any], Any] | None = None
    every_ns: int | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """Points of the same message without which there is no value."""
        return self.meaning.needs

    @property
    def whole(self) -> bool:
        """The point is the whole payload."""
        return not self.paths and self.field is None


def resolve(key: str, point: MqttPoint, topic: str | None) -> MqttReading:
    """The reading of `point`; PointFault at the key that is wrong."""
    return _Resolver(key, point).reading(topic)


def computed(point: Point, meaning: Meaning, topic: str, every_ns: int | None) -> MqttReading:
    """A point that is made of others of the same message."""
    return MqttReading(point, topic, (), _nothing, meaning, field=_nowhere, every_ns=every_ns)


def of_part(reading: MqttReading, point: PartPoint | None, part: str, numbers: Mapping[str, int]) -> MqttReading:
    """The reading of one part as that of another one: `point` is the template of both, None when it is computed."""

    def path(template: str) -> Path:
        return parse_path(named(template, part, numbers))

    first = f"{reading.point.part}/"

    def own(key: str) -> str:
        return f"{part}/{key.removeprefix(first)}" if key.startswith(first) else key

    made = replace(reading, point=replace(reading.point, part=part), meaning=reading.meaning.renamed(own))
    if point is None:
        return made
    return replace(
        made,
        topic=named(point.topic, part, numbers) if point.topic is not None else reading.topic,
        paths=tuple(path(template) for template in point.path or ()),
        fault=(path(point.fault.path), reading.fault[1]) if point.fault and reading.fault else None,
        absent=(path(point.absent_means.beside), reading.absent[1]) if point.absent_means and reading.absent else None,
    )


def _nowhere(_message: Any) -> Any:
    return MISSING


def _nothing(_value: Any) -> Any:
    return None


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
        paths = tuple(parse_path(path) for path in point.path or ())
        field = self.field()
        for key in ("fault", "absent_means"):
            if not paths and field is None and getattr(point, key) is not None:
                raise self.refuse(key, f"`{key}` is for a JSON message; this point is the whole payload")
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
            paths,
            take,
            # a taken number is finite, and so small that no scale makes it infinite
            replace(made.meaning(), floating=False),
            (parse_path(point.fault.path), _faults(point.fault)) if point.fault else None,
            (parse_path(absent.beside), self.meant(take, absent.value)) if absent else None,
            field,
            0 if point.every == "change" else point.every,
        )

    def field(self) -> Callable[[Any], Any] | None:
        """What reads the point from the bytes of a message; None when it is none of those."""
        point = self.point
        if point.at is None:
            if point.type in FIELD_TYPES:
                raise self.refuse("type", f"{point.type} is for bytes; say where they stand: `at`")
            for key in _OF_BYTES:
                if getattr(point, key) is not None:
                    raise self.refuse(key, f"`{key}` is for a point in bytes, which says where it stands: `at`")
            return None
        if point.path is not None:
            raise self.refuse("at", "a point stands in the bytes (`at`), or in the JSON beside (`path`), not both")
        if point.type == "text":
            if point.length is None:
                raise self.refuse("length", "a text in bytes needs its length")
            return text_at(point.at, point.length, point.encoding or "ascii")
        if point.type not in FIELD_TYPES:
            raise self.refuse("type", f"bytes need a type: text, {', '.join(FIELD_TYPES)}")
        for key in ("length", "encoding"):
            if getattr(point, key) is not None:
                raise self.refuse(key, f"`{key}` is for a text")
        return self.number(point.at, point.type)

    def number(self, at: int, kind: str) -> Callable[[Any], Any]:
        point, little = self.point, self.point.byte_order == "little"
        width = 8 * size_of(kind)
        if point.bit is None and point.bits is None:
            return number_at(at, kind, little=little)
        wrong = "bit" if point.bit is not None else "bits"
        if kind.startswith("float") or (point.bit is not None and point.bits is not None):
            raise self.refuse(wrong, "one bit, or bits from low to high, of an integer type are expected")
        low, high = (point.bit, point.bit) if point.bit is not None else point.bits or (0, 0)
        if not 0 <= low <= high < width:
            raise self.refuse(wrong, f"bits of {kind} are 0 … {width - 1}, the lower one first")
        if point.bit is not None:
            return flag_at(at, kind, little=little, bit=low)
        return number_at(at, kind, little=little, bits=(low, high))

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
        if point.at is not None:
            return self.of_bytes(point.type or "")
        kind = PointType(point.type or "float")
        return kind, _TAKES[kind]

    def of_bytes(self, kind: str) -> tuple[PointType, Take]:
        if kind == "text":
            return PointType.TEXT, text
        if self.point.bit is not None:
            return PointType.BOOL, truth
        return (PointType.FLOAT, measured) if kind.startswith("float") else (PointType.INT, whole)

    def enum(self, enum: Mapping[Literal, str]) -> tuple[PointType, Take]:
        if not enum:
            raise self.refuse("enum", "at least one code is needed")
        kind = {"float": int, "int": int, "bool": bool, "text": str}.get(self.point.type or "")
        if self.point.at is not None and self.point.type != "text":
            kind = int if self.point.bit is None else bool
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
        if point.type not in (None, "bool") and point.at is None:
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
