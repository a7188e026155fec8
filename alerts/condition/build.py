"""A written condition on one source → a compiled one: points to slots, limits to the point's own unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from alerts.condition import composed, watched
from alerts.condition.correlating import AbsentSpec, SequenceSpec, TogetherSpec
from alerts.condition.count import Count
from alerts.condition.counting import CountSpec, SomeOfSpec, VoteSpec
from alerts.condition.expr_meaning import expression
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
from alerts.condition.operand import Leaf, Loc, Operand, PointLimit, nearest
from alerts.condition.rate import HeldRate, Rate, Window
from alerts.condition.reference import moving_limit
from alerts.condition.scope import Absent, Fitted, Mistake, Scope, check_number, check_pace, deadband_of, in_unit
from alerts.condition.spec import AlarmSpec, AllSpec, AnySpec, NotSpec
from alerts.condition.state import BadQuality, Consecutive, Lasting, Named, Numbered
from alerts.condition.threshold import Band, HighLimit, Levels, Threshold, ThresholdOfPoint
from alerts.condition.timed import ExprSpec, ScheduleSpec
from alerts.condition.watching import DeviationSpec, FlatSpec, HeartbeatSpec, StaleSpec
from gateway.fields import Quantity
from gateway.model import HEALTH_POINT, Health, Point, PointType, Value

__all__ = ["Absent", "Fitted", "Mistake", "Scope", "build"]


def build(spec: Operand, scope: Scope, loc: Loc) -> Node:
    """The compiled condition. Absent or Mistake when there can be none."""
    if isinstance(spec, Leaf):
        make = _LEAVES[type(spec)]
        points = scope.points(spec, loc)
        scope.ask(len(points), loc)
        nodes = [make(spec, point, scope, loc) for point in points]
        if len(nodes) == 1:
            return nodes[0]
        return All(nodes) if spec.parts == "every" else AnyOf(nodes)
    return _OTHERS[type(spec)](spec, scope, loc)


def _any(spec: AnySpec, scope: Scope, loc: Loc) -> Node:
    nodes = [node for node, _ in composed.operands(spec.any, scope, (*loc, "any"))]
    return nodes[0] if len(nodes) == 1 else AnyOf(nodes)


def _not(spec: NotSpec, scope: Scope, loc: Loc) -> Node:
    return Not([build(spec.not_, scope, (*loc, "not"))])


def _alarm(spec: AlarmSpec, scope: Scope, loc: Loc) -> Node:
    return OtherAlarm(composed.asked_alarms(spec, scope), heard=spec.heard)


def _count(spec: CountSpec, scope: Scope, loc: Loc) -> Node:
    clears_below = spec.count if spec.clears_below is None else spec.clears_below
    return Count(build(spec.of, scope, (*loc, "of")), spec.count, clears_below, spec.within)


def _all(spec: AllSpec, scope: Scope, loc: Loc) -> Node:
    built = composed.operands(spec.all, scope, (*loc, "all"))
    nodes = [node for node, _ in built]
    trips = [operand.on_unknown == "trip" for _, operand in built]
    if any(trips):
        return Tripping(nodes, trips, scope.unknown_for_ns)
    return nodes[0] if len(nodes) == 1 else All(nodes)


def _bad_quality(spec: BadQualitySpec, point: Point, scope: Scope, loc: Loc) -> Node:
    return BadQuality(scope.slot(point), spec.qualities)


def _compared(spec: ThresholdSpec | StateSpec, point: Point, scope: Scope, loc: Loc) -> Node:
    slot = scope.slot(point)
    node = (
        _state(spec, point, slot, scope, loc)
        if isinstance(spec, StateSpec)
        else _threshold(spec, point, slot, scope, loc)
    )
    if spec.samples > 1:
        node = Consecutive(node, slot, spec.samples)
    if spec.for_ is None:
        return node
    period = scope.period_ns(point)
    depends_on_one = period < spec.for_ < 2 * period  # no more than one further sample comes in time
    return Lasting(node, spec.for_, scope.silence_ns(point), slot if depends_on_one else None)


def _threshold(spec: ThresholdSpec, point: Point, slot: int, scope: Scope, loc: Loc) -> Node:
    if spec.levels is not None:
        check_number(point, (*loc, "levels"))
        bands, severities = [], []
        for index, level in enumerate(spec.levels):
            place = (*loc, "levels", index)
            limit = in_unit(level.limit, point, (*place, level.comparison))
            bands.append(Band.of(level.comparison, limit, deadband_of(level.deadband, point, place)))
            severities.append(level.severity or scope.severity)
        return Levels(slot, bands, severities, point.unit, absolute=spec.absolute)
    key = next(key for key in COMPARISONS if getattr(spec, key) is not None)
    check_number(point, (*loc, key))
    deadband = deadband_of(spec.deadband, point, loc)
    written: Quantity | PointLimit = getattr(spec, key)
    if isinstance(written, Quantity):
        band = Band.of(key, in_unit(written, point, (*loc, key)), deadband)
        if band.sign == 1 and not spec.absolute:
            return HighLimit(slot, band, point.unit)
        return Threshold(slot, band, point.unit, absolute=spec.absolute)
    moving = moving_limit(written, point, scope, (*loc, key))
    return ThresholdOfPoint(slot, key, moving, deadband, point.unit, absolute=spec.absolute)


def _rate(spec: RateSpec, point: Point, scope: Scope, loc: Loc) -> Node:
    key = "rises_by" if spec.rises_by is not None else "falls_by"
    check_number(point, (*loc, key))
    change = in_unit(getattr(spec, key), point, (*loc, key), difference=True)
    period = scope.period_ns(point)
    check_pace(period, spec.within)
    gap = spec.max_gap if spec.max_gap is not None else scope.silence_ns(point)
    window = Window(spec.within, spec.span_ns, gap)
    sign = 1 if key == "rises_by" else -1
    kind = Rate if period else HeldRate
    deadband = deadband_of(spec.deadband, point, loc)
    return kind(scope.slot(point), sign, change, deadband, window=window, unit=point.unit, counter=point.counter)


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


_LEAVES: dict[type[Operand], Callable[[Any, Point, Scope, Loc], Node]] = {
    ThresholdSpec: _compared,
    StateSpec: _compared,
    RateSpec: _rate,
    BadQualitySpec: _bad_quality,
    StaleSpec: watched.stale,
    HeartbeatSpec: watched.heartbeat,
    DeviationSpec: watched.deviation,
    FlatSpec: watched.flat,
}
"""One node for each point that a leaf asks about."""
_OTHERS: dict[type[Operand], Callable[[Any, Scope, Loc], Node]] = {
    AllSpec: _all,
    AnySpec: _any,
    NotSpec: _not,
    AlarmSpec: _alarm,
    ExprSpec: expression,
    CountSpec: _count,
    VoteSpec: composed.vote,
    SomeOfSpec: composed.some_of,
    TogetherSpec: composed.together,
    SequenceSpec: composed.sequence,
    AbsentSpec: composed.absent,
    ScheduleSpec: composed.scheduled,
}
