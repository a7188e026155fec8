"""`valid_when`: a point that counts only while others say that it does; and the same words for choosing a variant.

Pure, for both wires.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, StringConstraints, model_validator
from pydantic.json_schema import WithJsonSchema

from drivers.conversion import AsTuple
from drivers.language import PointKey, many
from drivers.terms import Judge
from gateway.fields import Quantity, QuantityField, Strict
from gateway.model import Point, PointType, Value

_Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Condition(Strict):
    """What a judge must say: one of `values`, or a number within bounds."""

    values: Annotated[tuple[bool | int | _Word, ...], AsTuple] | None = None
    at_least: QuantityField | None = None
    at_most: QuantityField | None = None
    below: QuantityField | None = None
    above: QuantityField | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.values == () or not self.model_fields_set:
            raise ValueError("its good values are expected, or bounds: at_least, at_most, above, below")
        return self

    @property
    def bounds(self) -> dict[str, Quantity]:
        """The bounds that are given."""
        every = {key: getattr(self, key) for key in ("at_least", "at_most", "below", "above")}
        return {key: value for key, value in every.items() if value is not None}


def _condition(value: Any) -> Any:
    return value if isinstance(value, (Mapping, Condition)) else {"values": many(value)}


_scalar = {"anyOf": [{"type": kind} for kind in ("boolean", "integer", "string")]}
_bound = {"anyOf": [{"type": "number"}, {"type": "string"}]}
_schema = {
    "anyOf": [
        *_scalar["anyOf"],
        {"type": "array", "items": _scalar, "minItems": 1},
        {
            "type": "object",
            "properties": dict.fromkeys(("at_least", "at_most", "below", "above"), _bound),
            "additionalProperties": False,
            "minProperties": 1,
        },
    ]
}
ConditionField = Annotated[Condition, BeforeValidator(_condition), WithJsonSchema(_schema)]
"""`ok`, `[ok, over]`, `{at_most: 10 s}`."""
Conditions = dict[PointKey, ConditionField]
"""Judge → what it must say; all of them must."""


def judge(condition: Condition, point: Point) -> Judge:
    """The judge that `point` is under `condition`; ValueError with a sentence when it can never be one."""
    key = point.key
    if condition.values is None:
        if point.type not in (PointType.INT, PointType.FLOAT):
            raise ValueError(f"{key!r} is a point of type {point.type}; only a number can be compared with bounds")
        # a bare number is in the judge's own unit
        bounds = {
            name: bound.value if bound.unit is None else bound.to(point.unit)
            for name, bound in condition.bounds.items()
        }
        made = Judge(key, None, **bounds)
        if max(made.at_least, made.above) > min(made.at_most, made.below):
            raise ValueError(f"no number lies within these bounds of {key!r}")
        return made
    if condition.bounds:
        raise ValueError(f"either values of {key!r}, or bounds, not both")
    for value in condition.values:
        _check(value, point)
    return Judge(key, frozenset(condition.values))


def _check(value: Value, point: Point) -> None:
    key, kind = point.key, point.type
    if kind is PointType.FLOAT:
        raise ValueError(f"{key!r} is no whole number; compare it with bounds, such as {{at_least: 1}}")
    wanted, words = {
        PointType.BOOL: (bool, "true or false"),
        PointType.INT: (int, "a whole number"),
        PointType.ENUM: (str, f"one of {', '.join(point.codes)}"),
        PointType.TEXT: (str, "a text"),
    }[kind]
    if value.__class__ is not wanted or (kind is PointType.ENUM and value not in point.codes):
        raise ValueError(f"{key!r} is never {value!r}; it is {words}")
