"""The schemas for editors, judged by a validator that is not ours: what we ship is good, mistakes are found."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gateway.cli.main import main
from gateway.config.editor_schema import SCHEMAS, editor_schema
from gateway.config.parse import parse
from gateway.config.source import Source
from tests.config.conftest import PROFILE, RULES, SITE
from tests.config.test_docs import BLOCKS

ROOT = Path(__file__).resolve().parents[1]
KINDS = {
    "site": ["config/demo/site.yaml", "tests/cases/*/site.yaml"],
    "profile": ["drivers/profiles/*.yaml", "tests/cases/*/profiles/*.yaml"],
    "rules": ["config/rules/*.yaml"],
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


def test_the_small_site_of_the_tests_is_good() -> None:
    assert faults("site", SITE) == faults("profile", PROFILE) == faults("rules", RULES) == []


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
    ],
)  # fmt: skip
def test_mistakes_are_found(kind: str, text: str, old: str, new: str, where: str) -> None:
    assert old in text
    found = faults(kind, text.replace(old, new, 1))
    assert any(where in fault for fault in found), found


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


@pytest.mark.parametrize("name", ["SiteInfo", "DeviceEntry", "Module", "RuleChoice", "Place", "PartEntry"])
def test_an_editor_can_explain_every_key_of_an_entry(name: str) -> None:
    properties = editor_schema("site")["$defs"][name]["properties"]
    assert [key for key, said in properties.items() if "description" not in said and "$ref" not in said] == []
