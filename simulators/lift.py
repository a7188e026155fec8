"""One lift: a car that travels between landings, its doors, its passengers, and the ways it fails."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from enum import Enum

from simulators.passengers import KG_PER_PERSON, Trip, arrival

MOST_WAITING = 12  # groups; the others take the stairs
FULL = 0.8  # of the rated load: nobody else gets in
OVERLOAD = 1.1  # EN 81-20 §5.12.1.2.1: exceeded by 10 %
DOOR_ZONE = 0.2  # m either side of a landing
LEVEL = 0.001  # m: arrived
OVERTRAVEL = 0.25  # m beyond the last landing, where an overtravelling car comes to rest
FINAL_LIMIT = 0.1  # m beyond the last landing
EMERGENCY_BRAKE = 2.5  # m/s²
RESCUE_SPEED = 0.3  # m/s
CLEAR_OF_LANDINGS = 0.9  # m: a stranded car's doors open onto the wall


class Mode(Enum):
    """What the controller is switched to."""

    INSPECTION = "inspection"
    FIRE_RETURN = "fire_return"
    FIREMAN = "fireman"
    FAULT = "fault"
    ATTENDANT = "attendant"
    AUTOMATIC = "automatic"
    LOCKED = "locked"
    PARKED = "parked"
    VIP = "vip"


class Phase(Enum):
    """What the car is doing."""

    WAIT = "wait"
    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    RUNNING = "running"
    STOPPED = "stopped"  # by emergency: not at the end of a journey


@dataclass(frozen=True, slots=True)
class LiftShape:
    """Measures of a lift; floors are counted from 1 at the bottom. The defaults are the demo building's."""

    floors: int = 20
    ground: int = 3
    floor_height: float = 3.0
    rated_speed: float = 1.75
    acceleration: float = 0.8
    rated_load: float = 1000.0  # kg
    open_time: float = 2.5
    close_time: float = 3.0
    trips_per_hour: float = 60.0

    @property
    def top(self) -> float:
        """Height of the highest landing above the lowest, m."""
        return (self.floors - 1) * self.floor_height

    def landing(self, floor: int) -> float:
        return (floor - 1) * self.floor_height

    def nearest(self, height: float) -> int:
        return min(self.floors, max(1, 1 + round(height / self.floor_height)))


@dataclass(frozen=True, slots=True)
class Lift:
    """State of one lift. `goal` is the height a running car heads for; `pace` limits its speed."""

    shape: LiftShape
    height: float
    pace: float
    velocity: float = 0.0
    door: float = 0.0  # 0 closed … 1 open
    phase: Phase = Phase.WAIT
    dwell: float = 0.0
    goal: float = 0.0
    upward: bool = True
    waiting: tuple[Trip, ...] = ()
    riding: tuple[Trip, ...] = ()
    mode: Mode = Mode.AUTOMATIC
    fault: int = 0
    hall_fire: bool = False
    mains: bool = True
    stranding: int | None = None  # the fault number with which it will stop between floors, people inside
    stranded: bool = False
    door_stuck: bool = False

    @property
    def floor(self) -> int:
        return self.shape.nearest(self.height)

    @property
    def off_landing(self) -> float:
        return abs(self.height - self.shape.landing(self.floor))

    @property
    def load(self) -> float:
        """kg in the car."""
        return float(sum(trip.kg for trip in self.riding))

    @property
    def load_ratio(self) -> float:
        return self.load / self.shape.rated_load

    @property
    def full(self) -> bool:
        return self.load_ratio >= FULL

    @property
    def overload(self) -> bool:
        return self.load_ratio > OVERLOAD

    @property
    def door_zone(self) -> bool:
        return self.off_landing <= DOOR_ZONE

    @property
    def final_limit(self) -> bool:
        return self.height > self.shape.top + FINAL_LIMIT or self.height < -FINAL_LIMIT


