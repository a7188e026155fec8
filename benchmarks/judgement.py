"""Judging: one threshold against a plain lambda, 2,000 rules on 1,000 devices at 1 Hz, a start with 10,000 open alarms.

The engine's share of a core is what its `judge` takes of a second in which every device has spoken once; the floor is
the same comparisons in a plain loop over dictionaries.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
import timeit
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from alerts.bind import bind
from alerts.condition.columns import Columns
from alerts.condition.threshold import Band, HighLimit
from alerts.engine import AlarmEngine
from alerts.rule import Rule
from benchmarks.figure import Figure
from gateway.app.memory import laying_up
from gateway.clock import VirtualClock
from gateway.model import HEALTH_POINT, SECOND, Device, Frame, Instant, Layout, Location, Point, PointType, Text
from gateway.pipeline import recover
from gateway.store.journal import Journal
from gateway.store.samples import Samples

WALL = 1_700_000_000 * SECOND
DEVICES, POINTS, SECONDS = 1000, 5, 20
OPEN_ALARMS = 10_000
TIMES, REPEATS = 200_000, 7
TEXT = {"en": "x", "zh": "某"}
GUIDANCE = {
    **dict.fromkeys(("cause", "consequence", "corrective_action", "confirm_how", "owner", "basis"), TEXT),
    "time_to_respond": "10min",
}


def rule(name: str, point: str, **changes: Any) -> Rule:
    """A rule with guidance and companion, as most of the catalogue."""
    fields = {
        "rule": name,
        "title": TEXT,
        "severity": "medium",
        "class": "property",
        "on": {"point": point},
        "when": {"at_least": "0.5 m", "deadband": "0.1 m"},
        "guidance": GUIDANCE,
        **changes,
    }
    return Rule.model_validate(fields)


def device(name: str, points: int) -> Device:
    fitted = tuple(Point(f"p{number}", PointType.FLOAT, "m") for number in range(points))
    place = Location("1", "B1", "z")
    return Device(
        id=name,
        system="bench",
        name=Text(name, name),
        profile=None,
        location=place,
        poll_ns=SECOND,
        points=(*fitted, HEALTH_POINT),
    )


def nanoseconds(work: Callable[[Any], Any], argument: Any) -> float:
    """Of one call, less the empty loop's."""
    found = min(timeit.repeat("work(argument)", number=TIMES, repeat=REPEATS, globals=locals()))
    nothing = min(timeit.repeat("argument", number=TIMES, repeat=REPEATS, globals=locals()))
    return (found - nothing) / TIMES * 1e9


def one_rule() -> list[Figure]:
    """Both in turn, three times; the median of the ratios."""
    columns = Columns()
    slot = columns.slot("d", "level")
    columns.put(slot, 0.3, 0, 1)
    judge = HighLimit(slot, Band.of("at_least", 0.5, 0.1), "m").judge
    plain, ours = [], []
    for _ in range(3):
        plain.append(nanoseconds(lambda values: values["level"] >= 0.5, {"level": 0.3}))
        ours.append(nanoseconds(lambda now: judge(columns, now), 5) - nanoseconds(lambda now: None, 5))
    ratio = statistics.median(one / other for one, other in zip(ours, plain, strict=True))
    return [
        Figure("a comparison in a plain lambda on a dictionary", statistics.median(plain), "ns"),
        Figure("a threshold with deadband, quality and three values", statistics.median(ours), "ns", ratio, "≤ 3"),
    ]


def at_rest() -> list[Figure]:
    """1,000 devices speak once a second; two rules and their companions read each of them."""
    devices = [device(f"d{number}", POINTS) for number in range(DEVICES)]
    engine = AlarmEngine(bind([rule("R-1", "p0"), rule("R-2", "p1", when={"above": "2 m"})], devices))
    layouts = [Layout(each.id, each.points[:POINTS]) for each in devices]
    floor = [{f"p{number}": 0.0 for number in range(POINTS)} for _ in devices]
    spent = plain = 0.0
    for second in range(SECONDS + 1):
        values = [0.1 + 0.001 * (second % 7)] * POINTS
        frames = [
            Frame(layout, values, Instant(at := second * SECOND + number * 1_000_000, WALL + at))
            for number, layout in enumerate(layouts)
        ]
        began = time.process_time()
        for frame in frames:
            engine.judge(frame, frame.at.mono_ns // 1_000_000 + 1)
        took = time.process_time() - began
        began = time.process_time()
        for kept in floor:
            kept.update(zip(kept, values, strict=True))
            _ = kept["p0"] >= 0.5, kept["p1"] > 2
        floor_took = time.process_time() - began
        if second:  # the first one binds layouts to slots
            spent, plain = spent + took, plain + floor_took
    share = spent / SECONDS * 100
    return [
        Figure("the same comparisons in a loop over dictionaries", plain / SECONDS * 100, "% of a core"),
        Figure("2,000 rules on 1,000 devices at 1 Hz, in the engine", share, "% of a core", spent / plain, "≤ 5 %"),
    ]


async def started(folder: Path, devices: Sequence[Device], rules: Sequence[Rule]) -> tuple[float, int]:
    """Seconds from the files to an engine that goes on, and how many alarms are open."""
    clock = VirtualClock(10 * SECOND, WALL)
    began = time.perf_counter()
    with laying_up():
        engine = AlarmEngine(bind(rules, devices))
        journal, samples = Journal.open(folder / "alarm.db"), Samples.open(folder / "tele.db")
        await recover(engine, journal, samples, clock)
    took = time.perf_counter() - began
    try:
        return took, len(engine.open_occurrences())
    finally:
        await samples.close()
        await journal.close()


async def with_open_alarms() -> list[Figure]:
    """Ten rules on 1,000 devices, all of them active, stopped and started again."""
    devices = [device(f"d{number}", 10) for number in range(DEVICES)]
    rules = [rule(f"R-{number}", f"p{number}") for number in range(OPEN_ALARMS // DEVICES)]
    with tempfile.TemporaryDirectory(prefix="anlou-bench-") as name:
        folder = Path(name)
        await started(folder, devices, rules)
        engine = AlarmEngine(bind(rules, devices))
        journal, samples = Journal.open(folder / "alarm.db"), Samples.open(folder / "tele.db")
        engine.restore(journal.load().checkpoint, journal.load().instances, ())
        engine.restarted(Instant(11 * SECOND, WALL + SECOND), 0)
        for number, each in enumerate(devices):
            frame = Frame(Layout(each.id, each.points[:10]), [1.0] * 10, Instant(12 * SECOND, WALL + 2 * SECOND))
            await journal.commit(engine.judge(frame, number + 1))
        await journal.save_checkpoint(engine.checkpoint(Instant(13 * SECOND, WALL + 3 * SECOND), DEVICES))
        await samples.close()
        await journal.close()
        took, opened = await started(folder, devices, rules)
    assert opened == OPEN_ALARMS, opened
    return [Figure(f"a start with {opened:,} open alarms on 1,000 devices", took, "s", None, "≤ 3 s")]


def run() -> list[Figure]:
    return [*one_rule(), *at_rest(), *asyncio.run(with_open_alarms())]
