"""The schemas for editors, judged by a validator that is not ours: what we ship is good, mistakes are found."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from alerts.condition.spec import KINDS as CONDITION_KEYS
from gateway.cli.main import main
from gateway.cli.schema import SCHEMAS, editor_schema
from gateway.config.parse import parse
from gateway.config.source import Source
from tests.config.conftest import PROFILE, RULES, SITE
from tests.config.test_docs import BLOCKS

ROOT = Path(__file__).resolve().parents[1]
KINDS = {
    "site": ["config/demo/site.yaml", "tests/cases/*/site.yaml"],
    "profile": ["drivers/profiles/*.yaml", "tests/cases/*/profiles/*.yaml"],
    "rules": ["config/rules/*.yaml"],
    "rule-tests": ["config/demo/tests.yaml"],
}
SHIPPED = [(kind, path) for kind, globs in KINDS.items() for glob in globs for path in sorted(ROOT.glob(glob))]
VALIDATORS = {kind: Draft202012Validator(editor_schema(kind)) for kind in SCHEMAS}


def as_json(value: Any) -> Any:
    """What an editor sees: JSON has texts for keys."""
    if isinstance(value, dict):
        return {str(key): as_json(inner) for key, inner in value.items()}
    return [as_json(inner) for inner in value] if isinstance(value, list) else value


def faults(kind: str, text: str) -> list[str]:
    document = parse(Source("it.yaml", text.encode(), text))
    assert not document.problems
    return [
        f"{list(fault.absolute_path)}: {fault.message}"
        for fault in VALIDATORS[kind].iter_errors(as_json(document.value))
    ]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_it_is_a_schema_with_a_name(kind: str) -> None:
    schema = editor_schema(kind)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:anlou:schema:{kind}" and schema["title"].startswith("AnLou ")
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert "x-or-one" not in json.dumps(schema)


@pytest.mark.parametrize(("kind", "path"), SHIPPED, ids=lambda value: str(value).removeprefix(f"{ROOT}/"))
def test_what_we_ship_is_good(kind: str, path: Path) -> None:
    assert faults(kind, path.read_text()) == []


@pytest.mark.parametrize("name", BLOCKS)
def test_the_examples_of_the_documentation_are_good(name: str) -> None:
    kind = "profile" if name.startswith("profiles/") else name.removesuffix(".yaml")
    assert faults(kind, BLOCKS[name]) == []


@pytest.mark.parametrize("page", ["profiles", "new-device"])
def test_the_profiles_that_the_documentation_teaches_by_are_good(page: str) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / f"docs/{page}.md").read_text(), re.DOTALL)
    profiles = [block for block in blocks if re.search(r"^profile: ", block, re.MULTILINE)]
    assert profiles and [fault for profile in profiles for fault in faults("profile", profile)] == []


def test_the_rule_tests_that_the_documentation_teaches_by_are_good() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/rule-tests.md").read_text(), re.DOTALL)
    assert len(blocks) > 2 and [fault for block in blocks for fault in faults("rule-tests", block)] == []


def test_the_small_site_of_the_tests_is_good() -> None:
    assert faults("site", SITE) == faults("profile", PROFILE) == faults("rules", RULES) == []


RULE_TESTS = """\
- test: all words
  begin: {sump.level: 0 m}
  steps:
    - {at: 0s, set: {sump.level: 12 cm, sump.pump-1/run: true}, silent: lift-1, clock_step: -1h}
    - {at: 1min, ramp: {sump.level: {to: 0.3 m, over: 5min}}, bad: {sump.ph: sensor}, uncertain: {sump.ph: clock}}
    - {at: 2min, ack: W-1/sump, reset: [W-1/sump, {alarm: W-2/sump, refused: needs_ack}], restart: {after: 10s}}
    - {at: 3min, shelve: {alarm: W-1/sump, for: 1h, comment: pump}, expect: {W-1/sump: unacked, W-2/sump: {value: 1}}}
    - {at: 4min, backlog: {device: sump, samples: [{ago: 30min, set: {level: 0.3 m}}]}, expect_health: {sump: online}}
    - {at: 5min, expect_journal: [{kind: raise, says: {why: expired}}], expect_notices: [{reason: digest, to: [log]}]}
    - {at: 6min, expect_count: {raise: 1, W-1: {raise: 0}}, offline: [lift-1], speaks: lift-1}
