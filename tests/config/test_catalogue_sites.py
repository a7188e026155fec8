"""The whole catalogue on the demo building and on sites of one system: nothing is refused, nothing is warned of."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.load import SiteConfig, load_site
from gateway.config.starter import pack_names, starter

PACKS = "[elevator, garage-water, fire, electrical-fire, ev-charging, cross-system, gateway]"
HEAD = "site: {id: one, name: {en: One, zh: 一}, timezone: Asia/Shanghai}\n"
SITES = {
    "one lift": """
links: {lift: {modbus: "tcp://10.0.0.1:502"}}
devices: {lift-1: {profile: inovance-nice3000-plus, link: lift, unit: 1, at: {building: 1}}}
""",
    "one sump": """
links: {pit: {modbus: "tcp://10.0.0.1:502"}}
modules:
  ai: {profile: advantech-adam-6024, link: pit, unit: 3}
  di: {profile: advantech-adam-4100, link: pit, unit: 4}
devices:
  sump:
    system: garage-water
    points:
      floor_level: {from: ai.ai0, signal: {0: 0 mA, 65535: 20 mA}, linear: {4 mA: 0 m, 20 mA: 1 m}}
      sump_level: {from: ai.ai1, signal: {0: 0 mA, 65535: 20 mA}, linear: {4 mA: 0 m, 20 mA: 5 m}}
      high_high_float: {from: di.di4}
      pump-1/pump_run: {from: di.di0}
      pump-1/pump_fault: {from: di.di1}
""",
    "one panel": """
links: {fire: {modbus: "tcp://10.0.0.1:502"}}
devices:
  panel-1:
    profile: notifier-modbus-gw
    link: fire
    unit: 1
    parts: {L1D1: {at: {zone: hall}}, L1D2: {at: {zone: hall}}}
""",
    "one charger": """
links: {charger: {modbus: "tcp://10.0.0.1:502"}}
devices: {charger-1: {profile: keba-p30, link: charger, unit: 255}}
""",
    "one charger without a place and one leak sensor": """
links: {charger: {modbus: "tcp://10.0.0.1:502"}, pit: {modbus: "tcp://10.0.0.2:502"}}
modules: {di: {profile: advantech-adam-4100, link: pit, unit: 4}}
devices:
  charger-1: {profile: keba-p30, link: charger, unit: 255}
  leak-1: {system: garage-water, points: {leak: {from: di.di0}}}
""",
}


def loaded(folder: Path, text: str) -> SiteConfig:
    path = folder / "site.yaml"
    path.write_text(f"{HEAD}{text}rules: {{packs: {PACKS}}}\n", "utf-8")
    return load_site(path)


def test_the_packs_named_here_are_all_that_there_are() -> None:
    assert set(PACKS.strip("[]").split(", ")) == set(pack_names())


def test_the_demo_building_loads_without_a_warning() -> None:
    names = ("lifts", "garage", "fire", "charging", "charger-east-1", "broker")
    site = load_site(starter() / "demo" / "site.yaml", {name: 20_000 + at for at, name in enumerate(names)})
    assert site.warnings == ()
    assert {"EL-10", "WA-06", "FI-02", "XC-02", "XC-04", "XC-06", "GW-22"} <= {
        each.rule.rule for each in site.bound.instances
    }


@pytest.mark.parametrize("text", SITES.values(), ids=SITES)
def test_a_site_of_one_system_loads_without_a_warning(text: str, tmp_path: Path) -> None:
    site = loaded(tmp_path, text)
    assert site.warnings == ()
    assert site.bound.problems == ()


@pytest.mark.parametrize(
    ("name", "watched"),
    [
        ("one lift", {"EL-01", "EL-06", "EL-08", "EL-10", "EL-15"}),
        ("one sump", {"WA-01", "WA-06", "WA-08", "WA-10", "WA-11", "WA-13"}),
        ("one panel", {"FI-01", "FI-02", "FI-09"}),
        ("one charger", {"EV-01", "EV-05", "EV-12"}),
        ("one charger without a place and one leak sensor", {"WA-14", "EV-05"}),
    ],
)
def test_what_is_watched_there(name: str, watched: set[str], tmp_path: Path) -> None:
    found = {each.rule.rule for each in loaded(tmp_path, SITES[name]).bound.instances}
    assert watched <= found
    assert {rule for rule in found if rule.startswith("XC")} == {"XC-09"}, "the gateway's own links; no other system"
