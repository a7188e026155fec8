"""DATA/control.sock: the running gateway's door for its own machine's commands (docs/design.md D23).

One JSON object a line in and one out: `{"command": …, …}` → `{"ok": true, …}` or `{"ok": false, "error": …}`. The
socket is 0600: who may open it owns the gateway's files anyway.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

log = logging.getLogger("anlou.control")

NAME = "control.sock"
LONGEST_LINE = 64 * 1024
ANSWER_SECONDS = 10.0

Answer = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class ControlError(Exception):
    """The running gateway refused; the message is for the person at the terminal."""


@contextmanager
def _short_path(data: Path) -> Iterator[str]:
    """The socket through the directory's descriptor: a Unix address holds 108 bytes, a data path may be longer."""
    directory = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{NAME}"
    finally:
        os.close(directory)


async def serve(data: Path, commands: Mapping[str, Answer], stop: asyncio.Event) -> None:
    """Answer until `stop`. The caller holds the data lock, so a socket found here is a dead gateway's."""
    (data / NAME).unlink(missing_ok=True)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reply = await _answer(await reader.readline(), commands)
                writer.write(json.dumps(reply, ensure_ascii=False).encode() + b"\n")
                await writer.drain()
        except (TimeoutError, ConnectionError, ValueError) as problem:
            log.warning("control connection dropped: %s", problem)
        finally:
            writer.close()

    with _short_path(data) as path:
        before = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(connected, path, limit=LONGEST_LINE)
        finally:
            os.umask(before)
    async with server:
        await stop.wait()
    (data / NAME).unlink(missing_ok=True)


async def _answer(line: bytes, commands: Mapping[str, Answer]) -> Mapping[str, Any]:
    try:
        request = json.loads(line)
        name = request.pop("command")
        answer = commands[name]
    except (ValueError, KeyError, AttributeError, TypeError):
        return {"ok": False, "error": f"one of these commands is expected: {', '.join(sorted(commands))}"}
    try:
        return {"ok": True, **await answer(request)}
    except ControlError as refused:
        return {"ok": False, "error": str(refused)}


def ask(data: Path, command: str, **arguments: Any) -> dict[str, Any] | None:
    """Ask the gateway that runs on `data`; None when none runs. Raises ControlError when it refuses."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(ANSWER_SECONDS)
        try:
            with _short_path(data) as path:
                client.connect(path)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return None
        client.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
        with client.makefile("rb") as lines:
            reply: dict[str, Any] = json.loads(lines.readline(LONGEST_LINE))
    if not reply.pop("ok"):
        raise ControlError(reply["error"])
    return reply
