"""The conditions on one point as a rule file writes them: threshold, state, rate, bad quality."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic.json_schema import WithJsonSchema

from alerts.condition.located import located
from alerts.condition.operand import Deadband, Leaf, Limit, Loc, PointLimit, Some, in_unit_of, nearest
from gateway.fields import Duration, Quantity, QuantityField, SeverityField, Strict
from gateway.model import SECOND, Quality
from gateway.units import UnitError

COMPARISONS = ("above", "at_least", "below", "at_most")
MOST_LEVELS = 10
Samples = Annotated[int, Field(ge=1, le=100)]
Lasts = Annotated[Duration, Field(gt=0, le=3600 * SECOND)]


def _comparison(values: Mapping[str, Any]) -> str:
    given = [key for key in COMPARISONS if values.get(key) is not None]
    if len(given) != 1:
        raise ValueError(f"exactly one of {', '.join(COMPARISONS)} is expected, got {' and '.join(given) or 'none'}")
    return given[0]


def _band(limit: Quantity, deadband: Quantity) -> float:
    """The deadband in the limit's unit."""
    try:
        return deadband.to(limit.unit, difference=True)
    except UnitError:
        what = f"the limit {limit} and its deadband {deadband} do not measure the same"
        raise ValueError(f"{what}: write both with such a unit, or none") from None


def _clears(key: str, limit: Quantity, deadband: Quantity) -> None:
    """A deadband that reaches from the limit to zero would keep the alarm for ever (no level is below empty)."""
    band = _band(limit, deadband)
    never = limit.unit not in {"°C", "K"} and key in {"above", "at_least"} and 0 < limit.value <= band
    if never:
        raise ValueError(f"the alarm could never clear: {limit} less the deadband {deadband} is not above zero")


class Level(Strict):
    """One level of a threshold with levels; without `severity` it has the rule's."""

    above: QuantityField | None = None
    at_least: QuantityField | None = None
    below: QuantityField | None = None
    at_most: QuantityField | None = None
    deadband: Deadband | None = None
    severity: SeverityField | None = None

    @property
    def comparison(self) -> str:
        return _comparison(self.__dict__)

    @property
    def limit(self) -> Quantity:
        limit: Quantity = getattr(self, self.comparison)
        return limit

    @model_validator(mode="after")
    def _check(self) -> Self:
        key = self.comparison
        if self.deadband:
            with located("deadband"):
                _clears(key, self.limit, self.deadband)
        return self


class ThresholdSpec(Leaf):
    """The point against a limit, or against several `levels` that make one alarm with the highest one's severity.

    `samples`: it counts once so many samples running say so. `for`: once it has been so for that long, which a device
    that reports only changes fulfils with one sample.
    """

    above: Limit | None = None
    at_least: Limit | None = None
    below: Limit | None = None
    at_most: Limit | None = None
    levels: Some[Level] | None = None
    deadband: Deadband | None = None
    samples: Samples = 1
    for_: Lasts | None = Field(default=None, alias="for")
    absolute: bool = False

    def named_points(self) -> Iterator[tuple[Loc, str]]:
        yield from super().named_points()
        for key in COMPARISONS:
            if isinstance(limit := getattr(self, key), PointLimit):
                yield (key, "point"), limit.point

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.levels is None:
            limit = getattr(self, _comparison(self.__dict__))
            if self.deadband and isinstance(limit, Quantity):
                with located("deadband"):
                    _clears(_comparison(self.__dict__), limit, self.deadband)
            return self
        if self.points is not None or self.parts is not None:
            with located("levels"):
                raise ValueError("levels are of one point; the severity of several would be nobody's")
        if self.deadband is not None:
            with located("deadband"):
                raise ValueError("each level has its own deadband")
        if len(self.levels) > MOST_LEVELS:
            with located("levels", MOST_LEVELS):
                raise ValueError(f"a threshold has at most {MOST_LEVELS} levels")
        for index in range(1, len(self.levels)):
            with located("levels", index):
                _ordered(self.levels[index - 1], self.levels[index])
        return self


