"""What a link's reports say of it as a whole: since when it is down, and what has just gone wrong on it."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.health.points import BAD_REPLIES, LINK_TROUBLES, LINK_UP, OFFLINE_SHARE, STORM
from gateway.model import SECOND, Device, ErrorKind, Instant, LinkReport, Value

PULSE_NS = 60 * SECOND
STORM_TIMES = 20
"""So many times what is expected of a link's devices is a storm: one word may be several messages, bursts are usual."""
STORM_LEAST, STORM_MOST = 500, 10_000
"""Messages a second: fewer burden nobody, with more the gateway itself is at its end."""
STORM_OVER_NS = 10 * SECOND


class Pulse:
    """On for a minute of building time after its count rose, so that a rule sees what happened between two looks."""

    __slots__ = ("_count", "_until_ns")

    def __init__(self) -> None:
        self._count = 0
        self._until_ns: int | None = None

    def count(self, count: int, now: Instant) -> None:
        """The count stands at `count`. One that is smaller than before began anew, from nothing."""
        if count > self._count or 0 < count < self._count:
            self._until_ns = now.mono_ns + PULSE_NS
        self._count = count

    def is_on(self, now: Instant) -> bool:
        return self._until_ns is not None and now.mono_ns < self._until_ns


class Flow:
    """Whether messages come faster than `limit` a second over `STORM_OVER_NS`; still so for a minute after."""

    __slots__ = ("_begun", "_storms", "limit", "pulse")

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._begun: tuple[int, int] | None = None  # when, and the count then
        self._storms = 0
        self.pulse = Pulse()

    def count(self, messages: int, now: Instant) -> None:
        """The count of messages stands at `messages`. One that is smaller than before began anew."""
        if self._begun is None or messages < self._begun[1]:
            self._begun = (now.mono_ns, messages)
        span_ns = now.mono_ns - self._begun[0]
        if span_ns >= STORM_OVER_NS:
            self._storms += (messages - self._begun[1]) * SECOND > self.limit * span_ns
            self.pulse.count(self._storms, now)
            self._begun = (now.mono_ns, messages)


def storm_limit(devices: Iterable[Device]) -> float:
    """With more messages a second it is a storm on these devices' link. Who speaks of changes only: one a second."""
    usual = sum(SECOND / device.poll_ns if device.poll_ns else 1.0 for device in devices)
    return min(max(STORM_TIMES * usual, STORM_LEAST), STORM_MOST)


class LinkRecord:
    """One link's newest report, and what of the earlier ones still matters. `storm_limit` as of its devices.

    `offline_share` is the percentage of its devices that are offline, where it has several: who knows them sets it.
    """

    __slots__ = ("_flow", "_pulses", "_replies", "down_since_ns", "offline_share", "report")

    def __init__(self, report: LinkReport, storm_limit: float = STORM_LEAST) -> None:
        self.report = report
        self.down_since_ns: int | None = None
        self.offline_share = 0.0
        self._pulses = {trouble: Pulse() for trouble in LINK_TROUBLES}
        self._replies = Pulse()
        self._flow = Flow(storm_limit)
        self.update(report)

    def update(self, report: LinkReport) -> None:
        """A newer word of the link."""
        self.report = report
        if report.connected:
            self.down_since_ns = None
        elif report.lost_at_ns is not None:
            self.down_since_ns = report.lost_at_ns
        elif self.down_since_ns is None:  # it has never been up, or does not say since when it is not
            self.down_since_ns = report.at.mono_ns
        self._replies.count(sum(unit.errors.get(ErrorKind.BAD_REPLY, 0) for unit in report.units), report.at)
        if report.counts:
            self._flow.count(report.counts.get("messages", 0), report.at)
            for trouble, (count, *others) in LINK_TROUBLES.items():
                counted = report.counts.get(count, 0) - sum(report.counts.get(other, 0) for other in others)
                self._pulses[trouble].count(counted, report.at)

    def down_ns(self, now: Instant) -> int:
        """How long it has been down; 0 while it is up."""
        return 0 if self.down_since_ns is None else max(0, now.mono_ns - self.down_since_ns)

    def said(self, now: Instant) -> dict[str, Value]:
        """Its points as the gateway tells them."""
        pulses = {**self._pulses, BAD_REPLIES: self._replies, STORM: self._flow.pulse}
        told: dict[str, Value] = {name: pulse.is_on(now) for name, pulse in pulses.items()}
        return told | {LINK_UP: self.report.connected, OFFLINE_SHARE: self.offline_share}
