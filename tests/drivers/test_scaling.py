"""Numbers that other registers scale, units that other registers name, and whole numbers that stay whole."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import PointType
from tests.drivers.made import profile, read, refusals

F32 = {"type": "float32"}


def words(kind: str, value: float) -> list[int]:
    raw = struct.pack(">" + kind, value)
    return list(struct.unpack(f">{len(raw) // 2}H", raw))


RATIOS: dict[str, Any] = {
    "ct": {"address": 6, "range": [1, 10000]},
    "vt": {"address": 7, "scale": 0.1, "range": [0.1, 1000]},
    "power": {"address": 0x12, **F32, "scale": 0.1, "unit": "W", "scale_from": ["ct", "vt"]},
    "current": {"address": 0x0C, **F32, "scale": 0.001, "unit": "A", "scale_from": "ct"},
}


def meter(ct: int, vt: int) -> dict[int, int]:
    image = {6: ct, 7: vt}
    image |= dict(enumerate(words("f", -12345.0), 0x12))
    return image | dict(enumerate(words("f", 5000.0), 0x0C))


def test_ratios_of_the_transformers() -> None:
    """Chint DTSU666 counts on the secondary side: a meter behind 200:5 shows a fortieth of the building."""
    made = profile(RATIOS)
    assert read(made, meter(40, 10), "power") == pytest.approx(-49380)
    assert read(made, meter(40, 100), "power") == pytest.approx(-493800)
    assert read(made, meter(40, 10), "current") == pytest.approx(200)
    assert made.readings["power"].needs == ("ct", "vt")
    assert made.readings["current"].needs == ("ct",)


@pytest.mark.parametrize(("ct", "vt", "reason"), [(0, 10, "range"), (40, 0, "range"), (60000, 10, "range")])
def test_a_bad_ratio_makes_everything_bad_that_it_scales(ct: int, vt: int, reason: str) -> None:
    made = profile(RATIOS)
    assert read(made, meter(ct, vt), "power") == reason


@pytest.mark.parametrize(
    ("kind", "raw", "reason"),
    [("uint16", [0], "config"), ("int16", [0xFFFF], "config"), ("float32", words("f", -1.0), "config")],
)
def test_a_ratio_that_cannot_be_one_is_a_device_that_nobody_has_set_up(kind: str, raw: list[int], reason: str) -> None:
    made = profile({"ct": {"address": 0, "type": kind}, "p": {"address": 9, "scale_from": "ct"}})
    assert read(made, {**dict(enumerate(raw)), 9: 5}, "p") == reason


def test_a_ratio_that_is_no_number_gives_its_own_reason() -> None:
    made = profile(
        {"ct": {"address": 0, **F32, "sentinels": {float("nan"): "no_value"}}, "p": {"address": 9, "scale_from": "ct"}}
    )
    assert read(made, {0: 0x7FC0, 1: 0, 9: 5}, "p") == "no_value"
    assert read(made, {**dict(enumerate(words("f", 3e38))), 9: 0xFFFF}, "p") == pytest.approx(65535 * 3e38, rel=1e-6)


def test_what_is_beyond_all_numbers_is_none() -> None:
    made = profile(
        {"k": {"address": 0, "type": "float64"}, "p": {"address": 9, "type": "float64", "scale_from": ["k", "k"]}}
    )
    image = dict(enumerate(words("d", 1e200))) | dict(enumerate(words("d", 5.0), 9))
    assert read(made, image, "p") == "decode"


DECIMALS = {
    "decimals": {"address": 2},
    "unit_code": {"address": 3},
    "pressure": {
        "address": 4,
        "type": "int16",
        "scale_from": {"point": "decimals", "table": {0: 1, 1: 0.1, 2: 0.01, 3: 0.001}},
        "unit_from": {"point": "unit_code", "units": {0: "MPa", 1: "kPa", 17: "bar"}},
        "unit": "kPa",
        "range": [-100, 10000],
    },
}


@pytest.mark.parametrize(
    ("image", "value"),
    [
        ({2: 0, 3: 1, 4: 1234}, 1234),
        ({2: 1, 3: 1, 4: 1234}, 123.4),
        ({2: 3, 3: 0, 4: 1234}, 1234),
        ({2: 2, 3: 17, 4: 1234}, 1234),
        ({2: 0, 3: 17, 4: 1234}, "range"),
        ({2: 1, 3: 1, 4: 0xFFFF}, -0.1),
        ({2: 9, 3: 1, 4: 1234}, "undeclared"),
        ({2: 1, 3: 5, 4: 1234}, "undeclared"),
    ],
)
def test_decimals_and_unit_of_another_register(image: dict[int, int], value: Any) -> None:
    """QDY30A: its keys set how many decimals it shows, and in which unit; the same counts are 1234 kPa or 1.234."""
    made = profile(DECIMALS)
    found = read(made, image, "pressure")
    assert found == (value if isinstance(value, str) else pytest.approx(value))
    assert made.point("pressure").type is PointType.FLOAT and made.point("pressure").unit == "kPa"


def test_words_stand_for_factors_and_units_too() -> None:
    made = profile(
        {
            "mode": {"address": 0, "bits": [0, 3], "enum": {0: "coarse", 1: "fine", 2: "off"}},
            "u": {"address": 0, "bits": [4, 7], "enum": {0: "celsius", 1: "kelvin"}},
            "t": {
                "address": 1,
                "scale_from": {"point": "mode", "table": {"coarse": 1, "fine": 0.1}},
                "unit_from": {"point": "u", "units": {"celsius": "°C", "kelvin": "K"}},
                "unit": "°C",
            },
        }
    )
    assert read(made, {0: 0x01, 1: 231}, "t") == 23.1
    assert read(made, {0: 0x11, 1: 2962}, "t") == pytest.approx(23.05)
    assert read(made, {0: 0x02, 1: 231}, "t") == "undeclared"
    assert read(made, {0: 0x09, 1: 231}, "t") == "undeclared"


def test_offset_and_line_come_after_the_factor() -> None:
    made = profile(
        {"k": {"address": 0}, "p": {"address": 1, "scale_from": "k", "scale": 2, "offset": 5.5, "range": [0, 100]}}
    )
    assert read(made, {0: 3, 1: 4}, "p") == 29.5
    assert read(made, {0: 30, 1: 4}, "p") == "range"
    line = profile({"k": {"address": 0}, "p": {"address": 1, "scale_from": "k", "linear": {0: "0 m", 100: "5 m"}}})
    assert read(line, {0: 10, 1: 5}, "p") == 2.5


def test_a_factor_may_have_a_factor_and_a_judge() -> None:
    points = {
        "p": {"address": 1, "scale_from": "a"},
        "a": {"address": 2, "scale_from": "b", "valid_when": {"ok": True}},
        "b": {"address": 3},
        "ok": {"address": 4, "bit": 0},
    }
    made = profile(points)
    assert read(made, {1: 2, 2: 3, 3: 5, 4: 1}, "p") == 30
    assert read(made, {1: 2, 2: 3, 3: 5, 4: 0}, "p") == "sensor"
    assert set(made.readings["p"].needs) == {"a", "b", "ok"}


REFUSED: list[tuple[dict[str, Any], tuple[Any, ...], str]] = [
    ({"scale_from": "nothing"}, ("scale_from",), "no point 'nothing'"),
    ({"scale_from": "p"}, ("scale_from",), "judged by itself: p → p"),
    ({"scale_from": "flag"}, ("scale_from",), "of type bool, nothing to multiply by"),
    ({"scale_from": "mode"}, ("scale_from",), "say what its words stand for"),
    (
        {"scale_from": {"point": "mode", "table": {"on": 1}}},
        ("scale_from",),
        "'mode' is never 'on'; it is one of coarse",
    ),
    ({"scale_from": {"point": "mode", "table": {0: 1}}}, ("scale_from",), "never 0"),
    ({"scale_from": {"point": "level", "table": {0: 1}}}, ("scale_from",), "only whole numbers and words"),
    ({"scale_from": {"point": "n", "table": {"on": 1}}}, ("scale_from",), "'n' is never 'on'"),
    ({"scale_from": {"point": "n", "table": {0: 0}}}, ("scale_from", 0, "table", 0), "greater than 0"),
    ({"scale_from": {"point": "n", "table": {0: -1}}}, ("scale_from", 0, "table", 0), "greater than 0"),
    ({"scale_from": {"point": "n", "table": {}}}, ("scale_from", 0, "table"), "at least 1"),
    ({"scale_from": []}, ("scale_from",), "at least 1"),
    ({"scale_from": "n", "bit": 1}, ("scale_from",), "needs a number"),
    ({"unit_from": {"point": "n", "units": {0: "m"}}}, ("unit_from",), "`unit`"),
    ({"unit": "m", "unit_from": {"point": "n", "units": {0: "V"}}}, ("unit_from", "units"), "'V' measures voltage"),
    ({"unit": "m", "unit_from": {"point": "n", "units": {0: "yd"}}}, ("unit_from", "units", 0), "unknown unit 'yd'"),
    ({"unit": "m", "unit_from": {"point": "x", "units": {0: "m"}}}, ("unit_from", "point"), "no point 'x'"),
    ({"unit": "m", "unit_from": {"point": "flag", "units": {0: "m"}}}, ("unit_from", "units"), "of type bool"),
    (
        {"unit": "m", "linear": {0: "0 m", 9: "1 m"}, "unit_from": {"point": "n", "units": {0: "m"}}},
        ("unit_from",),
        "`linear` says a unit, too",
    ),
]


@pytest.mark.parametrize(("point", "tail", "told"), REFUSED)
def test_refused(point: dict[str, Any], tail: tuple[Any, ...], told: str) -> None:
    others: dict[str, Any] = {
        "n": {"address": 1},
        "flag": {"address": 2, "bit": 0},
        "mode": {"address": 3, "enum": {0: "coarse"}},
        "level": {"address": 4, **F32},
    }
    found = refusals({**others, "p": {"address": 7, **point}})
    assert [loc for loc, _ in found] == [("points", "p", *tail)] and told in found[0][1]


# whole numbers end at 64 bits


@pytest.mark.parametrize(
    ("kind", "raw", "more", "value"),
    [
        ("Q", 2**63, {"type": "uint64", "scale": 1}, 2**63),
        ("Q", 2**63 - 1, {"type": "uint64", "scale": 2}, "decode"),
        ("Q", 2**62 - 1, {"type": "uint64", "scale": 2}, 2**63 - 2),
        ("q", -(2**63), {"type": "int64", "scale": -1}, "decode"),
        ("q", -(2**63), {"type": "int64", "offset": -1}, "decode"),
        ("q", -(2**63), {"type": "int64", "offset": 1}, -(2**63) + 1),
        ("I", 2**32 - 1, {"type": "uint32", "scale": 1e12}, "decode"),
        ("I", 2**32 - 1, {"type": "uint32", "scale": 1000}, (2**32 - 1) * 1000),
    ],
)
def test_a_whole_number_stays_within_64_bits(kind: str, raw: int, more: dict[str, Any], value: Any) -> None:
    """The store and the outside database have no larger ones: such a sample would be lost behind the alarms' back."""
    made = profile({"p": {"address": 0, **more}})
    assert made.point("p").type is PointType.INT
    assert read(made, dict(enumerate(words(kind, raw))), "p") == value


