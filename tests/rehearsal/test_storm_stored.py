"""storm-night through the real store: stopped without a checkpoint, opened again, recovered, and gone on with."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.engine import AlarmEngine
from gateway.clock import VirtualClock
from gateway.model import SECOND, Event, Frame, FrameKind, Layout
from gateway.pipeline import Pipeline, recover
from gateway.store.journal import Journal
from gateway.store.reader import Reader
from gateway.store.samples import Samples
from tests.rehearsal.night import TRANSITIONS, Night
from tests.rehearsal.storm import WALL, Storm, storm

pytestmark = [pytest.mark.xdist_group("storm"), pytest.mark.timeout(600)]

BEGIN, END = 380.0, 500.0
"""The floor's first stage, the cross alarm of the charger and the second stage lie within, s."""


class _Keeping(Night):
    """Keeps every frame that was judged, health's too."""

    def save(self) -> None:
        pass


def judged(recorded: Storm) -> list[Frame]:
    end = next(i for i, (t, _) in enumerate(recorded.heard) if t >= END * SECOND)
    frames = [frame for _, frame in _Keeping(recorded).play(end).kept.log]
    return [frame for frame in frames if frame.at.mono_ns >= BEGIN * SECOND]


async def run(folder: Path, recorded: Storm, frames: list[Frame]) -> None:
    """One life of the gateway's judging half: recover, emit, and be gone without a checkpoint."""
    clock = VirtualClock(frames[0].at.mono_ns, WALL + frames[0].at.mono_ns)
    journal, samples = Journal.open(folder / "alarm.db", []), Samples.open(folder / "tele.db")
    try:
        engine = AlarmEngine(recorded.binding.bound(), next_seq=journal.load().next_seq)
        await recover(engine, journal, samples, clock)
        pipeline = Pipeline(engine, journal, samples, clock)
        said: set[Layout] = set()
        for frame in frames:
            clock.set(frame.at.mono_ns)
            kind = frame.kind if frame.layout in said else FrameKind.INITIAL
            said.add(frame.layout)
            await pipeline.emit(replace(frame, kind=kind))
    finally:
        await journal.close()
        await samples.close()


def transitions(folder: Path) -> list[Event]:
    reader = Reader(folder / "alarm.db")
    try:
        return [event for event in reader.events(limit=10_000) if event.kind in TRANSITIONS]
    finally:
        reader.close()


async def test_recovered_three_times_it_tells_the_same_story(tmp_path: Path) -> None:
    """Without downtime: each restart costs one poll of each device at most."""
    recorded = await asyncio.to_thread(storm)  # it runs a loop of its own
    frames = judged(recorded)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    await run(whole, recorded, frames)
    cuts = [0, *(len(frames) * part // 10 for part in (2, 5, 8)), len(frames)]
    for begin, end in itertools.pairwise(cuts):
        await run(broken, recorded, frames[begin:end])
    one, other = transitions(whole), transitions(broken)
    assert {("WA-01", "raise"), ("XC-01", "raise"), ("WA-02", "raise")} <= {(e.rule, e.kind) for e in one}
    keys = {(event.rule, event.source) for event in (*one, *other)}
    for key in keys:
        told = [event for event in one if (event.rule, event.source) == key]
        again = [event for event in other if (event.rule, event.source) == key]
        assert [(e.kind, e.body.get("state")) for e in told] == [(e.kind, e.body.get("state")) for e in again], key
        for each, late in zip(told, again, strict=True):
            assert abs(each.at.mono_ns - late.at.mono_ns) <= 3 * 2 * SECOND, key
