"""A value that came with a BAD quality is no value, wherever it stands; a window that was never asked shows nothing."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from alerts.condition.expr_language import ExprError, parse_expr
from gateway.model import SECOND, Quality
from tests.alerts.expressions import Played

ASKED = {
    "a": {"a": True},
    "not a": {"a": False},
    "a == b": {"a": True, "b": True},
    "a != b": {"a": True, "b": False},
    "a and b": {"a": True, "b": True},
    "not (a or b)": {"a": False, "b": False},
    'm == "run"': {"m": "run"},
    'm in ["run", "stop"]': {"m": "run"},
    'm != "run"': {"m": "stop"},
    "m == n": {"m": "run", "n": "run"},
    "m != n": {"m": "run", "n": "stop"},
    "x > 5": {"x": 6.0},
    "5 < x": {"x": 6.0},
    "x != 5": {"x": 6.0},
    "x == y": {"x": 6.0, "y": 6.0},
    "x > y": {"x": 6.0, "y": 5.0},
    "x + y > 5": {"x": 6.0, "y": 5.0},
    "abs(x - y) > 5": {"x": 6.0, "y": -5.0},
    "max(x, y) > 5": {"x": 6.0, "y": 5.0},
    "4 < x < 7": {"x": 6.0},
    "count in [1, 2]": {"count": 1},
}
BAD = (Quality.BAD_COMM, Quality.BAD_SENSOR, -1)


def put(played: Played, values: dict[str, Any], name: str = "", quality: int = Quality.GOOD) -> Any:
    """As the driver's table may hold it: with the value that came."""
    for key, value in values.items():
        slot = played.columns.slot("d", key)
        played.columns.put(slot, value, quality if key == name else Quality.GOOD, SECOND)
    return played.node.judge(played.columns, SECOND), played.node.alone(played.columns)


@pytest.mark.parametrize(("text", "quality"), list(itertools.product(ASKED, BAD)))
def test_what_is_true_is_unknown_when_one_of_its_points_is_bad(text: str, quality: int) -> None:
    values: dict[str, Any] = ASKED[text]
    assert put(Played(text), values) == (True, True)
    for name in values:
        assert put(Played(text), values, name, quality) == (None, None), name


@pytest.mark.parametrize("text", ['avg(level, "60 s") > "1 m"', 'age(level) > "30 s"'])
def test_before_it_is_asked_it_shows_nothing(text: str) -> None:
    played = Played(text)
    assert played.node.reading(played.columns).value is None


def test_a_window_is_asked_again_when_it_is_half_full() -> None:
    """Not at the next edge of its steps: an answer that is there is not kept back."""
    played = Played('max(level, "100 s") > "1 m"', poll_s=0)
    assert played.put(7.25, {"level": 2.0}) is None
    seen = []
    while (due := played.due_s()) is not None and len(seen) < 200:
        seen.append(due)
        if played.tick(due) is not None:
            break
    assert seen[-1] == 57.25 and played.tick(57.25) is True


@pytest.mark.parametrize(
    ("text", "of_false", "of_true"),
    [
        ("a or False", False, True),
        ("a and True", False, True),
        ("a and False", False, False),
        ("a or True", True, True),
        ("False or (a and False)", False, False),
        ("not (a or False)", True, False),
    ],
)
def test_what_is_written_true_or_false_is_so(text: str, of_false: bool, of_true: bool) -> None:
    assert [Played(text).put(1, {"a": value}) for value in (False, True)] == [of_false, of_true]


def test_every_link_of_a_chain_is_read() -> None:
    read = parse_expr("1 < x < y < abs(z)")
    assert sorted(name for name, _ in read.points) == ["x", "y", "z"]
    with pytest.raises(ExprError):
        parse_expr("1 < x is y")