@given(st.integers(0, 2**64 - 1), st.integers(-(10**12), 10**12).filter(bool), st.integers(-(10**12), 10**12))
def test_a_whole_scale_is_exact_or_nothing(raw: int, scale: int, offset: int) -> None:
    made = profile({"p": {"address": 0, "type": "uint64", "scale": scale, "offset": offset}})
    exact = raw * scale + offset
    untouched = (scale, offset) == (1, 0)
    fits = untouched or -(2**63) <= exact < 2**63
    assert read(made, dict(enumerate(words("Q", raw))), "p") == (exact if fits else "decode")


# sentinels of all points of a type, and of some bits


def test_sentinels_by_type() -> None:
    """ABB meters: every undefined value is all ones, or the largest signed number."""
    defaults = {
        "uint32": {0xFFFFFFFF: "no_value"},
        "int32": {0x7FFFFFFF: "no_value"},
        "float32": {"nan": "not_fitted"},
    }
    points: dict[str, Any] = {
        "u": {"address": 0, "type": "uint32"},
        "i": {"address": 2, "type": "int32"},
        "f": {"address": 4, "type": "float32"},
        "own": {"address": 6, "type": "uint32", "sentinels": {0: "sensor"}},
        "none": {"address": 8, "type": "uint32", "sentinels": {}},
        "bit": {"address": 10, "type": "uint32", "bit": 3},
        "other": {"address": 12},
    }
    made = profile(points, {"sentinels": defaults})
    all_ones = dict.fromkeys(range(13), 0xFFFF)
    found = {key: read(made, all_ones, key) for key in points}
    assert found == {
        "u": "no_value", "i": -1, "f": "not_fitted", "own": 0xFFFFFFFF, "none": 0xFFFFFFFF, "bit": "no_value",
        "other": 0xFFFF,
    }  # fmt: skip
    assert read(made, {2: 0x7FFF, 3: 0xFFFF}, "i") == "no_value"
    assert read(made, {}, "own") == "sensor"


