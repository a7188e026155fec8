"""An expression on one device, and values to play at it."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from typing import Any

from alerts.condition.build import Fitted, Scope, build
from alerts.condition.columns import Columns
from alerts.condition.timed import ExprSpec
from gateway.model import SECOND, Point, PointType, Quality, Severity, Truth, Value
from tests.alerts.building import device

POINTS = [
    *(Point(name, PointType.FLOAT) for name in ("x", "y", "z")),
    *(Point(name, PointType.BOOL) for name in ("a", "b", "c")),
    *(Point(name, PointType.ENUM, codes=("run", "stop", "fault")) for name in ("m", "n")),
    *(Point(name, PointType.FLOAT, "m") for name in ("level", "depth")),
    Point("gap", PointType.FLOAT, "cm"),
    Point("power", PointType.FLOAT, "W"),
    Point("share", PointType.FLOAT, "%"),
    Point("factor", PointType.FLOAT, "1"),
    Point("air", PointType.FLOAT, "°C"),
    Point("oil", PointType.FLOAT, "°C"),
    Point("gas", PointType.FLOAT, "K"),
    Point("count", PointType.INT),
    Point("meter", PointType.FLOAT, "kWh", counter=math.inf),
    Point("note", PointType.TEXT),
    Point("run", PointType.BOOL, part="pump-1"),
    Point("run", PointType.BOOL, part="pump-2"),
    Point("run", PointType.BOOL, part="p3"),
    Point("own", PointType.BOOL, part="pump-1"),
]
MISSING = object()
"""No sample yet."""


class Played:
    """The expression, compiled for the device `d`; `alarm("F")` is that rule's on `d` and on `e`."""

    def __init__(self, text: str, *, part: str | None = None, poll_s: float = 1) -> None:
        self.columns = Columns()
        self.device = device("d", "test", POINTS, poll_ns=round(poll_s * SECOND))
        self.scope = Scope(
            device=self.device,
            fitted=Fitted(self.device),
            part=part,
            own_point=None,
            severity=Severity.HIGH,
            columns=self.columns,
            unknown_for_ns=60 * SECOND,
            sources=lambda rule, same: [(rule, "d"), (rule, "e")] if rule == "F" else [],
            codes=lambda name: ("run", "stop", "fault", "elsewhere") if name == "m" else (),
            compile=build,
        )
        self.node = build(ExprSpec(expr=text), self.scope, ("when",))
        self.now_ns = 0

    def put(self, at_s: float, values: Mapping[str, Any], quality: int = Quality.GOOD) -> Truth:
        self.now_ns = round(at_s * SECOND)
        for key, value in values.items():
            if value is MISSING:
                continue
            slot = self.columns.slot("d", key)
            bad = value is None or quality >= 0x80
            self.columns.put(slot, None if bad else value, quality if not bad or quality else 0x80, self.now_ns)
        return self.node.judge(self.columns, self.now_ns)

    def tick(self, at_s: float) -> Truth:
        self.now_ns = round(at_s * SECOND)
        return self.node.tick(self.columns, self.now_ns)

    def due_s(self) -> float | None:
        due = self.node.next_due()
        return None if due is None else due / SECOND

    def again(self, text: str) -> Played:
        """The same from its snapshot, on the same columns."""
        other = Played(text, poll_s=self.device.poll_ns / SECOND)
        other.columns = self.columns
        other.node.restore(self.node.snapshot())
        return other


def walked(text: str, values: Mapping[str, Value]) -> Truth:
    """What the expression means, worked out step by step over plain values; None is UNKNOWN. Shares no code with it."""
    answer = _walked(ast.parse(text, mode="eval").body, values)
    assert answer is None or isinstance(answer, bool)
    return answer


def _walked(node: ast.AST, values: Mapping[str, Value]) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            value = values.get(node.id)
            return None if isinstance(value, float) and not math.isfinite(value) else value
        case ast.UnaryOp(op=ast.Not()):
            value = _walked(node.operand, values)
            return None if value is None else not value
        case ast.UnaryOp():
            value = _walked(node.operand, values)
            return None if value is None else -value
        case ast.BoolOp():
            found = [_walked(each, values) for each in node.values]
            decides = isinstance(node.op, ast.Or)
            return decides if decides in found else None if None in found else not decides
        case ast.Compare():
            sides = [_walked(each, values) for each in (node.left, *node.comparators)]
            links = [_compared(op, left, right) for left, op, right in zip(sides, node.ops, sides[1:], strict=False)]
            return False if False in links else None if None in links else True
        case ast.List():
            return [_walked(each, values) for each in node.elts]
        case ast.BinOp() | ast.Call():
            inner = (node.left, node.right) if isinstance(node, ast.BinOp) else tuple(node.args)
            return _worked(node, [_walked(each, values) for each in inner])
    raise TypeError(node)


def _worked(node: ast.BinOp | ast.Call, of: list[Any]) -> Any:
    if None in of:
        return None
    try:
        if isinstance(node, ast.Call):
            return {"min": min, "max": max, "abs": lambda values: abs(values[0])}[ast.unparse(node.func)](of)
        left, right = of
        value = {
            ast.Add: lambda: left + right,
            ast.Sub: lambda: left - right,
            ast.Mult: lambda: left * right,
            ast.Div: lambda: left / right,
        }[type(node.op)]()
    except ArithmeticError:
        return None
    return value if math.isfinite(value) else None


def _compared(operator: ast.cmpop, left: Any, right: Any) -> Truth:
    if left is None or right is None:
        return None
    answers = {
        ast.Lt: lambda: left < right,
        ast.LtE: lambda: left <= right,
        ast.Gt: lambda: left > right,
        ast.GtE: lambda: left >= right,
        ast.Eq: lambda: left == right,
        ast.NotEq: lambda: left != right,
        ast.In: lambda: left in right,
        ast.NotIn: lambda: left not in right,
    }
    return bool(answers[type(operator)]())
