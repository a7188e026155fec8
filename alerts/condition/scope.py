"""Where a condition is compiled for: a source with its points, and what of it the condition may ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, tzinfo

from alerts.condition.columns import Columns
from alerts.condition.node import Node
from alerts.condition.operand import Leaf, Loc, Operand
from gateway.fields import Quantity
from gateway.model import SECOND, Device, Point, PointType, Severity
from gateway.units import UnitError

MOST_ASKED = 20_000
"""Points and alarms that one alarm may ask about. Each is asked at every sample of any of them: at up to half a
microsecond these are 10 ms, a fifth of what an evaluation may take (alerts.budget)."""
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
    the optional operands that the device lacks, `asked` counts what it asks about. `zone` and `holidays` are the
    site's; `compile` is `build`.
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
    compile: Callable[[Operand, Scope, Loc], Node]
    life_safety: bool = False
    zone: tzinfo = UTC
    holidays: frozenset[date] = frozenset()
    read: dict[int, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    asked: int = 0

    def ask(self, count: int, loc: Loc) -> None:
        """The condition at `loc` asks about so many points or alarms. Mistake when they are too many for one alarm."""
        self.asked += count
        if self.asked > MOST_ASKED:
            told = f"one alarm (on {self.device.id}) would ask about more than {MOST_ASKED:,} points and alarms"
            raise Mistake(f"{told}: narrow it to a zone, a device or one part", *loc)

    def alarms(self, rule: str, same: str) -> Sequence[tuple[str, str]]:
        """The alarms of a rule that are asked about. TooMuch where there are more than one condition may ask."""
        alarms = self.sources(rule, same)
        self.ask(len(alarms), ("when",))
        return alarms

    def node(self, spec: Operand, loc: Loc) -> Node:
        """An operand of another condition, compiled in its turn. Absent or Mistake when there can be none."""
        return self.compile(spec, self, loc)

    def period_ns(self, point: Point) -> int:
        """How often a sample of the point is expected; 0: it is said only when it changes."""
        return self.device.periods.get(point.key, self.device.poll_ns)

    def silence_ns(self, point: Point) -> int:
        """How long samples of the point may be away before what they hide counts: as a device's, before it is stale."""
        return max(3 * self.period_ns(point), 10 * SECOND)

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

    def found(self, name: str) -> list[Point]:
        """The point meant by a name alone; several when it is one of several parts, none when there is none."""
        return self._found(name, self.part)

    def slot(self, point: Point) -> int:
        slot = self.columns.slot(self.device.id, point.key)
        self.read[slot] = point.key
        return slot


def check_number(point: Point, loc: Loc) -> None:
    """Mistake when it is not one."""
    if point.type not in NUMBERS:
        raise Mistake(f"{point.name!r} is a point of type {point.type}, not a number", *loc)


def deadband_of(quantity: Quantity | None, point: Point, loc: Loc) -> float:
    """The `deadband` of the condition at `loc`, in the point's unit; none is 0."""
    return 0.0 if quantity is None else in_unit(quantity, point, (*loc, "deadband"), difference=True)


def check_pace(period_ns: int, window_ns: int) -> None:
    """Absent when a window holds no two samples of a point that comes so seldom."""
    if period_ns >= window_ns:
        told = f"heard every {period_ns / SECOND:g} s"
        raise Absent(f"the device, {told}, is too slow for a window of {window_ns / SECOND:g} s")


def in_unit(quantity: Quantity, point: Point, loc: Loc, *, difference: bool = False) -> float:
    """The quantity in the point's unit; Mistake when it measures something else."""
    try:
        return quantity.to(point.unit, difference=difference)
    except UnitError as error:
        raise Mistake(f"{point.name!r}: {error}", *loc) from None
