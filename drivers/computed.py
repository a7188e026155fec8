"""Points that are computed from others: `computed:` and `parameters:` of a profile, for both wires. Pure.

A computed point is a point like any other. What it needs and has not got makes it BAD, with the reason of the worst of
its operands; only `highest` (not fitted) and `first` (anything) may pass over one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from drivers.adaptation import Name
from drivers.conversion import Bounds, ConversionError, Converted, RangeField, UnitField, limits, point_of
from drivers.language import Code, Every, Numbers, PointFault, Sources, Spoken
from drivers.meaning import Formula, Meaning
from drivers.terms import HIGHEST, LOWEST
from gateway.expression import LONGEST, ExpressionError, Missing, Operand, compile_expression
from gateway.fields import QuantityField, Strict, TextField
from gateway.model import Point, PointType, Quality, Value

# who hides whom: a lost device must not pass for a phase that was never connected
_FROM_BEST = (
    Quality.BAD_NOT_FITTED,
    Quality.BAD_NO_VALUE,
    Quality.BAD_UNDECLARED,
    Quality.BAD_CONFIG,
    Quality.BAD_RANGE,
    Quality.BAD_DECODE,
    Quality.BAD_SENSOR,
    Quality.BAD_COMM,
)
_MISSING = {
    int(quality): Missing(rank, quality is Quality.BAD_NOT_FITTED, int(quality))
    for rank, quality in enumerate(_FROM_BEST)
}
_NUMBERS = (PointType.INT, PointType.FLOAT)


def _expression(text: str) -> str:
    if not text.strip():
        raise ValueError("an expression over other points is expected, such as mount_height - distance")
    return text.strip()


class ComputedMeaning(Spoken, Bounds):
    """What the result of a computed point means: what a site may say otherwise."""

    type: Literal["int", "float"] | None = Field(default=None, description="float where the result is no whole number")
    enum: dict[int, Code] | None = Field(default=None, description="words for whole results")
    true_for: Numbers | None = Field(default=None, description="bool: TRUE for these results")
    false_for: Numbers | None = Field(default=None, description="and FALSE for these; any other is undeclared")
    every: Every | None = None


class ComputedPoint(ComputedMeaning):
    """One point: `expr` over points and parameters of its profile, and what its result means."""

    expr: Annotated[str, Field(max_length=LONGEST), AfterValidator(_expression)]
    source: Sources | None = None


class Parameter(Strict):
    """A measure that a site gives of each device of the type: how high a sensor hangs, how large a transformer is."""

    unit: UnitField | None = None
    range: RangeField | None = None
    title: TextField | None = None
    default: QuantityField | None = None

    def value(self, given: QuantityField | None) -> float | None:
        """In its own unit what a site gives, or the default; ValueError with a sentence when it cannot be."""
        said = self.default if given is None else given
        if said is None:
            return None
        # a bare number is in the parameter's own unit
        number = said.value if said.unit is None else said.to(self.unit)
        if (bounds := self.bounds) is not None and not bounds[0] <= number <= bounds[1]:
            raise ValueError(f"must lie within {bounds[0]:g} … {bounds[1]:g}{f' {self.unit}' if self.unit else ''}")
        return number

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Its range in its own unit; ValueError with a sentence when it is none."""
        return limits(Bounds(range=self.range), self.unit)


Parameters = Mapping[str, Parameter]
ParameterField = dict[Name, Parameter]


def compute(
    key: str,
    spec: ComputedPoint,
    points: Mapping[str, Point],
    parameters: Mapping[str, float | None],
    *,
    units: Mapping[str, str | None] | None = None,
    later: Collection[str] = (),
) -> tuple[Point, Meaning]:
    """The point `key` and what it is made of; PointFault at ("computed", key, …) for what is wrong.

    `points` by the names that an expression may use, `parameters` with their values (None: not given, and the point is
    then BAD_CONFIG); `units` are those of the parameters, `later` the computed points that do not stand above this one.
    """
    try:
        return _Computing(key, spec, points, parameters, units or {}).made()
    except PointFault as fault:
        named = [name for name in later if name not in points and re.search(rf"\b{name}\b", spec.expr)]
        if not named or fault.loc[2:] != ("expr",):
            raise
        own = named[0] == key.rpartition("/")[2]
        told = "a point is not computed from itself" if own else f"{named[0]!r} is computed further down; put it above"
        raise PointFault(fault.loc, told) from None


