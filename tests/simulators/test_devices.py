"""Register maps against the makers' documents (the profiles' sources)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.devices import adam_4100, adam_6024, counts, loop_current, nice3000, nice3000_words, status
from simulators.lift import Lift, LiftShape, Mode, Phase, parked
from simulators.passengers import Trip
from simulators.pdu import Table

CAR = parked(LiftShape())


def words(**changes: object) -> dict[int, int]:
    return nice3000_words(replace(CAR, **changes))  # type: ignore[arg-type]


def test_0578_is_automatic_running_and_hall_fire() -> None:
    state = words(phase=Phase.RUNNING, hall_fire=True)[0x101D]
    assert state & 0x0FF8 == 0x0578
    assert state & 0b100  # and its hall doors are locked, as they must be


@pytest.mark.parametrize(
    ("changes", "address", "expected"),
    [
        ({"velocity": -1.75}, 0x1010, 1750),
        ({}, 0x1011, 1750),
        ({}, 0x1018, 3),
        ({"height": 57.0}, 0x1018, 20),
        ({"height": 7.26}, 0x1019, 73),
        ({"height": -0.2}, 0x1019, 0),
        ({"riding": (Trip(3, 9, 3),)}, 0x101A, 225),
        ({"riding": (Trip(3, 9, 18),)}, 0x101A, 1350),
        ({"velocity": 1.0}, 0x3000, 1),
        ({"velocity": -1.0}, 0x3000, 2),
        ({}, 0x3000, 3),
        ({"fault": 41}, 0x8000, 41),
        ({"door": 0.0}, 0x101B, 1 << 4),
        ({"door": 0.5}, 0x101B, 0),
        ({"door": 1.0}, 0x101B, 1 << 2),
        ({"riding": (Trip(3, 9, 11),)}, 0x101B, 1 << 4 | 1 << 6),
        ({"riding": (Trip(3, 9, 15),)}, 0x101B, 1 << 4 | 1 << 6 | 1 << 7),
        ({"phase": Phase.OPENING}, 0x101C, 1),
        ({"phase": Phase.CLOSING}, 0x101C, 2),
        ({"riding": (Trip(3, 9), Trip(3, 8), Trip(3, 20))}, 0x2000, 1 << 7),
        ({"riding": (Trip(3, 9), Trip(3, 8), Trip(3, 20))}, 0x2001, 1),
        ({"riding": (Trip(3, 9), Trip(3, 8), Trip(3, 20))}, 0x2002, 1 << 3),
        ({"waiting": (Trip(1, 5), Trip(4, 2), Trip(5, 6))}, 0x2010, 1 << 0 | 1 << 7),
        ({"waiting": (Trip(1, 5), Trip(4, 2), Trip(5, 6))}, 0x2011, 1 << 0),
    ],
)
def test_nice3000_words(changes: dict[str, object], address: int, expected: int) -> None:
    assert words(**changes)[address] == expected


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        (Mode.INSPECTION, 0),
        (Mode.FIRE_RETURN, 3),
        (Mode.FIREMAN, 4),
        (Mode.FAULT, 5),
        (Mode.ATTENDANT, 6),
        (Mode.AUTOMATIC, 7),
        (Mode.LOCKED, 8),
        (Mode.PARKED, 9),
        (Mode.VIP, 15),
    ],
)
def test_nice3000_modes(mode: Mode, code: int) -> None:
    assert words(mode=mode)[0x101D] >> 4 & 0xF == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"phase": Phase.OPENING}, 1),
        ({"phase": Phase.OPEN}, 2),
        ({"phase": Phase.CLOSING}, 3),
        ({"riding": (Trip(3, 9),)}, 4),
        ({"phase": Phase.RUNNING}, 5),
        ({"phase": Phase.STOPPED}, 6),
    ],
)
def test_nice3000_motions(changes: dict[str, object], code: int) -> None:
    assert words(**changes)[0x101D] >> 8 & 0xF == code


def test_nice3000_answers_function_3_only_and_has_gaps() -> None:
    registers = nice3000(lambda: CAR)
    assert registers(Table.HOLDING, 0x1010, 0x14) is not None
    assert registers(Table.HOLDING, 0x1010, 0x15) is None
    assert registers(Table.HOLDING, 0x100F, 1) is None
    assert registers(Table.HOLDING, 0x2000, 6) is not None
    assert registers(Table.HOLDING, 0x2010, 12) is not None
    for command in (0x4000, 0x6000, 0x6004):
        assert registers(Table.HOLDING, command, 1) is None
    for table in (Table.COILS, Table.DISCRETE_INPUTS, Table.INPUT):
        assert registers(table, 0x1010, 1) is None


@given(
    st.floats(-0.25, 57.25),
    st.floats(-1.75, 1.75),
    st.floats(0, 1),
    st.sampled_from(Phase),
    st.lists(st.builds(Trip, st.integers(1, 20), st.integers(1, 20), st.integers(1, 30)), max_size=5),
)
def test_every_word_is_16_bits(height: float, velocity: float, door: float, phase: Phase, trips: list[Trip]) -> None:
    car: Lift = replace(
        CAR, height=height, velocity=velocity, door=door, phase=phase, riding=tuple(trips), waiting=tuple(trips)
    )
    assert all(0 <= word <= 0xFFFF for word in nice3000_words(car).values())


@pytest.mark.parametrize(
    ("current", "raw", "state"),
    [(0.0, 0, 0), (4.0, 13107, 0), (20.0, 65535, 0), (20.5, 65535, 1), (12.0, 39321, 0), (-0.1, 0, 2)],
)
def test_adam_6024_counts(current: float, raw: int, state: int) -> None:
    assert counts(current) == raw
    assert status(current) == state


def test_adam_6024_map() -> None:
    registers = adam_6024(lambda: [4.0, 20.5, 0, 0, 0, -1.0], lambda: (True, False))
    assert registers(Table.HOLDING, 0, 6) == [13107, 65535, 0, 0, 0, 0]
    assert registers(Table.HOLDING, 20, 6) == [0, 1, 0, 0, 0, 2]
    assert registers(Table.HOLDING, 10, 2) == [0, 0]
    assert registers(Table.COILS, 0, 2) == [1, 0]
    assert registers(Table.COILS, 16, 2) == [0, 0]
    assert registers(Table.HOLDING, 0, 7) is None
    assert registers(Table.INPUT, 0, 1) is None


def test_adam_4100_map() -> None:
    registers = adam_4100(lambda: [True, False, True, False, False, False, False, True])
    assert registers(Table.HOLDING, 300, 1) == [0b10000101]
    assert registers(Table.HOLDING, 302, 1) == [0]
    assert registers(Table.HOLDING, 300, 2) is None
    assert registers(Table.COILS, 0, 1) is None


@pytest.mark.parametrize(
    ("level", "current"), [(0.0, 4.0), (1.0, 20.0), (0.5, 12.0), (1.01, 20.16), (2.0, 20.5), (-0.1, 3.8)]
)
def test_a_transmitter_saturates(level: float, current: float) -> None:
    assert loop_current(level, 0.0, 1.0) == pytest.approx(current)
