"""docs/configuration.md and the demo cannot rot: every key is explained, every example loads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from alerts.rule import Rule
from drivers.profile import ModbusProfile
from gateway.cli.main import main
from gateway.config.load import ConfigErrors, load_site
from gateway.config.schema import schema_of
from gateway.config.site import SiteFile
from gateway.config.starter import pack_names, starter

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs/configuration.md").read_text()
BLOCKS = dict(re.findall(r"```yaml\n# (\S+)\n(.*?)```", DOCS, re.DOTALL))


def keys(model: type[BaseModel]) -> Iterator[str]:
    schema = schema_of(model)
    for part in (schema, *schema.get("$defs", {}).values()):
        yield from part.get("properties", {})


@pytest.mark.parametrize("model", [SiteFile, ModbusProfile, Rule])
def test_every_key_is_explained(model: type[BaseModel]) -> None:
    found = set(keys(model))
    assert found
    text = re.sub(r"[^A-Za-z0-9_]+", " ", DOCS).split()
    assert sorted(found - set(text)) == []


def test_the_examples_are_a_good_site(tmp_path: Path) -> None:
    assert set(BLOCKS) == {"site.yaml", "profiles/acme-level.yaml", "rules.yaml"}
    (tmp_path / "profiles").mkdir()
    for name, text in BLOCKS.items():
        (tmp_path / name).write_text(text)
    site = load_site(tmp_path / "site.yaml")
    assert {device.id for device in site.devices} == {"gauge-b2", "sump-b2", "gateway"}
    watching = {(instance.rule.rule, instance.source) for instance in site.bound.instances}
    assert ("MC-01", "gauge-b2") in watching and ("WA-02", "gauge-b2") in watching


def demo() -> Path:
    return Path(str(starter())) / "demo" / "site.yaml"


def test_the_demo_is_a_good_site(capsys: pytest.CaptureFixture[str]) -> None:
    site = load_site(demo(), {"lifts": 1502, "garage": 1503})
    assert site.site.id == "riverside-1" and site.site.name == ("Riverside Court", "滨河苑")
    assert [device.id for device in site.devices] == ["lift-1", "lift-2", "water-east", "water-west", "gateway"]
    assert {link: options.endpoint for link, options in site.links.items()} == {
        "lifts": "tcp://127.0.0.1:1502",
        "garage": "tcp://127.0.0.1:1503",
    }
    assert sorted((unit.link, unit.unit, unit.name) for unit in site.units) == [
        ("garage", 3, "io-east-ai"),
        ("garage", 4, "io-east-di"),
        ("garage", 5, "io-west-ai"),
        ("garage", 6, "io-west-di"),
        ("lifts", 1, "lift-1"),
        ("lifts", 2, "lift-2"),
        ("lifts", 11, "io-lifts"),
    ]
    assert site.warnings == ()
    assert main(["check", "--site", str(demo()), "--plan"]) == 0
    assert "riverside-1 is good" in capsys.readouterr().out


def test_all_packs_load_together(tmp_path: Path) -> None:
    text = demo().read_text()
    (tmp_path / "site.yaml").write_text(re.sub(r"packs: \[.*\]", f"packs: [{', '.join(pack_names())}]", text))
    load_site(tmp_path / "site.yaml", {"lifts": 1502, "garage": 1503})


def test_the_demo_needs_its_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANLOU_PORT_LIFTS", raising=False)
    with pytest.raises(ConfigErrors, match="the port 'lifts' is not known"):
        load_site(demo())
