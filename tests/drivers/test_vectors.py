"""Numeric vectors of real devices, one row each: what these devices really send."""

from __future__ import annotations

from typing import Any

import pytest
from ruamel.yaml import YAML

from drivers.modbus.vectors import vector_failures
from drivers.profile import library, mistakes, parse_profile
from tests.drivers.made import profile, read

WS = {"word_order": "little"}
F32 = {"type": "float32"}
GOOD: list[tuple[str, dict[str, Any], list[int], Any]] = [
    ("SDM630 voltage", F32 | {"unit": "V"}, [0x4366, 0x3333], 230.2),
    ("SDM630 import", F32 | {"unit": "kWh"}, [0x449A, 0x5000], 1234.5),
    ("DTSU666 voltage", F32 | {"scale": 0.1, "unit": "V"}, [0x450F, 0xD800], 230.15),
    ("DTSU666 power", F32 | {"scale": 0.1, "unit": "W"}, [0xC640, 0xE400], -1234.5),
    ("EM340 voltage", WS | {"type": "int32", "scale": 0.1, "unit": "V"}, [0x08FC, 0x0000], 230.0),
    ("EM340 power", WS | {"type": "int32", "scale": 0.1, "unit": "W"}, [0xCFC7, 0xFFFF], -1234.5),
    ("iEM3155 power", F32 | {"scale": 1000, "unit": "W"}, [0x4060, 0x0000], 3500.0),
    ("iEM3155 import", {"type": "int64", "scale": 0.001, "unit": "kWh"}, [0, 0, 0x0012, 0xD687], 1234.567),
    ("Alfen energy", {"type": "float64", "scale": 0.001, "unit": "kWh"}, [0x4132, 0xD687, 0, 0], 1234.567),
    ("Alfen 1201", {"type": "string", "length": 5}, [0x4332, 0, 0, 0, 0], "C2"),
    ("CHARX power", {"type": "uint32", "scale": 0.001, "unit": "W"}, [0x0070, 0x4E00], 7360.0),
    ("KEBA 1036", {"type": "uint32", "scale": 0.0001, "unit": "kWh"}, [0x00BC, 0x614E], 1234.5678),
    ("KEBA P40 < 1.2.1", {"type": "uint32", "scale": 0.001, "unit": "kWh"}, [0x00BC, 0x614E], 12345.678),
    ("ABB Terra", {"type": "uint32", "bits": [8, 14], "enum": {0: "idle", 4: "charging"}}, [0, 0x0480], "charging"),
    ("ABB Terra as number", {"type": "uint32", "bits": [8, 14]}, [0x0000, 0x0480], 4),
    ("NICE3000 mode", {"bits": [4, 7], "enum": {7: "automatic"}}, [0x0578], "automatic"),
    ("NICE3000 motion", {"bits": [8, 11], "enum": {5: "running"}}, [0x0578], "running"),
    ("NICE3000 hall fire", {"bit": 3}, [0x0578], True),
    ("NICE3000 full load", {"bit": 12}, [0x0578], False),
    ("ASJ line broken", {"bit": 2}, [0x0004], True),
    ("ASJ other bits", {"bit": 3}, [0x0004], False),
    ("Notifier code", {"bits": [0, 7], "enum": {0x10: "fire"}, "sentinels": {0xFFFF: "not_fitted"}}, [0x0C10], "fire"),
    ("Notifier active", {"bit": 10, "sentinels": {0xFFFF: "not_fitted"}}, [0x0C10], True),
    ("LUDP level", {"type": "sm16", "scale": 0.01, "unit": "m"}, [0x8010], -0.16),
    ("Alfen state", {"type": "string", "length": 5, "enum": {"C2": "charging"}}, [0x4332, 0, 0, 0, 0], "charging"),
    ("little bytes", {"byte_order": "little"}, [0x3412], 0x1234),
    ("BADC", {"type": "uint32", "byte_order": "little"}, [0x3412, 0x7856], 0x12345678),
    ("DCBA", {"type": "uint32", "byte_order": "little", "word_order": "little"}, [0x7856, 0x3412], 0x12345678),
    ("CDAB 64", {"type": "uint64", "word_order": "little"}, [4, 3, 2, 1], 0x0001000200030004),
    ("uint8 high", {"type": "uint8", "byte": "high"}, [0xFE01], 0xFE),
    ("int8 low", {"type": "int8", "byte": "low"}, [0x01FE], -2),
    ("int16", {"type": "int16"}, [0xFFFE], -2),
    ("offset", {"type": "uint16", "scale": 0.5, "offset": -40.0, "unit": "°C"}, [100], 10.0),
    ("a whole scale keeps whole numbers", {"type": "uint16", "scale": 10}, [7], 70),
    ("bool", {"type": "bool"}, [1], True),
    ("the lower end of the range", {"scale": 0.001, "range": [1, 20]}, [1000], 1.0),
    ("the upper end of the range", {"scale": 0.001, "range": [1, 20]}, [20000], 20.0),
    ("inverted", {"bit": 0, "invert": True}, [1], False),
    ("swapped text", {"type": "string", "length": 2, "byte_order": "little"}, [0x4241, 0x0043], "ABC"),
]
BAD: list[tuple[str, dict[str, Any], list[int], str]] = [
    ("EM340 overflow", WS | {"type": "int32", "sentinels": {0x7FFFFFFF: "no_value"}}, [0xFFFF, 0x7FFF], "no_value"),
    ("Alfen phase not measured", F32, [0x7FC0, 0x0000], "decode"),
    ("NaN with a name", F32 | {"sentinels": {float("nan"): "not_fitted"}}, [0x7FC0, 0x0000], "not_fitted"),
    ("NaN by its word", F32 | {"sentinels": {"nan": "not_fitted"}}, [0x7FC0, 0x0000], "not_fitted"),
    ("infinity is not that NaN", F32 | {"sentinels": {float("nan"): "not_fitted"}}, [0x7F80, 0x0000], "decode"),
    ("minus infinity", F32, [0xFF80, 0x0000], "decode"),
    ("EVCC NaN", F32, [0xFFFF, 0xFF7F], "decode"),
    ("float64 NaN", {"type": "float64"}, [0x7FF8, 0, 0, 0], "decode"),
    ("float64 beyond its scale", {"type": "float64", "scale": 1000}, [0x7FEF, 0xFFFF, 0xFFFF, 0xFFFF], "decode"),
    ("CHARX phase unknown", {"type": "int32", "sentinels": {-1: "no_value"}}, [0xFFFF, 0xFFFF], "no_value"),
    ("the same, written as bits", {"type": "int32", "sentinels": {0xFFFFFFFF: "no_value"}}, [0xFFFF] * 2, "no_value"),
    ("Bender busy", {"type": "uint32", "sentinels": {0xFFFFFFFF: "no_value"}}, [0xFFFF] * 2, "no_value"),
    ("Notifier not present", {"bit": 10, "sentinels": {0xFFFF: "not_fitted"}}, [0xFFFF], "not_fitted"),
    (
        "Notifier not present, enabled",
        {"bit": 10, "sentinels": {0xFF: "not_fitted"}, "sentinel_mask": 0xFF},
        [0x04FF],
        "not_fitted",
    ),
    ("int16 minimum", {"type": "int16", "sentinels": {0x8000: "sensor"}}, [0x8000], "sensor"),
    ("float sentinel", F32 | {"sentinels": {9999.9: "sensor"}}, [0x461C, 0x3F9A], "sensor"),
    ("wrong word order", F32 | WS | {"range": [100, 300], "unit": "V"}, [0x4366, 0x3333], "range"),
    ("a whole number read as a float", F32, [0x0000, 0x08FC], "decode"),
    ("above the range", {"scale": 0.001, "range": [1, 20]}, [20001], "range"),
    ("sentinel before range", {"sentinels": {0xFFFF: "no_value"}, "range": [0, 10]}, [0xFFFF], "no_value"),
    ("sentinel before scale", {"sentinels": {0xFFFF: "no_value"}, "scale": 3, "offset": 1}, [0xFFFF], "no_value"),
    ("sentinel before division", {"sentinels": {0xFFFF: "no_value"}, "scale": 0.1}, [0xFFFF], "no_value"),
    ("sentinel before enum", {"sentinels": {0xFFFF: "config"}, "enum": {1: "on"}}, [0xFFFF], "config"),
    ("sentinel before bits", {"sentinels": {0xFFFF: "config"}, "bits": [4, 7]}, [0xFFFF], "config"),
    ("sentinel before inversion", {"sentinels": {0xFFFF: "sensor"}, "bit": 0, "invert": True}, [0xFFFF], "sensor"),
    ("sentinel before a line", {"sentinels": {0xFFFF: "sensor"}, "linear": {0: 0, 65535: 1}}, [0xFFFF], "sensor"),
    ("below the range", {"scale": 0.001, "range": [1, 20]}, [999], "range"),
    ("undeclared code", {"enum": {0: "idle", 1: "busy"}}, [2], "undeclared"),
    ("a bool of 2", {"type": "bool"}, [2], "undeclared"),
    ("not a text", {"type": "string", "length": 1}, [0x80FF], "decode"),
    ("control characters", {"type": "string", "length": 1}, [0x4107], "decode"),
]


