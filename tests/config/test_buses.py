"""Who is read when, over which link: periods, further units, what rules need first, and buses that cannot fit."""

from __future__ import annotations

import pytest

from drivers.modbus import budget
from gateway.model import SECOND
from tests.config.conftest import Folder

METER = """\
profile: meter
title: {en: Meter, zh: 电表}
source: [{ref: test, verified: memory}]
modbus: {table: input, type: uint16}
points:
  power: {address: 0}
  energy_total: {address: 2}
vectors: [{registers: {0: 7, 2: 7}, expect: {power: 7}}]
"""
DEVICE = "  meter-1: {profile: meter, system: ev-charging, link: bus, unit: 9}\n"


@pytest.fixture
def site(folder: Folder) -> Folder:
    folder.write("profiles/meter.yaml", METER)
    folder.change(("rules: {", f"{DEVICE}rules: {{"))
    return folder


def said(site: Folder, keys: str) -> None:
    site.change(("link: bus, unit: 9}", f"link: bus, unit: 9, {keys}}}"))


def test_points_may_be_read_less_often(site: Folder) -> None:
    said(site, "every: {energy_total: 1min}")
    config = site.load()
    meter = next(device for device in config.devices if device.id == "meter-1")
    assert (meter.poll_ns, dict(meter.periods)) == (SECOND, {"energy_total": 60 * SECOND})
    paces = {unit.spec.name: unit.paces for unit in config.assignments["bus"].units}["meter-1"]
    assert [(pace.period_ns, pace.keys) for pace in paces] == [
        (SECOND, ("power",)),
        (60 * SECOND, ("energy_total",)),
    ]


def test_a_channel_is_as_slow_as_its_modules_point(site: Folder) -> None:
    site.change(("link: bus, unit: 3}", "link: bus, unit: 3, every: {di0: 10s}}"))
    sump = site.load().devices[0]
    assert (sump.poll_ns, dict(sump.periods)) == (SECOND, {"pump-1/pump_run": 10 * SECOND})


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("every: {enrgy_total: 1min}", "14:78: unknown point of meter 'enrgy_total'; did you mean 'energy_total'?"),
        ("poll: 5s, every: {energy_total: 1s}", "14:102: a point cannot be read more often than its device is polled,"
         " each 5s; give the device a shorter `poll`, and the other points this period"),
        ("every: {energy_total: 2d}", "14:92: must lie within 100ms … 1d"),
        ("units: {station: 200}", "14:78: the profile 'meter' has no further units: `unit` is the only number"),
        ("units: {station: 256}", "14:87: must lie within 1 … 255, got 256"),
        ("unit: 3", "14:70: the key 'unit' stands here twice; first in line 14"),
    ],
)  # fmt: skip
def test_what_an_entry_says_of_its_reading(site: Folder, keys: str, told: str) -> None:
    said(site, keys)
    assert site.problems() == [f"site.yaml:{told}"]


def test_what_is_said_of_a_device_that_is_not_read_has_no_use(folder: Folder) -> None:
    folder.change(
        ("    at: {building: 1", "    every: {floor_level: 1min}\n    word_order: little\n    at: {building: 1")
    )
    assert folder.problems() == [
        "site.yaml:10:5: without a `profile` nothing is read from this device, so `every` has no use",
        "site.yaml:11:5: without a `profile` nothing is read from this device, so `word_order` has no use",
    ]


def test_rules_say_what_comes_first(site: Folder) -> None:
    """What a rule reads of a module through a device's channel; what nobody asks about can wait."""
    units = {unit.name: unit.urgent for unit in site.load().units}
    assert units == {"io": {"ai0"}, "meter-1": frozenset()}
    other = ("point: floor_level", "point: power"), ("garage-water", "ev-charging"), ("0.10 m, deadband: 0.01 m", "5")
    site.change(*other, file="rules.yaml")
    config = site.load()
    assert {unit.name: unit.urgent for unit in config.units} == {"io": frozenset(), "meter-1": {"power"}}
    assert {unit.spec.name: [pace.urgent for pace in unit.paces] for unit in config.assignments["bus"].units} == {
        "io": [False],
        "meter-1": [True],
    }


def test_what_a_rule_reads_of_a_part_comes_first_too(site: Folder) -> None:
    part = ("point: floor_level", "point: pump_run"), ("{at_least: 0.10 m, deadband: 0.01 m}", "{is: true}")
    site.change(*part, file="rules.yaml")
    assert {unit.name: unit.urgent for unit in site.load().units} == {"io": {"di0"}, "meter-1": frozenset()}


def test_the_quick_points_of_a_unit_may_be_for_rules_and_the_slow_ones_not(site: Folder) -> None:
    said(site, "every: {energy_total: 1min}")
    other = ("point: floor_level", "point: power"), ("garage-water", "ev-charging"), ("0.10 m, deadband: 0.01 m", "5")
    site.change(*other, file="rules.yaml")
    paces = {unit.spec.name: unit.paces for unit in site.load().assignments["bus"].units}["meter-1"]
    assert [(pace.keys, pace.urgent) for pace in paces] == [(("power",), True), (("energy_total",), False)]


def test_a_bus_that_cannot_fit_is_refused_with_its_arithmetic(site: Folder) -> None:
    site.change(('"tcp://10.0.0.7:502"', '"rtu:///dev/ttyUSB0?baud=1200", assumed_rtt: 300ms'))
    needed = (
        "site.yaml:4:3: this 1,200-baud bus needs 1.1 s for what is due each 1s: 2 requests of 2 units, 300ms for each"
        " answer; poll io each 3s"
    )
    assert site.problems() == [f"{needed}, or say `allow_overrun: true`"]
    site.change(("assumed_rtt: 300ms", "assumed_rtt: 300ms, allow_overrun: true"))
    assert site.problems() == []
    assert needed in site.warnings()


def test_what_is_only_assumed_of_a_network_port_refuses_nothing(site: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "NETWORK_ANSWER", 600 * SECOND // 1000)
    assert site.problems() == []
    assert any("needs 1.2 s for what is due each 1s" in line for line in site.warnings())
    site.change(('"tcp://10.0.0.7:502"', '"tcp://10.0.0.7:502", assumed_rtt: 600ms'))
    assert any("or say `allow_overrun: true`" in line for line in site.problems())


def test_a_nearly_full_bus_is_a_warning(site: Folder) -> None:
    site.change(('"tcp://10.0.0.7:502"', '"tcp://10.0.0.7:502", assumed_rtt: 400ms'))
    assert any("little is left for repeats" in line and ":4:3:" in line for line in site.warnings())
