"""Which rules need which others: unknown names and circles are refused; who is asked for comes first.

A rule comes after those that stand instead of it, for it watches what they leave, and after those that inhibit it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alerts.bound import BindProblem
from alerts.condition.operand import Loc, nearest
from alerts.condition.spec import walk
from alerts.rule import Rule


def needed(rule: Rule) -> Iterator[tuple[Loc, str]]:
    """The other rules that a rule names, with the place where it does."""
    for start, condition in rule.conditions:
        for loc, spec, _ in walk(condition, start):
            yield from (((*loc, *step), name) for step, name in spec.asked_rules())
    for index, other in enumerate(rule.suppressed_by):
        yield ("suppressed_by", index), other


def _needed_anywhere(rule: Rule) -> Iterator[tuple[str | None, Loc, str]]:
    """Also those that it names on single devices only, with that device."""
    own = list(needed(rule))
    yield from ((None, loc, name) for loc, name in own)
    known = {name for _, name in own}
    for device, other in rule.here.items():
        yield from ((device, loc, name) for loc, name in needed(other) if name not in known)


def in_order(rules: Sequence[Rule]) -> tuple[list[Rule], list[BindProblem]]:
    """The rules, each after those it names, else in the given order; and what is wrong with the names."""
    problems: list[BindProblem] = []
    by_id: dict[str, Rule] = {}
    for rule in rules:
        if rule.rule in by_id:
            problems.append(BindProblem(rule.rule, ("rule",), "there are two rules of this name"))
        by_id.setdefault(rule.rule, rule)
    before: dict[str, list[tuple[Rule, Loc, str]]] = {}
    for rule in by_id.values():
        for target, loc, does in _ahead_of(rule):
            before.setdefault(target, []).append((rule, loc, does))
    ordered: list[Rule] = []
    done: set[str] = set()

    def visit(rule: Rule, path: tuple[str, ...]) -> None:
        if rule.rule in done:
            return
        for device, loc, name in _needed_anywhere(rule):
            if name in path or name == rule.rule:
                circle = " → ".join((*path[path.index(name) :], rule.rule, name)) if name in path else name
                message = f"rules ask for each other in a circle: {circle}"
                problems.append(BindProblem(rule.rule, loc, message, device=device))
            elif name not in by_id:
                message = f"there is no rule {name!r}{nearest(name, by_id)}"
                problems.append(BindProblem(rule.rule, loc, message, missing=name, device=device))
            else:
                visit(by_id[name], (*path, rule.rule))
        for other, loc, does in before.get(rule.rule, ()):
            if other.rule in path:
                problems.append(BindProblem(other.rule, loc, f"it asks for {rule.rule!r} and {does}"))
            else:
                visit(other, (*path, rule.rule))
        done.add(rule.rule)
        ordered.append(rule)

    for rule in by_id.values():
        visit(rule, ())
    return ordered, problems


def _ahead_of(rule: Rule) -> Iterator[tuple[str, Loc, str]]:
    """The rules that must come after this one though they do not name it, with the place where it names them."""
    for index, target in enumerate(rule.instead_of):
        yield target, ("instead_of", index), "stands instead of it"
    for index, target in enumerate(rule.inhibits.rules if rule.inhibits else ()):
        yield target, ("inhibits", "rules", index), "inhibits it"
