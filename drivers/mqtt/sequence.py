"""A sender's own count of its messages: what is missing between two of them, and where it began anew (MQ12). Pure."""

from __future__ import annotations

# LoRaWAN counts uplinks in 16 or 32 bits (LoRaWAN 1.0.4 §4.3.1.5); nobody loses so many messages between two heard
FURTHEST = 1 << 15
# a message that took another way than its neighbours
OUT_OF_ORDER = 16


class Sequence:
    """The newest number, and what the numbers so far say: `missed` messages, `restarts` of the count."""

    __slots__ = ("_newest", "missed", "restarts")

    def __init__(self) -> None:
        self._newest: int | None = None
        self.missed = 0
        self.restarts = 0

    def heard(self, number: int) -> None:
        """A message with this number has come."""
        newest = self._newest
        step = 1 if newest is None else number - newest
        if -OUT_OF_ORDER < step <= 0:
            return  # again, or late: it was counted as missing, and a count of losses never goes back
        self._newest = number
        if 0 < step <= FURTHEST:
            self.missed += step - 1
        else:
            self.restarts += 1
