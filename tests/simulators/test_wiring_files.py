"""Wiring and scenario files: what is wrong in them is said with file, line and the nearest right word."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulators.actions import ACTIONS, LinkFaults, Refusing
from simulators.entry import SourceError
from simulators.faults import Fault, FaultKind
from simulators.mqtt_device import MqttFault, MqttFaultKind
from simulators.mqtt_link import DeviceFaults, DeviceLink, DevicePower
from simulators.scenario import Scenario, load_scenario
from simulators.wiring import (
    AnalogueModule,
    ChargingStation,
    DigitalModule,
    FeederMeter,
    FirePanel,
    LiftController,
    OpenEvse,
    ResidualRelay,
    SubmersibleLevel,
    Wiring,
    load_wiring,
)
from tests.simulators.raw import DEMO

WIRING = """\
lifts: {lift-1: {floors: 10, ground: 2, rated_speed: 1 m/s}}
garages: {pit: {pump: 36 m³/h, pit_level: 0.5 m}}
links:
  a:
    max_connections: 2
    units:
      1: {kind: nice3000, lift: lift-1}
      2: {kind: adam-6024, ai: {0: {reads: pit.floor_level, at_4_mA: 0 m, at_20_mA: 1 m}}}
      3: {kind: adam-4100, di: {0: pit.pump_1_run, 7: lift-1.door_zone}}
"""
MORE = """\
lifts: {lift-1: {floors: 10, ground: 2}}
garages: {pit: {}}
gullies: {ramp: {catchment: 500 m², drain: 100 m³/h}, plant: {floor_area: 15 m², pipe: 12 m³/h}}
chargers: {ev-1: {zone: pit, phases: 1, limit: 16 A}}
feeders: {main: {zone: pit, base_load: 500 W}}
panels: {panel: {L1D1: {zone: kitchen}, L1D2: {zone: kitchen, away: 90s}, L10M159: {zone: pit}}}
links:
  a:
    units:
      1: {kind: nice3000, lift: lift-1}
      2: {kind: adam-6024, ai: {0: {reads: ramp.floor_level, at_4_mA: 0 m, at_20_mA: 1 m}}}
      3: {kind: notifier-gw, panel: panel, not_programmed: "0xFFFF"}
      5: {kind: sdm630, feeder: main}
      7: {kind: acrel-asj, feeder: main, set: 500 mA, warn_at: 60 %}
      255: {kind: keba-p30, charger: ev-1}
  b:
    devices:
      west: {kind: openevse, charger: ev-1, base: openevse-1, announce: a1}
      swl: {kind: em500-swl, reads: plant.floor_level, application: a, dev_eui: 24e124454d083401, every: 30s, start: 7s}
"""
SCENARIO = """\
title: {en: t, zh: t}
seed: 1
length: 10min
timeline:
  - {at: 0s, do: {rain: 5 mm/h}}
  - {at: 1.5min, do: {rain: 0 mm/h}}
