"""What a rule's file says, given back as it is written there."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.written import one_line, written
from tests.alerts.stage import rule

WRITTEN: list[dict[str, Any]] = [
    {"at_least": "0.1 m", "deadband": "0.01 m"},
    {"point": "a", "is": True, "for": "10s"},
    {"all": [{"point": "level", "above": "0.5 m"}, {"not": {"alarm": "B"}}]},
    {"any": [{"point": "level", "rises_by": "0.05 m", "within": "10min"}, {"point": "b", "is": False}]},
]


@pytest.mark.parametrize("when", WRITTEN, ids=one_line)
def test_it_is_as_it_was_written(when: dict[str, Any]) -> None:
    on = {"system": "test", "point": "level"} if "at_least" in when else {"system": "test"}
    assert written(rule("R", on=on, when=when).when) == when


def test_one_line_is_yaml() -> None:
    assert one_line(WRITTEN[2]) == "{all: [{point: level, above: 0.5 m}, {not: {alarm: B}}]}"
    assert one_line(WRITTEN[1]) == "{point: a, is: true, for: 10s}"