class _Computing:
    def __init__(
        self,
        key: str,
        spec: ComputedPoint,
        points: Mapping[str, Point],
        parameters: Mapping[str, float | None],
        units: Mapping[str, str | None],
    ) -> None:
        self.key = key
        self.spec = spec
        self.points = points
        self.parameters = parameters
        self.units = units

    def fault(self, field: str, sentence: str) -> PointFault:
        return PointFault(("computed", self.key, field), sentence)

    def made(self) -> tuple[Point, Meaning]:
        spec = self.spec
        try:
            expression = compile_expression(spec.expr, [*self.points, *self.parameters], self.parameters)
            unit = expression.unit({**self.units, **{name: point.unit for name, point in self.points.items()}})
        except ExpressionError as error:
            raise self.fault("expr", str(error)) from None
        operands = [name for name in expression.names if name in self.points]
        if not operands:
            raise self.fault("expr", "no point stands in it; what never changes is no measurement")
        for name in operands:
            if (kind := self.points[name].type) not in _NUMBERS:
                raise self.fault("expr", f"{name!r} is a point of type {kind}; only numbers can be computed with")
        if spec.unit is not None and unit is not None and unit != spec.unit:
            raise self.fault("unit", f"the result is in {unit}, not in {spec.unit}; multiply it in `expr`")
        whole = expression.is_whole({name for name in operands if self.points[name].type is PointType.INT})
        kind = self.kind(whole)
        codes = self.codes()
        try:
            bounds = limits(spec, spec.unit)
        except ConversionError as error:
            raise self.fault(error.key, str(error)) from None
        made = Converted(kind, spec.unit, range=bounds, counter=spec.counter)
        constants: list[Operand] = [self.constant(name) for name in expression.names]
        places = [expression.names.index(name) for name in operands]
        formula = Formula(
            tuple(self.points[name].key for name in operands),
            _calculation(expression.calculate, constants, places, whole=kind is not PointType.FLOAT),
            (spec.expr, *((name, self.parameters[name]) for name in expression.names if name in self.parameters)),
        )
        words = tuple(dict.fromkeys((spec.enum or {}).values()))
        return point_of(self.key, made, words), Meaning(formula=formula, codes=codes, range=bounds)

    def constant(self, name: str) -> Operand:
        value = self.parameters.get(name)
        return _MISSING[Quality.BAD_CONFIG] if value is None else value

    def kind(self, whole: bool) -> PointType:
        spec = self.spec
        coded = "enum" if spec.enum is not None else "true_for" if spec.true_for is not None else None
        if spec.enum is not None and spec.true_for is not None:
            raise self.fault("true_for", "either `enum`, or a bool by `true_for`, not both")
        if spec.false_for is not None and spec.true_for is None:
            raise self.fault("false_for", "what is true must be said, too: `true_for`")
        if coded is None:
            if spec.type == "int" and not whole:
                raise self.fault("type", "the result need not be a whole number; use // or round()")
            return PointType.INT if whole and spec.type != "float" else PointType.FLOAT
        if not whole:
            raise self.fault(coded, f"`{coded}` needs whole numbers; use // or round() in `expr`")
        for field in ("type", "unit", "range", "counter"):
            if getattr(spec, field) is not None:
                raise self.fault(field, f"`{field}` is for numbers, but `{coded}` makes something else of it")
        return PointType.ENUM if coded == "enum" else PointType.BOOL

    def codes(self) -> Mapping[int, str | bool] | None:
        spec = self.spec
        if spec.enum is not None and not spec.enum:
            raise self.fault("enum", "at least one code is needed")
        if spec.true_for is None:
            return spec.enum
        if not spec.false_for:
            raise self.fault("true_for", "what is false must be said, too: `false_for`; any other number is undeclared")
        if both := set(spec.true_for) & set(spec.false_for):
            raise self.fault("false_for", f"{min(both)} is true already")
        return {**dict.fromkeys(spec.true_for, True), **dict.fromkeys(spec.false_for, False)}


_Calculate = Callable[[Sequence[Operand]], Operand]


def _calculation(
    calculate: _Calculate, constants: Sequence[Operand], places: Sequence[int], *, whole: bool
) -> Callable[[Sequence[Value], Sequence[int]], tuple[Value, int]]:
    def made(values: Sequence[Value], qualities: Sequence[int]) -> tuple[Value, int]:
        operands = list(constants)
        for place, value, quality in zip(places, values, qualities, strict=True):
            # only numbers get here: `made` has looked at the types
            operands[place] = _MISSING[quality or Quality.BAD_NO_VALUE] if value is None else value  # type: ignore[assignment]
        try:
            result = calculate(operands)
        except ArithmeticError:
            return None, Quality.BAD_DECODE
        if isinstance(result, Missing):
            return None, result.cause
        if not whole:
            return float(result), 0
        return (result, 0) if LOWEST <= result <= HIGHEST else (None, Quality.BAD_DECODE)

    return made
