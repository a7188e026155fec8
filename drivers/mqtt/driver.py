"""The owner of one broker: takes its messages, and acknowledges each when it is judged and durable (D1, D5).

Building time but for the wire's own patience (session.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from drivers.assign import LinkAssignment, UnitAssignment
from drivers.base import SessionError
from drivers.mqtt.announced import Announcements
from drivers.mqtt.codec import DeviceCodec
from drivers.mqtt.intake import Connection, Count, Intake, Quarantine
from drivers.mqtt.lanes import Lanes
from drivers.mqtt.language import MqttProfile
from drivers.mqtt.options import MqttLinkOptions
from drivers.mqtt.pace import Connecting
from drivers.mqtt.session import Session
from drivers.mqtt.tally import LinkTally
from drivers.mqtt.unit import Codec, Unit
from drivers.reconnect import Random, jitter
from gateway.clock import Clock
from gateway.model import SECOND, Emit, ErrorKind, Frame, Layout, LinkError, LinkReport

log = logging.getLogger(__name__)

TICK = SECOND // 4
REPORT_EVERY = SECOND
# a link that is down for so long leaves nothing known
BLIND_AFTER = 10 * SECOND
# for what is on its way into the store when a connection has ended
SETTLE = 5 * SECOND
RECALLED = 256
# of a sender whose signs of life stand between the few things that it says: a day and a half of one each 30 s
RECALLED_OF_CHANGES = 4096
# before the newest that the store has: whatever was durable then has been acknowledged
UNACKNOWLEDGED = 120 * SECOND


Connect = Callable[[MqttLinkOptions, str], Awaitable[Connection]]


class MqttDriver:
    """Receives what all senders of one link publish.

    `quarantine` keeps a message that is no sample and calls back after its COMMIT; `count` gets samples that have no
    row; `recent` gives a device's newest stored frames, newest first, and may block: it is called in a thread.
    `announce` are types of devices whose announcements are reported, beside the types that the link has.
    """

    def __init__(
        self,
        link: str,
        options: MqttLinkOptions,
        assignment: LinkAssignment,
        clock: Clock,
        report: Callable[[LinkReport], None],
        *,
        client_id: str,
        quarantine: Quarantine,
        count: Count,
        recent: Callable[[str, int], Sequence[Frame]],
        announce: Sequence[MqttProfile] = (),
        connect: Connect = Session.open,
        random: Random = jitter,
        codec: Callable[[UnitAssignment], Codec] = DeviceCodec,
    ) -> None:
        self._link = link
        self._options = options
        self._clock = clock
        self._report = report
        self._client_id = options.client_id or client_id
        self._recent = recent
        self._connect = connect
        self._tally = LinkTally()
        self._units = [
            Unit(unit, codec(unit), self._tally, lambda samples: count(duplicate=samples)) for unit in assignment.units
        ]
        specs = [unit.spec for unit in assignment.units]
        own = [spec.profile for spec in specs if isinstance(spec.profile, MqttProfile)]
        self._announcements = Announcements([*announce, *own], specs)
        self._intake = Intake(
            link,
            options,
            self._units,
            clock,
            tally=self._tally,
            quarantine=quarantine,
            count=count,
            announcements=self._announcements,
        )
        self._pauses = Connecting(random)
        self._had_session = False
        self._connected = False
        self._connects = 0
        self._error: LinkError | None = None
        self._lost_at_ns: int | None = clock.now().mono_ns
        self._report_ns = self._lost_at_ns
        self._blinded = False
        self._telling = False

    @property
    def link(self) -> str:
        return self._link

    @property
    def layouts(self) -> Sequence[Layout]:
        """The layouts of full messages, and of all points of a device; messages that carry less make others."""
        layouts = (layout for unit in self._units for layout in (*unit.codec.layouts, *unit.codec.blind()))
        return list(dict.fromkeys(layouts))

    async def run(self, emit: Emit) -> NoReturn:
        """Receive until cancelled. An error of `emit` or of the store goes through as it is; it may run again then."""
        self._stir = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                self._intake.start(emit, Lanes(group), self._stir.set, self._tell_soon)
                group.create_task(self._keep_time(), name=f"time of {self._link}")
                await self._keep_connected()
        except BaseExceptionGroup as several:
            self._ended(None)
            raise _first(several) from None
        raise AssertionError("a link is kept for ever")

    # the link

    async def _keep_connected(self) -> NoReturn:
        # also when it runs again: what a failed run has taken may never have come into the store
        self._had_session |= await self._recall()
        while True:
            await self._clock.sleep_until(self._pauses.next_at(self._clock.now().mono_ns))
            self._pauses.connecting(self._clock.now().mono_ns)
            try:
                session = await self._connect(self._options, self._client_id)
            except SessionError as error:
                self._ended(error)
                continue
            ended = await self._held(session)
            self._ended(ended, thrown_out=await session.thrown_out())
            await self._settle()

    async def _held(self, session: Connection) -> SessionError | None:
        """Take what comes until the connection is over, and why; None when we have ended it."""
        try:
            self._begin(session)
            refused = await session.subscribe(self._intake.filters)
            self._subscribed(refused)
            while not session.lost.done():
                await self._stir.wait()
                self._stir.clear()
                if self._intake.failure is not None:
                    raise self._intake.failure
                if self._overflown():
                    self._pauses.again()
                    return None
            return session.lost.result()
        except SessionError as error:
            return session.lost.result() if session.lost.done() else error
        finally:
            self._intake.closed()
            await session.close()

    def _begin(self, session: Connection) -> None:
        if self._had_session and not session.present:
            self._tally.gaps += 1
            log.warning("%s: the broker has lost our session; messages may be missing", self._link)
            for unit in self._units:
                unit.interrupted()
        self._had_session = True
        self._pauses.connected(self._clock.now().mono_ns)
        self._intake.opened(session)
        session.lost.add_done_callback(lambda lost: self._stir.set())
        session.begin(self._intake.arrived)

    def _subscribed(self, refused: dict[str, str]) -> None:
        self._connected, self._lost_at_ns, self._blinded = True, None, False
        self._connects += 1
        if not self._pauses.contested:  # then the reason why we were gone stays in sight
            self._error = None
        if refused:
            topic, why = next(iter(refused.items()))
            self._note(SessionError(ErrorKind.EXCEPTION, f"{len(refused)} subscriptions refused: {topic} ({why})"))
        self._tell()

    def _overflown(self) -> bool:
        """The window was full, and what it held is durable, or will not be."""
        since_ns = self._intake.overflowing_ns
        if since_ns is None:
            return False
        return not self._intake.unsettled or self._clock.now().mono_ns - since_ns >= SETTLE

    def _ended(self, error: SessionError | None, *, thrown_out: bool = False) -> None:
        now_ns = self._clock.now().mono_ns
        self._connected = False
        if self._lost_at_ns is None:
            self._lost_at_ns = now_ns
        if error is not None:
            self._pauses.lost(now_ns, thrown_out=thrown_out)
            if self._pauses.contested:
                words = f"we are thrown out again and again: another gateway with the client id {self._client_id}?"
                error = SessionError(ErrorKind.EXCEPTION, words)
            self._note(error)
        self._tell()

    async def _settle(self) -> None:
        """Wait until what was taken is durable: it may come again, and must be known then."""
        until_ns = self._clock.now().mono_ns + SETTLE
        while self._intake.unsettled and (now_ns := self._clock.now().mono_ns) < until_ns:
            await self._clock.sleep_until(min(until_ns, now_ns + SECOND // 20))
        if self._intake.unsettled:
            log.warning("%s: %d messages did not become durable", self._link, self._intake.unsettled)
            await self._recall()

    async def _recall(self) -> bool:
        """Ask the store what it has of our devices; True when any of it came over this link."""
        known: dict[str, dict[str, Sequence[Frame]]] = {}
        newest_ns = 0
        for unit in self._units:
            limit = RECALLED_OF_CHANGES if unit.has_changes else RECALLED
            known[unit.name] = stored = {
                device: await asyncio.to_thread(self._recent, device, limit) for device in unit.devices
            }
            newest_ns = max(newest_ns, *(frames[0].at.mono_ns for frames in stored.values() if frames), 0)
        came = [unit.recall(known[unit.name], newest_ns - UNACKNOWLEDGED) for unit in self._units]
        return any(came)

    # time

    async def _keep_time(self) -> NoReturn:
        while True:
            await self._clock.sleep_until(self._clock.now().mono_ns + TICK)
            now = self._clock.now()
            if self._lost_at_ns is not None and not self._blinded and now.mono_ns - self._lost_at_ns >= BLIND_AFTER:
                self._blinded = True
                for unit in self._units:
                    self._intake.say(unit, unit.blind(now))
            self._intake.tick(now)
            if now.mono_ns >= self._report_ns:
                self._tell()

    # reports

    def _note(self, error: SessionError) -> None:
        news = self._error is None or self._error.message != error.message
        self._error = LinkError(error.kind, error.message, self._clock.now().wall_ns)
        if news:
            log.warning("%s: %s", self._link, error.message)

    def _tell_soon(self) -> None:
        """Once for all that changes in this turn of the loop."""
        if not self._telling:
            self._telling = True
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        self._telling = False
        now = self._clock.now()
        self._report_ns = now.mono_ns + REPORT_EVERY - TICK // 2
        self._report(
            LinkReport(
                link=self._link,
                endpoint=self._options.endpoint,
                connected=self._connected,
                at=now,
                error=self._error,
                connects=self._connects,
                units=tuple(unit.tally.report() for unit in self._units),
                counts=self._tally.counts(),
                lost_at_ns=self._lost_at_ns,
                announced=self._announcements.report(),
            )
        )


def _first(several: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error itself: whoever runs a driver knows a store's error by its type."""
    one = several.exceptions[0]
    return _first(one) if isinstance(one, BaseExceptionGroup) else one
