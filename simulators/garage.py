"""One garage zone: water runs into a pit, two pumps lift it out, and what the pit cannot hold stands on the floor."""

from __future__ import annotations

from dataclasses import dataclass, replace

from simulators.rain import runoff


@dataclass(frozen=True, slots=True)
class GarageShape:
    """Measures of a zone; levels are metres above the pit's bottom. The defaults are the demo building's."""

    catchment_m2: float = 1500.0
    pit_m2: float = 4.0
    floor_m2: float = 60.0
    seepage: float = 0.002  # m³/s that come without rain
    pump: float = 0.025  # m³/s, each
    drain: float = 0.05  # m³/s that the floor's gullies return to a pit with room
    pit_depth: float = 4.0  # above this the pit spills onto the floor
    starts: tuple[float, float] = (2.0, 2.6)
    stop: float = 1.0
    high_high: float = 3.2


@dataclass(frozen=True, slots=True)
class Pump:
    running: bool = False
    tripped: bool = False


@dataclass(frozen=True, slots=True)
class Garage:
    """Where the water is, m³. `gained` − `pumped` = what stands in pit and on floor now − what stood there at first."""

    shape: GarageShape
    pit: float
    floor: float = 0.0
    pumps: tuple[Pump, Pump] = (Pump(), Pump())
    clogged: bool = False  # leaves over the gully: water stays on the floor and does not reach the pit
    gained: float = 0.0
    pumped: float = 0.0

    @property
    def floor_level(self) -> float:
        return self.floor / self.shape.floor_m2

    @property
    def sump_level(self) -> float:
        """What a transmitter on the pit's bottom feels: a full pit carries the water of the floor above it."""
        level = self.pit / self.shape.pit_m2
        return level + self.floor_level if level >= self.shape.pit_depth else level

    @property
    def high_high_float(self) -> bool:
        return self.sump_level >= self.shape.high_high


def filled(shape: GarageShape, pit_level: float, floor_level: float = 0.0) -> Garage:
    """A zone at rest with these levels, m."""
    if not 0 <= pit_level <= shape.pit_depth or floor_level < 0:
        raise ValueError(f"the pit holds 0 m … {shape.pit_depth:g} m and the floor no less than 0 m")
    return Garage(shape, pit_level * shape.pit_m2, floor_level * shape.floor_m2)


def step(garage: Garage, rain: float, dt: float) -> Garage:
    """The zone `dt` seconds later under `rain` mm/h; no water is made or lost but by rain, seepage and pumps."""
    shape = garage.shape
    pumps = _switched(garage)
    off_ramp = runoff(rain, shape.catchment_m2) * dt
    seeped = shape.seepage * dt  # ground water comes through the pit's own walls
    drained = 0.0 if garage.clogged else min(garage.floor, shape.drain * dt)
    pit = garage.pit + seeped + drained + (0.0 if garage.clogged else off_ramp)
    floor = garage.floor - drained + (off_ramp if garage.clogged else 0.0)
    lifted = min(pit, shape.pump * dt * (pumps[0].running + pumps[1].running))
    pit -= lifted
    spilled = max(0.0, pit - shape.pit_m2 * shape.pit_depth)
    return Garage(
        shape,
        pit - spilled,
        max(0.0, floor + spilled),
        pumps,
        garage.clogged,
        garage.gained + off_ramp + seeped,
        garage.pumped + lifted,
    )


def trip(garage: Garage, pump: int, *, tripped: bool = True) -> Garage:
    """Trip the motor protection of pump 1 or 2, or reset it."""
    pumps = list(garage.pumps)
    pumps[pump - 1] = Pump(running=pumps[pump - 1].running and not tripped, tripped=tripped)
    return replace(garage, pumps=(pumps[0], pumps[1]))


def _switched(garage: Garage) -> tuple[Pump, Pump]:
    level = garage.sump_level
    first, second = (
        _switch(pump, level, start, garage.shape.stop)
        for pump, start in zip(garage.pumps, garage.shape.starts, strict=True)
    )
    return (first, second)


def _switch(pump: Pump, level: float, start: float, stop: float) -> Pump:
    running = not pump.tripped and (level >= start or (pump.running and level > stop))
    return pump if running == pump.running else Pump(running, pump.tripped)
