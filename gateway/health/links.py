"""What a link's reports say of it as a whole: since when it is down, and what has just gone wrong on it."""

from __future__ import annotations

from gateway.health.points import LINK_TROUBLES, LINK_UP
from gateway.model import SECOND, Instant, LinkReport

PULSE_NS = 60 * SECOND


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


class LinkRecord:
    """One link's newest report, and what of the earlier ones still matters."""

    __slots__ = ("_pulses", "down_since_ns", "report")

    def __init__(self, report: LinkReport) -> None:
        self.report = report
        self.down_since_ns: int | None = None
        self._pulses = {trouble: Pulse() for trouble in LINK_TROUBLES}
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
        if report.counts:
            for trouble, (count, *others) in LINK_TROUBLES.items():
                counted = report.counts.get(count, 0) - sum(report.counts.get(other, 0) for other in others)
                self._pulses[trouble].count(counted, report.at)

    def down_ns(self, now: Instant) -> int:
        """How long it has been down; 0 while it is up."""
        return 0 if self.down_since_ns is None else max(0, now.mono_ns - self.down_since_ns)

    def said(self, now: Instant) -> dict[str, bool]:
        """Its points as the gateway tells them."""
        return {LINK_UP: self.report.connected} | {name: pulse.is_on(now) for name, pulse in self._pulses.items()}
