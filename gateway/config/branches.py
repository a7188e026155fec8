"""Validation errors of pydantic, brought back to the paths of the file; of a union only the branch that was meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic import ValidationError

from gateway.config.document import Path


class Fault(NamedTuple):
    """One validation error. `path` stands in the file (but for a missing key, its last step)."""

    path: Path
    kind: str  # pydantic's error type
    message: str
    input: Any
    context: dict[str, Any]
    on_key: bool = False
    branches: tuple[tuple[int, str], ...] = ()  # (length of the path there, name) of each union's branch


_TYPES = {"str", "int", "float", "bool", "none", "any", "list", "dict", "tuple", "set", "bytes", "decimal", "date"}
_SCALAR_READERS = ("function-before", "function-plain", "function-wrap")


def faults(error: ValidationError, value: Any) -> list[Fault]:
    """Every fault of `value`, one branch for each union."""
    return _chosen([_fault(found, value) for found in _flat(error, ())], value, 0)


def value_at(value: Any, path: Path) -> Any:
    """What stands at `path` in `value`; None when nothing does."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _flat(error: ValidationError, prefix: tuple[Any, ...]) -> Iterable[dict[str, Any]]:
    for found in error.errors(include_url=False):
        location = (*prefix, *found["loc"])
        inner = found.get("ctx", {}).get("error")
        if isinstance(inner, ValidationError):  # a validator that validates with a model of its own
            yield from _flat(inner, location)
        else:
            yield {**found, "loc": location}


def _fault(found: dict[str, Any], value: Any) -> Fault:
    path: Path = ()
    branches: list[tuple[int, str]] = []
    on_key = False
    location = found["loc"]
    for number, step in enumerate(location):
        last = number == len(location) - 1
        if step == "[key]":
            on_key = True
        elif _holds(value, step):
            path, value = (*path, step), value[step]
        elif last and isinstance(value, str) and isinstance(step, int):
            path = (*path, step)  # the place of a character in a text
        elif last and isinstance(value, dict) and _is_absent_key(found["type"], step):
            path = (*path, step)
        else:
            branches.append((len(path), str(step)))
    on_key = on_key or found["type"] == "extra_forbidden"
    return Fault(path, found["type"], found["msg"], found["input"], found.get("ctx", {}), on_key, tuple(branches))


def _is_absent_key(kind: str, step: Any) -> bool:
    """Whether a step that is not there is a key that should be, and not pydantic's name for a union's branch."""
    return kind == "missing" or (
        isinstance(step, str) and step.isidentifier() and step.islower() and step not in _TYPES
    )


def _holds(value: Any, step: Any) -> bool:
    if isinstance(value, dict):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)


def _chosen(found: list[Fault], value: Any, depth: int) -> list[Fault]:
    """`found` without the branches that were not meant, looking at each fault's union number `depth`."""
    kept = [fault for fault in found if len(fault.branches) <= depth]
    unions: dict[Path, dict[str, list[Fault]]] = {}
    for fault in found:
        if len(fault.branches) > depth:
            length, name = fault.branches[depth]
            unions.setdefault(fault.path[:length], {}).setdefault(name, []).append(fault)
    for path, by_name in unions.items():
        candidates = [_chosen(group, value, depth + 1) for group in by_name.values()]
        here = value_at(value, path)
        costs = [
            sum(_cost(fault, path, here, name) for fault in group)
            for name, group in zip(by_name, candidates, strict=True)
        ]
        for group, cost in zip(candidates, costs, strict=True):
            if cost == min(costs):
                kept += group
                if not _only_at(path, group):
                    break  # of equally near mappings the first will do; of scalars all are told
    return kept


def _only_at(path: Path, group: list[Fault]) -> bool:
    return all(fault.path == path for fault in group)


def _cost(fault: Fault, union: Path, value: Any, branch: str) -> int:
    """How far the writer was from this branch: a wrong value in it is near, another kind of thing is far."""
    if fault.path == union:
        if not isinstance(value, dict | list):
            return 50 if fault.kind.endswith("_type") else 5
        # a model's own check comes after its keys have all been found right
        checked = fault.kind in {"value_error", "assertion_error"} and not branch.startswith(_SCALAR_READERS)
        return 1 if checked else 100
    if len(fault.path) == len(union) + 1 and fault.kind in {"missing", "extra_forbidden", "literal_error"}:
        return 10
    return 1
