"""The gateway's side of the bench: questions over its own connections, in plain values, and never a write."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from drivers.base import RequestError, SessionError
from drivers.modbus.exceptions import ExceptionAnswer
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions
from drivers.mqtt.options import MqttLinkOptions
from gateway.app import probing
from gateway.app.control import LONGEST_LINE, ControlError
from gateway.app.probing import Probing
from gateway.model import SECOND, ErrorKind

ASK = {"link": "bus", "unit": 5, "table": "input", "address": 0, "count": 2}


class Wire:
    """A driver that lends a connection which answers as the test says."""

    link = "bus"

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.says: bytes | Exception = bytes.fromhex("43663333")
        self.free = asyncio.Event()
        self.free.set()

    async def borrow(self, use: Callable[[Any], Awaitable[Any]]) -> Any:
        return await use(self)

    async def checked_read(self, question: Question) -> bytes:
        self.asked.append(question)
        await self.free.wait()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


def config(**links: Any) -> Any:
    return SimpleNamespace(site=SimpleNamespace(id="maple"), digest="d" * 64, links=links)


@asynccontextmanager
async def bench() -> AsyncIterator[tuple[Probing, Wire]]:
    wire = Wire()
    links = {
        "bus": ModbusLinkOptions.model_validate({"modbus": "tcp://10.0.0.7", "backup": "tcp://10.0.0.8"}),
        "broker": MqttLinkOptions.model_validate({"mqtt": "mqtt://127.0.0.1", "username": "u", "password": "secret"}),
    }
    made = Probing(SimpleNamespace(config=config(**links)), [wire, SimpleNamespace(link="broker")])  # type: ignore[list-item]
    async with asyncio.TaskGroup() as group:
        running = group.create_task(made.run())
        yield made, wire
        running.cancel()


async def test_one_question_over_the_owner_s_connection() -> None:
    async with bench() as (made, wire):
        said = await made.ask({**ASK, "timeout_ms": 2500})
        assert said["payload"] == "43663333"
        assert said["took_ms"] >= 0
        assert wire.asked == [Question(5, 4, 0, 2, 4, 2500 * SECOND // 1000)]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ExceptionAnswer(2), {"kind": "exception", "code": 2, "session": False}),
        (RequestError(ErrorKind.TIMEOUT, "no answer"), {"kind": "timeout", "message": "no answer", "session": False}),
        (SessionError(ErrorKind.CONNECT, "down"), {"kind": "connect", "message": "down", "session": True}),
    ],
)
async def test_errors_of_the_wire_are_answers(error: Exception, said: dict[str, Any]) -> None:
    async with bench() as (made, wire):
        wire.says = error
        reply = (await made.ask(ASK))["error"]
        assert said.items() <= reply.items()


async def test_a_slow_answer_is_fetched_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "WAIT_SECONDS", 0.01)
    async with bench() as (made, wire):
        wire.free.clear()
        ticket = await made.ask(ASK)
        assert set(ticket) == {"ticket"}
        assert await made.answer(ticket) == ticket
        wire.free.set()
        monkeypatch.setattr(probing, "WAIT_SECONDS", 10)
        assert (await made.answer(ticket))["payload"] == "43663333"
        with pytest.raises(ControlError, match="ticket"):
            await made.answer(ticket)


async def test_questions_that_nobody_fetches_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "WAIT_SECONDS", 0)
    async with bench() as (made, wire):
        wire.free.clear()
        for _ in range(probing.MOST_TICKETS):
            await made.ask(ASK)
        with pytest.raises(ControlError, match="too many"):
            await made.ask(ASK)
        wire.free.set()
        while len(wire.asked) < probing.MOST_TICKETS:  # noqa: ASYNC110 - a test looks from outside
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        assert "ticket" in await made.ask(ASK), "one that nobody came for has made room"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"link": "bsu"}, "no link 'bsu'"),
        ({"link": "broker"}, "is a broker"),
        ({"table": "write"}, "table ="),
        ({"unit": 0}, "1 … 255"),
        ({"unit": True}, "whole numbers"),
        ({"count": 126}, "at most 125"),
        ({"count": 0}, "at most 125"),
        ({"table": "coil", "count": 2001}, "2000 bits"),
        ({"address": 65535}, "behind 65535"),
        ({"address": "0"}, "whole numbers"),
        ({"timeout_ms": 5}, "timeout_ms"),
    ],
)
async def test_what_cannot_be_asked(wrong: dict[str, Any], why: str) -> None:
    async with bench() as (made, wire):
        with pytest.raises(ControlError, match=why):
            await made.ask({**ASK, **wrong})
        assert wire.asked == []


async def test_links_with_their_doors_and_no_secret() -> None:
    async with bench() as (made, _):
        said = await made.links({})
        assert said["site"] == "maple"
        assert said["links"][0]["doors"] == ["tcp://10.0.0.7:502", "tcp://10.0.0.8:502"]
        assert said["links"][1]["endpoint"] == "mqtt://127.0.0.1:1883"
        assert "secret" not in json.dumps(said)
        with pytest.raises(ControlError):
            await made.links({"after": "x"})


async def test_many_links_come_in_pages_that_fit_into_a_line() -> None:
    names = [f"link-{number:04d}-{'x' * 50}" for number in range(250)]
    host = "h" * 60 + "." + "h" * 60 + "." + "h" * 60
    links = {name: ModbusLinkOptions.model_validate({"modbus": f"tcp://{host}"}) for name in names}
    made = Probing(SimpleNamespace(config=config(**links)), [SimpleNamespace(link=name) for name in names])  # type: ignore[misc]
    found: list[str] = []
    more = True
    while more:
        page = await made.links({"after": len(found)})
        assert len(json.dumps({"ok": True, **page}).encode()) < LONGEST_LINE
        found += [link["link"] for link in page["links"]]
        more = page["more"]
    assert found == names
