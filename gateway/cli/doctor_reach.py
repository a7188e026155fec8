"""The doctor's look at what the gateway speaks to over the network: brokers, the historian, webhooks."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence

from alerts.notify.address import parse_target
from alerts.notify.options import WebhookOptions
from alerts.notify.webhook import resolve
from drivers.base import SessionError
from drivers.mqtt.options import MqttLinkOptions
from drivers.mqtt.session import Session
from drivers.mqtt.tls import context
from gateway.cli.doctor_certificate import certificate
from gateway.cli.doctor_finding import Finding, fails, fine, warns
from gateway.historian import answers
from gateway.historian.answers import Trouble
from gateway.historian.historian import DEDUP
from gateway.historian.options import HistorianOptions
from gateway.historian.target import Target

PATIENCE = 5.0  # host seconds for a connection
SHOWN_TOPICS = 3


async def broker(link: str, options: MqttLinkOptions, topics: Sequence[str]) -> AsyncIterator[Finding]:
    """Sign in and subscribe as the gateway would, but under another client id and with a session that ends with it:
    the gateway's own stays as it is.
    """
    guest = options.model_copy(update={"session_expiry": 0, "client_id": f"{options.client_id}-doctor"})
    try:
        session = await Session.open(guest, str(guest.client_id))
    except SessionError as error:
        yield fails("broker", "broker_refused", link=link, endpoint=options.endpoint, why=error.message)
        return
    try:
        refused = await session.subscribe(topics) if topics else {}
    except SessionError as error:
        yield fails("broker", "broker_refused", link=link, endpoint=options.endpoint, why=error.message)
        return
    finally:
        await session.close()
    for topic, why in list(refused.items())[:SHOWN_TOPICS]:
        yield fails("broker", "broker_topic", link=link, topic=topic, why=why)
    if not refused:
        yield fine("broker", "broker_good", link=link, endpoint=options.endpoint)
    if options.mqtt.tls:
        async for finding in _shown_certificate(link, options.mqtt.host, options.mqtt.port, context(options)):
            yield finding


async def _shown_certificate(whose: str, host: str, port: int, tls: ssl.SSLContext) -> AsyncIterator[Finding]:
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(host, port, ssl=tls)
    except (OSError, ValueError, TimeoutError):
        return  # whether it can be reached has been told
    wire = writer.get_extra_info("ssl_object")
    der = wire.getpeercert(binary_form=True) if wire is not None else None
    writer.transport.abort()
    for finding in certificate(whose, der) if der else ():
        yield finding


async def historian(options: HistorianOptions, site: str) -> AsyncIterator[Finding]:
    """Ask it something that needs the token and the bucket; nothing is written."""
    target = Target(options, PATIENCE)
    try:
        await target.read_back("anlou_canary", site, 0)
        metrics = await target.metrics() if target.is_victoria else None
    except Trouble as trouble:
        yield fails("historian", "historian_refused", endpoint=options.endpoint, why=trouble)
        return
    finally:
        await target.close()
    yield fine("historian", "historian_good", endpoint=options.endpoint)
    if target.is_victoria:
        for finding in _of_flags(metrics):
            yield finding


def _of_flags(metrics: str | None) -> Iterator[Finding]:
    said = answers.flags(metrics or "").get(DEDUP)
    if said is None:
        yield warns("historian", "historian_dedup_unknown", flag=DEDUP)
    elif said != "1ms":
        yield fails("historian", "historian_dedup", flag=DEDUP, said=said)


async def webhook(options: WebhookOptions) -> AsyncIterator[Finding]:
    """Connect and say nothing. Its address may hold a secret: only the host is shown."""
    target = parse_target(options.url)
    tls = ssl.create_default_context() if target.scheme == "https" else None
    shown = {"name": options.name, "host": target.host}
    try:
        async with asyncio.timeout(PATIENCE):
            addresses = [target.address] if target.address is not None else await resolve(target.host, target.port)
            for address in addresses:
                options.allowed.check(target, address)
            name = target.host if tls is not None else None
            _, writer = await asyncio.open_connection(str(addresses[0]), target.port, ssl=tls, server_hostname=name)
    except TimeoutError:
        yield fails("webhook", "webhook_silent", seconds=f"{PATIENCE:g}", **shown)
        return
    except (OSError, ValueError) as problem:
        why = getattr(problem, "verify_message", None) or getattr(problem, "strerror", None) or str(problem)
        yield fails("webhook", "webhook_refused", why=why, **shown)
        return
    wire = writer.get_extra_info("ssl_object")
    der = wire.getpeercert(binary_form=True) if wire is not None else None
    writer.transport.abort()
    yield fine("webhook", "webhook_good", **shown)
    for finding in certificate(target.host, der) if der else ():
        yield finding
