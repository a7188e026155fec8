"""A written condition on one source → a compiled one: points to slots, limits to the point's own unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from alerts.condition.columns import Columns
from alerts.condition.leaves import (
    COMPARISONS,
    BadQualitySpec,
    Code,
    RateSpec,
    StateSpec,
    ThresholdSpec,
)
from alerts.condition.logic import All, AnyOf, Not, OtherAlarm, Tripping
from alerts.condition.node import Node
from alerts.condition.operand import Leaf, Loc, PointLimit, nearest
from alerts.condition.rate import HeldRate, Rate, Window
from alerts.condition.spec import AlarmSpec, AllSpec, AnySpec, Condition, NotSpec
from alerts.condition.state import BadQuality, Consecutive, Lasting, Named, Numbered
from alerts.condition.threshold import Band, Levels, MovingLimit, Threshold, ThresholdOfPoint
from gateway.fields import Quantity
from gateway.model import HEALTH_POINT, SECOND, Device, Health, Point, PointType, Severity, Value
from gateway.units import UnitError, convert

NUMBERS = {PointType.INT, PointType.FLOAT}


class Absent(Exception):  # noqa: N818 - a device without the point is ordinary; nothing failed
    """The device lacks what the condition asks for."""


class Mistake(Exception):  # noqa: N818 - the rule's mistake
    """The rule cannot mean what it says. `loc` is the path inside the rule."""

    def __init__(self, message: str, *loc: str | int) -> None:
        super().__init__(message)
        self.loc: Loc = loc


class Fitted:
    """The points of a device, found at once: a panel has ten thousand."""

    def __init__(self, device: Device) -> None:
        self.by_key = {point.key: point for point in device.points}
        self.of_parts: dict[str, list[Point]] = {}
        for point in device.points:
            if point.part:
                self.of_parts.setdefault(point.name, []).append(point)

    def watched(self, name: str) -> list[Point]:
        """Where a rule `on` the point (`name`, or `part/name`) has its sources: the device itself and each part."""
        own = self.by_key.get(name)
        return [*([] if own is None else [own]), *self.of_parts.get(name, [])]


@dataclass(slots=True, kw_only=True)
class Scope:
    """Where a condition is compiled for: the source, the rule's own point, and what the build leaves behind.

    `sources(rule, same)` are the sources that a rule already has in the same device, zone or building. `codes` are the
    standard codes of an enum point's name. `read` collects the points (slot → key) that the condition reads, `left_out`
    the optional operands that the device lacks.
    """

    device: Device
    fitted: Fitted
    part: str | None
    own_point: str | None
    severity: Severity
    columns: Columns
    unknown_for_ns: int
    sources: Callable[[str, str], Sequence[tuple[str, str]]]
    codes: Callable[[str], Sequence[str]]
    read: dict[int, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def points(self, spec: Leaf, loc: Loc) -> list[Point]:
        """The point that a leaf asks about; several when it asks about every or any part."""
        if spec.points is not None:
            some = [point for name in spec.points for point in self._found(name, self.part)]
            if not some:
                raise Absent(f"the device has none of the points {', '.join(spec.points)}")
            return some
        name = spec.point or self.own_point
        if name is None:
            raise Mistake("names no point, and the rule has none under `on`", *loc)
        found = self.fitted.of_parts.get(name, []) if spec.parts else []
        found = found or self._found(name, None if spec.parts else self.part)
        if not found:
            raise Absent(f"the device has no point {name!r}")
        if spec.parts is None and len(found) > 1:
            keys = ", ".join(point.key for point in found)
            place = (*loc, "point") if spec.point else loc
            raise Mistake(f"{name!r} is a point of several parts ({keys}): say `parts: every` or `parts: any`", *place)
        return found

    def _found(self, name: str, part: str | None) -> list[Point]:
        """Those meant by `name` or `part/name`: the part's own first, then the device's, then those of all parts."""
        for key in (f"{part}/{name}", name) if part is not None else (name,):
            if (point := self.fitted.by_key.get(key)) is not None:
                return [point]
        return [] if part is not None else self.fitted.of_parts.get(name, [])

    def slot(self, point: Point) -> int:
        slot = self.columns.slot(self.device.id, point.key)
        self.read[slot] = point.key
        return slot


def build(spec: Condition, scope: Scope, loc: Loc) -> Node:
    """The compiled condition. Absent or Mistake when there can be none."""
    if isinstance(spec, AllSpec):
        return _all(spec, scope, loc)
    if isinstance(spec, AnySpec):
        nodes = [node for node, _ in _operands(spec.any, scope, (*loc, "any"))]
        return nodes[0] if len(nodes) == 1 else AnyOf(nodes)
    if isinstance(spec, NotSpec):
        return Not([build(spec.not_, scope, (*loc, "not"))])
    if isinstance(spec, AlarmSpec):
        alarms = scope.sources(spec.alarm, spec.same)
        if not alarms:
            raise Absent(f"rule {spec.alarm} watches nothing on the same {spec.same}")
        return OtherAlarm(alarms)
    nodes = [_leaf(spec, point, scope, loc) for point in scope.points(spec, loc)]
    if len(nodes) == 1:
        return nodes[0]
    return All(nodes) if spec.parts == "every" else AnyOf(nodes)


def _operands(specs: Sequence[Condition], scope: Scope, loc: Loc) -> list[tuple[Node, Condition]]:
    built = []
    missed: list[str] = []
    for index, spec in enumerate(specs):
        if spec.for_profile is not None and spec.for_profile != scope.device.profile:
            continue
        try:
            built.append((build(spec, scope, (*loc, index)), spec))
        except Absent as absent:
            if not spec.optional:
                raise
            scope.left_out.append(str(absent))
            missed.append(str(absent))
    if not built:
        nowhere = [why for why in dict.fromkeys(missed) if "watches nothing" in why]
        raise Absent("; ".join(nowhere) or "the device has none of the points that the rule asks about")
    return built


def _all(spec: AllSpec, scope: Scope, loc: Loc) -> Node:
    built = _operands(spec.all, scope, (*loc, "all"))
    nodes = [node for node, _ in built]
    trips = [operand.on_unknown == "trip" for _, operand in built]
    if any(trips):
        return Tripping(nodes, trips, scope.unknown_for_ns)
    return nodes[0] if len(nodes) == 1 else All(nodes)


def _leaf(spec: ThresholdSpec | StateSpec | RateSpec | BadQualitySpec, point: Point, scope: Scope, loc: Loc) -> Node:
    slot = scope.slot(point)
    if isinstance(spec, BadQualitySpec):
        return BadQuality(slot, spec.qualities)
    node: Node
    if isinstance(spec, RateSpec):
        return _rate(spec, point, slot, scope, loc)
    node = (
        _state(spec, point, slot, scope, loc)
        if isinstance(spec, StateSpec)
        else _threshold(spec, point, slot, scope, loc)
    )
    if spec.samples > 1:
        node = Consecutive(node, slot, spec.samples)
    return node if spec.for_ is None else Lasting(node, spec.for_, _gap(scope))


def _gap(scope: Scope) -> int:
    """How long samples may be away before what they hide counts: as a device may be before it is offline."""
    return max(3 * scope.device.poll_ns, 10 * SECOND)


def _number(point: Point, loc: Loc) -> None:
    if point.type not in NUMBERS:
        raise Mistake(f"{point.name!r} is a point of type {point.type}, not a number", *loc)


def _in_unit(quantity: Quantity, point: Point, loc: Loc, *, difference: bool = False) -> float:
    try:
        return quantity.to(point.unit, difference=difference)
    except UnitError as error:
        raise Mistake(f"{point.name!r}: {error}", *loc) from None


def _deadband(quantity: Quantity | None, point: Point, loc: Loc) -> float:
    return 0.0 if quantity is None else _in_unit(quantity, point, (*loc, "deadband"), difference=True)


def _threshold(spec: ThresholdSpec, point: Point, slot: int, scope: Scope, loc: Loc) -> Node:
    if spec.levels is not None:
        _number(point, (*loc, "levels"))
        bands, severities = [], []
        for index, level in enumerate(spec.levels):
            place = (*loc, "levels", index)
            limit = _in_unit(level.limit, point, (*place, level.comparison))
            bands.append(Band.of(level.comparison, limit, _deadband(level.deadband, point, place)))
            severities.append(level.severity or scope.severity)
        return Levels(slot, bands, severities, point.unit, absolute=spec.absolute)
    key = next(key for key in COMPARISONS if getattr(spec, key) is not None)
    _number(point, (*loc, key))
    deadband = _deadband(spec.deadband, point, loc)
    written: Quantity | PointLimit = getattr(spec, key)
    if isinstance(written, Quantity):
        band = Band.of(key, _in_unit(written, point, (*loc, key)), deadband)
        return Threshold(slot, band, point.unit, absolute=spec.absolute)
    moving = _moving(written, point, scope, (*loc, key))
    return ThresholdOfPoint(slot, key, moving, deadband, point.unit, absolute=spec.absolute)


def _moving(written: PointLimit, point: Point, scope: Scope, loc: Loc) -> MovingLimit:
    (other,) = scope.points(Leaf(point=written.point), loc)
    _number(other, (*loc, "point"))
    if (other.unit is None) != (point.unit is None):
        raise Mistake(f"{other.name!r} is in {other.unit or 'no unit'}, {point.name!r} in {point.unit or 'none'}", *loc)
    offset, factor = 0.0, 1.0
    if other.unit is not None and point.unit is not None:
        try:
            offset = convert(0.0, other.unit, point.unit)
            factor = convert(1.0, other.unit, point.unit, difference=True)
        except UnitError as error:
            raise Mistake(str(error), *loc, "point") from None
    return MovingLimit(scope.slot(other), written.factor * factor, offset)


def _rate(spec: RateSpec, point: Point, slot: int, scope: Scope, loc: Loc) -> Node:
    key = "rises_by" if spec.rises_by is not None else "falls_by"
    _number(point, (*loc, key))
    change = _in_unit(getattr(spec, key), point, (*loc, key), difference=True)
    poll = scope.device.poll_ns
    if poll >= spec.within:
        told = f"heard every {poll / SECOND:g} s"
        raise Absent(f"the device, {told}, is too slow for a window of {spec.within / SECOND:g} s")
    gap = spec.max_gap if spec.max_gap is not None else _gap(scope)
    window = Window(spec.within, spec.span_ns, gap)
    sign = 1 if key == "rises_by" else -1
    kind = Rate if poll else HeldRate
    deadband = _deadband(spec.deadband, point, loc)
    return kind(slot, sign, change, deadband, window=window, unit=point.unit, counter=point.counter)


def _state(spec: StateSpec, point: Point, slot: int, scope: Scope, loc: Loc) -> Node:
    if spec.mask is not None and spec.expect is not None:
        if point.type is not PointType.INT:
            raise Mistake(f"{point.name!r} is a point of type {point.type}; a mask is for int", *loc, "mask")
        return Numbered(slot, frozenset({spec.expect}), mask=spec.mask)
    wanted = spec.not_in is None
    if spec.is_ is not None:
        written: Sequence[tuple[Loc, Code]] = [((*loc, "is"), spec.is_)]
    else:
        key = "in" if wanted else "not_in"
        codes = spec.in_ if wanted else spec.not_in
        written = [((*loc, key, index), code) for index, code in enumerate(codes or ())]
    for place, code in written:
        _check_code(code, point, scope, place)
    members = {code for _, code in written}
    if wanted and point.type is PointType.ENUM and members.isdisjoint(point.codes) and (spec.optional or len(loc) == 1):
        # a code of other devices: to watch for it here would only look like protection
        raise Absent(f"{point.name!r} of this device never is {' or '.join(map(str, sorted(members, key=str)))}")
    if point.type is PointType.INT:
        return Numbered(slot, frozenset(int(code) for code in members), wanted=wanted)
    every: Sequence[Value] = (True, False) if point.type is PointType.BOOL else point.codes
    if point.name == HEALTH_POINT.name:
        # not an answer yet: read as "not offline", every restart would end the alarm of a device that is still dead
        every = [code for code in every if code != Health.STARTING or code in members]
    return Named(slot, {code: (code in members) is wanted for code in every})


_WORDS = {PointType.BOOL: "true or false", PointType.INT: "a whole number", PointType.ENUM: "one of its names"}


def _check_code(code: Code, point: Point, scope: Scope, loc: Loc) -> None:
    words = _WORDS.get(point.type)
    if words is None:
        raise Mistake(f"{point.name!r} is a point of type {point.type}; a state is for bool, enum and int", *loc)
    type_ = {PointType.BOOL: bool, PointType.INT: int, PointType.ENUM: str}[point.type]
    if type(code) is not type_:
        raise Mistake(f"{point.name!r} is a point of type {point.type}: {words} is expected, got {code!r}", *loc)
    known = tuple(dict.fromkeys((*point.codes, *scope.codes(point.name))))
    if point.type is PointType.ENUM and code not in known:
        raise Mistake(f"{point.name!r} never is {code!r}{nearest(code, known)}; it is one of {', '.join(known)}", *loc)
