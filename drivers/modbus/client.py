"""One Modbus TCP connection, plain or within TLS: a question goes out, its proven answer comes back, or an error says
why not. Answers are told apart by their transactions.
"""

from __future__ import annotations

import random

from drivers.base import RequestError, SessionError
from drivers.modbus.exceptions import ExceptionAnswer
from drivers.modbus.frame import MOST_WAITING, Question, refusal, whole
from drivers.modbus.options import ModbusLinkOptions
from drivers.modbus.rest import catch_up, rest
from drivers.modbus.wire import Reply, Unanswered, Wire
from gateway.clock import host_mono_ns
from gateway.model import SECOND, ErrorKind

_LEAP = 24_001
_TRANSACTIONS = 64_999


class TcpConnection(Wire):
    """An open connection with at most one question in flight. Made by `open`, ended by `close`."""

    def __init__(self, options: ModbusLinkOptions) -> None:
        super().__init__(options)
        self._zero = options.transaction == "zero"
        self._spoke_ns = 0

    def _opened(self) -> None:
        super()._opened()
        # a gateway may answer on this connection what was asked on the one before
        self._client.ctx.next_tid = random.randrange(_TRANSACTIONS)  # noqa: S311 - keeps apart, keeps no secret

    def owed_ns(self, question: Question) -> int:
        """As on a line where there are no transactions; with them nothing is taken for anything else."""
        return super().owed_ns(question) if self._zero else 0

    async def checked_read(self, question: Question) -> bytes:
        """The data bytes of the answer whose transaction, unit, function and size are the question's.

        ExceptionAnswer when the device says no, RequestError after a timeout, SessionError when the connection must not
        be used any more. Never wrap this in a shorter timeout: an answer on its way would be taken for the next one.
        """
        if self._options.pause:
            await rest(self._spoke_ns + self._options.pause - host_mono_ns())
        if self._zero:
            await rest(self.owed_ns(question))
            await catch_up()
        self._look_at_what_is_left()
        if self._broken is not None:
            raise self._broken
        # transactions leap: a gateway that counts one behind or ahead can never hit the next question's by chance
        context = self._client.ctx
        context.next_tid = (context.next_tid + _LEAP) % _TRANSACTIONS
        timeout_ns = host_mono_ns() + self._options.answer_ns(question.size, question.timeout_ns)
        proven = False
        try:
            reply = await self._ask(question)
            payload = self._proven(question, context.request_transaction_id, reply)
            proven = True
        except ExceptionAnswer:
            proven = True
            raise
        except Unanswered as silence:
            raise self._unanswered(question, str(silence)) from None
        finally:
            self._spoke_ns = host_mono_ns()
            if self._zero and not proven:
                self._owed.unanswered(question, timeout_ns, timeout_ns + self._options.late_ns(question.timeout_ns))
                self._fail(SessionError(ErrorKind.TIMEOUT, f"unit {question.unit} owes an answer without a name"))
        return payload

    def _look_at_what_is_left(self) -> None:
        """What is left over was sent unasked: whole frames are late answers, and are dropped."""
        left = self._client.ctx.recv_buffer
        if self._broken is not None or not left:
            return
        if not whole(left):
            self._fail(SessionError(ErrorKind.BAD_REPLY, "half a frame was sent unasked"))
        elif self._zero:
            self._fail(SessionError(ErrorKind.BAD_REPLY, "a frame was sent unasked: what comes next could be another"))

    def _unanswered(self, question: Question, sentence: str) -> RequestError | SessionError:
        if self._broken is not None:
            return self._broken
        if self._client.connected and not self._zero and not self._client.ctx.recv_buffer:
            seconds = self._options.answer_ns(question.size, question.timeout_ns) / SECOND
            return RequestError(ErrorKind.TIMEOUT, f"unit {question.unit} did not answer within {seconds:g} s")
        # without transactions a late answer would be taken for the next one; in half a frame nobody knows where we are
        error = SessionError(ErrorKind.TIMEOUT, f"unit {question.unit} did not answer: {sentence}")
        self._fail(error)
        return self._broken or error

    def _proven(self, question: Question, transaction: int, reply: Reply) -> bytes:
        if reply.transaction != (0 if self._zero else transaction):
            raise self._bad(f"transaction {reply.transaction} answered {transaction}")
        if reply.unit != question.unit:
            raise self._bad(f"unit {reply.unit} answered instead of unit {question.unit}")
        if reply.code is not None:
            if reply.function != question.function:
                raise self._bad(f"exception of function {reply.function} for {question.function}")
            raise ExceptionAnswer(reply.code)
        payload = reply.payload
        if reply.function != question.function or payload is None:
            raise self._bad(f"function {reply.function} answered function {question.function}")
        if len(payload) != question.size + 1 or payload[0] != question.size:
            said = payload[0] if payload else 0
            raise self._bad(f"{said} bytes announced, {len(payload) - 1} sent, {question.size} expected")
        return payload[1:]

    def _packet(self, sending: bool, buffer: bytes) -> bytes:
        asked = self._asked
        if sending:
            return buffer
        if asked is None or self._broken is not None:
            if len(buffer) > MOST_WAITING:
                self._bad(f"a flood of {len(buffer)} bytes that nobody asked for")
                self._client.close()
            return b""
        transaction = self._client.ctx.request_transaction_id
        if sentence := refusal(buffer, transaction, asked.unit, asked.function, zero=self._zero):
            self._bad(sentence)
            return b""
        return buffer
