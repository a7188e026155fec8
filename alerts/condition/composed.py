"""Conditions on other conditions, and on the calendar: as written → compiled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alerts.condition.absent import Missing
from alerts.condition.correlating import AbsentSpec, SequenceSpec, TogetherSpec
from alerts.condition.counting import SomeOfSpec, VoteSpec
from alerts.condition.logic import OtherAlarm
from alerts.condition.node import Node
from alerts.condition.operand import Leaf, Loc, Operand
from alerts.condition.scheduled import Scheduled
from alerts.condition.scope import Absent, Scope
from alerts.condition.spec import AlarmSpec
from alerts.condition.timed import ScheduleSpec
from alerts.condition.together import Sequence as Following
from alerts.condition.together import Together
from alerts.condition.vote import SomeOf, Vote

Who = tuple[str, str, str]
"""A voter: device, part (or nothing), and what else tells two of one place apart."""


def operands(specs: Sequence[Operand], scope: Scope, loc: Loc) -> list[tuple[Node, Operand]]:
    """Those that the device has, compiled; Absent when one is missing that is not optional, or all are."""
    built = []
    missed: list[str] = []
    for index, spec in enumerate(specs):
        if spec.for_profile is not None and spec.for_profile != scope.device.profile:
            continue
        try:
            built.append((scope.node(spec, (*loc, index)), spec))
        except Absent as absent:
            if not spec.optional:
                raise
            scope.left_out.append(str(absent))
            missed.append(str(absent))
    if not built:
        nowhere = [why for why in dict.fromkeys(missed) if "watches nothing" in why]
        raise Absent("; ".join(nowhere) or "the device has none of the points that the rule asks about")
    return built


def asked_alarms(spec: AlarmSpec, scope: Scope) -> Sequence[tuple[str, str]]:
    """The alarms (rule, source) that are meant; Absent when there are none."""
    alarms = scope.alarms(spec.alarm, spec.same)
    if not alarms:
        raise Absent(f"rule {spec.alarm} watches nothing on the same {spec.same}")
    return alarms


def some_of(spec: SomeOfSpec, scope: Scope, loc: Loc) -> Node:
    nodes = [node for node, _ in operands(spec.these, scope, (*loc, "these"))]
    if len(nodes) < spec.n_of:
        raise Absent(f"the device has only {len(nodes)} of those of which {spec.n_of} are needed")
    return SomeOf(nodes, spec.n_of)


def vote(spec: VoteSpec, scope: Scope, loc: Loc) -> Node:
    found: dict[Who | str, list[Node]] = {}
    for index, each in enumerate(spec.of):
        if each.for_profile is not None and each.for_profile != scope.device.profile:
            continue
        try:
            voters = list(_voters(each, scope, (*loc, "of", index)))
        except Absent as absent:
            if not each.optional:
                raise
            scope.left_out.append(str(absent))
            continue
        for who, node in voters:
            found.setdefault(who if spec.distinct == "part" else who[0], []).append(node)
    if len(found) < spec.votes:
        whom = "voter" if spec.distinct == "part" else "device"
        can = f"{len(found)} {whom}{'' if len(found) == 1 else 's'} can vote"
        raise Absent(f"{can} here, but {spec.votes} votes are needed")
    return Vote(list(found.values()), spec.votes, spec.within, spec.bad, scope.unknown_for_ns)


def _voters(spec: Operand, scope: Scope, loc: Loc) -> Iterator[tuple[Who, Node]]:
    """One for each alarm, part and point that is asked; everything else is one."""
    device, part = scope.device.id, scope.part or ""
    if isinstance(spec, AlarmSpec):
        for rule, source in asked_alarms(spec, scope):
            of, _, its_part = source.partition("/")
            yield (of, its_part, ""), OtherAlarm([(rule, source)], heard=spec.heard)
    elif isinstance(spec, Leaf) and spec.parts != "every":
        for point in scope.points(spec, loc):
            one = spec.model_copy(update={"point": point.key, "points": None, "parts": None})
            # two sensors of a device without parts are two voters, two points of one part are not
            yield (device, point.part or "", "" if point.part else point.key), scope.node(one, loc)
    else:
        yield (device, part, f"{loc[-1]}"), scope.node(spec, loc)


def together(spec: TogetherSpec, scope: Scope, loc: Loc) -> Node:
    first, second = (scope.node(each, (*loc, *step)) for step, each in spec.operands())
    return Together(first, second, spec.within, spec.hold, life_safety=scope.life_safety)


def sequence(spec: SequenceSpec, scope: Scope, loc: Loc) -> Node:
    first, second = (scope.node(each, (*loc, *step)) for step, each in spec.operands())
    return Following(first, second, *spec.after, spec.hold, life_safety=scope.life_safety)


def absent(spec: AbsentSpec, scope: Scope, loc: Loc) -> Node:
    return Missing(
        scope.node(spec.absent, (*loc, "absent")),
        scope.node(spec.after, (*loc, "after")),
        spec.by,
        sticky=spec.sticky,
        trip=spec.absent.on_unknown == "trip",
        unknown_for_ns=scope.unknown_for_ns,
        counts_downtime=scope.life_safety,
    )


def scheduled(spec: ScheduleSpec, scope: Scope, loc: Loc) -> Node:
    return Scheduled(spec.schedule, scope.zone, scope.holidays)
