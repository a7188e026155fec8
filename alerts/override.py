"""A site's changes to a packed rule, merged before anything is checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.condition.located import located
from alerts.condition.operand import nearest
from alerts.condition.spec import KINDS

_ALTERNATIVES = frozenset(key for keys in KINDS.values() for key in keys)


def apply_override(rule: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """The rule with the override's keys: mappings are merged, everything else is replaced, null takes a key out.

    A condition says one thing: `{above: 5 cm}` over `{at_least: 3 cm}` replaces the comparison. A list of operands can
    be changed in place by point: `{all: {load: {above: 5 %}}}`. ValueError (a pydantic ValidationError whose loc is the
    path in the override) when it fits nowhere.
    """
    if override.get("rule", rule.get("rule")) != rule.get("rule"):
        with located("rule"):
            raise ValueError("an override changes a rule; it cannot rename it")
    return _merged(rule, override, ())


def _merged(base: Mapping[str, Any], over: Mapping[str, Any], loc: tuple[str | int, ...]) -> dict[str, Any]:
    # keys of a condition exclude each other; elsewhere none of these words is a key
    replaced = _ALTERNATIVES if any(key in _ALTERNATIVES and key not in base for key in over) else frozenset()
    result = {key: value for key, value in base.items() if key not in replaced or key in over}
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


def _by_point(operands: list[Any], over: Mapping[str, Any], loc: tuple[str | int, ...]) -> list[Any]:
    result = list(operands)
    for point, change in over.items():
        places = [at for at, old in enumerate(operands) if isinstance(old, Mapping) and old.get("point") == point]
        with located(*loc, point):
            if len(places) != 1:
                known = [old["point"] for old in operands if isinstance(old, Mapping) and "point" in old]
                many = f"{len(places)} operands ask about" if places else "no operand asks about"
                raise ValueError(f"{many} {point!r}{nearest(point, known)}; write the whole list to replace it")
            if not isinstance(change, Mapping):
                raise ValueError("the changed keys of that operand are expected")
        result[places[0]] = _merged(operands[places[0]], change, (*loc, point))
    return result
