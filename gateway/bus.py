"""Lossy observers of what has been committed: live view, the demo's lines. What must not be lost hangs elsewhere."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")
Snapshot = TypeVar("Snapshot")


class Subscription(Generic[Item, Snapshot]):
    """What was, then every change since, with no gap between. A reader that is too slow loses the oldest, counted."""

    def __init__(self, snapshot: Snapshot, size: int, leave: Callable[[Subscription[Item, Snapshot]], None]) -> None:
        self.snapshot = snapshot
        self.dropped = 0
        self._items: deque[Item] = deque()
        self._size = size
        self._fresh = asyncio.Event()
        self._leave = leave

    def offer(self, item: Item) -> None:
        if len(self._items) >= self._size:
            self._items.popleft()
            self.dropped += 1
        self._items.append(item)
        self._fresh.set()

    async def __aiter__(self) -> AsyncIterator[Item]:
        while True:
            while self._items:
                yield self._items.popleft()
            self._fresh.clear()
            await self._fresh.wait()

    def close(self) -> None:
        """Leave the bus; what was not read is gone."""
        self._leave(self)


class Bus(Generic[Item]):
    """Fans items out to bounded queues; publishing never waits and never fails."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription[Item, object]] = []
        self.dropped_by_departed = 0

    def publish(self, item: Item) -> None:
        for subscription in self._subscriptions:
            subscription.offer(item)

    def subscribe(self, snapshot: Callable[[], Snapshot], size: int = 256) -> Subscription[Item, Snapshot]:
        """`snapshot` is taken and the queue joined in one step of the event loop, so nothing falls in between."""
        subscription: Subscription[Item, Snapshot] = Subscription(snapshot(), size, self._remove)
        self._subscriptions.append(subscription)  # type: ignore[arg-type]  # the list never reads the snapshot
        return subscription

    @property
    def dropped(self) -> int:
        """Items that slow observers lost since start."""
        return self.dropped_by_departed + sum(subscription.dropped for subscription in self._subscriptions)

    def _remove(self, subscription: Subscription[Item, Snapshot]) -> None:
        self._subscriptions.remove(subscription)  # type: ignore[arg-type]
        self.dropped_by_departed += subscription.dropped
