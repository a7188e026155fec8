"""The whole building as a pure function: state × time × chance → state. Nothing here reads a clock or a socket."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from simulators import garage, lift, rain
from simulators.garage import Garage
from simulators.lift import Lift
from simulators.rain import Rain


@dataclass(frozen=True, slots=True)
class Building:
    """Everything that moves. `open_loops` names the current loops (`link.unit.channel`) that are cut."""

    lifts: Mapping[str, Lift] = field(default_factory=dict)
    garages: Mapping[str, Garage] = field(default_factory=dict)
    rain: Rain = field(default_factory=Rain)
    open_loops: frozenset[str] = frozenset()

    def with_lift(self, name: str, changed: Lift) -> Building:
        return replace(self, lifts={**self.lifts, name: changed})

    def with_garage(self, name: str, changed: Garage) -> Building:
        return replace(self, garages={**self.garages, name: changed})


def step(building: Building, dt: float, rng: random.Random) -> Building:
    """The building `dt` seconds later."""
    falling = rain.step(building.rain, dt)
    return Building(
        {name: lift.step(car, dt, rng) for name, car in building.lifts.items()},
        {name: garage.step(zone, falling.intensity, dt) for name, zone in building.garages.items()},
        falling,
        building.open_loops,
    )


LIFT_CONTACTS: dict[str, Callable[[Lift], bool]] = {
    "mains_failed": lambda car: not car.mains,
    "final_limit": lambda car: car.final_limit,
    "door_zone": lambda car: car.door_zone,
}
GARAGE_LEVELS: dict[str, Callable[[Garage], float]] = {
    "floor_level": lambda zone: zone.floor_level,
    "sump_level": lambda zone: zone.sump_level,
}
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
    return GARAGE_LEVELS[signal](building.garages[thing])


def describe(building: Building) -> str:
    """One short line: rain, levels and pumps, lifts."""
    parts = [f"rain {building.rain.intensity:.0f} mm/h"]
    for name, zone in building.garages.items():
        pumps = "".join("x" if pump.tripped else "+" if pump.running else "-" for pump in zone.pumps)
        parts.append(f"{name} floor {zone.floor_level * 100:.1f} cm, pit {zone.sump_level:.2f} m, pumps {pumps}")
    for name, car in building.lifts.items():
        people = lift.people_in(car)
        parts.append(f"{name} {car.phase.value} floor {car.floor}, {people} inside, {abs(car.velocity):.1f} m/s")
    return " | ".join(parts)
