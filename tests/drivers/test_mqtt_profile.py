"""What a profile of messages refuses, at the key that is wrong; and which variables it asks a site for."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from drivers.assign import AssignmentError, UnitSpec, assign
from drivers.mqtt.codec import DeviceCodec
from drivers.mqtt.path import parse_path
from drivers.mqtt.vectors import mistakes
from drivers.profile import MqttProfile, channel_point, parse_profile, profile_points
from gateway.model import Point, PointType
from tests.drivers.made import HEAD, any_shipped, channel, link, shipped, unit
from tests.drivers.said import profile
from tests.drivers.test_profile import options

P = ("points", "p")
REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], tuple[str | int, ...], str]] = [
    ("write", {"p": {"path": "p", "write": 1}}, {}, (*P, "write"), "Extra inputs"),
    ("silence", {"p": {"path": "p"}}, {"expect_every": None}, ("mqtt",), "how would anybody know"),
    ("never", {"p": {"path": "p"}}, {"expect_every": "0s"}, ("mqtt", "expect_every"), "1s … 7d"),
    ("no topic", {"p": {"path": "p"}}, {"topic": None}, (*P, "topic"), "needs a topic"),
    ("wildcard", {"p": {"path": "p", "topic": "a/+"}}, {}, (*P, "topic"), "wildcards"),
    ("path", {"p": {"path": "a..b"}}, {}, (*P, "path"), "a path is expected"),
    ("scale of a text", {"p": {"path": "p", "type": "text", "scale": 2}}, {}, (*P, "scale"), "needs a number"),
    ("scale 0", {"p": {"path": "p", "scale": 0}}, {}, (*P, "scale"), "every value 0"),
    ("unit", {"p": {"path": "p", "unit": "volt"}}, {}, (*P, "unit"), "unknown unit"),
    ("type", {"p": {"path": "p", "type": "double"}}, {}, (*P, "type"), "'float', 'int', 'bool' or 'text'"),
    ("enum and bool", {"p": {"path": "p", "enum": {1: "a"}, "true_for": [1]}}, {}, (*P, "true_for"), "not both"),
    ("empty enum", {"p": {"path": "p", "enum": {}}}, {}, (*P, "enum"), "at least one code"),
    ("half a code", {"p": {"path": "p", "enum": {0.5: "a"}}}, {}, (*P, "enum"), "a whole number"),
    ("enum of another type", {"p": {"path": "p", "type": "int", "enum": {"1": "a"}}}, {}, (*P, "enum"), "is no int"),
    ("a code's word", {"p": {"path": "p", "enum": {1: "A b"}}}, {}, (*P, "enum", 1), "pattern"),
    ("only true", {"p": {"path": "p", "true_for": [1]}}, {}, (*P, "true_for"), "what is false"),
    ("only false", {"p": {"path": "p", "false_for": [1]}}, {}, (*P, "false_for"), "what is true"),
    ("both", {"p": {"path": "p", "true_for": [1], "false_for": [1.0]}}, {}, (*P, "false_for"), "1 is true already"),
    (
        "bool by type",
        {"p": {"path": "p", "type": "int", "true_for": 1, "false_for": 0}},
        {},
        (*P, "type"),
        "makes a bool",
    ),
    ("text number", {"p": {"path": "p", "type": "bool", "text_number": True}}, {}, (*P, "text_number"), "a number is"),
    (
        "no value",
        {"p": {"path": "p", "enum": {1: "a"}, "no_value": {1: "sensor"}}},
        {},
        (*P, "no_value"),
        "a value already",
    ),
    ("reason", {"p": {"path": "p", "no_value": {False: "zero"}}}, {}, (*P, "no_value", False), "not_fitted"),
    ("fault of a whole payload", {"p": {"fault": {"path": "x"}}}, {}, (*P, "fault"), "for a JSON message"),
    (
        "absent of a whole payload",
        {"p": {"absent_means": {"value": 0, "beside": "x"}}},
        {},
        (*P, "absent_means"),
        "for a JSON message",
    ),
    (
        "absent means rubbish",
        {"p": {"path": "p", "absent_means": {"value": "x", "beside": "y"}}},
        {},
        (*P, "absent_means"),
        "no value of this point",
    ),
    (
        "absent alone",
        {"p": {"path": "p", "absent_means": {"value": 0}}},
        {},
        (*P, "absent_means", "beside"),
        "required",
    ),
    ("part and whole", {"p": {"path": "p"}, "q": {}}, {}, ("points", "q", "path"), "it cannot be both"),
    ("whole and part", {"p": {}, "q": {"path": "p"}}, {}, ("points", "q", "path"), "takes the whole payload"),
    ("time of numbers", {"p": {}}, {"time": {"path": "t", "format": "unix_s"}}, ("mqtt", "time"), "for JSON messages"),
    (
        "time format",
        {"p": {"path": "p"}},
        {"time": {"path": "t", "format": "iso"}},
        ("mqtt", "time", "format"),
        "rfc3339",
    ),
    ("envelope", {"p": {"path": "p"}}, {"envelope": "lora"}, ("mqtt", "envelope"), "chirpstack-v4"),
    (
        "on and off",
        {"p": {}},
        {"availability": {"topic": "l", "online": [1, "x"], "offline": "x"}},
        ("mqtt", "availability", "offline"),
        "already means on line",
    ),
    ("no points", {}, {}, ("points",), "at least 1"),
]


@pytest.mark.parametrize(("points", "mqtt", "loc", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refused(points: dict[str, Any], mqtt: dict[str, Any], loc: tuple[str | int, ...], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        profile(points, mqtt)
    errors = caught.value.errors()
    found = [tuple(part for part in error["loc"] if part != "[key]") for error in errors]
    assert loc in {place[: len(loc)] for place in found}, errors
    assert words in " ".join(error["msg"] for error in errors)


@pytest.mark.parametrize(
    "path", ["a", "a.b", "a[0]", "[0]", "[0].a", '"a b".c', 'a."b.c"[3]', "温度", "a-b", "$a", "a[0][1]"]
)
def test_paths(path: str) -> None:
    assert parse_path(path)


@pytest.mark.parametrize(
    "path", ["", ".", "a.", ".a", "a..b", "a b", "a[", "a[]", "a[-1]", "a[x]", '"a', "a.[0]", "a[0]b", "x" * 300]
)
def test_paths_refused(path: str) -> None:
    with pytest.raises(ValueError, match="a path is expected"):
        parse_path(path)


@pytest.mark.parametrize("path", ["$.a.b", "$[0]", "/a/b"])
def test_a_path_of_another_language_is_told(path: str) -> None:
    """JSONPath and JSON Pointer would look for a key that no device has."""
    with pytest.raises(ValueError, match=r"a path begins with a key, such as values\[2\].power, not with"):
        parse_path(path)
    assert parse_path('"$".a') == ("$", "a")


def test_the_key_says_which_wire() -> None:
    assert parse_profile({**HEAD, "points": {"a": {"address": 1, "type": "uint16"}}}).wire == "modbus"
    made = parse_profile({**HEAD, "mqtt": {"topic": "t", "expect_every": "1s"}, "points": {"a": {}}})
    assert made.wire == "mqtt" and isinstance(made, MqttProfile)
    with pytest.raises(ValidationError, match="modbus"):
        parse_profile({**HEAD, "mqtt": {"topic": "t", "expect_every": "1s"}, "modbus": {}, "points": {"a": {}}})


def test_points_and_channels() -> None:
    made = profile({"depth": {"path": "d", "unit": "cm"}, "mode": {"path": "m", "enum": {1: "on", 0: "off"}}})
    assert profile_points(made) == (
        Point("depth", PointType.FLOAT, "cm"),
        Point("mode", PointType.ENUM, codes=("on", "off")),
    )
    assert made.point("depth").unit == "cm"
    with pytest.raises(KeyError):
        made.point("x")
    assert channel_point("floor_level", options(**{"from": "m.depth", "unit": "m"}), made).unit == "m"
    with pytest.raises(ValueError, match="'V' measures voltage"):
        channel_point("floor_level", options(**{"from": "m.depth", "unit": "V"}), made)
    assert made.part_hint == "" and made.for_parts([]) is made
    with pytest.raises(ValueError, match="made has no parts, so 'L1D1' cannot be one"):
        made.for_parts(["L1D1"])


def test_variables() -> None:
    station = any_shipped("openevse")
    assert isinstance(station, MqttProfile)
    assert station.variables == {"base", "id"}
    sensor = any_shipped("milesight-em500-swl")
    assert isinstance(sensor, MqttProfile)
    assert sensor.variables == {"app", "dev_eui"}
    good = {"app": "riverside", "dev_eui": "24e124454d083401"}
    sensor.check_variables(good)
    for given, words in [
        ({"app": "riverside"}, "need dev_eui"),
        (good | {"tenant": "x"}, "no variable 'tenant'; it needs app, dev_eui"),
        (good | {"dev_eui": "24E124454D083401"}, "dev_eui: sixteen digits"),
        (good | {"app": "a/b"}, "app: letters"),
    ]:
        with pytest.raises(ValueError, match=words):
            sensor.check_variables(given)


def test_identity_may_be_the_only_place_of_a_variable() -> None:
    made = profile({"p": {"path": "p"}}, {"identity": {"path": "id", "equals": "{serial}"}})
    assert made.variables == {"serial"}


LEVEL = profile({"v": {"path": "v"}}, {"topic": "s/{id}"})
PAIR = profile({"v": {"topic": "a/{x}"}, "w": {"topic": "a/{y}"}})


def spec(name: str, of: MqttProfile = LEVEL, number: int | None = None, link: str = "l", **variables: str) -> UnitSpec:
    return UnitSpec(name, link, number, of, 0, True, variables)


@pytest.mark.parametrize(
    ("units", "words"),
    [
        ([spec("a", id="1"), spec("b", id="1")], "b: a already speaks on the topic s/1 of link l"),
        ([spec("a")], "a: the profile's topics need id"),
        ([spec("a", id="+")], "a: id: letters"),
        ([spec("a", id="1", more="2")], "a: the profile's topics have no variable 'more'"),
        ([spec("a", number=1, id="1")], "messages have topics, no unit"),
        ([spec("a", PAIR, x="1", y="1")], "a: with these variables two of its topics are one"),
        (
            [spec("a", id="1"), unit("b", 1, shipped("keba-p30"))],
            "a link is one wire, but on l a speaks mqtt, b modbus",
        ),
    ],
)
def test_assignments_refused(units: list[UnitSpec], words: str) -> None:
    with pytest.raises(AssignmentError, match=words):
        assign(units, [])


def test_an_assignment_of_messages() -> None:
    made = assign([spec("a", id="1"), spec("b", id="2"), spec("c", link="m", id="1")], [])
    assert made["l"].wire == made["m"].wire == "mqtt"
    assert [layout.device for layout in made["l"].layouts] == ["a", "b"]
    feeding = assign([UnitSpec("m", "l", None, LEVEL, 0, False, {"id": "1"})], [channel("d", "level", "m.v", unit="m")])
    assert [point.unit for layout in feeding["l"].layouts for point in layout.points] == ["m"]
    with pytest.raises(AssignmentError, match="has no point 'x'"):
        assign([spec("a", id="1")], [channel("d", "level", "a.x")])
    with pytest.raises(TypeError, match="no profile of messages"):
        DeviceCodec(link(unit("k", 255, shipped("keba-p30"))).units[0])


VECTORS: list[tuple[dict[str, Any], list[tuple[tuple[str | int, ...], str]]]] = [
    ({"payload": {"v": 1}, "variables": {"id": "1"}, "expect": {"v": 1}}, []),
    (
        {"payload": '{"v": 1}', "variables": {"id": "1"}, "expect": {"v": 2}},
        [(("expect", "v"), "v: expected 2, got 1.0")],
    ),
    (
        {"payload": {"v": 1}, "variables": {"id": "1"}, "bad": {"v": "range"}},
        [(("bad", "v"), "v: expected range, got 1.0")],
    ),
    ({"payload": {"x": 1}, "variables": {"id": "1"}, "expect": {"v": 2}}, [((), "poison (no_point)")]),
    ({"payload": {"x": 1}, "variables": {"id": "1"}, "poison": "no_point"}, []),
    # an example that expects nothing could not fail
    ({"payload": {"v": 1}, "variables": {"id": "1"}}, [((), "nothing is expected, but v came")]),
    ({"payload": {"v": 1}, "variables": {"id": "1"}, "expect": {}}, [((), "nothing is expected, but v came")]),
    ({"payload": {"v": 1}, "variables": {"id": "1"}, "poison": "no_point"}, [(("poison",), "but something was read")]),
    ({"payload": {"v": 1}, "expect": {"v": 1}}, [(("variables",), "need id")]),
    ({"payload": {"v": 1}, "topic": "x/{id}", "variables": {"id": "1"}}, [((), "no point comes on the topic x/1")]),
    ({"payload": {"v": 1}, "topic": "x/{y}", "variables": {"id": "1"}}, [(("variables",), "y")]),
    ({"payload": {"v": 1}, "variables": {"id": "1"}, "available": True}, [(("available",), "expected True, got None")]),
    (
        {"payload": {"v": 1}, "variables": {"id": "1"}, "source_time": "2026-01-01T00:00:00Z"},
        [(("source_time",), "expected 2026-01-01T00:00:00Z, got none")],
    ),
    (
        {"payload": {"v": 1}, "variables": {"id": "1"}, "history": [{"expect": {"v": 1}}]},
        [(("history",), "expected 1 older records, got 0")],
    ),
]


@pytest.mark.parametrize(("vector", "told"), VECTORS)
def test_vectors(vector: dict[str, Any], told: list[tuple[tuple[str | int, ...], str]]) -> None:
    made = profile({"v": {"path": "v"}}, {"topic": "s/{id}"}, vectors=[vector])
    found = list(mistakes(made))
    assert [place for _, place, _ in found] == [place for place, _ in told]
    for (_, _, sentence), (_, words) in zip(found, told, strict=True):
        assert words in sentence


def test_vectors_name_known_points_and_reasons() -> None:
    with pytest.raises(ValidationError, match="there is no point 'x'"):
        profile({"v": {"path": "v"}}, vectors=[{"payload": "1", "history": [{"bad": {"x": "range"}}]}])
    with pytest.raises(ValidationError, match="one of oversize"):
        profile({"v": {"path": "v"}}, vectors=[{"payload": "1", "poison": "bad"}])
