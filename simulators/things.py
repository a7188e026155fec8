"""The things of a wiring file, read into the building at rest: lifts, garages, gullies, chargers, feeders, panels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from simulators.building import Building
from simulators.charger import Charger, ChargerShape
from simulators.entry import Entry
from simulators.feeder import Feeder, FeederShape
from simulators.fire import Detector, Module, Panel
from simulators.garage import Garage, GarageShape, filled
from simulators.gully import Gully, GullyShape
from simulators.lift import LiftShape, parked
from simulators.notifier import point_address

Number = Callable[[Entry], float]
Keys = Mapping[str, tuple[str, Number]]

_LIFT_KEYS: dict[str, Number] = {
    "floors": lambda entry: entry.integer(2, 96),
    "ground": lambda entry: entry.integer(1, 96),
    "floor_height": lambda entry: entry.measure("m", 2.4, 10),
    "rated_speed": lambda entry: entry.measure("m/s", 0.25, 10),
    "acceleration": lambda entry: entry.measure("m/s²", 0.2, 1.5),
    "rated_load": lambda entry: entry.measure("kg", 225, 5000),
    "trips_per_hour": lambda entry: entry.number(0, 600),
}


def _flow(entry: Entry) -> float:
    return entry.measure("m³/h") / 3600


_GARAGE_KEYS: Keys = {
    "catchment": ("catchment_m2", lambda entry: entry.measure("m²", 1)),
    "pit_area": ("pit_m2", lambda entry: entry.measure("m²", 0.1)),
    "floor_area": ("floor_m2", lambda entry: entry.measure("m²", 1)),
    "seepage": ("seepage", _flow),
    "pump": ("pump", _flow),
    "drain": ("drain", _flow),
}
_GULLY_KEYS: Keys = {
    "catchment": ("catchment_m2", lambda entry: entry.measure("m²")),
    "floor_area": ("floor_m2", lambda entry: entry.measure("m²", 1)),
    "drain": ("drain", _flow),
    "pipe": ("pipe", _flow),
}
_CHARGER_KEYS: Keys = {
    "phases": ("phases", lambda entry: entry.integer(1, 3)),
    "limit": ("limit", lambda entry: entry.measure("A", 6, 63)),
    "cut_off": ("cut_off", lambda entry: entry.measure("°C", 50, 150)),
}
THINGS = ("lifts", "garages", "gullies", "chargers", "feeders", "panels")


def building_at_rest(root: Mapping[str, Entry]) -> Building:
    """What the wiring file's things are before anything happens. No two things have the same name."""
    taken: dict[str, str] = {}
    found: dict[str, list[tuple[str, Entry]]] = {
        kind: [(_named(name, entry, kind, taken), entry) for name, entry in root[kind].pairs()] if kind in root else []
        for kind in THINGS
    }
    garages = {name: _garage(entry) for name, entry in found["garages"]}
    return Building(
        lifts={name: parked(_lift_shape(entry)) for name, entry in found["lifts"]},
        garages=garages,
        gullies={
            name: Gully(replace(GullyShape(), **_measures(entry, _GULLY_KEYS))) for name, entry in found["gullies"]
        },
        chargers={name: _charger(entry, garages) for name, entry in found["chargers"]},
        feeders={name: _feeder(entry, garages) for name, entry in found["feeders"]},
        panels={name: _panel(entry) for name, entry in found["panels"]},
    )


def _named(name: object, entry: Entry, kind: str, taken: dict[str, str]) -> str:
    said = str(name)
    if said in taken:
        entry.fail(f"a {taken[said]} has this name already")
    taken[said] = "gully" if kind == "gullies" else kind.removesuffix("s")
    return said


def _measures(entry: Entry, keys: Keys, *others: str) -> dict[str, Any]:
    given = entry.mapping(optional=[*keys, *others])
    return {keys[key][0]: keys[key][1](value) for key, value in given.items() if key in keys}


def _lift_shape(entry: Entry) -> LiftShape:
    given = entry.mapping(["floors", "ground"], list(_LIFT_KEYS))
    numbers: dict[str, Any] = {key: _LIFT_KEYS[key](value) for key, value in given.items()}
    floors, ground = int(numbers.pop("floors")), int(numbers.pop("ground"))
    if ground > floors:
        given["ground"].fail(f"the lift has {floors} floors")
    return replace(LiftShape(floors=floors, ground=ground), **numbers)


def _garage(entry: Entry) -> Garage:
    shape = replace(GarageShape(), **_measures(entry, _GARAGE_KEYS, "pit_level"))
    given = entry.mapping(optional=[*_GARAGE_KEYS, "pit_level"])
    return filled(shape, given["pit_level"].measure("m", 0, shape.pit_depth) if "pit_level" in given else 1.2)


def _charger(entry: Entry, garages: Mapping[str, Garage]) -> Charger:
    zone = entry.mapping(["zone"], list(_CHARGER_KEYS))["zone"].one_of(garages)
    measures = _measures(entry, _CHARGER_KEYS, "zone")
    if measures.get("phases") == 2:
        entry.fail("a charger has one phase or three")
    return Charger(replace(ChargerShape(zone), **measures))


def _feeder(entry: Entry, garages: Mapping[str, Garage]) -> Feeder:
    given = entry.mapping(["zone"], ["base_load"])
    shape = FeederShape(given["zone"].one_of(garages))
    if "base_load" in given:
        shape = replace(shape, base_load=given["base_load"].measure("W"))
    return Feeder(shape)


def _panel(entry: Entry) -> Panel:
    detectors, modules = {}, {}
    for key, point in entry.pairs():
        name = str(key)
        if point_address(name) is None:
            point.fail("points are called L1D1 … L10M159")
        if "D" in name:
            given = point.mapping(["zone"], ["away"])
            away = given["away"].seconds() if "away" in given else 0.0
            detectors[name] = Detector(given["zone"].text(), away)
        else:
            modules[name] = Module(point.mapping(["zone"])["zone"].text())
    return Panel(detectors, modules)
