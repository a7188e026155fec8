"""The cable that feeds a zone's chargers: what flows in it, what it has counted, what leaks from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from simulators.charger import POWER_FACTOR, Charger, voltages

Phases = tuple[float, float, float]

BASE_POWER_FACTOR = 0.95
BASE_SHARES: Phases = (0.34, 0.33, 0.33)
NATURAL_LEAKAGE = 12.0  # mA of cables and filters in good order
WET_FROM = 0.03  # m of water on the floor
WET_LEAKAGE = 2500.0  # mA per metre above that: joints and sockets near the floor
LARGEST_LEAKAGE = 30_000.0


@dataclass(frozen=True, slots=True)
class FeederShape:
    zone: str
    base_load: float = 1000.0  # W: lamps, fans, what else hangs on it


@dataclass(frozen=True, slots=True)
class Feeder:
    """Measured values of the last step, and energies since ever, kWh and kvarh."""

    shape: FeederShape
    voltages: Phases = (230.0, 230.0, 230.0)
    currents: Phases = (0.0, 0.0, 0.0)
    powers: Phases = (0.0, 0.0, 0.0)
    reactive: Phases = (0.0, 0.0, 0.0)
    energies: Phases = (0.0, 0.0, 0.0)
    reactive_energies: Phases = (0.0, 0.0, 0.0)
    leakage: float = NATURAL_LEAKAGE  # mA
    age: float = 0.0

    @property
    def power(self) -> float:
        return sum(self.powers)

    @property
    def energy(self) -> float:
        return sum(self.energies)


def step(feeder: Feeder, chargers: Iterable[Charger], water: float, dt: float) -> Feeder:
    """The feeder `dt` seconds later; `chargers` are those of its zone, `water` what stands there, m."""
    loads = list(chargers)
    charging = _sum(charger.powers for charger in loads)
    base = [feeder.shape.base_load * share for share in BASE_SHARES]
    volts = voltages(feeder.age, _sum(charger.currents for charger in loads))
    amperes = [
        (watts / POWER_FACTOR + others / BASE_POWER_FACTOR) / phase
        for watts, others, phase in zip(charging, base, volts, strict=True)
    ]
    powers = _sum([charging, _three(base)])
    reactive = _three(
        max(0.0, (phase * drawn) ** 2 - watts**2) ** 0.5
        for phase, drawn, watts in zip(volts, amperes, powers, strict=True)
    )
    hours = dt / 3.6e6
    leaking = NATURAL_LEAKAGE + sum(charger.leakage for charger in loads)
    return Feeder(
        feeder.shape,
        volts,
        _three(amperes),
        powers,
        reactive,
        _sum([feeder.energies, _three(watts * hours for watts in powers)]),
        _sum([feeder.reactive_energies, _three(volt_amperes * hours for volt_amperes in reactive)]),
        min(LARGEST_LEAKAGE, leaking + WET_LEAKAGE * max(0.0, water - WET_FROM)),
        feeder.age + dt,
    )


def _three(values: Iterable[float]) -> Phases:
    first, second, third = values
    return (first, second, third)


def _sum(rows: Iterable[Phases]) -> Phases:
    first = second = third = 0.0
    for row in rows:
        first, second, third = first + row[0], second + row[1], third + row[2]
    return (first, second, third)
