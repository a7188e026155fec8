"""One serial line, or a serial server behind TCP: a question goes out, its proven answer comes back, or an error says
why not.

Units share the line, so one that is dead or sick closes nothing: whatever goes wrong with an answer is a request error,
after which the line is listened to until it is silent. Late answers are told apart by time (`owed`).
"""

from __future__ import annotations

import asyncio

from drivers.base import RequestError, SessionError
from drivers.modbus.exceptions import ExceptionAnswer
from drivers.modbus.frame import MOST_WAITING, Question, printable
from drivers.modbus.line import FAST_GAP_NS
from drivers.modbus.options import ModbusLinkOptions
from drivers.modbus.rest import catch_up, heard_within
from drivers.modbus.rtu_frame import Frame, Heard, doubts, frames, listen
from drivers.modbus.wire import Reply, Unanswered, Wire
from gateway.clock import host_mono_ns
from gateway.model import SECOND, ErrorKind

_MS = SECOND // 1000
# After an error the line has to be silent for longer than a gap between frames: USB adapters hand on what they hear
# every 16 ms, serial servers pack it for up to 50 ms, and a question must not go into the middle of a late answer.
_QUIET_SERIAL_NS = 20 * _MS
_QUIET_NET_NS = 50 * _MS
# bytes that nobody asked for since the last good answer: more of them come from no serial line
_MOST_UNASKED = 1 << 18


