"""Scenarios: what happens in the building, and when, in seconds of building time since the scenario's start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from simulators.actions import Action, parse
from simulators.building import Building
from simulators.entry import Entry, read
from simulators.garage import filled
from simulators.wiring import Wiring

LONGEST = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens `at` a time."""

    at: float
    action: Action


@dataclass(frozen=True, slots=True)
class Scenario:
    """A titled timeline over a building at its beginning. After `length` the building goes on without events."""

    name: str
    title: Mapping[str, str]
    seed: int
    length: float
    beginning: Building
    timeline: tuple[Event, ...]


def scenario_names(folder: Traversable) -> tuple[str, ...]:
    """The scenarios of a folder, sorted."""
    return tuple(sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def load_scenario(source: Traversable, wiring: Wiring) -> Scenario:
    """Read one scenario against the wiring that it plays on; SourceError names the line that is wrong."""
    root = read(source).mapping(["title", "seed", "length", "timeline"], ["begin"])
    title = root["title"].mapping(["en", "zh"])
    length = root["length"].seconds()
    if not 0 < length <= LONGEST:
        root["length"].fail("a scenario lasts at most 24h")
    return Scenario(
        Path(source.name).stem,
        {language: text.text() for language, text in title.items()},
        root["seed"].integer(0, 2**31 - 1),
        length,
        _beginning(root["begin"], wiring.building) if "begin" in root else wiring.building,
        _timeline(root["timeline"], wiring, length),
    )


def _beginning(entry: Entry, building: Building) -> Building:
    for name, levels in entry.mapping(optional=list(building.garages)).items():
        zone = building.garages[name]
        given = levels.mapping(optional=["pit_level", "floor_level"])
        pit = given["pit_level"].measure("m", 0, zone.shape.pit_depth) if "pit_level" in given else 1.2
        floor = given["floor_level"].measure("m", 0, 2) if "floor_level" in given else 0.0
        building = building.with_garage(name, filled(zone.shape, pit, floor))
    return building


def _timeline(entry: Entry, wiring: Wiring, length: float) -> tuple[Event, ...]:
    events: list[Event] = []
    for item in entry.items():
        given = item.mapping(["at", "do"])
        at = given["at"].seconds()
        if events and at < events[-1].at:
            given["at"].fail("the timeline goes back in time")
        if at > length:
            given["at"].fail("this is after the scenario's end")
        events.append(Event(at, parse(given["do"], wiring, at)))
    return tuple(events)
