"""Lossy observers of what has been committed: live view, the demo's lines. What must not be lost hangs elsewhere."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateway.model import Health, Instant, Judgement

log = logging.getLogger("anlou.bus")

Item = TypeVar("Item")
Snapshot = TypeVar("Snapshot")


@dataclass(frozen=True, slots=True)
class HealthChanged:
    """A device came into another state of health. `was` None: the first word after start."""

    device: str
    was: Health | None
    now: Health
    why: str | None
    at: Instant


Change = Judgement | HealthChanged
"""What the app tells of: committed judgements, and changes of health."""


class Subscription(Generic[Item, Snapshot]):
    """What was, then every change since, with no gap between. What a reader is too slow for is counted in `dropped`.

    Such a reader loses the oldest; or, if it gave `overflowed`, that is called once and nothing more is kept for it.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        size: int,
        weigh: Callable[[Item], int],
        leave: Callable[[Subscription[Item, Snapshot]], None],
        overflowed: Callable[[], None] | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.dropped = 0
        self._items: deque[Item] = deque()
        self._held = 0
        self._awaited = 1
        self._size = size
        self._weigh = weigh
        self._fresh = asyncio.Event()
        self._leave = leave
        self._overflowed = overflowed

    def offer(self, item: Item) -> None:
        """Keep it for the reader. One item alone is always kept, whatever it weighs."""
        weight = self._weigh(item)
        while self._items and self._held + weight > self._size:
            if self._overflowed is not None:
                self._break_off(self._overflowed)
                return
            self._held -= self._weigh(self._items.popleft())
            self.dropped += 1
        self._items.append(item)
        self._held += weight
        if self._held >= self._awaited:
            self._fresh.set()

    def take(self, most: int) -> list[Item]:
        """What waits, oldest first, up to the weight `most`, but at least one item if there is any."""
        taken: list[Item] = []
        weight = 0
        while self._items and (not taken or weight + self._weigh(self._items[0]) <= most):
            taken.append(self._items.popleft())
            weight += self._weigh(taken[-1])
        self._held -= weight
        return taken

    async def wait(self, least: int = 1) -> None:
        """Until items of that weight wait."""
        self._awaited = least
        while self._held < least:
            self._fresh.clear()
            await self._fresh.wait()

    async def __aiter__(self) -> AsyncIterator[Item]:
        while True:
            await self.wait()
            for item in self.take(0):
                yield item

    def close(self) -> None:
        """Leave the bus; what was not read is gone."""
        self._leave(self)

    def _break_off(self, overflowed: Callable[[], None]) -> None:
        self.dropped += len(self._items) + 1
        self._items.clear()
        self._held = 0
        self.close()
        try:
            overflowed()
        except Exception:  # publishing never fails, whoever listens
            log.exception("after an observer was left behind")


class Bus(Generic[Item]):
    """Fans items out to bounded queues; publishing never waits and never fails.

    A queue's size is in items, or in what `weigh` says of an item.
    """

    def __init__(self, weigh: Callable[[Item], int] = lambda _: 1) -> None:
        self._subscriptions: list[Subscription[Item, object]] = []
        self._weigh = weigh
        self._dropped_by_departed = 0

    def publish(self, item: Item) -> None:
        for subscription in tuple(self._subscriptions):
            subscription.offer(item)

    def subscribe(
        self, snapshot: Callable[[], Snapshot], size: int = 256, overflowed: Callable[[], None] | None = None
    ) -> Subscription[Item, Snapshot]:
        """`snapshot` is taken and the queue joined in one step of the event loop, so nothing falls in between."""
        subscription: Subscription[Item, Snapshot] = Subscription(
            snapshot(), size, self._weigh, self._remove, overflowed
        )
        self._subscriptions.append(subscription)  # type: ignore[arg-type]  # the list never reads the snapshot
        return subscription

    @property
    def observed(self) -> bool:
        """Somebody listens."""
        return bool(self._subscriptions)

    @property
    def dropped(self) -> int:
        """Items that slow observers lost since start."""
        return self._dropped_by_departed + sum(subscription.dropped for subscription in self._subscriptions)

    def _remove(self, subscription: Subscription[Item, Snapshot]) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)  # type: ignore[arg-type]
            self._dropped_by_departed += subscription.dropped
