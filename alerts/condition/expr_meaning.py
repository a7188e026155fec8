"""An `expr:` leaf on one device: names become points, quoted texts quantities or codes; types and units must fit."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn, TypeAlias

from alerts.condition.expr_function import (
    And,
    Asked,
    Call,
    Const,
    Fixed,
    Flag,
    Member,
    Negated,
    Number,
    Or,
    Order,
    SameTruth,
    SameWord,
    Seen,
    Slot,
    Word,
    function_of,
)
from alerts.condition.expr_language import Expr, ExprError, parse_expr, point_name, window_of
from alerts.condition.expr_units import ANY, Measure, Units, negative, quantity
from alerts.condition.expr_watch import Age, AnyActive, Expression, Slope, Watch, Window
from alerts.condition.node import Node
from alerts.condition.operand import Loc, nearest
from alerts.condition.rate import HeldRate, Rate
from alerts.condition.rate import Window as RateWindow
from alerts.condition.scope import NUMBERS, Absent, Mistake, Scope, check_pace
from alerts.condition.timed import ExprSpec
from gateway.model import HEALTH_POINT, Health, Point, PointType

_SIGNS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/",
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Truth:
    """Something that is true or false."""

    asked: Asked
    node: ast.expr


@dataclass(frozen=True, slots=True)
class Words:
    """An enum point or one of free text."""

    of: Slot
    point: Point
    known: tuple[str, ...] | None
    node: ast.expr


@dataclass(frozen=True, slots=True)
class Quoted:
    """A quoted text: what stands beside it says what it means."""

    text: str
    node: ast.expr


Part: TypeAlias = Truth | Measure | Words | Quoted


def expression(spec: ExprSpec, scope: Scope, loc: Loc) -> Node:
    """The compiled expression. Absent, or a Mistake at the very character."""
    try:
        return _Checker(parse_expr(spec.expr), scope).compiled()
    except ExprError as error:
        raise Mistake(str(error), *loc, "expr", error.offset) from None


@dataclass(slots=True)
class _Checker:
    expr: Expr
    scope: Scope
    slots: list[int] = field(default_factory=list)  # of the columns, in the order of the expression's `Slot`s
    watches: list[Watch] = field(default_factory=list)
    watched: set[int] = field(default_factory=set)  # slots that are read by watches
    needs: set[int] = field(default_factory=set)
    alarms: set[tuple[str, str]] = field(default_factory=set)
    shown: tuple[Slot | Seen, float | None, str | None] | None = None
    first: tuple[Slot, str | None] | None = None  # what is shown where nothing is compared
    units: Units = field(init=False)

    def __post_init__(self) -> None:
        self.units = Units(self.refusal, self.expr.shown)

    def compiled(self) -> Node:
        asked = self.truth(self.expr.tree)
        for part in asked.of if isinstance(asked, And) else (asked,):
            self.check_possible(part)
        shown = self.shown
        if shown is None and self.first is not None:
            shown = (self.first[0], None, self.first[1])
        return Expression(
            function_of(asked, self.slots),
            self.slots,
            self.watches,
            slots=frozenset(self.slots) | self.watched,
            needs=frozenset(self.needs),
            alarms=frozenset(self.alarms),
            shown=shown,
        )

    def refusal(self, node: ast.expr, sentence: str) -> ExprError:
        return ExprError(sentence, self.expr.offset(node))

    def refuse(self, node: ast.expr, sentence: str) -> NoReturn:
        raise self.refusal(node, sentence)

    def check_possible(self, part: Asked) -> None:
        """A code of other devices: to watch for it here would only look like protection."""
        if isinstance(part, Word) and part.known is not None and set(part.wanted).isdisjoint(part.known):
            name = self.scope.read[self.slots[part.of.index]]
            raise Absent(f"{name!r} of this device never is {' or '.join(part.wanted)}")

    # --- what stands there

    def part(self, node: ast.expr) -> Part:
        if (name := point_name(node)) is not None:
            return self.read(name, node)
        match node:
            case ast.Constant(value=bool(value)):
                return Truth(Fixed(value), node)
            case ast.Constant(value=str(text)):
                return Quoted(text, node)
            case ast.Constant(value=int() | float() as number):
                return Measure(Const(float(number)), None, node)
            case ast.UnaryOp(op=ast.USub()):
                return negative(self.measure(node.operand), node)
            case ast.BinOp():
                sign, left, right = _SIGNS[type(node.op)], self.measure(node.left), self.measure(node.right)
                worked = self.units.sum if sign in "+-" else self.units.product
                return worked(sign, left, right, node)
            case ast.Call():
                return self.call(node)
            case ast.UnaryOp():
                return Truth(Negated(self.truth(node.operand)), node)
            case ast.BoolOp():
                several = tuple(self.truth(each) for each in node.values)
                return Truth(And(several) if isinstance(node.op, ast.And) else Or(several), node)
            case ast.Compare():
                return Truth(self.chain(node), node)
        raise TypeError(f"not of the language: {node}")  # parse_expr lets nothing else pass

    def truth(self, node: ast.expr) -> Asked:
        part = self.part(node)
        if isinstance(part, Truth):
            return part.asked
        shown = self.expr.shown(node)
        if isinstance(part, Words):
            example = f'{shown.strip("`")} == "{part.known[0] if part.known else "…"}"'
            self.refuse(node, f"{shown} is {_of(part)}, not true or false; compare it, such as {example}")
        if isinstance(part, Quoted):
            self.refuse(node, f"the text {shown} is neither true nor false")
        like = "0" if part.unit in (None, "1", ANY) else f'"1 {part.unit}"'
        self.refuse(node, f"{shown} is a number, not true or false; compare it, such as {shown.strip('`')} > {like}")

    def measure(self, node: ast.expr) -> Measure:
        part = self.part(node)
        if isinstance(part, Measure):
            return part
        if isinstance(part, Quoted):
            return self.quantity(part)
        what = "true or false" if isinstance(part, Truth) else _of(part)
        self.refuse(node, f"{self.expr.shown(node)} is {what}, not a number")

    def quantity(self, part: Quoted) -> Measure:
        try:
            found = quantity(part.text)
        except ValueError as error:
            self.refuse(part.node, str(error))
        return Measure(Const(found.value), found.unit, part.node)

    # --- points

    def point(self, node: ast.expr) -> Point:
        name = point_name(node) or ""
        found = self.scope.found(name)
        if not found:
            raise Absent(f"the device has no point {name!r}")
        if len(found) > 1:
            keys = ", ".join(f'point("{point.key}")' for point in found[:4])
            self.refuse(node, f"{name!r} is a point of several parts; say which: {keys}{', …' * (len(found) > 4)}")
        return found[0]

    def read(self, name: str, node: ast.expr) -> Part:
        point = self.point(node)
        slot = self.scope.slot(point)
        if slot not in self.slots:
            self.slots.append(slot)
        self.needs.add(slot)
        of = Slot(self.slots.index(slot))
        self.first = self.first or (of, point.unit)
        if point.type is PointType.BOOL:
            return Truth(Flag(of), node)
        if point.type in NUMBERS:
            return Measure(of, point.unit, node)
        return Words(of, point, point.codes if point.type is PointType.ENUM else None, node)

    # --- functions

    def call(self, node: ast.Call) -> Part:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if (window := window_of(node)) is not None:
            return self.window(node, *window)
        if name == "alarm":
            return Truth(Flag(self.alarm(node)), node)
        if name == "age":
            slot = self.scope.slot(self.point(node.args[0]))
            return Measure(self.watch(Age(slot), slot), "s", node, "step")
        several = [self.measure(each) for each in node.args]
        if name == "abs":
            (only,) = several
            number: Number = Call("abs", (only.number,)) if only.written is None else Const(abs(only.written))
            return replace(only, number=number, node=node)
        like = next((each for each in several if each.written is None), several[0])
        pairs = [self.units.same(like, each) for each in several]
        units = [one.unit for pair in pairs for one in pair if one.unit is not None]
        numbers = tuple(other.number for _, other in pairs)
        return replace(like, number=Call(name, numbers), unit=units[0] if units else None, node=node)

    def window(self, node: ast.Call, kind: str, within_ns: int) -> Measure:
        point = self.point(node.args[0])
        if point.type not in NUMBERS:
            self.refuse(node.args[0], f"{point.name!r} is a point of type {point.type}, not a number")
        period = self.scope.period_ns(point)
        check_pace(period, within_ns)
        slot, gap = self.scope.slot(point), self.scope.silence_ns(point)
        self.needs.add(slot)
        if kind != "rate":
            return Measure(self.watch(Window(slot, kind, within_ns, gap if period else None), slot), point.unit, node)
        limits = RateWindow(within_ns, within_ns // 2, gap)
        make = Rate if period else HeldRate
        rate = make(slot, 1, float("inf"), 0.0, window=limits, unit=point.unit, counter=point.counter)
        unit = None if point.unit is None else f"{point.unit}/s"
        return Measure(self.watch(Slope(rate), slot), unit, node, "step")

    def watch(self, watch: Watch, slot: int) -> Seen:
        self.watched.add(slot)
        self.watches.append(watch)
        return Seen(len(self.watches) - 1)

    def alarm(self, node: ast.Call) -> Seen:
        rule, same = [*(str(each.value) for each in node.args if isinstance(each, ast.Constant)), "device"][:2]
        keys = self.scope.alarms(rule, same)
        if not keys:
            raise Absent(f"rule {rule} watches nothing on the same {same}")
        self.alarms.update(keys)
        self.watches.append(AnyActive(frozenset(keys)))
        return Seen(len(self.watches) - 1)

    # --- comparisons

    def chain(self, node: ast.Compare) -> Asked:
        """`a < b < c` is a < b and b < c."""
        every = [node.left, *node.comparators]
        links = zip(itertools.pairwise(every), node.ops, strict=True)
        asked = [self.compared(left, operator, right) for (left, right), operator in links]
        return asked[0] if len(asked) == 1 else And(tuple(asked))

    def compared(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Asked:
        if isinstance(operator, (ast.In, ast.NotIn)):
            assert isinstance(right, (ast.List, ast.Tuple))  # noqa: S101 - so parse_expr says
            asked = self.member(left, right.elts)
            return Negated(asked) if isinstance(operator, ast.NotIn) else asked
        sign = _SIGNS[type(operator)]
        one, other = self.part(left), self.part(right)
        if isinstance(one, (Measure, Quoted)) and isinstance(other, (Measure, Quoted)):
            return self.order(sign, one, other)
        if sign not in {"==", "!="}:
            wrong = one if isinstance(one, (Truth, Words)) else other
            what = _of(wrong) if isinstance(wrong, Words) else "true or false"
            self.refuse(wrong.node, f"{self.expr.shown(wrong.node)} is {what}: it is neither less nor more")
        asked = self.equal(one, other)
        return Negated(asked) if sign == "!=" else asked

    def order(self, sign: str, one: Measure | Quoted, other: Measure | Quoted) -> Asked:
        if isinstance(one, Quoted) and isinstance(other, Quoted):
            self.refuse(one.node, "two texts are compared: the answer would always be the same")
        left, right = self.units.same(
            *(each if isinstance(each, Measure) else self.quantity(each) for each in (one, other))
        )
        for each, limit in ((left, right.written), (right, left.written)):
            if limit is None or not isinstance(each.number, (Slot, Seen)):
                continue
            unit = None if each.unit == ANY else each.unit
            self.shown = self.shown or (each.number, limit, unit)
            watch = self.watches[each.number.index] if isinstance(each.number, Seen) else None
            if isinstance(watch, Age):
                watch.limits_s.append(limit)
        return Order(sign, left.number, right.number)

    def equal(self, one: Part, other: Part) -> Asked:
        match one, other:
            case (Words(), Quoted()):
                return self.word(one, [other])
            case (Quoted(), Words()):
                return self.word(other, [one])
            case (Words(), Words()):
                return SameWord(Word(one.of, (), self.sayable(one)), Word(other.of, (), self.sayable(other)))
            case (Truth(), Truth()):
                for each, fixed in ((one, other), (other, one)):
                    if isinstance(fixed.asked, Fixed):
                        return each.asked if fixed.asked.truth else Negated(each.asked)
                return SameTruth(one.asked, other.asked)
        wrong, like = (one, other) if isinstance(other, (Truth, Words)) else (other, one)
        shown = self.expr.shown(like.node)
        if isinstance(like, Words):
            told = f"{shown} is {_of(like)}, and cannot be {self.expr.shown(wrong.node)}"
        else:
            told = f"{shown} is true or false, and nothing else: write {shown} or `not {shown.strip('`')}`"
        self.refuse(wrong.node, told)

    def member(self, left: ast.expr, elements: Sequence[ast.expr]) -> Asked:
        of = self.part(left)
        if isinstance(of, Words):
            return self.word(of, [self.part(each) for each in elements])
        if not isinstance(of, Measure):
            self.refuse(left, f"{self.expr.shown(left)} is no number and no code: it cannot be looked for in a list")
        values = []
        for each in elements:
            _, value = self.units.same(of, self.measure(each))
            values.append(value.written or 0.0)
        return Member(of.number, tuple(values))

    # --- codes

    def word(self, of: Words, wanted: Sequence[Part]) -> Word:
        texts = []
        for each in wanted:
            if not isinstance(each, Quoted):
                self.refuse(each.node, f"{self.expr.shown(of.node)} is {_of(of)}: a quoted text is expected")
            if of.known is not None:
                self.check_code(of.point, each)
            texts.append(each.text)
        return Word(of.of, tuple(texts), self.sayable(of, texts))

    def check_code(self, point: Point, code: Quoted) -> None:
        known = tuple(dict.fromkeys((*point.codes, *self.scope.codes(point.name))))
        if code.text not in known:
            told = f"{point.name!r} never is {code.text!r}{nearest(code.text, known)}; it is one of {', '.join(known)}"
            self.refuse(code.node, told)

    def sayable(self, of: Words, asked: Sequence[str] = ()) -> tuple[str, ...] | None:
        """The codes that are answers. `starting` is none: read as "not offline", every restart would end that alarm."""
        if of.known is None or of.point.name != HEALTH_POINT.name:
            return of.known
        return tuple(code for code in of.known if code != Health.STARTING or code in asked)


def _of(words: Words) -> str:
    if words.known is None:
        return "a text"
    return f"one of {', '.join(words.known[:6])}{', …' * (len(words.known) > 6)}"
