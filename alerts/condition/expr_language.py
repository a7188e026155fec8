"""The text of an `expr:` leaf: a checked subset of Python's expression syntax, parsed by `ast`. Knows no device. Pure.

What is left of the syntax has no loop, no attribute and no call beyond a fixed list: it ends, and reaches nothing.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from alerts.condition.operand import nearest
from gateway.fields import duration_words, parse_duration
from gateway.model import SECOND

LONGEST = 1000
"""Characters of an expression."""
MOST_NODES = 100
"""Names, literals, operators and calls of an expression."""
DEEPEST = 15
"""How far operators and calls may stand inside each other."""
PLACES = ("device", "zone", "floor", "building", "site")
FUNCTIONS = {
    "age": "age(point)",
    "rate": 'rate(point, "10min")',
    "avg": 'avg(point, "10min")',
    "min": 'min(point, "10min") over a window, or min(a, b) of values',
    "max": 'max(point, "10min") over a window, or max(a, b) of values',
    "abs": "abs(x)",
    "alarm": 'alarm("FI-02"), or alarm("FI-02", "zone")',
    "point": 'point("pump-1/pump_run")',
}
"""Every function, and how it is written."""

_POINT = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,63}/)?[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_RULE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_QUOTED = re.compile(r'"[^"]*"|\'[^\']*\'')
_WINDOW_NS = (10 * SECOND, 86400 * SECOND)
_KNOWN = (
    "points, numbers, quoted texts, and or not, comparisons, in, + - * /, parentheses, and the functions "
    + ", ".join(f"{name}()" for name in FUNCTIONS)
)
# what other languages, and Chinese keyboards, write instead; looked for only where the text is no Python
_FOREIGN = (
    (re.compile(r"&&"), "write `and`"),
    (re.compile(r"\|\|"), "write `or`"),
    (re.compile(r"!(?!=)"), "write `not`"),
    (re.compile(r"<>"), "write !="),
    (re.compile(r"(?<![<>=!:])=(?!=)"), "to compare, write =="),
    (re.compile(r"[＞＜＝（），。“”‘’＋－×÷！]"), "this is a full-width character; write it with the Latin keyboard"),
    (
        re.compile(r"\d\s*(?!(?:and|or|not|in|if|else|is)\b)(?:%|°|m³|[A-Za-z])"),
        'a quantity stands in quotes, such as "0.5 m"',
    ),
)
_REFUSED: dict[type[ast.AST], str] = {
    ast.Pow: "there is no power; write a * a",
    ast.BitXor: "there is no power; write a * a",
    ast.FloorDiv: "known are + - * /, and no //",
    ast.Mod: 'known are + - * /, and no %; a percentage stands in quotes: "5 %"',
    ast.BitAnd: "write `and`",
    ast.BitOr: "write `or`",
    ast.Invert: "write `not`",
    ast.UAdd: "leave the + out",
    ast.Is: "write ==",
    ast.IsNot: "write !=",
    ast.IfExp: "there is no `if … else`; use and, or, not",
    ast.NamedExpr: "nothing can be kept; write the value out where it is needed",
    ast.JoinedStr: "a text stands as it is, without an f before it",
    ast.Starred: "no * before an operand",
    ast.Tuple: "a list stands behind `in` only; a number is written 0.1",
    ast.List: "a list stands behind `in` only",
}
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq, ast.In, ast.NotIn)


class ExprError(ValueError):
    """What is wrong with an expression, in a sentence; `offset` counts the characters before the place."""

    def __init__(self, sentence: str, offset: int) -> None:
        super().__init__(sentence)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Expr:
    """A text that is an expression. `points` and `alarms` are (name, offset), as often as they stand there."""

    text: str
    tree: ast.expr
    points: tuple[tuple[str, int], ...]
    alarms: tuple[tuple[str, int], ...]
    fills_ns: int
    """How long its longest window must have watched before it answers."""

    def offset(self, node: ast.AST) -> int:
        """Where a node of the tree begins in the text."""
        return _offset(self.text, node)

    def shown(self, node: ast.AST) -> str:
        """The node as it is written, short enough for a sentence."""
        begin, end = self.offset(node), _offset(self.text, node, end=True)
        found = " ".join(self.text[begin:end].split())
        return f"`{found}`" if len(found) <= 40 else f"`{found[:40]}…`"


@lru_cache(maxsize=512)
def parse_expr(text: str) -> Expr:
    """The expression in `text`; ExprError where it is none, or more than the subset."""
    if len(text) > LONGEST:
        raise ExprError(f"an expression has at most {LONGEST} characters, this one has {len(text)}", LONGEST)
    # one line of plain spaces, each character where it was
    line = re.sub(r"\s", " ", text)
    bare = _QUOTED.sub(lambda found: '"' + "x" * (len(found[0]) - 2) + '"', line)
    for sign, told in (("#", "a comment cannot stand in an expression"), ("\\", "no text here needs a backslash")):
        if (at := bare.find(sign) if sign == "#" else line.find(sign)) >= 0:
            raise ExprError(told, at)
    begin = len(line) - len(line.lstrip())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of `1if`, which the checks below refuse
            tree = ast.parse(line[begin:], mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise _no_expression(bare, begin + max((getattr(error, "offset", None) or 1) - 1, 0), text) from None
    if (count := sum(isinstance(node, ast.expr) for node in ast.walk(tree))) > MOST_NODES:
        raise ExprError(f"at most {MOST_NODES} names, literals and operators, this one has {count}", begin)
    reader = _Reader(text)
    reader.read(tree, 1)
    if not reader.points and not reader.alarms:
        raise ExprError("it asks about no point and no alarm: the answer would always be the same", begin)
    return Expr(text, tree, tuple(reader.points), tuple(reader.alarms), reader.fills_ns)


def point_name(node: ast.AST) -> str | None:
    """The point that a node names: `name`, `part.name`, or `point("part/name")`; None when it names none."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute(value=ast.Name(id=part)):
            return f"{part}/{node.attr}"
        case ast.Call(func=ast.Name(id="point"), args=[ast.Constant(value=str(name))]):
            return name
    return None


