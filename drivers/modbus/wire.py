"""One pymodbus client: the only module that knows it, and what every Modbus wire has in common.

Of pymodbus the transports, the framing and the transaction numbers are used. What it believes is not enough: it returns
answers of another function, another count and transaction 0 as good, lets a question wait out its timeout when the
connection has died, and reconnects as it likes. So its retries and reconnects are off, answers keep their bytes, and
what arrives is judged before pymodbus sees it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import termios
from typing import Self

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerType
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest
from pymodbus.transport.serialtransport import SerialTransport

from drivers.base import SessionError
from drivers.modbus.address import NetAddress, SerialAddress
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions
from drivers.modbus.owed import Owed
from drivers.modbus.rest import rest
from drivers.modbus.tls import context
from gateway.clock import host_mono_ns
from gateway.model import SECOND, ErrorKind

# the whole vocabulary: V1.1b3 §6.1–§6.4. A write cannot be asked for, because there is no word for it
_REQUESTS: dict[int, type[ModbusPDU]] = {
    1: ReadCoilsRequest,
    2: ReadDiscreteInputsRequest,
    3: ReadHoldingRegistersRequest,
    4: ReadInputRegistersRequest,
}

# a host that is gone without a word: nobody acknowledges what was sent, or a question whether it is still there
_UNHEARD_MS = 10_000
_IDLE_SECONDS = 10
_ASK_AGAIN_SECONDS = 5


class _Answer(ModbusPDU):
    """An answer that keeps its bytes: pymodbus unpacks registers one by one and drops what does not fit."""

    payload = b""

    def decode(self, data: bytes) -> None:
        self.payload = data


_ANSWERS = [type(f"_Answer{code}", (_Answer,), {"function_code": code, "rtu_byte_count_pos": 2}) for code in _REQUESTS]


class Reply:
    """What pymodbus made of an answer, as plain numbers."""

    __slots__ = ("code", "function", "payload", "transaction", "unit")

    def __init__(self, pdu: ModbusPDU) -> None:
        self.transaction, self.unit = pdu.transaction_id, pdu.dev_id
        self.function = pdu.function_code & 0x7F
        self.code = pdu.exception_code if isinstance(pdu, ExceptionResponse) else None
        self.payload = pdu.payload if isinstance(pdu, _Answer) else None


class Unanswered(Exception):  # noqa: N818 - not yet an error: the wire decides what silence means
    """pymodbus has no answer; the text says what it says."""


class Wire:
    """An open wire with at most one question in flight. Made by `open`, ended by `close`."""

    def __init__(self, options: ModbusLinkOptions) -> None:
        self._options = options
        self._asked: Question | None = None
        self._broken: SessionError | None = None
        self._owed = Owed()
        self._client = self._made(options)
        for answer in _ANSWERS:
            self._client.register(answer)
        # the bounds are ours: pymodbus would drop bytes and read on in the middle of a frame, and would hang up after a
        # run of timeouts, which may be those of one dead unit
        self._client.ctx.max_buffer_size = 1 << 24
        self._client.ctx.max_until_disconnect = 1 << 30

    def _made(self, options: ModbusLinkOptions) -> AsyncModbusTcpClient | AsyncModbusSerialClient:
        address = options.modbus
        if isinstance(address, SerialAddress):
            return AsyncModbusSerialClient(
                address.path,
                framer=FramerType.RTU,
                baudrate=address.line.baud,
                parity=address.line.parity,
                stopbits=address.line.stop,
                timeout=options.timeout / SECOND,
                retries=0,
                reconnect_delay=0,
                trace_packet=self._packet,
                trace_connect=self._connection,
            )
        return AsyncModbusTcpClient(
            address.host,
            port=address.port,
            framer=FramerType.RTU if options.rtu else FramerType.SOCKET,
            timeout=options.timeout / SECOND,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._packet,
            trace_connect=self._connection,
        )

    @classmethod
    async def open(cls, options: ModbusLinkOptions) -> Self:
        """A new connection; SessionError when there is none within the connect timeout."""
        # its lines would repeat our errors at every retry, with dumps of frames
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
        connection = cls(options)
        try:
            async with asyncio.timeout(options.connect_timeout / SECOND):
                await connection._create()
            connection._opened()
            await rest(options.connect_delay)
        except TimeoutError:
            connection.close()
            raise SessionError(ErrorKind.CONNECT, f"no connection to {options.endpoint} in time") from None
        except (OSError, UnicodeError, ValueError) as error:
            # a name that is none is a UnicodeError of getaddrinfo; a port that takes no such speed is a ValueError
            connection.close()
            raise SessionError(ErrorKind.CONNECT, f"no connection to {options.endpoint}: {error}") from None
        except BaseException:
            connection.close()
            raise
        return connection

    async def _create(self) -> None:
        # not client.connect(): that returns False and keeps the reason to itself
        wire, address = self._client.ctx, self._options.modbus
        if isinstance(address, SerialAddress):
            self._create_serial(address)
        elif address.scheme == "tls":
            await wire.loop.create_connection(
                wire.handle_new_connection, address.host, address.port, ssl=context(self._options)
            )
        else:
            await wire.call_create()

    def _create_serial(self, address: SerialAddress) -> None:
        """As pymodbus does it, but at once: what it leaves to the loop's next turn could not be closed until then."""
        wire, line = self._client.ctx, address.line
        try:
            made = SerialTransport(wire.loop, wire, address.path, line.baud, 8, line.parity, line.stop, 0)
        except OSError as error:  # pyserial's are; its words name the path and the error's number twice
            raise OSError(os.strerror(error.errno) if error.errno else error) from None
        except termios.error as error:  # no terminal, or no such speed
            raise OSError(f"this port does not take {line}: {error.args[-1]}") from None
        wire.loop.add_reader(made.sync_serial.fileno(), made.intern_read_ready)
        wire.connection_made(made)

    def _opened(self) -> None:
        """The wire is there, and nothing was asked over it yet."""
        if isinstance(self._options.modbus, NetAddress):
            self._watch()

    def _watch(self) -> None:
        """Let the kernel end a half-open connection: its silence is not that of a unit, and it would last for hours."""
        wire = self._client.ctx.transport.get_extra_info("socket")
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
        """The address in use."""
        return self._options.endpoint

    @property
    def broken(self) -> SessionError | None:
        """Why no further question can be asked."""
        return self._broken

    def owes(self, owed: Owed) -> None:
        """What the endpoint owes from earlier connections; before the first question."""
        self._owed = owed

    def owed_ns(self, question: Question) -> int:
        """For how long the answer to an older question could still be taken for this one's."""
        now_ns = host_mono_ns()
        return self._owed.until(question, now_ns) - now_ns

    def close(self) -> None:
        """Close at once; a question in flight fails with SessionError."""
        self._fail(SessionError(ErrorKind.CONNECT, "the link was closed"))
        self._client.close()

    async def _ask(self, question: Question) -> Reply:
        """The answer as pymodbus has it; Unanswered after the timeout, SessionError when the wire broke meanwhile."""
        request = _REQUESTS[question.function](address=question.address, count=question.count, dev_id=question.unit)
        timeout_ns = self._options.answer_ns(question.size, question.timeout_ns)
        self._client.ctx.comm_params.timeout_connect = timeout_ns / SECOND
        self._asked = question
        try:
            return Reply(await self._client.execute(False, request))
        except ModbusException as error:
            raise Unanswered(error.string) from None
        finally:
            self._asked = None

    def _bad(self, sentence: str) -> SessionError:
        error = SessionError(ErrorKind.BAD_REPLY, sentence)
        self._fail(error)
        return error

    def _fail(self, error: SessionError) -> None:
        """The connection is over: nothing is asked any more, and who waits hears it at once."""
        if self._broken is None:
            self._broken = error
        self._give_up(self._broken)

    def _give_up(self, error: Exception) -> None:
        """Whoever waits for an answer gets this error instead."""
        waiting = self._client.ctx.response_future
        if self._asked is not None and not waiting.done():
            waiting.set_exception(error)

    def _connection(self, connected: bool) -> None:
        if not connected:
            self._fail(SessionError(ErrorKind.CONNECT, f"{self._options.endpoint} closed the connection"))

    def _packet(self, sending: bool, buffer: bytes) -> bytes:
        """What pymodbus is to send, or to see of what arrived."""
        raise NotImplementedError
