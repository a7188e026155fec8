"""Which alarms a milder one keeps silent: the more severe of two would be active, and nobody would hear it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alerts.bound import Bound, Instance
from alerts.condition.correlating import AbsentSpec, SequenceSpec, TogetherSpec
from alerts.condition.expr_language import Expr, parse_expr
from alerts.condition.operand import Loc, Operand
from alerts.condition.spec import AllSpec, AnySpec, NotSpec
from alerts.condition.timed import ExprSpec
from alerts.rule import Rule
from gateway.model import AlarmClass, Severity


@dataclass(frozen=True, slots=True)
class Milder:
    """`silent` may be more severe than `by`, which keeps it silent. `loc` in `named`, one of them, says so."""

    silent: Rule
    by: Rule
    named: Rule
    loc: Loc
    message: str


def milder(bound: Bound) -> Iterator[Milder]:
    """Each pair of rules once, as they are on their devices, however many sources they share.

    What counts is the worst that the silent alarm can become against the least that the other one can be while it keeps
    it silent: what escalates stays silent. Left out are life safety, which no other alarm suppresses, and what is
    silent because the same loss is told already (companions, rules on silence alone).
    """
    rules = {(each.rule.rule, each.source): each.rule for each in bound.instances}
    told: set[tuple[int, int, Loc]] = set()
    for instance in bound.instances:
        if instance.companion_of is not None or instance.rule.class_ is AlarmClass.LIFE_SAFETY:
            continue
        for each in (*_suppressed(instance, rules), *_hushed(instance, rules)):
            key = id(each.silent), id(each.by), each.loc
            if key not in told:
                told.add(key)
                yield each


def _suppressed(instance: Instance, rules: dict[tuple[str, str], Rule]) -> Iterator[Milder]:
    """By who speaks for it."""
    silent = instance.rule
    for key in dict.fromkeys(instance.suppressed_by):
        by = rules[key]
        if not _is_milder(_least_heard(by), silent):
            continue
        if by.rule in silent.suppressed_by:
            loc: Loc = ("suppressed_by", silent.suppressed_by.index(by.rule))
            yield _told(silent, by, silent, loc, f"take {by.rule} out of `suppressed_by`")
        if by.inhibits is not None and silent.rule in by.inhibits.rules:
            loc = ("inhibits", "rules", by.inhibits.rules.index(silent.rule))
            yield _told(silent, by, by, loc, f"take {silent.rule} out of `inhibits`")


def _hushed(instance: Instance, rules: dict[tuple[str, str], Rule]) -> Iterator[Milder]:
    """By what its own `suppress_when` asks for."""
    silent = instance.rule
    if silent.suppress_when is None or instance.hush is None or not instance.hush.alarms:
        return
    mildest: dict[str, Rule] = {}
    for name, source in sorted(instance.hush.alarms):
        here = rules[name, source]
        mildest[name] = max(mildest.get(name, here), here, key=lambda rule: rule.severity)
    severe = {name: not _is_milder(by.severity, silent) for name, by in mildest.items()}
    for loc, name in _offenders(silent.suppress_when, ("suppress_when",), severe) or ():
        yield _told(silent, mildest[name], silent, loc, f"ask for the points that say it instead of for {name}")


Offenders = list[tuple[Loc, str]] | None
"""Milder alarms and where they are asked for; None: whatever they are, one is active that is severe enough."""


def _offenders(spec: Operand, loc: Loc, severe: Mapping[str, bool]) -> Offenders:
    """Those that make it TRUE. One that must not be active keeps nothing silent."""
    if isinstance(spec, NotSpec):
        return []
    if isinstance(spec, ExprSpec):
        expr = parse_expr(spec.expr)
        return _in_expression(expr, expr.tree, (*loc, "expr"), severe)
    for step, name in spec.asked_rules():
        return _one((*loc, *step), name, severe)
    awaited = spec.absent if isinstance(spec, AbsentSpec) else None
    inside = [_offenders(operand, (*loc, *step), severe) for step, operand in spec.operands() if operand is not awaited]
    if isinstance(spec, AnySpec):
        return _any(inside)
    return _all(inside) if isinstance(spec, (AllSpec, TogetherSpec, SequenceSpec)) else (_any(inside) or [])


def _in_expression(expr: Expr, node: ast.expr, loc: Loc, severe: Mapping[str, bool]) -> Offenders:
    if isinstance(node, ast.BoolOp):
        inside = [_in_expression(expr, value, loc, severe) for value in node.values]
        return _all(inside) if isinstance(node.op, ast.And) else _any(inside)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "alarm":
        return _one((*loc, expr.offset(node.args[0])), ast.literal_eval(node.args[0]), severe)
    return []


def _one(loc: Loc, name: str, severe: Mapping[str, bool]) -> Offenders:
    if name not in severe:
        return []  # left out on this device
    return None if severe[name] else [(loc, name)]


def _any(inside: list[Offenders]) -> Offenders:
    return None if inside and all(each is None for each in inside) else [one for each in inside for one in each or ()]


def _all(inside: list[Offenders]) -> Offenders:
    return None if None in inside else _any(inside)


def _least_heard(rule: Rule) -> Severity | None:
    """The least severity at which it speaks for others; None: it is only journalled, and speaks for nobody."""
    return max((each for each in rule.severities if each is not Severity.JOURNAL), default=None)


def _is_milder(least: Severity | None, silent: Rule) -> bool:
    return least is not None and least > silent.worst


def _told(silent: Rule, by: Rule, named: Rule, loc: Loc, instead: str) -> Milder:
    worst = silent.worst.word
    first = f"{_who(silent)} is silent while {_who(by)} is active, so nobody hears that it is {worst}"
    return Milder(silent, by, named, loc, f"{first}; give {by.rule} the severity {worst}, or {instead}")


def _who(rule: Rule) -> str:
    """With what it is and can become, and where, if that is so on one device only."""
    escalates = "" if rule.worst is rule.severity else f", at worst {rule.worst.word}"
    where = "" if rule.device is None else f" on {rule.device}"
    return f"{rule.rule}{where} ({rule.severity.word}{escalates})"