"""
RULE_TESTS_WITH_A_HEAD = "site: site.yaml\ntests:\n" + RULE_TESTS

MESSAGES = BLOCKS["profiles/acme-gully.yaml"]


@pytest.mark.parametrize(
    ("kind", "text", "old", "new", "where"),
    [
        ("site", SITE, "timezone:", "timeZone:", "'timeZone' was unexpected"),
        ("site", SITE, "timezone: Asia/Shanghai", "timezone: 8", "8 is not of type 'string'"),
        ("site", SITE, "unit: 3", "unit: 256", "['modules', 'io', 'unit']"),
        ("site", SITE, "unit: 3", 'unit: "3"', "['modules', 'io', 'unit']"),
        ("site", SITE, "unit: 3", "unit: 3, poll: 5", "['modules', 'io', 'poll']"),
        ("site", SITE, "unit: 3", "unit: 3, every: {ai0: often}", "['modules', 'io', 'every', 'ai0']"),
        ("site", SITE, "system: garage-water", "system: garage", "['devices', 'sump', 'system']"),
        ("site", SITE, "{from: io.di0}", "{form: io.di0}", "'form' was unexpected"),
        ("site", SITE, "{from: io.di0}", "{}", "'from' is a required property"),
        ("site", SITE, ':502"}', ':502", write: true}', "'write' was unexpected"),
        ("site", SITE, ':502"}', ':502", keepalive: 5s}', "'keepalive' was unexpected"),
        ("site", SITE, '"tcp://10.0.0.7:502"', "502", "['links', 'bus', 'modbus']"),
        ("site", SITE, "  sump:", "  sump 1:", "'sump 1' does not match any of the regexes"),
        ("site", SITE, "id: t,", "", "'id' is a required property"),
        ("profile", PROFILE, "profile: box", "profil: box", "'profile' is a required property"),
        ("profile", PROFILE, "type: uint16}", "type: uint17}", "['modbus', 'type']"),
        ("profile", PROFILE, "bit: 1}", "bit: 65}", "['points', 'di1', 'bit']"),
        ("profile", PROFILE, "bit: 1}", "bit: 1, topic: x}", "'topic' was unexpected"),
        ("profile", PROFILE, "verified: memory", "verified: rumour", "['source', 0, 'verified']"),
        ("profile", MESSAGES, "path: water.level", "address: 5", "'address' was unexpected"),
        ("profile", MESSAGES, "format: rfc3339", "format: iso", "['mqtt', 'time']"),
        ("profile", MESSAGES, "expect_every: 5min", "expect_every: soon", "['mqtt', 'expect_every']"),
        ("rules", RULES, "severity: low", "severity: lowish", "[0, 'severity']"),
        ("rules", RULES, "on_delay: 30s", "on_delay: 30", "[0, 'on_delay']"),
        ("rules", RULES, "at_least: 0.10 m", "atleast: 0.10 m", "[0, 'when']"),
        ("rules", RULES, "rule: T-01", "rul: T-01", "'rule' is a required property"),
        ("rule-tests", RULE_TESTS, "test: all", "text: all", "'test' is a required property"),
        ("rule-tests", RULE_TESTS, "at: 1min", "after: 1min", "'at' is a required property"),
        ("rule-tests", RULE_TESTS, "silent:", "silence:", "'silence' was unexpected"),
        ("rule-tests", RULE_TESTS, "over: 5min", "over: 5", "[0, 'steps', 1, 'ramp', 'sump.level', 'over']"),
        ("rule-tests", RULE_TESTS, "sump.ph: sensor", "sump.ph: broken", "'broken' is not one of"),
        ("rule-tests", RULE_TESTS, "refused: needs_ack", "refused: need_ack", "[0, 'steps', 2, 'reset']"),
        ("rule-tests", RULE_TESTS, "W-1/sump: unacked", "W-1/sump: unackd", "'expect', 'W-1/sump']"),
        ("rule-tests", RULE_TESTS, "{sump: online}", "{sump: on}", "'on' is not one of"),
        ("rule-tests", RULE_TESTS, "reason: digest", "reason: digests", "[0, 'steps', 5, 'expect_notices']"),
        ("rule-tests", RULE_TESTS_WITH_A_HEAD, "tests:", "test:", "'tests' is a required property"),
        ("rule-tests", RULE_TESTS_WITH_A_HEAD, "at: 1min", "after: 1min", "'at' is a required property"),
    ],
)  # fmt: skip
def test_mistakes_are_found(kind: str, text: str, old: str, new: str, where: str) -> None:
    assert old in text
    found = faults(kind, text.replace(old, new, 1))
    assert any(where in fault for fault in found), found


WHEN = "when: {at_least: 0.10 m, deadband: 0.01 m}"
CONDITIONS = {  # of every kind one that is good, and a slip in it
    "{above: 5 cm, deadband: 1 cm, samples: 3}": ("samples: 3", "samples: 0"),
    "{point: load, above: {point: rated, factor: 1.1}}": ("factor", "faktor"),
    "{levels: [{above: 1 m}, {above: 2 m, severity: high}]}": ("severity: high", "severity: higher"),
    "{in: [fault, 3]}": ("[fault, 3]", "[[fault]]"),
    "{mask: 0x0F, expect: 3}": ("mask: 0x0F", "mask: 0"),
    "{rises_by: 5 cm, within: 10min}": ("within: 10min", "within: 10"),
    "{bad_quality: [sensor, range]}": ("sensor", "sensors"),
    "{stale: 5min}": ("5min", "5"),
    "{heartbeat: 30s}": ("30s", "often"),
    "{deviates_by: 5 cm, from: {median: 1h}}": ("median: 1h", "meridian: 1h"),
    "{flat_within: 2 mm, over: 24h, while: {is: true}}": ("over: 24h, ", ""),
    "{count: 6, of: {is: true}, within: 1h, clears_below: 3}": ("clears_below", "clear_below"),
    "{votes: 2, of: [{alarm: A, same: floor}, {point: x, is: true}], within: 60s, bad: excluded}": ("excluded", "out"),
    "{together: [{is: true}, {above: 1 m}], within: 10min, hold: 5s}": ("hold: 5s", "hold: [5s]"),
    "{sequence: [{is: true}, {above: 1 m}], after: [1s, 30s]}": ("[1s, 30s]", "[1s]"),
    "{absent: {is: true}, after: {above: 1 m}, by: 30s, sticky: true}": ("by: 30s", "bye: 30s"),
    '{schedule: {days: [mon, sun], from: "22:00", to: "06:00", holidays: never}}': ("[mon, sun]", "[monday]"),
    """{expr: 'floor_level > "5 cm"'}""": ("""'floor_level > "5 cm"'""", "5"),
    "{alarm: WA-01, same: site}": ("site", "town"),
    "{all: [{is: true}, {above: 1 m, optional: true, on_unknown: hold}]}": ("hold", "wait"),
    "{any: [{is: true}, {not: {above: 1 m}}]}": ("not:", "nor:"),
    "{n_of: 1, these: [{is: true}, {above: 1 m}]}": ("these", "those"),
}


@pytest.mark.parametrize("when", CONDITIONS)
def test_every_condition_and_a_slip_in_it(when: str) -> None:
    assert faults("rules", RULES.replace(WHEN, f"when: {when}")) == []
    old, new = CONDITIONS[when]
    assert old in when and faults("rules", RULES.replace(WHEN, f"when: {when.replace(old, new, 1)}"))


def test_no_kind_of_condition_is_left_out() -> None:
    said = {key for when in CONDITIONS for key in re.findall(r"(\w+):", when)}
    assert {kind for kind, keys in CONDITION_KEYS.items() if said.isdisjoint(keys)} == set()


@pytest.mark.parametrize(
    ("old", "new", "good"),
    [
        ("on_delay: 30s", "suppress_when: {point: pump_run, is: true}\n  realarm_after: 1h", True),
        ("on_delay: 30s", "suppress_when: {point: pump_run, iss: true}", False),
        ("on_delay: 30s", "realarm_after: 1", False),
        ("point: floor_level}", "labels: {owner: metro}, floor: B2, building: 1}", True),
        ("point: floor_level}", "labels: [metro]}", False),
        ("point: floor_level}", "level: B2}", False),
    ],
)
def test_the_other_keys_of_a_rule(old: str, new: str, good: bool) -> None:
    assert old in RULES and (faults("rules", RULES.replace(old, new)) == []) is good


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("calendar: {holidays: [2026-10-01]}", True),
        ("calendar: {holidays: [1 October]}", False),
        ("calendar: {holliday: []}", False),
        ("rules: {override: {WA-02: {devices: {water-east: {enabled: false}}}}}", True),
        ("rules: {override: [WA-02]}", False),
    ],
)
def test_what_a_site_says_of_rules_and_days(text: str, good: bool) -> None:
    site = SITE.replace("rules: {files: [rules.yaml]}\n", "")
    assert (faults("site", f"{site}{text}\n") == []) is good


@pytest.mark.parametrize(
    ("labels", "good"), [("{owner: metro, row: 3}", True), ("[metro]", False), ("{a b: x}", False)]
)
def test_labels_of_a_device(labels: str, good: bool) -> None:
    site = SITE.replace("    system: garage-water", f"    system: garage-water\n    labels: {labels}")
    assert (faults("site", site) == []) is good


@pytest.mark.parametrize("what", ['id: "${env:SITE}"', 'timezone: "${file:zone}"'])
def test_a_reference_stands_for_any_text_of_the_site(what: str) -> None:
    key = what.partition(":")[0]
    old = next(part for part in ("id: t", "timezone: Asia/Shanghai") if part.startswith(key))
    assert faults("site", SITE.replace(old, what)) == []


def test_one_value_needs_no_brackets() -> None:
    for codes in ("true_for: 1, false_for: [0, 2, 3]", "true_for: [1, 2], false_for: 0"):
        assert (
            faults("profile", PROFILE.replace("{address: 10, bit: 0}", f"{{address: 10, bits: [0, 1], {codes}}}")) == []
        )
    none = PROFILE.replace("{address: 10, bit: 0}", "{address: 10, bits: [0, 1], true_for: [], false_for: 0}")
    assert len(faults("profile", none)) == 1


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_command_prints_it(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", kind]) == 0
    assert json.loads(capsys.readouterr().out) == editor_schema(kind)


@pytest.mark.parametrize("text", [RULE_TESTS, RULE_TESTS_WITH_A_HEAD])
def test_rule_tests_with_every_word(text: str) -> None:
    assert faults("rule-tests", text) == []


def test_no_word_of_a_rule_test_is_left_out() -> None:
    steps = editor_schema("rule-tests")["$defs"]["Step"]["properties"]
    assert [key for key, said in steps.items() if not said.get("description")] == []
    said = set(re.findall(r"(\w+):", RULE_TESTS)) | {"unshelve", "out_of_service", "in_service"}
    assert set(steps) <= said


@pytest.mark.parametrize("name", ["SiteInfo", "DeviceEntry", "Module", "RuleChoice", "Place", "PartEntry"])
def test_an_editor_can_explain_every_key_of_an_entry(name: str) -> None:
    properties = editor_schema("site")["$defs"][name]["properties"]
    assert [key for key, said in properties.items() if "description" not in said and "$ref" not in said] == []
