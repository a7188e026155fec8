"""A site with more alarms than it may have is refused with file, line and rule: at a check, a start, a reload."""

from __future__ import annotations

import pytest

from alerts import extent
from alerts.condition import scope
from tests.config.conftest import RULES, Folder


def test_too_many_sources_of_a_rule(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extent, "MOST_OF_A_RULE", 0)
    (found,) = folder.problems()
    assert found.startswith("rules.yaml:5:7: T-01 would watch more than 0 sources on this site: narrow `on`")


def test_too_many_alarms_in_all(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write("more.yaml", RULES.replace("T-01", "T-02"))
    folder.change(("files: [rules.yaml]", "files: [rules.yaml, more.yaml]"))
    monkeypatch.setattr(extent, "MOST_IN_ALL", 1)
    (found,) = folder.problems()
    assert found.startswith("rules.yaml:5:7: T-01: the site would have more than 1 alarms, most of them of T-01 (1)")


def test_an_alarm_that_asks_too_much(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "MOST_ASKED", 0)
    (found,) = folder.problems()
    assert found.startswith("rules.yaml:6:9: T-01: one alarm (on sump) would ask about more than 0 points and alarms")


def test_too_many_conditions(folder: Folder) -> None:
    many = "".join(f"    - {{above: {number} m}}\n" for number in range(300))
    folder.change(("  when: {at_least: 0.10 m, deadband: 0.01 m}\n", f"  when:\n    any:\n{many}"), file="rules.yaml")
    (found,) = folder.problems()
    assert found.startswith("rules.yaml:207:7: T-01: a rule has at most 200 conditions")
