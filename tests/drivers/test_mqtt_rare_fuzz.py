"""The rarer forms of messages under any bytes; and a part is found as if everything were looked for."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.mqtt.codec import DeviceCodec
from drivers.mqtt.poison import Poison
from tests.drivers.said import TOPIC, codec, profile, shown
from tests.drivers.test_mqtt_fuzz import judge

IDS = [f"D{n}" for n in range(6)]
PARTS = [
    {
        "id": "D{n}",
        "over": {"n": [0, 9]},
        "points": {
            "fire": {"path": ['by."{part}".fire', 'old."{part}"'], "type": "bool"},
            "level": {"path": 'by."{part}".l', "unit": "m", "valid_when": {"ok": True}},
            "ok": {"path": 'by."{part}".ok', "type": "bool", "no_value": {"?": "no_value"}},
        },
        "computed": {"twice": {"expr": "level * 2 / base", "unit": "m", "range": [-100, 100]}},
    },
    {
        "id": "E{n}",
        "over": {"n": [0, 9]},
        "points": {
            "flag": {"path": "flat{n}", "true_for": ["on", 1], "false_for": ["off", 0]},
            "x": {"path": 'by."E{n}".x', "fault": {"path": 'by."E{n}".error'}, "type": "int"},
        },
    },
]
FRAME = {
    "time": {"path": "t", "format": "local", "zone": "utc"},
    "binary": {"path": "data", "encoding": "base64"},
    "also": ["sn"],
}
POINTS = {
    "base": {"path": "base"},
    "number": {"at": 1, "type": "uint16", "bits": [3, 11], "enum": {0: "none", 1: "one"}},
    "half": {"at": 0, "type": "float32", "range": [-10, 10]},
    "name": {"at": 2, "type": "text", "length": 4, "encoding": "gb18030"},
}


def made(*ids: str) -> DeviceCodec:
    return codec(profile(POINTS, FRAME, parts=PARTS).for_parts(ids))


WITH_INDEX = made(*IDS, "E1", "E2")
LOOKS_FOR_ALL = made(*IDS, "E1", "E2")
for _reader in LOOKS_FOR_ALL._topics.values():
    _reader._index._by_keys.clear()
RAW = codec(profile({key: point for key, point in POINTS.items() if "at" in point}, {"binary": {"encoding": "raw"}}))

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["on", "off", "?", "", "2026-11-23T10:11:12", "2026-02-30 00:00:00", 1e308, -0.0, 5e-324]),
    st.binary(max_size=9).map(lambda raw: base64.b64encode(raw).decode()),
)  # fmt: skip
OBJECTS = st.dictionaries(st.sampled_from(["fire", "l", "ok", "x", "error", "y"]), SCALARS, max_size=5)
BY_PART = st.dictionaries(st.sampled_from([*IDS, "E1", "E2", "D9", "z"]), OBJECTS | SCALARS, max_size=5)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "by": BY_PART | SCALARS,
        "old": st.dictionaries(st.sampled_from(IDS), SCALARS, max_size=3) | SCALARS,
        "flat1": SCALARS,
        "flat2": SCALARS,
        "base": SCALARS,
        "data": SCALARS,
        "t": SCALARS,
        "sn": SCALARS,
        "what": SCALARS,
    },
)


def outcome(of: DeviceCodec, payload: bytes) -> Any:
    try:
        got = of.decode(TOPIC, payload)
    except Poison as poison:
        return poison.reason
    together = [(shown(record), record.source_ns, record.odd_time) for record in got.records]
    return together, got.ignored_fields


@settings(max_examples=1200, deadline=None)
@given(DOCUMENTS)
def test_well_formed_documents(document: dict[str, Any]) -> None:
    payload = json.dumps(document).encode()
    judge(payload, [(WITH_INDEX, TOPIC)])
    assert outcome(WITH_INDEX, payload) == outcome(LOOKS_FOR_ALL, payload)


@settings(max_examples=1000, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes(payload: bytes) -> None:
    judge(payload, [(RAW, TOPIC), (WITH_INDEX, TOPIC)])


@settings(max_examples=200, deadline=None)
@given(st.lists(DOCUMENTS, min_size=1, max_size=12))
def test_the_order_of_messages_changes_nothing(documents: list[dict[str, Any]]) -> None:
    """What kinds of messages came before decides how records are cut, never what is in them."""
    alone = made(*IDS, "E1", "E2")
    for document in documents:
        payload = json.dumps(document).encode()
        one, other = outcome(WITH_INDEX, payload), outcome(alone, payload)
        if isinstance(one, str) or isinstance(other, str):
            assert one == other
            continue
        merged = [{key: value for values, *_ in got[0] for key, value in values.items()} for got in (one, other)]
        assert merged[0] == merged[1]
