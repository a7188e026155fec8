"""When to connect again, and when a backlog is over; in building time. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

from drivers.reconnect import Random, Reconnecting, jitter
from gateway.model import SECOND

FIRST, LAST = SECOND // 2, 5 * SECOND
# two clients with one name throw each other out for ever: from the third time within a minute on, we wait
THROWN_OUT, WITHIN, GIVE_WAY = 3, 60 * SECOND, 20 * SECOND
# a connection that is lost sooner did not work, whatever it said
WORKED = 5 * SECOND
QUIET = SECOND
# by then what comes is new, though it never stopped
LONGEST_DRAIN = 30 * SECOND


class Connecting:
    """The pauses between connections: 0.5 … 5 s full jitter, and 20 s and more when another client has our name."""

    def __init__(self, random: Random = jitter) -> None:
        self._pauses = Reconnecting(FIRST, LAST, random)
        self._random = random
        self._thrown_out: deque[int] = deque(maxlen=THROWN_OUT)
        self._since_ns: int | None = None
        self.contested = False
        """Somebody else uses our name; believed until a connection has lasted for a minute."""

    def next_at(self, now_ns: int) -> int:
        """When to connect next."""
        at = self._pauses.next_at(now_ns)
        if self.contested:
            at = max(at, now_ns + GIVE_WAY + round(GIVE_WAY * self._random() / 2))
        return at

    def connecting(self, now_ns: int) -> None:
        self._pauses.connecting(now_ns)

    def connected(self, now_ns: int) -> None:
        self._since_ns = now_ns

    def lost(self, now_ns: int, *, thrown_out: bool = False) -> None:
        """A connection that worked for a while starts the pauses anew."""
        lived_ns = now_ns - self._since_ns if self._since_ns is not None else 0
        self._since_ns = None
        if lived_ns >= WORKED:
            self._pauses.worked()
        if lived_ns >= WITHIN:
            self.contested = False
        if thrown_out:
            self._thrown_out.append(now_ns)
            self.contested |= len(self._thrown_out) == THROWN_OUT and now_ns - self._thrown_out[0] <= WITHIN

    def again(self) -> None:
        """We have ended the connection ourselves: nothing is wrong with the broker."""
        self._pauses.worked()
        self._since_ns = None


class Drain:
    """After a connection that kept our session, what the broker had kept comes first. When is that over?

    For the link when nothing has come for a second, for a sender when it has also been silent for its own `quiet`
    time, for all after 30 s: a link that is never silent must not stay in the past.
    """

    def __init__(self, now_ns: int) -> None:
        self._began_ns = self._heard_ns = now_ns
        self._link_over = False
        self._senders: dict[Hashable, int] = {}
        self._over: set[Hashable] = set()
        self.closed: set[Hashable] = set()  # whose owner has been told

    def heard(self, sender: Hashable, quiet_ns: int, now_ns: int) -> bool:
        """A message has come: True when it may have waited at the broker."""
        drained = not self.over(sender, quiet_ns, now_ns)
        self._heard_ns = now_ns
        if drained:
            self._senders[sender] = now_ns
        return drained

    def over(self, sender: Hashable, quiet_ns: int, now_ns: int) -> bool:
        if sender in self._over:
            return True
        if not self._link_over:
            self._link_over = now_ns - self._heard_ns >= QUIET or now_ns - self._began_ns >= LONGEST_DRAIN
        if self._link_over and (
            now_ns - self._senders.get(sender, self._began_ns) >= quiet_ns or now_ns - self._began_ns >= LONGEST_DRAIN
        ):
            self._over.add(sender)
            return True
        return False
