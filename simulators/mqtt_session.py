"""One MQTT 5 connection of a simulated client: paho on the running loop, one publication at a time, QoS 1."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from simulators.mqtt_device import Message

KEEPALIVE = 30
"""Host seconds: the broker's own clock measures it."""
PATIENCE = 10.0
"""Host seconds that the broker may take for an answer."""


class SessionLost(ConnectionError):  # noqa: N818  # a state of the wire, not a mistake
    """The broker refused the connection, or it is gone."""


class Session:
    """`async with` connects. Leaving cuts the wire without a word, so that the broker speaks the will."""

    def __init__(
        self, host: str, port: int, identifier: str, will: Message | None, on_lost: Callable[[], None]
    ) -> None:
        self._address = (host, port)
        self._on_lost = on_lost
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=identifier, protocol=mqtt.MQTTv5)
        if will is not None:
            self._client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        self._answer: asyncio.Future[None] | None = None
        self._tick: asyncio.TimerHandle | None = None
        self.lost = False

    async def __aenter__(self) -> Self:
        self._loop = loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        client = self._client
        client.on_connect = self._connected
        client.on_publish = self._published
        client.on_disconnect = self._gone
        # paho calls these from the thread that connects, too
        client.on_socket_open = lambda c, u, sock: self._soon(loop.add_reader, sock, client.loop_read)
        client.on_socket_close = lambda c, u, sock: self._soon(self._forget, sock)
        client.on_socket_register_write = lambda c, u, sock: self._soon(loop.add_writer, sock, client.loop_write)
        client.on_socket_unregister_write = lambda c, u, sock: self._soon(loop.remove_writer, sock)
        answer = self._answer = loop.create_future()
        try:
            connecting = loop.run_in_executor(None, client.connect, *self._address, KEEPALIVE)
            try:
                await asyncio.shield(connecting)
            except asyncio.CancelledError:
                await asyncio.wait([connecting])  # its socket must not come to life behind us
                connecting.exception()  # seen: nobody wants this connection any more
                raise
            self._keep_alive()
            await self._answered(answer)
        except BaseException:
            self._cut()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cut()

    async def publish(self, message: Message) -> None:
        """Hand over one message; returns when the broker has acknowledged it."""
        if self.lost:
            raise SessionLost("the connection is gone")
        answer = self._answer = self._loop.create_future()
        self._client.publish(message.topic, message.payload, qos=1, retain=message.retain)
        await self._answered(answer)

    async def _answered(self, answer: asyncio.Future[None]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await answer
        except TimeoutError:
            raise SessionLost("the broker does not answer") from None
        finally:
            self._answer = None

    def _settle(self, error: str | None = None) -> None:
        if self._answer is not None and not self._answer.done():
            if error is None:
                self._answer.set_result(None)
            else:
                self._answer.set_exception(SessionLost(error))

    def _connected(self, client: mqtt.Client, user: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._settle(f"refused: {reason}" if reason.is_failure else None)

    def _published(self, client: mqtt.Client, user: Any, mid: int, reason: Any, properties: Any) -> None:
        self._settle()

    def _gone(self, client: mqtt.Client, user: Any, flags: Any, reason: Any, properties: Any) -> None:
        self.lost = True
        self._settle(f"gone: {reason}")
        self._on_lost()

    def _keep_alive(self) -> None:
        if self._client.loop_misc() == MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._tick = self._loop.call_later(1.0, self._keep_alive)

    def _soon(self, call: Callable[..., object], *given: object) -> None:
        """Now, or from the loop when paho's connecting thread asks."""
        if threading.get_ident() == self._thread:
            call(*given)
        else:
            self._loop.call_soon_threadsafe(call, *given)

    def _forget(self, sock: Any) -> None:
        self._loop.remove_reader(sock)
        self._loop.remove_writer(sock)

    def _cut(self) -> None:
        """Close the socket without DISCONNECT: what a power cut looks like from the broker."""
        self._answer = None
        if self._tick is not None:
            self._tick.cancel()
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):  # the peer was faster
                sock.shutdown(socket.SHUT_RDWR)
        while self._client.socket() is not None:  # what has arrived is read, then the end of the stream, which closes
            self._client.loop_read()