def parked(shape: LiftShape, floor: int | None = None) -> Lift:
    """An idle lift at a landing (the ground floor unless told) with its doors closed."""
    return Lift(shape, shape.landing(shape.ground if floor is None else floor), shape.rated_speed)


def step(lift: Lift, dt: float, rng: random.Random) -> Lift:
    """The lift `dt` seconds later; `rng` brings the passengers."""
    if lift.mode is Mode.AUTOMATIC:
        shape = lift.shape
        trip = arrival(rng, shape.trips_per_hour, shape.floors, shape.ground, dt)
        if trip is not None and len(lift.waiting) < MOST_WAITING:
            lift = replace(lift, waiting=(*lift.waiting, trip))
    return _STEPS[lift.phase](lift, dt)


def _wait(lift: Lift, dt: float) -> Lift:
    stop = _next_stop(lift)
    if stop is None or not lift.mains:
        return lift
    if stop == lift.floor:
        return replace(lift, phase=Phase.OPENING)
    goal = lift.shape.landing(stop)
    return replace(lift, phase=Phase.RUNNING, goal=goal, pace=lift.shape.rated_speed, upward=goal > lift.height)


def _next_stop(lift: Lift) -> int | None:
    """The nearest call in the direction of travel, else the nearest the other way."""
    here = lift.floor
    if lift.mode is Mode.FIRE_RETURN:
        return lift.shape.ground
    if lift.mode is not Mode.AUTOMATIC:
        return None
    stops = {trip.destination for trip in lift.riding}
    if not lift.full:
        stops |= {trip.origin for trip in lift.waiting}
    if not stops or here in stops:
        return here if stops else None
    ahead = [stop for stop in stops if (stop > here) == lift.upward]
    return min(ahead or stops, key=lambda stop: (abs(stop - here), stop))


def _opening(lift: Lift, dt: float) -> Lift:
    if lift.door_stuck or not lift.mains:
        return lift
    door = min(1.0, lift.door + dt / lift.shape.open_time)
    return replace(lift, door=door) if door < 1 else _exchange(replace(lift, door=1.0, phase=Phase.OPEN))


def _exchange(lift: Lift) -> Lift:
    """People at their floor get out, those who wait here get in while there is room."""
    here = lift.floor
    riding = tuple(trip for trip in lift.riding if trip.destination != here)
    moved = len(lift.riding) - len(riding)
    waiting = []
    load = sum(trip.kg for trip in riding)
    for trip in lift.waiting:
        if trip.origin == here and load < FULL * lift.shape.rated_load and lift.mode is Mode.AUTOMATIC:
            riding = (*riding, trip)
            load += trip.kg
            moved += 1
        else:
            waiting.append(trip)
    return replace(lift, riding=riding, waiting=tuple(waiting), dwell=max(lift.dwell, 3.0 + moved))


def _open(lift: Lift, dt: float) -> Lift:
    if lift.dwell > dt:
        return replace(lift, dwell=lift.dwell - dt)
    if lift.overload:
        return _one_steps_out(lift)
    if lift.mode is Mode.AUTOMATIC and not lift.full and any(trip.origin == lift.floor for trip in lift.waiting):
        return _exchange(replace(lift, dwell=0.0))
    recalled = lift.mode is Mode.FIRE_RETURN and lift.floor == lift.shape.ground
    if lift.door_stuck or not lift.mains or recalled:
        return replace(lift, dwell=0.0)
    return replace(lift, dwell=0.0, phase=Phase.CLOSING)


def _one_steps_out(lift: Lift) -> Lift:
    *others, last = lift.riding
    left_behind = Trip(lift.floor, last.destination)
    stays = (replace(last, people=last.people - 1),) if last.people > 1 else ()
    return replace(lift, riding=(*others, *stays), waiting=(*lift.waiting, left_behind), dwell=3.0)


