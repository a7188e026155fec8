"""uvicorn's h11 protocol with the deadlines that it lacks: for receiving a request, and for taking an answer."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import Counter
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from gateway.api.limits import Networks, networks
from gateway.api.options import ApiOptions
from gateway.api.problems import CODES, MEDIA_TYPE, Problem

LINGER_SECONDS = 2.0
LARGEST_HEAD = 16_384
MOST_HEADERS = 100
MOST_UNSENT = 64 * 1024  # of an answer without end, here and again in the system
SILENT_SECONDS = 30.0


class Parser(h11.Connection):
    """h11 with a limit on heads that arrive in one piece, too; remembers the status that a broken request deserves."""

    refusal = 400

    def next_event(self) -> Any:
        try:
            event = super().next_event()
            if isinstance(event, h11.Request):
                _check_head(event)
        except h11.RemoteProtocolError as error:
            self.refusal = error.error_status_hint
            raise
        return event


class GuardedProtocol(H11Protocol):
    """A connection that must finish sending its request, and taking the answer, within `request_seconds`.

    `options` and `open_connections` (by peer address) are set on a subclass by `guarded`.
    """

    options: ApiOptions
    open_connections: Counter[str]
    proxies: Networks

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, "connection": self}, _loop)
        self.conn = Parser(h11.SERVER, LARGEST_HEAD)
        self._receiving: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None
        self._peer: str | None = None
        self._endless = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        peer = self.client[0] if self.client else ""
        self.open_connections[peer] += 1
        self._peer = peer
        if self.open_connections[peer] > self.options.connections_per_address and not self._trusted(peer):
            self._refuse(Problem(503, "too many connections from this address"))
        elif self.open_connections.total() > self.options.connections:
            self._refuse(Problem(503, "too many connections"))
        else:
            self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._peer is not None:
            self.open_connections[self._peer] -= 1
            if self.open_connections[self._peer] <= 0:
                del self.open_connections[self._peer]
            self._peer = None
        self._disarm_receipt()
        self._disarm_taking()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The house closes: whoever has not even finished asking is not waited for."""
        if self.conn.their_state is h11.SEND_BODY:
            self.transport.abort()
        else:
            super().shutdown()

    def handle_events(self) -> None:
        if self.transport.is_closing():
            return
        super().handle_events()
        self._watch_receipt()

    def endless(self) -> None:
        """The present answer has no end: its writer watches that it is taken, and little may wait in between.

        A moment in which something waits is no reproach to a caller who takes all the time; but whoever has vanished
        without a word, or takes nothing at all, is let go of by the system.
        """
        self._endless = True
        self._disarm_taking()
        self.transport.set_write_buffer_limits(high=MOST_UNSENT)
        connected = self.transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST_UNSENT)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SILENT_SECONDS * 1000))

    def cut(self) -> None:
        """Let go of a caller who takes nothing."""
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.abort()

    def on_response_complete(self) -> None:
        self._endless = False
        super().on_response_complete()
        self._watch_receipt()
        if self.transport.is_closing():
            self._linger()
        else:
            self._watch_taking()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_taking()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._disarm_taking()
            self._watch_taking()

    def send_400_response(self, msg: str) -> None:
        status = getattr(self.conn, "refusal", 400)
        self._refuse(Problem(status if status in CODES else 400, "the request is not proper HTTP"))

    def _expect_request(self) -> None:
        if self._receiving is None:
            self._receiving = self.loop.call_later(self.options.request_seconds, self._too_slow)

    def _watch_receipt(self) -> None:
        """The deadline runs from the first byte of a request to its last, and while a fresh connection is silent."""
        arriving = self.conn.their_state in (h11.IDLE, h11.SEND_BODY)
        between_requests = self.timeout_keep_alive_task is not None  # uvicorn's own timer runs
        if arriving and not between_requests and not self.transport.is_closing():
            self._expect_request()
        else:
            self._disarm_receipt()

    def _watch_taking(self) -> None:
        """While an answer waits for its caller, in whole or in part, the caller has `request_seconds` to go on."""
        if self._taking is None and not self._endless and self.transport.get_write_buffer_size() > 0:
            self._taking = self.loop.call_later(self.options.request_seconds, self._not_taken)

    def _not_taken(self) -> None:
        self._taking = None
        if self.transport.get_write_buffer_size() > 0:
            self.transport.abort()

    def _too_slow(self) -> None:
        self._receiving = None
        if not self.transport.is_closing():
            self._refuse(Problem(408, "the request did not arrive in time"))

    def _refuse(self, problem: Problem) -> None:
        """Answer if that is still possible, and close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = problem.body()
            headers = [
                (b"content-type", MEDIA_TYPE.encode()),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ]
            response = h11.Response(status_code=problem.status, headers=headers)
            for event in (response, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
            if self.cycle is not None and not self.cycle.response_complete:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
        self.transport.close()
        self._linger()

    def _linger(self) -> None:
        """A closed transport waits for its peer to take the rest; not for ever."""
        self._disarm_taking()
        self._taking = self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def _disarm_receipt(self) -> None:
        if self._receiving is not None:
            self._receiving.cancel()
            self._receiving = None

    def _disarm_taking(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _trusted(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self.proxies)


def guarded(options: ApiOptions) -> type[GuardedProtocol]:
    """The protocol class for one server."""
    return type(
        "Guarded",
        (GuardedProtocol,),
        {"options": options, "open_connections": Counter(), "proxies": networks(options.trusted_proxies)},
    )


def _check_head(request: h11.Request) -> None:
    size = len(request.target) + sum(len(name) + len(value) for name, value in request.headers)
    names = [name for name, _ in request.headers]
    if b"transfer-encoding" in names and b"content-length" in names:
        raise h11.RemoteProtocolError("two lengths")  # RFC 9112 §6.1: what smuggling looks like
    if size > LARGEST_HEAD or len(request.headers) > MOST_HEADERS:
        raise h11.RemoteProtocolError("the head is too large", error_status_hint=431)
