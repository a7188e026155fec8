"""Wiring and scenario files: what is wrong in them is said with file, line and the nearest right word."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulators.actions import ACTIONS, LinkFaults, Refusing
from simulators.entry import SourceError
from simulators.faults import Fault, FaultKind
from simulators.scenario import Scenario, load_scenario
from simulators.wiring import AnalogueModule, DigitalModule, LiftController, Wiring, load_wiring
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
    }
    assert wiring.loops == {f"garage.{unit}.ai{channel}" for unit in (3, 5) for channel in (0, 1)}


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


WORDS = {
    "rain": "5 mm/h",
    "trip": "pit.pump-1",
    "reset": "pit.pump-1",
    "clog": "pit",
    "unclog": "pit",
    "open_loop": "a.2.ai0",
    "close_loop": "a.2.ai0",
    "travel": "{lift: lift-1, from: 1, to: 9, people: 2}",
    "mode": "{lift: lift-1, is: inspection}",
    "fault": "{of: a.1, kind: late, seconds: 3, probability: 0.5, lasts: 10s}",
    "heal": "a",
    "refuse": "a",
    "admit": "a",
}


@pytest.mark.parametrize("word", ACTIONS)
def test_every_action_reads_and_acts(tmp_path: Path, word: str) -> None:
    text = SCENARIO.replace("{rain: 5 mm/h}", f"{{{word}: {WORDS.get(word, 'lift-1')}}}")
    play = scenario(tmp_path, text)
    action = play.timeline[0].action
    if isinstance(action, LinkFaults):
        expected = Fault(FaultKind.LATE, probability=0.5, end=10.0, seconds=3.0)
        assert action == (LinkFaults("a", 1, (expected,)) if word == "fault" else LinkFaults("a", None, ()))
    elif isinstance(action, Refusing):
        assert action == Refusing("a", word == "refuse")
    else:
        undoing = {"reset", "unclog", "close_loop", "restore_mains", "free_door", "hall_fire_over", "rescue"}
        assert (action(play.beginning) == play.beginning) == (word in undoing)


def test_a_beginning(tmp_path: Path) -> None:
    play = scenario(tmp_path, SCENARIO + "begin: {pit: {pit_level: 3 m, floor_level: 0.1 m}}\n")
    assert play.beginning.garages["pit"].floor_level == pytest.approx(0.1)
    assert play.beginning.garages["pit"].pit == pytest.approx(12.0)
