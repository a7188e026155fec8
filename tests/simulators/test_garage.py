"""Water: none is made, none is lost, none is negative."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import garage, rain
from simulators.garage import Garage, GarageShape, filled
from simulators.rain import Rain

SHAPE = GarageShape()
TURNS = st.lists(
    st.tuples(
        st.floats(0, 500),  # rain
        st.sampled_from(["none", "trip 1", "trip 2", "reset 1", "reset 2", "clog", "unclog"]),
        st.integers(1, 300),  # steps
        st.sampled_from([0.1, 1.0, 10.0]),  # s
    ),
    max_size=12,
)


def turned(zone: Garage, turn: str) -> Garage:
    word, _, pump = turn.partition(" ")
    if word in {"trip", "reset"}:
        return garage.trip(zone, int(pump), tripped=word == "trip")
    return zone if word == "none" else replace(zone, clogged=word == "clog")


@settings(max_examples=60, deadline=None)
@given(TURNS, st.floats(0, 4), st.floats(0, 0.5))
def test_mass_is_conserved(turns: list[tuple[float, str, int, float]], pit: float, floor: float) -> None:
    zone = filled(SHAPE, pit, floor)
    at_first = zone.pit + zone.floor
    for intensity, turn, steps, dt in turns:
        zone = turned(zone, turn)
        for _ in range(steps):
            zone = garage.step(zone, intensity, dt)
            assert zone.pit >= 0
            assert zone.floor >= 0
            assert zone.pit <= SHAPE.pit_m2 * SHAPE.pit_depth + 1e-9
            assert not any(pump.running and pump.tripped for pump in zone.pumps)
    stands = at_first + zone.gained - zone.pumped
    assert math.isclose(zone.pit + zone.floor, stands, rel_tol=1e-9, abs_tol=1e-6)


def run(zone: Garage, seconds: float, intensity: float = 0.0) -> Garage:
    for _ in range(round(seconds * 10)):
        zone = garage.step(zone, intensity, 0.1)
    return zone


def test_pumps_start_in_turn_and_stop_together() -> None:
    dry = replace(SHAPE, seepage=0.0)
    assert [pump.running for pump in run(filled(dry, 1.99), 1).pumps] == [False, False]
    assert [pump.running for pump in run(filled(dry, 2.0), 1).pumps] == [True, False]
    both = run(filled(dry, 2.6), 1)
    assert [pump.running for pump in both.pumps] == [True, True]
    emptied = run(both, 300)
    assert [pump.running for pump in emptied.pumps] == [False, False]
    assert emptied.sump_level == pytest.approx(1.0, abs=0.01)


def test_a_tripped_pump_stands_still_until_reset() -> None:
    zone = garage.trip(run(filled(SHAPE, 2.2), 1), 1)
    assert [pump.running for pump in run(zone, 10).pumps] == [False, False]
    assert [pump.running for pump in run(garage.trip(zone, 1, tripped=False), 1).pumps] == [True, False]


def test_a_full_pit_spills_and_the_floor_drains_back() -> None:
    flooded = run(filled(SHAPE, 4.0), 300, 300)
    assert flooded.floor_level > 0.1
    assert flooded.sump_level == pytest.approx(4.0 + flooded.floor_level)
    assert flooded.high_high_float
    drained = run(flooded, 1200)
    assert drained.floor_level == 0
    assert not drained.high_high_float


def test_a_clogged_gully_keeps_the_rain_on_the_floor() -> None:
    zone = run(replace(filled(SHAPE, 1.2), clogged=True), 600, 10)
    assert zone.floor == pytest.approx(rain.runoff(10, SHAPE.catchment_m2) * 600)
    assert zone.sump_level == pytest.approx(1.2 + SHAPE.seepage * 600 / SHAPE.pit_m2)


def test_levels_that_a_pit_cannot_have() -> None:
    with pytest.raises(ValueError, match="pit holds"):
        filled(SHAPE, 4.1)
    with pytest.raises(ValueError, match="pit holds"):
        filled(SHAPE, 1, -0.1)


@given(st.floats(0, 500), st.floats(0, 500), st.floats(0.01, 100))
def test_rain_approaches_without_overshoot(intensity: float, goal: float, dt: float) -> None:
    after = rain.step(Rain(intensity, goal), dt).intensity
    assert min(intensity, goal) <= after <= max(intensity, goal)


def test_rain_arrives() -> None:
    falling = Rain(0.0, 100.0)
    for _ in range(200):
        falling = rain.step(falling, 0.1)
    assert falling.intensity == pytest.approx(63.2, abs=0.1)
    for _ in range(4000):
        falling = rain.step(falling, 0.1)
    assert falling.intensity == 100.0
    assert rain.step(falling, 0.1) is falling


def test_runoff_is_a_unit_conversion() -> None:
    assert rain.runoff(36.0, 1000.0) == pytest.approx(0.01)  # 36 mm/h on 1,000 m² is 10 litres a second
