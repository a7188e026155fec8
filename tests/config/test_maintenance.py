"""Maintenance windows in the site file: what is read, and what is refused at its place."""

from __future__ import annotations

import pytest

from tests.config.conftest import Folder

GOOD = """\
maintenance:
  - id: pumps-weekly
    of: {system: garage-water, severity: [low, medium], building: 1}
    schedule: {days: [tue], from: "09:00", to: "11:00"}
    work_order: WO-17
    reason: {en: Weekly test of the pumps, zh: 每周水泵试运行}
  - {id: sump-yearly, of: {rule: T-01, device: sump}, schedule: {rrule: "FREQ=YEARLY;BYMONTH=6;BYDAY=1TU", from: "09:00", lasts: 4h, since: 2026-06-01}, work_order: WO-18, reason: {en: x, zh: 中}}
"""  # noqa: E501


def told(folder: Folder, *changes: tuple[str, str]) -> list[str]:
    folder.change(("rules: {files", f"{GOOD}rules: {{files"))
    folder.change(*changes)
    return folder.problems()


def test_windows_are_read_with_the_zone_of_the_site(folder: Folder) -> None:
    assert told(folder) == []
    bound = folder.load().bound
    assert [window.id for window in bound.windows] == ["pumps-weekly", "sump-yearly"]
    assert str(bound.zone) == "Asia/Shanghai"
    assert bound.windows[0].of.to_json() == {"system": "garage-water", "severity": ["low", "medium"], "building": "1"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("sump-yearly", "pumps-weekly", "site.yaml:20:10: there are two windows 'pumps-weekly'"),
        ("rule: T-01", "rule: T-1", "there is no rule 'T-1'; did you mean 'T-01'?"),
        ("device: sump", "device: smup", "there is no device 'smup'; did you mean 'sump'?"),
        ("system: garage-water, sev", "system: garage-watr, sev", "there is no system 'garage-watr'"),
        ("{rule: T-01, device: sump}", "{}", "something is expected"),
        ("{rule: T-01, device: sump}", "{class: life_safety}", "life safety is never in maintenance"),
        ("work_order: WO-18, ", "", "work_order"),
        ("days: [tue]", "days: [die]", "one of mon, tue"),
        ("severity: [low, medium]", "severity: [low, midium]", "one of critical, high, medium, low, journal"),
        ("building: 1}", "bulding: 1}", "did you mean 'building'?"),
    ],
)
def test_what_cannot_be_meant_is_told_at_its_place(folder: Folder, old: str, new: str, words: str) -> None:
    (problem,) = told(folder, (old, new))
    assert problem.startswith("site.yaml:") and words in problem
