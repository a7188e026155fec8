"""A link's open connection lent to the integrator's bench, between two questions of its owner (D23)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from drivers.base import SessionError
from drivers.modbus.connection import Connection
from drivers.modbus.frame import Question
from gateway.clock import Clock
from gateway.model import SECOND, ErrorKind

T = TypeVar("T")
# a loan may take one part of the wire in (1 + 2)
LOAN_REST = 2
LONGEST = 10 * SECOND
"""What a borrower may wait for an answer: so long nobody else is heard."""


class Loan:
    """The connection for one question: then its owner goes on, and the borrower comes again."""

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection
        self.endpoint = connection.endpoint
        self.broken = connection.broken

    def owed_ns(self, question: Question) -> int:
        return 0 if self._connection is None else self._connection.owed_ns(question)

    async def checked_read(self, question: Question) -> bytes:
        if question.timeout_ns is not None:
            question = replace(question, timeout_ns=min(question.timeout_ns, LONGEST))
        connection, self._connection = self._connection, None
        if connection is None:
            raise RuntimeError("a loan is for one question")
        return await connection.checked_read(question)

    def close(self) -> None:
        raise RuntimeError("a connection is closed by its owner")


class Lending:
    """`wire` is held by whoever has a question in flight; `connection` is what there is to lend."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.wire = asyncio.Lock()
        self.connection: Connection | None = None
        self._borrowers = asyncio.Lock()
        self._free_ns = 0

    async def borrow(self, use: Callable[[Connection], Awaitable[T]]) -> T:
        """The result of `use`, which may ask one question; SessionError when the link is down. One borrower at a time,
        and after each loan the wire is its owner's for twice as long as that took.
        """
        async with self._borrowers:
            await self._clock.sleep_until(self._free_ns)
            async with self.wire:
                if self.connection is None:
                    raise SessionError(ErrorKind.CONNECT, "the link is down: it is being connected again")
                began_ns = self._clock.now().mono_ns
                try:
                    return await use(Loan(self.connection))
                finally:
                    ended_ns = self._clock.now().mono_ns
                    self._free_ns = ended_ns + LOAN_REST * (ended_ns - began_ns)
