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


MOUNTED = PROFILE.replace(
    "vectors:",
    """\
computed:
  level: {expr: mount_height - ai0, unit: m}
  double: {expr: 2 * level, unit: m}
parameters:
  mount_height: {unit: m, default: 3 m}
vectors:""",
).replace("ai0: {address: 0}", "ai0: {address: 0, scale: 0.001, unit: m}")


def mounted(folder: Folder, *, profile: str = MOUNTED, height: str = "3 m") -> dict[str, str]:
    folder.write("profiles/box.yaml", profile)
    folder.write("site.yaml", OWN.replace("unit: 3}", f"unit: 3, parameters: {{mount_height: {height}}}}}"))
    folder.write("rules.yaml", "[]\n")
    return dict(of(folder.load(), "box-1").made)


def test_a_sensor_that_hangs_elsewhere_says_other_levels(folder: Folder) -> None:
    """The height from which a level is counted: another one is a rise that never was."""
    before, after = mounted(folder), mounted(folder, height="3.2 m")
    assert before == mounted(folder) == mounted(folder, height="300 cm")
    assert before["level"] != after["level"] and before["double"] != after["double"], "also what is made of it"
    assert before["ai0"] == after["ai0"]


@pytest.mark.parametrize(
    ("was", "by"),
    [("mount_height - ai0", "mount_height - 2 * ai0"), ("scale: 0.001", "scale: 0.002")],
    ids=["expression", "operand"],
)
def test_what_a_point_is_computed_from_is_in_its_mark(folder: Folder, was: str, by: str) -> None:
    before, after = mounted(folder), mounted(folder, profile=MOUNTED.replace(was, by))
    assert before["level"] != after["level"] and before["double"] != after["double"]


def test_a_channel_of_a_computed_point_has_it_too(folder: Folder) -> None:
    site = SITE.replace("unit: 3}", "unit: 3, parameters: {mount_height: 3 m}}").replace(
        "{from: io.ai0, signal: {0: 0 mA, 65535: 20 mA}, linear: {4 mA: 0 m, 20 mA: 1 m}}", "{from: io.level}"
    )
    folder.write("profiles/box.yaml", MOUNTED)
    folder.write("site.yaml", site)
    before = folder.load()
    folder.write("site.yaml", site.replace("mount_height: 3 m", "mount_height: 2 m"))
    assert measures(before).isdisjoint(measures(folder.load()))


SCALED = PROFILE.replace("ai0: {address: 0}", "ai0: {address: 0, scale_from: ratio}").replace(
    "  ai1:", "  ratio: {address: 4, scale: 0.1}\n  ai1:"
)


def test_what_a_point_is_multiplied_by_is_in_its_mark(folder: Folder) -> None:
    folder.write("site.yaml", OWN)
    folder.write("rules.yaml", "[]\n")
    folder.write("profiles/box.yaml", SCALED)
    before = of(folder.load(), "box-1").made["ai0"]
    folder.write("profiles/box.yaml", SCALED.replace("scale: 0.1", "scale: 0.01"))
    assert of(folder.load(), "box-1").made["ai0"] != before
