"""Another point of the same device as what a point is compared with, in the judged point's unit."""

from __future__ import annotations

from alerts.condition.operand import Leaf, Loc, PointLimit
from alerts.condition.scope import Mistake, Scope, check_number
from alerts.condition.threshold import MovingLimit
from gateway.model import Point
from gateway.units import UnitError, convert


def moving_limit(written: PointLimit, point: Point, scope: Scope, loc: Loc) -> MovingLimit:
    """The other point as a moving limit. Mistake when the two cannot be compared, Absent when it is not there."""
    (other,) = scope.points(Leaf(point=written.point), loc)
    check_number(other, (*loc, "point"))
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
