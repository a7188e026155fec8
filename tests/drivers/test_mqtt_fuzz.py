"""Whatever the bytes are: samples, or poison with a known reason; no other error, no value of a wrong type."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivers.mqtt.codec import DeviceCodec
from drivers.mqtt.poison import REASONS, Poison
from drivers.profile import MqttProfile
from gateway.model import PointType, Quality
from tests.drivers.made import any_shipped, channel
from tests.drivers.said import TOPIC, codec, of
from tests.drivers.test_mqtt_codec import RAMP, RAMP_TOPIC, uplink

TYPES = {
    PointType.BOOL: bool,
    PointType.INT: int,
    PointType.FLOAT: float,
    PointType.ENUM: str,
    PointType.TEXT: str,
}
POINTS: dict[str, Any] = {
    "a": {"path": "a", "unit": "m", "scale": 1e12, "text_number": True},
    "b": {"path": "b[1].c", "type": "int", "no_value": {False: "not_fitted", "null": "no_value"}},
    "c": {"path": "c", "type": "bool", "fault": {"path": "c_error", "reasons": {"x": "range"}}},
    "d": {"path": "d", "enum": {0: "off", 1: "on", "x": "odd"}, "absent_means": {"value": 0, "beside": "a"}},
    "e": {"path": "e", "type": "text"},
    "f": {"path": "f", "linear": {0: "0 m", 100: "1 m"}, "range": [0, 1]},
}
FRAME = {
    "time": {"path": "t", "format": "rfc3339"},
    "event_id": {"path": "id"},
    "history": {"path": "h", "time": {"path": "t", "format": "unix_ms"}},
    "also": ["sn"],
}
SENSOR, STATION = any_shipped("milesight-em500-swl"), any_shipped("openevse")
assert isinstance(SENSOR, MqttProfile) and isinstance(STATION, MqttProfile)
RAMP_DEPTH = channel("w", "floor_level", "m.depth", unit="m")
CHARGER = codec(STATION, variables={"base": "e", "id": "i"})
OF_OBJECTS: list[tuple[DeviceCodec, str]] = [
    (of(POINTS, FRAME), TOPIC),
    (codec(SENSOR, RAMP_DEPTH, name="m", own=False, variables=RAMP), RAMP_TOPIC),
    (CHARGER, "openevse/announce/i"),
]
CODECS = [
    *OF_OBJECTS,
    (of({key: {k: v for k, v in POINTS[key].items() if k in ("type", "unit", "scale")} for key in "abce"}), TOPIC),
    (CHARGER, "e/temp"),
    (CHARGER, "e/state"),
]
FULL = {
    "a": "12.5 mm", "b": [0, {"c": 7}], "c": True, "d": "x", "e": "tëxt:\u003a", "f": 50, "id": "i-1", "sn": 1,
    "t": "2026-11-23T10:11:12.5+08:00", "h": [{"t": 1_795_420_000_000, "a": 1}, {"t": 5, "f": 7}],
}  # fmt: skip
SEEDS = [
    json.dumps(FULL).encode(),
    json.dumps(FULL, ensure_ascii=False).encode(),
    json.dumps(uplink({"depth": 12, "battery": 98, "history": [{"timestamp": 1_795_420_000, "depth": 1}]})).encode(),
    json.dumps(uplink({"depth_error": "out of range"})).encode(),
    b'{"state":"connected"}',
    b"412",
    b"false",
    b"-1.5e3 mm",
]
TOKENS = [
    b"", b'"', b"{", b"}", b"[", b"]", b":", b",", b"\\", b"\\u0000", b"\\ud800", b"\0", b"\xff", b"null", b"true",
    b"NaN", b"-", b"1e999", b"e", b"9" * 400, b'"a":1,', b"\xef\xbb\xbf", b" ", b"[" * 50, b"0", b".", b"\xe2\x80\xae",
]  # fmt: skip


def mutated(program: bytes) -> bytes:
    """A good message with some of its bytes cut out, repeated or replaced, as `program` says."""
    payload = SEEDS[program[0] % len(SEEDS)]
    for at, high, length, token in zip(*(iter(program[1:]),) * 4, strict=False):
        place = (at + 256 * high) % (len(payload) + 1)
        payload = payload[:place] + TOKENS[token % len(TOKENS)] + payload[place + length % 12 :]
    return payload


def judge(payload: bytes, codecs: Sequence[tuple[DeviceCodec, str]] = CODECS) -> None:
    for made, topic in codecs:
        try:
            got = made.decode(topic, payload)
        except Poison as poison:
            assert poison.reason in REASONS and poison.message.isprintable() and len(poison.message) < 500
            continue
        assert (
            got.records or got.available is not None or made.name == "m" or b"sn" in payload or b"object" not in payload
        )
        for record in got.records:
            quality = record.quality or [0] * len(record.values)
            assert len(record.values) == len(quality) == len(record.layout.points) > 0
            assert record.source_ns is None or record.odd_time is None
            for point, value, mark in zip(record.layout.points, record.values, quality, strict=True):
                if mark:
                    assert value is None and Quality(mark).is_bad
                else:
                    assert type(value) is TYPES[point.type]
                    assert type(value) is not float or math.isfinite(value)
                    assert point.type is not PointType.ENUM or value in point.codes


@settings(max_examples=11_000)
@given(st.binary(min_size=1, max_size=17))
def test_mutated_messages(program: bytes) -> None:
    payload = mutated(program)
    judge(payload, OF_OBJECTS if payload.startswith(b"{") else CODECS)


@settings(max_examples=7_000)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace"))))
@example(b"\xc0")
@example(b"1\0")
def test_any_bytes(payload: bytes) -> None:
    judge(payload)


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-5, 5), st.text(max_size=8),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["null", "x", "12 mm", "2026-11-23T10:11:12Z", 10**300, -0.0, 1e308, 5e-324, 2**63]),
)  # fmt: skip
DOCUMENTS = st.dictionaries(
    st.sampled_from([*FULL, "c_error", "x"]),
    st.one_of(
        SCALARS,
        st.lists(st.one_of(SCALARS, st.dictionaries(st.sampled_from("abcdfth"), SCALARS, max_size=4)), max_size=4),
    ),
    max_size=8,
)


@settings(max_examples=2_000)
@given(DOCUMENTS)
def test_well_formed_documents(document: dict[str, Any]) -> None:
    judge(json.dumps(document).encode(), OF_OBJECTS[:1])
    judge(json.dumps(uplink(document)).encode(), OF_OBJECTS[1:2])
