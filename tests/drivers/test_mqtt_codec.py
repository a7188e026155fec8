"""From messages to records: what a message carries, in whichever form devices say it, and nothing it does not carry."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.mqtt.codec import MOST_LAYOUTS
from gateway.model import SECOND, Layout, Point, PointType, Quality
from tests.drivers.made import any_shipped, channel
from tests.drivers.said import TOPIC, codec, of, poison, profile, read, said, shown

RAMP = {"app": "riverside", "dev_eui": "24e124454d083401"}
RAMP_TOPIC = "application/riverside/device/24e124454d083401/event/up"


def uplink(fields: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    decoded = {} if fields is None else {"object": fields}
    return {
        "deduplicationId": "3ac7e3c4",
        "time": "2026-11-23T10:11:12.5+00:00",
        "deviceInfo": {"devEui": RAMP["dev_eui"], "applicationId": "a:b", "tags": {}},
        "data": "AXVk",
        **decoded,
        **more,
    }


def test_a_flat_message() -> None:
    made = of(
        {
            "level": {"path": "level", "scale": 0.01, "unit": "m", "range": [0, 5]},
            "count": {"path": "count", "type": "int"},
            "open": {"path": "open", "type": "bool", "invert": True},
            "name": {"path": "name", "type": "text"},
            "mode": {"path": "mode", "enum": {0: "idle", 1: "busy"}},
        }
    )
    full = {"level": 231, "count": 3.0, "open": False, "name": "Rampe 斜坡", "mode": 1}
    assert read(made, full) == {"level": 2.31, "count": 3, "open": True, "name": "Rampe 斜坡", "mode": "busy"}
    assert read(made, full | {"level": 501, "mode": 2}) == {
        "level": "<range>", "count": 3, "open": True, "name": "Rampe 斜坡", "mode": "<undeclared>",
    }  # fmt: skip
    (record,) = made.decode(TOPIC, said(full)).records
    assert type(record.values[0]) is float and type(record.values[1]) is int
    assert record.layout is made.layouts[0] is made.blind()[0]
    assert record.quality is None and record.source_ns is None and not record.history and record.event_id is None


def test_partial_messages_carry_only_what_they_say() -> None:
    made = of({"a": {"path": "a"}, "b": {"path": "b"}, "c": {"path": "c"}})
    first, again, other = (made.decode(TOPIC, said(p)).records[0] for p in ({"b": 1}, {"b": 2}, {"c": 1, "a": None}))
    assert [point.key for point in first.layout.points] == ["b"]
    assert again.layout is first.layout, "made once, compared by identity"
    assert shown(other) == {"a": "<no_value>", "c": 1.0}


def test_layouts_are_bounded() -> None:
    keys = [f"p{i}" for i in range(10)]
    made = of({key: {"path": key} for key in keys})
    layouts: set[Layout] = set()
    for choice in range(1, 1024):
        carried = {key: float(i) for i, key in enumerate(keys) if choice >> i & 1}
        records = made.decode(TOPIC, said(carried)).records
        assert {k: v for record in records for k, v in shown(record).items()} == carried
        layouts |= {record.layout for record in records}
    assert len([layout for layout in layouts if len(layout.points) > 1]) == MOST_LAYOUTS
    assert len(layouts) <= MOST_LAYOUTS + len(keys)
    bad = made.decode(TOPIC, said({"p1": "x", "p5": 1.0, "p7": None, "p9": 2.0})).records
    assert {k: v for record in bad for k, v in shown(record).items()} == {
        "p1": "<decode>", "p5": 1.0, "p7": "<no_value>", "p9": 2.0,
    }  # fmt: skip


def test_a_topic_for_each_value() -> None:
    made = codec(any_shipped("openevse"), variables={"base": "evse-1", "id": "a1b2"})  # type: ignore[arg-type]
    assert made.name == "d"
    assert "evse-1/amp" in made.topics and len(made.topics) == 10
    assert made.availability_topic == "openevse/announce/a1b2"
    assert made.availability_topic not in made.topics
    assert read(made, b"16020", "evse-1/amp") == {"current": 16.02}
    assert read(made, b" 412\r\n", "evse-1/temp") == {"temperature": 41.2}
    assert read(made, b"false", "evse-1/temp") == {"temperature": "<not_fitted>"}
    assert poison(made, b"", "evse-1/amp") == "json"
    assert poison(made, b'{"amp":1}', "evse-1/amp") == "type"
    said_ = made.decode("openevse/announce/a1b2", b'{"state":"disconnected"}')
    assert (said_.available, said_.records) == (False, ())
    assert made.decode("openevse/announce/a1b2", b'{"state":"connected","x":1}').available is True
    assert poison(made, b'{"state":"null"}', "openevse/announce/a1b2") == "availability"
    assert poison(made, b"connected", "openevse/announce/a1b2") == "json"
    assert [layout.points for layout in made.blind()] == [tuple(any_shipped("openevse").point(k) for k in CHARGER)]
    assert sorted(layout.points[0].key for layout in made.layouts) == sorted(CHARGER)


CHARGER = tuple(any_shipped("openevse").readings)


@pytest.mark.parametrize(
    ("point", "payload", "value"),
    [
        ({}, b"23.5", 23.5),
        ({}, b"2.35e1\n", 23.5),
        ({"type": "int"}, b"7", 7),
        ({"type": "int"}, b"7.5", None),
        ({"type": "bool"}, b"true", True),
        ({"type": "bool"}, b"1", None),
        ({"type": "text"}, b"hello", "hello"),
        ({"type": "text"}, b'"hello"', "hello"),
        ({"type": "text"}, b"123", "123"),
        ({"type": "text"}, b"true", "true"),
        ({"type": "text"}, b"1.10", "1.10"),
        ({"type": "text"}, "a\u202eb".encode(), None),
        ({"type": "text"}, b"x" * 257, None),
        ({"true_for": ["ON"], "false_for": ["OFF"]}, b"ON", True),
        ({"true_for": ["ON"], "false_for": ["OFF"]}, b'"OFF"', False),
        ({"true_for": ["ON"], "false_for": ["OFF"]}, b"on", "<undeclared>"),
        ({"true_for": ["ON"], "false_for": ["OFF"]}, b"1", "<undeclared>"),
        ({"true_for": [1, "yes"], "false_for": [0, False]}, b"1.0", True),
        ({"true_for": [1, "yes"], "false_for": [0, False]}, b"false", False),
        ({"true_for": [1, "yes"], "false_for": [0, False]}, b"true", "<undeclared>"),
        ({"enum": {"active": "on", "disabled": "off"}}, b"active", "on"),
        ({"enum": {True: "on", False: "off"}}, b"false", "off"),
        ({"enum": {1: "on"}}, b"true", None),
        ({"no_value": {"null": "no_value", -1: "not_fitted"}}, b"-1", "<not_fitted>"),
        ({"no_value": {"null": "no_value", -1: "not_fitted"}}, b"-1.0", "<not_fitted>"),
        ({"no_value": {"null": "no_value", -1: "not_fitted"}}, b'"null"', "<no_value>"),
        ({"text_number": True, "unit": "mm"}, b"1234 mm", 1234.0),
        ({"text_number": True, "unit": "m"}, b"1234 mm", 1.234),
        ({"text_number": True, "unit": "°C"}, "25.00 °C".encode(), 25.0),
        ({"text_number": True, "unit": "°C"}, b'"25.00"', 25.0),
        ({"text_number": True, "unit": "°C"}, b"25", 25.0),
        ({"text_number": True, "unit": "°C"}, b"25 mm", None),
        ({"text_number": True, "unit": "m", "scale": 0.01}, b"25", 0.25),
        ({"text_number": True, "unit": "m", "scale": 0.01}, b"25 cm", None),
        ({"text_number": True}, b"25 m", None),
        ({"text_number": True, "type": "int"}, b'"4"', 4),
        ({"text_number": True, "type": "int"}, b"4.0", 4),
        ({"text_number": True, "type": "int"}, b'"4.5"', None),
        ({"text_number": True}, b"12abc", None),
        ({"text_number": True}, b"", None),
    ],
)
def test_whole_payloads(point: dict[str, Any], payload: bytes, value: Any) -> None:
    made = of({"p": point})
    if value is None:
        assert poison(made, payload) in ("type", "json")
    else:
        assert read(made, payload) == {"p": value}
        assert type(read(made, payload)["p"]) is type(value)


def test_several_points_of_one_payload() -> None:
    made = of({"state": {"enum": {3: "charging", 8: "stuck"}}, "stuck": {"true_for": [8], "false_for": [3]}})
    assert read(made, b"8") == {"state": "stuck", "stuck": True}
    assert read(made, b"5") == {"state": "<undeclared>", "stuck": "<undeclared>"}


def test_paths() -> None:
    made = of(
        {
            "power": {"path": "nrg[11]"},
            "total": {"path": 'ENERGY."Total Wh"'},
            "nested": {"path": "a.b[0][1].c"},
            "dotted": {"path": '"x.y"'},
        }
    )
    message = {"nrg": [*range(16)], "ENERGY": {"Total Wh": 5}, "a": {"b": [[0, {"c": 7}]]}, "x.y": 9}
    assert read(made, message) == {"power": 11.0, "total": 5.0, "nested": 7.0, "dotted": 9.0}
    assert read(made, {"nrg": [1, 2], "x.y": 9, "a": {}}) == {"dotted": 9.0}, "a shorter array has no such item"
    # something else where the way goes on is a wrong type, and null is no value
    assert read(made, {"ENERGY": 5, "x.y": 1}) == {"total": "<decode>", "dotted": 1.0}
    assert read(made, {"ENERGY": None, "x.y": 1}) == {"total": "<no_value>", "dotted": 1.0}
    assert poison(made, {"ENERGY": 5, "nrg": {}}) == "type"
    rows = of({"first": {"path": "[0].v"}, "second": {"path": "[1].v"}})
    assert read(rows, [{"v": 1}, {"v": 2}]) == {"first": 1.0, "second": 2.0}
    assert poison(rows, 5) == "shape"


def test_a_fault_field_beats_the_value() -> None:
    made = of({"depth": {"path": "depth", "fault": {"path": "depth_error", "reasons": {"out of range": "range"}}}})
    assert read(made, {"depth": 3}) == {"depth": 3.0}
    assert read(made, {"depth_error": "out of range"}) == {"depth": "<range>"}
    assert read(made, {"depth": 3, "depth_error": "never heard of"}) == {"depth": "<sensor>"}
    assert read(made, {"depth": 3, "depth_error": 7}) == {"depth": "<sensor>"}
    assert read(made, {"depth": 3, "depth_error": None}) == {"depth": 3.0}


def test_absent_means_something_beside_a_measurement_only() -> None:
    """The Things Stack leaves out 0, false and "": but a message that says something else does not say 0."""
    made = of(
        {
            "distance": {"path": "distance"},
            "leak": {"path": "leak", "type": "bool", "absent_means": {"value": False, "beside": "battery"}},
            "battery": {"path": "battery"},
        },
        {"also": ["sn"]},
    )
    assert read(made, {"distance": 1, "battery": 3}) == {"distance": 1.0, "leak": False, "battery": 3.0}
    assert read(made, {"distance": 1}) == {"distance": 1.0}
    assert read(made, {"leak": True}) == {"leak": True}
    assert made.decode(TOPIC, said({"sn": "x"})).records == ()
    assert poison(made, {"battery": True}) == "type", "what was not said makes nothing sound"


def test_absent_means_nothing_beside_a_measurement_that_is_none() -> None:
    """Null, or something else where the object with it is expected, does not show that the sensor has measured."""
    made = of(
        {
            "leak": {"path": "leak", "type": "bool", "absent_means": {"value": False, "beside": "battery"}},
            "fire": {"path": "fire", "type": "bool", "absent_means": {"value": False, "beside": "a.b"}},
            "battery": {"path": "battery"},
        },
    )
    assert read(made, {"battery": None}) == {"battery": "<no_value>"}
    assert read(made, {"battery": 3, "a": 5}) == {"leak": False, "battery": 3.0}
    assert read(made, {"battery": 3, "a": {"b": None}}) == {"leak": False, "battery": 3.0}


def test_the_things_stack() -> None:
    made = codec(
        profile({"distance": {"path": "Distance", "unit": "mm"}}, {"envelope": "ttn-v3", "topic": None}),
        variables={"app": "garage", "tenant": "ttn", "device": "ramp-1"},
    )
    topic = "v3/garage@ttn/devices/ramp-1/up"
    assert made.topics == {topic}
    message = {
        "end_device_ids": {"device_id": "ramp-1"},
        "received_at": "2026-11-23T10:11:12.123456789Z",
        "uplink_message": {"f_port": 2, "frm_payload": "DAE=", "decoded_payload": {"Bat": 3.3, "Distance": 1234}},
    }
    (record,) = made.decode(topic, said(message)).records
    assert shown(record) == {"distance": 1234.0}
    assert record.source_ns == 1_795_428_672_123_456_789
    message["uplink_message"] = {"f_port": 2, "frm_payload": "DAE="}
    assert poison(made, message, topic) == "no_codec"
    message["uplink_message"] = {"f_port": 0}
    assert made.decode(topic, said(message)).records == ()
    message["uplink_message"] = 5
    assert poison(made, message, topic) == "shape"
    message["end_device_ids"] = {"device_id": "ramp-2"}
    assert poison(made, message, topic) == "identity"


def test_a_sensor_that_feeds_two_devices() -> None:
    made = codec(
        any_shipped("milesight-em500-swl"),  # type: ignore[arg-type]
        channel("water-ramp", "floor_level", "swl-ramp.depth", unit="m"),
        channel("water-ramp", "battery", "swl-ramp.battery"),
        channel("lift-1", "pit_level", "swl-ramp.depth", linear={"0 cm": "0 m", "100 cm": "1 m"}, range=["0 m", "1 m"]),
        name="swl-ramp",
        own=False,
        variables=RAMP,
    )
    water, lift = made.blind()
    assert (water.device, lift.device) == ("water-ramp", "lift-1")
    assert made.layouts == (water, lift)
    got = made.decode(RAMP_TOPIC, said(uplink({"depth": 12, "battery": 98})))
    assert [record.layout for record in got.records] == [water, lift]
    assert [shown(record) for record in got.records] == [{"floor_level": 0.12, "battery": 98.0}, {"pit_level": 0.12}]
    assert got.records[0].layout.points == (
        Point("floor_level", PointType.FLOAT, "m"),
        Point("battery", PointType.FLOAT, "%"),
    )
    assert {record.event_id for record in got.records} == {"3ac7e3c4"}
    assert {record.source_ns for record in got.records} == {1_795_428_672 * SECOND + SECOND // 2}
    got = made.decode(RAMP_TOPIC, said(uplink({"depth": 250})))
    assert [shown(record) for record in got.records] == [{"floor_level": 2.5}, {"pit_level": "<range>"}]
    (only,) = made.decode(RAMP_TOPIC, said(uplink({"battery": 97}))).records
    assert shown(only) == {"battery": 97.0}
    got = made.decode(RAMP_TOPIC, said(uplink({"depth_error": "collection failed"})))
    assert [shown(record) for record in got.records] == [{"floor_level": "<sensor>"}, {"pit_level": "<sensor>"}]
    assert got.records[0].quality == [Quality.BAD_SENSOR]


def test_a_module_with_an_idle_channel_is_sound() -> None:
    made = codec(
        any_shipped("milesight-em500-swl"),  # type: ignore[arg-type]
        channel("water-ramp", "floor_level", "m.depth", unit="m"),
        name="m",
        own=False,
        variables=RAMP,
    )
    got = made.decode(RAMP_TOPIC, said(uplink({"battery": 97})))
    assert (got.records, got.ignored_fields) == ((), 0)
    assert poison(made, uplink({"batterie": 97}), RAMP_TOPIC) == "no_point"


def test_history_has_its_own_times() -> None:
    made = codec(any_shipped("milesight-em500-swl"), variables=RAMP)  # type: ignore[arg-type]
    old = [
        {"timestamp": 1_795_420_000, "depth": 10},
        {"timestamp": 1_795_420_600, "depth_error": "collection failed"},
        {"timestamp": 0, "depth": 11},
        {"depth": 12},
        {"timestamp": 1_795_421_200},
        "rubbish",
        None,
    ]
    got = made.decode(RAMP_TOPIC, said(uplink({"depth": 13, "history": old})))
    assert [shown(record)["depth"] for record in got.records] == [13.0, 10.0, "<sensor>", 11.0, 12.0]
    assert [record.history for record in got.records] == [False, True, True, True, True]
    times = [record.source_ns for record in got.records[1:]]
    assert times == [1_795_420_000 * SECOND, 1_795_420_600 * SECOND, None, None]
    assert [record.odd_time for record in got.records[1:]] == [None, None, "0", None]
    assert got.ignored_fields == 3, "what is no record, or has nothing in it"
    (only,) = made.decode(RAMP_TOPIC, said(uplink({"history": old[:1]}))).records
    assert only.history and shown(only) == {"depth": 10.0}
    for rubbish in ({}, 5, "x", {"timestamp": 1}):
        assert poison(made, uplink({"history": rubbish}), RAMP_TOPIC) == "no_point"
        assert made.decode(RAMP_TOPIC, said(uplink({"depth": 1, "history": rubbish}))).ignored_fields == 1
    assert poison(made, uplink({"history": [{"timestamp": 1_795_420_000, "depth": "x"}]}), RAMP_TOPIC) == "type"


def test_an_uplink_without_payload_says_nothing() -> None:
    made = codec(any_shipped("milesight-em500-swl"), variables=RAMP)  # type: ignore[arg-type]
    assert made.decode(RAMP_TOPIC, said(uplink(None, data=""))).records == ()
    assert made.decode(RAMP_TOPIC, said(uplink({"device_status": "on", "sn": "x", "fw": "1"}))).ignored_fields == 1
    assert poison(made, uplink(None), RAMP_TOPIC) == "no_codec"
    assert poison(made, uplink({}), RAMP_TOPIC) == "no_point"
    assert poison(made, uplink([]), RAMP_TOPIC) == "shape"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("event_id", "kept"),
    [
        ("a-1", "a-1"),
        (7, "7"),
        (None, None),
        ("", None),
        ("x" * 129, None),
        ("a\nb", None),
        ({}, None),
        (1.5, None),
        (2**70, None),
    ],
)
def test_event_ids(event_id: Any, kept: str | None) -> None:
    made = of({"v": {"path": "v"}}, {"event_id": {"path": "id"}})
    (record,) = made.decode(TOPIC, said({"v": 1, "id": event_id})).records
    assert record.event_id == kept


@pytest.mark.parametrize(
    ("spoken", "payload", "available"),
    [
        ({"online": "online", "offline": "offline"}, b"online", True),
        ({"online": "online", "offline": "offline"}, b'"offline"', False),
        ({"online": "Online", "offline": "Offline"}, b"Online\n", True),
        ({"online": "Online", "offline": "Offline"}, b"online", None),
        ({"online": True, "offline": False}, b"true", True),
        ({"online": [True, "yes"], "offline": [False, 0]}, b"0", False),
        ({"online": 1, "offline": 0}, b"0", False),
        ({"online": 1, "offline": 0}, b"true", None),
        ({"online": "1", "offline": "0"}, b"1", True),
        ({"online": "online", "offline": "offline", "path": "state"}, b'{"state":"online"}', True),
        ({"online": "online", "offline": "offline", "path": "state"}, b'{"state":["online"]}', None),
        ({"online": "online", "offline": "offline", "path": "state"}, b"{}", None),
        ({"online": "online", "offline": "offline"}, b"\xff", None),
        ({"online": "online", "offline": "offline"}, b"", None),
    ],
)
def test_availability(spoken: dict[str, Any], payload: bytes, available: bool | None) -> None:
    made = of({"v": {"path": "v"}}, {"availability": {"topic": "lwt", **spoken}})
    if available is None:
        assert poison(made, payload, "lwt") in ("availability", "encoding", "json")
    else:
        assert made.decode("lwt", payload).available is available
    assert made.decode(TOPIC, b'{"v":1}').available is None


def test_availability_on_a_topic_of_points() -> None:
    made = of({"v": {"path": "v"}}, {"availability": {"topic": TOPIC, "path": "up", "online": True, "offline": False}})
    got = made.decode(TOPIC, b'{"v":1,"up":true}')
    assert got.available is True and shown(got.records[0]) == {"v": 1.0}
    assert made.decode(TOPIC, b'{"up":false}') == ((), False, 0, None)
    assert poison(made, b'{"v":1}') == "availability"
    assert poison(made, b'{"v":"x","up":true}') == "type"
