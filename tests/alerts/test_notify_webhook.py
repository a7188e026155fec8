"""The webhook against a real server on the loopback, and against a resolver that lies."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from alerts.notify.channel import Delivered, Refused, Retry, idempotency_key
from alerts.notify.options import WebhookOptions
from alerts.notify.webhook import WebhookChannel, judge_reply
from gateway.model import SECOND, AlarmClass, AlarmState, Instant, Notice, Occurrence, Severity, Text

SECRET = "0123456789abcdef"


def notice(seq: int = 5, reason: str = "raise", severity: Severity = Severity.HIGH, number: int = 0) -> Notice:
    alarm = Occurrence(
        occurrence=f"01HZZZZZZZZZZZZZZZZZZZZZZ{number}",
        rule="WA-02",
        source="water-east",
        system="garage-water",
        severity=severity,
        class_=AlarmClass.PROPERTY,
        state=AlarmState.UNACKED,
        condition=True,
        latched=False,
        title=Text("Garage water stage 2", "车库积水二级"),
        raised_ns=1_700_000_000 * SECOND,
        active_ns=1_700_000_000 * SECOND,
    )
    return Notice(seq=seq, reason=reason, occurrence=alarm, at=Instant(0, 1_700_000_000 * SECOND))


class Receiver:
    """An HTTP server that keeps what it got and answers as told; `reply` None: it never answers."""

    def __init__(self) -> None:
        self.reply: bytes | None = b"HTTP/1.1 204 No Content\r\n\r\n"
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self._server: asyncio.Server | None = None
        self._left = asyncio.Event()

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        assert self._server is not None
        self._left.set()
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                body = await reader.readexactly(int(headers["content-length"]))
                self.requests.append((headers, body))
                if self.reply is None:
                    await self._left.wait()
                    return
                writer.write(self.reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, int]]:
    server = Receiver()
    port = await server.start()
    yield server, port
    await server.stop()


@pytest.fixture
async def channel(receiver: tuple[Receiver, int]) -> AsyncIterator[WebhookChannel]:
    opened = WebhookChannel(options(f"http://127.0.0.1:{receiver[1]}/hook?duty=1", timeout="3s"), "riverside-1")
    yield opened
    await opened.close()


def options(url: str, **changes: Any) -> WebhookOptions:
    return WebhookOptions.model_validate({"name": "duty", "url": url, "secret": SECRET} | changes)


async def test_what_is_sent_is_signed_and_named(channel: WebhookChannel, receiver: tuple[Receiver, int]) -> None:
    assert await channel.send(notice(), "the-key") == Delivered()
    headers, body = receiver[0].requests[0]
    assert headers["host"] == f"127.0.0.1:{receiver[1]}"
    url = f"http://127.0.0.1:{receiver[1]}/hook?duty=1"
    assert headers["idempotency-key"] == idempotency_key("riverside-1", notice(), "duty", url)
    signed = headers["x-anlou-timestamp"].encode() + b"." + body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["x-anlou-signature"] == f"sha256={expected}"
    told = json.loads(body)
    assert (told["site"], told["seq"], told["reason"], told["key"]) == ("riverside-1", 5, "raise", "the-key")
    assert told["alarm"]["title"]["zh"] == "车库积水二级"
    assert (told["step"], told["about"]) == (0, {})
    assert told["alarm"]["raised_at"] == "2023-11-14T22:13:20.000000Z"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Delivered()),
        (302, Refused("HTTP 302")),
        (307, Refused("HTTP 307")),
        (400, Refused("HTTP 400")),
        (401, Refused("HTTP 401")),
        (404, Refused("HTTP 404")),
        (408, Retry("HTTP 408")),
        (429, Retry("HTTP 429", 7 * SECOND)),
        (500, Retry("HTTP 500", 7 * SECOND)),
        (503, Retry("HTTP 503", 7 * SECOND)),
    ],
)
async def test_answers(
    channel: WebhookChannel, receiver: tuple[Receiver, int], status: int, outcome: Delivered | Retry | Refused
) -> None:
    after = "Retry-After: 7\r\n" if status in (429, 500, 503) else ""
    location = f"Location: http://127.0.0.1:{receiver[1]}/elsewhere\r\n"
    receiver[0].reply = f"HTTP/1.1 {status} X\r\n{after}{location}Content-Length: 0\r\n\r\n".encode()
    assert await channel.send(notice(), "k") == outcome
    assert len(receiver[0].requests) == 1  # a redirect is not followed


async def test_a_receiver_that_never_answers(channel: WebhookChannel, receiver: tuple[Receiver, int]) -> None:
    receiver[0].reply = None
    assert await channel.send(notice(), "k") == Retry("no answer within 3 s")


async def test_a_receiver_that_is_not_there(channel: WebhookChannel, receiver: tuple[Receiver, int]) -> None:
    await receiver[0].stop()
    outcome = await channel.send(notice(), "k")
    assert isinstance(outcome, Retry)
    assert "ConnectError" in outcome.why


async def test_a_reply_without_end_is_not_read(channel: WebhookChannel, receiver: tuple[Receiver, int]) -> None:
    receiver[0].reply = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 200_000
    assert await channel.send(notice(), "k") == Delivered()


async def test_nonsense_for_an_answer(channel: WebhookChannel, receiver: tuple[Receiver, int]) -> None:
    receiver[0].reply = b"SSH-2.0-OpenSSH_9.2\r\n\r\n"
    assert isinstance(await channel.send(notice(), "k"), Retry)


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["10.0.0.1"], ["8.8.8.8", "169.254.169.254"], ["::ffff:8.8.8.8"]])
async def test_a_name_that_resolves_inward_is_refused(addresses: list[str]) -> None:
    asked: list[str] = []

    async def lie(host: str, port: int) -> list[Any]:
        asked.append(host)
        return [ip_address(address) for address in addresses]

    channel = WebhookChannel(options("https://duty.example/"), "s", resolver=lie)
    outcome = await channel.send(notice(), "k")
    assert isinstance(outcome, Refused)
    assert "not a public address" in outcome.why
    assert asked == ["duty.example"]


async def test_the_answer_of_dns_is_pinned(receiver: tuple[Receiver, int]) -> None:
    """An allowed name goes to the address that was checked, under its own name; DNS is asked once."""
    answers = iter([[ip_address("127.0.0.1")], [ip_address("10.9.9.9")]])

    async def rebind(host: str, port: int) -> list[Any]:
        return next(answers)

    channel = WebhookChannel(
        options(f"https://duty.example:{receiver[1]}/", allow=["duty.example"], timeout="1s"), "s", resolver=rebind
    )
    outcome = await channel.send(notice(), "k")
    await channel.close()
    # the receiver speaks no TLS: the attempt went to it, and the certificate was insisted on
    assert isinstance(outcome, Retry)
    assert next(answers) == [ip_address("10.9.9.9")]


async def test_a_resolver_that_fails(receiver: tuple[Receiver, int]) -> None:
    async def fail(host: str, port: int) -> list[Any]:
        raise OSError("Temporary failure in name resolution")

    outcome = await WebhookChannel(options("https://duty.example/"), "s", resolver=fail).send(notice(), "k")
    assert isinstance(outcome, Retry)


@pytest.mark.parametrize("text", ["-1", "soon", "1e9", "٣", "Mon, 99 Nov 2026 00:00:00 GMT", ""])
def test_nonsense_in_retry_after(text: str) -> None:
    assert judge_reply(503, text) == Retry("HTTP 503", None)


def test_retry_after_has_a_limit() -> None:
    assert judge_reply(429, "99999999999999") == Retry("HTTP 429", 600 * SECOND)
    assert judge_reply(503, "Mon, 23 Nov 2099 00:00:00 GMT") == Retry("HTTP 503", 600 * SECOND)
    assert judge_reply(503, "Mon, 23 Nov 1999 00:00:00 GMT") == Retry("HTTP 503", 0)


def test_keys_are_equal_exactly_when_the_telling_is() -> None:
    url = "https://duty.example/"
    key = idempotency_key("riverside-1", notice(), "duty", url)
    assert key == idempotency_key("riverside-1", notice(), "duty", url)
    assert key == hashlib.sha256(f"riverside-1|{notice().occurrence.occurrence}|5|duty|{url}".encode()).hexdigest()
    repeats = [replace(notice(reason="repeat"), step=step) for step in (1, 2)]
    others = [notice(6), *repeats, notice(number=1)]
    assert len({key, *(idempotency_key("riverside-1", one, "duty", url) for one in others)}) == 5


async def test_tls_asks_for_the_name_and_insists_on_its_certificate(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other.example -keyout"
    made = await asyncio.create_subprocess_exec(
        *make.split(), key, "-out", certificate, stderr=asyncio.subprocess.DEVNULL
    )
    assert await made.wait() == 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    asked: list[str | None] = []
    context.sni_callback = lambda _, name, __: asked.append(name)  # type: ignore[assignment]
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]

    async def local(host: str, port: int) -> list[Any]:
        return [ip_address("127.0.0.1")]

    channel = WebhookChannel(options(f"https://duty.example:{port}/", allow=["127.0.0.1"]), "s", resolver=local)
    outcome = await channel.send(notice(), "k")
    await channel.close()
    server.close()
    await server.wait_closed()
    assert isinstance(outcome, Retry)
    assert "CERTIFICATE_VERIFY_FAILED" in outcome.why
    assert asked == ["duty.example"]
