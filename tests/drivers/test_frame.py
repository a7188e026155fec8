"""What is refused before anybody decodes it; never an exception, whatever the bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.frame import MOST_WAITING, refusal, whole


def frame(
    tid: int, unit: int = 1, function: int = 3, body: bytes = b"\x02\x00\x2a", length: int | None = None
) -> bytes:
    size = len(body) + 2 if length is None else length
    return struct.pack(">HHHBB", tid, 0, size, unit, function) + body


GOOD = frame(7)
LATE = frame(6)


@pytest.mark.parametrize("cut", range(len(GOOD) + 1))
def test_the_beginning_of_an_answer_is_waited_for(cut: int) -> None:
    assert refusal(GOOD[:cut], 7, 1, 3) is None
    assert refusal(LATE + GOOD[:cut], 7, 1, 3) is None


@pytest.mark.parametrize(
    ("buffer", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "'HTTP/1.1 400"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "'SSH-2.0"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "not Modbus TCP"),
        (b"\xff" * 300, "not Modbus TCP"),
        (frame(7, length=0), "length of 0"),
        (frame(7, length=1), "length of 1 "),
        (frame(7, length=2), "length of 2 "),
        (frame(7, length=255), "length of 255"),
        (frame(7, length=65535), "length of 65535"),
        (frame(7, unit=2), "unit 2 answered instead of unit 1"),
        (frame(7, function=4), "function 0x04"),
        (frame(7, function=0x77), "function 0x77"),
        (frame(7, function=0), "function 0x00"),
        (frame(7, function=0xFF), "function 0xFF"),
        (frame(7, function=0x84), "function 0x84"),
        (LATE + frame(7, function=1), "function 0x01"),
        (frame(0), "transaction: zero"),
        (LATE * 400, "flood"),
    ],
)
def test_refused(buffer: bytes, words: str) -> None:
    assert words in (refusal(buffer, 7, 1, 3) or "")


def test_exceptions_and_zero_transactions() -> None:
    assert refusal(frame(7, function=0x83, body=b"\x02"), 7, 1, 3) is None
    assert refusal(frame(0), 7, 1, 3, zero=True) is None
    assert refusal(frame(7), 7, 1, 3, zero=True) is None  # passed over: it is not this question's
    assert "unit 2" in (refusal(frame(0, unit=2), 7, 1, 3, zero=True) or "")


def test_whole_frames() -> None:
    assert whole(b"")
    assert whole(GOOD + LATE)
    assert not whole(GOOD + LATE[:-1])
    assert not whole(GOOD[:3])
    assert not whole(b"HTTP/1.1 400")
    assert not whole(b"\0\7\1\0\0\3\1\3\2"), "another protocol"


def test_as_many_late_answers_as_may_wait_are_no_flood() -> None:
    late = frame(6, body=bytes(252))
    assert len(late) == 260
    assert refusal(late * 8, 7, 1, 3) is None


def test_an_impossible_length_is_refused_as_soon_as_it_is_read() -> None:
    assert "length of 0" in (refusal(frame(7, length=0)[:6], 7, 1, 3) or "")


def test_late_answers_are_passed_over_one_by_one() -> None:
    assert refusal(frame(5, body=b"\xff" * 12) + LATE + GOOD, 7, 1, 3) is None
    assert "unit 2" in (refusal(frame(5, body=b"\xff" * 12) + LATE + frame(7, unit=2), 7, 1, 3) or "")


@given(st.binary(max_size=MOST_WAITING + 10), st.integers(0, 65535), st.integers(1, 255), st.integers(1, 4))
def test_any_bytes(buffer: bytes, tid: int, unit: int, function: int) -> None:
    refusal(buffer, tid, unit, function)
    whole(buffer)
