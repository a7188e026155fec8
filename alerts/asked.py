"""What a rule asks about: its devices, conditions, the points that they name, and how long these may be unknown."""

from __future__ import annotations

from alerts.condition.node import Node
from alerts.condition.operand import Loc
from alerts.condition.scope import Scope
from alerts.condition.spec import Condition, walk
from alerts.condition.watching import HeartbeatSpec, StaleSpec
from alerts.rule import Rule
from gateway.model import HEALTH_POINT, SECOND, AlarmClass, Device

LEAST_UNKNOWN = 60 * SECOND
_OF_SILENCE = (StaleSpec, HeartbeatSpec)


def unknown_for(rule: Rule, device: Device, part: str | None) -> int:
    """The rule's own, else three periods and at least a minute."""
    if rule.unknown_for is not None:
        return rule.unknown_for
    return max(3 * _period(rule, device, part), LEAST_UNKNOWN)


def matches(rule: Rule, device: Device) -> bool:
    """Whether its `on` means this device, wherever it is and whatever points it has."""
    on = rule.on
    pairs = ((on.system, device.system), (on.device, device.id), (on.profile, device.profile))
    return all(asked is None or asked == found for asked, found in pairs) and all(
        device.labels.get(key) == value for key, value in on.labels.items()
    )


def can_be_blind(node: Node, scope: Scope) -> bool:
    """A question about quality or health reports the missing signal itself; there is nothing behind it to lose."""
    return bool(node.alarms) or any(scope.read[slot] != HEALTH_POINT.name for slot in node.needs)


def fills(rule: Rule) -> int:
    """How long its windows need, with all inputs there, until it can answer."""
    return max((spec.fills_ns for when in own_conditions(rule) for _, spec, _ in walk(when)), default=0)


def _period(rule: Rule, device: Device, part: str | None) -> int:
    """That of the quickest point which the rule reads: its loss must not wait until a slow one might be missed.

    0 when all of them are said only when they change.
    """
    if not device.periods:
        return device.poll_ns
    names = {name for loc, name in named_points(rule) if loc[0] != "suppress_when"}
    named = [point for point in device.points if point.name in names or point.key in names]
    own = [point for point in named if point.part in (None, part)]  # a rule of the device may read all of its parts
    periods = [device.periods.get(point.key, device.poll_ns) for point in own or named]
    return min((period for period in periods if period), default=0 if periods else device.poll_ns)


def own_conditions(rule: Rule) -> list[Condition]:
    """Those that decide whether it is on, without the one that suppresses it."""
    return [condition for loc, condition in rule.conditions if loc != ("suppress_when",)]


def tells_of_silence(rule: Rule) -> bool:
    """It says nothing else than that points are not heard: of a device that is offline, one alarm says it already.

    A life-safety alarm is never silenced by another one.
    """
    leaves = [spec for _, spec, _ in walk(rule.when) if not any(True for _ in spec.operands())]
    return rule.class_ is not AlarmClass.LIFE_SAFETY and all(isinstance(leaf, _OF_SILENCE) for leaf in leaves)


def named_points(rule: Rule) -> list[tuple[Loc, str]]:
    found: list[tuple[Loc, str]] = []
    if rule.on.point is not None:
        found.append((("on", "point"), rule.on.point))
    for start, condition in rule.conditions:
        for loc, spec, _ in walk(condition, start):
            found.extend(((*loc, *step), name) for step, name in spec.named_points())
    return found
