"""A rule that asks for another pack's alarm: the site is told which pack to add, and adding it is harmless."""

from __future__ import annotations

import pytest

from gateway.config.load import ConfigErrors, load_site
from gateway.config.rules import pack_to_add
from tests.config.conftest import Folder

SITE = """\
site: {id: s, name: {en: S, zh: 小}, timezone: Asia/Shanghai}
links: {l: {modbus: "tcp://127.0.0.1:1502"}}
devices: {lift: {profile: inovance-nice3000-plus, system: elevator, link: l, unit: 1}}
rules: {packs: [PACKS]}
"""


def test_the_pack_that_is_missing_is_named(folder: Folder) -> None:
    with pytest.raises(ConfigErrors) as caught:
        load_site(folder.write("site.yaml", SITE.replace("PACKS", "elevator, cross-system, garage-water")))
    told = str(caught.value)
    assert "XC-03" in told and "there is no rule 'FI-01'" in told
    assert "it is in the pack 'fire': add that to `rules: packs`" in told


def test_with_it_a_site_without_panel_water_and_charger_is_good(folder: Folder) -> None:
    site = load_site(
        folder.write("site.yaml", SITE.replace("PACKS", "elevator, cross-system, garage-water, fire, ev-charging"))
    )
    assert {instance.device.id for instance in site.bound.instances} - {"gateway"} == {"lift"}
    assert {"XC-01", "XC-03"} <= {unbound.rule for unbound in site.unbound if unbound.source is None}


def test_a_rule_of_no_pack_names_none() -> None:
    assert pack_to_add("FI-0") == pack_to_add("NO-01") == ""
    assert "'gateway'" in pack_to_add("GW-01")
