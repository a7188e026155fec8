"""One charging point: a car draws along its profile and heats the contact; water, bad contacts and relays spoil it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

NOMINAL_VOLTS = 230.0
POWER_FACTOR = 0.99
HANDSHAKE_SECONDS = 8.0
"""From the plug to the first ampere: the pilot signal and the car's own checks."""
RAMP = 2.0
"""A/s by which a car follows its limit."""
LEAST_CURRENT = 6.0
"""IEC 61851-1: below this no AC charging."""
TAPER = 0.15
"""The last part of the wanted energy, over which the battery takes less and less."""
WELDED_CURRENT = 10.0
"""What a car still takes through a relay that does not open, A."""
AMBIENT = 20.0
RISE_AT_32_A = 15.0
"""Warming of a sound contact under 32 A, K."""
HEATING_SECONDS = 240.0
"""Time constant of the contact's temperature."""
DRY_LEAKAGE = 0.4  # mA
WET_FROM = 0.03  # m of water on the floor of its zone
WET_LEAKAGE = 50.0  # mA per metre of water above that
RESIDUAL_TRIP = 30.0  # mA, the charger's own residual-current device


class Trouble(StrEnum):
    """Why the charger refuses to charge; it stays until the car is unplugged."""

    NONE = "none"
    OVER_TEMPERATURE = "over_temperature"
    RESIDUAL_CURRENT = "residual_current"


@dataclass(frozen=True, slots=True)
class ChargerShape:
    """What was installed. `zone` is the garage whose water it stands in."""

    zone: str
    phases: int = 3
    limit: float = 32.0  # A
    cut_off: float = 95.0  # °C


@dataclass(frozen=True, slots=True)
class Car:
    """What hangs on the cable: the most it takes, A, and the energy it came for, kWh."""

    demand: float
    wanted: float


@dataclass(frozen=True, slots=True)
class Charger:
    """`current` flows in each of its phases; `session_kwh` stands until the next car comes."""

    shape: ChargerShape
    car: Car | None = None
    plugged_for: float = 0.0
    stopped: bool = False  # by the driver's app, the car still on the cable
    current: float = 0.0
    session_kwh: float = 0.0
    total_kwh: float = 0.0
    temperature: float = AMBIENT
    contact: float = 1.0  # resistance, as a multiple of a sound one
    relay_stuck: bool = False
    trouble: Trouble = Trouble.NONE
    leakage: float = DRY_LEAKAGE  # mA
    age: float = 0.0

    @property
    def charging(self) -> bool:
        """Whether a session runs: what the charger says, whatever its relay does."""
        return (
            self.car is not None
            and not self.stopped
            and self.trouble is Trouble.NONE
            and self.plugged_for >= HANDSHAKE_SECONDS
            and self.session_kwh < self.car.wanted
        )

    @property
    def currents(self) -> tuple[float, float, float]:
        return (self.current, self.current, self.current) if self.shape.phases == 3 else (self.current, 0.0, 0.0)

    @property
    def voltages(self) -> tuple[float, float, float]:
        return voltages(self.age, self.currents)

    @property
    def powers(self) -> tuple[float, float, float]:
        """W of each phase."""
        first, second, third = (
            volts * amperes * POWER_FACTOR for volts, amperes in zip(self.voltages, self.currents, strict=True)
        )
        return (first, second, third)

    @property
    def power(self) -> float:
        return sum(self.powers)


def voltages(age: float, currents: tuple[float, float, float]) -> tuple[float, float, float]:
    """Phase voltages: they breathe slowly, each for itself, and give way under load."""
    first, second, third = (
        NOMINAL_VOLTS + offset + 1.2 * math.sin(age / 97.0 + offset) - 0.08 * amperes
        for offset, amperes in zip((0.8, -0.4, 0.2), currents, strict=True)
    )
    return (first, second, third)


def plug_in(charger: Charger, car: Car) -> Charger:
    """A car comes; the one that was there before has gone."""
    return replace(unplug(charger), car=car, session_kwh=0.0)


def unplug(charger: Charger) -> Charger:
    """The car goes, and with it the current and the trouble."""
    return replace(charger, car=None, plugged_for=0.0, stopped=False, current=0.0, trouble=Trouble.NONE)


def step(charger: Charger, water: float, dt: float) -> Charger:
    """The charger `dt` seconds later with `water` metres on its floor; energy is the sum of power × time."""
    shape = charger.shape
    leakage = DRY_LEAKAGE + WET_LEAKAGE * max(0.0, water - WET_FROM)
    trouble = _trouble(charger, leakage)
    if trouble is not charger.trouble:
        charger = replace(charger, trouble=trouble)
    current = _followed(charger, dt)
    equilibrium = AMBIENT + RISE_AT_32_A * (current / 32.0) ** 2 * charger.contact
    moved = Charger(
        shape,
        charger.car,
        charger.plugged_for + dt if charger.car else 0.0,
        charger.stopped,
        current,
        charger.session_kwh,
        charger.total_kwh,
        charger.temperature + (equilibrium - charger.temperature) * -math.expm1(-dt / HEATING_SECONDS),
        charger.contact,
        charger.relay_stuck,
        trouble,
        leakage,
        charger.age + dt,
    )
    if current == 0:
        return moved
    gained = moved.power * dt / 3.6e6
    return replace(moved, session_kwh=moved.session_kwh + gained, total_kwh=moved.total_kwh + gained)


def _trouble(charger: Charger, leakage: float) -> Trouble:
    if charger.car is None or charger.trouble is not Trouble.NONE:
        return charger.trouble
    if leakage >= RESIDUAL_TRIP:
        return Trouble.RESIDUAL_CURRENT
    return Trouble.OVER_TEMPERATURE if charger.temperature >= charger.shape.cut_off else Trouble.NONE


def _followed(charger: Charger, dt: float) -> float:
    """The current after `dt`: it rises and falls gradually, and a relay that opens ends it at once."""
    goal = _goal(charger)
    if goal == 0:
        return 0.0
    if charger.current <= goal:
        return min(goal, charger.current + RAMP * dt)
    return max(goal, charger.current - RAMP * dt)


def _goal(charger: Charger) -> float:
    car = charger.car
    if car is None or charger.trouble is Trouble.RESIDUAL_CURRENT:  # its own breaker lies before the relay
        return 0.0
    full = min(car.demand, charger.shape.limit)
    if charger.charging:
        left, tail = car.wanted - charger.session_kwh, TAPER * car.wanted
        return full if left >= tail else max(LEAST_CURRENT, full * left / tail)
    begun = charger.current > 0 or charger.session_kwh > 0
    return min(full, WELDED_CURRENT) if charger.relay_stuck and begun else 0.0
