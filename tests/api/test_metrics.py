"""The Prometheus text format, read back by its own rules."""

from __future__ import annotations

import math
import re

import pytest

from gateway.api.metrics import Family, render, single

LINE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (\S+)')


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1.0, "1"),
        (0.25, "0.25"),
        (-3.5, "-3.5"),
        (1e15, "1000000000000000.0"),
        (123456789, "123456789"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert render([single("m", "gauge", "h", value)]).splitlines()[2] == f"m {text}"


def test_hostile_labels_stay_in_their_line() -> None:
    hostile = 'a"b\\c\nd{}=,#'
    text = render([Family("m", "counter", "two\nlines \\", [({"unit": hostile, "kind": "x"}, 1.0)])])
    lines = text.splitlines()
    assert len(lines) == 3
    assert lines[0] == "# HELP m two\\nlines \\\\"
    assert lines[2] == 'm{unit="a\\"b\\\\c\\nd{}=,#",kind="x"} 1'
    assert LINE.fullmatch(lines[2])


def test_a_name_appears_once() -> None:
    text = render([single("m", "gauge", "h", 1), Family("m", "gauge", "h", [({"a": "b"}, 2.0)])])
    assert text == '# HELP m h\n# TYPE m gauge\nm 1\nm{a="b"} 2\n'
