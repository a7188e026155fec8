"""Numbers of an expression with their units: what may be compared and added, and what is converted for it. Pure."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from alerts.condition.expr_function import Calc, Call, Const, Number
from gateway.fields import Quantity, parse_quantity
from gateway.units import UNITS, UnitError, convert

ANY = "?"
"""The unit of a product that is not one of UNITS: it can be compared with plain numbers only."""
_PLAIN = (None, "1")
_TEMPERATURES = {"°C", "K"}
_TIMES = {"s": 1.0, "min": 60.0, "h": 3600.0}
_PER_TIME = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*(\S+/(?:s|min|h))")
_WORK: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}
Refuse = Callable[[ast.expr, str], Exception]
"""(where, sentence) → what to raise."""
Shown = Callable[[ast.expr], str]


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of the expression, its unit (None: a plain number), and where it stands.

    `sense` matters for temperatures: `level` of a scale, `step` between two of them, or `either`, where it cannot be
    told; a written one is what it is compared with.
    """

    number: Number
    unit: str | None
    node: ast.expr
    sense: str = "level"

    @property
    def written(self) -> float | None:
        return self.number.value if isinstance(self.number, Const) else None


def quantity(text: str) -> Quantity:
    """`0.5 m`, and for changes `5 cm/min`. ValueError with a sentence."""
    match = _PER_TIME.fullmatch(text.strip())
    if match and match[2] not in UNITS and match[2].rpartition("/")[0] in UNITS:
        return Quantity(float(match[1]), match[2])
    return parse_quantity(text)


def converted(value: float, unit: str, to: str, *, step: bool) -> float:
    """`value` of `unit` in `to`, also where both are changes per time. UnitError."""
    if unit == to or (unit in UNITS and to in UNITS):
        return convert(value, unit, to, difference=step)
    (one, _, per), (other, _, to_per) = unit.rpartition("/"), to.rpartition("/")
    if one not in UNITS or other not in UNITS or per not in _TIMES or to_per not in _TIMES:
        raise UnitError(f"{unit!r} and {to!r} do not measure the same")
    return float(f"{convert(value, one, other, difference=True) / _TIMES[per] * _TIMES[to_per]:.12g}")


class Units:
    """What may stand beside what. `refuse` and `shown` are the expression's."""

    def __init__(self, refuse: Refuse, shown: Shown) -> None:
        self.refuse, self.shown = refuse, shown

    def same(self, left: Measure, right: Measure, *, added: bool = False) -> tuple[Measure, Measure]:
        """Both in one unit, to be compared or, `added`, to make a sum of."""
        self._check_plain(left, right)
        self._check_plain(right, left)
        if left.unit == right.unit or (left.unit in _PLAIN and right.unit in _PLAIN):
            return left, right
        for one, other in ((left, right), (right, left)):
            if one.unit == ANY and other.unit not in _PLAIN:
                told = f"the unit of {self.shown(one.node)} is not known: compare it with a plain number"
                raise self.refuse(other.node, told)
            if one.unit is None and other.unit != ANY:
                told = f"{self.shown(one.node)} has no unit, and {self.shown(other.node)} is in {other.unit}"
                raise self.refuse(right.node, f"{told}; both need one, or none")
        if ANY in (left.unit, right.unit):
            return left, right
        if left.written is not None and right.written is None:
            return self._in_unit(left, right, added=added), right
        return left, self._in_unit(right, left, added=added)

    def sum(self, sign: str, left: Measure, right: Measure, node: ast.expr) -> Measure:
        left, right = self.same(left, right, added=True)
        between = sign == "-" and left.sense == right.sense == "level" and None not in (left.unit, right.unit)
        is_step = between and left.written is None and right.written is None
        unit = left.unit if left.unit not in _PLAIN else right.unit
        return replace(self._worked(sign, left, right, node), unit=unit, sense="step" if is_step else "either")

    def product(self, sign: str, left: Measure, right: Measure, node: ast.expr) -> Measure:
        if sign == "/" and left.unit not in _PLAIN and _same_measure(left.unit, right.unit):
            right = right if left.unit == right.unit else self._in_unit(right, left, added=False)
            return replace(self._worked(sign, left, right, node), unit="1")
        other = right.unit if sign == "*" and left.unit in _PLAIN else ANY
        unit = left.unit if right.unit in _PLAIN else other
        return replace(self._worked(sign, left, right, node), unit=unit, sense="either")

    def _check_plain(self, one: Measure, other: Measure) -> None:
        if one.written is not None and one.unit is None and other.unit not in (*_PLAIN, ANY):
            told = f'{self.shown(other.node)} is in {other.unit}: write "{one.written:g} {other.unit}"'
            raise self.refuse(one.node, told)

    def _in_unit(self, one: Measure, like: Measure, *, added: bool) -> Measure:
        """`one` in the unit of `like`."""
        unit, to = str(one.unit), str(like.unit)
        step = {unit, to} <= _TEMPERATURES and self._is_step(one, like, added=added)
        try:
            if one.written is not None:
                return replace(one, number=Const(converted(one.written, unit, to, step=step)), unit=to)
            zero = converted(0.0, unit, to, step=step)
            factor, inverse = converted(1.0, unit, to, step=True), converted(1.0, to, unit, step=True)
        except UnitError as error:
            told = f"{self.shown(one.node)} is in {unit}, and {self.shown(like.node)} is in {to}"
            raise self.refuse(one.node, f"{told}: {error}") from error
        # 7 cm are 7 / 100 m, not 7 × 0.01
        number: Number = Calc("*", one.number, Const(factor)) if factor >= 1 else Calc("/", one.number, Const(inverse))
        if zero:
            number = Calc("+", number, Const(zero))
        return replace(one, number=number, unit=to)

    def _is_step(self, one: Measure, like: Measure, *, added: bool) -> bool:
        """Whether a temperature is converted without its scale's zero."""
        if one.written is not None:
            if added or like.sense == "step":
                return True
            if like.sense == "level":
                return False
        elif one.sense == like.sense and one.sense != "either":
            return one.sense == "step"
        told = f"{self.shown(one.node)} is in {one.unit}, and {self.shown(like.node)} in {like.unit}: temperature or"
        raise self.refuse(one.node, f"{told} difference? Give both the same unit")

    def _worked(self, sign: str, left: Measure, right: Measure, node: ast.expr) -> Measure:
        if sign == "/" and right.written == 0:
            raise self.refuse(right.node, "this divides by zero")
        if left.written is None or right.written is None:
            return Measure(Calc(sign, left.number, right.number), None, node)
        value = _WORK[sign](left.written, right.written)
        if not math.isfinite(value):
            raise self.refuse(node, "this number is too large")
        return Measure(Const(value), None, node)


def _same_measure(unit: str | None, other: str | None) -> bool:
    if unit in (None, ANY) or other in (None, ANY):
        return False
    try:
        converted(1.0, str(unit), str(other), step=True)
    except UnitError:
        return False
    return True


def negative(measure: Measure, node: ast.expr) -> Measure:
    """The opposite."""
    value = measure.written
    number: Number = Call("-", (measure.number,)) if value is None else Const(-value)
    return replace(measure, number=number, node=node)
