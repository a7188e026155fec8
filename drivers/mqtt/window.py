"""What has been taken from the broker and is not durable yet: bounded, and acknowledged in the order of arrival.

MQTT 5 §4.6 wants that order, and it makes a duplicate wait for its original's commit. At half of its size nothing more
is read until a quarter is left: the broker waits. A full window takes nothing at all: the connection is made anew, and
the broker brings the rest again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

# bytes of payload, whatever the number of messages (faults.md §7)
BYTES = 8 << 20


class Ticket:
    """One message on its way into the store. `settle` is the `accept` of its last record."""

    __slots__ = ("mid", "settled", "size", "waiting", "window")

    def __init__(self, window: Window, mid: int, size: int) -> None:
        self.window = window
        self.mid = mid
        self.size = size
        self.settled = False
        self.waiting = 1

    def settle(self) -> None:
        """Durable, or nothing that has to be. Each call counts one of `waiting`."""
        self.waiting -= 1
        if self.waiting == 0:
            self.settled = True
            self.window.settled(self)


class Window:
    """The tickets of one connection. `acknowledge` gets packet numbers, `soon` calls back in the loop's next turn.

    `pause` is told True when nothing more should be read, and False when it may be again.
    """

    def __init__(
        self,
        items: int,
        acknowledge: Callable[[Sequence[int]], None],
        soon: Callable[[Callable[[], None]], object],
        pause: Callable[[bool], None] = lambda pausing: None,
    ) -> None:
        self._items = items
        self._acknowledge = acknowledge
        self._soon = soon
        self._tickets: deque[Ticket] = deque()
        self._bytes = 0
        self._flushing = False
        self._pause = pause
        self._paused = False
        self.acknowledged = 0
        self.on_empty: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._tickets)

    @property
    def full(self) -> bool:
        return len(self._tickets) >= self._items or self._bytes >= BYTES

    def take(self, mid: int, size: int) -> Ticket:
        """A message has been taken; `mid` 0 needs no acknowledgement, but takes room like any other."""
        ticket = Ticket(self, mid, size)
        self._tickets.append(ticket)
        self._bytes += size
        if not self._paused and (2 * len(self._tickets) > self._items or 2 * self._bytes > BYTES):
            self._paused = True
            self._pause(True)
        return ticket

    def settled(self, ticket: Ticket) -> None:
        # a commit settles many at once: they are acknowledged together
        if not self._flushing and self._tickets and self._tickets[0].settled:
            self._flushing = True
            self._soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        tickets = self._tickets
        mids = []
        while tickets and tickets[0].settled:
            ticket = tickets.popleft()
            self._bytes -= ticket.size
            self.acknowledged += 1
            if ticket.mid:
                mids.append(ticket.mid)
        if mids:
            self._acknowledge(mids)
        if self._paused and 4 * len(tickets) <= self._items and 4 * self._bytes <= BYTES:
            self._paused = False
            self._pause(False)
        if not tickets and self.on_empty is not None:
            self.on_empty()
