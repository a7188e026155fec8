"""What devices that publish have in common: messages, the ways they go wrong, and who connects for them. No sockets."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from simulators.building import Building

KEPT_AT_MOST = 1000
"""Uplinks that a device's store holds while its link is cut; then the oldest go."""
WAITING_AT_MOST = 10_000
"""Messages that wait for the broker; then the oldest go, counted."""

WallOf = Callable[[float], int]
"""Seconds since the scenario's start → UTC of building time, ns."""


class MqttFaultKind(StrEnum):
    """One way of publishing badly; each value is its word in scenario files."""

    SILENT = "silent"  # nothing is said, the connection stands
    DUPLICATE = "duplicate"  # every message twice, the second like the first in every byte
    POISON = "poison"  # bytes that no decoder wants, in turn
    WRONG_CLOCK = "wrong_clock"  # the times said are `seconds` ahead
    SENSOR_ERROR = "sensor_error"  # the probe gives nothing, and the device says so


@dataclass(frozen=True, slots=True)
class MqttFault:
    """A device's fault until `end` (seconds since the scenario's start)."""

    kind: MqttFaultKind
    end: float = math.inf
    seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class Message:
    """One publication, always with QoS 1, and the device that it is from."""

    device: str
    topic: str
    payload: bytes
    retain: bool = False


POISONS: tuple[bytes, ...] = (
    b"",
    b"{",
    b"\x00",
    b"\xff\xfe\xfd",
    b"NaN",
    b"1e999",
    b'{"time": "yesterday", "object": {"depth": "deep"}}',
    b'{"object": {"depth": 10}, "object": {"depth": 20}}',
    b'{"object": null}',
    b'"\\ud800"',
    b"[" * 2000,
    b"9" * 400,
    b"null",
    b'{"depth": NaN}',
)


@dataclass(slots=True)
class Standing:
    """How one device stands: its faults, whether its network link is cut, whether it has power."""

    faults: tuple[MqttFault, ...] = ()
    cut: bool = False
    off: bool = False
    poisoned: int = 0
    kept: deque[Message] = field(default_factory=lambda: deque(maxlen=KEPT_AT_MOST))

    def fault(self, kind: MqttFaultKind, now: float) -> MqttFault | None:
        return next((fault for fault in self.faults if fault.kind is kind and now < fault.end), None)

    def spoilt(self, message: Message, now: float) -> list[Message]:
        """What goes out instead of `message`."""
        if self.fault(MqttFaultKind.POISON, now):
            message = replace(message, payload=POISONS[self.poisoned % len(POISONS)])
            self.poisoned += 1
        return [message, message] if self.fault(MqttFaultKind.DUPLICATE, now) else [message]


class Publisher:
    """One client of the broker, and the devices that it speaks for.

    `look` is called for every whole second of building time, in order; from `begin` on it fills `outbox`, before that
    only what devices keep. `up` says whether the client has a connection to make or to keep. Whoever owns the
    connection sends `greeting` first on each new one.
    """

    identifier: str
    will: Message | None = None

    def __init__(self, devices: Iterable[str]) -> None:
        self.standing = {device: Standing() for device in devices}
        self.outbox: deque[Message] = deque()
        self.dropped = 0
        self._begun = False

    @property
    def up(self) -> bool:
        return True

    def look(self, building: Building, second: int, wall_of: WallOf) -> None:
        raise NotImplementedError

    def greeting(self) -> list[Message]:
        return []

    def begin(self) -> None:
        """From here on somebody listens."""
        self._begun = True

    def set_faults(self, device: str, faults: tuple[MqttFault, ...]) -> None:
        self.standing[device].faults = faults

    def set_cut(self, device: str, cut: bool) -> None:
        """Cut the device's network link, or join it: what it kept goes out then, as it is and at once."""
        standing = self.standing[device]
        standing.cut = cut
        if not cut:
            self._say(standing.kept)
            standing.kept.clear()

    def set_power(self, device: str, on: bool) -> None:
        self.standing[device].off = not on

    def _say(self, messages: Iterable[Message]) -> None:
        if not self._begun:
            return
        self.outbox.extend(messages)
        while len(self.outbox) > WAITING_AT_MOST:
            self.outbox.popleft()
            self.dropped += 1
