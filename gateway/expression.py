"""Arithmetic that people write into files: a checked subset of Python's expressions, compiled to functions. Pure.

Names, numbers, `+ - * / // %`, parentheses, and the functions of FUNCTIONS. No power, no attribute, no comparison: what
is left ends, and cannot reach anything. Standard library only.
"""

from __future__ import annotations

import ast
import keyword
import math
import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from gateway.near import hint

LONGEST = 300
"""Characters of an expression."""
MOST_NODES = 60
"""Names, numbers, operators and calls of an expression."""

Number = int | float


@dataclass(frozen=True, slots=True)
class Missing:
    """What stands in an operand's place when it has no value. Of several, the one of the highest `rank` comes out.

    `absent`: there is no such thing (a phase that is not connected), so `highest` passes over it; `first` passes over
    everything that is missing. `cause` is the caller's own.
    """

    rank: int
    absent: bool
    cause: int


Operand = Number | Missing
_Eval = Callable[[Sequence[Operand]], Operand]


class ExpressionError(ValueError):
    """What is wrong with an expression, in a sentence; `column` counts its characters from 1."""

    def __init__(self, sentence: str, column: int) -> None:
        super().__init__(f"column {column}: {sentence}")
        self.column = column


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression over `names`, in the order in which they first stand there."""

    text: str
    names: tuple[str, ...]
    calculate: Callable[[Sequence[Operand]], Operand]
    """The result for operands in the order of `names`. Finite whenever all are numbers; ArithmeticError for a division
    by zero and for a number that no float can hold."""
    _tree: ast.expr

    def is_whole(self, whole: Collection[str]) -> bool:
        """The result is a whole number when `whole` are the names of which that is known."""
        return _whole(self._tree, whole)

    def unit(self, units: Mapping[str, str | None]) -> str | None:
        """The unit of the result where sums and choices alone make it; ExpressionError where two units are mixed.

        `units` of the names; None, and a product, may be anything.
        """
        return _unit(self._tree, units, self.text)


def compile_expression(text: str, names: Collection[str], constants: Collection[str] = ()) -> Expression:
    """The expression in `text` over some of `names`; ExpressionError with a sentence and the column.

    `constants` are those of the names that nobody measures: they cannot stand in for what is missing.
    """
    text = text.strip()
    if len(text) > LONGEST:
        raise ExpressionError(f"an expression has at most {LONGEST} characters, this one has {len(text)}", LONGEST + 1)
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        column = min(getattr(error, "offset", None) or 1, len(text) + 1)
        reserved = [one for one in re.findall(r"\w+", text) if keyword.iskeyword(one) and one in names]
        told = f"`{reserved[0]}` cannot be a name in an expression; call it otherwise" if reserved else _NONE
        raise ExpressionError(told, column) from None
    count = sum(isinstance(node, ast.expr) for node in ast.walk(tree))
    if count > MOST_NODES:
        raise ExpressionError(f"at most {MOST_NODES} names, numbers and operators, this one has {count}", 1)
    compiler = _Compiler(text, names, constants)
    calculate = compiler.expression(tree)
    return Expression(text, tuple(compiler.slots), calculate, tree)


def _worst(operands: Sequence[Operand]) -> Missing | None:
    missing = [one for one in operands if isinstance(one, Missing)]
    return max(missing, key=lambda one: one.rank) if missing else None


def _finite(value: Number) -> Number:
    if not math.isfinite(value):  # OverflowError by itself for a whole number beyond all floats
        raise OverflowError("beyond what a float can hold")
    return value


def _highest(operands: Sequence[Operand]) -> Operand:
    fitted = [one for one in operands if not (isinstance(one, Missing) and one.absent)]
    numbers = [one for one in fitted if not isinstance(one, Missing)]
    return _worst(fitted or operands) or max(numbers)


def _first(operands: Sequence[Operand]) -> Operand:
    for one in operands:
        if not isinstance(one, Missing):
            return one
    return max(operands, key=lambda one: one.rank if isinstance(one, Missing) else 0)


def _plain(function: Callable[..., Number]) -> Callable[[Sequence[Operand]], Operand]:
    def call(operands: Sequence[Operand]) -> Operand:
        return _worst(operands) or _finite(function(*operands))

    return call


_BINARY: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_NONE = "this is no expression, such as (a + b) / 2"
_SIGNS = "+ - * / // %"
# name → (fewest operands, most, function)
FUNCTIONS: dict[str, tuple[int, int, Callable[[Sequence[Operand]], Operand]]] = {
    "min": (2, MOST_NODES, _plain(min)),
    "max": (2, MOST_NODES, _plain(max)),
    "abs": (1, 1, _plain(abs)),
    "round": (1, 1, _plain(round)),
    "highest": (1, MOST_NODES, _highest),
    "first": (2, MOST_NODES, _first),
}
"""`highest` is `max` of those that are there; `first` is the first that has a value."""
_FORGIVING = ("highest", "first")


def _column(text: str, node: ast.AST) -> int:
    # ast counts in bytes of UTF-8
    return len(text.encode()[: getattr(node, "col_offset", 0)].decode("utf-8", "ignore")) + 1


class _Compiler:
    def __init__(self, text: str, names: Collection[str], constants: Collection[str]) -> None:
        self.text = text
        self.names = names
        self.constants = constants
        self.slots: dict[str, int] = {}

    @property
    def measured(self) -> set[str]:
        return set(self.names) - set(self.constants)

    def refuse(self, node: ast.AST, sentence: str) -> ExpressionError:
        return ExpressionError(sentence, _column(self.text, node))

    def expression(self, node: ast.expr) -> _Eval:
        match node:
            case ast.Constant():
                return self.number(node)
            case ast.Name():
                return self.name(node)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
                inner = self.expression(node.operand)
                return _negated(inner) if isinstance(node.op, ast.USub) else inner
            case ast.BinOp() if type(node.op) in _BINARY:
                return _both(_BINARY[type(node.op)], self.expression(node.left), self.expression(node.right))
            case ast.BinOp(op=ast.Pow() | ast.BitXor()):
                raise self.refuse(node, "there is no power; write a * a")
            case ast.Tuple():
                raise self.refuse(node, "a comma stands between operands of functions only; a number is written 0.1")
            case ast.Call():
                return self.call(node)
        functions = ", ".join(f"{one}()" for one in FUNCTIONS)
        known = f"names, numbers, {_SIGNS}, parentheses, {functions}"
        raise self.refuse(node, f"`{ast.unparse(node)[:40]}` is more than arithmetic; known are {known}")

    def number(self, node: ast.Constant) -> _Eval:
        value = node.value
        if value.__class__ not in (int, float):
            raise self.refuse(node, f"a number is expected, got {value!r}")
        try:
            _finite(value)
        except OverflowError:
            raise self.refuse(node, "this number is too large") from None
        return lambda operands: value

    def name(self, node: ast.Name) -> _Eval:
        if node.id not in self.names:
            told = hint(node.id, self.names) or f"; known: {', '.join(self.names) or 'none'}"
            raise self.refuse(node, f"there is no {node.id!r}{told}")
        return operator.itemgetter(self.slots.setdefault(node.id, len(self.slots)))

    def call(self, node: ast.Call) -> _Eval:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS:
            raise self.refuse(node, f"`{ast.unparse(node.func)[:40]}` is no function; known: {', '.join(FUNCTIONS)}")
        if node.keywords or any(isinstance(one, ast.Starred) for one in node.args):
            raise self.refuse(node, f"{name}() takes names, numbers and arithmetic, separated by commas")
        least, most, function = FUNCTIONS[name]
        if not least <= len(node.args) <= most:
            wanted = "one operand" if most == 1 else f"at least {least}"
            raise self.refuse(node, f"{name}() takes {wanted}, got {len(node.args)}")
        operands = [self.expression(one) for one in node.args]
        if name in _FORGIVING:
            for one in node.args:
                if not any(isinstance(part, ast.Name) and part.id in self.measured for part in ast.walk(one)):
                    told = f"{name}() would say `{ast.unparse(one)[:40]}` where nothing was measured; name a point"
                    raise self.refuse(one, told)
        return lambda values: function([operand(values) for operand in operands])


def _negated(inner: _Eval) -> _Eval:
    def evaluate(operands: Sequence[Operand]) -> Operand:
        value = inner(operands)
        return value if isinstance(value, Missing) else -value

    return evaluate


def _both(function: Callable[[Number, Number], Number], left: _Eval, right: _Eval) -> _Eval:
    isfinite = math.isfinite

    def evaluate(operands: Sequence[Operand]) -> Operand:
        one, other = left(operands), right(operands)
        if isinstance(one, Missing) or isinstance(other, Missing):
            return _worst((one, other)) or 0
        value = function(one, other)
        return value if isfinite(value) else _finite(value)

    return evaluate


def _whole(node: ast.expr, whole: Collection[str]) -> bool:
    match node:
        case ast.Constant():
            return isinstance(node.value, int)
        case ast.Name():
            return node.id in whole
        case ast.UnaryOp():
            return _whole(node.operand, whole)
        case ast.BinOp():
            return not isinstance(node.op, ast.Div) and _whole(node.left, whole) and _whole(node.right, whole)
        case ast.Call():
            rounded = isinstance(node.func, ast.Name) and node.func.id == "round"
            return rounded or all(_whole(one, whole) for one in node.args)
    return False


def _unit(node: ast.expr, units: Mapping[str, str | None], text: str) -> str | None:
    match node:
        case ast.Name():
            return units.get(node.id)
        case ast.UnaryOp():
            return _unit(node.operand, units, text)
        case ast.BinOp():
            found = [_unit(one, units, text) for one in (node.left, node.right)]
            if not isinstance(node.op, (ast.Add, ast.Sub)):
                return None
        case ast.Call():
            found = [_unit(one, units, text) for one in node.args]
        case _:
            return None
    known = [unit for unit in found if unit is not None]
    if len(set(known)) > 1:
        told = f"{known[0]} and {next(one for one in known if one != known[0])} are mixed"
        raise ExpressionError(f"{told}; give both points the same unit (or multiply one)", _column(text, node))
    return known[0] if known else None
