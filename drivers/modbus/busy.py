"""How much of the last minute a link's wire was taken. Pure."""

from __future__ import annotations

from gateway.model import SECOND

WINDOW = 60


class Busy:
    """Time on the wire, in seconds of building time, each with the share of it that was taken."""

    def __init__(self, now_ns: int) -> None:
        self._began_ns = now_ns
        self._taken = [0] * WINDOW
        self._second = now_ns // SECOND

    def took(self, began_ns: int, ended_ns: int) -> None:
        """A question was on the wire from `began_ns` to `ended_ns`."""
        self._forget(ended_ns)
        first = began_ns // SECOND
        if first == self._second:  # nearly always
            self._taken[first % WINDOW] += ended_ns - began_ns
            return
        for second in range(max(first, self._second - WINDOW + 1), self._second + 1):
            low, high = max(began_ns, second * SECOND), min(ended_ns, (second + 1) * SECOND)
            self._taken[second % WINDOW] += high - low

    def share(self, now_ns: int) -> float:
        """0 … 1 of the last minute; of the time since start, while that is shorter."""
        self._forget(now_ns)
        whole = (WINDOW - 1) * SECOND + now_ns % SECOND
        span = min(now_ns - self._began_ns, whole)
        return min(1.0, sum(self._taken) / span) if span > 0 else 0.0

    def _forget(self, now_ns: int) -> None:
        now = now_ns // SECOND
        for second in range(max(self._second + 1, now - WINDOW + 1), now + 1):
            self._taken[second % WINDOW] = 0
        self._second = max(self._second, now)
