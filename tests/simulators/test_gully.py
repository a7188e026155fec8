"""Small floors: water is neither made nor lost, and stands as deep as the gully lets it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import gully, rain
from simulators.gully import Gully, GullyShape

RAMP = GullyShape(catchment_m2=500.0)
ROOM = GullyShape(floor_m2=15.0, drain=8 / 3600, pipe=12 / 3600)


def run(place: Gully, seconds: int, intensity: float = 0.0) -> Gully:
    for _ in range(seconds):
        place = gully.step(place, intensity, 1.0)
    return place


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 500), st.booleans(), st.booleans(), st.integers(1, 200)), max_size=8))
def test_mass_is_conserved(turns: list[tuple[float, bool, bool, int]]) -> None:
    place = Gully(replace(ROOM, catchment_m2=300.0))
    for intensity, clogged, burst, steps in turns:
        place = replace(place, clogged=clogged, burst=burst)
        for _ in range(steps):
            place = gully.step(place, intensity, 1.0)
            assert place.water >= 0
            assert place.water == pytest.approx(place.gained - place.drained, abs=1e-6)


def test_rain_stands_where_as_much_flows_off_as_comes() -> None:
    flowing = run(Gully(RAMP), 600, 145)
    share = rain.runoff(145, 500) / RAMP.drain
    assert flowing.floor_level == pytest.approx(gully.RATED_HEAD * share**2, rel=0.05)  # whole seconds are coarse steps
    assert flowing.floor_level < 0.03
    assert run(flowing, 300).floor_level == 0
    assert run(replace(flowing, clogged=True), 300, 145).floor_level > 0.2


def test_a_burst_pipe() -> None:
    assert run(Gully(ROOM), 100, 145).water == 0  # no rain comes in here
    wet = run(replace(Gully(ROOM), burst=True), 420)
    assert 0.03 < wet.floor_level < 0.10
    assert run(replace(wet, burst=False), 600).floor_level < 0.01
