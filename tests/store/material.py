"""Frames and judgements for the store's tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from gateway.model import (
    SECOND,
    AlarmClass,
    AlarmState,
    Event,
    Frame,
    InstanceSnapshot,
    Instant,
    Judgement,
    Layout,
    Notice,
    Occurrence,
    Point,
    PointType,
    Severity,
    Text,
    Value,
)


async def until(met: Callable[[], object]) -> None:
    """Wait until something that another thread does has happened; a minute is far too long for it."""
    async with asyncio.timeout(60):
        while not met():  # noqa: ASYNC110 - the other thread knows no asyncio.Event
            await asyncio.sleep(0.001)


WALL = 1_700_000_000 * SECOND


def layout(device: str = "sump-b2", floats: int = 3) -> Layout:
    return Layout(device, tuple(Point(f"p{n}", PointType.FLOAT, "m") for n in range(floats)))


MIXED = Layout(
    "lift-1",
    (
        Point("speed", PointType.FLOAT, "m/s"),
        Point("floor", PointType.INT),
        Point("door_open", PointType.BOOL),
        Point("mode", PointType.ENUM, codes=("automatic", "inspection", "fire_return")),
    ),
)


def frame(
    of: Layout,
    at_s: float,
    values: Sequence[Value] | None = None,
    *,
    quality: Sequence[int] | None = None,
    source_ns: int | None = None,
    accept: Callable[[], None] | None = None,
) -> Frame:
    at_ns = round(at_s * SECOND)
    filled = [float(at_s)] * len(of.points) if values is None else values
    return Frame(of, filled, Instant(at_ns, WALL + at_ns), quality=quality, source_ns=source_ns, accept=accept)


def occurrence(number: int = 1, *, rule: str = "WA-02", source: str = "sump-b2", closed: bool = False) -> Occurrence:
    one = Occurrence(
        occurrence=f"01HF{number:022d}",
        rule=rule,
        source=source,
        system="garage-water",
        severity=Severity.HIGH,
        class_=AlarmClass.PROPERTY,
        state=AlarmState.UNACKED,
        condition=True,
        latched=False,
        title=Text("Garage water stage 2", "车库积水二级"),
        raised_ns=WALL + number,
        active_ns=WALL + number,
        value=0.12,
        limit=0.1,
        unit="m",
        seq=number,
    )
    return replace(one, closed_ns=WALL + number, state=AlarmState.NORMAL) if closed else one


def judgement(seq: int, *, notice: bool = False, rule: str = "WA-02", position: int = 0) -> Judgement:
    """A raise: one event, one occurrence, one instance, and a notice if asked for."""
    about = occurrence(seq, rule=rule)
    at = Instant(seq * SECOND, WALL + seq * SECOND)
    return Judgement(
        events=[Event(seq=seq, at=at, kind="raise", occurrence=about.occurrence, rule=rule, source=about.source)],
        occurrences={about.occurrence: about},
        notices=[Notice(seq=seq, reason="raise", occurrence=about, at=at)] if notice else [],
        instances=[InstanceSnapshot(rule, about.source, position or seq, {"state": "unacked", "seq": seq})],
    )
