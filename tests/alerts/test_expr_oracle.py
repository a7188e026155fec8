"""Expressions against two other readings: common-expression-language (in Rust), and a slow walk of the tree."""

from __future__ import annotations

import math
import re
from typing import Any

import cel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.condition.expr_language import DEEPEST, LONGEST, MOST_NODES, ExprError, parse_expr
from alerts.condition.scope import Absent, Mistake
from gateway.model import Truth
from tests.alerts.expressions import MISSING, POINTS, Played, walked

FEW = st.sampled_from(["0.0", "0.5", "1.0", "2.0", "3.0", "100.0"])
NUMBERS = st.recursive(
    st.sampled_from(["x", "y", "z"]) | FEW,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/"]), inner).map(lambda each: f"({' '.join(each)})")
        | inner.map(lambda each: f"(-{each})")
        | inner.map(lambda each: f"abs({each})")
        | st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda each: f"{each[0]}({each[1]}, {each[2]})")
    ),
    max_leaves=5,
)
PLAIN = st.recursive(  # what CEL and we mean alike: its x/0 is infinite
    st.sampled_from(["x", "y", "z"]) | FEW,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda each: f"({' '.join(each)})")
        | inner.map(lambda each: f"({each} / 4.0)")
        | inner.map(lambda each: f"(-{each})")
    ),
    max_leaves=4,
)
SIGNS = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
WORDS = st.sampled_from(['"run"', '"stop"', '"fault"'])


def truths(numbers: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    leaves = (
        st.sampled_from(["a", "b", "c", "True", "False"])
        | st.tuples(numbers, SIGNS, numbers).map(" ".join)
        | st.tuples(numbers, st.sampled_from(["in", "not in"]), st.lists(FEW, min_size=1, max_size=3)).map(
            lambda each: f"{each[0]} {each[1]} [{', '.join(each[2])}]"
        )
        | st.tuples(st.sampled_from("mn"), st.sampled_from(["==", "!="]), WORDS | st.sampled_from("mn")).map(" ".join)
        | st.tuples(st.sampled_from("mn"), st.sampled_from(["in", "not in"]), st.lists(WORDS, min_size=1)).map(
            lambda each: f"{each[0]} {each[1]} [{', '.join(each[2])}]"
        )
    ).map(lambda each: f"({each})")
    return st.recursive(
        leaves,
        lambda inner: (
            st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=4)).map(
                lambda each: "(" + f" {each[0]} ".join(each[1]) + ")"
            )
            | inner.map(lambda each: f"(not {each})")
            | st.tuples(inner, st.sampled_from(["==", "!="]), inner).map(lambda each: f"({' '.join(each)})")
        ),
        max_leaves=8,
    )


FLOATS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, -1.0, 100.0])
WILD = FLOATS | st.sampled_from([1e308, -1e308, 5e-324, math.nan, math.inf, -math.inf]) | st.integers(-3, 3)


