"""docs/configuration.md and the demo cannot rot: every key is explained, every example loads."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from alerts.condition.counting import CountSpec
from alerts.condition.spec import parse_condition
from alerts.condition.watching import DeviationSpec, FlatSpec, HeartbeatSpec, StaleSpec
from alerts.rule import Rule
from drivers.profile import ModbusProfile, MqttProfile
from gateway.cli.main import main
from gateway.config.load import ConfigErrors, load_site
from gateway.config.schema import schema_of
from gateway.config.site import SiteFile
from gateway.config.starter import pack_names, starter
from gateway.model import SECOND, Location, Text

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs/configuration.md").read_text()
BLOCKS = dict(re.findall(r"```yaml\n# (\S+)\n(.*?)```", DOCS, re.DOTALL))


def keys(model: type[BaseModel]) -> Iterator[str]:
    schema = schema_of(model)
    for part in (schema, *schema.get("$defs", {}).values()):
        yield from part.get("properties", {})


@pytest.mark.parametrize("model", [SiteFile, ModbusProfile, MqttProfile, Rule])
def test_every_key_is_explained(model: type[BaseModel]) -> None:
    found = set(keys(model))
    assert found
    text = re.sub(r"[^A-Za-z0-9_]+", " ", DOCS).split()
    assert sorted(found - set(text)) == []


def test_the_examples_are_a_good_site(tmp_path: Path) -> None:
    assert set(BLOCKS) == {"site.yaml", "profiles/acme-level.yaml", "profiles/acme-gully.yaml", "rules.yaml"}
    (tmp_path / "profiles").mkdir()
    for name, text in BLOCKS.items():
        (tmp_path / name).write_text(text)
    site = load_site(tmp_path / "site.yaml")
    assert {device.id for device in site.devices} == {"gauge-b2", "sump-b2", "ramp", "gully", "panel-1", "gateway"}
    assert site.warnings == ()
    watching = {(instance.rule.rule, instance.source) for instance in site.bound.instances}
    assert ("MC-01", "gauge-b2") in watching and ("WA-02", "gauge-b2") in watching
    assert {("WA-01", "ramp"), ("WA-01", "gully"), ("FI-01", "panel-1/L1D1"), ("GW-14", "gateway/broker")} <= watching


def test_the_other_examples_fit_into_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of a site file: each as it stands, in the site above."""
    others = re.findall(r"```yaml\n([a-z].*?)```", DOCS, re.DOTALL)
    assert [text.split(":")[0] for text in others] == ["maintenance", "notify", "historian"]
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "profiles").mkdir()
    for name, text in BLOCKS.items():
        (tmp_path / name).write_text(text)
    for name, text in {"influx": "t0ken", "duty-room": "sixteen characters"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    certificate = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    out = ["-subj", "/CN=influx", "-keyout", tmp_path / "ca.key", "-out", tmp_path / "influx-ca.pem"]
    subprocess.run([*certificate, *out], check=True, capture_output=True)
    (tmp_path / "site.yaml").write_text(BLOCKS["site.yaml"] + "".join(others))
    site = load_site(tmp_path / "site.yaml")
    assert site.historian is not None and len(site.notify) == 2
    assert site.bound.annunciation is not None and len(site.bound.annunciation.options.routes) == 2


def test_each_example_of_a_condition_is_one() -> None:
    text = "".join(re.findall(r"```yaml\n(- \{.*?)```", DOCS, re.DOTALL))
    examples = [parse_condition(each) for each in YAML(typ="safe", pure=True).load(text)]
    assert {StaleSpec, HeartbeatSpec, DeviationSpec, FlatSpec, CountSpec} <= {type(each) for each in examples}


def demo() -> Path:
    return Path(str(starter())) / "demo" / "site.yaml"


PORTS = {"lifts": 1502, "garage": 1503, "fire": 1504, "charging": 1505, "charger-east-1": 1506, "broker": 1883}


def test_the_demo_is_a_good_site(capsys: pytest.CaptureFixture[str]) -> None:
    site = load_site(demo(), PORTS)
    assert site.site.id == "riverside-1" and site.site.name == ("Riverside Court", "滨河苑")
    assert {device.id: device.system for device in site.devices} == {
        "lift-1": "elevator",
        "lift-2": "elevator",
        "water-east": "garage-water",
        "water-west": "garage-water",
        "water-ramp": "garage-water",
        "water-plant": "garage-water",
        "panel-1": "fire",
        "feeder-east": "ev-charging",
        "residual-east": "electrical-fire",
        "charger-east-1": "ev-charging",
        "charger-west-1": "ev-charging",
        "gateway": "gateway",
    }
    assert {link: options.endpoint for link, options in site.links.items()} == {
        link: f"{'mqtt' if link == 'broker' else 'tcp'}://127.0.0.1:{port}" for link, port in PORTS.items()
    }
    assert sorted((unit.link, unit.unit or 0, unit.name) for unit in site.units) == [
        ("broker", 0, "charger-west-1"),
        ("broker", 0, "swl-plant"),
        ("broker", 0, "swl-ramp"),
        ("charger-east-1", 255, "charger-east-1"),
        ("charging", 5, "feeder-east"),
        ("charging", 7, "residual-east"),
        ("fire", 1, "panel-1"),
        ("garage", 3, "io-east-ai"),
        ("garage", 4, "io-east-di"),
        ("garage", 5, "io-west-ai"),
        ("garage", 6, "io-west-di"),
        ("lifts", 1, "lift-1"),
        ("lifts", 2, "lift-2"),
        ("lifts", 11, "io-lifts"),
    ]
    assert site.warnings == ()  # a device that no rule watches would be one
    assert main(["check", "--site", str(demo()), "--plan"]) == 0
    assert "riverside-1 is good" in capsys.readouterr().out


def test_the_demo_is_watched_by_every_pack() -> None:
    site = load_site(demo(), PORTS)
    watching = {instance.rule.rule[:2] for instance in site.bound.instances}
    assert watching == {"EL", "WA", "FI", "EV", "XC", "GW"}
    detectors = {instance.source for instance in site.bound.instances if instance.rule.rule == "FI-01"}
    assert detectors == {f"panel-1/{part}" for part in ("L1D1", "L1D2", "L1D3", "L1D4", "L1M1")}


def test_the_demo_says_what_stands_where() -> None:
    site = load_site(demo(), PORTS)
    by_id = {device.id: device for device in site.devices}
    panel, west = by_id["panel-1"], by_id["charger-west-1"]
    assert panel.place("L1D3") == Location("1", "B2", "garage-east") == by_id["charger-east-1"].location
    assert panel.place("L1D1") == panel.place("L1D2") == Location("1", "3", "kitchen-3a")
    assert panel.parts["L1D1"].name == Text("Kitchen 3A", "3A厨房")
    assert (west.poll_ns, by_id["water-ramp"].poll_ns, panel.poll_ns) == (0, 120 * SECOND, 2 * SECOND)


def test_all_packs_load_together(tmp_path: Path) -> None:
    text = demo().read_text()
    (tmp_path / "site.yaml").write_text(re.sub(r"packs: \[.*\]", f"packs: [{', '.join(pack_names())}]", text))
    load_site(tmp_path / "site.yaml", PORTS)


def test_the_demo_needs_its_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANLOU_PORT_LIFTS", raising=False)
    with pytest.raises(ConfigErrors, match="the port 'lifts' is not known"):
        load_site(demo())
