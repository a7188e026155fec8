"""When to connect again, in building time; the same for every wire. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from gateway.model import SECOND

Random = Callable[[], float]
"""A number in [0, 1)."""

CONNECT_SPACING = SECOND


def jitter() -> float:
    return random.random()  # noqa: S311 - spreads load, keeps no secret


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
