"""The channel `webhook`: a signed HTTPS POST to an address that was resolved once, checked and pinned."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from functools import partial
from ipaddress import ip_address

import httpx

from alerts.notify.address import IP, AddressRefused, Target, parse_target
from alerts.notify.body import notice_body
from alerts.notify.channel import Delivered, Outcome, Refused, Retry, idempotency_key
from alerts.notify.options import WebhookOptions
from gateway.clock import host_wall_ns
from gateway.model import SECOND, Notice

LONGEST_RETRY_AFTER_NS = 600 * SECOND
TRANSIENT = frozenset({408, 425, 429})

Resolve = Callable[[str, int], Awaitable[list[IP]]]


_resolvers = ThreadPoolExecutor(2, "resolve")  # not the loop's own: a dead DNS must not hold up anybody else


async def resolve(host: str, port: int) -> list[IP]:
    """Every address that `host` has now, by the system's resolver, off the event loop."""
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_resolvers, ask)
    return list(dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`sha256=` and the HMAC of `timestamp.body`: an old body cannot be sent again under a new time."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class WebhookChannel:
    """POSTs each notice. 2xx is delivered; timeouts, 5xx, 408, 425 and 429 are tried again; all else is refused."""

    def __init__(self, options: WebhookOptions, site: str, *, resolver: Resolve = resolve) -> None:
        self.name = options.name
        self._options = options
        self._site = site
        self._target = parse_target(options.url)
        self._allowed = options.allowed
        self._resolve = resolver
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def send(self, notice: Notice, key: str) -> Outcome:
        body = json.dumps(notice_body(notice, self._site) | {"key": key}, separators=(",", ":")).encode()
        seconds = self._options.timeout / SECOND
        try:
            async with asyncio.timeout(seconds / 2):
                address = await self._pin()
            client = await self._open()
            # httpx's own timeouts end what hangs; this one is for a reply that drips
            async with asyncio.timeout(3 * seconds):
                return await self._post(client, address, body, self._idempotency_key(notice))
        except AddressRefused as problem:
            return Refused(str(problem))
        except (TimeoutError, httpx.TimeoutException):
            return Retry(f"no answer within {seconds:g} s")
        except (httpx.HTTPError, OSError) as problem:
            return Retry(f"{type(problem).__name__}: {problem}")

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _idempotency_key(self, notice: Notice) -> str:
        return idempotency_key(self._site, notice, self.name, self._options.url)

    async def _pin(self) -> IP:
        """The address to connect to. All that DNS answers must be allowed: a mixed answer is an attack."""
        target = self._target
        addresses = [target.address] if target.address is not None else await self._resolve(target.host, target.port)
        if not addresses:
            raise OSError(f"{target.host} has no address")
        for address in addresses:
            self._allowed.check(target, address)
        return addresses[0]

    async def _post(self, client: httpx.AsyncClient, address: IP, body: bytes, key: str) -> Outcome:
        timestamp = str(host_wall_ns() // SECOND)
        headers = {
            "Host": self._target.authority,
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            "X-AnLou-Timestamp": timestamp,
            "X-AnLou-Signature": signature(self._options.secret.get_secret_value(), timestamp, body),
        }
        request = client.build_request(
            "POST",
            pinned_url(self._target, address),
            content=body,
            headers=headers,
            # the certificate must be the name's although the connection goes to the address
            extensions={"sni_hostname": self._target.host},
        )
        reply = await client.send(request, stream=True)
        try:  # the status says it all; a body, however long, is not read
            return judge_reply(reply.status_code, reply.headers.get("Retry-After"))
        finally:
            await reply.aclose()

    async def _open(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._client is None:
                # reading the machine's certificates takes long enough to be noticed by the loop
                self._client = await asyncio.to_thread(_client, self._options.timeout / SECOND)
            return self._client


def _client(seconds: float) -> httpx.AsyncClient:
    """No proxies or .netrc from the environment, no redirects.

    Connecting (TCP, then TLS) must time out by httpx's own clock: cancelled from outside it leaks the socket.
    """
    timeout = httpx.Timeout(seconds, connect=0.45 * seconds)
    return httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=timeout)


def pinned_url(target: Target, address: IP) -> str:
    host = f"[{address}]" if address.version == 6 else str(address)
    return f"{target.scheme}://{host}:{target.port}{target.path}"


def judge_reply(status: int, retry_after: str | None) -> Outcome:
    """What an HTTP status means for the notice. A redirect is never followed: it is a wrong URL in the site file."""
    if 200 <= status < 300:
        return Delivered()
    if status >= 500 or status in TRANSIENT:
        return Retry(f"HTTP {status}", _retry_after_ns(retry_after))
    return Refused(f"HTTP {status}")


def _retry_after_ns(text: str | None) -> int | None:
    """Seconds or an HTTP date, at most ten minutes; nonsense counts as nothing."""
    if text is None:
        return None
    try:
        wait = int(text) * SECOND if text.isascii() and text.isdigit() else _until(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, 0), LONGEST_RETRY_AFTER_NS)


def _until(date: str) -> int:
    return int(parsedate_to_datetime(date).timestamp()) * SECOND - host_wall_ns()
