"""`anlou check` says where a milder alarm keeps a more severe one silent; the site starts all the same."""

from __future__ import annotations

import pytest

from tests.config.conftest import RULES, Folder

CHOICE = "rules: {files: [rules.yaml]}"
GUIDANCE = """\
  guidance:
    {cause: {en: x, zh: 中}, consequence: {en: x, zh: 中}, corrective_action: {en: x, zh: 中}, time_to_respond: 10min,
     confirm_how: {en: x, zh: 中}, owner: {en: x, zh: 中}, basis: {en: x, zh: 中}}
"""
DEEP = RULES.replace("T-01", "T-02").replace("severity: low", "severity: high").replace("0.10 m", "0.50 m") + GUIDANCE
SILENT = (
    "T-02 (high) is silent while T-01 (low) is active, so nobody hears that it is high; give T-01 the severity high, or"
)


def place(folder: Folder, file: str, text: str) -> str:
    """Where the last letter-for-letter `text` begins in a file, as it is told."""
    before = (folder.path / file).read_text().rpartition(text)[0]
    return f"{file}:{before.count(chr(10)) + 1}:{len(before.rpartition(chr(10))[2]) + 1}"


def rules(folder: Folder, mild: str = "", deep: str = "") -> None:
    folder.write("rules.yaml", f"{RULES}{mild}{DEEP}{deep}")


@pytest.mark.parametrize(
    ("mild", "deep", "at", "instead"),
    [
        ("", "  suppressed_by: [T-01]\n", "T-01]", "take T-01 out of `suppressed_by`"),
        ("  inhibits: {rules: [T-02]}\n", "", "T-02]", "take T-02 out of `inhibits`"),
        (
            "",
            "  suppress_when: {any: [{alarm: T-01}, {point: pump-1/pump_run, is: true}]}\n",
            "T-01}",
            "ask for the points that say it instead of for T-01",
        ),
        (
            "",
            "  suppress_when:\n    expr: point(\"pump-1/pump_run\") or alarm('T-01')\n",
            "'T-01'",
            "ask for the points that say it instead of for T-01",
        ),
    ],
    ids=["suppressed_by", "inhibits", "suppress_when", "expr"],
)
def test_it_is_told_where_it_is_written(folder: Folder, mild: str, deep: str, at: str, instead: str) -> None:
    rules(folder, mild, deep)
    assert folder.warnings() == [f"{place(folder, 'rules.yaml', at)}: {SILENT} {instead}"]
    assert folder.problems() == []


def test_as_severe_as_the_other_there_is_nothing_to_say(folder: Folder) -> None:
    folder.write(
        "rules.yaml", RULES.replace("severity: low", "severity: high") + GUIDANCE + DEEP + "  suppressed_by: [T-01]\n"
    )
    assert folder.warnings() == []


def override(folder: Folder, changes: str) -> None:
    folder.change((CHOICE, f"rules: {{packs: [garage-water], override: {{{changes}}}}}"))


@pytest.mark.parametrize(
    ("changes", "at", "told"),
    [
        (
            "WA-02: {severity: low, guidance: {time_to_respond: 10min}}",
            "low,",
            "WA-01 (medium) is silent while WA-02 (low) is active, so nobody hears that it is medium;"
            " give WA-02 the severity medium, or take WA-02 out of `suppressed_by`",
        ),
        (
            "WA-02: {devices: {sump: {severity: low, guidance: {time_to_respond: 10min}}}}",
            "low,",
            "WA-01 (medium) is silent while WA-02 on sump (low) is active, so nobody hears that it is medium;"
            " give WA-02 the severity medium, or take WA-02 out of `suppressed_by`",
        ),
        (
            "WA-01: {severity: critical}",
            "critical}",
            "WA-01 (critical) is silent while WA-02 (high) is active, so nobody hears that it is critical;"
            " give WA-02 the severity critical, or take WA-02 out of `suppressed_by`",
        ),
        (
            "WA-02: {suppressed_by: [WA-03, WA-01]}, WA-01: {suppressed_by: null}",
            "WA-01]",
            "WA-02 (high) is silent while WA-01 (medium) is active, so nobody hears that it is high;"
            " give WA-01 the severity high, or take WA-01 out of `suppressed_by`",
        ),
    ],
    ids=["milder", "milder on a device", "more severe", "suppressed_by"],
)
def test_what_the_site_has_made_so_is_told_in_the_site_s_file(folder: Folder, changes: str, at: str, told: str) -> None:
    override(folder, changes)
    assert folder.warnings() == [f"{place(folder, 'site.yaml', at)}: {told}"]
