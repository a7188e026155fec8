"""What a site says of one device that its profile leaves open: checked against the profile, at its own place."""

from __future__ import annotations

import pytest

from gateway.model import SECOND
from tests.config.conftest import Folder

HEAD = "title: {en: X, zh: 某}\nsource: [{ref: test, verified: memory}]\n"
GAUGE = f"""\
profile: gauge
{HEAD}system: garage-water
modbus: {{table: input, type: uint32, limits: {{min_period: 5s, max_period: 30s}}}}
parameters:
  mount_height: {{unit: m, range: [0, 20]}}
points:
  distance: {{address: 0, scale: 0.001, unit: m, range: [0, 30]}}
computed:
  floor_level: {{expr: "mount_height - distance", unit: m, range: [0, 20]}}
variants:
  - {{variant: short, points: {{distance: {{scale: 0.0001}}}}}}
variants_else: base
vectors:
  - {{parameters: {{mount_height: 3 m}}, registers: {{0: [0, 1000]}}, expect: {{distance: 1, floor_level: 2}}}}
"""
STATION = f"""\
profile: station
{HEAD}system: ev-charging
modbus: {{type: uint16, units: {{grid: 200}}}}
points:
  power: {{address: 0, at_unit: grid, unit: W}}
  voltage: {{address: 1, at_unit: grid, unit: V}}
parts:
  - id: "S{{socket}}"
    over: {{socket: [1, 2]}}
    address: {{start: 10}}
    unit: {{start: 1, socket: 1}}
    points: {{current: {{unit: A}}}}
vectors: [{{units: {{grid: {{registers: {{0: 7}}}}}}, expect: {{power: 7}}}}]
"""
STATIONS = "  s1: {profile: station, link: bus, unit: 20, parts: {S1: {}, S2: {}}}\n"


@pytest.fixture
def site(folder: Folder) -> Folder:
    folder.write("profiles/gauge.yaml", GAUGE)
    folder.write("profiles/station.yaml", STATION)
    folder.change(
        ("rules: {", "  g: {profile: gauge, link: bus, unit: 9, parameters: {mount_height: 3.2 m}}\nrules: {")
    )
    return folder


def test_the_site_is_good_and_the_period_is_what_the_profile_asks_for(site: Folder) -> None:
    config = site.load()
    gauge = next(device for device in config.devices if device.id == "g")
    assert gauge.poll_ns == 5 * SECOND
    assert [(point.key, point.unit) for point in gauge.points[:2]] == [("distance", "m"), ("floor_level", "m")]


def test_an_adjusted_point_keeps_its_name_and_may_change_its_unit(site: Folder) -> None:
    site.change(
        ("rules: {", STATIONS.replace("parts:", "adjust: {power: {scale: 0.001, unit: kW}}, parts:") + "rules: {")
    )
    station = next(device for device in site.load().devices if device.id == "s1")
    assert [(point.key, point.unit) for point in station.points[:2]] == [("power", "kW"), ("voltage", "V")]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (", parameters: {mount_height: 3.2 m}", "",
         "14:3: gauge needs mount_height of each device, such as parameters: {mount_height: 1 m}"),
        ("mount_height: 3.2", "mount_hight: 3.2",
         "14:56: gauge has no parameter 'mount_hight'; did you mean 'mount_height'?"),
        ("3.2 m", "32 m", "14:56: must lie within 0 … 20 m"),
        ("3.2 m", "3.2 A", "14:56: 'A' measures current, but 'm' measures length"),
        ("parameters", "variant: long, parameters", "14:52: gauge has no variant 'long'; its variants are short"),
        ("parameters", "adjust: {distanse: {scale: 1}}, parameters",
         "14:52: gauge has no point 'distanse'; did you mean 'distance'?"),
        ("parameters", "adjust: {distance: {address: 5}}, parameters",
         "14:63: that is the same on every device of the type; what may differ is "),
        ("parameters", "poll: 1s, parameters",
         "14:49: gauge must not be polled more often than each 5s (`min_period` of its profile)"),
        ("parameters", "poll: 31s, parameters",
         "14:49: gauge takes a silence of more than 30s for a lost master (`max_period` of its profile): poll it"),
        ("parameters", "word_order: middle, parameters", "14:55: one of big, little is expected"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_at_its_place(site: Folder, old: str, new: str, told: str) -> None:
    site.change((old, new))
    (problem,) = site.problems()
    assert problem.startswith(f"site.yaml:{told}"), problem


def test_the_order_of_words_is_a_setting_of_the_device(site: Folder) -> None:
    def cell() -> object:
        return next(unit for unit in site.load().units if unit.name == "g").profile.readings["distance"]

    as_delivered = repr(cell())
    site.change(("parameters: {m", "word_order: little, parameters: {m"))
    assert repr(cell()) != as_delivered
    site.change(("word_order: little", "word_order: big"))
    assert repr(cell()) == as_delivered


def test_a_device_of_several_units(site: Folder) -> None:
    site.change(("rules: {", f"{STATIONS}rules: {{"))
    config = site.load()
    assert sorted(unit.unit or 0 for unit in config.assignments["bus"].units if unit.spec.name == "s1") == [1, 2, 200]
    site.change(("unit: 20, ", "unit: 20, units: {grid: 21}, "))
    (spec,) = [unit for unit in site.load().units if unit.name == "s1"]
    assert dict(spec.units) == {"grid": 21}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("  s2: {profile: station, link: bus, unit: 200}", "16:43: unit 200 of link 'bus' is taken by line 15;"),
        ("  s2: {profile: station, link: bus, unit: 30}", "16:3: unit 200 of link 'bus' is taken by line 15;"),
        ("  s2: {profile: station, link: bus, unit: 30, units: {grid: 9}}", "16:61: unit 9 of link 'bus' is taken by"),
        ("  s2: {profile: station, link: bus, unit: 30, units: {grid: 31}, parts: {S1: {}}}",
         "16:74: unit 1 of link 'bus' is taken by line 15;"),
        ("  s2: {profile: station, link: bus, unit: 2, units: {grid: 31}}", "16:43: unit 2 of link 'bus' is taken by"),
        ("  s2: {profile: station, link: bus, unit: 30, units: {grid: 1}, parts: {S1: {}}}",
         "16:61: unit 1 of link 'bus' is taken by line 15;"),
        ("  s2: {profile: station, link: bus, unit: 30, units: {gird: 31}}",
         "16:55: unknown unit of station 'gird'; did you mean 'grid'?"),
    ],
)  # fmt: skip
def test_every_number_of_a_link_belongs_to_one_entry(site: Folder, line: str, told: str) -> None:
    site.change(("rules: {", f"{STATIONS}{line}\nrules: {{"))
    (problem,) = site.problems()
    assert problem.startswith(f"site.yaml:{told}"), problem


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("  di1: {address: 10, bit: 1}", "  di1: {address: 10, bits: [0, 3]}", "9:28: bit 0 of this register "),
        ("  ai1: {address: 1}", "  ai1: {address: 0, type: uint32}", "7:18: 'ai1' (registers 0…1) overlaps 'ai0'"),
    ],
)
def test_a_profile_that_overlaps_itself_is_told_with_its_line(folder: Folder, old: str, new: str, told: str) -> None:
    folder.change((old, new), file="profiles/box.yaml")
    assert folder.problems()[0].startswith(f"profiles/box.yaml:{told}"), folder.problems()
