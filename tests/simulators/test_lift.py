"""The lift stays in its shaft, keeps to its speed, never runs with an open door, and nobody vanishes inside it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import lift
from simulators.lift import FINAL_LIMIT, OVERTRAVEL, Lift, LiftShape, Mode, Phase, parked
from simulators.passengers import Trip, arrival

SHAPE = LiftShape()
QUIET = replace(SHAPE, trips_per_hour=0.0)
DT = 0.1

TURNS: dict[str, Callable[[Lift], Lift]] = {
    "strand": lambda car: lift.strand(car, 41),
    "rescue": lift.rescue,
    "overtravel": lambda car: lift.overtravel(car, 43),
    "mains off": lambda car: replace(car, mains=False),
    "mains on": lambda car: replace(car, mains=True),
    "jam": lambda car: replace(car, door_stuck=True),
    "free": lambda car: replace(car, door_stuck=False),
    "crowd": lambda car: replace(car, waiting=(*car.waiting, Trip(3, 9, 18))),
} | {mode.value: lambda car, mode=mode: lift.set_mode(car, mode) for mode in Mode}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.tuples(st.sampled_from(sorted(TURNS)), st.integers(1, 900)), max_size=12))
def test_laws_of_the_shaft(seed: int, turns: list[tuple[str, int]]) -> None:
    rng = random.Random(seed)
    car = parked(replace(SHAPE, trips_per_hour=300))
    for turn, steps in [("free", 300), *turns]:
        car = TURNS[turn](car)
        for _ in range(steps):
            before, car = car, lift.step(car, DT, rng)
            assert -OVERTRAVEL <= car.height <= SHAPE.top + OVERTRAVEL
            assert abs(car.velocity) <= SHAPE.rated_speed
            assert abs(car.height - before.height) <= SHAPE.rated_speed * DT + 1e-9
            assert 0 <= car.door <= 1
            assert car.velocity == 0 or car.door == 0
            assert car.phase is not Phase.RUNNING or car.door == 0
            if car.phase is not Phase.OPEN and before.phase is not Phase.OPEN:
                assert car.load == before.load  # nobody gets in or out through a closed door
            assert 1 <= car.floor <= SHAPE.floors


def run(car: Lift, seconds: float) -> Lift:
    rng = random.Random(1)
    for _ in range(round(seconds / DT)):
        car = lift.step(car, DT, rng)
    return car


def history(car: Lift, seconds: float) -> list[Lift]:
    states, rng = [car], random.Random(1)
    for _ in range(round(seconds / DT)):
        states.append(lift.step(states[-1], DT, rng))
    return states


def test_a_journey() -> None:
    states = history(replace(parked(QUIET), waiting=(Trip(3, 12, 3),)), 60)
    phases = [state.phase for place, state in enumerate(states) if place == 0 or states[place - 1].phase != state.phase]
    assert phases == [
        Phase.WAIT,
        Phase.OPENING,
        Phase.OPEN,
        Phase.CLOSING,
        Phase.WAIT,
        Phase.RUNNING,
        Phase.OPENING,
        Phase.OPEN,
        Phase.CLOSING,
        Phase.WAIT,
    ]
    assert max(state.velocity for state in states) == pytest.approx(1.75)
    assert max(state.load for state in states) == 225
    gains = [after.velocity - before.velocity for before, after in itertools.pairwise(states)]
    assert max(gains) <= SHAPE.acceleration * DT + 1e-9
    arrived = states[-1]
    assert (arrived.floor, arrived.height, arrived.load) == (12, 33.0, 0)


def test_calls_on_the_way_are_served_first() -> None:
    car = replace(parked(QUIET), riding=(Trip(3, 12), Trip(3, 6)), waiting=(Trip(1, 3),))
    stops = [state.floor for state in history(car, 200) if state.phase is Phase.OPENING and state.door == 0]
    assert list(dict.fromkeys(stops)) == [6, 12, 1, 3]


def test_a_full_car_takes_nobody_else() -> None:
    car = replace(parked(QUIET), riding=(Trip(3, 12, 11),), waiting=(Trip(3, 5, 1), Trip(5, 3, 2)))
    assert car.full
    states = history(car, 20)
    assert {state.load for state in states} == {825.0}


def test_the_last_to_fit_get_in() -> None:
    car = replace(parked(QUIET), riding=(Trip(3, 12, 10),), waiting=(Trip(3, 5, 3), Trip(3, 6, 1)))
    assert max(state.load for state in history(car, 12)) == 975.0  # 80 % is passed by the group that is still let in


def test_an_overloaded_car_stays_until_enough_have_stepped_out() -> None:
    states = history(replace(parked(QUIET), waiting=(Trip(3, 9, 16),)), 60)
    assert any(state.overload for state in states)
    assert not any(state.overload and state.phase is Phase.RUNNING for state in states)
    running = next(state for state in states if state.phase is Phase.RUNNING)
    assert running.load <= 1100
    assert sum(trip.people for trip in (*running.riding, *running.waiting)) == 16


def test_stranded_between_floors_until_rescued() -> None:
    car = lift.strand(replace(parked(QUIET), waiting=(Trip(3, 15, 2),)), 41)
    stuck = run(car, 60)
    assert (stuck.phase, stuck.velocity, stuck.load, stuck.door) == (Phase.STOPPED, 0.0, 150.0, 0.0)
    assert (stuck.mode, stuck.fault, stuck.door_zone) == (Mode.AUTOMATIC, 41, False)
    assert stuck.off_landing > 0.5
    assert run(stuck, 3600).height == stuck.height
    assert max(abs(state.velocity) for state in history(lift.rescue(stuck), 60)) == 0.3
    freed = run(lift.rescue(stuck), 60)
    assert (freed.load, freed.fault, freed.off_landing) == (0.0, 0, 0.0)


def test_an_empty_car_is_not_stranded() -> None:
    car = lift.strand(replace(parked(QUIET), waiting=(Trip(15, 3),)), 41)
    assert run(car, 15).phase is Phase.RUNNING


def test_mains_failure_stops_the_car_where_it_is_and_it_goes_on_afterwards() -> None:
    moving = run(replace(parked(QUIET), riding=(Trip(3, 15),)), 10)
    dark = run(replace(moving, mains=False), 30)
    assert (dark.phase, dark.velocity) == (Phase.STOPPED, 0.0)
    assert run(replace(dark, mains=True), 60).floor == 15


def test_overtravel_trips_the_final_limit() -> None:
    past = run(lift.overtravel(parked(QUIET), 43), 60)
    assert past.final_limit
    assert past.height == pytest.approx(SHAPE.top + OVERTRAVEL)
    assert (past.phase, past.fault) == (Phase.STOPPED, 43)
    back = run(lift.rescue(past), 20)
    assert not back.final_limit
    assert back.height == SHAPE.top
    assert OVERTRAVEL > FINAL_LIMIT


def test_fire_return_brings_everybody_to_the_ground_floor_and_keeps_the_door_open() -> None:
    upstairs = run(replace(parked(QUIET), riding=(Trip(3, 15, 2),)), 10)
    recalled = run(lift.set_mode(upstairs, Mode.FIRE_RETURN), 120)
    assert (recalled.floor, recalled.load, recalled.phase, recalled.door) == (3, 0.0, Phase.OPEN, 1.0)
    assert run(lift.set_mode(recalled, Mode.AUTOMATIC), 30).door == 0


def test_a_jammed_door() -> None:
    opening = replace(parked(QUIET), phase=Phase.OPENING, door_stuck=True)
    assert run(opening, 200).door == 0
    held = run(replace(parked(QUIET), phase=Phase.OPEN, door=1.0, door_stuck=True), 200)
    assert (held.phase, held.door) == (Phase.OPEN, 1.0)
    assert run(replace(held, door_stuck=False), 10).door == 0


def test_out_of_service_takes_no_calls() -> None:
    car = lift.set_mode(replace(parked(SHAPE), waiting=(Trip(3, 9),)), Mode.INSPECTION)
    assert run(car, 3600) == car


def test_people_arrive_as_often_as_they_should() -> None:
    rng = random.Random(4)
    trips = [trip for _ in range(36_000) if (trip := arrival(rng, 120, 20, 3, DT)) is not None]
    assert 95 < len(trips) < 145
    assert all(trip.origin != trip.destination for trip in trips)
    assert all(1 <= floor <= 20 for trip in trips for floor in (trip.origin, trip.destination))
    assert sum(3 in (trip.origin, trip.destination) for trip in trips) > len(trips) * 0.8
