"""Arithmetic from files: what it computes, what it refuses and where, and that nothing else can be said in it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.expression import FUNCTIONS, LONGEST, MOST_NODES, ExpressionError, Missing, compile_expression

NAMES = ("a", "b", "c")
LOST = Missing(7, absent=False, cause=70)
DULL = Missing(3, absent=False, cause=30)
NONE = Missing(0, absent=True, cause=0)


def result(text: str, **values: Any) -> Any:
    expression = compile_expression(text, NAMES)
    return expression.calculate([values[name] for name in expression.names])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", 7),
        ("a + b * c", 7 + 2 * 0.5),
        ("(a + b) * c", 4.5),
        ("a - b - c", 4.5),
        ("-a + +b", -5),
        ("a / b", 3.5),
        ("a // b", 3),
        ("a % b", 1),
        ("-a // b", -4),
        ("a * 1e-3", 0.007),
        ("min(a, b, c)", 0.5),
        ("max(a, b)", 7),
        ("abs(b - a)", 5),
        ("round(a / b * 1.1)", 4),
        ("highest(a, b)", 7),
        ("first(c, a)", 0.5),
        ("max(a, min(b, 100)) - 1", 6),
        (" a ", 7),
    ],
)
def test_results(text: str, expected: float) -> None:
    assert result(text, a=7, b=2, c=0.5) == pytest.approx(expected)


def test_names_stand_in_their_order_once() -> None:
    assert compile_expression("c - a * c", NAMES).names == ("c", "a")
    assert compile_expression("1 + 2", NAMES).names == ()


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("a + b", {"a": LOST, "b": DULL}, LOST),
        ("a + b", {"a": NONE, "b": 1}, NONE),
        ("-a", {"a": DULL}, DULL),
        ("max(a, b)", {"a": NONE, "b": 1}, NONE),
        ("a * 0", {"a": LOST}, LOST),
        ("highest(a, b)", {"a": NONE, "b": 1}, 1),
        ("highest(a, b)", {"a": NONE, "b": DULL}, DULL),
        ("highest(a, b)", {"a": NONE, "b": NONE}, NONE),
        ("highest(a, b, c)", {"a": DULL, "b": 9, "c": LOST}, LOST),
        ("first(a, b)", {"a": LOST, "b": 0}, 0),
        ("first(a, b)", {"a": 0, "b": LOST}, 0),
        ("first(a, b)", {"a": NONE, "b": DULL}, DULL),
        ("first(a, b) + 1", {"a": NONE, "b": NONE}, NONE),
    ],
)
def test_what_is_missing(text: str, values: dict[str, Any], expected: Any) -> None:
    """Nothing that is missing is ever a 0, and the worst of several comes out."""
    assert result(text, **values) is expected or result(text, **values) == expected


@pytest.mark.parametrize("text", ["a / b", "a // b", "a % b", "a / (b - b)"])
def test_nothing_is_divided_by_zero(text: str) -> None:
    with pytest.raises(ArithmeticError):
        result(text, a=1, b=0)


@pytest.mark.parametrize(
    "text", ["a * a", "a * a - a * a", "round(a * a)", "max(a * a, 1)", "highest(a * a)", "-a * a"]
)
def test_what_no_float_can_hold_is_no_result(text: str) -> None:
    with pytest.raises(ArithmeticError):
        result(text, a=1e200)
    with pytest.raises(ArithmeticError):
        result(text, a=10**200)


def test_a_constant_stands_in_for_nothing_that_is_missing() -> None:
    assert compile_expression("first(a, b) + c", NAMES, ["c"]).names == ("a", "b", "c")
    assert compile_expression("first(a, b - c)", NAMES, ["c"]).names == ("a", "b", "c")
    with pytest.raises(ExpressionError, match="would say `c` where nothing was measured"):
        compile_expression("first(a, c)", NAMES, ["c"])


def test_a_name_that_no_expression_can_have_is_told() -> None:
    with pytest.raises(ExpressionError, match="`in` cannot be a name in an expression; call it otherwise"):
        compile_expression("in - out", ["in", "out"])
    with pytest.raises(ExpressionError, match="no expression, such as"):
        compile_expression("in - out", ["out"])


REFUSED: list[tuple[str, int, str]] = [
    ("", 1, "no expression"),
    ("a +", 4, "no expression"),
    ("a + d", 5, "there is no 'd'"),
    ("levle", 1, "known: a, b, c"),
    ("a ** b", 1, "there is no power"),
    ("a.real", 1, "more than arithmetic"),
    ("a[0]", 1, "more than arithmetic"),
    ("a if b else c", 1, "more than arithmetic"),
    ("a > b", 1, "more than arithmetic"),
    ("a and b", 1, "more than arithmetic"),
    ("not a", 1, "more than arithmetic"),
    ("~a", 1, "more than arithmetic"),
    ("a << b", 1, "more than arithmetic"),
    ("lambda: 1", 1, "more than arithmetic"),
    ("[a for a in b]", 1, "more than arithmetic"),
    ("f'{a}'", 1, "more than arithmetic"),
    ("(a := 1)", 2, "more than arithmetic"),
    ("a, b", 1, "a comma stands between operands of functions only"),
    ("a * 0,1", 1, "a number is written 0.1"),
    ("a ^ 2", 1, "there is no power"),
    ("1 + 'x'", 5, "a number is expected"),
    ("True", 1, "a number is expected"),
    ("None", 1, "a number is expected"),
    ("1j", 1, "a number is expected"),
    ("...", 1, "a number is expected"),
    ("1e999", 1, "too large"),
    ("__import__('os')", 1, "`__import__` is no function"),
    ("a + sqrt(b)", 5, "`sqrt` is no function"),
    ("a.b(c)", 1, "`a.b` is no function"),
    ("max(a)", 1, "at least 2"),
    ("abs(a, b)", 1, "one operand, got 2"),
    ("max(*a)", 1, "separated by commas"),
    ("max(a, key=b)", 1, "separated by commas"),
    ("round(a, ndigits=2)", 1, "separated by commas"),
    ("水位 - a", 1, "there is no '水位'"),
    ("a - 水位", 5, "there is no '水位'"),
    ("a\x00", 1, "no expression"),
    ("a; b", 2, "no expression"),
    ("a = 1", 1, "no expression"),
    ("(" * 250, 1, "no expression"),
    ("-" * 290 + "a", 1, "at most 60"),
    ("+".join("a" * 40), 1, "at most 60"),
    ("first(a, 0)", 10, "would say `0` where nothing was measured"),
    ("highest(a, b, -1 * 2)", 15, "would say `-1 * 2` where nothing was measured"),
    ("1 + first(2, a)", 11, "would say `2`"),
    ("a" * (LONGEST + 1), LONGEST + 1, "at most 300 characters"),
]


@pytest.mark.parametrize(("text", "column", "words"), REFUSED, ids=[row[0][:20] for row in REFUSED])
def test_refused(text: str, column: int, words: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, NAMES)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"column {caught.value.column}: ")
    if words != "no expression":
        assert caught.value.column == column


def test_the_nearest_name_is_told() -> None:
    with pytest.raises(ExpressionError, match="did you mean 'mount_height'"):
        compile_expression("mount_heigth - a", ["a", "mount_height"])


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("a // b", True),
        ("a % 100", True),
        ("a + b * 2", True),
        ("a / b", False),
        ("a + 0.5", False),
        ("c // b", False),
        ("round(c)", True),
        ("abs(-a)", True),
        ("max(a, c)", False),
        ("highest(a, b)", True),
        ("first(a, c)", False),
        ("round(c) / 2", False),
    ],
)
def test_whole_numbers(text: str, whole: bool) -> None:
    assert compile_expression(text, NAMES).is_whole({"a", "b"}) is whole


def test_units_are_not_mixed() -> None:
    """A height in m less a distance in mm would be a plausible level."""
    units = {"a": "m", "b": "mm", "c": None}
    for text in ("a - b", "1 + max(a, b)", "(a + c) * 2 + (c + b)", "first(b, a)"):
        expression = compile_expression(text, NAMES)
        if text != "(a + c) * 2 + (c + b)":
            with pytest.raises(ExpressionError, match="are mixed; give both points the same unit"):
                expression.unit(units)
        else:
            assert expression.unit(units) == "mm", "a product may be anything"
    assert compile_expression("a - b * 0.001", NAMES).unit(units) == "m"
    assert compile_expression("-(a + c)", NAMES).unit(units) == "m"
    assert compile_expression("a / b", NAMES).unit(units) is None
    assert compile_expression("3", NAMES).unit(units) is None


PIECES = [*"ab+-*/%(),. 0123456789e", "//", *(f"{name}(" for name in FUNCTIONS)]


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_whatever_is_written_is_a_finite_number_or_refused(pieces: list[str]) -> None:
    try:
        expression = compile_expression("".join(pieces), NAMES)
    except ExpressionError:
        return
    tried: list[list[Any]] = [[3, 0.5], [0, 0], [-1e308, 1e308], [LOST, 1]]
    for values in tried:
        try:
            value = expression.calculate(values[: len(expression.names)])
        except ArithmeticError:
            continue
        assert isinstance(value, Missing) or math.isfinite(value)


def test_the_bounds_are_reached() -> None:
    assert len(FUNCTIONS) == 6
    most = "+".join(["a"] * (MOST_NODES // 2))
    assert compile_expression(most, NAMES).calculate([2]) == 2 * (MOST_NODES // 2)
