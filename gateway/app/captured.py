"""A capture read by the real drivers over a wire of memory, in virtual time: its frames, and those of health."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence

from drivers.base import RequestError, SessionError
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.exceptions import ExceptionAnswer
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions
from drivers.mqtt.driver import MqttDriver
from drivers.mqtt.options import MqttLinkOptions
from drivers.mqtt.packet import Arrived
from gateway.app.house import feeds
from gateway.clock import VirtualClock
from gateway.config.load import SiteConfig
from gateway.health import HealthBook
from gateway.model import SECOND, Driver, ErrorKind, Frame, FrameKind, Quarantined
from simulators.capture import Capture, Published
from simulators.capture_server import Timeline
from simulators.pdu import ERROR_BIT, Table, answer

STEP_NS = SECOND // 10
BEHIND_NS = 30 * SECOND
"""Building time that goes on behind the last line: delays that it began may end."""
_TURNS = 4
_STARTING = 2000
"""Turns of the loop at most until the driver has connected; it asks for what is stored in a thread."""


class NoSuchLink(ValueError):  # noqa: N818 - the file and the site do not belong together
    """The site has no such link, or it is of another wire."""


async def frames_of(capture: Capture, site: SiteConfig) -> list[Frame]:
    """Every frame that the site's gateway would have judged, with those of health, in their order."""
    return await _Reading(capture, site).whole()


class _Reading:
    def __init__(self, capture: Capture, site: SiteConfig) -> None:
        assignment = site.assignments.get(capture.link)
        if assignment is None:
            raise NoSuchLink(f"the capture is of the link {capture.link!r}; the site has {', '.join(site.assignments)}")
        self._capture = capture
        self._clock = VirtualClock()
        self._began_ns = self._clock.now().mono_ns
        devices = [device for device in site.devices if device.id in {layout.device for layout in assignment.layouts}]
        self._health = HealthBook(devices, feeds(site), self._clock.now())
        self._health_ns = self._began_ns
        self._frames: list[Frame] = []
        self._broker: _Broker | None = None
        self._waiting = list(capture.messages)
        self._driver: Driver
        options = site.links[capture.link]
        if isinstance(options, ModbusLinkOptions) == bool(capture.messages):
            raise NoSuchLink(f"the capture is of another wire than the link {capture.link!r} of the site")
        if isinstance(options, ModbusLinkOptions):
            self._driver = ModbusDriver(
                capture.link, options, assignment, self._clock, self._health.report, connect=self._connect_units
            )
        else:
            self._driver = MqttDriver(
                capture.link,
                options,
                assignment,
                self._clock,
                self._health.report,
                client_id="replay",
                quarantine=_kept_aside,
                count=_nothing_to_count,
                recent=_nothing_stored,
                connect=self._connect_broker,
            )

    async def whole(self) -> list[Frame]:
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._driver.run(self._emit))
            for _ in range(_STARTING if self._capture.messages else 0):
                if self._broker is not None:
                    break
                await asyncio.to_thread(lambda: None)
            await self._clock.advance(0, _TURNS)
            end = self._began_ns + round(self._capture.seconds * SECOND) + BEHIND_NS
            while self._clock.now().mono_ns < end:
                self._publish()
                await self._clock.advance(STEP_NS, _TURNS)
                await self._pulse()
            reading.cancel()
        return self._frames

    async def _emit(self, frame: Frame) -> None:
        self._frames.append(frame)
        if frame.kind is not FrameKind.HISTORY:
            self._health.observe(frame)
        if frame.accept is not None:
            frame.accept()
            frame.accept = None

    async def _pulse(self) -> None:
        now = self._clock.now()
        if now.mono_ns >= self._health_ns:
            self._health_ns = now.mono_ns + SECOND
            self._frames += self._health.frames(now)
            self._frames += self._health.silenced(now)

    def _elapsed(self) -> float:
        return (self._clock.now().mono_ns - self._began_ns) / SECOND

    def _publish(self) -> None:
        while self._broker is not None and self._waiting and self._waiting[0].t <= self._elapsed():
            self._broker.say(self._waiting.pop(0))

    async def _connect_units(self, options: ModbusLinkOptions) -> _Units:
        return _Units(Timeline(self._capture.answers), self._elapsed)

    async def _connect_broker(self, options: MqttLinkOptions, client_id: str) -> _Broker:
        self._broker = _Broker()
        return self._broker


class _Units:
    """An open connection to units that say what they said."""

    endpoint = "capture"
    broken: SessionError | None = None

    def __init__(self, timeline: Timeline, elapsed: Callable[[], float]) -> None:
        self._timeline, self._elapsed = timeline, elapsed

    def owed_ns(self, question: Question) -> int:
        return 0

    async def checked_read(self, question: Question) -> bytes:
        table = Table(question.function)
        recorded = self._timeline.asked(question.unit, table, question.address, question.count, self._elapsed())
        if recorded is not None and recorded.silent:
            raise RequestError(ErrorKind.TIMEOUT, f"unit {question.unit} did not answer when this was recorded")
        if recorded is not None and recorded.exception is not None:
            raise ExceptionAnswer(recorded.exception)
        pdu = struct.pack(">BHH", question.function, question.address, question.count)
        said = answer(pdu, self._timeline.registers(question.unit, self._elapsed))
        if said[0] & ERROR_BIT:
            raise ExceptionAnswer(said[1])
        return said[2:]

    def close(self) -> None:
        pass


class _Broker:
    """A connection on which comes what was published."""

    present = False

    def __init__(self) -> None:
        self.lost: asyncio.Future[SessionError] = asyncio.get_running_loop().create_future()
        self._receive: Callable[[Arrived], None] | None = None
        self._mid = 0

    def begin(self, receive: Callable[[Arrived], None]) -> None:
        self._receive = receive

    async def subscribe(self, filters: Sequence[str]) -> dict[str, str]:
        return {}

    def say(self, message: Published) -> None:
        if self._receive is not None:
            self._mid = self._mid % 65_535 + 1
            self._receive(Arrived(message.topic, message.payload, 1, message.retain, False, self._mid))

    def acknowledge(self, mids: Sequence[int]) -> None:
        pass

    def pause(self, pausing: bool) -> None:
        pass

    def unsubscribe(self, filters: Sequence[str]) -> None:
        pass

    async def close(self) -> None:
        if not self.lost.done():
            self.lost.cancel()

    async def thrown_out(self) -> bool:
        return False


def _kept_aside(item: Quarantined, accept: Callable[[], None]) -> None:
    accept()


def _nothing_to_count(*, duplicate: int = 0, unchanged: int = 0, dropped: int = 0) -> None:
    pass


def _nothing_stored(device: str, limit: int) -> Sequence[Frame]:
    return ()
