"""What a driver needs of an open connection, whatever wire it goes over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from drivers.base import SessionError
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions


class Connection(Protocol):
    """An open connection with at most one question in flight."""

    @property
    def endpoint(self) -> str:
        """The address in use: a link may have a second one."""

    @property
    def broken(self) -> SessionError | None:
        """Why no further question can be asked; None while it can."""

    def owed_ns(self, question: Question) -> int:
        """For how long (host time) the answer to an older question could still be taken for this one's; not above 0:
        it can be asked. `checked_read` waits that long by itself, and nobody else can ask meanwhile.
        """

    async def checked_read(self, question: Question) -> bytes:
        """The data bytes of the answer that is provably this question's.

        ExceptionAnswer when the device says no, RequestError when there is no such answer and the connection goes on,
        SessionError when it must not be used any more. Never wrap this in a shorter timeout.
        """

    def close(self) -> None:
        """Close at once; a question in flight fails with SessionError."""


Connect = Callable[[ModbusLinkOptions], Awaitable[Connection]]
