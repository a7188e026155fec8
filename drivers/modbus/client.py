"""One Modbus TCP connection: a question goes out, its proven answer comes back, or an error says why not.

The only module that knows pymodbus, of which it uses the transport, the framing and the transaction numbers. What
pymodbus believes is not enough: it returns answers of another function, another count and transaction 0 as good, lets
a question wait out its timeout when the connection has died, and reconnects as it likes. So its retries and reconnects
are off, answers keep their bytes, and `checked_read` compares them with the question.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from typing import Self

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from drivers.base import RequestError, SessionError
from drivers.modbus.address import NetAddress
from drivers.modbus.exceptions import ExceptionAnswer
from drivers.modbus.frame import MOST_WAITING, Question, refusal, whole
from drivers.modbus.options import ModbusLinkOptions
from gateway.model import SECOND, ErrorKind

# the whole vocabulary: V1.1b3 §6.1–§6.4. A write cannot be asked for, because there is no word for it
_REQUESTS: dict[int, type[ModbusPDU]] = {
    1: ReadCoilsRequest,
    2: ReadDiscreteInputsRequest,
    3: ReadHoldingRegistersRequest,
    4: ReadInputRegistersRequest,
}

_LEAP = 24_001
_TRANSACTIONS = 64_999
# a host that is gone without a word: nobody acknowledges what was sent, or a question whether it is still there
_UNHEARD_MS = 10_000
_IDLE_SECONDS = 10
_ASK_AGAIN_SECONDS = 5


class _Answer(ModbusPDU):
    """An answer that keeps its bytes: pymodbus unpacks registers one by one and drops what does not fit."""

    payload = b""

    def decode(self, data: bytes) -> None:
        self.payload = data


_ANSWERS = [type(f"_Answer{code}", (_Answer,), {"function_code": code}) for code in _REQUESTS]


class TcpConnection:
    """An open connection with at most one question in flight. Made by `open`, ended by `close`."""

    def __init__(self, options: ModbusLinkOptions) -> None:
        self._options = options
        self._zero = options.transaction == "zero"
        self._asked: Question | None = None
        self._broken: SessionError | None = None
        address = options.modbus
        if not isinstance(address, NetAddress):
            raise TypeError(f"{address} has no host")
        self._client = AsyncModbusTcpClient(
            address.host,
            port=address.port,
            timeout=options.timeout / SECOND,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._packet,
            trace_connect=self._connection,
        )
        for answer in _ANSWERS:
            self._client.register(answer)
        # the bounds are ours: pymodbus would drop bytes and read on in the middle of a frame, and would hang up after a
        # run of timeouts, which may be those of one dead unit
        self._client.ctx.max_buffer_size = 1 << 24
        self._client.ctx.max_until_disconnect = 1 << 30

    @classmethod
    async def open(cls, options: ModbusLinkOptions) -> Self:
        """A new connection; SessionError when there is none within the connect timeout."""
        # its lines would repeat our errors at every retry, with dumps of frames
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
        connection = cls(options)
        try:
            async with asyncio.timeout(options.connect_timeout / SECOND):
                # not client.connect(): that returns False and keeps the reason to itself
                await connection._client.ctx.call_create()
        except TimeoutError:
            connection.close()
            raise SessionError(ErrorKind.CONNECT, f"no connection to {options.endpoint} in time") from None
        except (OSError, UnicodeError) as error:  # a name that is none is a UnicodeError of getaddrinfo
            connection.close()
            raise SessionError(ErrorKind.CONNECT, f"no connection to {options.endpoint}: {error}") from None
        except BaseException:
            connection.close()
            raise
        connection._watch()
        return connection

    def _watch(self) -> None:
        """Let the kernel end a half-open connection: its silence is not that of a unit, and it would last for hours."""
        context = self._client.ctx
        # a gateway may answer on this connection what was asked on the one before
        context.next_tid = random.randrange(_TRANSACTIONS)  # noqa: S311 - keeps apart, keeps no secret
        wire = context.transport.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (
            ("TCP_USER_TIMEOUT", _UNHEARD_MS),
            ("TCP_KEEPIDLE", _IDLE_SECONDS),
            ("TCP_KEEPINTVL", _ASK_AGAIN_SECONDS),
        ):
            if (option := getattr(socket, name, None)) is not None:  # not every system has all of them
                wire.setsockopt(socket.IPPROTO_TCP, option, value)

    @property
    def endpoint(self) -> str:
        return self._options.endpoint

    def close(self) -> None:
        """Close at once; a question in flight fails with SessionError."""
        self._fail(SessionError(ErrorKind.CONNECT, "the link was closed"))
        self._client.close()

    @property
    def broken(self) -> SessionError | None:
        """Why no further question can be asked."""
        return self._broken

    async def checked_read(self, question: Question) -> bytes:
        """The data bytes of the answer whose transaction, unit, function and size are the question's.

        ExceptionAnswer when the device says no, RequestError after a timeout, SessionError when the connection must not
        be used any more. Never wrap this in a shorter timeout: an answer on its way would be taken for the next one.
        """
        # what is left over was sent unasked: whole frames are late answers, dropped here
        if self._broken is None and not whole(self._client.ctx.recv_buffer):
            self._fail(SessionError(ErrorKind.BAD_REPLY, "half a frame was sent unasked"))
        if self._broken is not None:
            raise self._broken
        request = _REQUESTS[question.function](address=question.address, count=question.count, dev_id=question.unit)
        # transactions leap: a gateway that counts one behind or ahead can never hit the next question's by chance
        context = self._client.ctx
        context.next_tid = (context.next_tid + _LEAP) % _TRANSACTIONS
        self._asked = question
        try:
            answer = await self._client.execute(False, request)
        except SessionError:
            raise
        except ModbusException as error:
            raise self._unanswered(question, error) from None
        finally:
            self._asked = None
        return self._proven(question, request, answer)

    def _unanswered(self, question: Question, error: ModbusException) -> RequestError | SessionError:
        if self._broken is not None:
            return self._broken
        if self._client.connected and not self._zero and not self._client.ctx.recv_buffer:
            seconds = self._options.timeout / SECOND
            return RequestError(ErrorKind.TIMEOUT, f"unit {question.unit} did not answer within {seconds:g} s")
        # without transactions a late answer would be taken for the next one; in half a frame nobody knows where we are
        self._fail(SessionError(ErrorKind.TIMEOUT, f"unit {question.unit} did not answer: {error.string}"))
        return self._broken or SessionError(ErrorKind.TIMEOUT, error.string)

    def _proven(self, question: Question, request: ModbusPDU, answer: ModbusPDU) -> bytes:
        if answer.transaction_id != (0 if self._zero else request.transaction_id):
            raise self._bad(f"transaction {answer.transaction_id} answered {request.transaction_id}")
        if answer.dev_id != question.unit:
            raise self._bad(f"unit {answer.dev_id} answered instead of unit {question.unit}")
        if isinstance(answer, ExceptionResponse):
            if answer.function_code & 0x7F != question.function:
                raise self._bad(f"exception of function {answer.function_code & 0x7F} for {question.function}")
            raise ExceptionAnswer(answer.exception_code)
        if answer.function_code != question.function or not isinstance(answer, _Answer):
            raise self._bad(f"function {answer.function_code} answered function {question.function}")
        payload = answer.payload
        if len(payload) != question.size + 1 or payload[0] != question.size:
            said = payload[0] if payload else 0
            raise self._bad(f"{said} bytes announced, {len(payload) - 1} sent, {question.size} expected")
        return payload[1:]

    def _bad(self, sentence: str) -> SessionError:
        error = SessionError(ErrorKind.BAD_REPLY, sentence)
        self._fail(error)
        return error

    def _fail(self, error: SessionError) -> None:
        """The connection is over: nothing is asked any more, and who waits hears it at once."""
        if self._broken is None:
            self._broken = error
        waiting = self._client.ctx.response_future
        if self._asked is not None and not waiting.done():
            waiting.set_exception(self._broken)

    def _connection(self, connected: bool) -> None:
        if not connected:
            self._fail(SessionError(ErrorKind.CONNECT, f"{self._options.endpoint} closed the connection"))

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
