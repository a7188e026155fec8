"""When to ask, in building time: the grid of due polls, and the pauses of what does not answer. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from zlib import crc32

from gateway.model import SECOND

Random = Callable[[], float]
"""A number in [0, 1)."""

# links spread over the second in this many ticks; all polls of one link that are due together share its tick
_TICKS = 50
PROBE_FIRST = 5 * SECOND
PROBE_LAST = 60 * SECOND
# a unit that does not answer may take this share of its link's time: 1 in (1 + 4)
PROBE_REST = 4
CONNECT_SPACING = SECOND


def jitter() -> float:
    return random.random()  # noqa: S311 - spreads load, keeps no secret


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


@dataclass(slots=True)
class Reconnecting:
    """The pauses between connects: full jitter from `first_ns` doubling to `last_ns`, never two within a second."""

    first_ns: int
    last_ns: int
    random: Random = jitter
    attempts: int = 0
    _last_ns: int | None = None

    def worked(self) -> None:
        """The connection brought a good answer: the next loss starts anew."""
        self.attempts = 0

    def next_at(self, now_ns: int) -> int:
        """When to connect next."""
        if self._last_ns is None:
            return now_ns
        ceiling = min(self.last_ns, self.first_ns << min(self.attempts - 1, 20)) if self.attempts else 0
        return max(self._last_ns + CONNECT_SPACING, now_ns + round(ceiling * self.random()))

    def connecting(self, now_ns: int) -> None:
        self.attempts += 1
        self._last_ns = now_ns
