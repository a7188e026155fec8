"""Supervision contains a neighbour's failure; the bus loses only what its slow reader did not take, counted."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random

import pytest

from gateway.bus import Bus
from gateway.clock import VirtualClock
from gateway.model import SECOND
from gateway.supervise import LONGEST_NS, Backoff, supervise


async def test_a_failure_is_told_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    clock, starts, failures = VirtualClock(), [], []

    async def link() -> None:
        starts.append(clock.now().mono_ns)
        raise ConnectionError("refused")

    with caplog.at_level(logging.WARNING):
        task = asyncio.create_task(supervise("link x", link, clock, rng=random.Random(1), failed=failures.append))
        for _ in range(60):
            await clock.advance(10 * SECOND)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    gaps = [b - a for a, b in itertools.pairwise(starts)]
    assert len(starts) > 15
    assert max(gaps) <= LONGEST_NS
    assert len(failures) >= len(starts) - 1
    assert len(caplog.records) == 1
    assert "refused" in caplog.text


async def test_a_healthy_run_starts_the_backoff_over() -> None:
    clock, starts = VirtualClock(), []

    async def link() -> None:
        starts.append(clock.now().mono_ns)
        await clock.sleep_until(clock.now().mono_ns + 61 * SECOND)
        raise ConnectionError("lost")

    task = asyncio.create_task(supervise("link y", link, clock, rng=random.Random(2)))
    for _ in range(300):
        await clock.advance(SECOND)
    task.cancel()
    gaps = [b - a - 61 * SECOND for a, b in itertools.pairwise(starts)]
    assert len(gaps) >= 3
    assert max(gaps) <= SECOND // 2


def test_backoff_doubles_up_to_its_longest_with_jitter() -> None:
    backoff = Backoff(random.Random(3))
    waits = [backoff.next_ns() for _ in range(200)]
    assert max(waits[:3]) <= 2 * SECOND
    assert max(waits) <= LONGEST_NS
    assert max(waits) > LONGEST_NS // 2
    assert len(set(waits)) > 100
    backoff.reset()
    assert backoff.next_ns() <= SECOND // 2


async def test_subscribing_is_snapshot_and_stream_without_a_gap() -> None:
    bus: Bus[int] = Bus()
    seen = []
    for number in range(3):
        bus.publish(number)
    subscription = bus.subscribe(lambda: "so far: 3")
    assert subscription.snapshot == "so far: 3"
    for number in range(3, 6):
        bus.publish(number)
    async for number in subscription:
        seen.append(number)
        if number == 5:
            break
    assert seen == [3, 4, 5]


async def test_a_slow_reader_loses_the_oldest_counted_and_alone() -> None:
    bus: Bus[int] = Bus()
    slow, quick = bus.subscribe(lambda: None, size=4), bus.subscribe(lambda: None, size=100)
    for number in range(10):
        bus.publish(number)
    assert (slow.dropped, quick.dropped, bus.dropped) == (6, 0, 6)
    first = await anext(slow.__aiter__())
    assert first == 6
    slow.close()
    bus.publish(10)
    assert bus.dropped == 6


async def test_an_observer_that_wants_to_know_is_told_once_and_gets_nothing_more() -> None:
    bus: Bus[int] = Bus()
    told: list[str] = []
    strict = bus.subscribe(lambda: None, size=3, overflowed=lambda: told.append("overflowed"))
    lossy = bus.subscribe(lambda: None, size=100)
    for number in range(3):
        bus.publish(number)
    assert told == []
    assert strict.take(2) == [0, 1]
    for number in range(3, 10):
        bus.publish(number)
    assert (told, strict.take(100), strict.dropped) == (["overflowed"], [], 4)
    assert lossy.take(100) == list(range(10))
    assert bus.dropped == 4
    strict.close()
    lossy.close()
    lossy.close()
    assert (bus.observed, bus.dropped) == (False, 4)


async def test_publishing_never_fails_whatever_an_observer_does(caplog: pytest.LogCaptureFixture) -> None:
    bus: Bus[int] = Bus()

    def fails() -> None:
        raise ValueError("mine")

    bus.subscribe(lambda: None, size=1, overflowed=fails)
    other = bus.subscribe(lambda: None, size=10)
    for number in range(3):
        bus.publish(number)
    assert other.take(10) == [0, 1, 2]
    assert "mine" in caplog.text


async def test_an_observer_may_leave_while_something_is_told() -> None:
    bus: Bus[int] = Bus()
    second = bus.subscribe(lambda: None, size=10)
    bus.subscribe(lambda: None, size=1, overflowed=second.close)
    third = bus.subscribe(lambda: None, size=10)
    for number in range(3):
        bus.publish(number)
    assert third.take(10) == [0, 1, 2]


async def test_queues_may_be_measured_in_what_items_weigh() -> None:
    bus: Bus[bytes] = Bus(weigh=len)
    told: list[str] = []
    lossy = bus.subscribe(lambda: None, size=10)
    strict = bus.subscribe(lambda: None, size=10, overflowed=lambda: told.append("overflowed"))
    bus.publish(b"x" * 50)  # one alone is kept, whatever it weighs
    assert (told, lossy.take(1), strict.take(1)) == ([], [b"x" * 50], [b"x" * 50])
    for size in (4, 4, 2):
        bus.publish(b"y" * size)
    assert (told, lossy.dropped) == ([], 0)
    assert [len(item) for item in strict.take(8)] == [4, 4]
    bus.publish(b"z" * 8)
    assert (told, lossy.dropped) == ([], 2)
    assert [len(item) for item in lossy.take(10)] == [2, 8]
    assert [len(item) for item in strict.take(10)] == [2, 8]


async def test_who_waits_wakes_once_something_is_there() -> None:
    bus: Bus[int] = Bus()
    subscription = bus.subscribe(lambda: None)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(subscription.wait())
        await asyncio.sleep(0)
        assert not waiting.done()
        bus.publish(1)
        await waiting
        more = group.create_task(subscription.wait(3))
        for number in (2, 3):
            await asyncio.sleep(0)
            assert not more.done()
            bus.publish(number)
    await subscription.wait()
    assert subscription.take(3) == [1, 2, 3]
