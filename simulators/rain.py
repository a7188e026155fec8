"""Rain over the building: intensity that comes and goes gradually, and the water that it sends down the ramps."""

from __future__ import annotations

import math
from dataclasses import dataclass

ONSET_SECONDS = 20.0
"""Time constant of a shower's coming and going."""
NEGLIGIBLE = 0.01  # mm/h


@dataclass(frozen=True, slots=True)
class Rain:
    """Intensity now and the intensity it is heading for, both in mm/h."""

    intensity: float = 0.0
    heading_for: float = 0.0


def step(rain: Rain, dt: float) -> Rain:
    """First-order approach to `heading_for`."""
    gap = rain.heading_for - rain.intensity
    if abs(gap) < NEGLIGIBLE:
        return rain if gap == 0 else Rain(rain.heading_for, rain.heading_for)
    return Rain(rain.intensity + gap * -math.expm1(-dt / ONSET_SECONDS), rain.heading_for)


def runoff(intensity: float, catchment_m2: float) -> float:
    """m³/s that rain of `intensity` mm/h sends off a catchment."""
    return intensity / 1000 / 3600 * catchment_m2
