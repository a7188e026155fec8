"""A broker that is a script: connections open and break, and messages come, when the test says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from drivers.assign import ChannelSpec, LinkAssignment, UnitSpec, assign
from drivers.base import SessionError
from drivers.mqtt.driver import MqttDriver
from drivers.mqtt.options import MqttLinkOptions
from drivers.mqtt.packet import Arrived
from drivers.mqtt.session import HungUp, TakenOver
from drivers.profile import parse_profile
from gateway.clock import VirtualClock
from gateway.model import SECOND, ErrorKind, Frame, LinkReport, Quarantined

HEAD = {"title": {"en": "made for a test", "zh": "测试"}, "source": [{"ref": "the test itself", "verified": "code"}]}
TIMED = parse_profile(
    {
        "profile": "timed",
        **HEAD,
        "mqtt": {"topic": "t/{id}", "time": {"path": "ts", "format": "unix_ms"}, "expect_every": "10s"},
        "points": {"level": {"path": "level"}, "battery": {"path": "battery"}},
    }
)
NUMBERED = parse_profile(
    {
        "profile": "numbered",
        **HEAD,
        "mqtt": {
            "topic": "n/{id}",
            "time": {"path": "ts", "format": "unix_ms"},
            "event_id": {"path": "id"},
            "history": {"path": "history", "time": {"path": "ts", "format": "unix_ms"}},
            "expect_every": "10s",
        },
        "points": {"level": {"path": "level"}},
    }
)
EVENTS = parse_profile(
    {
        "profile": "events",
        **HEAD,
        "mqtt": {
            "availability": {"topic": "e/{id}/there", "path": "state", "online": ["on"], "offline": ["off"]},
        },
        "points": {
            "fire": {"topic": "e/{id}/fire", "type": "bool", "true_for": ["1"], "false_for": ["0"]},
            "smoke": {"topic": "e/{id}/smoke"},
        },
    }
)


def spec(name: str, of: Any = TIMED, poll_ns: int = 10 * SECOND) -> UnitSpec:
    return UnitSpec(name, "broker", None, of, poll_ns, own_device=True, variables={"id": name})


def link(*units: UnitSpec, channels: Sequence[ChannelSpec] = ()) -> LinkAssignment:
    return assign(units, channels)["broker"]


@dataclass
class Wire:
    """One connection."""

    present: bool
    lost: asyncio.Future[SessionError]
    refused: dict[str, str] = field(default_factory=dict)
    filters: list[str] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    unsubscribed: list[str] = field(default_factory=list)
    paused: list[bool] = field(default_factory=list)
    receive: Callable[[Arrived], None] | None = None
    early: list[Arrived] = field(default_factory=list)
    closed: bool = False

    def begin(self, receive: Callable[[Arrived], None]) -> None:
        self.receive = receive
        for message in self.early:
            receive(message)

    async def subscribe(self, filters: Sequence[str]) -> dict[str, str]:
        self.filters = list(filters)
        return self.refused

    def acknowledge(self, mids: Sequence[int]) -> None:
        self.acknowledged += mids

    def unsubscribe(self, filters: Sequence[str]) -> None:
        self.unsubscribed += filters

    def pause(self, pausing: bool) -> None:
        self.paused.append(pausing)

    async def thrown_out(self) -> bool:
        return isinstance(self.lost.result(), TakenOver)

    async def close(self) -> None:
        self.closed = True
        if not self.lost.done():
            self.lost.set_result(SessionError(ErrorKind.CONNECT, "closed"))


class Scene:
    """A driver, its broker, and the store behind it. `commit` makes durable what was emitted since."""

    def __init__(self, assignment: LinkAssignment, announce: Sequence[Any] = (), **options: Any) -> None:
        self.clock = VirtualClock()
        self.wires: list[Wire] = []
        self.connects: list[int] = []
        self.present = False
        self.reachable = True
        self.refused: dict[str, str] = {}
        self.early: list[Arrived] = []
        self.frames: list[Frame] = []
        self.kept: list[Quarantined] = []
        self.reports: list[LinkReport] = []
        self.stored: dict[str, list[Frame]] = {}
        self.counted = {"duplicate": 0, "unchanged": 0, "dropped": 0}
        self.by_itself = True
        self.waiting: list[Callable[[], None]] = []
        self.emits: Callable[[Frame], Awaitable[None]] | None = None
        self.mid = 0
        self.task: asyncio.Future[Any] | None = None
        self.driver = MqttDriver(
            "broker",
            MqttLinkOptions.model_validate({"mqtt": "mqtt://127.0.0.1:1", **options}),
            assignment,
            self.clock,
            self.reports.append,
            client_id="anlou-test-broker",
            quarantine=self.quarantine,
            count=self.count,
            recent=lambda device, limit: self.stored.get(device, [])[:limit],
            announce=announce,
            connect=self.connect,
            random=lambda: 0.5,
        )

    async def connect(self, options: MqttLinkOptions, client_id: str) -> Wire:
        assert client_id == "anlou-test-broker"
        self.connects.append(self.clock.now().mono_ns // SECOND)
        if not self.reachable:
            raise SessionError(ErrorKind.CONNECT, "refused")
        wire = Wire(self.present, asyncio.get_running_loop().create_future(), self.refused)
        wire.early, self.early = self.early, []
        self.present = True
        self.wires.append(wire)
        return wire

    async def emit(self, frame: Frame) -> None:
        if self.emits is not None:
            await self.emits(frame)
        self.frames.append(frame)
        if frame.accept is not None:
            self.durable(frame.accept)

    def quarantine(self, item: Quarantined, accept: Callable[[], None]) -> None:
        self.kept.append(item)
        self.durable(accept)

    def count(self, *, duplicate: int = 0, unchanged: int = 0, dropped: int = 0) -> None:
        self.counted["duplicate"] += duplicate
        self.counted["unchanged"] += unchanged
        self.counted["dropped"] += dropped

    def durable(self, accept: Callable[[], None]) -> None:
        if self.by_itself:
            accept()
        else:
            self.waiting.append(accept)

    def commit(self) -> None:
        waiting, self.waiting = self.waiting, []
        for accept in waiting:
            accept()

    async def start(self) -> None:
        """Run the driver, until it has tried to connect."""
        self.task = asyncio.ensure_future(self.driver.run(self.emit))
        for _ in range(30_000):
            if self.connects:
                break
            await asyncio.sleep(0.002)  # `recent` is asked in a thread
        await self.turn()

    @property
    def wire(self) -> Wire:
        return self.wires[-1]

    @property
    def report(self) -> LinkReport:
        return self.reports[-1]

    def says(self, topic: str, payload: bytes | dict[str, Any], **more: Any) -> int:
        """A message arrives; its packet number."""
        message = self.message(topic, payload, **more)
        assert self.wire.receive is not None
        self.wire.receive(message)
        return message.mid

    def message(
        self,
        topic: str,
        payload: bytes | dict[str, Any],
        *,
        qos: int = 1,
        retain: bool = False,
        dup: bool = False,
        mid: int | None = None,
    ) -> Arrived:
        self.mid += 1
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return Arrived(topic, raw, qos, retain, dup, (self.mid if mid is None else mid) if qos else 0)

    def ago(self, seconds: float = 0) -> int:
        """A source time in milliseconds."""
        return (self.clock.now().wall_ns - round(seconds * SECOND)) // 1_000_000

    def level(self, value: float, seconds: float = 0, name: str = "a", **more: Any) -> int:
        return self.says(f"t/{name}", {"ts": self.ago(seconds), "level": value, "battery": 3.6}, **more)

    async def turn(self, seconds: float = 0) -> None:
        await self.clock.advance(round(seconds * SECOND))

    def hang_up(self) -> None:
        self.wire.lost.set_result(HungUp(ErrorKind.CONNECT, "the broker has hung up"))

    def taken(self) -> list[Frame]:
        """What was emitted since the last question."""
        frames, self.frames = self.frames, []
        return frames


@asynccontextmanager
async def scene(
    *units: UnitSpec,
    channels: Sequence[ChannelSpec] = (),
    present: bool = False,
    begin: bool = True,
    **options: Any,
) -> AsyncIterator[Scene]:
    """A driver at work; with `begin` False the test calls `start` when it has prepared what it wants."""
    made = Scene(link(*(units or (spec("a"),)), channels=channels), **options)
    made.present = present
    try:
        if begin:
            await made.start()
        yield made
        if begin:
            assert made.task is not None and not made.task.done(), made.task and made.task.exception()
    finally:
        if made.task is not None:
            made.task.cancel()
            await asyncio.wait([made.task])
