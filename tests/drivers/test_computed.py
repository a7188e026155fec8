"""Points that are computed from others: levels, fault numbers, the highest of three phases."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.adaptation import Adaptation
from drivers.modbus.vectors import mistakes
from drivers.profile import ModbusProfile
from gateway.fields import Quantity
from gateway.model import PointType
from tests.drivers.made import profile, read, refusals
from tests.drivers.said import profile as messages

SONAR: dict[str, Any] = {
    "points": {
        "distance": {"address": 0, "scale": 0.001, "unit": "m", "range": [0.02, 8], "sentinels": {0xFFFF: "sensor"}}
    },
    "parameters": {"mount_height": {"unit": "m", "range": [0, 20], "title": {"en": "height", "zh": "高度"}}},
    "computed": {"level": {"expr": "mount_height - distance", "unit": "m", "range": [0, 5]}},
}


def sonar(height: float = 3.2, unit: str | None = "m") -> ModbusProfile:
    return profile(**SONAR).adapted(Adaptation(parameters={"mount_height": Quantity(height, unit)}), "UTC")


@pytest.mark.parametrize(("raw", "value"), [(3200, 0), (1200, 2), (0xFFFF, "sensor"), (9000, "range"), (3201, "range")])
def test_a_level_from_a_distance(raw: int, value: Any) -> None:
    found = read(sonar(), {0: raw}, "level")
    assert found == (value if isinstance(value, str) else pytest.approx(value))


def test_the_height_in_any_unit() -> None:
    assert read(sonar(320, "cm"), {0: 1200}, "level") == pytest.approx(2)
    assert read(sonar(3.2, None), {0: 1200}, "level") == pytest.approx(2)
    level = sonar().readings["level"]
    assert (level.cell, level.needs, level.unit) == (None, ("distance",), None)
    assert level.point.type is PointType.FLOAT and level.point.unit == "m"


def test_a_height_that_nobody_has_given_is_no_height() -> None:
    assert read(profile(**SONAR), {0: 1200}, "level") == "config"


def made(expr: str, points: dict[str, Any] | None = None, **more: Any) -> Any:
    points = points or {"a": {"address": 0}, "b": {"address": 1}, "c": {"address": 2, "type": "float32"}}
    return profile(points, computed={"x": {"expr": expr, **more}})


@pytest.mark.parametrize(
    ("expr", "more", "image", "value", "kind"),
    [
        ("a // 100", {}, {0: 4207}, 42, PointType.INT),
        ("a % 100", {"type": "int"}, {0: 4207}, 7, PointType.INT),
        ("a % 100", {"type": "float"}, {0: 4207}, 7.0, PointType.FLOAT),
        ("a / 60000", {"unit": "kWh"}, {0: 30000}, 0.5, PointType.FLOAT),
        ("a + b", {"counter": 65536}, {0: 1, 1: 2}, 3, PointType.INT),
        ("a / b", {}, {0: 1}, "decode", PointType.FLOAT),
        ("a // b", {}, {0: 1}, "decode", PointType.INT),
        ("round(c)", {}, {2: 0x4020, 3: 0}, 2, PointType.INT),
        ("a // 100", {"enum": {1: "lock", 2: "drive"}}, {0: 207}, "drive", PointType.ENUM),
        ("a // 100", {"enum": {1: "lock", 2: "drive"}}, {0: 307}, "undeclared", PointType.ENUM),
        ("a % 2", {"true_for": [1], "false_for": [0]}, {0: 207}, True, PointType.BOOL),
        ("a + b", {"true_for": [1], "false_for": [0]}, {0: 207}, "undeclared", PointType.BOOL),
        ("a * a * a * a", {}, {0: 60000}, "decode", PointType.INT),
        ("a * a * a", {}, {0: 60000}, 60000**3, PointType.INT),
        ("c + a", {}, {2: 0x7FC0, 3: 0}, "decode", PointType.FLOAT),
    ],
)
def test_results(expr: str, more: dict[str, Any], image: dict[int, int], value: Any, kind: PointType) -> None:
    of = made(expr, **more)
    found = read(of, image, "x")
    assert found == value and type(found) is type(value)
    assert of.point("x").type is kind


PHASES: dict[str, Any] = {
    f"u{i}": {"address": i, "sentinels": {0xFFFF: "not_fitted", 0xFFFE: "no_value", 0xFFFD: "sensor"}}
    for i in (1, 2, 3)
}


@pytest.mark.parametrize(
    ("words", "highest", "first"),
    [
        ((5, 9, 7), 9, 5),
        ((5, 0xFFFF, 7), 7, 5),
        ((0xFFFF, 0xFFFF, 7), 7, 7),
        ((0xFFFF, 0xFFFF, 0xFFFF), "not_fitted", "not_fitted"),
        ((5, 0xFFFE, 7), "no_value", 5),
        ((0xFFFD, 0xFFFE, 0), "sensor", 0),
        ((0xFFFD, 0xFFFE, 0xFFFF), "sensor", "sensor"),
    ],
)
def test_the_highest_of_what_is_fitted_and_the_first_that_has_a_value(words: Any, highest: Any, first: Any) -> None:
    of = profile(PHASES, computed={"h": {"expr": "highest(u1, u2, u3)"}, "f": {"expr": "first(u1, u2, u3)"}})
    image = dict(enumerate(words, 1))
    assert read(of, image, "h") == highest and read(of, image, "f") == first


def test_the_worst_reason_comes_out() -> None:
    """A lost sensor must not pass for one that was never fitted."""
    of = profile(PHASES, computed={"s": {"expr": "u1 + u2 + u3"}})
    assert read(of, {1: 0xFFFF, 2: 0xFFFD, 3: 0xFFFE}, "s") == "sensor"
    assert read(of, {1: 0xFFFF, 2: 1, 3: 1}, "s") == "not_fitted"


def test_computed_from_computed_and_as_judge_and_factor() -> None:
    of = profile(
        {
            "a": {"address": 0},
            "b": {"address": 1},
            "p": {"address": 2, "valid_when": {"sum": {"at_most": 10}}},
            "q": {"address": 3, "scale_from": "double"},
        },
        computed={"sum": {"expr": "a + b"}, "double": {"expr": "sum * 2"}, "rest": {"expr": "q - p"}},
    )
    image = {0: 3, 1: 4, 2: 100, 3: 10}
    assert read(of, image, "double") == 14 and read(of, image, "p") == 100 and read(of, image, "q") == 140
    assert read(of, image, "rest") == 40
    assert read(of, {**image, 1: 8}, "p") == "sensor"
    assert read(of, {**image, 1: 8}, "rest") == "sensor"
    assert set(of.readings["rest"].needs) == {"a", "b", "sum", "double", "p", "q"}


def test_how_often_a_computed_point_is_read() -> None:
    slow = {"a": {"address": 0, "every": "1min"}, "b": {"address": 1, "every": "5min"}, "c": {"address": 2}}
    assert made("a + b", slow).readings["x"].every_ns == 60 * 10**9
    assert made("a + c", slow).readings["x"].every_ns is None
    assert made("a + c", slow, every="10min").readings["x"].every_ns == 600 * 10**9


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"expr": "a +"}, "expr", "column"),
    ({"expr": "a ** 2"}, "expr", "no power"),
    ({"expr": "missing + a"}, "expr", "there is no 'missing'"),
    ({"expr": "y + a"}, "expr", "'y' is computed further down; put it above"),
    ({"expr": "flag + a"}, "expr", "'flag' is a point of type bool"),
    ({"expr": "mode + a"}, "expr", "'mode' is a point of type enum"),
    ({"expr": "name + a"}, "expr", "'name' is a point of type text"),
    ({"expr": "height"}, "expr", "no point stands in it"),
    ({"expr": "1 + 1"}, "expr", "no point stands in it"),
    ({"expr": ""}, "expr", "an expression over other points is expected"),
    ({"expr": "a" * 400}, "expr", "at most 300"),
    ({"expr": "far - near"}, "expr", "column 1: m and mm are mixed"),
    ({"expr": "far - height"}, "expr", "m and cm are mixed"),
    ({"expr": "far - 1", "unit": "cm"}, "unit", "the result is in m, not in cm"),
    ({"expr": "a / 2", "type": "int"}, "type", "need not be a whole number"),
    ({"expr": "a / 2", "enum": {1: "x"}}, "enum", "`enum` needs whole numbers"),
    ({"expr": "a", "enum": {}}, "enum", "at least one code"),
    ({"expr": "a", "enum": {1: "x"}, "unit": "m"}, "unit", "is for numbers"),
    ({"expr": "a", "enum": {1: "x"}, "true_for": [1]}, "true_for", "not both"),
    ({"expr": "a", "true_for": [1]}, "true_for", "what is false"),
    ({"expr": "a", "true_for": [1], "false_for": [1]}, "false_for", "1 is true already"),
    ({"expr": "a", "false_for": [1]}, "false_for", "what is true"),
    ({"expr": "a", "range": [5, 1]}, "range", "must rise"),
    ({"expr": "a", "range": ["0 V", "1 V"], "unit": "m"}, "range", "measures voltage"),
    ({"expr": "a", "scale": 2}, "scale", "Extra inputs"),
    ({"expr": "a + far_unit"}, "expr", "read from unit far"),
]


@pytest.mark.parametrize(("spec", "word", "told"), REFUSED)
def test_refused(spec: dict[str, Any], word: str, told: str) -> None:
    points: dict[str, Any] = {
        "a": {"address": 0},
        "flag": {"address": 1, "bit": 0},
        "mode": {"address": 2, "enum": {0: "on"}},
        "name": {"address": 3, "type": "string", "length": 1},
        "far": {"address": 4, "unit": "m"},
        "near": {"address": 5, "unit": "mm"},
        "far_unit": {"address": 6, "at_unit": "far"},
    }
    found = refusals(
        points,
        {"units": {"far": 9}},
        parameters={"height": {"unit": "cm", "default": "1 cm"}},
        computed={"x": spec, "y": {"expr": "a"}},
    )
    assert [loc for loc, _ in found] == [("computed", "x", word)] and told in found[0][1]


@pytest.mark.parametrize(
    ("parameters", "loc", "told"),
    [
        ({"a": {"unit": "m"}}, ("parameters", "a"), "there is a point 'a', too"),
        ({"h": {"unit": "yd"}}, ("parameters", "h", "unit"), "unknown unit"),
        ({"h": {"unit": "m", "range": [5, 1]}}, ("parameters", "h"), "must rise"),
        ({"h": {"unit": "m", "range": [0, 5], "default": "6 m"}}, ("parameters", "h"), "must lie within 0 … 5 m"),
        ({"h": {"unit": "m", "default": "6 V"}}, ("parameters", "h"), "measures voltage"),
    ],
)
def test_parameters_refused(parameters: dict[str, Any], loc: tuple[Any, ...], told: str) -> None:
    ((place, sentence),) = refusals({"a": {"address": 0}}, parameters=parameters)
    assert place == loc and told in sentence


def test_a_computed_point_is_no_other_point() -> None:
    ((loc, told),) = refusals({"a": {"address": 0}}, computed={"a": {"expr": "a"}})
    assert loc == ("computed", "a") and "already" in told


def test_vectors_give_the_parameters() -> None:
    vectors = [
        {"registers": {0: 1200}, "parameters": {"mount_height": "3.2 m"}, "expect": {"level": 2.0}},
        {"registers": {0: 1200}, "parameters": {"mount_height": "3.2 m"}, "expect": {"level": 2.1}},
        {"registers": {0: 1200}, "expect": {"level": 2.0}},
    ]
    of = profile(**SONAR, vectors=vectors)
    told = list(mistakes(of))
    assert [index for index, _, _ in told] == [1, 2]
    assert "made needs mount_height of each device" in told[1][2]
    ((loc, _),) = refusals(**SONAR, vectors=[{"parameters": {"height": 1}}])
    assert loc == ("vectors", 0, "parameters", "height")


@pytest.mark.parametrize(
    "word", ["decoder", "script", "lua", "function", "formula", "converter", "python", "transform"]
)
def test_whoever_looks_for_a_program_is_shown_the_door(word: str) -> None:
    told = f"there is no `{word}`: what is computed from other points stands under `computed:`"
    a: dict[str, Any] = {"address": 0}
    cases: list[tuple[dict[str, Any], Any, dict[str, Any], tuple[str, ...]]] = [
        ({"a": {**a, word: "x * 2"}}, None, {}, ("points", "a", word)),
        ({"a": a}, None, {word: "x"}, (word,)),
        ({"a": a}, {word: "x"}, {}, ("modbus", word)),
        ({"a": a}, None, {"computed": {"b": {"expr": "a", word: "x"}}}, ("computed", "b", word)),
    ]
    for points, modbus, more, loc in cases:
        found = refusals(points, modbus, **more)
        assert [place for place, _ in found] == [loc]
        assert found[0][1].startswith(told) and found[0][1].endswith("docs/profiles.md#codec-plug-ins")


def test_what_stands_in_the_wrong_section() -> None:
    ((loc, told),) = refusals({"a": {"address": 0}, "b": {"address": 1, "expr": "a * 2"}})
    assert loc == ("points", "b", "expr") and "stands under `computed:`" in told
    ((loc, told),) = refusals({"a": {"address": 0, "function": 4}})
    assert loc == ("points", "a", "function") and "follows from `table`: coil 1, discrete 2" in told


@given(st.lists(st.integers(0, 0xFFFF), min_size=4, max_size=4))
def test_nothing_that_is_computed_is_made_up(words: list[int]) -> None:
    image = dict(enumerate(words))
    of = made("max(a, b) / (c - a) + first(c, a) // highest(a, b)")
    found = read(of, image, "x")
    assert isinstance(found, (float, str))
    assert not isinstance(found, float) or abs(found) < float("inf")


@pytest.mark.parametrize("wire", ["modbus", "mqtt"])
def test_a_computed_point_stands_below_what_it_is_made_of(wire: str) -> None:
    def told(**exprs: str) -> list[tuple[Any, str]]:
        points = {"a": {"address": 0} if wire == "modbus" else {"path": "a"}}
        computed = {name: {"expr": expr} for name, expr in exprs.items()}
        with pytest.raises(ValidationError) as caught:
            (profile if wire == "modbus" else messages)(points, computed=computed)
        return [(error["loc"], error["msg"]) for error in caught.value.errors()]

    assert told(x="y + 1", y="a + 1") == [(("computed", "x", "expr"), "'y' is computed further down; put it above")]
    assert told(x="x + 1") == [(("computed", "x", "expr"), "a point is not computed from itself")]
    ((_, sentence),) = told(x="a + yy", y="a")
    assert "there is no 'yy'" in sentence
