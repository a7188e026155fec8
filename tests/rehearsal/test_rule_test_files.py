"""What is wrong with a file of rule tests is said at its place, with the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rehearsal.playing import GARAGE, played, refusals

HEAD = "- test: t\n  steps:\n"


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("at: 0s, set: {sumb.floor_level: 0 m}", "3:22: unknown device 'sumb'; did you mean 'sump'?"),
        ("at: 0s, set: {sump.flor_level: 0 m}", "unknown point of 'sump' 'flor_level'; did you mean 'floor_level'?"),
        ("at: 0s, set: {sump.floor_level: 3}", "floor_level: 3 was given, but the point's unit is m; write 3 m"),
        ("at: 0s, set: {sump.floor_level: 3 °C}", "'°C' measures temperature, but 'm' measures length"),
        ("at: 0s, set: {sump.pump-1/pump_fault: 1}", "pump-1/pump_fault is true or false, got 1"),
        ("at: 0s, set: {charger.charger_state: chargin}", "unknown code of charger_state 'chargin'"),
        ("at: 0s, set: {sump.health: offline}", "health is what silence makes of it"),
        ("at: 0s, set: {floor_level: 0 m}", "DEVICE.POINT is expected"),
        ("at: 0s, expect: {WW-1/sump: normal}", "unknown alarm (RULE/SOURCE) 'WW-1/sump'; did you mean 'W-1/sump'?"),
        ("at: 0s, expect: {W-1/charger: normal}", "W-1"),
        ("at: 0s, expect: {W-1/sump: pendin}", "one of"),
        ("at: 0s, bad: {sump.floor_level: dead}", "one of comm, range, sensor"),
        ("at: 0, set: {sump.floor_level: 0 m}", "a duration with its unit is expected"),
        ("at: 0s, sett: {sump.floor_level: 0 m}", "unknown key 'sett'; did you mean 'set'?"),
        ("at: 0s, silent: [sumb]", "unknown device 'sumb'"),
        ("at: 0s, ack: {alarm: W-1/sump, by: ann, refused: never}", "one of not_found, stale"),
        ("at: 0s, restart: {after: 10s}", "the test expects nothing, so it could never fail"),
        ("at: 0s, expect_journal: [{kind: rise}]", "no row is of the kind 'rise'; did you mean 'raise'?"),
        ("at: 0s, expect_count: {rise: 0}", "no row is of the kind 'rise'; did you mean 'raise'?"),
        ("at: 0s, expect_count: {W-1: {rise: 0}}", "no row is of the kind 'rise'; did you mean 'raise'?"),
        ("at: 0s, expect_notices: [{reason: rise}]", "is expected, got the text 'rise'; did you mean 'raise'?"),
        ("at: 0s, expect_notices: [{reason: raise, rule: W-11}]", "unknown rule 'W-11'; did you mean 'W-1'?"),
        ("at: 0s, ack: W-1", "an alarm is RULE/SOURCE, such as W-1/sump; got 'W-1'"),
        ("at: 0s, expect_count: {W-9: {raise: 1}}", "unknown alarm (RULE/SOURCE) 'W-9'"),
    ],
)
def test_a_mistake_has_its_place(tmp_path: Path, step: str, said: str) -> None:
    found = refusals(tmp_path, f"{HEAD}    - {{{step}}}\n")
    assert any(said in line for line in found), found
    assert all(line.split(":")[0] != "0" for line in found)


def test_steps_go_on_in_time(tmp_path: Path) -> None:
    text = HEAD + "    - {at: 5s, restart: {after: 10s}}\n    - {at: 8s, expect: {W-1/sump: normal}}\n"
    assert refusals(tmp_path, text) == ["4:12: 8s comes before 15s, when the gateway is there again"]


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    text = HEAD + "    - {at: 0s, set: {sump.x: 1}, expect: {Z/sump: normal}}\n- test: other\n  steps: []\n"
    assert len(refusals(tmp_path, text)) >= 1
    text = HEAD + "    - {at: 0s, set: {sump.x: 1}, expect: {Z/sump: normal}}\n"
    assert len(refusals(tmp_path, text)) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a list of tests is expected"),
        ("hello", "a list of tests is expected"),
        ("[]", "every file"),
        ("tests: []", "must not be empty"),
        ("site: nowhere.yaml\ntests:\n  - {test: t, steps: [{at: 0s, expect_journal: []}]}", "nowhere.yaml"),
        ("- test: t\n  steps: [", "YAML"),
    ],
)
def test_files_that_are_none(tmp_path: Path, text: str, said: str) -> None:
    if text == "[]":
        assert played(tmp_path, text) == []
        return
    assert refusals(tmp_path, text)


def test_a_head_names_the_site_and_what_every_test_begins_with(tmp_path: Path) -> None:
    text = f"""
        site: {GARAGE}
        begin: {{sump.floor_level: 0.12 m}}
        tests:
          - test: begins wet
            steps: [{{at: 30s, expect: {{W-1/sump: unacked}}}}]
          - test: begins dry
            begin: {{sump.floor_level: 0 m}}
            steps: [{{at: 30s, expect: {{W-1/sump: normal}}}}]
        """
    assert [one.passed for one in played(tmp_path, text)] == [True, True]
