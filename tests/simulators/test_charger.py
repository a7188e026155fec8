"""Charging: energy is power over time, heat follows the square of the current, water leaks, a welded relay holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import charger, feeder
from simulators.charger import AMBIENT, Car, Charger, ChargerShape, Trouble, plug_in, unplug
from simulators.feeder import Feeder, FeederShape

THREE, ONE = ChargerShape("east"), ChargerShape("east", phases=1, limit=16.0)
TURNS = st.lists(
    st.tuples(
        st.sampled_from(["nothing", "plug in", "unplug", "stop", "stick", "free", "loose", "tight"]),
        st.floats(6, 63),  # A that the car takes
        st.floats(0.1, 5),  # kWh that it wants
        st.floats(0, 1.2),  # m of water
        st.integers(1, 200),  # steps
    ),
    max_size=8,
)


def turned(each: Charger, turn: str, demand: float, wanted: float) -> Charger:
    match turn:
        case "plug in":
            return plug_in(each, Car(demand, wanted))
        case "unplug":
            return unplug(each)
        case "stop":
            return replace(each, stopped=True)
        case "stick" | "free":
            return replace(each, relay_stuck=turn == "stick")
        case "loose" | "tight":
            return replace(each, contact=10.0 if turn == "loose" else 1.0)
    return each


def run(each: Charger, seconds: float, water: float = 0.0) -> Charger:
    for _ in range(round(seconds)):
        each = charger.step(each, water, 1.0)
    return each


@settings(max_examples=60, deadline=None)
@given(TURNS, st.sampled_from([THREE, ONE]))
def test_energy_is_power_over_time_and_nothing_leaves_its_bounds(
    turns: list[tuple[str, float, float, float, int]], shape: ChargerShape
) -> None:
    each, joules = Charger(shape), 0.0
    for turn, demand, wanted, water, steps in turns:
        each = turned(each, turn, demand, wanted)
        for _ in range(steps):
            before, each = each, charger.step(each, water, 1.0)
            joules += each.power
            assert 0 <= each.current <= shape.limit
            assert each.total_kwh >= before.total_kwh
            assert each.temperature >= AMBIENT - 1e-9
            if each.car is None or each.trouble is Trouble.RESIDUAL_CURRENT:
                assert each.current == 0
            if each.current and not before.charging:
                assert each.relay_stuck
            assert all(210 < volts < 245 for volts in each.voltages)
    assert each.total_kwh * 3.6e6 == pytest.approx(joules, rel=1e-9, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_leakage_rises_with_water_and_only_from_3_cm_on(waters: list[float]) -> None:
    leaks = [charger.step(Charger(THREE), water, 1.0).leakage for water in sorted(waters)]
    assert leaks == sorted(leaks)
    for water, leak in zip(sorted(waters), leaks, strict=True):
        assert (leak > charger.DRY_LEAKAGE) == (water > 0.03)


def test_a_session() -> None:
    each = plug_in(Charger(THREE), Car(32, 2.0))
    assert not run(each, 5).charging
    begun = run(each, 10)
    assert begun.charging
    assert 0 < begun.current < 10  # it rises gradually
    full = run(each, 60)
    assert full.currents == (32, 32, 32)
    assert full.power == pytest.approx(32 * 3 * 230 * 0.99, rel=0.03)
    tapering = run(each, 340)
    assert 6 <= tapering.current < 32
    done = run(each, 1200)
    assert (done.charging, done.current, done.trouble) == (False, 0, Trouble.NONE)
    assert done.session_kwh == pytest.approx(2.0, abs=0.01)
    again = plug_in(unplug(done), Car(32, 2.0))
    assert (again.session_kwh, again.total_kwh) == (0, done.total_kwh)


def test_one_phase_at_its_limit() -> None:
    each = run(plug_in(Charger(ONE), Car(32, 20)), 60)
    assert each.currents == (16, 0, 0)


def test_a_sound_contact_stays_cool_and_a_bad_one_ends_the_session() -> None:
    each = run(plug_in(Charger(THREE), Car(32, 60)), 1800)
    assert 30 < each.temperature < 40
    hot = run(replace(each, contact=8.0), 1800)
    assert hot.trouble is Trouble.OVER_TEMPERATURE
    assert (hot.charging, hot.current) == (False, 0)
    cold = run(hot, 1800)
    assert cold.temperature < 30
    assert cold.trouble is Trouble.OVER_TEMPERATURE  # until somebody comes
    assert unplug(cold).trouble is Trouble.NONE


def test_a_relay_that_sticks() -> None:
    each = run(plug_in(Charger(THREE), Car(32, 60)), 60)
    ended = run(replace(each, stopped=True), 5)
    assert ended.current == 0
    welded = run(replace(each, stopped=True, relay_stuck=True), 60)
    assert (welded.charging, welded.current) == (False, charger.WELDED_CURRENT)
    assert run(unplug(welded), 1).current == 0
    idle = run(replace(plug_in(Charger(THREE), Car(32, 60)), relay_stuck=True, stopped=True), 60)
    assert idle.current == 0  # the relay never closed


def test_deep_water_trips_the_residual_current_device_even_of_a_stuck_relay() -> None:
    each = replace(run(plug_in(Charger(THREE), Car(32, 60)), 60), relay_stuck=True)
    assert run(each, 10, water=0.4).charging
    tripped = run(each, 10, water=0.8)
    assert (tripped.trouble, tripped.current) == (Trouble.RESIDUAL_CURRENT, 0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 4), st.floats(0, 2000), st.floats(0, 0.5))
def test_a_feeder_carries_its_chargers_and_its_base_load(cars: int, base: float, water: float) -> None:
    loads = [run(plug_in(Charger(THREE if place % 2 else ONE), Car(32, 60)), 60) for place in range(cars)]
    cable = Feeder(FeederShape("east", base))
    joules = 0.0
    for _ in range(5):
        loads = [charger.step(each, water, 1.0) for each in loads]
        cable = feeder.step(cable, loads, water, 1.0)
        joules += cable.power
        assert cable.power == pytest.approx(base + sum(each.power for each in loads))
        for phase in range(3):
            assert cable.currents[phase] >= sum(each.currents[phase] for each in loads) - 1e-9
            assert cable.voltages[phase] * cable.currents[phase] >= cable.powers[phase] - 1e-6
    assert cable.energy * 3.6e6 == pytest.approx(joules)
    assert cable.leakage >= 12 + sum(each.leakage for each in loads) - 1e-9


def test_residual_current_of_a_wet_floor() -> None:
    levels = (0.0, 0.03, 0.05, 0.15, 0.3, 20.0)
    leaks = [feeder.step(Feeder(FeederShape("east")), [], water, 1.0).leakage for water in levels]
    assert leaks[0] == leaks[1] == feeder.NATURAL_LEAKAGE
    assert 50 < leaks[2] < 100
    assert leaks[3] > 300
    assert leaks == sorted(leaks)
    assert leaks[-1] == feeder.LARGEST_LEAKAGE