def _closing(lift: Lift, dt: float) -> Lift:
    if lift.door_stuck or not lift.mains:
        return lift
    door = max(0.0, lift.door - dt / lift.shape.close_time)
    return replace(lift, door=door, phase=Phase.WAIT if door == 0 else Phase.CLOSING)


def _running(lift: Lift, dt: float) -> Lift:
    if not lift.mains:
        return _stopped(replace(lift, phase=Phase.STOPPED), dt)
    if lift.stranding is not None and lift.riding and _would_rest_between(lift):
        stuck = replace(lift, phase=Phase.STOPPED, stranding=None, stranded=True, fault=lift.stranding)
        return _stopped(stuck, dt)
    way = lift.goal - lift.height
    if abs(way) < LEVEL:
        return _arrived(lift)
    shape = lift.shape
    braking = math.sqrt(2 * shape.acceleration * abs(way))  # the speed from which the car still stops at its goal
    speed = min(abs(lift.velocity) + shape.acceleration * dt, lift.pace, braking)
    moved = min(speed * dt, abs(way))
    sign = math.copysign(1.0, way)
    return replace(lift, height=lift.height + sign * moved, velocity=sign * speed)


def _would_rest_between(lift: Lift) -> bool:
    rest = lift.height + math.copysign(lift.velocity**2 / (2 * EMERGENCY_BRAKE), lift.velocity)
    return abs(rest - lift.shape.landing(lift.shape.nearest(rest))) > CLEAR_OF_LANDINGS


def _arrived(lift: Lift) -> Lift:
    landed = replace(lift, height=lift.goal, velocity=0.0)
    if landed.final_limit:
        return replace(landed, phase=Phase.STOPPED, stranded=True)
    return replace(landed, phase=Phase.OPENING)


def _stopped(lift: Lift, dt: float) -> Lift:
    if lift.velocity != 0:
        speed = max(0.0, abs(lift.velocity) - EMERGENCY_BRAKE * dt)
        velocity = math.copysign(speed, lift.velocity) if speed else 0.0
        return replace(lift, height=lift.height + velocity * dt, velocity=velocity)
    if lift.mains and not lift.stranded:  # the supply has come back: the journey goes on
        return replace(lift, phase=Phase.RUNNING)
    return lift


_STEPS = {
    Phase.WAIT: _wait,
    Phase.OPENING: _opening,
    Phase.OPEN: _open,
    Phase.CLOSING: _closing,
    Phase.RUNNING: _running,
    Phase.STOPPED: _stopped,
}


def strand(lift: Lift, fault: int) -> Lift:
    """Stop between floors at the next opportunity with people inside; the controller will report `fault`."""
    return replace(lift, stranding=fault)


def rescue(lift: Lift) -> Lift:
    """Bring the car slowly to the nearest landing, where everybody gets out; faults are reset."""
    floor = lift.floor
    goal = lift.shape.landing(floor)
    freed = replace(lift, stranding=None, stranded=False, fault=0, door_stuck=False)
    if lift.phase is not Phase.STOPPED:
        return freed
    out = tuple(replace(trip, destination=floor) for trip in lift.riding)
    return replace(freed, phase=Phase.RUNNING, goal=goal, pace=RESCUE_SPEED, velocity=0.0, riding=out)


def overtravel(lift: Lift, fault: int) -> Lift:
    """Run past the highest landing into the final limit switch."""
    goal = lift.shape.top + OVERTRAVEL
    shut = replace(lift, door=0.0, fault=fault, goal=goal, pace=lift.shape.rated_speed, upward=True)
    return replace(shut, phase=Phase.RUNNING)


def set_mode(lift: Lift, mode: Mode) -> Lift:
    """Switch the controller; a recalled lift takes everybody to the ground floor."""
    if mode is not Mode.FIRE_RETURN:
        return replace(lift, mode=mode)
    return replace(lift, mode=mode, riding=tuple(replace(trip, destination=lift.shape.ground) for trip in lift.riding))


def people_in(lift: Lift) -> int:
    return round(lift.load / KG_PER_PERSON)
