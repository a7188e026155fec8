"""What a profile refuses, and that the path of the error leads to the key that is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from drivers.profile import ChannelOptions, ModbusProfile, channel_point, profile_points
from gateway.model import Point, PointType
from tests.drivers.made import HEAD, profile, shipped

P = ("points", "p")
REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], tuple[str | int, ...], str]] = [
    ("write", {"p": {"address": 1, "write": 5}}, {}, (*P, "write"), "Extra inputs"),
    ("no address", {"p": {}}, {}, (*P, "address"), "Field required"),
    ("register 65536", {"p": {"address": 65536}}, {}, (*P, "address"), "from 0 to 65535, got 65536"),
    (
        "65535 + 2 registers",
        {"p": {"address": 65535, "type": "uint32"}},
        {},
        (*P, "address"),
        "end behind register 65535",
    ),
    ("base 1", {"p": {"address": 0}}, {"base": 1}, (*P, "address"), "from 1 to 65536, got 0"),
    (
        "a reference that means a coil",
        {"p": {"address": 400}},
        {"base": "ref", "table": "holding"},
        (*P, "address"),
        "reference 400 is a coil register, but `table: holding` is declared",
    ),
    ("word order CDAB", {"p": {"address": 1, "word_order": "CDAB"}}, {}, (*P, "word_order"), "`word_order` is little"),
    ("byte order dcba", {"p": {"address": 1}}, {"byte_order": "dcba"}, ("modbus", "byte_order"), "big or little"),
    ("base ref", {"p": {"address": 20001}}, {"base": "ref"}, (*P, "address"), "40001"),
    (
        "ref of another table",
        {"p": {"address": 30001, "table": "holding"}},
        {"base": "ref"},
        (*P, "address"),
        "input register",
    ),
    ("negative", {"p": {"address": -1}}, {}, (*P, "address"), "got -1"),
    ("quoted", {"p": {"address": "1"}}, {}, (*P, "address"), "valid integer"),
    ("unknown type", {"p": {"address": 1, "type": "uint24"}}, {}, (*P, "type"), "one of bool, uint8"),
    ("unknown table", {"p": {"address": 1, "table": "coils"}}, {}, (*P, "table"), "one of coil"),
    ("no type", {"p": {"address": 1}}, {"type": None}, (*P, "type"), "needs a type"),
    ("coil with a type", {"p": {"address": 1, "table": "coil", "type": "uint16"}}, {}, (*P, "type"), "is a bool"),
    ("coil with a bit", {"p": {"address": 1, "table": "coil", "bit": 1}}, {}, (*P, "bit"), "single bit"),
    ("coil with a scale", {"p": {"address": 1, "table": "coil", "scale": 2}}, {}, (*P, "scale"), "needs a number"),
    ("string without length", {"p": {"address": 1, "type": "string"}}, {}, (*P, "length"), "length in registers"),
    ("length without string", {"p": {"address": 1, "length": 2}}, {}, (*P, "length"), "only a string"),
    ("uint8 without byte", {"p": {"address": 1, "type": "uint8"}}, {}, (*P, "byte"), "high or low"),
    ("range falls", {"p": {"address": 1, "range": [5, 5]}}, {}, (*P, "range"), "must rise, got 5 … 5"),
    ("range in a wrong unit", {"p": {"address": 1, "unit": "m", "range": ["0 V", "1 V"]}}, {}, (*P, "range"), "length"),
    ("range of three", {"p": {"address": 1, "range": [1, 2, 3]}}, {}, (*P, "range"), "at most 2"),
    (
        "range of a text",
        {"p": {"address": 1, "type": "string", "length": 1, "range": [0, 1]}},
        {},
        (*P, "range"),
        "number",
    ),
    ("unit", {"p": {"address": 1, "unit": "volt"}}, {}, (*P, "unit"), "unknown unit 'volt'"),
    ("scale 0", {"p": {"address": 1, "scale": 0}}, {}, (*P, "scale"), "every value 0"),
    ("invert a number", {"p": {"address": 1, "invert": True}}, {}, (*P, "invert"), "needs a bool"),
    ("bit 16", {"p": {"address": 1, "bit": 16}}, {}, (*P, "bit"), "bits 0 … 15, not 16"),
    ("bits fall", {"p": {"address": 1, "bits": [7, 4]}}, {}, (*P, "bits"), "lower bit comes first"),
    ("bit and bits", {"p": {"address": 1, "bit": 1, "bits": [4, 7]}}, {}, (*P, "bits"), "not both"),
    ("bits of a float", {"p": {"address": 1, "type": "float32", "bit": 1}}, {}, (*P, "bit"), "from float32"),
    ("enum of a float", {"p": {"address": 1, "type": "float32", "enum": {0: "a"}}}, {}, (*P, "enum"), "whole numbers"),
    ("empty enum", {"p": {"address": 1, "enum": {}}}, {}, (*P, "enum"), "at least one code"),
    ("enum name", {"p": {"address": 1, "enum": {0: "On"}}}, {}, (*P, "enum", 0), "pattern"),
    ("enum with a scale", {"p": {"address": 1, "enum": {0: "a"}, "scale": 2}}, {}, (*P, "scale"), "needs a number"),
    (
        "sentinel too wide",
        {"p": {"address": 1, "sentinels": {0x10000: "sensor"}}},
        {},
        (*P, "sentinels"),
        "cannot stand",
    ),
    ("sentinel reason", {"p": {"address": 1, "sentinels": {1: "zero"}}}, {}, (*P, "sentinels", 1), "not_fitted"),
    ("linear of one", {"p": {"address": 1, "linear": {0: "0 m"}}}, {}, (*P, "linear"), "two points"),
    (
        "linear of raw counts in mA",
        {"p": {"address": 1, "linear": {"4 mA": "0 m", "20 mA": "1 m"}}},
        {},
        (*P, "linear"),
        "signal",
    ),
    ("signal in two units", {"p": {"address": 1, "signal": {0: "0 mA", 9: "20 V"}}}, {}, (*P, "signal"), "current"),
    (
        "twice the same x",
        {"p": {"address": 1, "linear": {"4 mA": "0 m", "4.0 mA": "1 m"}}},
        {},
        (*P, "linear"),
        "twice",
    ),
    ("never_read", {"p": {"address": 5}}, {"limits": {"never_read": [[4, 6]]}}, (*P, "address"), "never_read"),
    (
        "never_read falls",
        {"p": {"address": 5}},
        {"limits": {"never_read": [[6, 4]]}},
        ("modbus", "limits", "never_read", 0),
        "first",
    ),
    (
        "max_registers",
        {"p": {"address": 5}},
        {"limits": {"max_registers": 126}},
        ("modbus", "limits", "max_registers"),
        "125",
    ),
    (
        "does not fit",
        {"p": {"address": 5, "type": "uint64"}},
        {"limits": {"max_registers": 2}},
        (*P, "type"),
        "do not fit",
    ),
    ("base 2", {"p": {"address": 5}}, {"base": 2}, ("modbus", "base"), "Input should be"),
    ("valid_when", {"p": {"address": 5, "valid_when": {"q": "ok"}}}, {}, (*P, "valid_when", "q"), "no point 'q'"),
    (
        "judged by itself",
        {"p": {"address": 5, "bit": 0, "valid_when": {"p": True}}},
        {},
        (*P, "valid_when", "p"),
        "judged by itself",
    ),
    ("never ok", {"p": {"address": 5, "bit": 0, "valid_when": {"p": "ok"}}}, {}, (*P, "valid_when", "p"), "never 'ok'"),
    ("infinite scale", {"p": {"address": 5, "scale": float("inf")}}, {}, (*P, "scale"), "finite"),
    ("no scale", {"p": {"address": 5, "scale": float("nan")}}, {}, (*P, "scale"), "finite"),
    ("key", {"P 1": {"address": 5}}, {}, ("points", "P 1", "[key]"), "small letters"),
    ("no points", {}, {}, ("points",), "at least 1"),
]


@pytest.mark.parametrize(("points", "modbus", "loc", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refused(points: dict[str, Any], modbus: dict[str, Any], loc: tuple[str | int, ...], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        profile(points, modbus)
    errors = caught.value.errors()
    assert [error["loc"] for error in errors] == [loc]
    assert words in errors[0]["msg"]


def test_overlaps_are_told_at_the_later_point() -> None:
    points = {"a": {"address": 10, "type": "float32"}, "b": {"address": 11}, "c": {"address": 10, "type": "uint32"}}
    with pytest.raises(ValidationError) as caught:
        profile(points)
    assert [error["loc"] for error in caught.value.errors()] == [("points", "b", "address")]
    assert "'b' (registers 11…11) overlaps" in str(caught.value)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        profile({"a": {"address": 65536}, "b": {"address": 1, "range": [2, 1]}, "c": {"address": 2, "bit": 99 % 64}})
    assert [error["loc"][1:] for error in caught.value.errors()] == [("a", "address"), ("b", "range"), ("c", "bit")]


def test_a_point_inherits_and_overrides_its_source() -> None:
    made = profile({"a": {"address": 1}, "b": {"address": 2, "source": [{"ref": "elsewhere", "verified": "doc"}]}})
    assert made.sources("a")[0].ref == "the test itself"
    assert made.sources("b")[0].verified == "doc"
    for wrong in ({"ref": "x", "verified": "guess"}, {"ref": "x"}):
        with pytest.raises(ValidationError):
            ModbusProfile.model_validate({**HEAD, "source": [wrong], "points": {"a": {"address": 1, "type": "uint16"}}})
    with pytest.raises(ValidationError):
        ModbusProfile.model_validate({**HEAD, "source": [], "points": {"a": {"address": 1, "type": "uint16"}}})


def test_vectors_name_known_points() -> None:
    with pytest.raises(ValidationError) as caught:
        profile({"a": {"address": 1}}, vectors=[{"registers": {1: 1}, "expect": {"b": 1}}])
    assert caught.value.errors()[0]["loc"] == ("vectors", 0, "expect", "b")


def test_yaml_of_the_design_document() -> None:
    text = """
