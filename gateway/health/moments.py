"""Moments and lengths of time as sentences say them: in the building's own time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from gateway.model import SECOND, Instant


@dataclass(frozen=True, slots=True)
class Saying:
    """The moment at which something is said, and the building's zone."""

    now: Instant
    zone: tzinfo = UTC

    def wall(self, wall_ns: int) -> str:
        """`08:15:02`, with the date when that is not today's."""
        told, today = (datetime.fromtimestamp(ns // SECOND, self.zone) for ns in (wall_ns, self.now.wall_ns))
        return told.strftime("%H:%M:%S" if told.date() == today.date() else "%Y-%m-%d %H:%M:%S")

    def mono(self, mono_ns: int) -> str:
        """A moment of building time, as the clock shows it."""
        return self.wall(self.now.wall_ns - self.now.mono_ns + mono_ns)

    def at(self, moment: Instant) -> str:
        return self.wall(moment.wall_ns)


def lasting(ns: int) -> str:
    """`45 s`, `10 min`, `1.5 h`."""
    seconds = ns / SECOND
    for length, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * length or (seconds >= length and not seconds % length):
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"
