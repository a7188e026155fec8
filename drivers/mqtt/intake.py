"""From a message to its acknowledgement: judged where it comes in, emitted in its sender's lane, durable, then PUBACK.

Whatever a message is made of, it ends in the store: as frames, or kept aside. Nothing that it does goes back to paho.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol

from drivers.base import SessionError
from drivers.mqtt.announced import Announcements
from drivers.mqtt.filters import covering, covers, subscriptions
from drivers.mqtt.lanes import Lanes
from drivers.mqtt.options import MqttLinkOptions
from drivers.mqtt.pace import Drain
from drivers.mqtt.packet import Arrived
from drivers.mqtt.poison import Poison
from drivers.mqtt.tally import LinkTally
from drivers.mqtt.unit import Unit
from drivers.mqtt.window import Ticket, Window
from gateway.clock import Clock
from gateway.model import SECOND, Emit, ErrorKind, Frame, Instant, Quarantined

log = logging.getLogger(__name__)

# nothing has become durable for so long: the broker is asked to bring it again
STALLED = 60 * SECOND
# a backlog that does not end is said as it comes
CATCH_UP_EVERY = 5 * SECOND
# a sender that is sound and then is not, in turn, does not fill the log
TOLD_AGAIN = 600 * SECOND
KEPT_OF_OVERSIZE = 1024
# filters in a connection
MOST_GIVEN_UP = 5000
_KEPT_OF_TOPIC, _KEPT_OF_WORDS = 512, 500

Quarantine = Callable[[Quarantined, Callable[[], None]], Awaitable[None] | None]


class Connection(Protocol):
    """What is needed of an open connection; `Session` is one."""

    @property
    def present(self) -> bool: ...
    @property
    def lost(self) -> asyncio.Future[SessionError]: ...
    def begin(self, receive: Callable[[Arrived], None]) -> None: ...
    async def subscribe(self, filters: Sequence[str]) -> dict[str, str]: ...
    def acknowledge(self, mids: Sequence[int]) -> None: ...
    def pause(self, pausing: bool) -> None: ...
    def unsubscribe(self, filters: Sequence[str]) -> None: ...
    async def close(self) -> None: ...
    async def thrown_out(self) -> bool: ...


class Count(Protocol):
    def __call__(self, *, duplicate: int = 0, unchanged: int = 0, dropped: int = 0) -> None: ...


class Intake:
    """Takes what arrives on one link, one connection after the other. `stir` is called when the link has to look."""

    def __init__(
        self,
        link: str,
        options: MqttLinkOptions,
        units: Sequence[Unit],
        clock: Clock,
        *,
        tally: LinkTally,
        quarantine: Quarantine,
        count: Count,
        announcements: Announcements,
    ) -> None:
        self._link = link
        self._units = units
        self._clock = clock
        self._tally = tally
        self._quarantine = quarantine
        self._count = count
        self._most = options.max_payload
        self._room = options.window
        self._routes: dict[str, tuple[Unit, ...]] = {}
        for unit in units:
            for topic in {*unit.codec.topics, unit.codec.availability_topic} - {None}:
                self._routes[str(topic)] = (*self._routes.get(str(topic), ()), unit)
        self._announcements = announcements
        self._announcing = frozenset(topic for topic in self._routes if announcements.hears(topic))
        self.filters = subscriptions(self._routes, [*options.watch, *announcements.filters])
        self._told: set[tuple[str, str]] = set()
        self._poison_told: dict[tuple[str, str], int] = {}

    def start(self, emit: Emit, lanes: Lanes, stir: Callable[[], None], news: Callable[[], None]) -> None:
        """A run begins; its lanes are new."""
        self._emit, self._lanes, self._stir, self._news = emit, lanes, stir, news
        self.failure: Exception | None = None
        self.opened(None)

    def opened(self, connection: Connection | None) -> None:
        """A connection begins, perhaps with what the broker has kept for us; None: there is none yet."""
        now_ns = self._clock.now().mono_ns
        soon = asyncio.get_running_loop().call_soon
        self._connection = connection
        self._given_up: set[str] = set()
        if connection is None:
            self._window = Window(self._room, lambda mids: None, soon)
        else:
            self._window = Window(self._room, connection.acknowledge, soon, connection.pause)
        self._window.on_empty = self._stir
        self._drain = Drain(now_ns) if connection is not None and connection.present else None
        self._caught_up_ns = now_ns
        self._moved = (0, now_ns)
        self.overflowing_ns: int | None = None

    def closed(self) -> None:
        """The connection is over; what was taken goes on into the store."""
        self._drain = None

    @property
    def unsettled(self) -> int:
        """Messages taken and not yet durable."""
        return len(self._window)

    # messages

    def arrived(self, message: Arrived) -> None:
        """Take one message. Called from the socket: nothing is raised."""
        self._tally.messages += 1
        window = self._window
        if self.overflowing_ns is not None or window.full:
            self._refuse(message)
            return
        try:
            ticket = window.take(message.mid if message.qos else 0, len(message.payload))
            at = self._clock.now()
            if message.retain:
                self._tally.retained += 1
            units = self._routes.get(message.topic)
            if units is None:
                self._nobodys(message, ticket, at)
            elif len(message.payload) > self._most:
                self._poisoned(
                    Poison("oversize", f"{len(message.payload)} bytes; at most {self._most} are taken"),
                    units[0],
                    message,
                    ticket,
                    at,
                )
            else:
                if message.topic in self._announcing:
                    with suppress(Poison):  # which it is to its device, too
                        self._announcements.take(message.topic, message.payload, at)
                ticket.waiting = len(units)
                for unit in units:
                    self._take(unit, message, ticket, at)
        except Exception as error:  # noqa: BLE001 - of emit or the store, not of the message: the run is over
            self.failure = self.failure or error
            self._stir()

    def _take(self, unit: Unit, message: Arrived, ticket: Ticket, at: Instant) -> None:
        drain = self._drain
        drained = drain is not None and not message.retain and drain.heard(unit.name, unit.quiet_ns, at.mono_ns)
        available = unit.tally.available
        try:
            frames = unit.take(message, at, drained)
        except Poison as poison:
            self._poisoned(poison, unit, message, ticket, at)
            return
        except Exception as error:
            # a fault of ours must not make the broker send it for ever
            kind = (unit.name, type(error).__name__)
            if kind not in self._told:
                self._told.add(kind)
                log.exception("%s: a message of %s could not be decoded", self._link, unit.name)
            self._poisoned(Poison("internal", f"{kind[1]}: {error}"), unit, message, ticket, at)
            return
        if unit.tally.available is not available:
            self._news()
        if frames and message.qos:
            frames[-1].accept = ticket.settle
            self.say(unit, frames)
        else:
            self.say(unit, frames)
            self._lanes.put(unit.name, ticket.settle)

    def say(self, unit: Unit, frames: Sequence[Frame]) -> None:
        for frame in frames:
            self._lanes.put(unit.name, partial(self._emit, frame))

    def _nobodys(self, message: Arrived, ticket: Ticket, at: Instant) -> None:
        """A message on a topic that no device of the site has: an announcement, or a stranger's."""
        if not self._announcements.hears(message.topic):
            self._unknown(message, ticket, at)
            return
        try:
            if len(message.payload) > self._most:
                raise Poison("oversize", f"{len(message.payload)} bytes; at most {self._most} are taken")
            self._announcements.take(message.topic, message.payload, at)
        except Poison as poison:
            self._set_aside(poison, "", message, ticket, at)
        else:
            self._lanes.put("", ticket.settle)

    def _unknown(self, message: Arrived, ticket: Ticket, at: Instant) -> None:
        self._tally.unknown_device += 1
        if message.topic and not any(covers(one, message.topic) for one in self.filters):
            self._give_up(message.topic)
        known = Poison("unknown_device", "nobody on this site has this topic")
        self._set_aside(
            known if message.topic else Poison("encoding", "the topic is not UTF-8"), "", message, ticket, at
        )

    def _give_up(self, topic: str) -> None:
        """An earlier configuration has asked for it, nobody knows by which filter, and the session would keep that."""
        if self._connection is None or len(self._given_up) > MOST_GIVEN_UP:
            return
        filters = [one for one in covering(topic) if one not in self._given_up and one not in self.filters]
        if filters:
            self._given_up.update(filters)
            self._connection.unsubscribe(filters)

    def _poisoned(self, poison: Poison, unit: Unit, message: Arrived, ticket: Ticket, at: Instant) -> None:
        unit.tally.failed(ErrorKind.DECODE, f"{poison.reason}: {poison.message}"[:_KEPT_OF_WORDS], at)
        kind = (unit.name, poison.reason)
        if at.mono_ns - self._poison_told.get(kind, -TOLD_AGAIN) >= TOLD_AGAIN:
            self._poison_told[kind] = at.mono_ns
            log.warning("%s: a message of %s is kept aside: %.500s", self._link, unit.name, poison.message)
        self._set_aside(poison, unit.name, message, ticket, at)

    def _set_aside(self, poison: Poison, lane: str, message: Arrived, ticket: Ticket, at: Instant) -> None:
        self._tally.quarantined += 1
        payload = message.payload if len(message.payload) <= self._most else message.payload[:KEPT_OF_OVERSIZE]
        topic, words = message.topic[:_KEPT_OF_TOPIC], poison.message[:_KEPT_OF_WORDS]
        item = Quarantined(self._link, topic, payload, poison.reason, words, at)
        self._lanes.put(lane, partial(self._quarantine, item, ticket.settle))

    def _refuse(self, message: Arrived) -> None:
        """The window is full: the broker brings again what is not acknowledged, and the rest is gone."""
        if self.overflowing_ns is None:
            log.warning("%s: %d messages wait for the store; connecting anew", self._link, len(self._window))
            self._overflow(self._clock.now().mono_ns)
            self._stir()
        if not message.qos:
            self._count(dropped=1)

    def _overflow(self, now_ns: int) -> None:
        self._tally.overflows += 1
        self.overflowing_ns = now_ns

    # time

    def tick(self, now: Instant) -> None:
        """Senders whose backlog is over go on in the present; a store that does not answer is noticed."""
        if self._drain is not None:
            self._drained(self._drain, now)
        for unit in self._units:  # a sender may bring a backlog of its own, at any time
            if unit.waits and self._is_live(unit) and unit.silent(now.mono_ns):
                self.say(unit, unit.caught_up(now))
        taken, since_ns = self._moved
        if self._window.acknowledged != taken or not len(self._window):
            self._moved = (self._window.acknowledged, now.mono_ns)
        elif now.mono_ns - since_ns >= STALLED and self.overflowing_ns is None:
            # whatever was forgotten on its way, all behind it would wait for ever
            log.warning("%s: nothing has become durable for %d s", self._link, STALLED // SECOND)
            self._overflow(now.mono_ns)
        if self.overflowing_ns is not None:
            self._stir()

    def _is_live(self, unit: Unit) -> bool:
        return self._drain is None or unit.name in self._drain.closed

    def _drained(self, drain: Drain, now: Instant) -> None:
        late = now.mono_ns - self._caught_up_ns >= CATCH_UP_EVERY
        if late:
            self._caught_up_ns = now.mono_ns
        over = True
        for unit in self._units:
            if unit.name in drain.closed:
                continue
            if drain.over(unit.name, unit.quiet_ns, now.mono_ns):
                drain.closed.add(unit.name)
                self.say(unit, unit.resumed(now))
            else:
                over = False
                if late and unit.waits:
                    self.say(unit, unit.caught_up(now))
        if over:
            self._drain = None
