"""Names that a wrong one may have been meant to be: all that are equally near, none by chance."""

from __future__ import annotations

import pytest

from gateway.config.nearest import nearest, unknown
from gateway.near import either, hint, nearest_all


@pytest.mark.parametrize(
    ("name", "valid", "found"),
    [
        ("treshold", ["rate", "threshold", "thresholds"], ["threshold"]),
        ("ai9", ["di0", "ai0", "ai1"], ["ai0", "ai1"]),
        ("WA-9", ["WA-01", "WA-02", "EL-01"], ["WA-01", "WA-02"]),
        ("Floor-Level", ["floor_levels", "floor_level"], ["floor_level"]),
        ("a-b", ["a_b", "A B"], ["a_b", "A B"]),
        ("ai0", ["ai1", "ai0", "ai0"], ["ai0"]),
        ("nothing", ["threshold", "rate"], []),
        ("x", [], []),
    ],
)
def test_all_that_are_equally_near_in_their_order(name: str, valid: list[str], found: list[str]) -> None:
    assert nearest_all(name, valid) == found
    assert nearest(name, valid) == (found[0] if found else None)


def test_at_most_three_are_named_and_that_there_are_more_is_said() -> None:
    assert either(["a"]) == "'a'"
    assert either(["a", "b"]) == "'a' or 'b'"
    assert either(["a", "b", "c"]) == "'a', 'b' or 'c'"
    assert either(["a", "b", "c", "d"]) == "'a', 'b', 'c' …"


def test_they_are_said_wherever_a_name_is_wrong() -> None:
    assert hint("ai9", ["ai0", "ai1"]) == "; did you mean 'ai0' or 'ai1'?"
    assert hint("x", ["ai0"]) == ""
    assert unknown("point", "ai9", ["ai0", "ai1"]) == "unknown point 'ai9'; did you mean 'ai0' or 'ai1'?"
    assert unknown("point", "zz", ["ai0", "ai1"]) == "unknown point 'zz'; valid: ai0, ai1"
    assert unknown("point", "zz", ["ai0"]) == "unknown point 'zz'; did you mean 'ai0'?"


def test_a_name_that_is_near_the_cutoff_counts_and_one_beyond_does_not() -> None:
    assert nearest_all("abcde", ["abcxy"]) == ["abcxy"]  # 6 of 10 characters
    assert nearest_all("abcde", ["abcxyz"]) == []
    assert nearest_all("abcde", ["abcxyz"], cutoff=0.4) == ["abcxyz"]
