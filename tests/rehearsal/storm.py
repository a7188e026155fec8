"""storm-night in virtual time: the building's physics, read by the real drivers over wires of memory, as frames.

No clock, no socket, no chance: the same night every time, in seconds. What the drivers say of their links is kept, too,
so that health can be asked again after a restart.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from paho.mqtt.client import topic_matches_sub

from drivers.base import SessionError
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.exceptions import ExceptionAnswer
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions
from drivers.mqtt.driver import MqttDriver
from drivers.mqtt.options import MqttLinkOptions
from drivers.mqtt.packet import Arrived
from gateway.cli.check import AssumedPorts
from gateway.clock import VirtualClock
from gateway.config.load import SiteConfig, load_site
from gateway.model import SECOND, Frame, LinkReport, Quarantined
from gateway.rehearsal.rebinding import Rebinding
from simulators.answering import registers
from simulators.mqtt_device import Message, Publisher
from simulators.mqtt_link import publishers
from simulators.pdu import ERROR_BIT, RegisterMap, answer
from simulators.play import STEPS_PER_SECOND, Play
from simulators.scenario import load_scenario
from simulators.wiring import LinkWiring, load_wiring

DEMO = Path(__file__).parents[2] / "config" / "demo"
WALL = 1_767_225_600 * SECOND
OVER = 2150.0
"""By then the water is gone, and everything has been answered and reset, s."""
_TURNS = 4


@dataclass
class Storm:
    """What came, in order: frames of devices and reports of links, each with its building time (ns)."""

    site: SiteConfig
    heard: list[tuple[int, Frame | LinkReport]] = field(default_factory=list)
    kept_aside: list[Quarantined] = field(default_factory=list)

    @cached_property
    def binding(self) -> Rebinding:
        return Rebinding.of(self.site)

    @property
    def frames(self) -> list[Frame]:
        return [one for _, one in self.heard if isinstance(one, Frame)]


def demo_site() -> SiteConfig:
    return load_site(DEMO / "site.yaml", AssumedPorts({}, {}))


class _Memory:
    """An open Modbus connection to units that are mappings."""

    endpoint = "memory"
    broken: SessionError | None = None

    def __init__(self, units: dict[int, RegisterMap]) -> None:
        self._units = units

    def owed_ns(self, question: Question) -> int:
        return 0

    async def checked_read(self, question: Question) -> bytes:
        pdu = struct.pack(">BHH", question.function, question.address, question.count)
        said = answer(pdu, self._units[question.unit])
        if said[0] & ERROR_BIT:
            raise ExceptionAnswer(said[1])
        assert len(said) == question.size + 2 and said[1] == question.size
        return said[2:]

    def close(self) -> None:
        pass


class _Broker:
    """A connection to a broker on which these publish; what was subscribed to arrives when `deliver` is called."""

    present = False

    def __init__(self, publishing: Sequence[Publisher]) -> None:
        self.lost: asyncio.Future[SessionError] = asyncio.get_running_loop().create_future()
        self._publishing = publishing
        self._receive: Callable[[Arrived], None] | None = None
        self._filters: set[str] = set()
        self._mid = 0

    def begin(self, receive: Callable[[Arrived], None]) -> None:
        self._receive = receive

    async def subscribe(self, filters: Sequence[str]) -> dict[str, str]:
        self._filters.update(filters)
        for publisher in self._publishing:
            publisher.begin()
            for message in publisher.greeting():
                self._say(message, retained=message.retain)
        return {}

    def deliver(self) -> None:
        for publisher in self._publishing:
            while publisher.outbox:
                self._say(publisher.outbox.popleft(), retained=False)

    def _say(self, message: Message, *, retained: bool) -> None:
        if not any(topic_matches_sub(each, message.topic) for each in self._filters):
            return
        assert self._receive is not None
        self._mid = self._mid % 65_535 + 1
        self._receive(Arrived(message.topic, message.payload, 1, retained, False, self._mid))

    def acknowledge(self, mids: Sequence[int]) -> None:
        pass

    def pause(self, pausing: bool) -> None:
        pass

    def unsubscribe(self, filters: Sequence[str]) -> None:
        self._filters.difference_update(filters)

    async def close(self) -> None:
        if not self.lost.done():
            self.lost.cancel()

    async def thrown_out(self) -> bool:
        return False


class _Recording:
    def __init__(self, scenario: str, seconds: float | None) -> None:
        self.storm = Storm(demo_site())
        self.clock = VirtualClock(0, WALL)
        wiring = load_wiring(DEMO / "simulation.yaml")
        self.scenario = load_scenario(DEMO / "scenarios" / f"{scenario}.yaml", wiring)
        self.seconds = self.scenario.length if seconds is None else seconds
        self.play = Play(self.scenario)
        self.brokers: list[_Broker] = []
        self.publishing: list[Publisher] = []
        for wired in wiring.links.values():
            self.publishing += publishers(wired.devices)
        self.drivers = [self._driver(link, wired) for link, wired in wiring.links.items()]

    def _driver(self, link: str, wired: LinkWiring) -> ModbusDriver | MqttDriver:
        site, assignment = self.storm.site, self.storm.site.assignments[link]
        options = site.links[link]
        if isinstance(options, ModbusLinkOptions):
            units = {n: registers(link, n, unit, lambda: self.play.building) for n, unit in wired.units.items()}

            async def connect(options: ModbusLinkOptions) -> _Memory:
                return _Memory(units)

            return ModbusDriver(link, options, assignment, self.clock, self.report, connect=connect, random=lambda: 0.5)
        assert isinstance(options, MqttLinkOptions)
        return MqttDriver(
            link,
            options,
            assignment,
            self.clock,
            self.report,
            client_id="storm",
            quarantine=self.quarantine,
            count=lambda **_: None,
            recent=lambda *_: [],
            announce=site.discover.get(link, ()),
            connect=self.connect_broker,
            random=lambda: 0.5,
        )

    async def connect_broker(self, options: MqttLinkOptions, client_id: str) -> _Broker:
        self.brokers.append(_Broker(self.publishing))
        return self.brokers[-1]

    def report(self, report: LinkReport) -> None:
        self.storm.heard.append((self.clock.now().mono_ns, report))

    def quarantine(self, item: Quarantined, accept: Callable[[], None]) -> None:
        self.storm.kept_aside.append(item)
        accept()

    async def emit(self, frame: Frame) -> None:
        self.storm.heard.append((self.clock.now().mono_ns, frame))
        if frame.accept is not None:
            frame.accept()
            frame.accept = None

    async def whole(self) -> Storm:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(driver.run(self.emit)) for driver in self.drivers]
            for _ in range(30_000):
                if self.brokers:
                    break
                await asyncio.sleep(0.002)  # the driver asks the store in a thread; building time stands still
            assert self.brokers, "nobody has connected"
            await self.clock.advance(0, _TURNS)
            for step in range(round(self.seconds * STEPS_PER_SECOND)):
                self._step(step)
                await self.clock.advance(SECOND // STEPS_PER_SECOND, _TURNS)
            for task in tasks:
                task.cancel()
        return self.storm

    def _step(self, step: int) -> None:
        assert not self.play.step(), "a scenario that breaks wires needs real ones"
        second, rest = divmod(step + 1, STEPS_PER_SECOND)
        if rest == 0:
            for publisher in self.publishing:
                publisher.look(self.play.building, second, lambda elapsed: WALL + round(elapsed * SECOND))
            self.brokers[-1].deliver()


@cache
def storm(scenario: str = "storm-night", seconds: float | None = OVER) -> Storm:
    """The recording, made once for each process; by default as long as anything happens in it. None: all of it."""
    return asyncio.run(_Recording(scenario, seconds).whole())
