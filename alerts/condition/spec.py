"""The condition as a rule file writes it: one small model per kind, recognised by its own keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from alerts.condition.leaves import BadQualitySpec, RateSpec, StateSpec, ThresholdSpec
from alerts.condition.located import located
from alerts.condition.operand import Loc, Operand, Some, nearest
from gateway.fields import Id

KINDS: dict[str, tuple[str, ...]] = {
    "threshold": ("above", "at_least", "below", "at_most", "levels"),
    "state": ("is", "in", "not_in", "mask"),
    "rate": ("rises_by", "falls_by"),
    "bad_quality": ("bad_quality",),
    "alarm": ("alarm",),
    "all": ("all",),
    "any": ("any",),
    "not": ("not",),
}
"""The keys that say which condition it is; exactly one of them is given."""


class AlarmSpec(Operand):
    """Another rule's alarm is active on the same device, or anywhere in the same zone or building."""

    alarm: Id
    same: Literal["device", "zone", "building"] = "device"


class AllSpec(Operand):
    all: Some[Spec]


class AnySpec(Operand):
    any: Some[Spec]


class NotSpec(Operand):
    not_: Spec = Field(alias="not")


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


Condition: TypeAlias = ThresholdSpec | StateSpec | RateSpec | BadQualitySpec | AlarmSpec | AllSpec | AnySpec | NotSpec
Spec = Annotated[Condition, BeforeValidator(parse_condition)]

_MODELS: dict[str, type[Operand]] = {
    "threshold": ThresholdSpec,
    "state": StateSpec,
    "rate": RateSpec,
    "bad_quality": BadQualitySpec,
    "alarm": AlarmSpec,
    "all": AllSpec,
    "any": AnySpec,
    "not": NotSpec,
}
for _model in (AllSpec, AnySpec, NotSpec):
    _model.model_rebuild()


def walk(spec: Condition, loc: Loc = ()) -> Iterator[tuple[Loc, Condition, Condition | None]]:
    """Every condition of a tree with its path and the condition that it is an operand of."""

    def visit(spec: Condition, loc: Loc, parent: Condition | None) -> Iterator[tuple[Loc, Condition, Condition | None]]:
        yield loc, spec, parent
        for step, child in children(spec):
            yield from visit(child, (*loc, *step), spec)

    yield from visit(spec, loc, None)


def children(spec: Condition) -> Iterator[tuple[Loc, Condition]]:
    """The operands with their paths."""
    if isinstance(spec, AllSpec):
        yield from ((("all", index), child) for index, child in enumerate(spec.all))
    elif isinstance(spec, AnySpec):
        yield from ((("any", index), child) for index, child in enumerate(spec.any))
    elif isinstance(spec, NotSpec):
        yield ("not",), spec.not_
