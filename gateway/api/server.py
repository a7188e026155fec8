"""serve(): uvicorn inside the app's own loop and TaskGroup, without signals, behind our protocol and a careful bind."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Callable, Iterator
from typing import cast

import uvicorn
from fastapi import FastAPI

from gateway.api.house import House
from gateway.api.options import ApiOptions
from gateway.api.protocol import LARGEST_HEAD, guarded
from gateway.api.reading import Reading
from gateway.api.streams import Streams

KEEP_ALIVE_SECONDS = 5
GRACE_SECONDS = 2
BACKLOG = 64


class BindRefused(Exception):  # noqa: N818 - a decision, told in one sentence
    """The door may not be opened like this."""


async def serve(  # noqa: PLR0917 - each is a different kind of thing
    app: FastAPI,
    host: str,
    port: int,
    options: ApiOptions,
    ready: Callable[[str], None],
    stop: asyncio.Event,
) -> None:
    """Serve until `stop` is set, then let running requests finish (2 s). `ready` gets the address, the real port in it.

    Raises BindRefused, or OSError when the port is taken or the address is not this machine's.
    """
    listener = await _listen(host, port)
    with contextlib.closing(listener):
        address = ipaddress.ip_address(listener.getsockname()[0])
        refusal = await _refusal(app, address, options)
        if refusal is not None:
            raise BindRefused(refusal)
        listener.listen(BACKLOG)
        where = url(address, listener.getsockname()[1], options.tls)
        streams = cast(Streams, app.state.streams)
        server = _Server(_config(app, options), options, lambda: ready(where), stop, streams)
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(streams.run())
            try:
                await server.serve([listener])
            finally:
                streams.close()
                server.drop()
                telling.cancel()


def url(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, tls: bool) -> str:
    """Where a person reaches it: an unspecified address is answered on the loopback."""
    if address.is_unspecified:
        address = ipaddress.ip_address("::1" if address.version == 6 else "127.0.0.1")
    shown = f"[{address}]" if address.version == 6 else str(address)
    return f"{'https' if tls else 'http'}://{shown}:{port}"


def bind_refusal(beyond_loopback: bool, has_users: bool, options: ApiOptions) -> str | None:
    """Why the door may not be opened (docs/design.md D19); None when it may."""
    if not beyond_loopback or options.insecure:
        return None
    missing = [
        what
        for there, what in ((options.tls, "TLS (api.tls_certificate, api.tls_key)"), (has_users, "a token or user"))
        if not there
    ]
    if not missing:
        return None
    return f"will not listen beyond the loopback without {' and '.join(missing)}; `insecure: true` would allow it"


async def _refusal(
    app: FastAPI, address: ipaddress.IPv4Address | ipaddress.IPv6Address, options: ApiOptions
) -> str | None:
    house = cast(House, app.state.house)
    reading = cast(Reading, app.state.reading)
    has_users = await reading.run(house.has_users)
    return bind_refusal(not address.is_loopback, has_users, options)


async def _listen(host: str, port: int) -> socket.socket:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        listener.bind(address)
    except BaseException:
        listener.close()
        raise
    return listener


def _config(app: FastAPI, options: ApiOptions) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        loop="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",  # whatever strangers send is their mistake, not an event of ours
        access_log=False,  # the journal knows who did what; an access log would only wear the card
        server_header=False,
        proxy_headers=False,
        forwarded_allow_ips="",
        h11_max_incomplete_event_size=LARGEST_HEAD,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=options.tls_certificate,
        ssl_keyfile=options.tls_key,
    )


class _Server(uvicorn.Server):
    """Stops when told by an Event, and leaves the process's signals to the app."""

    def __init__(
        self,
        config: uvicorn.Config,
        options: ApiOptions,
        ready: Callable[[], None],
        stop: asyncio.Event,
        streams: Streams,
    ) -> None:
        super().__init__(config)
        self._protocol = guarded(options)
        self._handshake_seconds = options.request_seconds
        self._ready = ready
        self._stop = stop
        self._streams = streams

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, but a TLS handshake has the same deadline as a request (asyncio's own is a minute)."""
        config, loop = self.config, asyncio.get_running_loop()

        def protocol() -> asyncio.Protocol:
            return self._protocol(config, self.server_state, {})

        deadline = self._handshake_seconds if config.ssl else None
        self.servers = [
            await loop.create_server(
                protocol, sock=listener, ssl=config.ssl, ssl_handshake_timeout=deadline, backlog=BACKLOG
            )
            for listener in sockets or []
        ]
        self.started = True

    async def main_loop(self) -> None:
        await self.on_tick(0)
        self._ready()
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._stop.wait()
            await self.on_tick(0)  # the Date header
        self._streams.close()  # answers without end would be waited for

    def drop(self) -> None:
        """Whatever is still open after a cancellation."""
        for listener in getattr(self, "servers", []):
            listener.close()
        for connection in list(self.server_state.connections):
            if (transport := getattr(connection, "transport", None)) is not None:
                transport.abort()
