"""Whatever arrives, the server finds whole requests or hangs up, and answers with a PDU that the standard knows."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.pdu import READS, Busy, Table, answer, mapped
from simulators.wire import FramingError, Request, frame, split

WORDS = mapped({table: dict.fromkeys(range(3000), 1) for table in Table})
REQUESTS = st.builds(
    Request,
    st.integers(0, 0xFFFF),
    st.sampled_from([0, 0, 0, 7]),
    st.integers(0, 255),
    st.binary(min_size=1, max_size=253),
)


@given(st.lists(REQUESTS, max_size=5), st.integers(0, 300))
def test_whole_requests_are_found_wherever_the_stream_is_cut(requests: list[Request], cut: int) -> None:
    stream = b"".join(frame(asked.transaction, asked.unit, asked.pdu, protocol=asked.protocol) for asked in requests)
    first, rest = split(stream[:cut])
    second, nothing = split(rest + stream[cut:])
    assert first + second == requests
    assert nothing == b""


@given(st.binary(max_size=600))
def test_any_bytes(stream: bytes) -> None:
    try:
        requests, rest = split(stream)
    except FramingError:
        return
    assert b"".join(frame(r.transaction, r.unit, r.pdu, protocol=r.protocol) for r in requests) + rest == stream
    assert len(rest) < 260


@given(st.binary(min_size=1, max_size=253))
def test_any_request(pdu: bytes) -> None:
    given_back = answer(pdu, WORDS)
    if pdu[0] not in READS:
        assert given_back == bytes([pdu[0] | 0x80, 1])
    elif given_back[0] & 0x80:
        assert given_back[0] == pdu[0] | 0x80
        assert given_back[1] in (2, 3)
    else:
        _, _, count = struct.unpack(">BHH", pdu)
        octets = (count + 7) // 8 if pdu[0] <= 2 else count * 2
        assert (given_back[0], given_back[1], len(given_back)) == (pdu[0], octets, octets + 2)


@given(st.sampled_from(sorted(READS)), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_every_quantity(function: int, address: int, count: int) -> None:
    given_back = answer(struct.pack(">BHH", function, address, count), WORDS)
    most = 2000 if function <= 2 else 125
    if not 1 <= count <= most:
        assert given_back[1] == 3
    elif address + count > 3000:
        assert given_back[1] == 2
    else:
        assert given_back[0] == function


def test_a_device_may_be_busy() -> None:
    def busy(table: Table, address: int, count: int) -> None:
        raise Busy

    assert answer(bytes.fromhex("03 00 00 00 01"), busy) == bytes.fromhex("83 06")


def test_a_mistake_in_a_register_map_is_not_hidden() -> None:
    def broken(table: Table, address: int, count: int) -> list[int]:
        return [70_000]

    with pytest.raises(struct.error):
        answer(bytes.fromhex("03 00 00 00 01"), broken)
