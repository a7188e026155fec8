"""Listening to a broker beside the gateway: a name of our own, a session that ends with us, nothing published."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence

from drivers.base import SessionError
from drivers.mqtt.options import MqttLinkOptions
from drivers.mqtt.packet import Arrived
from drivers.mqtt.session import Session
from gateway.cli.probe_link import ProbeError
from gateway.cli.probe_run import passes, tell
from gateway.clock import host_mono_ns

Take = Callable[[Arrived, int], None]
"""What becomes of a message, with the moment of its arrival (host, ns)."""


async def listen(
    options: MqttLinkOptions, filters: Sequence[str], seconds: float, over: asyncio.Event, take: Take
) -> None:
    """Every message of `filters` goes to `take` until `over` is set or the time is up; SessionError when the broker
    refuses us or is lost.
    """
    # the broker forgets this session at once: under the gateway's name it would throw the gateway out
    own = options.model_copy(update={"session_expiry": 0})
    try:
        session = await Session.open(own, f"anlou-probe-{secrets.token_hex(6)}")
    except SessionError as error:
        raise SessionError(error.kind, f"{options.endpoint}: {error.message}") from None
    try:

        def receive(message: Arrived) -> None:
            take(message, host_mono_ns())
            if message.qos:
                session.acknowledge([message.mid])

        session.begin(receive)
        refused = await session.subscribe(filters)
        for one, why in refused.items():
            tell(f"anlou: the broker does not let us listen to {one}: {why}")
        if len(refused) == len(set(filters)):
            raise ProbeError(f"the broker at {options.endpoint} lets us listen to none of it")
        session.lost.add_done_callback(lambda _: over.set())
        await passes(over, seconds)
        if session.lost.done():
            raise session.lost.result()
    finally:
        await session.close()
