"""What all written conditions share: their place in a larger one, points, limits, deadbands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from gateway.fields import Id, Quantity, QuantityField, Strict, parse_quantity
from gateway.near import hint
from gateway.units import UnitError

Loc: TypeAlias = tuple[str | int, ...]
_NAME = "[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
PointName = Annotated[str, StringConstraints(pattern=f"^({_NAME}/)?{_NAME}$")]
"""`name`, or `part/name` for one named part."""


Item = TypeVar("Item")


def _some(items: tuple[Item, ...]) -> tuple[Item, ...]:
    # not `min_length`: pydantic would also call a list of one wrong item too short
    if not items:
        raise ValueError("at least one is expected")
    return items


Some = Annotated[tuple[Item, ...], Field(strict=False), AfterValidator(_some)]
"""A list that is not empty."""


class Operand(Strict):
    """What every condition may say of its place in a larger one.

    `on_unknown: trip` (operands of `all`, life-safety rules): UNKNOWN is read as TRUE after the rule's unknown_for, but
    only while another operand is TRUE. `optional`: left out on a device without the point, or whose point
    never says it. `for_profile`: left out on devices of another profile, for codes that mean something only there.
    """

    on_unknown: Literal["hold", "trip"] = "hold"
    optional: bool = False
    for_profile: Id | None = None

    def operands(self) -> Iterator[tuple[Loc, Operand]]:
        """The conditions that it is made of, with their paths."""
        return iter(())

    def named_points(self) -> Iterator[tuple[Loc, str]]:
        """The points that it names itself, with the place where it does."""
        return iter(())

    def asked_rules(self) -> Iterator[tuple[Loc, str]]:
        """The rules whose alarms it asks for, with the place where it does."""
        return iter(())

    @property
    def fills_ns(self) -> int:
        """How long it must have watched before it can answer."""
        return 0


class Leaf(Operand):
    """A condition on one point, by default the rule's own. `parts` asks every (or any) part of the device.

    `points` asks any of several, as many of them as the device has: three phases, or one.
    """

    point: PointName | None = None
    points: Some[PointName] | None = None
    parts: Literal["every", "any"] | None = None

    @model_validator(mode="after")
    def _one_way_to_name_them(self) -> Self:
        if self.points is not None and (self.point is not None or self.parts is not None):
            raise ValueError("`points` stands alone; `point` and `parts` name one point")
        return self

    def named_points(self) -> Iterator[tuple[Loc, str]]:
        if self.point is not None:
            yield ("point",), self.point
        for index, name in enumerate(self.points or ()):
            yield ("points", index), name


class PointLimit(Strict):
    """A limit that is another point of the same device, times a factor."""

    point: PointName
    factor: float = Field(default=1.0, strict=False, allow_inf_nan=False)


def _limit(value: Any) -> Quantity | PointLimit:
    if isinstance(value, PointLimit):
        return value
    return PointLimit.model_validate(value) if isinstance(value, Mapping) else parse_quantity(value)


def _positive(value: Quantity) -> Quantity:
    if not value.value >= 0:
        raise ValueError(f"must not be negative, got {value}")
    return value


Limit = Annotated[QuantityField | PointLimit, BeforeValidator(_limit)]
Deadband = Annotated[QuantityField, BeforeValidator(lambda value: _positive(parse_quantity(value)))]


def in_unit_of(value: Quantity, like: Quantity, *, difference: bool) -> float:
    try:
        return value.to(like.unit, difference=difference)
    except UnitError as error:
        raise ValueError(str(error)) from None


def nearest(word: object, known: Iterable[object]) -> str:
    """`; did you mean 'x'?`, or nothing."""
    return hint(word, known)
