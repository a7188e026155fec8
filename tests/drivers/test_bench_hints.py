"""What the bench proposes when a point reads wrong, decoded by the profile itself with one thing changed."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from drivers.bench.decoding import decoded, unpacked
from drivers.bench.hints import device_hints, needs_hint, orders_of, point_hints
from drivers.modbus.cell import Table, WireType, register_cell
from drivers.modbus.plan import Block
from gateway.model import Quality
from tests.drivers.made import profile, shipped

HOLDING = Table.HOLDING


def holding(words: dict[int, int], table: Table = HOLDING) -> dict[tuple[Table, int], int]:
    return {(table, address): word for address, word in words.items()}


def meter(first: int = 0, *, swapped: bool) -> dict[tuple[Table, int], int]:
    """An SDM630's registers with its tables beginning at `first`."""
    said = {0: 230.2173, 2: 229.5411, 4: 231.1299, 6: 5.213, 8: 4.871, 10: 1.3, 0x46: 49.98, 0x48: 1234.5}
    words: dict[int, int] = {}
    for address, value in said.items():
        pair = struct.unpack(">2H", struct.pack(">f", value))
        words |= dict(enumerate(pair[::-1] if swapped else pair, first + address))
    return holding(words, Table.INPUT)


def test_a_meter_whose_words_are_turned_round() -> None:
    readings = shipped("eastron-sdm630").readings
    registers = meter(swapped=True)
    said = decoded(readings, registers)
    wrong = [key for key in readings if needs_hint(readings[key], said[key])]
    assert "voltage_l2" in wrong, "1e-16 V is no voltage, whatever its range lets through"
    (first, *_) = point_hints("voltage_l2", readings, registers)
    assert str(first) == "word_order: little would read 229.5411 V"
    (device, *_) = device_hints(readings, registers)
    assert device.keys == "word_order: little"
    assert device.plausible == device.points > device.before


def test_a_meter_that_is_read_one_register_off() -> None:
    """Its manual counts from 1, and the profile has these numbers for addresses on the wire."""
    readings = shipped("eastron-sdm630").readings
    registers = meter(swapped=False)
    assert device_hints(readings, registers) == [], "as it should be: nothing to say"
    moved = {(table, address + 1): word for (table, address), word in registers.items()}
    (device, *_) = device_hints(readings, moved)
    assert "every address one higher" in [hint.keys for hint in device_hints(readings, moved)]
    assert device.plausible == device.points


@pytest.mark.parametrize(
    ("point", "words", "hint"),
    [
        ({"type": "uint32", "scale": 0.1, "range": [0, 300], "unit": "V"}, {5: 2302, 6: 0}, "word_order: little"),
        ({"type": "uint16", "scale": 0.1, "range": [0, 300], "unit": "V"}, {5: 0xFE08}, "byte_order: little"),
        ({"type": "uint16", "scale": 0.1, "range": [0, 300], "unit": "V"}, {5: 23020}, "scale: 0.01"),
        ({"type": "uint16", "range": [-40, 85], "unit": "°C"}, {5: 0xFFF6}, "type: int16"),
        (
            {"type": "uint16", "scale": 0.1, "range": [207, 253], "unit": "V"},
            {4: 2302, 5: 9, 6: 3},
            "address one lower (4 on the wire)",
        ),
        ({"type": "uint16", "enum": {1: "idle", 2: "charging"}}, {5: 0x0200}, "byte_order: little"),
    ],
)
def test_one_change_at_a_time(point: dict[str, Any], words: dict[int, int], hint: str) -> None:
    readings = profile({"a": {"address": 5, **point}}).readings
    registers = holding(words)
    assert needs_hint(readings["a"], decoded(readings, registers)["a"])
    assert hint in [found.keys for found in point_hints("a", readings, registers)]


def test_what_is_right_needs_no_hint_and_zero_none_either() -> None:
    readings = profile({"a": {"address": 5, "type": "float32", "range": [0, 300]}, "b": {"address": 9}}).readings
    registers = holding({5: 0x4366, 6: 0x3333, 9: 0})
    said = decoded(readings, registers)
    assert not any(needs_hint(readings[key], said[key]) for key in readings)
    assert device_hints(readings, registers) == []


def test_a_sentinel_is_the_device_s_word() -> None:
    readings = profile({"a": {"address": 5, "sentinels": {0xFFFF: "not_fitted"}}}).readings
    assert not needs_hint(readings["a"], decoded(readings, holding({5: 0xFFFF}))["a"])


def test_what_could_not_be_read_is_bad_with_its_reason() -> None:
    readings = profile({"a": {"address": 5, "type": "uint32"}, "b": {"address": 9}, "c": {"address": 11}}).readings
    missing = {(HOLDING, 9): int(Quality.BAD_CONFIG)}
    said = decoded(readings, holding({5: 1, 11: 7}), missing)
    assert (said["a"].quality, said["b"].quality, said["c"].value) == (Quality.BAD_COMM, Quality.BAD_CONFIG, 7)


def test_bits() -> None:
    readings = profile({"a": {"address": 5, "table": "coil"}, "b": {"address": 6, "table": "coil"}}).readings
    registers = unpacked(Block(Table.COIL, 5, 2, ()), b"\x02")
    assert registers == {(Table.COIL, 5): 0, (Table.COIL, 6): 1}
    assert {key: said.value for key, said in decoded(readings, registers).items()} == {"a": False, "b": True}


@pytest.mark.parametrize("little_bytes", [False, True])
@pytest.mark.parametrize("little_words", [False, True])
def test_orders_of_a_cell(little_bytes: bool, little_words: bool) -> None:
    cell = register_cell(HOLDING, 0, WireType.FLOAT32, little_bytes=little_bytes, little_words=little_words)
    assert orders_of(cell) == (little_bytes, little_words)
