"""One MQTT 5 connection to a broker that keeps our session: messages come in, and are acknowledged when we say so.

The only module that knows aiomqtt and paho, and what it uses of their inside is pinned by tests/mqtt: aiomqtt has no
way to acknowledge by hand, a client that is used again says connected while the broker refuses it (so each connection
has a new one), and its bounded queue drops what has been acknowledged. So messages are taken from paho directly, which
costs half of aiomqtt's queue. QoS 2 is never asked for: paho answers PUBREC before we have seen the payload (E2).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from drivers.base import SessionError
from drivers.mqtt.buffered import Buffered
from drivers.mqtt.options import MqttLinkOptions
from drivers.mqtt.packet import Arrived
from drivers.mqtt.tls import context
from gateway.model import SECOND, ErrorKind

# host seconds for the broker to accept a connection or a subscription
PATIENCE = 5.0
# a PUBLISH's topic, packet number and properties beside its payload
ROOM = 4464
TAKEN_OVER = 0x8E
_FILTERS_AT_ONCE = 100
_DOORSTEP = 0.25
_PUBACK = 0x40
# messages that come faster than this (host seconds) are read together: one wake-up, one commit, one packet of
# acknowledgements for all of them
TOGETHER = 0.004
ENOUGH = 16

_silent = logging.getLogger("anlou.mqtt.wire")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


class TakenOver(SessionError):  # noqa: N818 - the other one is well
    """Another client has connected with our name."""


class HungUp(SessionError):  # noqa: N818 - as above
    """The broker has closed the connection without a word; Mosquitto 2.0.11 does so when somebody has our name."""


class Session:
    """An open connection. Made by `open`; messages go to `receive` from `begin` on; ended by `close`.

    `lost` is done when the connection is over, with the SessionError that says why.
    """

    def __init__(self, options: MqttLinkOptions, client_id: str, tls: ssl.SSLContext | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._address = options.mqtt
        self.present = False
        self.lost: asyncio.Future[SessionError] = self._loop.create_future()
        self._receive: Callable[[Arrived], None] | None = None
        self._early: list[Arrived] = []
        self._closed = False
        self._thread = threading.get_ident()
        self._will_write = False
        self._later: asyncio.TimerHandle | None = None
        self._ping: asyncio.TimerHandle | None = None
        self._count = 0
        self._paused = False
        self._buffer: Buffered | None = None
        self._client = aiomqtt.Client(
            options.mqtt.host,
            options.mqtt.port,
            username=options.username,
            password=options.password,
            identifier=client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=False,
            keepalive=max(1, options.keepalive // SECOND),
            timeout=PATIENCE,
            properties=_properties(options),
            logger=_silent,
            tls_context=tls,
        )
        paho = self._paho = self._client._client
        paho.disable_logger()  # it builds the words of each packet even when nobody listens
        paho.connect_timeout = PATIENCE
        paho.manual_ack_set(True)
        paho.on_message = self._arrived
        self._connected, paho.on_connect = paho.on_connect, self._answered
        self._disconnected, paho.on_disconnect = paho.on_disconnect, self._ended
        paho.on_socket_open = self._opens
        paho.on_socket_close = self._closes
        paho.on_socket_register_write = self._wants_to_write

    @classmethod
    async def open(cls, options: MqttLinkOptions, client_id: str) -> Session:
        """Connect; SessionError when the broker cannot be reached, is not the one we trust, or refuses us."""
        try:
            tls = await asyncio.to_thread(context, options) if options.mqtt.tls else None
        except OSError as error:
            raise SessionError(ErrorKind.CONNECT, f"certificates: {error}") from None
        session = cls(options, client_id, tls)
        try:
            await session._client.__aenter__()
        except MqttConnectError as error:
            await session.close()
            raise SessionError(ErrorKind.EXCEPTION, f"the broker refuses us: {error.rc}") from None
        except aiomqtt.MqttError as error:
            why = f"no answer from {options.endpoint} within {PATIENCE:g} s" if "timed out" in str(error) else error
            kind = ErrorKind.TIMEOUT if "timed out" in str(error) else ErrorKind.CONNECT
            await session.close()
            raise SessionError(kind, str(why)) from None
        except (OSError, ValueError) as error:  # a certificate file that is none, a name that cannot be resolved
            await session.close()
            raise SessionError(ErrorKind.CONNECT, f"{type(error).__name__}: {error}") from None
        except BaseException:
            await session.close()
            raise
        return session

    def begin(self, receive: Callable[[Arrived], None]) -> None:
        """From now on each message goes to `receive`, first those that came with the session. It must not raise."""
        self._receive = receive
        early, self._early = self._early, []
        for message in early:
            receive(message)

    async def subscribe(self, filters: Sequence[str]) -> dict[str, str]:
        """Ask for messages with QoS 1; the refused filters with the broker's reason. SessionError when it is over."""
        refused: dict[str, str] = {}
        for start in range(0, len(filters), _FILTERS_AT_ONCE):
            asked = filters[start : start + _FILTERS_AT_ONCE]
            try:
                answers = await self._client.subscribe([(one, 1) for one in asked])
            except aiomqtt.MqttError as error:
                raise SessionError(ErrorKind.TIMEOUT, f"the broker does not answer a SUBSCRIBE: {error}") from None
            for one, answer in zip(asked, answers, strict=True):
                code = answer.value if isinstance(answer, ReasonCode) else answer
                if code != 1:
                    refused[one] = str(answer)
        return refused

    def acknowledge(self, mids: Iterable[int]) -> None:
        """PUBACK for these, in this order, in one packet queue entry: paho would send each with a call of its own."""
        packets = b"".join([_puback(_PUBACK, 2, mid) for mid in mids])
        if packets and not self.lost.done():
            self._paho._packet_queue(_PUBACK, packets, 0, 1)

    def pause(self, pausing: bool) -> None:
        """Read no more, or again: what comes waits there; Receive Maximum alone does not hold it back (E6)."""
        self._paused = pausing
        sock = self._paho._sock
        if sock is None or sock.fileno() < 0:
            return
        if pausing:
            self._loop.remove_reader(sock.fileno())
        elif self._later is None:
            self._later = self._loop.call_later(0, self._gathered, sock)  # some may be here already

    def unsubscribe(self, filters: Sequence[str]) -> None:
        """Stop what an earlier configuration may have left in our session; nobody waits for the answer."""
        if not self.lost.done():
            self._paho.unsubscribe(list(filters))

    async def close(self) -> None:
        """End the connection; the broker keeps the session, and what was not acknowledged."""
        self._closed = True
        if not self.lost.done():
            self.lost.set_result(SessionError(ErrorKind.CONNECT, "closed by us"))
            with suppress(OSError, ValueError):
                self._paho.disconnect()
        self._shut()
        if self._client._disconnected.done():
            self._client._disconnected.exception()  # seen: `lost` says it

    async def thrown_out(self) -> bool:
        """The connection is over, not for an error of the wire, and the broker is there as before: it wants us gone.

        A broker that stops hangs up in the same way; its door is closed, or closes while we wait in it.
        """
        error = self.lost.result() if self.lost.done() else None
        if not isinstance(error, HungUp):
            return isinstance(error, TakenOver)
        try:
            async with asyncio.timeout(_DOORSTEP):
                reader, writer = await asyncio.open_connection(self._address.host, self._address.port)
                try:
                    await reader.read(1)
                finally:
                    writer.transport.abort()
                    await asyncio.sleep(0)
        except TimeoutError:
            return True
        except OSError:
            return False
        return False

    # paho's callbacks; those of the socket may come from the thread that connects, and then go on in the loop

    def _opens(self, client: Any, userdata: Any, sock: Any) -> None:
        self._loop.call_soon_threadsafe(self._opened, sock)

    def _opened(self, sock: Any) -> None:
        if self._closed or sock.fileno() < 0:
            self._shut()
            return
        self._buffer = self._paho._sock = Buffered(sock)
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._listen(sock)
        self._look()

    def _listen(self, sock: Any) -> None:
        if not (self._closed or self._paused) and sock.fileno() >= 0:
            self._loop.add_reader(sock.fileno(), self._readable)

    def _look(self) -> None:
        """Each second: is a ping due, or its answer?"""
        if self._paused:
            self._paho._ping_t = 0  # it is we who do not read the answer; the next ping is due all the same
        if not self._closed and self._paho.loop_misc() == MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._ping = self._loop.call_later(1, self._look)

    def _closes(self, client: Any, userdata: Any, sock: Any) -> None:
        if sock.fileno() >= 0 and threading.get_ident() == self._thread:
            self._loop.remove_reader(sock.fileno())
            self._loop.remove_writer(sock.fileno())

    def _wants_to_write(self, client: Any, userdata: Any, sock: Any) -> None:
        if threading.get_ident() != self._thread:
            self._loop.call_soon_threadsafe(self._writing, sock)
        elif not self._will_write:
            self._will_write = True  # once for all that is said in this turn of the loop
            self._loop.call_soon(self._writing, sock)

    def _writing(self, sock: Any) -> None:
        self._will_write = False
        if not self._closed and sock.fileno() >= 0:
            self._write()
            if self._paho.want_write() and sock.fileno() >= 0:
                self._loop.add_writer(sock.fileno(), self._write)

    def _write(self) -> None:
        try:
            self._paho.loop_write()
        except Exception as error:  # noqa: BLE001 - whatever it is, the connection is broken
            self._lose(SessionError(ErrorKind.CONNECT, f"{type(error).__name__}: {error}"))

    def _readable(self) -> None:
        """Everything that is here. While messages come fast, what follows is let gather for a moment first."""
        buffer, paho, sock = self._buffer, self._paho, self._paho._sock
        if buffer is None:
            return
        before = self._count
        try:
            buffer.fill()
            while not self._paused and paho._sock is not None:
                # between two packets we take messages ourselves; paho gets everything else, and what is not all here
                if paho._in_packet["command"] == 0 and (message := buffer.message()) is not None:
                    self._take(message)
                    if not buffer.pending():
                        break
                elif paho.loop_read() or not buffer.pending():
                    break
        except Exception as error:  # noqa: BLE001 - paho cannot make sense of what came
            self._lose(SessionError(ErrorKind.BAD_REPLY, f"not MQTT: {type(error).__name__}: {error}"))
        if self._closed or self._paused or sock is None or sock.fileno() < 0:
            return
        if 0 < self._count - before < ENOUGH:
            self._loop.remove_reader(sock.fileno())
            self._later = self._loop.call_later(TOGETHER, self._gathered, sock)

    def _gathered(self, sock: Any) -> None:
        self._later = None
        if self._closed or self._paused or sock.fileno() < 0:
            return
        self._readable()
        if self._later is None:
            self._listen(sock)

    def _arrived(self, client: object, userdata: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        self._take(Arrived(topic, bytes(message.payload), message.qos, message.retain, message.dup, message.mid))

    def _take(self, arrived: Arrived) -> None:
        self._count += 1
        if self._receive is None:
            self._early.append(arrived)
        else:
            self._receive(arrived)

    def _answered(self, client: Any, userdata: Any, flags: Any, code: Any, properties: Any = None) -> None:
        self.present = bool(flags.session_present)
        self._connected(client, userdata, flags, code, properties)  # type: ignore[misc, call-arg]

    def _ended(self, client: Any, userdata: Any, flags: Any, code: Any, properties: Any = None) -> None:
        self._disconnected(client, userdata, flags, code, properties)  # type: ignore[misc, call-arg]
        if code.value == TAKEN_OVER:
            self._lose(TakenOver(ErrorKind.EXCEPTION, "another client has connected with our client id"))
        elif flags.is_disconnect_packet_from_server:
            self._lose(SessionError(ErrorKind.EXCEPTION, f"the broker ended the connection: {code}"))
        elif str(code) == "Keep alive timeout":
            self._lose(SessionError(ErrorKind.TIMEOUT, "the broker does not answer pings"))
        else:
            self._lose(HungUp(ErrorKind.CONNECT, "the broker has hung up"))

    def _lose(self, error: SessionError) -> None:
        if not self.lost.done():
            self.lost.set_result(error)
        connected = self._client._connected
        if not connected.done():  # aiomqtt would wait for an answer that cannot come any more
            connected.set_exception(aiomqtt.MqttError(error.message))

    def _shut(self) -> None:
        """Close the socket, whatever state paho believes in."""
        for timer in (self._later, self._ping):
            if timer is not None:
                timer.cancel()
        self._paho._sock_close()


_puback = struct.Struct("!BBH").pack


def _properties(options: MqttLinkOptions) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = options.session_expiry // SECOND
    properties.ReceiveMaximum = options.window
    properties.MaximumPacketSize = options.max_payload + ROOM
    return properties
