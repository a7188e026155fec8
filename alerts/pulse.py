"""What an alarm remembers of its history: the pulse told of last, and the time that its newest occurrence covered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Past:
    """What one life-safety alarm knows of its history.

    `on`: the newest history judged was TRUE, so that the next TRUE is the same pulse. `told_ns`: the device's time of
    the newest pulse told of; a message delivered again is not told again. `known`: from when to when (UTC) the newest
    closed occurrence was active; what history says of that time is no news.
    """

    on: bool = False
    told_ns: int | None = None
    known: tuple[int, int] | None = None

    def covers(self, at_ns: int) -> bool:
        told = self.told_ns is not None and at_ns <= self.told_ns
        return told or (self.known is not None and self.known[0] <= at_ns <= self.known[1])