def window_of(node: ast.Call) -> tuple[str, int] | None:
    """(function, nanoseconds) of a call that looks at a window of a point; None for any other call."""
    match node:
        case ast.Call(
            func=ast.Name(id="rate" | "avg" | "min" | "max" as name), args=[point, ast.Constant(value=str(length))]
        ) if point_name(point) is not None:
            try:
                return name, parse_duration(length)
            except ValueError:
                return None
    return None


def _offset(text: str, node: ast.AST, *, end: bool = False) -> int:
    """ast counts bytes of UTF-8, in what it was given: without the spaces at the beginning."""
    begin = len(text) - len(text.lstrip())
    column: int = getattr(node, "end_col_offset" if end else "col_offset", 0)
    return begin + len(re.sub(r"\s", " ", text[begin:]).encode()[:column].decode("utf-8", "ignore"))


def _no_expression(bare: str, offset: int, text: str) -> ExprError:
    found = [(match.start(), told) for form, told in _FOREIGN if (match := form.search(bare))]
    if found:
        at, told = min(found)
        return ExprError(f"this is no expression: {told}", at)
    return ExprError('this is no expression, such as level > "0.5 m" and not pump_run', min(offset, len(text)))


@dataclass(slots=True)
class _Reader:
    """Walks the tree: refuses what is more than the subset, and collects what it names."""

    text: str
    points: list[tuple[str, int]] = field(default_factory=list)
    alarms: list[tuple[str, int]] = field(default_factory=list)
    fills_ns: int = 0

    def refuse(self, node: ast.AST, sentence: str) -> ExprError:
        return ExprError(sentence, _offset(self.text, node))

    def refused(self, left: ast.expr, sentence: str) -> ExprError:
        """At the operator behind its left operand."""
        end = _offset(self.text, left, end=True)
        return ExprError(sentence, end + len(self.text[end:]) - len(self.text[end:].lstrip(") ")))

    def read(self, node: ast.expr, depth: int) -> None:
        if depth > DEEPEST:
            raise self.refuse(node, f"operators and calls may stand inside each other {DEEPEST} deep, not deeper")
        name = point_name(node)
        if name is not None:
            self.point(node, name)
            return
        for inner in self.operands(node):
            self.read(inner, depth + 1)

    def operands(self, node: ast.expr) -> Iterator[ast.expr]:
        match node:
            case ast.BoolOp():
                yield from node.values
            case ast.UnaryOp(op=ast.Not() | ast.USub()):
                yield node.operand
            case ast.BinOp() if isinstance(node.op, _OPERATORS):
                yield node.left
                yield node.right
            case ast.Compare():
                yield from self.compared(node)
            case ast.Call():
                yield from self.call(node)
            case ast.Constant():
                self.literal(node)
            case ast.Attribute():
                raise self.refuse(node, 'a point is `name`, `part.name`, or point("part/name")')
            case _:
                operator = getattr(node, "op", None)
                told = f"this is more than an expression may say; known are {_KNOWN}"
                sentence = _REFUSED.get(type(operator if isinstance(operator, ast.AST) else node), told)
                raise self.refused(node.left, sentence) if isinstance(node, ast.BinOp) else self.refuse(node, sentence)

    def compared(self, node: ast.Compare) -> Iterator[ast.expr]:
        if len(node.ops) > 1 and any(isinstance(operator, (ast.In, ast.NotIn)) for operator in node.ops):
            raise self.refuse(node, "`in` stands alone; join two comparisons with `and`")
        yield node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if not isinstance(operator, _COMPARISONS):
                raise self.refused(node.left, _REFUSED[type(operator)])
            if not isinstance(operator, (ast.In, ast.NotIn)):
                yield right
                continue
            if not isinstance(right, (ast.List, ast.Tuple)) or not right.elts:
                raise self.refuse(right, 'a list of values is expected behind `in`, such as ["fault", "locked"]')
            for each in right.elts:
                inner = each.operand if isinstance(each, ast.UnaryOp) and isinstance(each.op, ast.USub) else each
                if not isinstance(inner, ast.Constant):
                    raise self.refuse(each, "only numbers and quoted texts stand in a list")
                yield inner

    def literal(self, node: ast.Constant) -> None:
        if not isinstance(node.value, (bool, int, float, str)):
            shown = "…" if node.value is ... else repr(node.value)[:40]
            raise self.refuse(node, f"values are numbers, True, False and quoted texts, not {shown}")
        if isinstance(node.value, (int, float)) and not abs(node.value) < 1e300:
            raise self.refuse(node, "this number is too large")

    def point(self, node: ast.AST, name: str) -> None:
        if name.lower() in {"true", "false"}:
            raise self.refuse(node, f"write {name.capitalize()}")
        if not _POINT.fullmatch(name):
            raise self.refuse(node, f"{name[:64]!r} is no point's name: letters, digits, _ and - are expected")
        self.points.append((name, _offset(self.text, node)))

    def call(self, node: ast.Call) -> Iterator[ast.expr]:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name not in FUNCTIONS:
            called = _name_of(node.func)
            near = nearest(called, FUNCTIONS) if called else ""
            told = f"{called!r} is no function{near}" if called else "only functions can be called"
            raise self.refuse(node, f"{told}; known: {', '.join(FUNCTIONS)}")
        form = f"{name}() is written {FUNCTIONS[name]}"
        if node.keywords or any(isinstance(each, ast.Starred) for each in node.args):
            raise self.refuse(node, form)
        if name in {"rate", "avg", "min", "max"} and (window := window_of(node)):
            self.window(node.args[1], window[1])
            yield node.args[0]
        elif name == "age" and len(node.args) == 1 and point_name(node.args[0]) is not None:
            yield node.args[0]
        elif (name == "abs" and len(node.args) == 1) or (name in {"min", "max"} and len(node.args) > 1):
            yield from node.args
        elif name == "alarm":
            self.alarm(node, form)
        else:
            raise self.refuse(node, form)

    def window(self, node: ast.expr, length: int) -> None:
        low, high = _WINDOW_NS
        if not low <= length <= high:
            raise self.refuse(node, f"a window lies within {duration_words(low)} … {duration_words(high)}")
        self.fills_ns = max(self.fills_ns, length // 2)

    def alarm(self, node: ast.Call, form: str) -> None:
        said = [each.value if isinstance(each, ast.Constant) else None for each in node.args]
        if not 1 <= len(said) <= 2 or not isinstance(said[0], str) or not _RULE.fullmatch(said[0]):
            raise self.refuse(node, form)
        if len(said) == 2 and said[1] not in PLACES:
            told = f"one of {', '.join(PLACES)} is expected{nearest(said[1], PLACES)}"
            raise self.refuse(node.args[1], told)
        self.alarms.append((said[0], _offset(self.text, node.args[0])))


def _name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id[:40]
    return (
        f"{node.value.id}.{node.attr}"[:40]
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        else ""
    )