def values(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    lost = st.sampled_from([None, MISSING])
    kinds = {"xyz": numbers, "abc": st.booleans(), "mn": st.sampled_from(["run", "stop", "fault"])}
    return st.fixed_dictionaries({name: lost | kind for names, kind in kinds.items() for name in names})


def asks(text: str) -> bool:
    """Whether it is an expression at all: one without points is none, and one that is too large."""
    try:
        parse_expr(text)
    except ExprError:
        return False
    return True


def answered(text: str, given_: dict[str, Any]) -> Truth | str:
    try:
        return Played(text).put(1, given_)
    except Mistake as mistake:
        return str(mistake)


def known(given_: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given_.items() if value is not None and value is not MISSING}


@settings(deadline=None, max_examples=600)
@given(truths(NUMBERS).filter(asks), values(WILD))
def test_as_a_walk_of_the_tree_says(text: str, given_: dict[str, Any]) -> None:
    """Division by zero, overflow, NaN and infinities included."""
    found = answered(text, given_)
    if isinstance(found, str):  # a number that is written divides by zero, or grows too large
        assert "zero" in found or "too large" in found
        return
    assert found is walked(text, known(given_)), text


def in_cel(text: str) -> str:
    for ours, theirs in ((r"\band\b", "&&"), (r"\bor\b", "||"), ("True", "true"), ("False", "false")):
        text = re.sub(ours, theirs, text)
    text = re.sub(r"\((\S+|\(.*?\)) not in (\[[^]]*\])\)", r"(!(\1 in \2))", text)
    return re.sub(r"\bnot\b", "!", text)


def by_cel(text: str, given_: dict[str, Any]) -> Truth:
    """What is UNKNOWN is not bound there; an error is UNKNOWN."""
    try:
        answer = cel.compile(in_cel(text)).execute(known(given_))
    except RuntimeError:
        return None
    assert isinstance(answer, bool), answer
    return answer


@settings(deadline=None, max_examples=600)
@given(truths(PLAIN).filter(lambda text: asks(text) and "not in" not in text), values(FLOATS))
def test_as_cel_says(text: str, given_: dict[str, Any]) -> None:
    found = answered(text, given_)
    if isinstance(found, bool) or found is None:
        assert found is by_cel(text, given_), (text, in_cel(text))


TRUTHS: list[Any] = [True, False, None]


@pytest.mark.parametrize("left", TRUTHS)
@pytest.mark.parametrize("right", TRUTHS)
def test_kleene_s_tables(left: Any, right: Any) -> None:
    given_ = {"a": left, "b": right}
    for text in ("a and b", "a or b", "not (a and not b)", "a == b", "a != b", "b or a and b", "not a"):
        assert Played(text).put(1, given_) is walked(text, known(given_)) is by_cel(text, given_), text


# --- whatever is written


NAMES = [*(point.key for point in POINTS if "/" not in point.key), "health", "nobody", "pump-1"]
SIGNS_AND_WORDS = """
    and or not in if else lambda for ( ) [ ] { } , . : := + - * / // ** % < > == != = && ~ @ 1 0 1e999 0x1F True None
    ... 1j b'' age rate avg min max abs alarm point __import__ __class__ é 水位 ＞ ' " # \\ "run" "10min" f"{x}"
"""
PIECES = st.sampled_from([*NAMES, *SIGNS_AND_WORDS.split(), '"5 m"', "\n", "\t", "\x00", "\ud800"])


@settings(deadline=None, max_examples=600)
@given(st.lists(PIECES, max_size=25).map(" ".join) | st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=60))
def test_any_text_compiles_or_is_a_sentence(text: str) -> None:
    try:
        expr = parse_expr(text)
    except ExprError as error:
        assert 0 <= error.offset <= len(text) and len(str(error)) < 400
        return
    assert expr.points or expr.alarms
    try:
        found = Played(text).put(1, {"x": 1.0, "a": True})
    except Absent:
        return
    except Mistake as mistake:
        assert mistake.loc[:2] == ("when", "expr") and 0 <= int(mistake.loc[2]) <= len(text)
        return
    assert found in (True, False, None)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 500 + "x" + ")" * 499,
        "not " * 240 + "a",
        "-" * 900 + "x > 1",
        "x > " + "9" * 900,
        "x > 1" + " or x > 1" * 100,
        "[" * 300,
        "x" + ".x" * 400,
        "abs(" * 200 + "x" + ")" * 200 + " > 1",
        "9**9**9**9 > x",
        "x > 1 and " * 10_000,
    ],
)
def test_cfg18_what_is_large_is_refused_without_work(text: str) -> None:
    with pytest.raises(ExprError):
        parse_expr(text)


def test_the_largest_that_is_allowed_compiles() -> None:
    deep = "x > 1"
    while True:
        wider = f"not (a and {deep})" if deep.count("(") % 2 else f"(b or not {deep})"
        if not asks(wider):
            break
        deep = wider
    given_ = {"x": 2.0, "a": True, "b": False}
    assert Played(deep).put(1, given_) is walked(deep, given_)
    many = " or ".join(["x > 100"] * ((MOST_NODES - 1) // 3))
    assert Played(many).put(1, given_) is False
    sum_ = "x" + " + x" * (DEEPEST - 2)
    assert Played(f"{sum_} == {2.0 * (DEEPEST - 1)}").put(1, given_) is True
    assert asks("x > 1" + " " * (LONGEST - 5)) and not asks("x > 1" + " " * (LONGEST - 4))
