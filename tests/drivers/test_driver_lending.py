"""The link's connection lent to the integrator's bench: between two polls, a question at a time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from drivers.base import SessionError
from drivers.modbus.connection import Connection
from drivers.modbus.frame import Question
from gateway.model import SECOND, ErrorKind
from tests.drivers.made import link, unit
from tests.drivers.wire import ONE, broken, running

ASK = Question(9, 3, 4711, 2, 4)
MS = SECOND // 1000


async def read(connection: Connection) -> bytes:
    return await connection.checked_read(ASK)


async def test_a_question_goes_out_between_two_polls() -> None:
    async with running(link(unit("a", 1, ONE)), takes=300 * MS) as run:
        await run.seconds(0.1)
        asked = asyncio.ensure_future(run.driver.borrow(read))
        await run.seconds(0.1)
        assert run.wire.times(9) == [], "one question at a time: a poll is under way"
        await run.seconds(0.6)
        assert asked.result() == (4711).to_bytes(2, "big") + (4712).to_bytes(2, "big")
        assert len(run.wire.connects) == 1
        await run.seconds(5)
        assert len(run.of("a")) >= 6


async def test_polls_keep_two_thirds_of_the_wire() -> None:
    async with running(link(*(unit(f"u{n}", n, ONE) for n in range(1, 7))), takes=100 * MS) as run:

        async def scan() -> None:
            while True:
                await run.driver.borrow(read)

        scanning = asyncio.ensure_future(scan())
        await run.seconds(30)
        scanning.cancel()
        for number in range(1, 7):
            assert len(run.of(f"u{number}")) >= 30, "600 ms of polls a second leave room"
        assert 90 <= len(run.wire.times(9)) <= 101


async def test_a_loan_is_for_one_question_and_not_for_closing() -> None:
    async def greedy(connection: Connection) -> bytes:
        assert connection.endpoint == "tcp://127.0.0.1:1"
        with pytest.raises(RuntimeError, match="closed by its owner"):
            connection.close()
        await connection.checked_read(ASK)
        return await connection.checked_read(ASK)

    async with running(link(unit("a", 1, ONE))) as run:
        with pytest.raises(RuntimeError, match="one question"):
            await run.driver.borrow(greedy)
        assert run.wire.closed == 0
        await run.driver.borrow(read)


async def test_a_borrower_waits_for_ten_seconds_at_most() -> None:
    async def patient(connection: Connection) -> bytes:
        return await connection.checked_read(replace(ASK, timeout_ns=60 * SECOND))

    async with running(link(unit("a", 1, ONE))) as run:
        await run.driver.borrow(patient)
        assert [q.timeout_ns for _, q in run.wire.asked if q.unit == 9] == [10 * SECOND]


async def test_a_link_that_is_down_lends_nothing() -> None:
    async with running(link(unit("a", 1, ONE)), reachable=False) as run:
        with pytest.raises(SessionError, match="the link is down"):
            await run.driver.borrow(read)


async def test_a_loan_that_breaks_the_connection_is_told_to_both() -> None:
    async with running(link(unit("a", 1, ONE))) as run:
        run.wire.units = {9: broken}
        with pytest.raises(SessionError) as told:
            await run.driver.borrow(read)
        assert told.value.kind is ErrorKind.BAD_REPLY
