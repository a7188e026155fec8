"""The control socket: one line in, one line out, private to the owner, harmless when talked nonsense to."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.app.control import NAME, ControlError, ask, serve
from gateway.app.shutdown import Teardown


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[None]:
    async def double(request: Mapping[str, Any]) -> Mapping[str, Any]:
        if "n" not in request:
            raise ControlError("n is missing")
        return {"twice": request["n"] * 2}

    stop = asyncio.Event()
    task = asyncio.create_task(serve(path, {"double": double}, stop))
    while not (path / NAME).is_socket():  # noqa: ASYNC110 - the file system has no event to wait for
        await asyncio.sleep(0.01)
    yield
    stop.set()
    await task


async def test_ask_and_answer(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)  # longer than a Unix address
    deep.mkdir()
    (deep / NAME).write_text("left by a dead gateway")
    async with serving(deep):
        assert stat.S_IMODE((deep / NAME).stat().st_mode) == 0o600
        assert await asyncio.to_thread(ask, deep, "double", n=21) == {"twice": 42}
        with pytest.raises(ControlError, match="n is missing"):
            await asyncio.to_thread(ask, deep, "double")
        with pytest.raises(ControlError, match="double"):
            await asyncio.to_thread(ask, deep, "halve")
    assert not (deep / NAME).exists()
    assert ask(deep, "double", n=1) is None


@pytest.mark.parametrize(
    "line", [b"\n", b"nonsense\n", b"[]\n", b'{"command": []}\n', b"x" * 70_000 + b"\n", b"\xff\n"]
)
async def test_nonsense_gets_an_answer_or_a_close(tmp_path: Path, line: bytes) -> None:
    async with serving(tmp_path):
        reader, writer = await asyncio.open_unix_connection(tmp_path / NAME)
        writer.write(line)
        reply = await asyncio.wait_for(reader.read(), 60)
        assert not reply or json.loads(reply)["ok"] is False
        writer.close()
        assert await asyncio.to_thread(ask, tmp_path, "double", n=2) == {"twice": 4}


async def test_teardown_is_lifo_and_a_failure_stops_nobody() -> None:
    done: list[str] = []
    teardown = Teardown()

    async def slow() -> None:
        done.append("slow")

    def broken() -> None:
        raise OSError("gone")

    teardown.add("first", lambda: done.append("first"))
    teardown.add("broken", broken)
    teardown.add("slow", slow)
    assert await teardown.run() == ["broken"]
    assert done == ["slow", "first"]
    assert await teardown.run() == []