@pytest.mark.parametrize(
    ("sentinels", "loc"),
    [
        ({"uint16": {0x10000: "no_value"}}, ("modbus", "sentinels", "uint16")),
        ({"string": {0: "no_value"}}, ("modbus", "sentinels", "string")),
        ({"float32": {1e300: "no_value"}}, ("modbus", "sentinels", "float32")),
    ],
)
def test_sentinels_by_type_that_cannot_be(sentinels: Any, loc: tuple[str, ...]) -> None:
    ((place, _),) = refusals({"p": {"address": 1}}, {"sentinels": sentinels})
    assert place == loc


@pytest.mark.parametrize(
    ("word", "value"),
    [(0x04FF, "not_fitted"), (0xFFFF, "not_fitted"), (0x00FF, "not_fitted"), (0x0C10, True), (0x0410, False)],
)
def test_a_sentinel_of_some_bits(word: int, value: Any) -> None:
    """Notifier: FFh in the low byte is a point that is not there, whatever the flags beside it say."""
    fire = {
        "address": 1, "bits": [0, 7], "gate_bit": 11, "true_for": [0x10], "false_for": [0x40],
        "sentinels": {0x00FF: "not_fitted"}, "sentinel_mask": 0x00FF,
    }  # fmt: skip
    assert read(profile({"p": fire}), {1: word}, "p") == value