@pytest.mark.parametrize(("point", "words", "value"), [row[1:] for row in GOOD], ids=[row[0] for row in GOOD])
def test_good(point: dict[str, Any], words: list[int], value: Any) -> None:
    made = profile({"p": {"address": 7, **point}}, vectors=[{"registers": {7: words}, "expect": {"p": value}}])
    assert list(vector_failures(made)) == []


@pytest.mark.parametrize(("point", "words", "reason"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad(point: dict[str, Any], words: list[int], reason: str) -> None:
    made = profile({"p": {"address": 7, **point}}, vectors=[{"registers": {7: words}, "bad": {"p": reason}}])
    assert list(vector_failures(made)) == []


def test_a_vector_that_is_not_kept_is_told() -> None:
    points = {"p": {"address": 7}, "q": {"address": 9}}
    vectors = [
        {"registers": {7: 1}, "expect": {"p": 2, "q": 1}, "bad": {}},
        {"registers": {7: 1}, "bad": {"p": "sensor"}},
    ]
    assert list(vector_failures(profile(points, vectors=vectors))) == [
        (0, "p", "expected 2, got 1"),
        (0, "q", "the vector leaves out a register of 'q'"),
        (1, "p", "expected sensor, got 1"),
    ]


@pytest.mark.parametrize(
    "wrong",
    [{"word_order": "little"}, {"byte_order": "little"}, {"base": 1}, {"base": 1, "word_order": "little"}],
    ids=str,
)
def test_a_wrong_order_or_address_does_not_get_past_the_vectors(wrong: dict[str, Any]) -> None:
    """Off by one with the words turned round, some meters still show a voltage (telegraf #8151)."""
    said = YAML(typ="safe", pure=True).load((library() / "eastron-sdm630.yaml").read_text("utf-8"))
    said["modbus"] |= wrong
    if "base" in wrong:  # as if the manual had counted from 1
        said["points"] = {key: {**point, "address": point["address"] + 2} for key, point in said["points"].items()}
    assert list(mistakes(parse_profile(said)))


def test_a_voltage_of_swapped_words_is_out_of_a_range_that_begins_above_nothing() -> None:
    """230.2 V with its words turned round is 0.00000004 V: in a range from 0 V on that is a dead phase, and GOOD."""
    volts = F32 | WS | {"unit": "V"}
    for low, bad in ((80, "range"), (0, None)):
        made = profile({"p": {"address": 7, **volts, "range": [low, 300]}})
        assert read(made, {7: 0x4366, 8: 0x3333}, "p") == (bad or pytest.approx(0, abs=1e-6))