profile: eastron-sdm630
title: {en: Eastron SDM630 three-phase meter, zh: 伊斯特 SDM630 三相电表}
source: [{ref: "mbmd meters/rs485/sdm.go", verified: code}]
modbus: {table: input, type: float32, limits: {max_registers: 50}}
points:
  voltage_l1: {address: 0x0000, unit: V, range: [0, 300]}
  power:      {address: 0x0034, unit: W}
vectors: [{registers: {0x0000: [0x4366, 0x3333]}, expect: {voltage_l1: 230.2}}]
"""
    made = ModbusProfile.model_validate(YAML().load(text))
    assert profile_points(made) == (
        Point("voltage_l1", PointType.FLOAT, "V"),
        Point("power", PointType.FLOAT, "W"),
    )


def options(**given: Any) -> ChannelOptions:
    return ChannelOptions.model_validate({"from": "io.ai0", **given})


LOOP = {"signal": {0: "0 mA", 65535: "20 mA"}, "linear": {"4 mA": "0 m", "20 mA": "1 m"}}
ADAM = shipped("advantech-adam-6024")


def test_channel_point() -> None:
    assert channel_point("floor_level", options(**LOOP), ADAM) == Point("floor_level", PointType.FLOAT, "m")
    assert channel_point("floor_level", options(**LOOP, unit="cm"), ADAM).unit == "cm"
    inverted = ChannelOptions.model_validate({"from": "io.di0", "invert": True})
    assert channel_point("pump-1/pump_fault", inverted, ADAM) == Point("pump_fault", PointType.BOOL, part="pump-1")
    assert channel_point("raw", options(), ADAM) == Point("raw", PointType.INT)
    status = ChannelOptions.model_validate({"from": "io.ai0_status"})
    assert channel_point("s", status, ADAM).codes == ("ok", "over", "under", "invalid_calibration")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"from": "io.ai9"}, "advantech-adam-6024 has no point 'ai9'; it has ai0"),
        ({"invert": True}, "`invert` needs a bool"),
        ({"linear": {"4 mA": "0 m", "20 mA": "1 m"}}, "raw counts"),
        ({"signal": {0: "0 mA", 9: "20 mA"}, "linear": {"4 V": "0 m", "20 V": "1 m"}}, "'V' measures voltage"),
        ({"signal": {0: "0 mA", 9: "20 mA"}, "linear": {"4 mA": "0 m", "20 mA": "1 m"}, "unit": "V"}, "length"),
        ({"from": "io.di0", "scale": 2}, "`scale` needs a number, but this is a point of type bool"),
        ({"from": "io.ai0_status", "invert": True}, "`invert` needs a bool, but this is a point of type enum"),
        ({**LOOP, "range": ["0 V", "1 V"]}, "'V' measures voltage"),
        ({"signal": {0: "0 A", 65535: "0.02 A"}, "linear": {"0.004 A": "0 m", "0.02 A": "1 m"}}, "in mA, not in A"),
    ],
)
def test_channel_point_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        channel_point("x", options(**given), ADAM)


@pytest.mark.parametrize("key", ["", "/", "a/", "/a", "A", "a b", "a/b/c", "a.b", "x" * 65])
def test_point_keys_refused(key: str) -> None:
    with pytest.raises(ValueError, match="`name` or `part/name`"):
        channel_point(key, options(), ADAM)


@pytest.mark.parametrize("text", ["ai0", "io.", ".ai0", "io ai0", "", "a b.c"])
def test_from_refused(text: str) -> None:
    with pytest.raises(ValidationError, match=r"io-b2\.ai1"):
        ChannelOptions.model_validate({"from": text})
