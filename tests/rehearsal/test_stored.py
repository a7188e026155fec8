"""Frames read again come as they were judged: in order, of the span and the devices asked for, history apart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from gateway.model import SECOND, Frame, FrameKind, Instant
from gateway.rehearsal.stored import StoredFrames
from gateway.store.connection import rows
from gateway.store.samples import Samples
from tests.store.material import WALL, layout

SUMP, LIFT = layout("sump"), layout("lift", 1)


def received(of: object, at_s: float, *, source_s: float | None = None, kind: FrameKind = FrameKind.LIVE) -> Frame:
    assert of in (SUMP, LIFT)
    at = Instant(round(at_s * SECOND), WALL + round(at_s * SECOND))
    source_ns = None if source_s is None else WALL + round(source_s * SECOND)
    layout = SUMP if of is SUMP else LIFT
    return Frame(layout, [float(at_s)] * len(layout.points), at, None, source_ns, kind)


@pytest.fixture
async def path(tmp_path: Path) -> AsyncIterator[Path]:
    samples = Samples.open(tmp_path / "tele.db")
    for at_s in range(3000):
        for of in (SUMP, LIFT):
            samples.append(samples.reserve(), received(of, at_s))
    # told late, and out of the order of their own times; then a record of the day before
    samples.append(samples.reserve(), received(LIFT, 3001, source_s=2990.5))
    samples.append(samples.reserve(), received(LIFT, 3002, source_s=2980.5))
    samples.append(samples.reserve(), received(LIFT, 3003, source_s=-86400, kind=FrameKind.HISTORY))
    samples.give_up(samples.reserve())
    samples.append(samples.reserve(), received(SUMP, 3004))
    await samples.close()
    yield tmp_path / "tele.db"


def read(path: Path, from_s: float, to_s: float, *devices: str, history: bool = False) -> list[tuple[str, float]]:
    stored = StoredFrames(path)
    edges = WALL + round(from_s * SECOND), WALL + round(to_s * SECOND)
    found = list(stored.frames(*edges, devices or None, history=history))
    stored.close()
    assert [position for position, _ in found] == sorted(position for position, _ in found)
    assert stored.damaged == 0
    return [(frame.layout.device, frame.at.mono_ns / SECOND) for _, frame in found]


@pytest.mark.parametrize("devices", [("sump",), ("lift",), ("lift", "sump"), ()])
def test_a_span_holds_both_edges_and_only_the_devices_asked_for(path: Path, devices: tuple[str, ...]) -> None:
    wanted = [(of, float(at)) for at in range(100, 1301) for of in ("sump", "lift") if not devices or of in devices]
    assert read(path, 100, 1300, *devices) == wanted


@pytest.mark.parametrize("devices", [("lift", "sump"), ()])
def test_what_came_late_stands_where_it_was_received(path: Path, devices: tuple[str, ...]) -> None:
    assert read(path, 2999, 4000, *devices) == [
        ("sump", 2999),
        ("lift", 2999),
        ("lift", 3001),
        ("lift", 3002),
        ("sump", 3004),
    ]


def test_history_is_there_when_it_is_asked_for(path: Path) -> None:
    assert ("lift", 3003) in read(path, 2999, 4000, history=True)


def test_the_newest_frames_before_a_time(path: Path) -> None:
    stored = StoredFrames(path, [SUMP])
    found = stored.before("sump", WALL + 50 * SECOND, 3)
    assert [frame.at.mono_ns // SECOND for _, frame in found] == [47, 48, 49]
    assert all(frame.layout is SUMP for _, frame in found)
    assert stored.before("nobody", WALL + 50 * SECOND, 3) == []
    span = stored.span()
    assert span is not None and (span[0].mono_ns, span[1].mono_ns) == (0, 3004 * SECOND)
    stored.close()


def test_a_damaged_row_is_counted_and_left_out(path: Path) -> None:
    connection = apsw.Connection(str(path))
    rows(connection, "UPDATE log SET blob = x'00' WHERE position = 3")
    connection.close()
    stored = StoredFrames(path)
    assert len(list(stored.frames(WALL, WALL + SECOND))) == 3
    assert stored.damaged == 1
    stored.close()


async def test_nothing_stored(tmp_path: Path) -> None:
    await Samples.open(tmp_path / "tele.db").close()
    stored = StoredFrames(tmp_path / "tele.db")
    assert stored.span() is None and list(stored.frames(0, 2**62)) == []
    stored.close()
