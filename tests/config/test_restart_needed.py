"""What a running gateway cannot change is told by name; what only judges is nobody's reason to restart."""

from __future__ import annotations

import pytest

from gateway.config.restart_needed import after_restart, restart_needed
from tests.config.conftest import Folder

HOOK = """
notify:
  webhooks: [{name: duty, url: "https://example.org/x", secret: "${env:SECRET}"}]
"""
WET = "  {}: {{system: garage-water, points: {{leak: {{from: io.di1}}}}}}\n"
CHANGES = {
    "site: timezone changed": ("site.yaml", "Asia/Shanghai", "Europe/Berlin"),
    "links: bus changed": ("site.yaml", "10.0.0.7", "10.0.0.8"),
    "devices: sump changed": ("site.yaml", "floor: B2", "floor: B3"),
    "devices: wet added": ("site.yaml", "rules: {", f"{WET.format('wet')}rules: {{"),
    "what is read of devices and modules: io changed": ("site.yaml", "unit: 3", "unit: 4"),
    "what is read of devices and modules: io changed ": ("profiles/box.yaml", "ai1: {address: 1}", "ai1: {address: 2}"),
    "points from modules: sump floor_level changed": ("site.yaml", "20 mA: 1 m", "20 mA: 2 m"),
    "api: request_seconds changed": ("site.yaml", "rules: {", "api: {request_seconds: 20.0}\nrules: {"),
    "webhooks: duty added": ("site.yaml", "rules: {", f"{HOOK}\nrules: {{"),
    "historian: changed": (
        "site.yaml",
        "rules: {",
        'historian: {kind: victoriametrics, url: "http://127.0.0.1:8428"}\nrules: {',
    ),
}


@pytest.mark.parametrize("told", CHANGES)
def test_what_changed_is_named_and_a_restart_asked_for(
    folder: Folder, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "0123456789abcdef0123456789abcdef")
    file, old, new = CHANGES[told]
    before = folder.load()
    folder.change((old, new), file=file)
    found = [problem.message for problem in restart_needed(before, folder.load())]
    assert any(message.startswith(told.strip()) and "restart" in message for message in found), found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("at_least: 0.10 m", "at_least: 0.20 m"),
        ("on_delay: 30s", "on_delay: 10s"),
        ("{system: garage-water, point: floor_level}", "{system: garage-water, point: pump_run}"),
        ("when: {at_least: 0.10 m, deadband: 0.01 m}", "when: {at_least: 0.10 m}\n  enabled: false"),
    ],
)
def test_rules_alone_need_no_restart(folder: Folder, old: str, new: str) -> None:
    before = folder.load()
    if "pump_run" in new:
        folder.change((old, new), ("when: {at_least: 0.10 m, deadband: 0.01 m}", "when: {is: true}"), file="rules.yaml")
    else:
        folder.change((old, new), file="rules.yaml")
    after = folder.load()
    assert before.digest != after.digest
    assert [told.startswith("rules read other points of io") for told in after_restart(before, after)] == (
        [True] if "pump_run" in new or "enabled" in new else []
    )
    assert restart_needed(before, after) == []


def test_long_lists_are_cut_short(folder: Folder) -> None:
    before = folder.load()
    many = "".join(WET.format(f"wet-{number}") for number in range(9))
    folder.change(("rules: {", f"{many}rules: {{"))
    told = [problem.message for problem in restart_needed(before, folder.load())]
    assert any("wet-0, wet-1, wet-2, wet-3, wet-4 and 4 more added" in message for message in told), told
