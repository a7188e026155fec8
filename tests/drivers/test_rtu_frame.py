"""RTU frames as bytes: the standard's own, and what must not be believed. Pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.frame import MOST_WAITING, Question
from drivers.modbus.line import Line
from drivers.modbus.owed import DISTRUST_NS, Owed
from drivers.modbus.rtu_frame import Frame, crc16, doubts, frame_at, frames, listen, question_bytes
from gateway.model import SECOND, ErrorKind
from tests.drivers.scripted_rtu import crc

TWO = Question(unit=1, function=3, address=100, count=2, size=4)
ANSWER = bytes.fromhex("01 03 04 00 2a 01 00")
GOOD = ANSWER + crc(ANSWER)


def sealed(text: str) -> bytes:
    content = bytes.fromhex(text)
    return content + crc(content)


def test_the_example_of_the_standard() -> None:
    """MODBUS over Serial Line V1.02 §6.2.2: 02 07 has the CRC 1241, sent as 41 12."""
    assert crc16(b"\x02\x07") == 0x1241
    assert crc(b"\x02\x07") == b"\x41\x12"
    assert crc16(b"\x02\x07\x41\x12") == 0


def test_a_question_as_others_send_it() -> None:
    """The bytes that the makers of SDM meters print in their manual."""
    asked = Question(unit=1, function=4, address=0, count=2, size=4)
    assert question_bytes(asked) == bytes.fromhex("01 04 00 00 00 02 71 CB")


@pytest.mark.parametrize(
    ("line", "gap_us"),
    [
        (Line(9600), 3646),
        (Line(9600, "E"), 4010),
        (Line(19_200, "E"), 2005),
        (Line(38_400), 1750),
        (Line(115_200), 1750),
        (Line(1200, "N", 2), 32_083),
    ],
)
def test_the_silence_between_frames(line: Line, gap_us: int) -> None:
    """V1.02 §2.5.1.1: 3.5 characters; 1.750 ms above 19,200 baud."""
    assert round(line.gap_ns / 1000) == gap_us


def test_characters_take_their_time() -> None:
    assert Line(9600, "E").bits == Line(9600, "N", 2).bits == 11
    assert Line(9600).seconds(960) == 1.0


def test_the_answer_is_found() -> None:
    heard = listen(GOOD, TWO)
    assert (heard.answer, heard.behind_noise, heard.rest, heard.wrong) == (GOOD, False, b"", None)


@pytest.mark.parametrize("length", range(len(GOOD)))
def test_while_it_comes_there_is_nothing_to_say(length: int) -> None:
    heard = listen(GOOD[:length], TWO)
    assert heard.answer is None and heard.wrong is None
    assert heard.begun == (length >= 3), "unit, function and count are those of the answer"
    assert not heard.damaged


def test_an_exception_is_an_answer() -> None:
    assert listen(sealed("01 83 02"), TWO).answer == sealed("01 83 02")
    assert listen(sealed("01 84 02"), TWO).answer is None


def test_noise_before_the_answer_asks_for_silence_behind_it() -> None:
    heard = listen(b"\x00\xff" + GOOD, TWO)
    assert heard.answer == GOOD and heard.behind_noise
    assert doubts(heard, b"") is None
    assert doubts(heard, b"\x00\xff") is None, "a line driver that is switched off"
    assert "in the middle" in (doubts(heard, b"\x00\xff\x00") or "")


def test_an_answer_at_the_head_stands_whatever_follows() -> None:
    heard = listen(GOOD + b"\x00" * 9, TWO)
    assert heard.answer == GOOD and doubts(heard, heard.rest) is None


def test_two_answers_of_one_unit_are_none() -> None:
    other = sealed("01 03 04 02 9a 02 9a")
    assert "once more" in (doubts(listen(GOOD, TWO), other) or "")
    assert "once more" in (doubts(listen(GOOD, TWO), sealed("01 83 02")) or "")
    assert doubts(listen(GOOD, TWO), GOOD) is None, "the same once more says nothing else"
    assert doubts(listen(GOOD, TWO), sealed("02 03 04 02 9a 02 9a")) is None


def test_frames_of_others_are_passed_over() -> None:
    foreign = sealed("02 03 04 02 9a 02 9a")
    heard = listen(foreign + GOOD, TWO)
    assert heard.answer == GOOD and not heard.behind_noise
    assert heard.others == [Frame(2, 3, 4, foreign)]


def test_our_own_words_are_no_answer() -> None:
    """A question for 17 … 24 coils at 0x03xx is, byte for byte, a valid answer to itself."""
    coils = Question(unit=1, function=1, address=0x0300, count=17, size=3)
    echo = question_bytes(coils)
    assert frame_at(echo, 0) == Frame(1, 1, 3, echo)
    assert listen(echo, coils).answer is None
    kind, sentence = listen(echo, coils).wrong or (None, "")
    assert kind is ErrorKind.BAD_REPLY and "echo: true" in sentence
    behind = listen(sealed("02 03 02 00 01") + echo, coils)
    assert behind.answer is None and behind.wrong is not None
    assert listen(b"\x00" + echo, coils).answer is None


def test_an_echo_is_taken_away() -> None:
    coils = Question(unit=1, function=1, address=0x0300, count=17, size=3)
    echo = question_bytes(coils)
    answer = sealed("01 01 03 aa aa 00")
    assert listen(echo, coils, echo=True).answer is None
    assert listen(echo[:5], coils, echo=True).wrong is None
    assert listen(echo + answer, coils, echo=True).answer == answer
    assert listen(echo + echo, coils, echo=True).answer == echo, "the device may say what we said"
    damaged = listen(answer, coils, echo=True)
    assert damaged.answer is None and damaged.wrong is not None and damaged.wrong[0] is ErrorKind.CRC


def test_a_damaged_answer_is_known_as_soon_as_it_is_whole() -> None:
    flipped = GOOD[:4] + b"\x40" + GOOD[5:]
    assert listen(flipped[:-1], TWO).wrong is None
    heard = listen(flipped, TWO)
    assert heard.damaged and heard.wrong is not None and heard.wrong[0] is ErrorKind.CRC


def test_questions_of_another_master_are_seen() -> None:
    found, rest = frames(b"\x00" + question_bytes(TWO) + GOOD + b"\x01")
    assert [(frame.unit, frame.size) for frame in found] == [(1, -1), (1, 4)]
    assert rest == b"\x01"


@given(st.binary(max_size=MOST_WAITING), st.booleans())
def test_any_bytes(buffer: bytes, echo: bool) -> None:
    heard = listen(buffer, TWO, echo=echo)
    if heard.answer is not None:
        assert crc(heard.answer[:-2]) == heard.answer[-2:]
    frames(buffer)


@given(st.binary(min_size=1, max_size=40), st.binary(max_size=40), st.integers(0, 8 * len(GOOD) - 1))
def test_no_flipped_bit_is_believed(before: bytes, after: bytes, bit: int) -> None:
    flipped = bytearray(GOOD)
    flipped[bit // 8] ^= 1 << bit % 8
    for buffer in (bytes(flipped), before + flipped, flipped + after):
        answer = listen(bytes(buffer), TWO).answer
        assert answer is None or crc(answer[:-2]) == answer[-2:]


LATE = Frame(1, 3, 4, GOOD)


def test_what_was_not_answered_is_owed_until_its_time_is_over() -> None:
    owed = Owed()
    owed.unanswered(TWO, 10 * SECOND, 12 * SECOND)
    assert owed.until(TWO, 11 * SECOND) == 12 * SECOND
    assert owed.until(Question(1, 3, 500, 9, 18), 11 * SECOND) == 12 * SECOND, "an exception has no size"
    assert owed.until(Question(1, 4, 100, 2, 4), 11 * SECOND) == 0, "another function cannot be taken for it"
    assert owed.until(Question(2, 3, 100, 2, 4), 11 * SECOND) == 0, "another unit goes on"
    assert owed.until(TWO, 12 * SECOND) == 0


def test_a_late_answer_stays_owed() -> None:
    """It may have been another's that says this unit's number, and the late one still to come."""
    owed = Owed()
    owed.unanswered(TWO, 10 * SECOND, 12 * SECOND)
    assert owed.expects(LATE, 11 * SECOND)
    assert owed.late(LATE, 11 * SECOND)
    assert owed.until(TWO, 11 * SECOND) == 12 * SECOND
    assert owed.lateness_ns(1) == SECOND
    assert not owed.late(LATE, 11 * SECOND), "each question has one answer"


def test_what_nobody_owes_is_talk() -> None:
    owed = Owed()
    owed.unanswered(TWO, 10 * SECOND, 12 * SECOND)
    assert not owed.late(Frame(1, 4, 4, b""), 11 * SECOND)
    assert not owed.late(Frame(1, 3, 6, b""), 11 * SECOND)
    assert not owed.late(Frame(2, 3, 4, b""), 11 * SECOND)
    assert not owed.late(LATE, 12 * SECOND)
    assert owed.late(Frame(1, 3, None, b""), 11 * SECOND), "an exception answers any of them"


def test_whoever_talks_is_not_believed_for_a_while() -> None:
    owed = Owed()
    owed.unasked(3, 10 * SECOND)
    assert owed.distrusts(3, 10 * SECOND + DISTRUST_NS - 1)
    assert not owed.distrusts(3, 10 * SECOND + DISTRUST_NS)
    assert not owed.distrusts(4, 10 * SECOND)


def test_at_first_everything_is_owed() -> None:
    owed = Owed(all_until_ns=5 * SECOND)
    assert owed.until(TWO, SECOND) == 5 * SECOND
    assert owed.late(LATE, 4 * SECOND) and owed.late(LATE, 4 * SECOND)
    assert not owed.late(LATE, 5 * SECOND)


def test_at_first_a_slow_unit_owes_for_longer() -> None:
    """Whoever was killed may have asked it just before, and it has its own time to answer."""
    owed = Owed(all_until_ns=5 * SECOND)
    slow = Question(1, 3, 100, 2, 4, timeout_ns=8 * SECOND)
    assert owed.until(slow, SECOND) == 13 * SECOND
    assert Owed().until(slow, SECOND) == 0
