"""By what is known again, after a restart or a reload, whether a condition asks the same of the same numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from alerts.asked import own_conditions
from alerts.condition.node import Node
from alerts.condition.scope import NUMBERS, Scope
from alerts.rule import Rule


def condition_hash(rule: Rule, node: Node, scope: Scope, made: dict[object, str]) -> str:
    """`made` keeps those of one rule: a thousand devices with the same points ask for one."""
    points, alarms = sorted(scope.read[slot] for slot in node.slots), sorted(node.alarms)
    key = (id(rule), tuple(points), tuple(alarms), scope.unknown_for_ns)
    if key not in made:
        # what is written, not what could be: a new key of the language must not make every standing alarm an edited one
        whens = [condition.model_dump(mode="json", exclude_unset=True) for condition in own_conditions(rule)]
        made[key] = digest([whens, points, alarms, rule.on_delay, rule.off_delay, scope.unknown_for_ns])
    return made[key]


def measures(scope: Scope, slots: Iterable[int], made: dict[object, str]) -> str:
    """What the numbers of these points are; nothing where none of them is a number.

    Apart from the condition's hash, for that must stay as it is stored: an installation that learns to ask for this
    must not take every standing alarm for an edited one.
    """
    points, device = scope.fitted.by_key, scope.device
    keys = sorted(scope.columns.keys[slot][1] for slot in slots)
    found = [points[key] for key in keys if key in points and points[key].type in NUMBERS]
    told = tuple((point.key, point.unit, point.counter, device.made.get(point.key)) for point in found)
    if not told:
        return ""
    if told not in made:
        made[told] = digest(told)[:12]
    return made[told]


def digest(parts: object) -> str:
    """Short and the same for the same."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
