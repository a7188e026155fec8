"""However commits, the bus, the reads of the journal and broken connections fall: each row once, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from gateway.api import streams, telling
from gateway.api.house import House
from gateway.api.streams import Pace, Streams
from gateway.api.telling import Listener, Telling
from gateway.api.tokens import Identity, Role
from tests.api.listening import PATIENCE, Ear, Log

PACE = Pace(ping=1000.0, taking=1000.0, together=0.0)

KINDS = {"commit": 6, "close": 1, "publish": 5, "overtake": 1, "turn": 8, "break": 2}


def drawn(random: Random) -> tuple[str, Any]:
    """One step of the world."""
    kind = random.choices(list(KINDS), list(KINDS.values()))[0]
    what: dict[str, Callable[[], Any]] = {
        "commit": lambda: random.choices([None, 0, 1, 2], k=random.randint(1, 4)),
        "close": lambda: random.randrange(3),
        "publish": lambda: random.randint(1, 3),
        "turn": lambda: random.randint(1, 40),
    }
    return kind, what.get(kind, lambda: None)()


class Slowly:
    """A worker thread's read without the thread: so many turns of the loop pass before it and after it."""

    def __init__(self, turns: Iterator[int]) -> None:
        self._turns = turns

    async def run(self, read: Callable[..., Any], *args: Any) -> Any:
        await turn(next(self._turns))
        answer = read(*args)
        await turn(next(self._turns))
        return answer


async def turn(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


class Client:
    """Comes back whenever its connection ends, and knows what it was told by the rules of docs/api.md."""

    def __init__(self, state: SimpleNamespace, turns: Iterator[int]) -> None:
        self._state = state
        self._turns = turns
        self._task: asyncio.Task[None] | None = None
        self.last_id: int | None = None
        self.base: int | None = None
        self.rows: list[int] = []
        self.alarms: dict[str, tuple[int, bool]] = {}
        self.ear = Ear()

    async def listen(self) -> None:
        with self._state.streams.enter("x") as seat:
            listener = Listener(Identity("x", Role.VIEWER), b"", self.last_id, ())
            told = Telling(self._state, listener, self._send)
            await told.begin()
            with seat.scope:
                await told.run(seat)

    def connect(self, group: asyncio.TaskGroup) -> None:
        if self._task is None or self._task.done():
            self.ear = Ear()
            self._task = group.create_task(self.listen())

    async def leave(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _send(self, message: Any) -> None:
        await turn(next(self._turns))
        known = len(self.ear.heard)
        self.ear.feed(message["body"])
        for heard in self.ear.heard[known:]:
            self._learn(heard)

    def _learn(self, heard: Any) -> None:
        if heard.id is not None:
            assert self.last_id is None or heard.id >= self.last_id, "ids never go back"
            self.last_id = heard.id
        if heard.event == "snapshot":
            self.base = heard.id if self.base is None else self.base
            self.alarms = {one["occurrence"]: (one["seq"], True) for one in heard.content["alarms"]}
        elif heard.event in ("alarm", "journal"):
            self.rows.append(heard.id)
            if (alarm := heard.content.get("alarm")) and alarm["seq"] >= self.alarms.get(alarm["occurrence"], (0,))[0]:
                self.alarms[alarm["occurrence"]] = (alarm["seq"], alarm["life"]["closed_at"] is None)

    def standing(self) -> dict[str, int]:
        return {name: seq for name, (seq, is_open) in self.alarms.items() if is_open}


@pytest.mark.parametrize("seed", range(300))
def test_each_row_once_in_order(make_house: Callable[..., House], seed: int) -> None:
    random = Random(seed)
    steps = [drawn(random) for _ in range(random.randint(1, 60))]
    slowest = random.choice([0, 2, 6])

    async def main() -> tuple[Log, Client]:
        log = Log()
        for _ in range(random.randrange(5)):
            log.tell(0)
        pattern = iter(lambda: random.randint(0, slowest), -1)
        house = make_house(records=log, changes=log.bus)
        reading = Slowly(pattern)
        state = SimpleNamespace(house=house, streams=Streams(house, PACE), reading=reading, replaying=reading)
        client = Client(state, pattern)
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
            pump = group.create_task(state.streams.run())
            client.connect(group)
            for step in steps:
                await take(step, log, client)
                client.connect(group)
            log.publish()
            while client.last_id != log.last_seq() or client.standing() != standing(log):
                await asyncio.sleep(0)
                client.connect(group)
            await client.leave()
            pump.cancel()
        return log, client

    queue = random.choice([1000, 4000, 10**6])
    with patch.object(telling, "PAGE", random.randint(1, 4)), patch.object(streams, "QUEUED_BYTES", queue):
        log, client = asyncio.run(main())
    assert client.base is not None
    assert client.rows == list(range(client.base + 1, log.last_seq() + 1))


async def take(step: tuple[str, Any], log: Log, client: Client) -> None:
    match step:
        case "commit", numbers:
            log.commit(*numbers)
        case "close", number:
            log.commit(number, close=True)
        case "publish", most:
            log.publish(most)
        case "overtake", _:
            log.unpublished[:2] = log.unpublished[1::-1]
        case "turn", times:
            await turn(times)
        case "break", _:
            await client.leave()


def standing(log: Log) -> dict[str, int]:
    return {alarm.occurrence: alarm.seq for alarm in log.occurrences(open_only=True)}
