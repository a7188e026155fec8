"""SDM630, ASJ and KEBA against their documents: addresses, types, limits and refusals."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from simulators.charger import Car, Charger, ChargerShape, Trouble, plug_in
from simulators.feeder import Feeder, FeederShape
from simulators.keba import keba_p30, keba_values
from simulators.meters import acrel_asj, asj_words, sdm630, sdm630_values
from simulators.pdu import answer

CABLE = Feeder(
    FeederShape("east"),
    voltages=(230.2, 229.5, 231.0),
    currents=(10.0, 11.0, 12.0),
    powers=(2200.0, 2400.0, 2600.0),
    reactive=(300.0, 400.0, 500.0),
    energies=(400.0, 400.0, 434.5),
    reactive_energies=(10.0, 10.0, 10.0),
    leakage=151.4,
)
CAR = replace(plug_in(Charger(ChargerShape("east")), Car(32, 60)), plugged_for=60.0, current=16.0, session_kwh=1.5)


def meter(question: str) -> str:
    return answer(bytes.fromhex(question), sdm630(lambda: CABLE)).hex(" ")


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("04 00 00 00 02", "04 04 43 66 33 33"),  # 230.2 V
        ("04 00 48 00 02", "04 04 44 9a 50 00"),  # 1234.5 kWh
        ("04 00 46 00 02", "04 04 42 48 00 00"),  # 50 Hz
        ("04 00 34 00 02", "04 04 45 e1 00 00"),  # 7200 W
        ("04 01 56 00 02", "04 04 44 9a 50 00"),
        ("04 00 01 00 02", "84 02"),  # begins within a value
        ("04 00 00 00 03", "84 03"),  # ends within one
        ("04 00 00 00 52", "84 03"),  # 82 registers
        ("04 01 7e 00 04", "84 02"),  # behind the table
        ("03 00 00 00 02", "83 01"),
        ("01 00 00 00 02", "81 01"),
        ("10 00 00 00 02 04 00 00 00 00", "90 01"),
    ],
)
def test_sdm630(question: str, said: str) -> None:
    assert meter(question) == said


def test_sdm630_gives_80_registers_and_zero_where_its_table_has_a_gap() -> None:
    words = bytes.fromhex(meter("04 00 00 00 50"))[2:]
    values = struct.unpack(">40f", words)
    assert values[:6] == pytest.approx((230.2, 229.5, 231.0, 10, 11, 12))
    assert values[6:9] == (2200, 2400, 2600)
    assert values[0x24 // 2] == 0
    assert values[0x3E // 2] == pytest.approx(7200 / (2302 + 229.5 * 11 + 231 * 12))
    assert sum(sdm630_values(CABLE)[place] for place in (0x15A, 0x15C, 0x15E)) == pytest.approx(1234.5)


@pytest.mark.parametrize(
    ("leakage", "broken", "measured", "status"),
    [
        (12.4, False, 12, 0b000),
        (149.4, False, 149, 0b000),
        (150.0, False, 150, 0b001),
        (299.6, False, 300, 0b010),
        (90_000.0, False, 30_000, 0b010),
        (400.0, True, 0, 0b100),
    ],
)
def test_asj(leakage: float, broken: bool, measured: int, status: int) -> None:
    words = asj_words(leakage, broken, 300, 50, 7)
    assert (words[0x0000], words[0x0008], words[0x0009], words[0x0018], words[0x001B]) == (measured, 300, 50, 7, status)


def test_asj_answers_function_3_at_its_own_addresses() -> None:
    relay = acrel_asj(lambda: CABLE, lambda: False, unit=7)
    assert answer(bytes.fromhex("03 00 00 00 01"), relay).hex(" ") == "03 02 00 97"
    assert answer(bytes.fromhex("03 00 1b 00 01"), relay).hex(" ") == "03 02 00 01"
    assert answer(bytes.fromhex("03 00 00 00 02"), relay).hex(" ") == "83 02"
    assert answer(bytes.fromhex("04 00 00 00 01"), relay).hex(" ") == "84 01"


@pytest.mark.parametrize(
    ("changes", "address", "value"),
    [
        ({}, 1000, 3),
        ({"car": None}, 1000, 1),
        ({"plugged_for": 2.0}, 1000, 2),
        ({"stopped": True}, 1000, 5),
        ({"trouble": Trouble.OVER_TEMPERATURE}, 1000, 4),
        ({}, 1004, 7),
        ({"car": None}, 1004, 0),
        ({"stopped": True}, 1004, 5),
        ({}, 1006, 0),
        ({}, 1008, 16_000),
        ({}, 1012, 16_000),
        ({}, 1040, 230),
        ({"total_kwh": 1234.5678}, 1036, 0x00BC_614E),
        ({}, 1502, 15_000),
        ({}, 1100, 32_000),
    ],
)
def test_keba(changes: dict[str, object], address: int, value: int) -> None:
    assert keba_values(replace(CAR, **changes))[address] == value  # type: ignore[arg-type]


def test_keba_power_is_in_milliwatts() -> None:
    assert keba_values(CAR)[1020] == pytest.approx(16 * 3 * 229 * 0.99 * 1000, rel=0.02)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("03 03 e8 00 02", "03 04 00 00 00 03"),
        ("03 03 e8 00 01", "83 03"),
        ("03 03 e8 00 04", "83 03"),
        ("03 03 e9 00 02", "83 02"),  # within a value
        ("03 03 ea 00 02", "83 02"),  # 1002 does not exist
        ("03 04 04 00 02", "83 02"),
        ("04 03 e8 00 02", "84 01"),
        ("06 13 8c 3e 80", "86 01"),
    ],
)
def test_keba_gives_one_value_per_question(question: str, said: str) -> None:
    assert answer(bytes.fromhex(question), keba_p30(lambda: CAR)).hex(" ") == said
