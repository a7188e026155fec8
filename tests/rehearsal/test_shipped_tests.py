"""The examples that AnLou ships, and every example of the page that teaches them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.cli.check import AssumedPorts
from gateway.config.load import load_site
from gateway.rehearsal.coverage import Coverage
from gateway.rehearsal.files import prepare
from gateway.rehearsal.rebinding import Rebinding
from gateway.rehearsal.runner import play

ROOT = Path(__file__).parents[2]
SITE = ROOT / "config" / "demo" / "site.yaml"
PAGE = (ROOT / "docs" / "rule-tests.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def failures(file: Path) -> list[str]:
    coverage = Coverage()
    found = []
    for one in prepare([file], None, SITE, lambda path: load_site(path, AssumedPorts({}, {}))):
        binding = Rebinding.of(one.site)
        for script in one.scripts:
            found += [line for each in play(script, binding, coverage).failures for line in each.lines()]
    return found


def test_the_demo_tests_pass() -> None:
    assert failures(SITE.with_name("tests.yaml")) == []


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_of_the_page_passes(tmp_path: Path, number: int) -> None:
    file = tmp_path / "tests.yaml"
    file.write_text(EXAMPLES[number].replace("site: site.yaml", f"site: {SITE}"), encoding="utf-8")
    assert failures(file) == []


def test_the_page_has_examples_and_names_every_key() -> None:
    from gateway.rehearsal.model import BAD_REASONS, Step

    assert len(EXAMPLES) >= 3
    for key in Step.model_fields.keys() - {"at"}:
        assert f"`{key}" in PAGE, key
    for reason in BAD_REASONS:
        assert re.search(rf"\b{reason}\b", PAGE), reason


def test_the_failure_that_the_page_shows_is_one(tmp_path: Path) -> None:
    file = tmp_path / "tests.yaml"
    steps = (
        "    - {at: 0s, set: {water-east.floor_level: 0 m}}\n    - {at: 50s, set: {water-east.floor_level: 12 cm}}\n"
    )
    look = "    - {at: 60s, expect: {WA-02/water-east: unacked}}\n"
    file.write_text(f"- test: stage 2 raises after its delay\n  steps:\n{steps}{look}", encoding="utf-8")
    shown = re.search(r"```text\nFAIL.*?```", PAGE, re.DOTALL)
    assert shown is not None
    for line in failures(file):
        told = line.strip().replace(f"{tmp_path}/", "")
        assert told in shown[0], told
