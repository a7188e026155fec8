"""The window of messages on their way into the store, and the lanes of their senders."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest

from drivers.mqtt.lanes import Lanes
from drivers.mqtt.window import BYTES, Window


class Desk:
    """What a window tells, and what it wants done in the loop's next turn."""

    def __init__(self, items: int = 100) -> None:
        self.acknowledged: list[int] = []
        self.packets: list[list[int]] = []
        self.paused: list[bool] = []
        self.soon: list[Callable[[], None]] = []
        self.window = Window(items, self.take, self.soon.append, self.paused.append)

    def take(self, mids: object) -> None:
        self.packets.append(list(mids))  # type: ignore[call-overload]
        self.acknowledged += self.packets[-1]

    def turn(self) -> None:
        soon = self.soon[:]
        self.soon.clear()
        for call in soon:
            call()


def test_acknowledgements_keep_the_order_of_arrival() -> None:
    desk = Desk()
    tickets = [desk.window.take(mid, 1) for mid in range(1, 6)]
    for settled in (tickets[2], tickets[1]):
        settled.settle()
    desk.turn()
    assert desk.acknowledged == [] and len(desk.window) == 5
    tickets[0].settle()
    desk.turn()
    assert desk.packets == [[1, 2, 3]] and len(desk.window) == 2


def test_what_settles_together_is_acknowledged_together() -> None:
    desk = Desk()
    tickets = [desk.window.take(mid, 1) for mid in range(1, 51)]
    random.Random(1).shuffle(tickets)
    for ticket in tickets:
        ticket.settle()
    desk.turn()
    assert desk.packets == [list(range(1, 51))]


def test_qos_0_takes_room_and_is_not_acknowledged() -> None:
    desk = Desk()
    without, other = desk.window.take(0, 1), desk.window.take(7, 1)
    other.settle()
    desk.turn()
    assert desk.acknowledged == []
    without.settle()
    desk.turn()
    assert desk.acknowledged == [7] and not len(desk.window)


def test_a_message_for_several_is_settled_by_the_last() -> None:
    desk = Desk()
    ticket = desk.window.take(1, 1)
    ticket.waiting = 3
    for settled in (False, False, True):
        ticket.settle()
        desk.turn()
        assert bool(desk.acknowledged) is settled


def test_half_full_pauses_reading_until_a_quarter_is_left() -> None:
    desk = Desk(items=100)
    tickets = [desk.window.take(mid, 1) for mid in range(1, 61)]
    assert desk.paused == [True] and not desk.window.full
    for ticket in tickets[:34]:
        ticket.settle()
    desk.turn()
    assert desk.paused == [True]
    tickets[34].settle()
    desk.turn()
    assert desk.paused == [True, False]


@pytest.mark.parametrize(("count", "size"), [(100, 1), (8, BYTES // 8)])
def test_full_by_number_or_bytes(count: int, size: int) -> None:
    desk = Desk(items=100)
    for mid in range(1, count):
        desk.window.take(mid, size)
    assert not desk.window.full
    last = desk.window.take(count, size)
    assert desk.window.full
    last.settle()
    desk.turn()
    assert desk.window.full  # it waits for the first


async def test_work_that_waits_for_nothing_is_done_on_the_spot() -> None:
    done: list[int] = []

    async def work(number: int) -> None:
        done.append(number)

    async with asyncio.TaskGroup() as group:
        lanes = Lanes(group)
        for number in range(3):
            lanes.put("a", lambda number=number: work(number))  # type: ignore[misc]
        assert done == [0, 1, 2]


async def test_a_lane_keeps_its_order_and_no_lane_waits_for_another() -> None:
    done: list[str] = []
    gate = asyncio.get_running_loop().create_future()

    async def waits() -> None:
        await asyncio.sleep(0)
        await gate
        await asyncio.sleep(0)
        done.append("slow")

    async def quick(word: str) -> None:
        done.append(word)

    async with asyncio.TaskGroup() as group:
        lanes = Lanes(group)
        lanes.put("a", waits)
        lanes.put("a", lambda: quick("a behind"))
        lanes.put("a", lambda: done.append("a last"))
        lanes.put("b", lambda: quick("b"))
        await asyncio.sleep(0.01)
        assert done == ["b"]
        gate.set_result(None)
    assert done == ["b", "slow", "a behind", "a last"]
    async with asyncio.TaskGroup() as group:
        lanes = Lanes(group)
        lanes.put("a", lambda: quick("again"))
    assert done[-1] == "again"


async def test_failures_reach_their_owner() -> None:
    async def fails_at_once() -> None:
        raise OSError("at once")

    async def fails_later() -> None:
        await asyncio.sleep(0)
        raise OSError("later")

    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            lanes = Lanes(group)
            with pytest.raises(OSError, match="at once"):
                lanes.put("a", fails_at_once)
            lanes.put("a", fails_later)
    assert str(caught.value.exceptions[0]) == "later"


async def test_a_lane_that_is_cancelled_cancels_its_work() -> None:
    seen: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def house() -> None:
        async with asyncio.TaskGroup() as group:
            Lanes(group).put("a", waits)

    task = asyncio.ensure_future(house())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]
