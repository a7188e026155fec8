"""The end of a process's life, with a store that does not answer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.app import life
from tests.gateway.test_pipeline import House, hold


async def test_a_store_that_does_not_answer_does_not_keep_the_process_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Another program holds alarm.db, or its disk is full to the last: SIGTERM still ends the gateway."""
    monkeypatch.setattr(life, "STEP_SECONDS", 0.05)
    house = House.build(tmp_path)
    go, held = hold(house.journal)
    async with asyncio.timeout(60):
        await life._note_stop(cast(Any, SimpleNamespace(pipeline=house.pipeline)))
    assert "the end is not journalled" in caplog.text
    go.set()
    await held
    await house.close()


async def test_an_orderly_end_is_journalled(tmp_path: Path) -> None:
    house = House.build(tmp_path)
    await life._note_stop(cast(Any, SimpleNamespace(pipeline=house.pipeline)))
    assert house.kinds() == ["stop"]
    await house.close()
