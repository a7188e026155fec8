"""A fire panel with its detectors and modules: smoke grows after ignition, and what was seen stays until the reset."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

PREALARM = 3.0  # % obscuration per metre
ALARM = 6.0
DENSEST = 30.0
GROWTH_SECONDS = 120.0
"""A fire's smoke grows with the square of its age and reaches ALARM where it burns after so long."""
CLEARING_SECONDS = 90.0
"""Time constant of the smoke's going once the fire is out."""
NEGLIGIBLE = 0.01


@dataclass(frozen=True, slots=True)
class Detector:
    """Smoke reaches it `away` seconds after it leaves the fire of its zone. `fire` stays until the panel is reset."""

    zone: str
    away: float = 0.0
    smoke: float = 0.0  # % per metre
    fire: bool = False
    disabled: bool = False
    missing: bool = False  # programmed, but it does not answer the panel

    @property
    def prealarm(self) -> bool:
        return self.smoke >= PREALARM and not (self.fire or self.disabled or self.missing)


@dataclass(frozen=True, slots=True)
class Module:
    """An input of the panel that watches a valve: off normal while the valve is shut."""

    zone: str
    shut: bool = False
    disabled: bool = False
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """Points by the names that the panel gives them (L1D1 … L10M159). `burning` is the age of each zone's fire, s."""

    detectors: Mapping[str, Detector] = field(default_factory=dict)
    modules: Mapping[str, Module] = field(default_factory=dict)
    burning: Mapping[str, float] = field(default_factory=dict)
    lost: bool = False  # its network does not reach it

    @property
    def zones(self) -> tuple[str, ...]:
        """Zones with a detector, in the panel's order."""
        return tuple(dict.fromkeys(detector.zone for detector in self.detectors.values()))

    def with_detector(self, name: str, changed: Detector) -> Panel:
        return replace(self, detectors={**self.detectors, name: changed})

    def with_module(self, name: str, changed: Module) -> Panel:
        return replace(self, modules={**self.modules, name: changed})


def ignite(panel: Panel, zone: str) -> Panel:
    """A fire breaks out; one that burns already goes on."""
    return replace(panel, burning={zone: 0.0, **panel.burning})


def extinguish(panel: Panel, zone: str) -> Panel:
    return replace(panel, burning={name: age for name, age in panel.burning.items() if name != zone})


def reset(panel: Panel) -> Panel:
    """What has passed is forgotten; smoke that still stands is seen again within a second."""
    return replace(panel, detectors={name: replace(each, fire=False) for name, each in panel.detectors.items()})


def step(panel: Panel, dt: float) -> Panel:
    """The panel `dt` seconds later."""
    if not panel.burning and all(detector.smoke == 0 for detector in panel.detectors.values()):
        return panel
    detectors = {name: _seen(detector, panel.burning.get(detector.zone), dt) for name, detector in _items(panel)}
    return replace(panel, detectors=detectors, burning={zone: age + dt for zone, age in panel.burning.items()})


def _items(panel: Panel) -> list[tuple[str, Detector]]:
    return list(panel.detectors.items())


def _made(age: float) -> float:
    """Smoke that a fire of this age has brought to where it burns."""
    return ALARM * (max(0.0, age) / GROWTH_SECONDS) ** 2


def _seen(detector: Detector, age: float | None, dt: float) -> Detector:
    if age is None:
        smoke = detector.smoke * math.exp(-dt / CLEARING_SECONDS)
        smoke = smoke if smoke >= NEGLIGIBLE else 0.0
    else:
        smoke = min(DENSEST, detector.smoke + _made(age + dt - detector.away) - _made(age - detector.away))
    blind = detector.disabled or detector.missing
    return replace(detector, smoke=smoke, fire=detector.fire or (smoke >= ALARM - 1e-9 and not blind))
