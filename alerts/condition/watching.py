"""Conditions about a point's liveness and shape as a rule file writes them: stale, heartbeat, deviation, flat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic.json_schema import WithJsonSchema

from alerts.condition.located import located, misplaced
from alerts.condition.operand import Deadband, Leaf, Loc, Operand, PointName, in_unit_of
from gateway.fields import Duration, QuantityField, Strict, parse_quantity, within
from gateway.model import SECOND

if TYPE_CHECKING:
    from alerts.condition.spec import Spec

Window = Annotated[Duration, within(SECOND, 7 * 86400 * SECOND, "1s … 7d")]


def _limit_or_true(value: Any) -> Any:
    if value is True:
        return None
    if value is False or value is None:
        raise ValueError("say `true`, or after how long")
    return value


_STALE_SCHEMA = WithJsonSchema({"anyOf": [{"const": True}, {"type": "string"}]})


class StaleSpec(Leaf):
    """C5: no GOOD or UNCERTAIN sample of the point for more than so long; `true`: three of its periods, at least 10 s.

    Refused for a point that is said only when it changes.
    """

    stale: Annotated[Window | None, BeforeValidator(_limit_or_true), _STALE_SCHEMA]

    @property
    def fills_ns(self) -> int:
        return self.stale or 0


class HeartbeatSpec(Leaf):
    """C13: the point's value (a counter, a toggling bit) has not changed for more than so long."""

    heartbeat: Window

    @property
    def fills_ns(self) -> int:
        return self.heartbeat


class PointReference(Strict):
    """The reference is another point of the same device."""

    point: PointName


class MedianReference(Strict):
    """The reference is the point's own median over so long, the present sample left out."""

    median: Window


def _reference(value: Any) -> Any:
    if isinstance(value, dict):
        model = MedianReference if "median" in value else PointReference
        return model.model_validate(value)
    return value if isinstance(value, (PointReference, MedianReference)) else parse_quantity(value)


class DeviationSpec(Leaf):
    """C4: the point is farther than so much from a constant, from another point, or from its own recent median.

    `align`: how far apart in time the two samples may be (two periods of the slower).
    """

    deviates_by: Deadband
    from_: Annotated[QuantityField | PointReference | MedianReference, BeforeValidator(_reference)] = Field(
        alias="from"
    )
    deadband: Deadband | None = None
    align: Duration | None = None

    def named_points(self) -> Iterator[tuple[Loc, str]]:
        yield from super().named_points()
        if isinstance(self.from_, PointReference):
            yield ("from", "point"), self.from_.point

    @property
    def fills_ns(self) -> int:
        return self.from_.median // 2 if isinstance(self.from_, MedianReference) else 0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.deviates_by.value == 0:
            raise misplaced("a deviation of zero is none", "deviates_by")
        if self.deadband is not None:
            with located("deadband"):
                if in_unit_of(self.deadband, self.deviates_by, difference=True) >= self.deviates_by.value:
                    raise ValueError(f"must be less than {self.deviates_by}: else it could never clear")
        if self.align == 0:
            raise misplaced("must be longer than 0s", "align")
        if self.align is not None and not isinstance(self.from_, PointReference):
            raise misplaced("is about the samples of two points; here only one is asked", "align")
        if isinstance(self.from_, PointReference) and self.from_.point == self.point:
            raise misplaced("a point never deviates from itself; name another point", "from", "point")
        return self


class FlatSpec(Leaf):
    """C7: the point has moved by no more than so much over so long, with at least `samples` GOOD samples.

    While the gate `while` is FALSE it is FALSE and the window begins again.
    """

    flat_within: Deadband
    over: Window
    samples: Annotated[int, Field(ge=2, le=100_000)] = 10
    max_gap: Duration | None = None
    while_: Spec | None = Field(default=None, alias="while")

    def operands(self) -> Iterator[tuple[Loc, Operand]]:
        if self.while_ is not None:
            yield ("while",), self.while_

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.max_gap is not None and not 0 < self.max_gap <= self.over:
            raise misplaced("must be longer than 0s and at most as long as `over`", "max_gap")
        return self

    @property
    def fills_ns(self) -> int:
        return self.over
