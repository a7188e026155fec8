"""A small floor with a gully: rain off a ramp or a burst pipe stands on it as deep as the gully lets it."""

from __future__ import annotations

from dataclasses import dataclass

from simulators.rain import runoff

RATED_HEAD = 0.05
"""Depth at which a gully carries its rated flow, m; less water presses less through it, by the square root."""


@dataclass(frozen=True, slots=True)
class GullyShape:
    catchment_m2: float = 0.0
    floor_m2: float = 30.0
    drain: float = 0.03  # m³/s
    pipe: float = 0.0  # m³/s of the water main that may burst here


@dataclass(frozen=True, slots=True)
class Gully:
    """`gained` − `drained` = the water that stands there, m³."""

    shape: GullyShape
    water: float = 0.0
    clogged: bool = False
    burst: bool = False
    gained: float = 0.0
    drained: float = 0.0

    @property
    def floor_level(self) -> float:
        return self.water / self.shape.floor_m2


def step(gully: Gully, rain: float, dt: float) -> Gully:
    """The floor `dt` seconds later under `rain` mm/h."""
    shape = gully.shape
    arrived = (runoff(rain, shape.catchment_m2) + (shape.pipe if gully.burst else 0.0)) * dt
    if arrived == 0 and gully.water == 0:
        return gully
    water = gully.water + arrived
    flow = 0.0 if gully.clogged else shape.drain * (water / shape.floor_m2 / RATED_HEAD) ** 0.5
    left = min(water, flow * dt)
    return Gully(shape, water - left, gully.clogged, gully.burst, gully.gained + arrived, gully.drained + left)
