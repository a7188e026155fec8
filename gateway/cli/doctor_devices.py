"""The doctor's look at devices while no gateway runs: one cheap question to each unit, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from drivers.assign import LinkAssignment
from drivers.base import RequestError, SessionError
from drivers.modbus.connect import open_connection
from drivers.modbus.connection import Connection
from drivers.modbus.exceptions import Consequence, ExceptionAnswer
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions
from drivers.modbus.rest import rest
from drivers.modbus.unit import Unit
from drivers.reconnect import jitter
from gateway.cli.doctor_finding import Finding, fails, fine, warns
from gateway.clock import host_mono_ns
from gateway.model import SECOND, ErrorKind, Instant

BETWEEN_NS = SECOND // 20  # nobody who asks without need asks fast
MOST_CONNECTIONS = 5
"""On one link: a unit that hangs up costs the next one a new connection, and not for ever."""


async def modbus_link(link: str, options: ModbusLinkOptions, assignment: LinkAssignment) -> AsyncIterator[Finding]:
    """Connect, ask each unit for one value, and leave."""
    connection: Connection | None = None
    connections = 0
    try:
        for unit in [Unit(one, Instant(0, 0), jitter) for one in assignment.units]:
            if connection is None:
                if connections == MOST_CONNECTIONS:
                    yield fails("device", "link_hangs_up", link=link, endpoint=options.endpoint)
                    return
                connections += 1
                try:
                    connection = await open_connection(options)
                except SessionError as error:
                    yield fails("link", "link_refused", link=link, endpoint=options.endpoint, why=error.message)
                    return
                if connections == 1:
                    key = "link_good" if connection.endpoint == options.endpoint else "link_backup"
                    say = fine if key == "link_good" else warns
                    yield say("link", key, link=link, endpoint=connection.endpoint)
            await _rest(max(BETWEEN_NS, options.pause))
            finding, keeps = await _asked(link, unit, connection)
            yield finding
            if not keeps:
                connection.close()
                connection = None
    finally:
        if connection is not None:
            connection.close()


async def _asked(link: str, unit: Unit, connection: Connection) -> tuple[Finding, bool]:
    """What came of one question, and whether the connection goes on."""
    question = unit.probe
    shown = {"name": unit.spec.name, "unit": question.unit, "link": link}
    await rest(connection.owed_ns(question))  # of the line, not of this unit: it would look slow
    began_ns = host_mono_ns()
    try:
        await _read_twice(connection, question)
    except ExceptionAnswer as error:
        absent = error.consequence is Consequence.ABSENT
        say = fails if absent else warns
        return say("device", "unit_absent" if absent else "unit_refuses", why=error.message, **shown), True
    except RequestError as error:
        damaged = error.kind is ErrorKind.CRC
        return fails("device", "unit_damaged" if damaged else "unit_silent", why=error.message, **shown), True
    except SessionError as error:
        return fails("device", "unit_silent", why=error.message, **shown), False
    took = (host_mono_ns() - began_ns) / 1_000_000
    return fine("device", "unit_good", took=f"{took:.0f}", **shown), True


async def _read_twice(connection: Connection, question: Question) -> None:
    """On a line a question may get lost; two in a row do not."""
    try:
        await connection.checked_read(question)
    except ExceptionAnswer:
        raise
    except RequestError:
        await _rest(BETWEEN_NS)
        await connection.checked_read(question)


async def _rest(ns: int) -> None:
    """Host time between two questions."""
    try:
        async with asyncio.timeout(ns / SECOND):
            await asyncio.Event().wait()
    except TimeoutError:
        return
