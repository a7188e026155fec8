"""The rarer forms of the language of messages: alternatives, parts, bytes, local clocks, points made of others."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest
from pydantic import ValidationError

from drivers.adaptation import Adaptation, AdaptationError
from drivers.assign import UnitSpec, assign
from drivers.mqtt.codec import MOST_LAYOUTS, DeviceCodec
from drivers.mqtt.source_time import local_reader, reader, zone_of
from drivers.mqtt.vectors import mistakes
from drivers.part_ids import PartIds, named
from drivers.profile import MqttProfile
from gateway.model import SECOND
from tests.drivers.said import TOPIC, codec, of, poison, profile, read, said, shown


def all_of(made: DeviceCodec, payload: object, topic: str = TOPIC) -> dict[str, Any]:
    return {key: value for record in made.decode(topic, said(payload)).records for key, value in shown(record).items()}


# alternatives


def test_the_first_path_that_is_there_counts() -> None:
    """One phase says a number, three phases an array; a renamed key; a component that a setting moves."""
    made = of({"power": {"path": ["ENERGY.Power[0]", "ENERGY.Power", "old.power"]}})
    for payload, value in [
        ({"ENERGY": {"Power": [1, 2, 3]}, "old": {"power": 9}}, 1.0),
        ({"ENERGY": {"Power": 7}}, 7.0),
        ({"old": {"power": 9}}, 9.0),
        ({"ENERGY": {"Power": None}, "old": {"power": 9}}, "<no_value>"),  # null is there
        ({"ENERGY": None, "old": {"power": 9}}, "<no_value>"),
    ]:
        assert read(made, payload) == {"power": value}
    assert poison(made, {"ENERGY": {"Power": [{}]}}) == "type"
    assert poison(made, {"ENERGY": {"Power": []}}) == "type", "an empty array is no number"
    assert poison(made, {"x": 1}) == "no_point"


def test_alternatives_that_are_all_something_else_are_of_a_wrong_type() -> None:
    made = of({"a": {"path": ["x.y", "z[1]"]}, "b": {"path": "b"}})
    assert read(made, {"x": 5, "z": 6, "b": 1}) == {"a": "<decode>", "b": 1.0}
    assert read(made, {"x": {}, "b": 1}) == {"b": 1.0}


# parts


SOCKETS = {
    "topic": "station/{id}/state",
    "expect_every": "10s",
}
SOCKET = {
    "id": "socket-{n}",
    "over": {"n": [1, 4]},
    "points": {
        "power": {"path": "sockets[{n-1}].power", "unit": "W"},
        "state": {"path": 'by."{part}".state', "enum": {0: "idle", 1: "busy"}},
        "leak": {"path": "leak{n}", "type": "bool", "fault": {"path": "error{n}", "reasons": {"x": "range"}}},
        "rain": {"path": "rain{n}", "absent_means": {"value": 0, "beside": "sockets[{n-1}].power"}},
    },
}


def station(*parts: str, **more: Any) -> MqttProfile:
    return profile({"total": {"path": "total"}}, SOCKETS, parts=[{**SOCKET, **more}]).for_parts(parts)


def test_parts_stand_where_their_template_says() -> None:
    made = codec(station("socket-1", "socket-3"), variables={"id": "a"})
    topic = "station/a/state"
    payload = {"total": 9, "sockets": [{"power": 1}, {"power": 2}, {"power": 3}], "by": {"socket-3": {"state": 1}}}
    assert all_of(made, payload, topic) == {
        "total": 9.0, "socket-1/power": 1.0, "socket-1/rain": 0.0, "socket-3/power": 3.0, "socket-3/state": "busy",
        "socket-3/rain": 0.0,
    }  # fmt: skip
    assert all_of(made, {"leak3": True, "leak2": True, "error1": "x"}, topic) == {
        "socket-3/leak": True, "socket-1/leak": "<range>",
    }  # fmt: skip
    assert poison(made, {"leak2": True}, topic) == "no_point", "a part that the site has not named"


def test_the_hint_and_the_ids_of_parts() -> None:
    made = station()
    assert made.part_hint == "socket-1 … socket-4" and list(made.readings) == ["total"]
    assert made.variables == {"id"}
    for wrong in ("socket-0", "socket-5", "socket-01", "socket", "x"):
        with pytest.raises(ValueError, match=f"made has no part '{wrong}'; its parts are socket-1 … socket-4"):
            made.for_parts([wrong])
    with pytest.raises(ValueError, match="has no parts"):
        profile({"a": {"path": "a"}}).for_parts(["x"])
    both = made.for_parts(["socket-1"]).for_parts(["socket-2"])
    assert {reading.point.part for reading in both.readings.values()} == {None, "socket-1", "socket-2"}


def test_a_topic_for_each_part() -> None:
    door = {"id": "door-{n}", "over": {"n": [1, 2]}, "points": {"open": {"topic": "{base}/door/{n}", "type": "bool"}}}
    made = profile({}, {"topic": None, "expect_every": "10s"}, parts=[door]).for_parts(["door-1", "door-2"])
    assert made.variables == {"base"}
    one = codec(made, variables={"base": "lift-a"})
    assert one.topics == {"lift-a/door/1", "lift-a/door/2"}
    assert all_of(one, b"true", "lift-a/door/2") == {"door-2/open": True}


PARTS_REFUSED: list[tuple[dict[str, Any], tuple[str | int, ...], str]] = [
    ({"id": "socket"}, ("id",), "an id with variables"),
    ({"id": "s{n}{m}", "over": {"n": [1, 2], "m": [1, 2]}}, (), "a letter, `-` or `_` must stand between"),
    ({"over": {"m": [1, 2]}}, (), "`over` needs a range for each of n"),
    ({"over": {"n": [5, 2]}}, (), "the lower one first"),
    ({"points": {"p": {"path": "same"}}}, ("points", "p", "path"), "all parts would show the same place"),
    ({"points": {"p": {"path": "a{m}"}}}, (), "{m} is none of {part}, {n}"),
    ({"points": {"p": {"path": "a[{n-2}]"}}}, ("points", "p", "path"), "{n-2} is -1 for 'socket-1'"),
    ({"points": {"p": {"path": "a..{n}"}}}, ("points", "p", "path", 0), "a path is expected"),
    ({"points": {"p": {"path": "p{n}", "range": [2, 1]}}}, ("points", "p", "range"), "the range must rise"),
    ({"points": {"p": {"topic": "a/{n}", "path": "x"}, "q": {"topic": "a/{n}"}}}, ("points", "q", "path"), "both"),
    ({"points": {"p": {"topic": "a/+/{n}"}}}, ("points", "p", "topic"), "without the wildcards"),
]


@pytest.mark.parametrize(("change", "place", "words"), PARTS_REFUSED)
def test_templates_refused(change: dict[str, Any], place: tuple[str | int, ...], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        station(**change)
    assert [error["loc"] for error in caught.value.errors()] == [("parts", 0, *place)]
    assert words in caught.value.errors()[0]["msg"]


def test_two_templates_must_not_share_ids() -> None:
    with pytest.raises(ValidationError, match="'socket-1' is also a part of a template above"):
        profile({}, SOCKETS, parts=[SOCKET, {**SOCKET, "over": {"n": [1, 9]}}])


def test_ids_are_arithmetic() -> None:
    ids = PartIds("L{loop}D{number}", {"loop": (1, 10), "number": (0, 159)})
    assert ids.numbers("L10D0") == {"loop": 10, "number": 0} and ids.numbers("L11D0") is None
    assert named("{part}:{loop-1}.{number+1}.{other}", "L3D7", {"loop": 3, "number": 7}) == "L3D7:2.8.{other}"


def test_hundreds_of_parts_that_speak_one_at_a_time_keep_their_points_together() -> None:
    """There are more kinds of messages than are remembered; what is said of one part stays one record."""
    ids = [f"D{n}" for n in range(200)]
    template = {
        "id": "D{n}",
        "over": {"n": [0, 999]},
        "points": {"fire": {"path": "{part}.fire", "type": "bool"}, "test": {"path": "{part}.test", "type": "bool"}},
    }
    made = codec(profile({"count": {"path": "count", "type": "int"}}, parts=[template]).for_parts(ids))
    for turn in range(2):
        for number, part in enumerate(ids):
            records = made.decode(TOPIC, said({"count": number, part: {"fire": True, "test": False}})).records
            kinds = [{point.key for point in record.layout.points} for record in records]
            together = {f"{part}/fire", f"{part}/test"}
            if number < MOST_LAYOUTS - 1:
                assert kinds == [{"count", *together}]
            else:
                assert kinds == [{"count"}, together], (turn, number)
            assert {k: v for one in records for k, v in shown(one).items()} == {
                "count": number, f"{part}/fire": True, f"{part}/test": False,
            }  # fmt: skip


# bytes

BYTES = struct.pack("<BhHIf", 0xA5, -300, 0xFFFF, 70_000, 21.5) + b"north\0\0\0" + (5).to_bytes(3, "big")
FIELDS: dict[str, dict[str, Any]] = {
    "alarm": {"at": 0, "type": "uint8", "bit": 7},
    "quiet": {"at": 0, "type": "uint8", "bit": 6, "invert": True},
    "mode": {"at": 0, "type": "uint8", "bits": [0, 3], "enum": {5: "run", 6: "stop"}},
    "armed": {"at": 0, "type": "uint8", "bits": [4, 7], "true_for": [10], "false_for": [0]},
    "level": {"at": 1, "type": "int16", "byte_order": "little", "scale": 0.01, "unit": "m"},
    "spare": {"at": 3, "type": "uint16", "byte_order": "little", "no_value": {0xFFFF: "not_fitted"}},
    "count": {"at": 5, "type": "uint32", "byte_order": "little", "counter": True},
    "temperature": {"at": 9, "type": "float32", "byte_order": "little", "unit": "°C", "range": [-40, 80]},
    "place": {"at": 13, "type": "text", "length": 8},
    "three": {"at": 21, "type": "uint24"},
}
SAYS = {
    "alarm": True, "quiet": True, "mode": "run", "armed": True, "level": -3.0, "spare": "<not_fitted>", "count": 70_000,
    "temperature": 21.5, "place": "north", "three": 5,
}  # fmt: skip


@pytest.mark.parametrize(
    ("binary", "payload"),
    [
        ({"encoding": "raw"}, BYTES),
        ({"encoding": "hex"}, BYTES.hex().encode()),
        ({"encoding": "hex"}, b'"' + BYTES.hex(" ").upper().encode() + b'"\n'),
        ({"encoding": "base64"}, base64.b64encode(BYTES)),
        ({"encoding": "base64", "path": "data"}, {"data": base64.b64encode(BYTES).decode()}),
        ({"encoding": "base64", "path": "data"}, {"data": base64.b64encode(BYTES).decode().rstrip("=")}),
        ({"encoding": "hex", "path": "a.b[0]"}, {"a": {"b": [BYTES.hex()]}, "x": 1}),
    ],
)
def test_points_in_bytes(binary: dict[str, Any], payload: object) -> None:
    made = of(FIELDS, {"binary": binary})
    assert read(made, payload) == SAYS
    point = made.layouts[0].points[6]
    assert point.key == "count" and point.counter == float("inf")


def test_what_the_bytes_are_too_short_for_is_not_there() -> None:
    made = of(FIELDS, {"binary": {"encoding": "raw"}})
    for length in range(1, len(BYTES) + 1):
        found = read(made, BYTES[:length])
        assert found == {key: value for key, value in SAYS.items() if key in found} and "alarm" in found
    assert set(read(made, BYTES[:5])) == {"alarm", "quiet", "mode", "armed", "level", "spare"}
    assert poison(of({"a": {"at": 5, "type": "uint8"}}, {"binary": {"encoding": "raw"}}), b"short") == "no_point"


@pytest.mark.parametrize(
    ("encoding", "text", "reason"),
    [
        ("hex", "0g", "type"),
        ("hex", "abc", "type"),
        ("base64", "§§", "type"),
        ("base64", "a b=", "type"),
        ("base64", 7, "type"),
        ("base64", {"x": 1}, "type"),
        ("base64", "", "no_point"),
        ("base64", None, "no_point"),
    ],
)
def test_what_is_no_bytes(encoding: str, text: object, reason: str) -> None:
    made = of({"a": {"at": 0, "type": "uint8"}, "b": {"path": "b"}}, {"binary": {"path": "data", "encoding": encoding}})
    assert poison(made, {"data": text}) == reason
    assert read(made, {"data": text, "b": 2}).get("b") == 2.0
    assert read(made, {"data": "AQ==" if encoding == "base64" else "01", "b": 2}) == {"a": 1, "b": 2.0}


def test_a_payload_that_is_no_text_of_that_encoding() -> None:
    made = of({"a": {"at": 0, "type": "uint8"}}, {"binary": {"encoding": "hex"}})
    for payload in (b"", b"xyz", b"\xff\xfe", b"0", b'{"data": "01"}'):
        assert poison(made, payload) == "encoding"


def test_a_number_that_is_none() -> None:
    made = of({"a": {"at": 0, "type": "float32"}, "b": {"at": 4, "type": "float64"}}, {"binary": {"encoding": "raw"}})
    nan, inf = struct.pack(">f", float("nan")), struct.pack(">d", float("inf"))
    assert read(made, nan + inf) == {"a": "<decode>", "b": "<decode>"}
    assert read(made, struct.pack(">fd", 1, 2)) == {"a": 1.0, "b": 2.0}


def test_bytes_beside_what_a_network_server_has_decoded() -> None:
    """The server has no codec for the device, and none is needed: the bytes are read here."""
    variables = {"app": "a", "dev_eui": "24e124454d083401"}
    points = {"level": {"at": 1, "type": "uint16", "byte_order": "little"}, "battery": {"path": "battery"}}
    mqtt = {"topic": None, "envelope": "chirpstack-v4", "binary": {"encoding": "base64"}, "expect_every": "1h"}
    made = codec(profile(points, mqtt), variables=variables)
    topic = "application/a/device/24e124454d083401/event/up"
    head = {"deviceInfo": {"devEui": variables["dev_eui"]}, "time": "2026-11-23T10:00:00Z"}
    assert read(made, {**head, "data": "AQcA"}, topic) == {"level": 7}
    assert read(made, {**head, "data": "AQcA", "object": {"battery": 90}}, topic) == {"level": 7, "battery": 90.0}
    assert made.decode(topic, said(head)).records == (), "a radio message without a payload"
    assert poison(made, {**head, "data": "AQ=="}, topic) == "no_point"


BYTES_REFUSED: list[tuple[dict[str, Any], dict[str, Any], tuple[str | int, ...], str]] = [
    ({"p": {"at": 0, "type": "uint8"}}, {}, ("points", "p", "at"), "`mqtt.binary` must say where"),
    ({"p": {"path": "p"}}, {"binary": {"encoding": "raw"}}, ("mqtt", "binary"), "nobody reads these bytes"),
    ({"p": {"path": "p", "type": "uint8"}}, {}, ("points", "p", "type"), "say where they stand: `at`"),
    ({"p": {"path": "p", "bit": 1}}, {}, ("points", "p", "bit"), "`bit` is for a point in bytes"),
    ({"p": {"at": 0}}, {"binary": {"encoding": "raw"}}, ("points", "p", "type"), "bytes need a type"),
    ({"p": {"at": 0, "type": "text"}}, {"binary": {"encoding": "raw"}}, ("points", "p", "length"), "its length"),
    ({"p": {"at": 0, "type": "uint8", "bit": 8}}, {"binary": {"encoding": "raw"}}, ("points", "p", "bit"), "0 … 7"),
    (
        {"p": {"at": 0, "type": "uint8", "bits": [5, 2]}},
        {"binary": {"encoding": "raw"}},
        ("points", "p", "bits"),
        "0 … 7",
    ),
    (
        {"p": {"at": 0, "type": "float32", "bit": 1}},
        {"binary": {"encoding": "raw"}},
        ("points", "p", "bit"),
        "integer type",
    ),
    (
        {"p": {"at": 0, "type": "uint8", "path": "x"}},
        {"binary": {"encoding": "hex", "path": "d"}},
        ("points", "p", "at"),
        "not both",
    ),
    (
        {"p": {"at": 0, "type": "uint8", "enum": {"a": "b"}}},
        {"binary": {"encoding": "raw"}},
        ("points", "p", "enum"),
        "is no uint8",
    ),
    (
        {"p": {"at": 0, "type": "uint8"}},
        {"binary": {"encoding": "raw"}, "time": {"path": "t", "format": "unix_s"}},
        ("mqtt", "time"),
        "bytes and nothing else",
    ),
    ({"p": {"at": 0, "type": "uint8"}}, {"binary": {"encoding": "raw", "path": "x"}}, ("mqtt", "binary"), "raw bytes"),
]


@pytest.mark.parametrize(("points", "mqtt", "place", "words"), BYTES_REFUSED)
def test_bytes_refused(points: dict[str, Any], mqtt: dict[str, Any], place: tuple[str | int, ...], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        profile(points, mqtt)
    assert [error["loc"] for error in caught.value.errors()] == [place]
    assert words in caught.value.errors()[0]["msg"]


# clocks without a zone


def at(text: str) -> int:
    found = reader("rfc3339")(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("zone", "said_", "expected"),
    [
        ("utc", "2026-11-23T10:11:12", "2026-11-23T10:11:12Z"),
        ("utc", "2026-11-23 10:11:12.5", "2026-11-23T10:11:12.5Z"),
        ("utc", "2026.11.23 10:11:12", "2026-11-23T10:11:12Z"),
        ("utc", "2026/11/23 10:11", "2026-11-23T10:11:00Z"),
        ("+08:00", "2026-11-23T10:11:12", "2026-11-23T10:11:12+08:00"),
        ("-03:30", "2026-11-23T10:11:12", "2026-11-23T10:11:12-03:30"),
        ("site", "2026-11-23T10:11:12", "2026-11-23T10:11:12+08:00"),
        (None, "2026-11-23T10:11:12", "2026-11-23T10:11:12+08:00"),
    ],
)
def test_a_local_time(zone: str | None, said_: str, expected: str) -> None:
    spec = {"path": "t", "format": "local"} | ({"zone": zone} if zone else {})
    made = profile({"p": {"path": "p"}}, {"time": spec}).adapted(Adaptation(), "Asia/Shanghai")
    (record,) = codec(made).decode(TOPIC, said({"p": 1, "t": said_})).records
    assert record.source_ns == at(expected) and record.odd_time is None and record.later_ns is None


@pytest.mark.parametrize(
    "said_",
    [
        *("2026-11-23T10:11:12Z", "2026-11-23T10:11:12+08:00", "2026-02-30T10:00:00", "2026-11-23", "10:11:12", ""),
        *("1970-01-01T00:00:00", "2026-11-23T24:00:00", "2026-13-01T00:00:00", "2026-11-23T10:61:00"),
        *("26-11-23 10:00:00", "2026-11.23 10:00:00"),
    ],
)
def test_what_is_no_local_time(said_: str) -> None:
    made = of({"p": {"path": "p"}}, {"time": {"path": "t", "format": "local", "zone": "utc"}})
    (record,) = made.decode(TOPIC, said({"p": 1, "t": said_})).records
    assert record.source_ns is None and record.odd_time == said_


def test_the_hours_that_a_clock_shows_twice_and_never() -> None:
    read_ = local_reader(zone_of(None, "Europe/Berlin"))
    twice = read_("2026-10-25T02:30:00")
    assert twice is not None
    assert (twice.ns, twice.later_ns) == (at("2026-10-25T00:30:00Z"), at("2026-10-25T01:30:00Z"))
    before, behind = read_("2026-10-25T01:59:59"), read_("2026-10-25T03:00:00")
    assert before == (at("2026-10-24T23:59:59Z"), None) and behind == (at("2026-10-25T02:00:00Z"), None)
    assert read_("2026-03-29T02:30:00") is None, "in spring there is no such time"
    assert read_("2026-03-29T03:30:00") == (at("2026-03-29T01:30:00Z"), None)


def test_a_zone_is_for_a_local_time_only() -> None:
    for spec in (
        {"format": "rfc3339", "zone": "utc"},
        {"format": "local", "zone": "Mars"},
        {"format": "local", "zone": "+25:00"},
    ):
        with pytest.raises(ValidationError):
            profile({"p": {"path": "p"}}, {"time": {"path": "t", **spec}})


# points made of others

LEVEL: dict[str, Any] = {
    "points": {"distance": {"path": "d", "scale": 0.001, "unit": "m", "range": [0, 10]}, "other": {"path": "o"}},
    "parameters": {"mount_height": {"unit": "m", "range": [0, 20]}},
    "computed": {
        "level": {"expr": "mount_height - distance", "unit": "m", "range": [0, 5]},
        "twice": {"expr": "level * 2", "unit": "m"},
    },
}


def level(**more: Any) -> MqttProfile:
    made = {**LEVEL, **more}
    return profile(made.pop("points"), **made)


def site(**given: Any) -> Adaptation:
    return Adaptation.model_validate(given)


def test_a_computed_point_needs_its_operands_in_the_same_message() -> None:
    made = level().adapted(site(parameters={"mount_height": "320 cm"}), "UTC")
    one = codec(made)
    assert list(made.readings) == ["distance", "other", "level", "twice"]
    assert read(one, {"d": 700}) == {"distance": 0.7, "level": 2.5, "twice": 5.0}
    assert read(one, {"o": 1}) == {"other": 1.0}
    assert read(one, {"d": 99_000, "o": 1}) == {
        "distance": "<range>",
        "level": "<range>",
        "twice": "<range>",
        "other": 1.0,
    }
    assert read(one, {"d": 5000}) == {"distance": 5.0, "level": "<range>", "twice": "<range>"}
    assert poison(one, {"d": "far"}) == "type", "what is computed speaks for nothing"
    assert read(one, {"d": None}) == {"distance": "<no_value>", "level": "<no_value>", "twice": "<no_value>"}


def test_a_parameter_that_nobody_has_given() -> None:
    assert read(codec(level()), {"d": 700})["level"] == "<config>"
    for given, loc, words in [
        ({}, (), "needs a measure of this device: `parameters: {mount_height: … m}`"),
        ({"parameters": {"height": "1 m"}}, ("parameters", "height"), "has no parameter 'height'; its parameters are"),
        ({"parameters": {"mount_height": "30 m"}}, ("parameters", "mount_height"), "must lie within 0 … 20 m"),
        ({"parameters": {"mount_height": "3 kg"}}, ("parameters", "mount_height"), "unknown unit"),
    ]:
        with pytest.raises((AdaptationError, ValidationError)) as caught:
            level().adapted(site(**given), "UTC")
        if isinstance(caught.value, AdaptationError):
            assert caught.value.loc == loc
        assert words in str(caught.value)
    default = level(parameters={"mount_height": {"unit": "m", "default": "2 m"}})
    assert read(codec(default.adapted(site(), "UTC")), {"d": 700})["level"] == 1.3


def test_computed_points_of_parts_and_channels() -> None:
    template = {
        "id": "socket-{n}",
        "over": {"n": [1, 9]},
        "points": {"u": {"path": "s{n}.u", "unit": "V"}, "i": {"path": "s{n}.i", "unit": "A"}},
        "computed": {"power": {"expr": "u * i * factor", "unit": "W"}},
    }
    made = profile({"factor": {"path": "f"}}, parts=[template]).for_parts(["socket-2", "socket-7"])
    one = codec(made.adapted(site(), "UTC"))
    assert all_of(one, {"f": 1, "s2": {"u": 230, "i": 2}, "s7": {"u": 230}}) == {
        "factor": 1.0, "socket-2/u": 230.0, "socket-2/i": 2.0, "socket-2/power": 460.0, "socket-7/u": 230.0,
    }  # fmt: skip
    unit = UnitSpec("d", "l", None, level().adapted(site(parameters={"mount_height": "3 m"}), "UTC"), SECOND, False, {})
    from tests.drivers.made import channel

    fed = DeviceCodec(assign([unit], [channel("w", "floor_level", "d.level", scale=100)])["l"].units[0])
    (record,) = fed.decode(TOPIC, said({"d": 700})).records
    assert [(point.key, value) for point, value in zip(record.layout.points, record.values, strict=True)] == [
        ("floor_level", pytest.approx(230))
    ]


def test_a_computed_point_of_a_whole_payload() -> None:
    """Watt-minutes since start, as a bare number on a topic of its own."""
    made = codec(profile({"wmin": {"counter": True}}, computed={"energy": {"expr": "wmin / 60000", "unit": "kWh"}}))
    assert read(made, b"120000") == {"wmin": 120_000.0, "energy": 2.0}


COMPUTED_REFUSED: list[tuple[dict[str, Any], tuple[str | int, ...], str]] = [
    ({"computed": {"level": {"expr": "height - distance"}}}, ("computed", "level", "expr"), "height"),
    ({"computed": {"distance": {"expr": "other * 2"}}}, ("computed", "distance"), "already a point that is read"),
    (
        {
            "points": {**LEVEL["points"], "far": {"topic": "else", "path": "x"}},
            "computed": {"sum": {"expr": "far + other"}},
        },
        ("computed", "sum", "expr"),
        "never come in one message: else and t/1",
    ),
    ({"computed": {"level": {"script": "x"}}}, ("computed", "level", "script"), "write a codec plug-in"),
    ({"converter": "x"}, ("converter",), "docs/profiles.md#codec-plug-ins"),
]


@pytest.mark.parametrize(("change", "place", "words"), COMPUTED_REFUSED)
def test_computed_refused(change: dict[str, Any], place: tuple[str | int, ...], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        level(**change)
    assert place in [error["loc"] for error in caught.value.errors()], caught.value
    assert any(words in error["msg"] for error in caught.value.errors()), caught.value


# judges


def test_a_value_counts_while_its_judge_in_the_same_message_says_so() -> None:
    made = of(
        {
            "status": {"path": "s", "enum": {0: "ok", 1: "broken"}},
            "age": {"path": "age", "unit": "s"},
            "level": {"path": "l", "valid_when": {"status": "ok", "age": {"at_most": "10 s"}}},
        }
    )
    assert read(made, {"s": 0, "age": 3, "l": 1}) == {"status": "ok", "age": 3.0, "level": 1.0}
    assert read(made, {"s": 1, "age": 3, "l": 1})["level"] == "<sensor>"
    assert read(made, {"s": 0, "age": 30, "l": 1})["level"] == "<sensor>"
    assert read(made, {"s": 0, "l": 1})["level"] == "<no_value>", "nobody knows how old it is"
    assert read(made, {"l": 1}) == {"level": "<no_value>"}
    for points, words in [
        ({"l": {"path": "l", "valid_when": {"x": "ok"}}}, "there is no point 'x'"),
        (
            {"l": {"path": "l", "valid_when": {"s": "ok"}}, "s": {"topic": "else", "path": "s"}},
            "comes on another topic",
        ),
        ({"l": {"path": "l", "valid_when": {"s": "odd"}}, "s": {"path": "s", "enum": {0: "ok"}}}, "is never 'odd'"),
        ({"l": {"path": "l", "type": "int", "valid_when": {"l": 1}}}, "would be judged by itself"),
    ]:
        with pytest.raises(ValidationError, match=words):
            profile(points)


def test_a_parts_judge_is_its_own() -> None:
    template = {
        "id": "D{n}",
        "over": {"n": [1, 9]},
        "points": {
            "ok": {"path": "{part}.ok", "type": "bool"},
            "level": {"path": "{part}.level", "valid_when": {"ok": True}},
        },
    }
    made = codec(profile({}, parts=[template]).for_parts(["D1", "D2"]))
    assert all_of(made, {"D1": {"ok": True, "level": 1}, "D2": {"ok": False, "level": 2}}) == {
        "D1/ok": True, "D1/level": 1.0, "D2/ok": False, "D2/level": "<sensor>",
    }  # fmt: skip


# what a site adapts


def test_a_site_adjusts_a_point_and_what_is_computed_follows() -> None:
    made = level().adapted(
        site(parameters={"mount_height": "3 m"}, adjust={"distance": {"scale": 0.01, "range": [0, 20]}}), "UTC"
    )
    assert read(codec(made), {"d": 70}) == {"distance": 0.7, "level": 2.3, "twice": 4.6}
    sockets = station("socket-1", "socket-2").adapted(site(adjust={"socket-2/power": {"scale": 0.1}}), "UTC")
    found = all_of(codec(sockets, variables={"id": "a"}), {"sockets": [{"power": 1}, {"power": 2}]}, "station/a/state")
    assert found == {"socket-1/power": 1.0, "socket-1/rain": 0.0, "socket-2/power": 0.2, "socket-2/rain": 0.0}


@pytest.mark.parametrize(
    ("given", "loc", "words"),
    [
        ({"adjust": {"x": {"scale": 2}}}, ("adjust", "x"), "is no point of this device"),
        ({"adjust": {"level": {"scale": 2}}}, ("adjust", "level"), "is computed"),
        ({"adjust": {"distance": {"path": "x"}}}, ("adjust", "distance", "path"), "`path` belongs to the profile"),
        ({"adjust": {"distance": {"scale": "x"}}}, ("adjust", "distance", "scale"), "number"),
        ({"adjust": {"distance": {"scale": 0}}}, ("adjust", "distance", "scale"), "every value 0"),
        ({"adjust": {"distance": {"sacle": 2}}}, ("adjust", "distance", "sacle"), ""),
        ({"variant": "old"}, ("variant",), "leaves nothing open"),
        ({"byte_order": "little"}, ("byte_order",), "leaves nothing open"),
    ],
)
def test_adjustments_refused(given: dict[str, Any], loc: tuple[str | int, ...], words: str) -> None:
    with pytest.raises(AdaptationError) as caught:
        level().adapted(site(parameters={"mount_height": "3 m"}, **given), "UTC")
    assert caught.value.loc == loc and words in caught.value.sentence


def test_how_often_points_come() -> None:
    made = profile({"a": {"path": "a", "every": "change"}, "b": {"path": "b", "every": "1h"}, "c": {"path": "c"}})
    assert [reading.every_ns for reading in made.readings.values()] == [0, 3600 * SECOND, None]


# vectors


def test_vectors_of_parts_bytes_and_parameters() -> None:
    made = profile(
        {"n": {"at": 0, "type": "uint8"}},
        {"binary": {"encoding": "raw"}},
        computed={"m": {"expr": "n * factor"}},
        parameters={"factor": {}},
        vectors=[
            {"hex": "07", "parameters": {"factor": 2}, "expect": {"n": 7, "m": 14}},
            {"hex": "07", "bad": {"m": "config"}},
            {"hex": "07", "parameters": {"factor": 3}, "expect": {"m": 14}},
            {"hex": "07", "parameters": {"x": 3}, "expect": {"m": 14}},
        ],
    )
    assert [(index, place) for index, place, _ in mistakes(made)] == [(2, ("expect", "m")), (3, ("parameters", "x"))]
    for vector, words in [({"expect": {}}, "either `payload` or `hex`"), ({"hex": "7", "expect": {}}, "pattern")]:
        with pytest.raises(ValidationError, match=words):
            profile({"n": {"path": "n"}}, vectors=[vector])
    with pytest.raises(ValidationError, match="no part 'x'"):
        profile({}, SOCKETS, parts=[SOCKET], vectors=[{"payload": {}, "parts": ["x"]}])
