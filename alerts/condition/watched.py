"""Stale, heartbeat, deviation and flat on one point: as written → compiled."""

from __future__ import annotations

from alerts.condition.beat import Heartbeat
from alerts.condition.deviation import FromConstant, FromMedian, FromPoint
from alerts.condition.flat import Flat
from alerts.condition.node import Node
from alerts.condition.operand import Loc, PointLimit
from alerts.condition.reference import moving_limit
from alerts.condition.scope import Absent, Mistake, Scope, check_number, check_pace, deadband_of, in_unit
from alerts.condition.stale import Stale
from alerts.condition.watching import DeviationSpec, FlatSpec, HeartbeatSpec, MedianReference, PointReference, StaleSpec
from gateway.fields import duration_words
from gateway.model import HEALTH_POINT, Point

_MEND = (
    "say in its profile how often it speaks at least (`expect_every`, `every`), or ask for the health of the device: "
    "{point: health, is: offline}"
)


def stale(spec: StaleSpec, point: Point, scope: Scope, loc: Loc) -> Node:
    if point.name == HEALTH_POINT.name:
        raise Mistake("'health' is the gateway's own word; ask {point: health, is: stale}", *loc, "stale")
    period = scope.period_ns(point)
    if not period:
        raise Mistake(f"{point.name!r} is said only when it changes, so silence says nothing; {_MEND}", *loc, "stale")
    after = scope.silence_ns(point) if spec.stale is None else spec.stale
    if after <= period:
        said = duration_words(period)
        raise Mistake(f"{point.name!r} comes every {said}: it would be stale between any two samples", *loc, "stale")
    return Stale(scope.slot(point), after)


def heartbeat(spec: HeartbeatSpec, point: Point, scope: Scope, loc: Loc) -> Node:
    check_pace(scope.period_ns(point), spec.heartbeat)
    return Heartbeat(scope.slot(point), spec.heartbeat)


def deviation(spec: DeviationSpec, point: Point, scope: Scope, loc: Loc) -> Node:
    check_number(point, (*loc, "deviates_by"))
    slot = scope.slot(point)
    limit = in_unit(spec.deviates_by, point, (*loc, "deviates_by"), difference=True)
    deadband = deadband_of(spec.deadband, point, loc)
    if isinstance(spec.from_, MedianReference):
        period, window = scope.period_ns(point), spec.from_.median
        _check_comes(point, period, "its median")
        check_pace(2 * period, window)
        return FromMedian(slot, limit, deadband, point.unit, within_ns=window, every_ns=period)
    if isinstance(spec.from_, PointReference):
        place = (*loc, "from")
        other = moving_limit(PointLimit(point=spec.from_.point), point, scope, place)
        if other.slot == slot:
            raise Mistake(f"{point.name!r} never deviates from itself; name another point", *place, "point")
        align = _align(spec, point, other.slot, scope)
        return FromPoint(slot, limit, deadband, point.unit, other=other, align_ns=align)
    constant = in_unit(spec.from_, point, (*loc, "from"))
    return FromConstant(slot, limit, deadband, point.unit, constant=constant)


def _align(spec: DeviationSpec, point: Point, other_slot: int, scope: Scope) -> int | None:
    """Two periods of the slower; a point that is said only when it changes holds until then."""
    if spec.align is not None:
        return spec.align
    periods = [scope.period_ns(each) for each in (point, scope.fitted.by_key[scope.read[other_slot]])]
    return 2 * max(periods) if all(periods) else None


def flat(spec: FlatSpec, point: Point, scope: Scope, loc: Loc) -> Node:
    check_number(point, (*loc, "flat_within"))
    eps = in_unit(spec.flat_within, point, (*loc, "flat_within"), difference=True)
    period = scope.period_ns(point)
    _check_comes(point, period, "that it stands still")
    if period * spec.samples > spec.over:
        told = f"{spec.samples} samples in {duration_words(spec.over)}"
        raise Absent(f"the device, heard every {duration_words(period)}, is too slow for {told}")
    gap = scope.silence_ns(point) if spec.max_gap is None else spec.max_gap
    gate = None if spec.while_ is None else scope.node(spec.while_, (*loc, "while"))
    return Flat(scope.slot(point), eps, spec.over, spec.samples, gap_ns=gap, unit=point.unit, gate=gate)


def _check_comes(point: Point, period_ns: int, what: str) -> None:
    if not period_ns:
        raise Absent(f"{point.name!r} is said only when it changes: {what} says nothing")
