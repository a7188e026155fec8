"""The whole building as a pure function: state × time × chance → state. Nothing here reads a clock or a socket."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from simulators import charger, feeder, fire, garage, gully, lift, rain
from simulators.charger import Charger
from simulators.feeder import Feeder
from simulators.fire import Panel
from simulators.garage import Garage
from simulators.gully import Gully
from simulators.lift import Lift
from simulators.rain import Rain

SLOW_STEPS = 10
"""Smoke, heat and amperes need no finer step than this many of the lifts'."""


@dataclass(frozen=True, slots=True)
class Building:
    """Everything that moves. `open_loops` names the sensor lines (`link.unit.channel`) that are cut; `steps` counts."""

    lifts: Mapping[str, Lift] = field(default_factory=dict)
    garages: Mapping[str, Garage] = field(default_factory=dict)
    rain: Rain = field(default_factory=Rain)
    open_loops: frozenset[str] = frozenset()
    gullies: Mapping[str, Gully] = field(default_factory=dict)
    chargers: Mapping[str, Charger] = field(default_factory=dict)
    feeders: Mapping[str, Feeder] = field(default_factory=dict)
    panels: Mapping[str, Panel] = field(default_factory=dict)
    steps: int = 0

    def with_lift(self, name: str, changed: Lift) -> Building:
        return replace(self, lifts={**self.lifts, name: changed})

    def with_garage(self, name: str, changed: Garage) -> Building:
        return replace(self, garages={**self.garages, name: changed})

    def with_gully(self, name: str, changed: Gully) -> Building:
        return replace(self, gullies={**self.gullies, name: changed})

    def with_charger(self, name: str, changed: Charger) -> Building:
        return replace(self, chargers={**self.chargers, name: changed})

    def with_panel(self, name: str, changed: Panel) -> Building:
        return replace(self, panels={**self.panels, name: changed})


def step(building: Building, dt: float, rng: random.Random) -> Building:
    """The building `dt` seconds later."""
    falling = rain.step(building.rain, dt)
    steps = building.steps + 1
    moved = Building(
        {name: lift.step(car, dt, rng) for name, car in building.lifts.items()},
        {name: garage.step(zone, falling.intensity, dt) for name, zone in building.garages.items()},
        falling,
        building.open_loops,
        building.gullies,
        building.chargers,
        building.feeders,
        building.panels,
        steps,
    )
    return moved if steps % SLOW_STEPS else _slow_step(moved, dt * SLOW_STEPS)


def _slow_step(building: Building, dt: float) -> Building:
    falling = building.rain.intensity
    chargers = {
        name: charger.step(each, _water(building, each.shape.zone), dt) for name, each in building.chargers.items()
    }
    feeders = {
        name: feeder.step(each, _fed(chargers, each.shape.zone), _water(building, each.shape.zone), dt)
        for name, each in building.feeders.items()
    }
    return replace(
        building,
        gullies={name: gully.step(each, falling, dt) for name, each in building.gullies.items()},
        chargers=chargers,
        feeders=feeders,
        panels={name: fire.step(each, dt) for name, each in building.panels.items()},
    )


def _water(building: Building, zone: str) -> float:
    return building.garages[zone].floor_level


def _fed(chargers: Mapping[str, Charger], zone: str) -> list[Charger]:
    return [each for each in chargers.values() if each.shape.zone == zone]


LIFT_CONTACTS: dict[str, Callable[[Lift], bool]] = {
    "mains_failed": lambda car: not car.mains,
    "final_limit": lambda car: car.final_limit,
    "door_zone": lambda car: car.door_zone,
}
GARAGE_LEVELS: dict[str, Callable[[Garage], float]] = {
    "floor_level": lambda zone: zone.floor_level,
    "sump_level": lambda zone: zone.sump_level,
}
GULLY_LEVELS: dict[str, Callable[[Gully], float]] = {"floor_level": lambda place: place.floor_level}
GARAGE_CONTACTS: dict[str, Callable[[Garage], bool]] = {
    "pump_1_run": lambda zone: zone.pumps[0].running,
    "pump_1_fault": lambda zone: zone.pumps[0].tripped,
    "pump_2_run": lambda zone: zone.pumps[1].running,
    "pump_2_fault": lambda zone: zone.pumps[1].tripped,
    "high_high_float": lambda zone: zone.high_high_float,
}


def contact(building: Building, thing: str, signal: str) -> bool:
    """State of a contact, e.g. `lift-1`, `door_zone`; KeyError for one that does not exist."""
    if thing in building.lifts:
        return LIFT_CONTACTS[signal](building.lifts[thing])
    return GARAGE_CONTACTS[signal](building.garages[thing])


def level(building: Building, thing: str, signal: str) -> float:
    """A level in m, e.g. `garage-east`, `floor_level`; KeyError for one that does not exist."""
    if thing in building.gullies:
        return GULLY_LEVELS[signal](building.gullies[thing])
    return GARAGE_LEVELS[signal](building.garages[thing])


def level_names(building: Building) -> list[str]:
    """Every level that a sensor can feel, `thing.signal`."""
    names = [f"{name}.{signal}" for name in building.garages for signal in GARAGE_LEVELS]
    return names + [f"{name}.{signal}" for name in building.gullies for signal in GULLY_LEVELS]


def describe(building: Building) -> str:
    """One short line: rain, levels and pumps, lifts, chargers, fire."""
    parts = [f"rain {building.rain.intensity:.0f} mm/h"]
    for name, zone in building.garages.items():
        pumps = "".join("x" if pump.tripped else "+" if pump.running else "-" for pump in zone.pumps)
        parts.append(f"{name} floor {zone.floor_level * 100:.1f} cm, pit {zone.sump_level:.2f} m, pumps {pumps}")
    for name, place in building.gullies.items():
        parts.append(f"{name} {place.floor_level * 100:.1f} cm")
    for name, car in building.lifts.items():
        people = lift.people_in(car)
        parts.append(f"{name} {car.phase.value} floor {car.floor}, {people} inside, {abs(car.velocity):.1f} m/s")
    for name, each in building.chargers.items():
        said = "charging" if each.charging else each.trouble.value if each.trouble != "none" else "idle"
        parts.append(f"{name} {said} {each.current:.0f} A, {each.temperature:.0f} °C")
    for name, cable in building.feeders.items():
        parts.append(f"{name} {cable.power / 1000:.1f} kW, {cable.leakage:.0f} mA")
    for name, panel in building.panels.items():
        seen = [point for point, detector in panel.detectors.items() if detector.fire]
        parts.append(f"{name} {'lost' if panel.lost else 'fire ' + ' '.join(seen) if seen else 'quiet'}")
    return " | ".join(parts)
