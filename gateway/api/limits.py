"""What every request must pass before a route sees it: host, size, time; and what every answer carries."""

from __future__ import annotations

import ipaddress
import math
from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.options import ApiOptions
from gateway.api.problems import Problem, failure

HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
ENDLESS = "text/event-stream"
HSTS = "max-age=31536000"
SECRET_NAMES = frozenset({"token", "access_token", "api_key", "apikey", "key", "auth", "authorization", "bearer"})

Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


class Limits:
    """The outermost layer: nothing that goes wrong inside leaves without the one shape of error."""

    def __init__(self, app: ASGIApp, options: ApiOptions, answers: Counter[int]) -> None:
        self._app = app
        self._answers = answers
        self._options = options
        self._hosts = frozenset(options.hosts) | {"localhost"}
        self._proxies = networks(options.trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(scope, receive, self._options.max_body_bytes)
        answer = _Answer(send, body, self._options.tls, self._answers)
        with anyio.move_on_after(self._options.request_seconds) as deadline:
            answer.deadline = deadline
            await self._run(scope, body, answer)
        if deadline.cancelled_caught:
            if answer.started:
                raise ConnectionAbortedError("the answer was not taken in time")  # the server closes the connection
            await answer.problem(Problem(503, "the gateway could not answer in time"), scope, receive)

    async def _run(self, scope: Scope, body: _Body, answer: _Answer) -> None:
        try:
            self._admit(scope, Headers(scope=scope))
            body.check_declared()
            await self._app(scope, body.receive, answer.send)
        except Problem as problem:
            await answer.problem(problem, scope, body.receive)
        except Exception as error:
            if answer.started:
                raise
            await answer.problem(failure(error), scope, body.receive)

    def _admit(self, scope: Scope, headers: Headers) -> None:
        if not scope["path"].startswith("/"):
            raise Problem(400, "the request target must be a path")
        if "\x00" in scope["path"]:
            raise Problem(400, "the path must not hold NUL")
        check_host(headers.getlist("host"), self._hosts)
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        names = [name.lower() for name, _ in query]
        if not SECRET_NAMES.isdisjoint(names):
            raise Problem(400, "a token belongs into the Authorization header, never into the address")
        if len(set(names)) < len(names):
            raise Problem(422, "a name stands twice in the query; one of its values would be lost")
        scope["client"] = client(scope.get("client"), headers.getlist("x-forwarded-for"), self._proxies)


def networks(written: Iterable[str]) -> Networks:
    return tuple(ipaddress.ip_network(network) for network in written)


def check_host(hosts: list[str], names: frozenset[str]) -> None:
    """A page of a foreign name may resolve to us (DNS rebinding), but it cannot carry an address as its name."""
    if len(hosts) != 1:
        raise Problem(400, "exactly one Host is expected")
    host = hosts[0].lower()
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if host.rstrip(".") in names:
        return
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise Problem(421, "this host name is not served here; list it under api.hosts") from None


def client(peer: Any, forwarded: list[str], proxies: Networks) -> Any:
    """Who really calls: the last hop that is not a trusted proxy. Without a trusted peer the header is ignored."""
    if peer is None or not _within(peer[0], proxies):
        return peer
    hops = [hop.strip() for line in forwarded for hop in line.split(",")]
    for hop in reversed(hops):
        if not _within(hop, proxies):
            return (hop, 0) if _is_address(hop) else peer
    return peer


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _within(text: str, proxies: Networks) -> bool:
    return _is_address(text) and any(ipaddress.ip_address(text) in network for network in proxies)


class _Body:
    """Counts what arrives, whatever Content-Length says."""

    def __init__(self, scope: Scope, receive: Receive, largest: int) -> None:
        headers = Headers(scope=scope)
        self._receive = receive
        self._largest = largest
        self._declared = headers.get("content-length", "0")
        self._size = 0
        self.pending = self._declared != "0" or "transfer-encoding" in headers

    def check_declared(self) -> None:
        if not self._declared.isdigit() or len(self._declared) > 18:
            raise Problem(400, "Content-Length is not a number")
        if int(self._declared) > self._largest:
            raise self._too_large()

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            self.pending = message.get("more_body", False)
            if self._size > self._largest:
                self.pending = True
                raise self._too_large()
        return message

    def _too_large(self) -> Problem:
        return Problem(413, f"the body may have at most {self._largest} bytes")


class _Answer:
    """Adds the security headers, counts by status, and closes a connection whose request was not read to its end.

    An answer that is a stream of events has no end, and so no deadline for it: whoever writes it watches the taking.
    """

    def __init__(self, send: Send, body: _Body, tls: bool, answers: Counter[int]) -> None:
        self._send = send
        self._answers = answers
        self._body = body
        self._tls = tls
        self.started = False
        self.deadline: anyio.CancelScope | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self._answers[message["status"]] += 1
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if self._tls:
                headers.setdefault("strict-transport-security", HSTS)
            if self._body.pending:
                headers["connection"] = "close"
            if self.deadline is not None and headers.get("content-type", "").startswith(ENDLESS):
                self.deadline.deadline = math.inf
        await self._send(message)

    async def problem(self, problem: Problem, scope: Scope, receive: Receive) -> None:
        if self.started:
            raise problem
        await problem.response()(scope, receive, self.send)
