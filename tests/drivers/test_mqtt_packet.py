"""The cutter of PUBLISH packets against paho's own reading of the same bytes."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import client as paho

from drivers.mqtt.packet import Arrived, cut


def length(size: int) -> bytes:
    out = b""
    while True:
        size, low = divmod(size, 128)
        out += bytes([low | (128 if size else 0)])
        if not size:
            return out


def packet(topic: bytes, payload: bytes, qos: int, mid: int, flags: int = 0, properties: bytes = b"") -> bytes:
    body = len(topic).to_bytes(2, "big") + topic + (mid.to_bytes(2, "big") if qos else b"")
    body += length(len(properties)) + properties + payload
    return bytes([0x30 | qos << 1 | flags]) + length(len(body)) + body


def as_paho_reads(raw: bytes) -> Arrived | None:
    """None when paho finds it malformed."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    seen: list[Arrived] = []

    def message(_: object, __: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        seen.append(Arrived(topic, bytes(message.payload), message.qos, message.retain, message.dup, message.mid))

    client.on_message = message
    client.manual_ack_set(True)
    rest = bytearray(raw)

    def recv(size: int) -> bytes:
        if not rest:
            raise BlockingIOError
        piece = bytes(rest[:size])
        del rest[:size]
        return piece

    client._sock = SimpleNamespace(recv=recv, close=lambda: None, fileno=lambda: -1)  # type: ignore[assignment]
    try:
        client.loop_read()
    except Exception:  # noqa: BLE001 - whatever paho makes of it
        return None
    finally:
        client._sock = None
    return seen[0] if seen else None


user_property = st.tuples(st.binary(max_size=40), st.binary(max_size=40)).map(
    lambda pair: b"\x26" + b"".join(len(one).to_bytes(2, "big") + one for one in pair)
)


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0+#"), min_size=1, max_size=60),
    st.binary(max_size=400),
    st.integers(0, 1),
    st.integers(1, 65535),
    st.sampled_from([0, 1, 8, 9]),
    st.binary(max_size=20),
)
def test_whole_packets_are_cut_as_paho_reads_them(
    topic: str, payload: bytes, qos: int, mid: int, flags: int, behind: bytes
) -> None:
    raw = packet(topic.encode(), payload, qos, mid, flags)
    found = cut(b"\xff" * 3 + raw + behind, 3)
    assert found is not None
    message, after = found
    assert after == 3 + len(raw)
    assert message == as_paho_reads(raw)


@given(st.lists(st.just(b"\x01\x01") | st.just(b"\x02\x00\x00\x00\x0a"), max_size=1), st.integers(0, 30_000))
def test_properties_are_skipped(properties: list[bytes], size: int) -> None:
    raw = packet(b"a/b", b"x" * size, 1, 5, properties=b"".join(properties))
    found = cut(raw, 0)
    assert found is not None and found[0] == Arrived("a/b", b"x" * size, 1, False, False, 5)
    assert found[0] == as_paho_reads(raw)


def test_many_properties_are_skipped_or_left_to_paho() -> None:
    one = b"\x26\x00\x04name\x00\x05value"
    for count in (1, 9, 10, 100, 1000, 2000):
        raw = packet(b"a/b", b"x", 1, 5, properties=one * count)
        found = cut(raw, 0)
        assert (found is None) == (len(one) * count > 16383)
        assert found is None or found[0].payload == b"x"


@given(st.binary(max_size=200), st.integers(0, 5))
def test_any_bytes_at_all(raw: bytes, at: int) -> None:
    found = cut(raw, at)
    if found is not None:
        message, after = found
        assert at < after <= len(raw) and len(message.payload) < after - at


@given(st.binary(min_size=1, max_size=60), st.sampled_from([0x30, 0x31, 0x32, 0x3A, 0x34, 0x36]))
def test_what_is_cut_is_what_paho_would_have_made_of_it(body: bytes, first: int) -> None:
    raw = bytes([first]) + length(len(body)) + body
    found = cut(raw, 0)
    if found is not None and b"\x00" in found[0].topic.encode():
        return  # paho is stricter with topics; nobody has such a topic here either
    if found is not None and body[2 + int.from_bytes(body[:2], "big") + (2 if first & 2 else 0)] == 0:
        assert found[0] == as_paho_reads(raw)


def test_pieces_are_left_to_paho() -> None:
    raw = packet(b"a/b", b"x" * 300, 1, 5)
    assert all(cut(raw[:size], 0) is None for size in range(len(raw)))
    assert cut(packet(b"a/b", b"x", 2, 5), 0) is None  # QoS 2: never asked for
    assert cut(packet(b"", b"x", 1, 5), 0) is None  # a topic alias, which we have not allowed
    assert cut(packet(b"a/b", b"x", 1, 0), 0) is None
    assert cut(b"\xd0\x00", 0) is None
    bad = cut(packet(b"\xff\xfe", b"x", 1, 5), 0)
    assert bad is not None and bad[0].topic == ""
