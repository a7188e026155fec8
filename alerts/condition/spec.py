"""The condition as a rule file writes it: one small model per kind, recognised by its own keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from alerts.condition.correlating import AbsentSpec, SequenceSpec, TogetherSpec
from alerts.condition.counting import CountSpec, SomeOfSpec, VoteSpec
from alerts.condition.leaves import BadQualitySpec, RateSpec, StateSpec, ThresholdSpec
from alerts.condition.located import located
from alerts.condition.operand import Loc, Operand, Some, nearest
from alerts.condition.timed import ExprSpec, ScheduleSpec
from alerts.condition.watching import DeviationSpec, FlatSpec, HeartbeatSpec, StaleSpec
from gateway.fields import Id

KINDS: dict[str, tuple[str, ...]] = {
    "threshold": ("above", "at_least", "below", "at_most", "levels"),
    "state": ("is", "in", "not_in", "mask"),
    "rate": ("rises_by", "falls_by"),
    "bad_quality": ("bad_quality",),
    "stale": ("stale",),
    "heartbeat": ("heartbeat",),
    "deviation": ("deviates_by",),
    "flat": ("flat_within",),
    "count": ("count",),
    "vote": ("votes",),
    "together": ("together",),
    "sequence": ("sequence",),
    "absent": ("absent",),
    "schedule": ("schedule",),
    "expr": ("expr",),
    "alarm": ("alarm",),
    "all": ("all",),
    "any": ("any",),
    "not": ("not",),
    "some": ("n_of",),
}
"""The keys that say which condition it is; exactly one of them is given."""


class AlarmSpec(Operand):
    """Another rule's alarm is active on the same device, or anywhere in the same zone, floor, building or site.

    `heard`: only one that its own rule's `suppress_when` does not keep silent counts.
    """

    alarm: Id
    same: Literal["device", "zone", "floor", "building", "site"] = "device"
    heard: bool = False

    def asked_rules(self) -> Iterator[tuple[Loc, str]]:
        yield ("alarm",), self.alarm


class AllSpec(Operand):
    all: Some[Spec]

    def operands(self) -> Iterator[tuple[Loc, Operand]]:
        yield from ((("all", index), child) for index, child in enumerate(self.all))


class AnySpec(Operand):
    any: Some[Spec]

    def operands(self) -> Iterator[tuple[Loc, Operand]]:
        yield from ((("any", index), child) for index, child in enumerate(self.any))


class NotSpec(Operand):
    not_: Spec = Field(alias="not")

    def operands(self) -> Iterator[tuple[Loc, Operand]]:
        yield ("not",), self.not_


def parse_condition(value: Any) -> Any:
    """The model of the kind whose key is given."""
    if isinstance(value, Operand):
        return value
    every = tuple(key for keys in KINDS.values() for key in keys)
    if not isinstance(value, Mapping):
        raise ValueError("a condition is expected, such as {point: floor_level, at_least: 0.10 m}")
    given = [(kind, key) for kind, keys in KINDS.items() for key in keys if key in value]
    if not given:
        hints = [hint for key in value if (hint := nearest(key, every))]
        raise ValueError(f"no condition; exactly one of {', '.join(every)} is expected{hints[0] if hints else ''}")
    if len(given) > 1:
        with located(given[1][1]):
            names = " and ".join(f"`{key}`" for _, key in given)
            raise ValueError(f"{names} are given, but a condition says one thing; join two with `all` or `any`")
    return _MODELS[given[0][0]].model_validate(value)


Condition: TypeAlias = (
    ThresholdSpec
    | StateSpec
    | RateSpec
    | BadQualitySpec
    | StaleSpec
    | HeartbeatSpec
    | DeviationSpec
    | FlatSpec
    | CountSpec
    | VoteSpec
    | TogetherSpec
    | SequenceSpec
    | AbsentSpec
    | ScheduleSpec
    | ExprSpec
    | AlarmSpec
    | AllSpec
    | AnySpec
    | NotSpec
    | SomeOfSpec
)
Spec = Annotated[Condition, BeforeValidator(parse_condition)]

_MODELS: dict[str, type[Operand]] = {
    "threshold": ThresholdSpec,
    "state": StateSpec,
    "rate": RateSpec,
    "bad_quality": BadQualitySpec,
    "stale": StaleSpec,
    "heartbeat": HeartbeatSpec,
    "deviation": DeviationSpec,
    "flat": FlatSpec,
    "count": CountSpec,
    "vote": VoteSpec,
    "together": TogetherSpec,
    "sequence": SequenceSpec,
    "absent": AbsentSpec,
    "schedule": ScheduleSpec,
    "expr": ExprSpec,
    "alarm": AlarmSpec,
    "all": AllSpec,
    "any": AnySpec,
    "not": NotSpec,
    "some": SomeOfSpec,
}
for _model in _MODELS.values():
    _model.model_rebuild(_types_namespace={"Spec": Spec})


def walk(spec: Operand, loc: Loc = (), parent: Operand | None = None) -> Iterator[tuple[Loc, Operand, Operand | None]]:
    """Every condition of a tree with its path and the condition that it is an operand of."""
    yield loc, spec, parent
    for step, child in spec.operands():
        yield from walk(child, (*loc, *step), spec)