def _ordered(lower: Level, higher: Level) -> None:
    if higher.comparison != lower.comparison:
        raise ValueError(f"all levels must say the same; this one says {higher.comparison}, not {lower.comparison}")
    limit = in_unit_of(lower.limit, higher.limit, difference=False)
    rising = lower.comparison in {"above", "at_least"}
    if not (limit < higher.limit.value if rising else limit > higher.limit.value):
        raise ValueError(f"levels go from the first to trip to the worst: {higher.limit} must lie beyond {lower.limit}")
    if higher.severity is None:
        raise ValueError("a severity is expected for each level after the first")
    if lower.severity is not None and higher.severity > lower.severity:
        raise ValueError(f"is less severe ({higher.severity.word}) than the level before it ({lower.severity.word})")


Code: TypeAlias = bool | int | str
Codes = Some[Code]


class StateSpec(Leaf):
    """The point is one of some codes (or none of them), or shows `expect` under `mask`."""

    is_: Code | None = Field(default=None, alias="is")
    in_: Codes | None = Field(default=None, alias="in")
    not_in: Codes | None = None
    mask: int | None = Field(default=None, gt=0)
    expect: int | None = Field(default=None, ge=0)
    samples: Samples = 1
    for_: Lasts | None = Field(default=None, alias="for")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.mask is None) != (self.expect is None):
            raise ValueError("`mask` and `expect` are given together")
        if self.mask is not None and self.expect is not None and self.expect & ~self.mask:
            with located("expect"):
                raise ValueError(f"has bits that mask {self.mask:#x} hides: it could never be seen")
        return self


class RateSpec(Leaf):
    """The point rises (or falls) by so much within so long: the slope of a sliding window.

    UNKNOWN until the window spans `min_span` (half of it). A gap longer than `max_gap` (3 polls, at least 10 s) or a
    value that the device calls bad begins a new window. Of a device that speaks only when something changes the last
    value holds, and there is no gap.
    """

    rises_by: Deadband | None = None
    falls_by: Deadband | None = None
    within: Duration
    min_span: Duration | None = None
    max_gap: Duration | None = None
    deadband: Deadband | None = None

    @field_validator("rises_by", "falls_by")
    @classmethod
    def _not_zero(cls, value: Quantity | None) -> Quantity | None:
        if value is not None and value.value == 0:
            raise ValueError("a change of zero is no change")
        return value

    @field_validator("within")
    @classmethod
    def _window(cls, value: int) -> int:
        if not SECOND <= value <= 86400 * SECOND:
            raise ValueError("must lie within 1s … 1d")
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min_span is not None and not 0 < self.min_span <= self.within:
            with located("min_span"):
                raise ValueError("must be longer than 0s and at most as long as `within`")
        if self.max_gap is not None and not 0 < self.max_gap <= self.within:
            with located("max_gap"):
                raise ValueError("must be longer than 0s and at most as long as `within`")
        limit = self.rises_by or self.falls_by
        if limit is not None and self.deadband is not None:
            with located("deadband"):
                if _band(limit, self.deadband) >= limit.value:
                    raise ValueError(f"must be less than {limit}")
        return self

    @property
    def fills_ns(self) -> int:
        return self.span_ns

    @property
    def span_ns(self) -> int:
        return self.min_span if self.min_span is not None else self.within // 2


_REASONS = {quality.reason: quality for quality in Quality if quality.reason}

_REASONS_SCHEMA = WithJsonSchema(
    {"anyOf": [{"const": True}, {"type": "array", "minItems": 1, "items": {"enum": list(_REASONS)}}]}
)


def _reasons(value: Any) -> Any:
    if value is True:
        return tuple(quality.reason for quality in Quality if quality.is_bad)
    if value is False:
        raise ValueError("say `true`, or list the reasons")
    return value


class BadQualitySpec(Leaf):
    """The point's quality is BAD, for any reason (`true`) or one of those listed; BAD for another one is UNKNOWN."""

    bad_quality: Annotated[Some[str], BeforeValidator(_reasons), _REASONS_SCHEMA]

    @field_validator("bad_quality")
    @classmethod
    def _known(cls, reasons: tuple[str, ...]) -> tuple[str, ...]:
        for index, reason in enumerate(reasons):
            if reason not in _REASONS:
                with located(index):
                    raise ValueError(
                        f"unknown reason {reason!r}{nearest(reason, _REASONS)}; known: {', '.join(_REASONS)}"
                    )
        return reasons

    @property
    def qualities(self) -> frozenset[int]:
        return frozenset(_REASONS[reason] for reason in self.bad_quality)
