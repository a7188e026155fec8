"""The conditions that the documentation shows can be written so."""

from __future__ import annotations

import re

import pytest
from ruamel.yaml import YAML

from alerts.condition.spec import KINDS, parse_condition
from tests.alerts.building import ROOT, rule

DOCS = (ROOT / "docs/configuration.md").read_text("utf-8")
SHOWN = re.findall(r"```text\n(when: .*?)```", DOCS, re.DOTALL)


@pytest.mark.parametrize("text", SHOWN)
def test_it_can_be_written_so(text: str) -> None:
    (when,) = YAML(typ="safe", pure=True).load(text).values()
    if "schedule" in when and "since" in when["schedule"]:
        when["schedule"]["since"] = when["schedule"]["since"].isoformat()  # a text in the site's own YAML
    parse_condition(when)
    rule(when, on={"system": "garage-water"}, class_="property")


def test_the_kinds_made_of_others_are_shown() -> None:
    shown = {kind for kind, keys in KINDS.items() for key in keys for text in SHOWN if f"{{{key}: " in text}
    assert {"vote", "together", "sequence", "absent", "schedule"} <= shown
