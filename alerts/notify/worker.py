"""The worker of one channel: due deliveries out of the outbox, in order per occurrence, at least once.

Back-off runs in host time: the receiver lives in the real world however fast the building's time runs.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from alerts.annunciate.plan import urgent
from alerts.notify.channel import Channel, Delivered, Outcome, Refused, Retry, about
from alerts.notify.order import Order, Place
from gateway.clock import host_wall_ns
from gateway.model import SECOND, Notice, Severity

log = logging.getLogger("anlou.notify")

FIRST_NS = SECOND
LONGEST_NS = 300 * SECOND
FIRST_AFTER_REFUSAL_NS = 30 * SECOND  # a person must change something first
REFUSALS = 5
LOOK_AT = 200
SENDERS = 4
ROUND = 2 * SENDERS  # occurrences; a new CRITICAL notice waits for two time-outs at most
LOOK_EVERY_S = 1.0
EVER_NS = 2**62
MOST_PENDING = 100_000


class Delivery(Protocol):
    """A row of the outbox: one notice for one channel. `attempts` have failed so far."""

    @property
    def id(self) -> Any: ...
    @property
    def key(self) -> str: ...
    @property
    def notice(self) -> Notice: ...
    @property
    def attempts(self) -> int: ...


class Outbox(Protocol):
    """What the worker needs of the journal. Due are pending deliveries whose time has come: the oldest, or of more than
    `limit` those of the most urgent alarms.
    """

    async def due_deliveries(self, channel: str, now_wall_ns: int, limit: int) -> Sequence[Delivery]: ...
    async def delivered(self, delivery: Any, wall_ns: int) -> None: ...
    async def retry_at(self, delivery: Any, attempts: int, next_wall_ns: int, error: str) -> None: ...
    async def refused(self, delivery: Any, error: str) -> None: ...


@dataclass(slots=True)
class DeliveryCounts:
    """Since start. `dead` were given up, after five refusals or too old; what is urgent never is. `lost` are those of
    high severity among them. `last_error` stays until a success.
    """

    delivered: int = 0
    retried: Counter[str] = field(default_factory=Counter)  # by `retry` or `refused`
    dead: int = 0
    lost: int = 0
    last_error: str | None = None


def _for_ever(severity: Severity) -> int:
    return 0


class DeliveryWorker:
    """Empties one channel's share of the outbox. Run one per channel; `wake()` when new notices are committed.

    `longest` says how old (ns) a notice of a severity may grow before it is given up, 0: it has no end. `now` is the
    label of building time, by which notices have theirs.
    """

    def __init__(
        self,
        channel: Channel,
        outbox: Outbox,
        *,
        rng: random.Random | None = None,
        longest: Callable[[Severity], int] = _for_ever,
        now: Callable[[], int] | None = None,
    ) -> None:
        self.channel = channel
        self._longest = longest
        self._now = now or host_wall_ns
        self.counts = DeliveryCounts()
        self._outbox = outbox
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not secrecy
        self._woken = asyncio.Event()
        self._order: Order | None = None

    def wake(self) -> None:
        """New notices are in the outbox. Call on the event loop's thread."""
        self._woken.set()

    async def run(self) -> NoReturn:
        """Until cancelled. An error of the outbox goes through; one of the channel is a reason to try again."""
        try:
            while True:
                self._woken.clear()
                if not await self.send_due():
                    await self._wait()
        finally:
            await self.channel.close()

    async def send_due(self) -> int:
        """Send what is due now, the most severe first; how many deliveries were due."""
        if self._order is None:
            self._order = await self._learn()
        due = await self._outbox.due_deliveries(self.channel.name, host_wall_ns(), LOOK_AT)
        queues: dict[str, list[Delivery]] = {}
        for delivery in sorted(due, key=lambda one: _place(one.notice)):
            queues.setdefault(delivery.notice.occurrence.occurrence, []).append(delivery)
            if len(names := about(delivery.notice)) > 1:  # whatever follows it stands in other queues
                self._order.waits(names, _place(delivery.notice), host_wall_ns())
        waiting = sorted(queues.values(), key=_urgency)[:ROUND]
        async with asyncio.TaskGroup() as senders:
            for _ in range(min(SENDERS, len(waiting))):
                senders.create_task(self._send_queues(self._order, waiting))
        return len(due)

    async def _learn(self) -> Order:
        """What was backing off when the last run ended; the outbox does not say until when, so look each second."""
        now = host_wall_ns()
        due = {one.id for one in await self._outbox.due_deliveries(self.channel.name, now, MOST_PENDING)}
        order = Order()
        for one in await self._outbox.due_deliveries(self.channel.name, EVER_NS, MOST_PENDING):
            if one.id not in due:
                order.waits(about(one.notice), _place(one.notice), now)
        return order

    async def _send_queues(self, order: Order, waiting: list[list[Delivery]]) -> None:
        while waiting:
            for delivery in waiting.pop(0):
                names, place = about(delivery.notice), _place(delivery.notice)
                held = order.held_until(names, place)
                if held is not None:
                    due = max(held, host_wall_ns() + FIRST_NS)
                    await self._outbox.retry_at(delivery.id, delivery.attempts, due, "an earlier notice comes first")
                    order.waits(names, place, due)
                else:
                    await self._send(order, delivery)

    async def _send(self, order: Order, delivery: Delivery) -> None:
        """One attempt, recorded."""
        notice = delivery.notice
        names, place = about(notice), _place(notice)
        if self._too_old(notice):
            return await self._give_up(order, delivery, "too old: no channel took it in time")
        match await self._attempt(delivery):
            case Delivered():
                await self._outbox.delivered(delivery.id, host_wall_ns())
                order.done(names, place)
                self.counts.delivered += 1
                self.counts.last_error = None
            case Refused(why) if delivery.attempts + 1 >= REFUSALS and not urgent(notice.occurrence):
                await self._give_up(order, delivery, why)
            case Refused() | Retry() as outcome:
                due = await self._later(delivery, outcome)
                order.waits(names, place, due)
                self.counts.last_error = outcome.why
        return None

    def _too_old(self, notice: Notice) -> bool:
        longest = 0 if urgent(notice.occurrence) else self._longest(notice.occurrence.severity)
        return 0 < longest < self._now() - notice.at.wall_ns

    async def _give_up(self, order: Order, delivery: Delivery, why: str) -> None:
        notice = delivery.notice
        await self._outbox.refused(delivery.id, why)
        order.done(about(notice), _place(notice))
        self.counts.dead += 1
        self.counts.lost += notice.occurrence.severity <= Severity.HIGH
        self.counts.last_error = why
        log.error("%s: notice %d given up: %s", self.channel.name, notice.seq, why)

    async def _attempt(self, delivery: Delivery) -> Outcome:
        try:
            return await self.channel.send(delivery.notice, delivery.key)
        except Exception as problem:
            log.exception("%s: notice %d", self.channel.name, delivery.notice.seq)
            return Retry(f"{type(problem).__name__}: {problem}")

    async def _later(self, delivery: Delivery, outcome: Refused | Retry) -> int:
        first = FIRST_AFTER_REFUSAL_NS if isinstance(outcome, Refused) else FIRST_NS
        wait = backoff_ns(delivery.attempts, self._rng, first)
        if isinstance(outcome, Retry) and outcome.after_ns is not None:
            wait = max(wait, outcome.after_ns)
        self.counts.retried["refused" if isinstance(outcome, Refused) else "retry"] += 1
        if delivery.attempts == 0:
            log.warning("%s: notice %d must wait: %s", self.channel.name, delivery.notice.seq, outcome.why)
        due = host_wall_ns() + wait
        await self._outbox.retry_at(delivery.id, delivery.attempts + 1, due, outcome.why)
        return due

    async def _wait(self) -> None:
        """Until something new comes, at most a second: that is how late a back-off may end."""
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._woken.wait()
        except TimeoutError:
            return


def backoff_ns(attempts: int, rng: random.Random, first_ns: int = FIRST_NS) -> int:
    """1 s doubling to 5 min, of which up to half is left to chance."""
    span = min(first_ns * 2 ** min(attempts, 20), LONGEST_NS)
    return int(span * (0.5 + 0.5 * rng.random()))


def _place(notice: Notice) -> Place:
    return notice.seq, notice.step


def _urgency(queue: list[Delivery]) -> tuple[bool, int, int]:
    """By the worst that is said of it: what it has become must not wait behind others for what it was."""
    return (
        not any(urgent(each.notice.occurrence) for each in queue),
        min(each.notice.occurrence.severity for each in queue),
        queue[0].notice.seq,
    )
