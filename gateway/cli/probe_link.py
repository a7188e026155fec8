"""Who asks for the bench: a connection of its own, or the gateway that already has one to the same endpoint (D23)."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from drivers.base import RequestError, SessionError
from drivers.modbus.cell import Table
from drivers.modbus.connect import open_connection
from drivers.modbus.connection import Connection
from drivers.modbus.exceptions import ExceptionAnswer
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions
from drivers.modbus.rest import rest
from gateway.app import control
from gateway.app.control import ControlError
from gateway.cli.run import default_folder
from gateway.clock import Clock, host_mono_ns
from gateway.model import SECOND, ErrorKind

# some devices die of more than one connection in a second
_RECONNECT_NS = SECOND
# where README and the service keep a gateway that belongs to the machine
SYSTEM_FOLDER = Path("/var/lib/anlou")
_TABLES = {table.function: table for table in Table}
_HOST = re.compile(r"[a-z+]+://(?:\[([^\]]+)\]|([^:/?]+)):(\d+)")


class ProbeError(Exception):
    """The bench cannot do what it was asked; `code` 2 for wrong words, 1 for what cannot be had."""

    def __init__(self, sentence: str, code: int = 1) -> None:
        super().__init__(sentence)
        self.code = code


class Reply(NamedTuple):
    """The data bytes of an answer, and how long it took."""

    payload: bytes
    took_s: float


class Asker(Protocol):
    """Asks one question at a time: ExceptionAnswer, RequestError and SessionError are those of a connection."""

    through: Path | None

    async def ask(self, question: Question) -> Reply: ...
    def close(self) -> None: ...


class Direct:
    """A connection of our own, opened at the first question and again after it has broken."""

    through: Path | None = None

    def __init__(self, options: ModbusLinkOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._connection: Connection | None = None
        self._again_ns = 0

    async def ask(self, question: Question) -> Reply:
        if self._connection is None:
            await self._clock.sleep_until(self._again_ns)
            self._again_ns = self._clock.now().mono_ns + _RECONNECT_NS
            self._connection = await open_connection(self._options)
        # what the line still owes is waited for before: it is no time of this answer's
        await rest(self._connection.owed_ns(question))
        began_ns = host_mono_ns()
        try:
            payload = await self._connection.checked_read(question)
        except SessionError:
            self.close()
            raise
        return Reply(payload, (host_mono_ns() - began_ns) / SECOND)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """A gateway that runs on this machine: its folder, its site, and where its links lead."""

    folder: Path
    site: str
    digest: str
    links: dict[str, dict[str, Any]]

    def owner_of(self, doors: Iterable[str]) -> str | None:
        """Its link to the same endpoint."""
        wanted = {key for door in doors for key in _keys(door)}
        for link, facts in self.links.items():
            if any(not wanted.isdisjoint(_keys(door)) for door in facts["doors"]):
                return link
        return None


class Through:
    """The owner's connection, question by question over the control socket."""

    def __init__(self, gateway: RunningGateway, link: str) -> None:
        self.through: Path | None = gateway.folder
        self._folder = gateway.folder
        self._link = link

    async def ask(self, question: Question) -> Reply:
        request: dict[str, Any] = {
            "link": self._link,
            "unit": question.unit,
            "table": _TABLES[question.function],
            "address": question.address,
            "count": question.count,
        }
        if question.timeout_ns is not None:
            request["timeout_ms"] = question.timeout_ns * 1000 // SECOND
        reply = await self._said("probe.ask", request)
        while "ticket" in reply:
            reply = await self._said("probe.answer", reply)
        if (error := reply.get("error")) is None:
            return Reply(bytes.fromhex(reply["payload"]), reply["took_ms"] / 1000)
        if "code" in error:
            raise ExceptionAnswer(error["code"])
        kind = SessionError if error["session"] else RequestError
        raise kind(ErrorKind(error["kind"]), error["message"])

    async def _said(self, command: str, request: dict[str, Any]) -> dict[str, Any]:
        reply = await asyncio.to_thread(_ask, self._folder, command, request)
        if reply is None:
            raise ProbeError(f"the gateway on {self._folder} has ended")
        return reply

    def close(self) -> None:
        """The connection is its owner's."""


def _ask(folder: Path, command: str, request: dict[str, Any]) -> dict[str, Any] | None:
    try:
        return control.ask(folder, command, **request)
    except ControlError as refused:
        raise ProbeError(f"the gateway on {folder} refuses: {refused}") from None
    except PermissionError:
        raise ProbeError(
            f"a gateway may run on {folder}, but its control socket is another user's: probe as that user"
        ) from None
    except (OSError, ValueError) as problem:
        raise ProbeError(f"the gateway on {folder} does not answer: {problem}") from None


def gateway_on(folder: Path) -> RunningGateway | None:
    """The gateway that runs on `folder`; None when none does."""
    links: dict[str, dict[str, Any]] = {}
    while True:
        page = _ask(folder, "probe.links", {"after": len(links)})
        if page is None:
            return None
        links |= {link["link"]: link for link in page["links"]}
        if not page["more"] or not page["links"]:
            return RunningGateway(folder, page["site"], page["digest"], links)


def gateways(data: Path | None) -> Iterator[RunningGateway]:
    """The gateway on `data`; without it, those that run where `anlou run` keeps its sites by itself."""
    folders = [data] if data is not None else _usual_folders()
    for folder in folders:
        if (found := gateway_on(folder)) is not None:
            yield found


def _usual_folders() -> list[Path]:
    root = default_folder("any")
    kept = [root if os.environ.get("STATE_DIRECTORY") else root.parent, SYSTEM_FOLDER]
    found: set[Path] = set()
    for folder in kept:
        try:
            found |= {socket.parent for socket in [*folder.glob(control.NAME), *folder.glob(f"*/{control.NAME}")]}
        except OSError:
            continue  # nobody may look there, so nothing of ours is there
    return sorted(found)


def asker_for(options: ModbusLinkOptions, data: Path | None, clock: Clock) -> Asker:
    """Through the gateway that reads this endpoint, else directly: a second connection would end the first."""
    doors = [str(address) for address in options.addresses]
    for gateway in gateways(data):
        if (link := gateway.owner_of(doors)) is not None:
            return Through(gateway, link)
    return Direct(options, clock)


def _keys(door: str) -> set[str]:
    """What two ways to write the same endpoint have in common."""
    match = _HOST.match(door)
    if match is None:
        path = door.partition("://")[2].partition("?")[0]
        return {os.path.realpath(path)}
    host, port = match[1] or match[2], match[3]
    return {f"{address}:{port}" for address in {host, *_resolved(host)}}


def _resolved(host: str) -> set[str]:
    try:
        addresses = {ipaddress.ip_address(host)}
    except ValueError:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            return set()
        addresses = {ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found}
    return {"loopback" if address.is_loopback else str(address) for address in addresses}
