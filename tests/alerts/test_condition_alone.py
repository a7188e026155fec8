"""What one frame alone says: beyond the limit, back from it, else UNKNOWN; never by memory, never with a trace."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import pytest

from alerts.condition.columns import Columns
from alerts.condition.logic import All, AnyOf, Escalated, Not, Tripping
from alerts.condition.node import Node
from alerts.condition.state import Consecutive, Lasting, Named, Numbered
from alerts.condition.stretched import Stretched
from gateway.model import Quality, Severity, Truth
from tests.alerts.building import One
from tests.alerts.telling import Says

T, F, U = True, False, None
WORDS = list(itertools.product([T, F, U], repeat=2))


def says(*truths: Truth) -> list[Node]:
    """Operands that say this."""
    nodes = []
    for slot, truth in enumerate(truths):
        node = Says(slot)
        node.truth = truth
        nodes.append(node)
    return list(nodes)


def alone(when: Any, value: float | None, y: float | None = None, quality: int = Quality.GOOD) -> Truth:
    """Of a frame with these values; the condition keeps no trace of it."""
    one = One(when)
    one.columns.put(one.columns.slot("d", "x"), value, quality, 1)
    if y is not None:
        one.columns.put(one.columns.slot("d", "y"), y, Quality.GOOD, 1)
    before = one.node.snapshot()
    truth = one.node.alone(one.columns)
    assert one.node.snapshot() == before
    return truth


@pytest.mark.parametrize("truths", WORDS)
def test_kleene_of_frames(truths: Sequence[Truth]) -> None:
    every = F if F in truths else U if U in truths else T
    some = T if T in truths else U if U in truths else F
    assert All(says(*truths)).alone(Columns()) is every
    assert AnyOf(says(*truths)).alone(Columns()) is some
    assert Tripping(says(*truths), [True, True], 0).alone(Columns()) is every, "what is not there does not trip"
    assert Not(says(truths[0])).alone(Columns()) is {T: F, F: T, U: U}[truths[0]]
    base, step = says(*truths)
    assert Escalated(base, [(step, Severity.HIGH)]).alone(Columns()) is truths[0], "a step raises nothing by itself"


@pytest.mark.parametrize("truth", [T, F, U])
def test_what_needs_time_says_nothing_by_a_frame(truth: Truth) -> None:
    (inner,) = says(truth)
    assert Consecutive(inner, 0, 2).alone(Columns()) is U
    assert Lasting(inner, 5, 5).alone(Columns()) is U
    assert Stretched(inner, 0).alone(Columns()) is truth
    assert Stretched(inner, 5).alone(Columns()) is (T if truth else U), "what is not TRUE may be held"


@pytest.mark.parametrize(
    ("when", "value", "truth"),
    [
        ({"above": "5 m", "deadband": "1 m"}, 5.1, T),
        ({"above": "5 m", "deadband": "1 m"}, 4.5, U),  # in the band only memory could tell
        ({"above": "5 m", "deadband": "1 m"}, 4, F),
        ({"below": "5 m", "deadband": "1 m"}, 4.9, T),
        ({"below": "5 m", "deadband": "1 m"}, 5.5, U),
        ({"below": "5 m", "deadband": "1 m"}, 6, F),
        ({"above": "5 m", "absolute": True}, -5.5, T),
        ({"above": "5 m", "absolute": True}, -4.5, F),
        ({"above": "5 m"}, -5.5, F),
        ({"above": "5 m"}, math.nan, U),
        ({"above": "5 m"}, None, U),
        ({"levels": [{"at_least": "3 m", "deadband": "1 m"}, {"at_least": "9 m", "severity": "critical"}]}, 3, T),
        ({"levels": [{"at_least": "3 m", "deadband": "1 m"}, {"at_least": "9 m", "severity": "critical"}]}, 2.5, U),
        ({"levels": [{"at_least": "3 m", "deadband": "1 m"}, {"at_least": "9 m", "severity": "critical"}]}, 1.9, F),
        ({"levels": [{"at_least": "3 m"}], "absolute": True}, -3, T),
        ({"levels": [{"at_least": "3 m"}]}, -3, F),
    ],
)
def test_a_limit(when: Any, value: float | None, truth: Truth) -> None:
    assert alone(when, value) is truth
    assert alone(when, value, quality=Quality.BAD_SENSOR) is U


@pytest.mark.parametrize(
    ("when", "value", "y", "truth"),
    [
        ({"above": {"point": "y", "factor": 2}, "deadband": "1 m"}, 8, 4, U),
        ({"above": {"point": "y", "factor": 2}, "deadband": "1 m"}, 8.1, 4, T),
        ({"above": {"point": "y", "factor": 2}, "deadband": "1 m"}, 7.1, 4, U),
        ({"above": {"point": "y", "factor": 2}, "deadband": "1 m"}, 6.9, 4, F),
        ({"at_least": {"point": "y"}, "deadband": "1 m"}, 4, 4, T),
        ({"at_least": {"point": "y"}, "deadband": "1 m"}, 3.5, 4, U),
        ({"below": {"point": "y"}, "deadband": "1 m"}, 3.9, 4, T),
        ({"below": {"point": "y"}, "deadband": "1 m"}, 4, 4, U),
        ({"below": {"point": "y"}, "deadband": "1 m"}, 5.1, 4, F),
        ({"at_most": {"point": "y"}}, 4, 4, T),
        ({"at_most": {"point": "y"}}, 4.1, 4, F),
        ({"above": {"point": "y"}, "absolute": True}, -5, 4, T),
        ({"above": {"point": "y"}, "absolute": True}, -3, 4, F),
        ({"above": {"point": "y"}}, -5, 4, F),
        ({"above": {"point": "y"}}, 5, None, U),
        ({"above": {"point": "y"}}, None, 4, U),
        ({"above": {"point": "y"}}, math.nan, 4, U),
        ({"above": {"point": "y"}}, math.inf, 4, U),
        ({"above": {"point": "y"}}, 5, math.nan, U),
        ({"above": {"point": "y"}}, 5, math.inf, U),
    ],
)
def test_a_limit_that_is_another_point(when: Any, value: float | None, y: float | None, truth: Truth) -> None:
    assert alone(when, value, y) is truth


@pytest.mark.parametrize(
    ("x", "y", "truth"),
    [
        (9, 5, T),
        (5, 9, T),
        (-9, 5, T),
        (-5, 5, T),  # not its absolute value
        (7, 5, F),
        (6.5, 5, F),
        (7.5, 5, U),
        (9, None, U),
        (math.inf, 5, U),
    ],
)
def test_a_distance_from_another_point(x: float, y: float | None, truth: Truth) -> None:
    assert alone({"deviates_by": "3 m", "from": {"point": "y"}, "deadband": "1 m"}, x, y) is truth


@pytest.mark.parametrize(("quality", "known"), [(Quality.GOOD, True), (Quality.BAD_COMM, False), (-1, False)])
def test_a_code_and_a_number(quality: int, known: bool) -> None:
    columns = Columns()
    slot = columns.slot("d", "x")
    columns.put(slot, 6, quality, 1)
    assert Named(slot, {6: True, 7: False}).alone(columns) is (T if known else U)
    assert Named(slot, {6: False}).alone(columns) is (F if known else U)
    assert Named(slot, {7: True}).alone(columns) is U, "an undeclared code is never FALSE"
    assert Numbered(slot, frozenset({2}), mask=3).alone(columns) is (T if known else U)
    assert Numbered(slot, frozenset({2}), mask=3, wanted=False).alone(columns) is (F if known else U)
    assert Numbered(slot, frozenset({2})).alone(columns) is (F if known else U)
