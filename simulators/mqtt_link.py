"""The devices of one broker: what they owe at each second of building time, and the connections that carry it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulators.building import Building
from simulators.chirpstack import NetworkServer
from simulators.mqtt_device import MqttFault, Publisher, WallOf
from simulators.mqtt_session import Session
from simulators.openevse import Evse
from simulators.wiring import MqttDevice, OpenEvse, SubmersibleLevel

RETRY_SECONDS = 0.5
"""Host time between two attempts to reach the broker."""


@dataclass(frozen=True, slots=True)
class DeviceFaults:
    """Faults of a device (None: of every device of the link) from now on; none heals it."""

    link: str
    device: str | None
    faults: tuple[MqttFault, ...]


@dataclass(frozen=True, slots=True)
class DeviceLink:
    """A device's network link is cut, or joined again."""

    link: str
    device: str
    cut: bool


@dataclass(frozen=True, slots=True)
class DevicePower:
    """A device goes off without a word, or comes back."""

    link: str
    device: str
    on: bool


DeviceAction = DeviceFaults | DeviceLink | DevicePower


def publishers(devices: Mapping[str, MqttDevice]) -> list[Publisher]:
    """A client for each charger, and one for each LoRaWAN application."""
    found: list[Publisher] = [Evse(name, each) for name, each in devices.items() if isinstance(each, OpenEvse)]
    applications: dict[str, dict[str, SubmersibleLevel]] = {}
    for name, each in devices.items():
        if isinstance(each, SubmersibleLevel):
            applications.setdefault(each.application, {})[name] = each
    return found + [NetworkServer(application, sensors) for application, sensors in applications.items()]


class MqttLink:
    """Everything that publishes to one broker."""

    def __init__(self, devices: Mapping[str, MqttDevice]) -> None:
        self._publishers = publishers(devices)
        self._of = {device: publisher for publisher in self._publishers for device in publisher.standing}
        self._stirred: dict[str, asyncio.Event] = {each.identifier: asyncio.Event() for each in self._publishers}
        self._published: Counter[str] = Counter(dict.fromkeys(devices, 0))
        self._connections = 0

    def look(self, building: Building, second: int, wall_of: WallOf) -> None:
        """One whole second of building time has come."""
        for publisher in self._publishers:
            publisher.look(building, second, wall_of)
            if publisher.outbox:
                self._stirred[publisher.identifier].set()

    def apply(self, action: DeviceAction) -> None:
        """ValueError for a device that is not on this link."""
        names = list(self._of) if action.device is None else [action.device]
        for name in names:
            if name not in self._of:
                raise ValueError(f"no such device: {name}; devices: {', '.join(self._of)}")
            publisher = self._of[name]
            match action:
                case DeviceFaults():
                    publisher.set_faults(name, action.faults)
                case DeviceLink():
                    publisher.set_cut(name, action.cut)
                case DevicePower():
                    publisher.set_power(name, action.on)
            self._stirred[publisher.identifier].set()

    def begin(self) -> None:
        """What was due until now is the past, which nobody hears any more."""
        for publisher in self._publishers:
            publisher.begin()

    async def run(self, host: str, port: int) -> None:
        """Keep every client that is up connected and publishing, until cancelled; then all vanish without a word."""
        async with asyncio.TaskGroup() as group:
            for publisher in self._publishers:
                group.create_task(self._connect(publisher, host, port))

    def report(self) -> dict[str, Any]:
        """Messages that the broker has acknowledged, per device, and what its clients went through."""
        return {
            "units": {},
            "connections": self._connections,
            "dropped": sum(publisher.dropped for publisher in self._publishers),
            "published": dict(sorted(self._published.items())),
        }

    async def _connect(self, publisher: Publisher, host: str, port: int) -> None:
        stirred = self._stirred[publisher.identifier]
        while True:
            if not publisher.up:
                stirred.clear()
                await stirred.wait()
                continue
            try:
                session = Session(host, port, publisher.identifier, publisher.will, stirred.set)
                async with session:
                    self._connections += 1
                    await self._serve(publisher, session, stirred)
            except OSError:  # refused, lost or silent: it is tried again, as devices do
                await asyncio.sleep(RETRY_SECONDS)

    async def _serve(self, publisher: Publisher, session: Session, stirred: asyncio.Event) -> None:
        for message in publisher.greeting():
            await session.publish(message)
            self._published[message.device] += 1
        while publisher.up and not session.lost:
            if not publisher.outbox:
                stirred.clear()
                await stirred.wait()
                continue
            message = publisher.outbox[0]
            await session.publish(message)
            self._published[message.device] += 1
            # it stays in front until it is acknowledged; unless the queue was cleared meanwhile
            if publisher.outbox and publisher.outbox[0] is message:
                publisher.outbox.popleft()
