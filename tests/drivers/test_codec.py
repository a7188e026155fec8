"""What was written into registers comes out of the decoder, whatever the types, the orders and the blocks."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.modbus.cell import Table
from drivers.modbus.codec import Decoder, answer_bytes
from drivers.modbus.plan import plan
from drivers.modbus.reading import cells_of
from drivers.profile import ModbusProfile, never_read
from gateway.model import Quality
from tests.drivers.made import profile

FORMATS = {
    "uint16": "H", "int16": "h", "uint32": "I", "int32": "i",
    "uint64": "Q", "int64": "q", "float32": "f", "float64": "d",
}  # fmt: skip
NUMBERS: dict[str, st.SearchStrategy[Any]] = {
    name: st.integers(-(1 << (size - 1)), (1 << (size - 1)) - 1)
    if name.startswith("int")
    else st.integers(0, (1 << size) - 1)
    for name, size in (("uint16", 16), ("int16", 16), ("uint32", 32), ("int32", 32), ("uint64", 64), ("int64", 64))
} | {
    "float32": st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False),
    "float64": st.floats(1e-30, 1e300) | st.floats(-1e300, -1e-30) | st.just(0.0),
}
ORDERS = st.sampled_from(["big", "little"])


def registers(kind: str, value: Any, byte_order: str, word_order: str) -> list[int]:
    """The encoder, written independently: whole words first, then their order, then their bytes."""
    payload = struct.pack(">" + FORMATS[kind], value)
    words = [payload[i : i + 2] for i in range(0, len(payload), 2)]
    if word_order == "little":
        words.reverse()
    return [int.from_bytes(word, "big" if byte_order == "big" else "little") for word in words]


def decode(made: ModbusProfile, image: dict[int, int]) -> tuple[list[Any], list[int] | None]:
    blocks = plan(cells_of(made.readings.values()), made.modbus.limits, never_read(made))
    answers = [struct.pack(f">{b.count}H", *(image.get(a, 0xDEAD) for a in range(b.address, b.end))) for b in blocks]
    assert [len(answer) for answer in answers] == [answer_bytes(block) for block in blocks]
    return Decoder(made.readings, blocks).decode(answers)


@st.composite
def layouts(draw: st.DrawFn) -> tuple[dict[str, Any], dict[int, int], list[Any]]:
    points: dict[str, Any] = {}
    image: dict[int, int] = {}
    expected = []
    address = draw(st.integers(0, 60000))
    for index in range(draw(st.integers(1, 30))):
        kind = draw(st.sampled_from(sorted(FORMATS)))
        value = draw(NUMBERS[kind])
        orders = {"byte_order": draw(ORDERS), "word_order": draw(ORDERS)}
        words = registers(kind, value, **orders)
        address += draw(st.integers(0, 40))
        points[f"p{index}"] = {"address": address, "type": kind, **orders}
        image |= {address + i: word for i, word in enumerate(words)}
        address += len(words)
        expected.append(value)
    order = draw(st.permutations(sorted(points)))
    return {key: points[key] for key in order}, image, [expected[int(key[1:])] for key in order]


@given(layouts())
def test_round_trip(layout: tuple[dict[str, Any], dict[int, int], list[Any]]) -> None:
    points, image, expected = layout
    assert decode(profile(points), image) == (expected, None)


@given(st.integers(0, 0xFFFF), st.integers(0, 15), st.integers(0, 15))
def test_bits(word: int, low: int, high: int) -> None:
    low, high = min(low, high), max(low, high)
    whole = {"address": 3, "bits": [low, high], "overlaps": True}
    made = profile({"b": {"address": 3, "bit": low}, "n": whole, "w": {"address": 3}})
    (bit, number, register), quality = decode(made, {3: word})
    assert quality is None
    assert bit is (f"{word:016b}"[15 - low] == "1")
    assert number == int(f"{word:016b}"[15 - high : 16 - low], 2)
    assert register == word


@given(st.lists(st.booleans(), min_size=1, max_size=2000), st.integers(0, 63000))
def test_bit_tables(flags: list[bool], first: int) -> None:
    made = profile(
        {f"c{i}": {"address": first + i, "table": "coil"} for i in range(0, len(flags), 3)}, {"limits": {"gap": 2}}
    )
    blocks = plan(cells_of(made.readings.values()), made.modbus.limits)
    assert all(block.table is Table.COIL for block in blocks)
    answers: list[bytes | int] = []
    for block in blocks:
        bits = flags[block.address - first : block.end - first]
        answers.append(sum(bit << i for i, bit in enumerate(bits)).to_bytes(answer_bytes(block), "little"))
    assert Decoder(made.readings, blocks).decode(answers) == (flags[::3], None)


@given(st.binary(min_size=200, max_size=200))
def test_no_bytes_make_a_number_that_is_not_one(payload: bytes) -> None:
    kinds = [*FORMATS, "string"]
    points: dict[str, Any] = {
        f"p{i}": {"address": 4 * i, "type": kinds[i % 9], **({"length": 2} if kinds[i % 9] == "string" else {})}
        for i in range(25)
    }
    words = struct.unpack(">100H", payload)
    values, quality = decode(profile(points), dict(enumerate(words)))
    for value, code in zip(values, quality or [0] * len(values), strict=True):
        assert (value is None) == (code >= 0x80)
        if isinstance(value, float):
            assert math.isfinite(value)


def test_a_failed_block_spoils_its_own_points_only() -> None:
    made = profile({"a": {"address": 1}, "b": {"address": 500, "enum": {1: "on"}}, "c": {"address": 2}})
    blocks = plan(cells_of(made.readings.values()), made.modbus.limits)
    values, quality = Decoder(made.readings, blocks).decode([b"\0\1\0\2", int(Quality.BAD_CONFIG)])
    assert values == [1, None, 2]
    assert quality == [0, Quality.BAD_CONFIG, 0]


def test_judges_are_judged_first() -> None:
    made = profile(
        {
            "v": {"address": 1, "valid_when": {"s": True}},
            "s": {"address": 2, "bit": 0, "valid_when": {"t": True}},
            "t": {"address": 3, "bit": 0},
        }
    )
    assert decode(made, {1: 7, 2: 1, 3: 1}) == ([7, True, True], None)
    values, quality = decode(made, {1: 7, 2: 1, 3: 0})
    assert values == [None, None, False]
    assert quality == [Quality.BAD_SENSOR, Quality.BAD_SENSOR, 0]


@pytest.mark.parametrize(
    ("status", "value", "quality"),
    [
        (0, 7, None),
        (1, None, [Quality.BAD_SENSOR, 0]),
        (9, None, [Quality.BAD_SENSOR, Quality.BAD_UNDECLARED]),
    ],
)
def test_a_value_is_valid_when_its_status_says_so(status: int, value: int | None, quality: list[int] | None) -> None:
    made = profile(
        {"ai": {"address": 1, "valid_when": {"st": "ok"}}, "st": {"address": 2, "enum": {0: "ok", 1: "over"}}}
    )
    values, got = decode(made, {1: 7, 2: status})
    assert (values[0], got) == (value, quality)


EVERYTHING: dict[str, Any] = {
    "ok": {"address": 0, "bits": [0, 3], "enum": {0: "ok", 1: "over"}},
    "flag": {"address": 0, "bit": 4, "sentinels": {0xFFFF: "no_value"}},
    "gated": {"address": 0, "bits": [5, 9], "gate_bit": 15, "true_for": [1, 2], "false_for": [0]},
    "masked": {"address": 1, "sentinels": {0xFF: "not_fitted"}, "sentinel_mask": 0xFF, "scale": 0.1},
    "factor": {"address": 2, "type": "float32", "range": [1e-3, 1e6]},
    "digits": {"address": 4, "type": "bcd32", "scale": 1000, "counter": True},
    "signed": {
        "address": 6,
        "type": "sm16",
        "scale_from": ["factor", {"point": "ok", "table": {"ok": 1, "over": 0.5}}],
    },
    "named": {"address": 7, "type": "string", "length": 3, "encoding": "gb18030"},
    "word": {"address": 10, "type": "string", "length": 1, "enum": {"A1": "idle"}},
    "when": {"address": 11, "type": "datetime", "layout": ["year_month", "day_hour", "minute_second"]},
    "big": {"address": 14, "type": "uint64", "scale": 7, "offset": -3},
    "wide": {"address": 18, "type": "float64", "scale": 1e12, "valid_when": {"masked": {"at_least": 1}, "ok": "ok"}},
    "turned": {
        "address": 22,
        "type": "float32",
        "byte_order": "little",
        "scale_from": "factor",
        "linear": {0: 0, 1: 9},
    },
    "united": {"address": 24, "unit": "Pa", "unit_from": {"point": "ok", "units": {"ok": "MPa"}}},
}
COMPUTED = {
    "ratio": {"expr": "(signed - wide) / masked", "range": [-1e9, 1e9]},
    "rest": {"expr": "big % digits", "enum": {0: "none", 1: "one"}},
    "best": {"expr": "highest(masked, first(wide, turned, factor)) * ratio"},
}
PARTS = {
    "id": "P{n}", "over": {"n": [1, 32]}, "address": {"start": 26, "n": 1}, "packed": {"bits": 4, "first": "high"},
    "points": {
        "state": {"bits": [0, 1], "enum": {0: "a", 1: "b"}, "valid_when": {"on": True}},
        "on": {"bit": 3, "sentinels": {15: "not_fitted"}},
    },
}  # fmt: skip
KITCHEN = profile(EVERYTHING, computed=COMPUTED, parts=[PARTS]).for_parts(["P1", "P7", "P32"])
WORDS = st.one_of(st.integers(0, 0xFFFF), st.sampled_from([0, 0xFFFF, 0x7FC0, 0x7F80, 0x8000, 0x3F80, 0x4131]))


@settings(max_examples=400)
@given(st.lists(WORDS, min_size=40, max_size=40), st.sets(st.integers(0, 1)))
def test_whatever_a_device_sends_is_a_value_or_a_reason(words: list[int], lost: set[int]) -> None:
    """All words of the language at once; and answers that never came."""
    blocks = plan(cells_of(KITCHEN.readings.values()), KITCHEN.modbus.limits.model_copy(update={"max_registers": 20}))
    answers: list[bytes | int] = [
        int(Quality.BAD_COMM) if i in lost else struct.pack(f">{b.count}H", *words[b.address : b.end])
        for i, b in enumerate(blocks)
    ]
    assert len(blocks) == 2
    values, quality = Decoder(KITCHEN.readings, blocks).decode(answers)
    of = dict(zip(KITCHEN.readings, zip(values, quality or [0] * len(values), strict=True), strict=True))
    kinds = {"float": float, "int": int, "bool": bool, "enum": str, "text": str}
    for key, (value, mark) in of.items():
        assert (value is None) == (mark >= 0x80), key
        if value is not None:
            assert type(value) is kinds[KITCHEN.point(key).type], key
            assert not isinstance(value, (int, float)) or math.isfinite(value)
            # nothing is good that stands on something bad
            needs = KITCHEN.readings[key].meaning.needs
            assert key == "best" or all(of[need][0] is not None for need in needs), key
    if lost == {0, 1}:
        assert {mark for _, mark in of.values()} == {Quality.BAD_COMM}
