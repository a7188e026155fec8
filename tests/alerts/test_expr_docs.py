"""The expressions of docs/configuration.md compile, each on a device with the points of the system that it names."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.bind import bind
from alerts.condition.expr_language import FUNCTIONS
from gateway.config.parse import parse
from gateway.config.source import Source
from tests.alerts.building import catalogue, device, rule, standard

DOCS = (Path(__file__).resolve().parents[2] / "docs/configuration.md").read_text()
SECTION = DOCS[DOCS.index("### Expressions") : DOCS.index("## What a rule is on")]
LINES = re.findall(r"^(- \{expr: .*\}) +# (\S+)$", SECTION, re.MULTILINE)


def test_there_are_eight_and_every_function_is_in_the_table() -> None:
    assert len(LINES) == 8
    assert [name for name in FUNCTIONS if f"`{name}(" not in SECTION] == []


@pytest.mark.parametrize(("line", "system"), LINES)
def test_it_watches_what_it_says(line: str, system: str) -> None:
    (when,) = parse(Source("docs", line.encode(), line)).value
    points = standard(system)
    if system == "garage-water":
        points.append(replace(catalogue()[system]["pump_run"], part="pump-1"))
    bound = bind([rule(when, on={"system": system})], [device("d", system, points)], catalogue())
    assert bound.problems == () and "d" in {each.source for each in bound.instances}
