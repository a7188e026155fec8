"""docs/profiles.md cannot rot: every example is a good profile that keeps its vectors, every reason is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drivers.mqtt.poison import REASONS
from drivers.profile import ModbusProfile, MqttProfile, mistakes, parse_profile
from gateway.config.parse import parse
from gateway.config.source import Source
from tests.drivers.made import files

PAGE = (Path(__file__).resolve().parents[2] / "docs/profiles.md").read_text()
# the one whose codec is not installed here is tried in test_mqtt_plugin.py, with the package that the page shows
EXAMPLES = [text for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "codec: example-tags" not in text]


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: str(text).splitlines()[0].removeprefix("profile: "))
def test_example(text: str) -> None:
    document = parse(Source("profiles.md", text.encode(), text))
    assert document.problems == []
    profile = parse_profile(document.value)
    assert list(mistakes(profile)) == [] and profile.has_examples
    assert isinstance(profile, (ModbusProfile, MqttProfile))
    shown = {key for vector in profile.vectors for key in [*vector.expect, *vector.bad]}
    assert set(profile.points) - shown <= {"mains_fault"}


def test_every_reason_is_here() -> None:
    assert {reason for reason in REASONS if f"`{reason}`" not in PAGE} == set()


def test_what_is_shown_is_there() -> None:
    """The last column of the needs: each name in it is a profile of the library, or a test."""
    table = PAGE.partition("## What real devices need")[2].partition("What cannot be said")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 40
    tests = Path(__file__).resolve().parents[1]
    known = {name for file in tests.rglob("test_*.py") for name in re.findall(r"def (test_\w+)", file.read_text())}
    known |= {file.name.removesuffix(".yaml") for file in files()}
    for row in rows:
        shown = re.findall(r"`([^`]+)`", row[-2])
        assert shown, row
        assert set(shown) <= known, set(shown) - known
