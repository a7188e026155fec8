"""What stands on a serial line, judged byte by byte before anybody decodes it. Pure.

Unit, function, data, CRC (MODBUS over Serial Line V1.02 §2.5.1). There is no transaction and no length: an answer is
proven by its unit, function, byte count and CRC together, and what cannot be told from our own question is none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from drivers.modbus.frame import Question, printable
from gateway.model import ErrorKind

MOST_BYTES = 256  # V1.02 §2.5.1.1: the longest frame
QUESTION_BYTES = 8  # unit, function, address, count, CRC (V1.1b3 §6.1 … §6.4)
ANSWER_BYTES = 5  # unit, function, byte count, CRC; data bytes come on top. An exception is as long
# a line driver that is switched off leaves a byte or two behind
_GLITCH = 2
_EXCEPTION = 0x80


def _table() -> tuple[int, ...]:
    made = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
        made.append(crc)
    return tuple(made)


_TABLE = _table()


def crc16(content: bytes) -> int:
    """V1.02 §6.2.2; 0 for a whole frame with its own CRC behind it, low byte first."""
    crc = 0xFFFF
    for byte in content:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc


class Frame(NamedTuple):
    """A frame that came whole: its CRC fits. `size` is its number of data bytes, None when it is an exception."""

    unit: int
    function: int
    size: int | None
    content: bytes

    def answers(self, question: Question) -> bool:
        """Of the form of its answer, whoever sent it."""
        return self.function == question.function and self.size in (None, question.size)


@dataclass(slots=True)
class Heard:
    """What the bytes on a line say about a question, so far."""

    answer: bytes | None = None  # the whole frame that is provably its answer
    behind_noise: bool = False  # the answer did not begin where a frame begins: it counts only when silence follows
    wrong: tuple[ErrorKind, str] | None = None  # why no answer can come of this any more
    begun: bool = False  # the unit's answer has begun to come
    damaged: bool = False  # it came in its whole length, and its CRC does not fit: there will be no other
    others: list[Frame] = field(default_factory=list)  # whole frames that are not the answer
    rest: bytes = b""  # what follows the answer or the last whole frame


def question_bytes(question: Question) -> bytes:
    """The question as it stands on the line."""
    content = bytes([question.unit, question.function]) + (
        question.address.to_bytes(2, "big") + question.count.to_bytes(2, "big")
    )
    return content + crc16(content).to_bytes(2, "little")


def listen(buffer: bytes, question: Question, *, echo: bool = False) -> Heard:
    """What `buffer`, all that came since the question went out, says about it. With `echo` the question comes first."""
    heard = Heard(rest=buffer)
    sent = question_bytes(question)
    at = 0
    if echo:
        if not sent.startswith(buffer[: len(sent)]):
            heard.wrong = (ErrorKind.CRC, f"our own question came back as {printable(buffer)}: is there an echo?")
            return heard
        if len(buffer) < len(sent):
            return heard
        at = len(sent)
        heard.rest = buffer[at:]
    _search(heard, buffer, at, question, b"" if echo else sent)
    return heard


def _search(heard: Heard, buffer: bytes, at: int, question: Question, sent: bytes) -> None:
    clean = True  # nothing but whole frames so far: the next one begins here
    while at < len(buffer):
        # a question for coils can be, byte for byte, a valid answer: never believe what may be our own words
        if sent and buffer.startswith(sent, at):
            heard.wrong = (ErrorKind.BAD_REPLY, "the line repeats our questions: it needs `echo: true`")
            return
        found = frame_at(buffer, at)
        if found is not None and not sent.startswith(found.content):
            at += len(found.content)
            heard.rest = buffer[at:]
            if found.unit == question.unit and found.answers(question):
                heard.answer, heard.behind_noise = found.content, not clean
                return
            heard.others.append(found)
            continue
        if clean:
            _judge_head(heard, buffer[at:], question)
        clean = False
        at += 1


def _judge_head(heard: Heard, head: bytes, question: Question) -> None:
    """What begins where a frame begins and is none, or is not yet whole."""
    if len(head) < 2 or head[0] != question.unit:
        return
    length = length_of(head)
    own = head[1] & ~_EXCEPTION == question.function
    counted = len(head) >= 3 and (head[1] & _EXCEPTION or head[2] == question.size)
    if own and counted:
        heard.begun = True
        if length is not None and len(head) >= length:
            heard.damaged = True
            heard.wrong = (ErrorKind.CRC, f"the answer of unit {question.unit} came damaged: its CRC does not fit")
    elif len(head) >= ANSWER_BYTES - 1 and crc16(head) == 0:
        said = f"function 0x{head[1]:02X} answered function {question.function}"
        if own:
            said = f"{head[2]} bytes announced, {len(head) - ANSWER_BYTES} sent, {question.size} expected"
        heard.wrong = (ErrorKind.BAD_REPLY, said)


def length_of(head: bytes) -> int | None:
    """How long the answer is that begins with `head`; None while that cannot be told, or when it is no answer to us."""
    if len(head) < 2:
        return None
    if head[1] & _EXCEPTION:
        return ANSWER_BYTES
    if head[1] not in (1, 2, 3, 4) or len(head) < 3:
        return None
    return ANSWER_BYTES + head[2]


def frame_at(buffer: bytes, at: int) -> Frame | None:
    """The whole frame that begins there: an answer to a reader, an exception, or another master's question."""
    head = buffer[at : at + 3]
    length = length_of(head)
    if length is not None and len(buffer) - at >= length:
        content = buffer[at : at + length]
        if crc16(content) == 0:
            refused = bool(head[1] & _EXCEPTION)
            return Frame(head[0], head[1] & ~_EXCEPTION, None if refused else length - ANSWER_BYTES, content)
    if len(head) == 3 and head[1] & ~_EXCEPTION in range(1, 17) and len(buffer) - at >= QUESTION_BYTES:
        content = buffer[at : at + QUESTION_BYTES]
        if crc16(content) == 0:
            return Frame(head[0], head[1], -1, content)
    return None


def frames(buffer: bytes) -> tuple[list[Frame], bytes]:
    """All whole frames among bytes that nobody asked for, and what may be the beginning of another."""
    found, at, rest = [], 0, 0
    while at < len(buffer):
        frame = frame_at(buffer, at)
        if frame is None:
            at += 1
            continue
        found.append(frame)
        at += len(frame.content)
        rest = at
    return found, buffer[rest:][-MOST_BYTES:]


def doubts(heard: Heard, tail: bytes) -> str | None:
    """Why an answer is not believed after all, now that `tail` came before the silence that ends it."""
    answer = heard.answer or b""
    following, _ = frames(tail)
    for frame in following:
        if frame.unit == answer[0] and frame.content != answer:
            return f"unit {frame.unit} answered once more, and otherwise"
    if heard.behind_noise and len(tail) > _GLITCH:
        return "what looked like an answer stands in the middle of something else"
    return None