def test_masks_of_signed_numbers_and_those_that_cannot_be() -> None:
    signed = {"address": 1, "type": "int16", "sentinels": {0x80: "sensor"}, "sentinel_mask": 0xFF}
    assert read(profile({"p": signed}), {1: 0xFF80}, "p") == "sensor"
    assert read(profile({"p": signed}), {1: 0xFF81}, "p") == -127
    for more, word, told in (
        ({"sentinels": {0xFFFF: "sensor"}}, "sentinels", "0xffff has bits outside of sentinel_mask 0xff"),
        ({}, "sentinel_mask", "but there are none"),
        ({"sentinels": {1: "sensor"}, "sentinel_mask": 0x10000}, "sentinel_mask", "bits of a whole number"),
        ({"sentinels": {1.0: "sensor"}, "type": "float32"}, "sentinel_mask", "bits of a whole number"),
        ({"sentinels": {1: "sensor"}, "type": "bcd16"}, "sentinel_mask", "bits of a whole number"),
    ):
        found = refusals({"p": {"address": 1, "sentinel_mask": 0xFF, **more}})
        assert [loc for loc, _ in found] == [("points", "p", word)] and told in found[0][1]


# bits as the manual counts them


def test_bits_counted_from_one() -> None:
    """Phoenix Contact's manual counts the 32 error bits from 1: bit 31 there is the residual current trip."""
    points: dict[str, Any] = {
        "trip": {"address": 0, "type": "uint32", "bit": 31},
        "low": {"address": 2, "bits": [1, 4]},
        "gated": {"address": 3, "bits": [1, 8], "gate_bit": 12, "true_for": [0x10], "false_for": [0]},
    }
    made = profile(points, {"bit_base": 1})
    assert read(made, {0: 0x4000, 1: 0}, "trip") is True
    assert read(made, {0: 0x8000, 1: 0}, "trip") is False
    assert read(made, {2: 0xFFF5}, "low") == 5
    assert read(made, {3: 0x0810}, "gated") is True and read(made, {3: 0x1010}, "gated") is False
    for more, word in (({"bit": 0}, "bit"), ({"bit": 17}, "bit"), ({"bits": [0, 3]}, "bits")):
        ((loc, told),) = refusals({"p": {"address": 1, **more}}, {"bit_base": 1})
        assert loc == ("points", "p", word) and "has the bits 1 … 16" in told


SHARED: list[tuple[dict[str, Any], dict[str, Any], str | None]] = [
    ({"bits": [0, 3]}, {"bits": [4, 7]}, None),
    ({"bits": [0, 3]}, {"bits": [3, 7]}, "bits"),
    ({"bits": [0, 7]}, {"bits": [4, 15]}, "bits"),
    ({"bits": [0, 7]}, {"bit": 5}, "bit"),
    ({"bit": 5}, {"bits": [0, 7]}, "bits"),
    ({"bits": [0, 3]}, {"bits": [0, 3]}, None),
    ({"bit": 5}, {"bit": 5}, None),
    ({"bits": [0, 7]}, {"bit": 5, "overlaps": True}, None),
    ({"bits": [0, 7], "overlaps": True}, {"bit": 5}, None),
    ({"bits": [0, 7]}, {}, None),
    ({"bits": [0, 7], "gate_bit": 7, "true_for": [1]}, {"bit": 7}, None),
    ({"bits": [0, 7], "gate_bit": 7, "true_for": [1]}, {"bit": 6}, "bit"),
    ({"bits": [0, 7]}, {"bit": 5, "byte_order": "little"}, None),
]


@pytest.mark.parametrize(("first", "second", "word"), SHARED)
def test_bits_are_not_shared_by_mistake(first: dict[str, Any], second: dict[str, Any], word: str | None) -> None:
    points = {"a": {"address": 1, **first}, "b": {"address": 1, **second}}
    if word is None:
        profile(points)
        return
    ((loc, told),) = refusals(points)
    assert loc == ("points", "b", word) and "also part of 'a'; if that is meant, say `overlaps: true`" in told
