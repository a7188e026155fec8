"""Numbers of another scale are other numbers: what of a site changes the mark by which a rule knows that."""

from __future__ import annotations

import pytest

from gateway.config.load import SiteConfig
from gateway.model import Device
from tests.config.conftest import PROFILE, SITE, Folder

CURVE = "signal: {0: 0 mA, 65535: 20 mA}, linear: {4 mA: 0 m, 20 mA: 1 m}"
OWN = SITE.replace("modules:\n  io: {profile: box, link: bus, unit: 3}\n", "").partition("devices:")[0] + (
    "devices:\n  box-1: {profile: box, system: garage-water, link: bus, unit: 3}\nrules: {files: [rules.yaml]}\n"
)


def of(config: SiteConfig, name: str = "sump") -> Device:
    return next(device for device in config.devices if device.id == name)


def measures(config: SiteConfig) -> set[str]:
    return {one.measures for one in config.bound.instances if one.rule.rule == "T-01"}


@pytest.mark.parametrize(
    ("was", "by"),
    [
        ("20 mA: 1 m}", "20 mA: 2 m}"),
        ("65535: 20 mA}", "27648: 20 mA}"),
        (CURVE, "scale: 0.001, unit: m"),
    ],
)
def test_a_line_of_the_site_is_a_mark_and_another_line_another(folder: Folder, was: str, by: str) -> None:
    before = folder.load()
    folder.write("site.yaml", SITE.replace(was, by))
    after = folder.load()
    assert of(before).made["floor_level"] != of(after).made["floor_level"]
    assert measures(before).isdisjoint(measures(after)) and len(measures(after)) == 1


def test_what_a_module_makes_of_the_number_counts_too(folder: Folder) -> None:
    before = folder.load()
    folder.write("profiles/box.yaml", PROFILE.replace("ai0: {address: 0}", "ai0: {address: 0, scale: 2}"))
    assert measures(before).isdisjoint(measures(folder.load()))


def test_what_makes_no_other_number_leaves_the_mark(folder: Folder) -> None:
    before = folder.load()
    folder.write("site.yaml", SITE.replace("unit: 3", "unit: 3, poll: 2s").replace("floor: B2", "floor: B3"))
    folder.write("profiles/box.yaml", PROFILE.replace("title: {en: Box, zh: 盒}", "title: {en: Case, zh: 箱}"))
    after = folder.load()
    assert of(before).made == of(after).made and measures(before) == measures(after)


def test_a_point_that_is_taken_as_it_comes_has_none_and_one_that_is_scaled_has(folder: Folder) -> None:
    folder.write("site.yaml", OWN)
    folder.write("rules.yaml", "[]\n")
    assert not of(folder.load(), "box-1").made.keys() & {"ai0", "ai1"}
    folder.write("profiles/box.yaml", PROFILE.replace("ai0: {address: 0}", "ai0: {address: 0, scale: 0.1}"))
    scaled = of(folder.load(), "box-1").made
    folder.write("profiles/box.yaml", PROFILE.replace("ai0: {address: 0}", "ai0: {address: 0, scale: 0.01}"))
    assert "ai0" in scaled and scaled["ai0"] != of(folder.load(), "box-1").made["ai0"]