"""


def wired(tmp_path: Path, text: str = WIRING) -> Wiring:
    path = tmp_path / "simulation.yaml"
    path.write_text(text, encoding="utf-8")
    return load_wiring(path)


def scenario(tmp_path: Path, text: str = SCENARIO) -> Scenario:
    path = tmp_path / "play.yaml"
    path.write_text(text, encoding="utf-8")
    return load_scenario(path, wired(tmp_path))


def test_a_wiring_file(tmp_path: Path) -> None:
    wiring = wired(tmp_path)
    assert wiring.building.lifts["lift-1"].shape.floors == 10
    assert wiring.building.lifts["lift-1"].floor == 2
    assert wiring.building.garages["pit"].shape.pump == pytest.approx(0.01)
    assert wiring.building.garages["pit"].sump_level == 0.5
    link = wiring.links["a"]
    assert link.max_connections == 2
    assert [type(unit) for unit in link.units.values()] == [LiftController, AnalogueModule, DigitalModule]
    assert wiring.loops == {"a.2.ai0"}
    assert wiring.units == {"a.1", "a.2", "a.3"}


def test_the_demo_is_wired_as_agreed() -> None:
    wiring = load_wiring(DEMO / "simulation.yaml")
    assert {link: sorted(wired.units) for link, wired in wiring.links.items()} == {
        "lifts": [1, 2, 11],
        "garage": [3, 4, 5, 6],
        "fire": [1],
        "charging": [5, 7],
        "charger-east-1": [255],
        "broker": [],
    }
    assert list(wiring.devices) == ["broker.charger-west-1", "broker.swl-ramp", "broker.swl-plant"]
    loops = {f"garage.{unit}.ai{channel}" for unit in (3, 5) for channel in (0, 1)}
    assert wiring.loops == loops | {"charging.7.ct"}


def test_a_wiring_file_of_the_other_systems(tmp_path: Path) -> None:
    wiring = wired(tmp_path, MORE)
    building = wiring.building
    assert building.gullies["ramp"].shape.drain == pytest.approx(100 / 3600)
    assert building.gullies["plant"].shape.catchment_m2 == 0
    assert (building.chargers["ev-1"].shape.phases, building.chargers["ev-1"].shape.limit) == (1, 16.0)
    assert building.feeders["main"].shape.base_load == 500
    assert building.panels["panel"].zones == ("kitchen",)
    assert building.panels["panel"].detectors["L1D2"].away == 90
    units = wiring.links["a"].units
    assert units[3] == FirePanel("panel", marks_absent=True)
    assert units[5] == FeederMeter("main")
    assert units[7] == ResidualRelay("main", 500, 60)
    assert units[255] == ChargingStation("ev-1")
    assert wiring.devices == {
        "b.west": OpenEvse("ev-1", "openevse-1", "a1"),
        "b.swl": SubmersibleLevel("plant", "floor_level", "a", "24e124454d083401", 30, 7),
    }
    assert wiring.loops == {"a.2.ai0", "a.7.ct"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("zone: pit, phases: 1", "zone: pot, phases: 1", "chargers.ev-1.zone: 'pot' is not known; did you mean pit?"),
        ("phases: 1", "phases: 2", "a charger has one phase or three"),
        ("16 A", "16", "a number of A within 6…63"),
        ("ev-1: {zone", "ramp: {zone", "chargers.ramp: a gully has this name already"),
        ("L1D2:", "L1X2:", "panels.panel.L1X2: points are called L1D1 … L10M159"),
        ("L1D2:", "L1D160:", "points are called"),
        ("L10M159: {zone: pit}", "L10M159: {zone: pit, away: 3s}", "unknown key"),
        ("panel: panel,", "panel: panels,", "did you mean panel?"),
        ('"0xFFFF"', "never", "'never' is not known"),
        ("set: 500 mA", "set: 5 mA", "within 30…30000"),
        ("feeder: main}", "feeder: man}", "did you mean main?"),
        ("      255:", "      254:", "a unit's number lies within 1…247, or is 255"),
        ("  b:\n", "  b:\n    units: {}\n", "links.b: a link has units (Modbus) or devices (MQTT), not both"),
        ("base: openevse-1", "base: openevse/#", "no wildcards"),
        ("announce: a1", "announce: /a1", "no slash at its ends"),
        ("24e124454d083401", "24E124454D083401", "an EUI has 16 digits"),
        ("every: 30s", "every: 0.5s", "whole seconds, at least 1"),
        ("reads: plant.floor_level", "reads: plant.flor_level", "did you mean plant.floor_level?"),
        ("kind: em500-swl", "kind: em500-swk", "did you mean em500-swl?"),
        ("kind: openevse", "kind: em500-swl", "links.b.devices.west.charger: unknown key"),
    ],
)
def test_wiring_errors_of_the_other_systems(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in MORE
    with pytest.raises(SourceError) as error:
        wired(tmp_path, MORE.replace(old, new))
    assert message in str(error.value)
    assert str(error.value).startswith("simulation.yaml:")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("links:", "link:", "simulation.yaml:3: link: unknown key, did you mean links?"),
        ("floors: 10, ", "", "simulation.yaml:1: lifts.lift-1: floors is missing"),
        ("floors: 10", "floors: ten", "a whole number within 2…96 is expected, got 'ten'"),
        ("floors: 10", "floors: true", "a whole number"),
        ("ground: 2", "ground: 11", "the lift has 10 floors"),
        ("1 m/s", "1", "a number of m/s within 0.25…10 is expected"),
        ("1 m/s", "1 km/h", "a number of m/s"),
        ("1 m/s", "99 m/s", "a number of m/s"),
        ("pit_level: 0.5 m", "pit_level: 4.5 m", "simulation.yaml:2: garages.pit.pit_level: a number of m within 0…4"),
        ("{pit: {", "{lift-1: {", "a lift has this name already"),
        ("max_connections: 2", "max_connections: 0", "simulation.yaml:5: links.a.max_connections"),
        ("max_connections: 2", "serial: {baud: 3}", "simulation.yaml:5: links.a.serial.baud"),
        ("      1: {kind", "      0: {kind", "simulation.yaml:7: links.a.units.0: a unit's number lies within 1…247"),
        ("      1: {kind", "      248: {kind", "1…247"),
        ("      1: {kind", "      x: {kind", "1…247"),
        ("      1: {kind", "      2: {kind", "simulation.yaml:8: found duplicate key"),
        ("kind: nice3000", "kind: nice300", "'nice300' is not known; did you mean nice3000?"),
        ("lift: lift-1}", "lift: lift-2}", "'lift-2' is not known; did you mean lift-1?"),
        ("lift: lift-1}", "lift: lift-1, di: {}}", "unknown key"),
        ("{0: {reads", "{6: {reads", "channels are numbered 0…5"),
        ("7: lift-1.door_zone", "8: lift-1.door_zone", "channels are numbered 0…7"),
        ("pit.floor_level", "pit.flor_level", "did you mean pit.floor_level?"),
        ("at_20_mA: 1 m", "at_20_mA: 0 m", "the span is empty"),
        ("pit.pump_1_run", "pit.pump_3_run", "simulation.yaml:9: links.a.units.3.di.0: 'pit.pump_3_run' is not known"),
        ("lifts: {lift-1: {floors: 10, ground: 2, rated_speed: 1 m/s}}", "lifts: []", "a mapping is expected"),
        ("lifts: {", "lifts: {{", "simulation.yaml:2: expected ',' or '}'"),
    ],
)
def test_wiring_errors(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in WIRING
    with pytest.raises(SourceError) as error:
        wired(tmp_path, WIRING.replace(old, new))
    assert message in str(error.value)
    assert str(error.value).startswith("simulation.yaml:")


def test_a_scenario_file(tmp_path: Path) -> None:
    play = scenario(tmp_path)
    assert (play.name, play.seed, play.length) == ("play", 1, 600.0)
    assert [event.at for event in play.timeline] == [0.0, 90.0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed: 1\n", "", "play.yaml:1: seed is missing"),
        ("seed: 1", "seed: -1", "play.yaml:2: seed: a whole number"),
        ("{en: t, zh: t}", "{en: t}", "play.yaml:1: title: zh is missing"),
        ("{en: t, zh: t}", "{en: t, zh: ''}", "a text is expected"),
        ("length: 10min", "length: 10", "play.yaml:3: length: a duration such as 30s or 5min"),
        ("length: 10min", "length: 25h", "at most 24h"),
        ("at: 0s", "at: 2min", "play.yaml:6: timeline.1.at: the timeline goes back in time"),
        ("at: 1.5min", "at: 11min", "after the scenario's end"),
        ("at: 0s", "at: -1s", "a duration"),
        ("{rain: 5 mm/h}", "{rian: 5 mm/h}", "play.yaml:5: timeline.0.do: 'rian' is not known; did you mean rain?"),
        ("{rain: 5 mm/h}", "{rain: 5 mm/h, trip: pit.pump-1}", "exactly one key"),
        ("{rain: 5 mm/h}", "{rain: 900 mm/h}", "0…500"),
        ("{rain: 5 mm/h}", "{trip: pit.pump-3}", "did you mean pit.pump-2?"),
        ("{rain: 5 mm/h}", "{open_loop: a.2.ai1}", "did you mean a.2.ai0?"),
        ("{rain: 5 mm/h}", "{strand: lift-9}", "did you mean lift-1?"),
        ("{rain: 5 mm/h}", "{travel: {lift: lift-1, from: 2, to: 11, people: 1}}", "within 1…10"),
        ("{rain: 5 mm/h}", "{travel: {lift: lift-1, from: 2, to: 2, people: 1}}", "they are there already"),
        ("{rain: 5 mm/h}", "{mode: {lift: lift-1, is: auto}}", "'auto' is not known"),
        ("{rain: 5 mm/h}", "{fault: {of: a.9, kind: silent}}", "'a.9' is not known"),
        ("{rain: 5 mm/h}", "{fault: {of: a.1, kind: slient}}", "did you mean silent?"),
        ("{rain: 5 mm/h}", "{fault: {of: a.1, kind: silent, probability: 2}}", "a number within 0…1"),
        ("{rain: 5 mm/h}", "{fault: {of: a.1, kind: exception, code: 300}}", "the code of exception lies within 0…255"),
        ("{rain: 5 mm/h}", "{refuse: b}", "'b' is not known"),
        ("timeline:", "begin: {pit: {floor: 1 m}}\ntimeline:", "did you mean floor_level?"),
        ("timeline:", "begin: {pot: {floor_level: 1 m}}\ntimeline:", "did you mean pit?"),
    ],
)
def test_scenario_errors(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SCENARIO
    with pytest.raises(SourceError) as error:
        scenario(tmp_path, SCENARIO.replace(old, new))
    assert message in str(error.value)
    assert str(error.value).startswith("play.yaml:")


EV, ZONE, PANEL, POINT, VALVE, DEVICE = "ev-1", "kitchen", "panel", "panel.L1D1", "panel.L10M159", "b.swl"
WORDS = {
    "rain": "5 mm/h",
    "trip": "pit.pump-1",
    "reset": "pit.pump-1",
    "clog": "pit",
    "unclog": "pit",
    "burst": "plant",
    "mend": "plant",
    "open_loop": "a.2.ai0",
    "close_loop": "a.2.ai0",
    "travel": "{lift: lift-1, from: 1, to: 9, people: 2}",
    "mode": "{lift: lift-1, is: inspection}",
    "plug_in": "{charger: ev-1, current: 16 A, energy: 20 kWh}",
    "bad_contact": "{charger: ev-1, times: 8}",
    **dict.fromkeys(["unplug", "stop_session", "good_contact", "stick_relay", "free_relay"], EV),
    **dict.fromkeys(["ignite", "extinguish"], ZONE),
    **dict.fromkeys(["reset_panel", "lose_panel", "return_panel"], PANEL),
    **dict.fromkeys(["disable_point", "enable_point", "lose_point", "return_point"], POINT),
    **dict.fromkeys(["shut_valve", "open_valve"], VALVE),
    "fault": "{of: a.1, kind: late, seconds: 3, probability: 0.5, lasts: 10s}",
    "heal": "a",
    "refuse": "a",
    "admit": "a",
    **dict.fromkeys(["silence", "speak", "cut_link", "join_link", "power_off", "power_on"], DEVICE),
}
ON_THE_WIRE = {
    "fault": LinkFaults("a", 1, (Fault(FaultKind.LATE, probability=0.5, end=10.0, seconds=3.0),)),
    "heal": LinkFaults("a", None, ()),
    "refuse": Refusing("a", True),
    "admit": Refusing("a", False),
    "silence": DeviceFaults("b", "swl", (MqttFault(MqttFaultKind.SILENT),)),
    "speak": DeviceFaults("b", "swl", ()),
    "cut_link": DeviceLink("b", "swl", cut=True),
    "join_link": DeviceLink("b", "swl", cut=False),
    "power_off": DevicePower("b", "swl", on=False),
    "power_on": DevicePower("b", "swl", on=True),
}
UNDOING = {
    *("reset", "unclog", "mend", "close_loop", "restore_mains", "free_door", "hall_fire_over", "rescue"),
    *("unplug", "good_contact", "free_relay", "extinguish", "reset_panel", "return_panel"),
    *("enable_point", "return_point", "open_valve"),
}


def one_action(tmp_path: Path, text: str) -> Scenario:
    path = tmp_path / "play.yaml"
    path.write_text(SCENARIO.replace("{rain: 5 mm/h}", text), encoding="utf-8")
    return load_scenario(path, wired(tmp_path, MORE))


@pytest.mark.parametrize("word", ACTIONS)
def test_every_action_reads_and_acts(tmp_path: Path, word: str) -> None:
    play = one_action(tmp_path, f"{{{word}: {WORDS.get(word, 'lift-1')}}}")
    action = play.timeline[0].action
    if word in ON_THE_WIRE:
        assert action == ON_THE_WIRE[word]
    else:
        assert callable(action)
        assert (action(play.beginning) == play.beginning) == (word in UNDOING)


def test_a_gully_clogs_and_a_coil_breaks(tmp_path: Path) -> None:
    for text in ("{clog: ramp}", "{open_loop: a.7.ct}"):
        play = one_action(tmp_path, text)
        action = play.timeline[0].action
        assert callable(action)
        assert action(play.beginning) != play.beginning


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{fault: {of: b.swl, kind: duplicate, lasts: 1min}}", MqttFault(MqttFaultKind.DUPLICATE, end=60.0)),
        (
            "{fault: {of: b.swl, kind: wrong_clock, seconds: -7200}}",
            MqttFault(MqttFaultKind.WRONG_CLOCK, seconds=-7200),
        ),
        ("{fault: {of: b.west, kind: poison}}", MqttFault(MqttFaultKind.POISON)),
    ],
)
def test_faults_of_devices_that_publish(tmp_path: Path, text: str, expected: MqttFault) -> None:
    action = one_action(tmp_path, text).timeline[0].action
    assert isinstance(action, DeviceFaults)
    assert action.faults == (expected,)
    whole = one_action(tmp_path, "{heal: b}").timeline[0].action
    assert whole == DeviceFaults("b", None, ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{ignite: kitchn}", "timeline.0.do.ignite: 'kitchn' is not known; did you mean kitchen?"),
        ("{burst: ramp}", "'ramp' is not known; known: plant"),
        ("{shut_valve: panel.L1D1}", "'panel.L1D1' is not known; did you mean panel.L10M159?"),
        ("{disable_point: panel.L1D3}", "did you mean panel.L1D"),
        ("{plug_in: {charger: ev-1, current: 5 A, energy: 3 kWh}}", "a number of A within 6…63"),
        ("{plug_in: {charger: ev-1, current: 16 A}}", "energy is missing"),
        ("{bad_contact: {charger: ev-1, times: 0.5}}", "a number within 1…50"),
        ("{silence: b.swk}", "did you mean b.swl?"),
        ("{refuse: c}", "'c' is not known"),
        ("{fault: {of: b.swl, kind: late}}", "'late' is not known"),
        ("{fault: {of: b.swl, kind: poison, probability: 1}}", "timeline.0.do.fault.probability: unknown key"),
        ("{fault: {of: b.west, kind: wrong_clock}}", "an OpenEVSE says no times"),
        ("{reset_panel: panl}", "did you mean panel?"),
    ],
)
def test_errors_of_the_new_words(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SourceError) as error:
        one_action(tmp_path, text)
    assert message in str(error.value)
    assert str(error.value).startswith("play.yaml:5:")


def test_a_beginning(tmp_path: Path) -> None:
    play = scenario(tmp_path, SCENARIO + "begin: {pit: {pit_level: 3 m, floor_level: 0.1 m}}\n")
    assert play.beginning.garages["pit"].floor_level == pytest.approx(0.1)
    assert play.beginning.garages["pit"].pit == pytest.approx(12.0)
