"""Alarm quality from a real journal: what a span reads, what the figures say, what /metrics shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.app.quality import DAY_NS, Quality
from gateway.model import SECOND, Command, CommandKind, Event, Instant, Judgement
from gateway.store.journal import Journal
from gateway.store.reader import Reader
from tests.gateway.test_pipeline_engine import RULES, life
from tests.store.material import WALL

HOUR = 3600 * SECOND


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(-1800, 7200), min_size=1, max_size=30),
    st.integers(0, 100_000),
    st.integers(1, 50_000),
)
async def test_a_span_holds_each_row_of_it_though_labels_step(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], begin_s: int, length_s: int
) -> None:
    """Labels may go back by up to an hour between two rows."""
    folder = tmp_path_factory.mktemp("span")
    journal = Journal.open(folder / "alarm.db", ["log"])
    wall, highest, rows = WALL, WALL, []
    for number, step in enumerate(steps, 1):
        wall = max(wall + step * SECOND, highest - HOUR // 2)
        highest = max(highest, wall)
        rows.append(Event(seq=number, at=Instant(number, wall), kind="note"))
    await journal.commit(Judgement(events=rows))
    await journal.close()
    reader = Reader(folder / "alarm.db")
    begin = WALL + begin_s * SECOND
    end = begin + length_s * SECOND
    found = list(reader.span(begin, end))
    reader.close()
    assert [one.seq for one in found] == sorted(one.seq for one in found)
    wanted = [one.seq for one in rows if begin <= one.at.wall_ns < end]
    assert set(wanted) <= {one.seq for one in found}


async def test_the_figures_of_a_real_life(tmp_path: Path) -> None:
    rules = {rule.rule: rule for rule in RULES}
    async with life(tmp_path) as run:
        await run.emit(a=True)
        run.clock.set(60 * SECOND)
        (one,) = [each for each in run.engine.open_occurrences() if each.rule == "A"]
        await run.pipeline.command(Command(kind=CommandKind.ACK, occurrence=one.occurrence, by="li"))
        run.clock.set(90 * SECOND)
        await run.emit(a=False)
        quality = Quality(run.reader, run.clock, lambda: rules)
        assert list(quality.families()) == []
        begin = WALL
        found = quality.kpi(begin, begin + DAY_NS)
        high = found["time_to_ack"]["high"]
        assert (high["count"], high["p50_s"], high["unanswered"]) == (1, 60, 0)
        assert found["priorities"]["high"] == 1 and found["priorities"]["critical"] == 1
        assert found["detection"]["count"] == 2, "each raise knows its first TRUE sample"
        assert found["delivery"]["log"]["notices"] >= 2
        await run.emit(a=True)
        (other,) = [each for each in run.engine.open_occurrences() if each.rule == "A"]
        shelve = Command(kind=CommandKind.SHELVE, occurrence=other.occurrence, by="li", comment="c", for_ns=2 * HOUR)
        await run.pipeline.command(shelve)
        since = run.clock.now().wall_ns
        assert quality.kpi(since, since + DAY_NS)["muted_hours"] == {}, "what is still to come has muted nothing"
        assert quality.kpi(since + HOUR, since + DAY_NS)["span_s"] == 0
        run.clock.set(run.clock.now().mono_ns + HOUR)
        later = quality.kpi(since + HOUR // 4, since + HOUR // 2)
        assert later["muted_hours"] == {"shelved": 0.25}, "a shelf from before the span"
        assert quality.kpi(begin, since)["muted_hours"] == {}
        quality._day = found
        names = {family.name for family in quality.families()}
        assert {"anlou_alarms_per_10min", "anlou_alarm_floods", "anlou_protection_lost_hours"} <= names
