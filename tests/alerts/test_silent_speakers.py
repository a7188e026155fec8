"""Who is never heard speaks for nobody: what a journalled alarm would suppress, and whose companion is a life's."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.model import AlarmState, Severity
from tests.alerts.stage import BAD, Stage, level_rule, rule

S = AlarmState


def offline(severity: str) -> Any:
    return rule("GW-01", "health", severity=severity, when={"is": "offline"}, **{"class": "system"})


def test_an_alarm_that_is_only_journalled_suppresses_nobody() -> None:
    here = Stage(rule("J", "b", severity="journal"), rule("R", suppressed_by=["J"]))
    here.at(0).set(a=False, b=False)
    here.at(1).set(b=True)
    here.at(2).set(a=True)
    assert here.state("J") is S.UNACKED and here.told("J") == []
    assert here.told() == ["raise"]


def test_nor_does_one_elsewhere() -> None:
    here = Stage(rule("J", "b", severity="journal", inhibits={"rules": ["R"], "same": "site"}), rule("R"))
    here.at(0).set(a=False, b=False)
    here.at(1).set(a=True, b=True)
    assert here.told() == ["raise"]


@pytest.mark.parametrize(("severity", "told"), [("journal", ["raise"]), ("low", [])])
def test_a_lost_life_safety_device_is_told_though_the_site_only_journals_who_is_offline(
    severity: str, told: list[str]
) -> None:
    here = Stage(offline(severity), rule("R", severity="critical", **{"class": "life_safety"}))
    here.at(0).set(a=False, health="online")
    here.at(10).set(health="offline")
    here.at(200).tick()
    assert here.told("R/protection_lost") == told
    assert here.told("GW-01") == ([] if told else ["raise"])


def test_it_speaks_for_others_once_it_is_worse_than_the_journal() -> None:
    worse = [{"when": {"point": "level", "at_least": "1 m"}, "severity": "high"}]
    here = Stage(
        rule("J", "b", severity="journal", escalate=worse, guidance=rule("X", severity="high").guidance),
        rule("R", suppressed_by=["J"]),
    )
    here.at(0).set(a=False, b=True, level=0.0)
    here.at(1).set(a=True)
    assert here.told() == ["raise"]
    here.at(2).set(level=2.0)
    assert [held.reason for held in here.life().mutes] == ["J"]


def test_a_life_safety_rule_has_a_companion_however_mild_it_is() -> None:
    here = Stage(rule("R", severity="low", **{"class": "life_safety"}))
    here.at(0).set(a=False)
    here.at(1).set(a=BAD)
    here.at(62).tick()
    assert here.told("R/protection_lost") == ["raise"]
    assert here.life("R/protection_lost").severity is Severity.HIGH


def test_so_has_one_that_can_become_critical_and_it_is_heard() -> None:
    levels = [{"above": "1 m"}, {"above": "2 m", "severity": "critical"}]
    here = Stage(level_rule("R", "1 m", when={"levels": levels}, guidance=rule("X", severity="high").guidance))
    here.at(0).set(level=0.0)
    here.at(1).set(level=BAD)
    here.at(62).tick()
    assert here.told("R/protection_lost") == ["raise"]
