"""Whatever arrives, the server finds whole requests or hangs up, and answers with a PDU that the standard knows."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.charger import Charger, ChargerShape
from simulators.feeder import Feeder, FeederShape
from simulators.fire import Detector, Module, Panel
from simulators.keba import keba_p30
from simulators.meters import acrel_asj, sdm630
from simulators.notifier import notifier_gw
from simulators.pdu import READS, Busy, RegisterMap, Table, answer, mapped
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


PANEL = Panel({"L1D1": Detector("flat")}, {"L1M1": Module("flat")})
UNITS: dict[str, tuple[RegisterMap, int]] = {
    "notifier-gw": (notifier_gw(lambda: PANEL), 3),
    "notifier-gw that marks": (notifier_gw(lambda: PANEL, marks_absent=True), 3),
    "sdm630": (sdm630(lambda: Feeder(FeederShape("east"))), 4),
    "acrel-asj": (acrel_asj(lambda: Feeder(FeederShape("east")), lambda: False), 3),
    "keba-p30": (keba_p30(lambda: Charger(ChargerShape("east"))), 3),
}
QUESTIONS = st.builds(
    struct.Struct(">BHH").pack,
    st.sampled_from([1, 2, 3, 4, 5, 6, 16, 43]),
    st.one_of(st.integers(0, 0xFFFF), st.sampled_from([0, 1, 0x1B, 200, 1000, 1036, 0x46, 9409])),
    st.one_of(st.integers(0, 0xFFFF), st.integers(0, 130)),
)


@pytest.mark.parametrize("name", UNITS)
@given(st.one_of(QUESTIONS, st.binary(min_size=1, max_size=253)))
def test_any_question_to_a_device(name: str, pdu: bytes) -> None:
    registers, function = UNITS[name]
    given_back = answer(pdu, registers)
    if (
        pdu[0] != function
        and len(pdu) == 5
        and 1 <= int.from_bytes(pdu[3:]) <= 125
        and int.from_bytes(pdu[1:3]) < 60000
    ):
        assert given_back == bytes([pdu[0] | 0x80, 1])  # a function that its document does not know
    elif given_back[0] & 0x80:
        assert len(given_back) == 2
        assert given_back[1] in (1, 2, 3)
    else:
        assert given_back[0] == function == pdu[0]
        assert given_back[1] == len(given_back) - 2 == 2 * int.from_bytes(pdu[3:])


def test_a_device_may_be_busy() -> None:
    def busy(table: Table, address: int, count: int) -> None:
        raise Busy

    assert answer(bytes.fromhex("03 00 00 00 01"), busy) == bytes.fromhex("83 06")


def test_a_mistake_in_a_register_map_is_not_hidden() -> None:
    def broken(table: Table, address: int, count: int) -> list[int]:
        return [70_000]

    with pytest.raises(struct.error):
        answer(bytes.fromhex("03 00 00 00 01"), broken)
