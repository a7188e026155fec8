"""Bad payloads, row by row of the fault matrix: what is no sample is kept aside with its reason, and quickly."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from drivers.mqtt.json_value import DEEPEST, LARGEST, parse
from drivers.mqtt.poison import Poison
from drivers.mqtt.topic import check_variables
from drivers.profile import MqttProfile
from gateway.model import SECOND
from tests.drivers.said import TOPIC, codec, of, poison, profile, read, said

LEVEL = of({"level": {"path": "level", "unit": "m"}, "name": {"path": "name", "type": "text"}})
PLAIN = of({"level": {"unit": "m"}})


@pytest.mark.parametrize("payload", [b"", b" \r\n", b"\0", b"\0" * 65_536])
def test_mq1_empty(payload: bytes) -> None:
    assert poison(LEVEL, payload) == "json"
    assert poison(PLAIN, payload) in ("json", "text")


@pytest.mark.parametrize("size", [LARGEST + 1, 30_000_000])
def test_mq1_oversize(size: int) -> None:
    assert poison(LEVEL, b'{"level":1,"name":"' + b"x" * size + b'"}') == "oversize"
    assert poison(PLAIN, b"1" * size) == "oversize"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"level":1,"name":"\xff\xfe"}', "encoding"),
        (b'{"level":1,"\xff":1}', "encoding"),
        (b'{"level":1,"name":"\xc0\xaf"}', "encoding"),
        (b'{"level":1,"name":"\xed\xa0\x80"}', "encoding"),
        ('{"level":1}'.encode("utf-16"), "json"),
        (b'\xef\xbb\xbf{"level":1}', "json"),
        (b'{"level":1,"name":"\\ud800"}', "json"),
        (b'{"level":1,"name":"\\udc00x"}', "json"),
        (b'{"level":1,"\\ud800":1}', "json"),
        (b'{"level":1,"name":"\\ud83d\\u0041"}', "json"),
        (b'{"level":1,"name":"\\u0000"}', "text"),
        (b'{"level":1,"a\\u0000b":1}', "text"),
        (b'{"level":1,"x":["\\u0000"]}', "text"),
        (b'{"level":1,"name":"\0"}', "json"),
        (b'{"level":1,"name":"a\nb"}', "json"),
        (b'{"level":1,"name":"\\x41"}', "json"),
    ],
)
def test_mq2_texts(payload: bytes, reason: str) -> None:
    assert poison(LEVEL, payload) == reason


@pytest.mark.parametrize("payload", [b"\xff", b"\xed\xa0\x80", b"1\xc0"])
def test_mq2_plain_texts(payload: bytes) -> None:
    assert poison(of({"name": {"type": "text"}}), payload) == "encoding"
    assert poison(PLAIN, payload) == "encoding"


NUMBERS = [
    "NaN",
    "-NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1e999",
    "9" * 5000,
    "9" * 60_000,
    "01",
    "+1",
    ".5",
    "0x10",
]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:10])
def test_mq3_what_is_no_number(number: str) -> None:
    assert poison(LEVEL, f'{{"level":{number}}}'.encode()) == "json"
    assert poison(PLAIN, number.encode()) == "type"


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "1e999", "9" * 5000, "0x10", ".5", "1,5", "١"], ids=lambda n: n[:10]
)
def test_mq3_not_by_way_of_a_text_either(number: str) -> None:
    made = of({"level": {"path": "level", "text_number": True}})
    assert poison(made, {"level": number}) == "type"
    assert poison(of({"level": {"text_number": True}}), number.encode()) == "type"


@pytest.mark.parametrize("value", ["80", True, [80], {"value": 80}, "", "NaN", 10**200, 1e201, -(10**300)])
def test_mq3_wrong_types(value: Any) -> None:
    """Alone in its message a wrong type is poison; beside sound fields it is one bad sample."""
    assert poison(LEVEL, {"level": value}) == "type"
    assert read(LEVEL, {"level": value, "name": "x"}) == {"level": "<decode>", "name": "x"}


def test_mq3_text_only_where_the_schema_says_so() -> None:
    made = of({"level": {"path": "level", "text_number": True}, "code": {"path": "code", "type": "int"}})
    assert read(made, {"level": "80", "code": 1}) == {"level": 80.0, "code": 1}
    assert read(made, {"level": 80, "code": "1"}) == {"level": 80.0, "code": "<decode>"}
    assert read(made, {"level": True, "code": True, "x": 1} | {"level": "8e1"}) == {"level": 80.0, "code": "<decode>"}


@pytest.mark.parametrize("zero", [b"-0", b"-0.0", b"0", b"-0e5", b"1e-999"])
def test_mq3_minus_zero_is_zero(zero: bytes) -> None:
    (record,) = LEVEL.decode(TOPIC, b'{"level":' + zero + b"}").records
    assert str(record.values[0]) == "0.0"
    (record,) = PLAIN.decode(TOPIC, zero).records
    assert str(record.values[0]) == "0.0"


@pytest.mark.parametrize(
    "payload",
    [
        '{"level":1,"level":2}',
        '{"level":1,"level":1}',
        '{"level":1,"x":{"a":1,"a":2}}',
        '{"level":1,"x":[{"a":1,"a":2}]}',
        '{"level":1,"name":"a:b:c","name":"x"}',
        '{"level":1,"lev\\u0065l":2}',
        '{"level":1,"x":"\\u003a","x":"\\u003a"}',
        '{"level":1,"x":1,"x":"\\u003a"}',
        '{"level":1,"":0,"":0}',
        '{"name":"\\"","level":1,"level":2}',
    ],
)
def test_mq4_duplicate_keys(payload: str) -> None:
    assert poison(LEVEL, payload.encode()) == "duplicate_key"


@pytest.mark.parametrize(
    "payload",
    [
        '{"level":1,"name":"a:b"}',
        '{"level":1,"a:b":":","x":{"a:":[":::"]}}',
        '{"level":1,"name":"\\u003a\\/\\""}',
        '{"level":1,"x":{"level":1,"name":2},"y":[{"level":1},{"level":1}]}',
        '{"level":1,"\\u004cevel":1}',
    ],
)
def test_mq4_the_same_key_elsewhere_is_no_duplicate(payload: str) -> None:
    assert read(LEVEL, payload.encode())["level"] == 1.0


@pytest.mark.parametrize(
    "payload",
    [
        '{"level":1} x',
        '{"level":1}\0',
        '{"level":1}{"level":2}',
        '{"level":1},',
        '{"level":1,}',
        '{"level":1 /* m */}',
        '// m\n{"level":1}',
        "{'level':1}",
        "{level:1}",
        '{"level":1',
        '\x0b{"level":1}',
    ],
)
def test_mq4_no_json(payload: str) -> None:
    assert poison(LEVEL, payload.encode()) == "json"


BOMBS: list[tuple[str, bytes]] = [
    ("[", b"[" * 100_000),
    ("[]", b"[" * 100_000 + b"]" * 100_000),
    ("{", b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    ("below the stack", b'{"level":1,"x":' + b"[" * 900 + b"]" * 900 + b"}"),
    ("one too deep", b'{"level":1,"x":' + b"[" * DEEPEST + b"]" * DEEPEST + b"}"),
    ("1 M keys", b"{" + b",".join(b'"%d":1' % i for i in range(1_000_000)) + b"}"),
    ("as many keys as fit", b"{" + b",".join(b'"%d":1' % i for i in range(25_000)) + b',"x":[]}'),
    ("empty arrays", b'{"level":1,"x":[' + b",".join([b"[]"] * 80_000) + b"]}"),
    ("key of 1 MB", b'{"' + b"k" * 1_000_000 + b'":1}'),
    ("key as long as fits", b'{"' + b"k" * (LARGEST - 10) + b'":1}'),
    ("many duplicates", b"{" + b",".join([b'"\\u0061":1'] * 20_000) + b"}"),
]


@pytest.mark.parametrize("payload", [row[1] for row in BOMBS], ids=[row[0] for row in BOMBS])
def test_mq5_bombs(payload: bytes) -> None:
    """No RecursionError, no work beyond that for the longest message that is looked at at all."""
    assert poison(LEVEL, payload) in ("depth", "oversize", "no_point", "duplicate_key")


def test_mq5_a_message_within_the_limits_is_read() -> None:
    deep = b'{"level":1,"x":' + b"[" * (DEEPEST - 2) + b"]" * (DEEPEST - 2) + b"}"
    assert read(LEVEL, deep) == {"level": 1.0}
    wide = {"level": 1, **{f"k{i}": i for i in range(5_000)}}
    assert LEVEL.decode(TOPIC, said(wide)).ignored_fields == 5_000


@pytest.mark.parametrize("payload", ["[]", "[1]", '[{"level":1}]', "1", "null", "true", '"level"'])
def test_mq6_root(payload: str) -> None:
    assert poison(LEVEL, payload.encode()) == "shape"


@pytest.mark.parametrize("payload", [{}, {"Level": 1}, {"x": {"level": 1}}])
def test_mq6_nothing_of_ours(payload: Any) -> None:
    assert poison(LEVEL, payload) == "no_point"


def test_mq6_extra_fields_are_counted() -> None:
    got = LEVEL.decode(TOPIC, said({"level": 1, "a": 1, "b": {"c": 1, "d": 2}}))
    assert got.ignored_fields == 2
    assert LEVEL.decode(TOPIC, said({"level": 1, "name": "x"})).ignored_fields == 0


def test_mq6_null_is_no_value() -> None:
    assert read(LEVEL, {"level": None}) == {"level": "<no_value>"}
    assert read(PLAIN, b"null") == {"level": "<no_value>"}


RFC = {"path": "ts", "format": "rfc3339"}
UNIX_S = {"path": "ts", "format": "unix_s"}
UNIX_MS = {"path": "ts", "format": "unix_ms"}


@pytest.mark.parametrize(
    ("spec", "said_", "expected"),
    [
        (RFC, "2026-11-23T10:11:12Z", 1_795_428_672 * SECOND),
        (RFC, "2026-11-23t10:11:12.5z", 1_795_428_672 * SECOND + SECOND // 2),
        (RFC, "2026-11-23T18:11:12.123456789+08:00", 1_795_428_672 * SECOND + 123_456_789),
        (RFC, "2026-11-23T18:11:12.12345678901+08:00", 1_795_428_672 * SECOND + 123_456_789),
        (RFC, "2026-11-23T05:41:12-04:30", 1_795_428_672 * SECOND),
        (RFC, "2026-11-23 10:11:12Z", 1_795_428_672 * SECOND),
        (RFC, "2024-02-29T00:00:00Z", 1_709_164_800 * SECOND),
        (UNIX_S, 1_795_428_672, 1_795_428_672 * SECOND),
        (UNIX_S, 1_795_428_672.25, 1_795_428_672 * SECOND + SECOND // 4),
        (UNIX_MS, 1_795_428_672_123, 1_795_428_672_123 * 1_000_000),
        (UNIX_MS, 1_795_428_672_123.5, 1_795_428_672_123_500_000),
    ],
)
def test_mq7_usable_times(spec: dict[str, str], said_: Any, expected: int) -> None:
    (record,) = of({"v": {"path": "v"}}, {"time": spec}).decode(TOPIC, said({"v": 1, "ts": said_})).records
    assert (record.source_ns, record.odd_time) == (expected, None)


@pytest.mark.parametrize(
    ("spec", "said_"),
    [
        (RFC, "2026-11-23T10:11:12"),
        (RFC, "2026-02-30T10:11:12Z"),
        (RFC, "2025-02-29T10:11:12Z"),
        (RFC, "2026-13-01T10:11:12Z"),
        (RFC, "2026-11-23T24:00:00Z"),
        (RFC, "2026-11-23T10:11:60Z"),
        (RFC, "2026-11-23T10:60:00Z"),
        (RFC, "2026-11-23T10:11:12+24:00"),
        (RFC, "2026-11-23"),
        (RFC, "1970-01-01T00:00:00Z"),
        (RFC, "2000-01-01T00:00:00Z"),
        (RFC, "9999-12-31T23:59:59Z"),
        (RFC, "0000-01-01T00:00:00Z"),
        (RFC, "２０２６-11-23T10:11:12Z"),
        (RFC, "yesterday"),
        (RFC, ""),
        (RFC, 1_795_428_672),
        (RFC, "2" * 5000),
        (UNIX_S, 0),
        (UNIX_S, -1),
        (UNIX_S, -1_795_428_672),
        (UNIX_S, 1_795_428_672_123),
        (UNIX_S, 253_402_300_799),
        (UNIX_S, "1795428672"),
        (UNIX_S, True),
        (UNIX_S, 1e300),
        (UNIX_S, 10**300),
        (UNIX_S, [1_795_428_672]),
        (UNIX_MS, 1_795_428_672),
        (UNIX_MS, 0),
        (UNIX_MS, 2**63),
        (UNIX_MS, -(2**63)),
        (UNIX_MS, {"seconds": 1}),
    ],
    ids=lambda value: str(value)[:24],
)
def test_mq7_unusable_times(spec: dict[str, str], said_: Any) -> None:
    """The value is read all the same; what was said is kept, short and printable."""
    (record,) = of({"v": {"path": "v"}}, {"time": spec}).decode(TOPIC, said({"v": 1, "ts": said_})).records
    assert record.values == [1.0]
    assert record.source_ns is None
    assert record.odd_time is not None and len(record.odd_time) <= 64 and record.odd_time.isprintable()
    assert record.odd_time == str(said_)[:64]


def test_mq7_no_time_is_no_odd_time() -> None:
    made = of({"v": {"path": "v"}}, {"time": RFC})
    for payload in ({"v": 1}, {"v": 1, "ts": None}):
        (record,) = made.decode(TOPIC, said(payload)).records
        assert (record.source_ns, record.odd_time) == (None, None)


MODULE = MqttProfile.model_validate(
    {
        "profile": "made",
        "title": {"en": "made for a test", "zh": "测试"},
        "source": [{"ref": "the test itself", "verified": "code"}],
        "mqtt": {"topic": "s/{id}/state", "identity": {"path": "id", "equals": "{id}"}, "expect_every": "10s"},
        "points": {"v": {"path": "v"}},
    }
)


def test_mq8_the_message_is_somebody_elses() -> None:
    made = codec(MODULE, variables={"id": "7"})
    assert read(made, {"id": "7", "v": 1}, "s/7/state") == {"v": 1.0}
    assert read(made, {"id": 7, "v": 1}, "s/7/state") == {"v": 1.0}
    for other in ("8", "", None, 70, 7.0, True, ["7"], {"id": "7"}, "7 "):
        assert poison(made, {"id": other, "v": 1}, "s/7/state") == "identity"
    assert poison(made, {"v": 1}, "s/7/state") == "identity"


@pytest.mark.parametrize(
    "topic", ["s/7", "s/8/state", "s/+/state", "s/#", "s/7/state/", "S/7/state", "s/%37/state", ""]
)
def test_mq9_another_topic(topic: str) -> None:
    assert poison(codec(MODULE, variables={"id": "7"}), {"id": "7", "v": 1}, topic) == "topic"


@pytest.mark.parametrize(
    "value", ["", "..", ".", "...", "a/b", "+", "#", "a#", "%2e%2e", "a b", "a\0", "é", "x" * 65, "a\n", "{id}", "$SYS"]
)
def test_mq9_ids_of_topics(value: str) -> None:
    """`%2e` is letters that nobody turns into a dot; it is refused like every other letter that is not on the list."""
    with pytest.raises(ValueError, match="id: letters, digits"):
        check_variables(frozenset({"id"}), {"id": value})


@pytest.mark.parametrize("value", ["7", "a1b2", "openevse-west-1", "x" * 64, "A_b.c-9"])
def test_mq9_good_ids(value: str) -> None:
    check_variables(frozenset({"id"}), {"id": value})
    assert codec(MODULE, variables={"id": value}).topics == {f"s/{value}/state"}


@pytest.mark.parametrize(
    "topic", ["a/+/b", "a/#", "$SYS/broker", "", "a\0b", "a\u202eb", "a{b", "a}b", "a/{B}", "x" * 600]
)
def test_mq9_topics_of_profiles(topic: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        profile({"v": {"path": "v"}}, {"topic": topic})


def test_mq13_no_compression() -> None:
    """Nothing is ever unpacked, so nothing can be a bomb."""
    small = gzip.compress(b'{"level":1}')
    bomb = gzip.compress(b'{"level":1}' + b" " * 10_000_000)
    for payload in (small, bomb, b"\x78\x9c" + small, b"\x28\xb5\x2f\xfd" + small, b"\xa1eLevel\x01"):
        assert poison(LEVEL, payload) in ("json", "encoding")
        assert poison(PLAIN, payload) in ("json", "encoding", "text")
    with pytest.raises(Poison, match="compressed"):
        parse(small)
