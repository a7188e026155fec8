"""When to ask, in building time: the grid of due polls, and the pauses of units that do not answer. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from zlib import crc32

from drivers.reconnect import Random, jitter
from gateway.model import SECOND

# links spread over the second in this many ticks; all polls of one link that are due together share its tick
_TICKS = 50
PROBE_FIRST = 5 * SECOND
PROBE_LAST = 60 * SECOND
# a unit that does not answer may take this share of its link's time: 1 in (1 + 4)
PROBE_REST = 4


def first_due(link: str, period_ns: int, now_ns: int) -> int:
    """The link's newest due moment that is not in the future: a unit is polled at once, then on the grid."""
    phase = crc32(link.encode()) % _TICKS * (SECOND // _TICKS)
    return now_ns - (now_ns - phase) % period_ns


def next_due(due_ns: int, period_ns: int, now_ns: int) -> tuple[int, int]:
    """(next due moment, cycles skipped). One late cycle is made up for at once; more are skipped, never piled up."""
    following = due_ns + period_ns
    skipped = max(0, (now_ns - following) // period_ns)
    return following + skipped * period_ns, skipped


@dataclass(slots=True)
class Probing:
    """The pauses of a dead unit: 5 s doubling to 60 s, at most a quarter longer by chance."""

    random: Random = jitter
    pause_ns: int = field(default=PROBE_FIRST)

    def after(self, now_ns: int, took_ns: int) -> int:
        """When to probe again, after a probe (or a cycle) that took `took_ns` of building time in vain."""
        pause = round(self.pause_ns * (1 + self.random() / 4))
        self.pause_ns = min(2 * self.pause_ns, PROBE_LAST)
        return now_ns + max(pause, PROBE_REST * took_ns)
