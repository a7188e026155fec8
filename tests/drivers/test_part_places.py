"""Parts that are units of their own, and parts whose states share registers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.vectors import mistakes
from tests.drivers.made import cell, profile, read, refusals

SOCKETS: dict[str, Any] = {
    "id": "S{socket}",
    "over": {"socket": [1, 2]},
    "address": {"start": 300},
    "unit": {"start": 1, "socket": 1},
    "points": {"energy": {"address": 74, "type": "float64"}, "age": {"address": 1, "type": "uint64", "unit": "ms"}},
    "computed": {"age_s": {"expr": "age / 1000", "unit": "s"}},
}


def test_sockets_are_units() -> None:
    """Alfen: both sockets have the same registers, one as unit 1, the other as unit 2."""
    vectors = [
        {
            "parts": ["S1", "S2"],
            "units": {1: {"registers": {374: [0x4132, 0xD687, 0, 0]}}, 2: {"registers": {301: [0, 0, 0, 1500]}}},
            "expect": {"S1/energy": 1234567.0, "S2/age_s": 1.5},
        },
        {"parts": ["S1"], "units": {2: {"registers": {301: [0, 0, 0, 5]}}}, "expect": {"S1/age": 5}},
    ]
    made = profile(
        {"name": {"address": 100, "at_unit": "station"}}, {"units": {"station": 200}}, parts=[SOCKETS], vectors=vectors
    )
    of = made.for_parts(["S2", "S1"])
    assert [of.readings[key].unit for key in ("name", "S2/energy", "S1/energy", "S1/age_s")] == ["station", 2, 1, 1]
    assert cell(of, "S2/energy") == cell(of, "S1/energy")
    assert of.readings["S2/age_s"].needs == ("S2/age",)
    ((index, _, told),) = mistakes(made)
    assert (index, told) == (1, "S1/age: the vector leaves out a register of 'S1/age'")


STATION = {"units": {"station": 200}}
REFUSED: list[tuple[dict[str, Any], tuple[Any, ...], str]] = [
    ({"unit": {"socket": 1}}, ("parts", 0), "`unit` needs a `start`"),
    ({"unit": {"start": 1, "n": 1}}, ("parts", 0), "not 'n'"),
    ({"unit": {"start": 1, "socket": -1}}, ("parts", 0), "a step is not negative"),
    ({"unit": {"start": 0, "socket": 1}}, ("parts", 0), "within 1 … 255 are expected, got 0 … 1"),
    ({"unit": {"start": 255, "socket": 1}}, ("parts", 0), "got 255 … 256"),
    ({"unit": {"start": 1}}, ("parts", 0, "address"), "'S1' and 'S2' would share the register"),
    (
        {"points": {"age": {"at_unit": "station"}}, "computed": {}},
        ("parts", 0, "points", "age", "at_unit"),
        "S1: the `unit` of these parts says already",
    ),
    (
        {"points": {"age": {"valid_when": {"ok": True}}}, "computed": {}},
        ("parts", 0, "points", "age", "valid_when", "ok"),
        "S1: 'ok' is read from the device's own unit, 'S1/age' from unit 1",
    ),
    (
        {"computed": {"x": {"expr": "nothing"}}},
        ("parts", 0, "computed", "x", "expr"),
        "S1: column 1: there is no",
    ),
    (
        {"computed": {"age": {"expr": "energy"}}},
        ("parts", 0, "computed", "age"),
        "S1: there is a point",
    ),
]


@pytest.mark.parametrize(("more", "loc", "told"), REFUSED)
def test_refused(more: dict[str, Any], loc: tuple[Any, ...], told: str) -> None:
    found = refusals({"ok": {"address": 1, "bit": 0}}, STATION, parts=[{**SOCKETS, **more}])
    assert [place for place, _ in found] == [loc] and told in found[0][1]


def panel(first: str, bits: int, point: dict[str, Any], **more: Any) -> Any:
    template = {
        "id": "Z{zone}A{number}",
        "over": {"zone": [1, 4], "number": [1, 99]},
        "address": {"start": 100, "zone": 128, "number": 1},
        "packed": {"bits": bits, "first": first},
        "points": {"state": point},
        **more,
    }
    return profile({}, parts=[template])


STATES = {"enum": {0: "normal", 1: "fire", 2: "fault"}}


@given(
    st.sampled_from(["low", "high"]),
    st.sampled_from([1, 2, 4, 8]),
    st.integers(1, 4),
    st.integers(1, 99),
    st.lists(st.integers(0, 0xFFFF), min_size=300, max_size=300),
)
def test_states_stand_where_the_arithmetic_says(
    first: str, bits: int, zone: int, number: int, words: list[int]
) -> None:
    """The reader, written independently: the whole memory as one row of bits."""
    made = panel(first, bits, {}).for_parts([f"Z{zone}A{number}"])
    row = [format(word, "016b") if first == "high" else format(word, "016b")[::-1] for word in words]
    at = ((zone - 1) * 128 + number - 1) * bits
    state = "".join(row)[at : at + bits]
    expected = int(state if first == "high" else state[::-1], 2)
    assert read(made, dict(enumerate(words, 100)), f"Z{zone}A{number}/state") == expected


def test_words_bits_and_sentinels_count_within_the_state() -> None:
    points = {
        "state": {"bits": [0, 1], "enum": {0: "normal", 1: "fire", 2: "fault"}},
        "off": {"bit": 3},
        "raw": {"sentinels": {0xF: "not_fitted"}},
    }
    made = panel("low", 4, {}, points=points).for_parts(["Z1A1", "Z1A2", "Z1A4"])
    image = {100: 0x8_0_9_F}
    assert [read(made, image, f"Z1A1/{name}") for name in ("state", "off", "raw")] == ["undeclared", True, "not_fitted"]
    assert [read(made, image, f"Z1A2/{name}") for name in ("state", "off", "raw")] == ["fire", True, 9]
    assert [read(made, image, f"Z1A4/{name}") for name in ("state", "off", "raw")] == ["normal", True, 8]
    of_a_bit = panel("high", 1, {"true_for": [1], "false_for": [0]}).for_parts(["Z1A1", "Z1A16"])
    assert read(of_a_bit, {100: 0x8000}, "Z1A1/state") is True and read(of_a_bit, {100: 0x8000}, "Z1A16/state") is False


@pytest.mark.parametrize(
    ("more", "tail", "told"),
    [
        ({"packed": {"bits": 3, "first": "low"}}, ("packed", "bits"), "1, 2, 4 or 8"),
        ({"packed": {"bits": 2}}, ("packed", "first"), "required"),
        (
            {"address": {"start": 100, "zone": 50, "number": 1}},
            ("address",),
            "'Z1A51' and 'Z2A1' would share the state 50",
        ),
        ({"points": {"state": {"address": 1}}}, ("points", "state", "address"), "stand in its state"),
        ({"points": {"state": {"bit": 2}}}, ("points", "state", "bit"), "a state of 2 bits has the bits 0 … 1, not 2"),
        ({"points": {"state": {"type": "int16"}}}, ("points", "state", "type"), "registers of type uint16"),
        (
            {"points": {"state": {"table": "coil", "type": "bool"}}},
            ("points", "state", "table"),
            "a single bit by itself",
        ),
        (
            {"points": {"state": {"sentinels": {4: "sensor"}}}},
            ("points", "state", "sentinels"),
            "4 has more than 2 bits",
        ),
    ],
)
def test_packed_refused(more: dict[str, Any], tail: tuple[Any, ...], told: str) -> None:
    with pytest.raises(ValueError) as caught:
        panel("low", 2, STATES, **more)
    (error,) = caught.value.errors()  # type: ignore[attr-defined]
    assert error["loc"] == ("parts", 0, *tail) and told in error["msg"]


def test_a_state_is_no_register_and_knows_nothing_of_its_sentinels() -> None:
    template = {
        "id": "D{n}", "over": {"n": [1, 20]}, "address": {"start": 0, "n": 1}, "packed": {"bits": 2, "first": "low"},
        "points": {"state": STATES},
    }  # fmt: skip
    made = profile({"whole": {"address": 9}}, {"sentinels": {"uint16": {1: "no_value"}}}, parts=[template])
    of = made.for_parts(["D1", "D2"])
    assert read(of, {0: 0x0001}, "D1/state") == "fire" and read(of, {9: 1}, "whole") == "no_value"


def test_kinds_of_parts_may_have_their_own_bits_of_a_register() -> None:
    """Each channel has a state in the low half of a register and its fault in the high half, side by side."""
    low = {
        "id": "A{n}", "over": {"n": [1, 2]}, "address": {"start": 0, "n": 1}, "packed": {"bits": 8, "first": "low"},
        "points": {"state": {"bits": [0, 6]}},
    }  # fmt: skip
    near = {**low, "id": "B{n}", "over": {"n": [1, 1]}, "address": {"start": 0, "n": 1}, "points": {"on": {"bit": 3}}}
    far = {**near, "packed": {"bits": 8, "first": "high"}}
    assert profile({}, parts=[low, far]).for_parts(["A1", "B1"]).readings["B1/on"].meaning.field == (8, 0xFF)
    with pytest.raises(ValueError, match="bit 3 of this register is also part of 'A1/state'"):
        profile({}, parts=[low, near]).for_parts(["A1", "B1"])
    with pytest.raises(ValueError, match="bit 11 of this register is also part of 'A2/state'"):
        profile({}, parts=[low, far]).for_parts(["A2", "B1"])
