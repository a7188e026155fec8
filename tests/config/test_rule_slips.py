"""Slips that a first rule file has: each is told at its place, with what stands there and how to mend it."""

from __future__ import annotations

import pytest

from tests.config.conftest import Folder

WHEN = "{at_least: 0.10 m, deadband: 0.01 m}"
CHOICE = "rules: {files: [rules.yaml]}"


def told(site: Folder, when: str) -> str:
    site.change((WHEN, when), file="rules.yaml")
    (found,) = site.problems()
    return found.split(": ", 1)[1]


@pytest.mark.parametrize(
    ("when", "says"),
    [
        (
            "{above: 1 m, stale: 5min}",
            "T-01: `above` and `stale` are given, but a condition says one thing; join two with `all` or `any`",
        ),
        ("{bad_quality: [sensr]}", "T-01: unknown reason 'sensr'; did you mean 'sensor'?"),
        (
            "{sequence: [{above: 1 m}, {below: 2 m}], after: 30s}",
            "T-01: [the least, the most], such as [0s, 30s], is expected, got '30s'",
        ),
        ("{together: {above: 1 m}, within: 1min}", "T-01: a list of two conditions is expected, got a mapping"),
        (
            "{at_least: 0.10, deadband: 1 cm}",
            "T-01: the limit 0.1 and its deadband 1 cm do not measure the same: write both with such a unit, or none",
        ),
        (
            "{at_least: 10 °C, deadband: 1 cm}",
            "T-01: the limit 10 °C and its deadband 1 cm do not measure the same: write both with such a unit, or none",
        ),
        (
            "{rises_by: 10 °C, deadband: 1 cm, within: 5min}",
            "T-01: the limit 10 °C and its deadband 1 cm do not measure the same: write both with such a unit, or none",
        ),
    ],
)
def test_a_slip_is_told_by_what_it_is(folder: Folder, when: str, says: str) -> None:
    assert told(folder, when).startswith(says)


def test_a_key_of_another_condition_is_not_its_own_correction(folder: Folder) -> None:
    folder.change((WHEN, "{n_of: 1, of: [{above: 1 m}]}"), file="rules.yaml")
    missing, unknown = folder.problems()
    assert missing.endswith("T-01: the key 'these' is missing")
    assert "T-01: unknown key 'of'" in unknown and "did you mean 'of'" not in unknown


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("device: {sump: {on_delay: 5s}}", "unknown key 'device'; did you mean 'devices'?"),
        ("sump: {on_delay: 5s}", "what differs on one device stands below `devices`: devices: {sump: {…}}"),
    ],
)
def test_what_differs_on_one_device_is_told_where_it_goes(folder: Folder, change: str, says: str) -> None:
    folder.change((CHOICE, f"rules: {{files: [rules.yaml], override: {{T-01: {{{change}}}}}}}"))
    (found,) = folder.problems()
    assert found.endswith(f"T-01: {says}")


def test_missing_guidance_is_told_with_what_belongs_to_it(folder: Folder) -> None:
    folder.change(("severity: low", "severity: high"), file="rules.yaml")
    (found,) = folder.problems()
    assert found.endswith(
        "T-01: a rule of severity high needs its guidance record: "
        "cause, consequence, corrective_action, time_to_respond, confirm_how, owner, basis"
    )