class RtuConnection(Wire):
    """An open line with at most one question in flight. Made by `open`, ended by `close`."""

    def __init__(self, options: ModbusLinkOptions) -> None:
        super().__init__(options)
        serial = options.modbus.scheme == "rtu"
        self._gap_ns = FAST_GAP_NS if options.line is None else options.line.gap_ns
        self._quiet_ns = max(self._gap_ns, _QUIET_SERIAL_NS if serial else _QUIET_NET_NS)
        self._ear = b""
        self._heard = Heard()
        self._news = asyncio.Event()
        self._heard_ns = self._spoke_ns = 0
        self._unsettled = True
        self._unasked = 0

    async def checked_read(self, question: Question) -> bytes:
        """The data bytes of the answer whose unit, function, size and CRC are right and which no earlier question can
        have caused, if answers are late by `late_within` at most.

        ExceptionAnswer when the device says no, RequestError when there is no such answer, SessionError when the port
        or the connection is gone. May wait for a late answer of the same unit before it asks.
        """
        await self._ready(question)
        asked_ns = host_mono_ns()
        self._ear, self._heard = b"", Heard()
        answered = settled = False
        try:
            reply = await self._ask(question)
            answered = True
            await self._silent(self._gap_ns)
            payload = self._proven(question, reply)
            settled = True
        except Unanswered:
            raise self._why_not(question) from None
        except ExceptionAnswer:
            settled = True
            raise
        finally:
            self._spoke_ns = host_mono_ns()
            self._unsettled = not settled
            if not (answered or self._heard.damaged):
                timeout_ns = asked_ns + self._options.answer_ns(question.size, question.timeout_ns)
                until_ns = timeout_ns + self._options.late_ns(question.timeout_ns)
                self._owed.unanswered(question, timeout_ns, until_ns)
        return payload

    # before the question

    async def _ready(self, question: Question) -> None:
        """Until the line is silent and nothing that may still come could be taken for the answer to `question`."""
        patience_ns = host_mono_ns() + self._options.answer_ns(question.size, question.timeout_ns)
        while True:
            if self._broken is not None:
                raise self._broken
            self._overhear()
            now_ns = host_mono_ns()
            if self._owed.distrusts(question.unit, now_ns):
                sentence = f"unit {question.unit} talks without being asked: no answer can be told from that"
                raise RequestError(ErrorKind.BAD_REPLY, sentence)
            gap_ns = self._quiet_ns if self._unsettled else self._gap_ns
            owed_ns = self._owed.until(question, now_ns)
            silent_ns = self._heard_ns + gap_ns
            if silent_ns > now_ns > max(patience_ns, owed_ns):
                raise RequestError(ErrorKind.BAD_REPLY, "the line is never silent: somebody talks without being asked")
            ready_ns = max(silent_ns, self._spoke_ns + self._options.pause, owed_ns)
            if ready_ns <= now_ns:
                if await self._is_heard_yet() or self._broken is not None:
                    continue
                self._unsettled = False
                return
            await heard_within(self._news, ready_ns - now_ns)

    async def _is_heard_yet(self) -> bool:
        """Whether something was there that the loop had not come to."""
        await catch_up()
        return self._news.is_set()

    def _overhear(self) -> None:
        """Take what came unasked: late answers, or talk."""
        self._news.clear()
        came, self._ear = frames(self._ear)
        self._settle(came, None)

    def _settle(self, others: list[Frame], instead: Question | None) -> Frame | None:
        """Account for frames that are no answer; the one that came instead of the answer to `instead`."""
        now_ns = host_mono_ns()
        replaced = None
        for frame in others:
            if self._owed.late(frame, now_ns):
                continue
            if instead is not None and replaced is None and frame.answers(instead):
                replaced = frame  # most probably of a unit that says another number than its own
                continue
            self._owed.unasked(frame.unit, now_ns)
        return replaced

    # after it

    async def _silent(self, gap_ns: int) -> None:
        """Until nothing has come for `gap_ns`, or until it is clear that this does not happen."""
        end_ns = host_mono_ns() + self._options.timeout
        while (now_ns := host_mono_ns()) < min(self._heard_ns + gap_ns, end_ns) and self._broken is None:
            self._news.clear()
            await heard_within(self._news, self._heard_ns + gap_ns - now_ns)

    def _proven(self, question: Question, reply: Reply) -> bytes:
        self._settle(self._heard.others, None)
        tail, self._ear = self._ear, b""
        if sentence := doubts(self._heard, tail):
            self._owed.unasked(question.unit, host_mono_ns())
            raise RequestError(ErrorKind.BAD_REPLY, sentence)
        followed, self._ear = frames(tail)
        self._settle([frame for frame in followed if frame.unit != question.unit], None)
        self._unasked = 0
        if reply.unit != question.unit or reply.function != question.function:
            raise self._bad(f"unit {reply.unit}, function {reply.function} where nothing else was let through")
        if reply.code is not None:
            raise ExceptionAnswer(reply.code)
        payload = reply.payload
        if payload is None or len(payload) != question.size + 1 or payload[0] != question.size:
            raise self._bad(f"{len(payload or b'')} bytes where {question.size} were let through")
        return payload[1:]

    def _why_not(self, question: Question) -> RequestError | SessionError:
        """The timeout is over; what was heard meanwhile says how it came to that."""
        if self._broken is not None:
            return self._broken
        heard, ear = self._heard, self._ear
        self._ear = b""
        unit = question.unit
        if (spoke := self._settle(heard.others, question)) is not None:
            return RequestError(ErrorKind.BAD_REPLY, f"unit {spoke.unit} answered instead of unit {unit}")
        if heard.begun:  # its rest may still come, and behind the beginning of the next answer it would fit
            return RequestError(ErrorKind.CRC, f"the answer of unit {unit} came cut off")
        if heard.rest:
            return RequestError(ErrorKind.CRC, f"no frame came for unit {unit} but {printable(ear)}")
        seconds = self._options.answer_ns(question.size, question.timeout_ns) / SECOND
        sentence = f"unit {unit} did not answer within {seconds:.3g} s"
        if (late_ns := self._owed.lateness_ns(unit)) is not None:
            sentence += f"; earlier it answered {late_ns / SECOND:.2g} s later than that: its timeout is too short"
        return RequestError(ErrorKind.TIMEOUT, sentence)

    def _packet(self, sending: bool, buffer: bytes) -> bytes:
        if sending:
            return buffer
        # all that has come is kept here, so that pymodbus sees an answer, whole and proven, or nothing
        self._client.ctx.recv_buffer = b""
        self._heard_ns = host_mono_ns()
        self._news.set()
        self._ear = (self._ear + buffer)[-MOST_WAITING:]
        self._unasked += len(buffer)
        if self._unasked > _MOST_UNASKED and self._options.modbus.scheme != "rtu":
            self._bad(f"a flood of {self._unasked} bytes without an answer among them")
            self._client.close()
            return b""
        asked = self._asked
        if asked is None or self._broken is not None or self._client.ctx.response_future.done():
            return b""
        heard = self._heard = listen(self._ear, asked, echo=self._options.echo)
        if heard.answer is not None:
            self._ear = heard.rest
            return heard.answer
        if (wrong := heard.wrong or self._foreign(heard, asked)) is not None:
            self._ear = b""
            self._settle([frame for frame in heard.others if frame.unit != asked.unit], None)
            self._give_up(RequestError(*wrong))
        return b""

    def _foreign(self, heard: Heard, asked: Question) -> tuple[ErrorKind, str] | None:
        """A frame of the asked unit that is not the answer, and no late one either."""
        for frame in heard.others:
            if frame.unit == asked.unit and not self._owed.expects(frame, host_mono_ns()):
                said = f"function {frame.function}, {frame.size} bytes"
                expected = f"function {asked.function}, {asked.size} bytes"
                return ErrorKind.BAD_REPLY, f"unit {frame.unit} answered {said}; expected: {expected}"
        return None
