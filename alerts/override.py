"""A site's changes to a packed rule, merged before anything is checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.condition.located import located
from alerts.condition.operand import Leaf, Operand, nearest
from alerts.condition.spec import KINDS

_KIND = {key: kind for kind, keys in KINDS.items() for key in keys}
_LEAVES = {"threshold", "state", "rate", "bad_quality"}


def apply_override(rule: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """The rule with the override's keys: mappings are merged, everything else is replaced, null takes a key out.

    A condition says one thing: `{above: 5 cm}` over `{at_least: 3 cm, deadband: 1 cm}` replaces the comparison, and a
    condition of another kind replaces the whole, save its point and its place. A list of operands can be changed in
    place by point: `{all: {load: {above: 5 %}}}`. ValueError (a pydantic ValidationError whose loc is the path in the
    override) when it fits nowhere.
    """
    if override.get("rule", rule.get("rule")) != rule.get("rule"):
        with located("rule"):
            raise ValueError("an override changes a rule; it cannot rename it")
    return _merged(rule, override, ())


def _merged(base: Mapping[str, Any], over: Mapping[str, Any], loc: tuple[str | int, ...]) -> dict[str, Any]:
    result = _kept(base, over)
    for key, value in over.items():
        old = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(old, Mapping):
            result[key] = _merged(old, value, (*loc, key))
        elif isinstance(value, Mapping) and isinstance(old, list):
            result[key] = _by_point(old, value, (*loc, key))
        else:
            result[key] = value
    return result


def _kept(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a condition exclude each other; outside conditions none of them is a key."""
    saying = {key for key in base if key in _KIND}
    said = {key for key, value in over.items() if key in _KIND and value is not None}
    if not saying or not said:
        return dict(base)
    kinds = {_KIND[key] for key in said}
    if {_KIND[key] for key in saying} != kinds:
        place = Leaf if kinds <= _LEAVES else Operand
        return {key: value for key, value in base.items() if key in place.model_fields}
    return {key: value for key, value in base.items() if key not in saying or key in said}


def _by_point(operands: list[Any], over: Mapping[str, Any], loc: tuple[str | int, ...]) -> list[Any]:
    result = list(operands)
    for point, change in over.items():
        places = [at for at, old in enumerate(operands) if isinstance(old, Mapping) and old.get("point") == point]
        with located(*loc, point):
            if len(places) != 1:
                known = [old["point"] for old in operands if isinstance(old, Mapping) and "point" in old]
                many = f"{len(places)} operands ask about" if places else "no operand asks about"
                raise ValueError(f"{many} {point!r} (a whole list would replace this one){nearest(point, known)}")
            if not isinstance(change, Mapping):
                raise ValueError("the changed keys of that operand are expected")
        result[places[0]] = _merged(operands[places[0]], change, (*loc, point))
    return result
