"""Timestamps: unique in each series, and the same wherever the sending begins."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.historian import stamps as stamps_module
from gateway.historian.stamps import MILLI, Slots, Stamps
from gateway.model import Frame, FrameKind, Instant, Layout, Point, PointType

A, B, C = (Point(name, PointType.FLOAT) for name in "abc")
LAYOUTS = (Layout("d", (A, B)), Layout("d", (C,)), Layout("d", (A, B, C)), Layout("e", (A,)))
BASE = 1_700_000_000_000


@dataclass
class Row:
    position: int
    time_ns: int
    layout: Layout


class Log:
    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.asked = 0

    def neighbours(self, device: str, from_ns: int, to_ns: int, before: int, limit: int) -> list[Row]:
        self.asked += 1
        near = [
            row
            for row in self.rows
            if row.layout.device == device and from_ns <= row.time_ns <= to_ns and row.position < before
        ]
        return near[:limit]

    def latest(self, device: str, from_ns: int, to_ns: int, before: int) -> int | None:
        self.asked += 1
        near = self.neighbours(device, from_ns, to_ns, before, 1 << 30)
        self.asked -= 1
        return max((row.time_ns for row in near), default=None)

    def stamps(self, begin: int = 0) -> Stamps:
        return Stamps(begin, self.neighbours, self.latest)

    def all(self, stamps: Stamps, since: int = 0) -> dict[int, int]:
        return {row.position: stamps.of(row.position, frame(row)) for row in self.rows if row.position > since}


def frame(row: Row) -> Frame:
    return Frame(row.layout, [0.0] * len(row.layout.points), Instant(0, 1), None, row.time_ns, FrameKind.LIVE)


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Few milliseconds and many frames, so that most of them collide; positions have holes."""
    rows, position = [], 0
    for offset, layout, gap in draw(
        st.lists(
            st.tuples(
                st.integers(0, 6) | st.sampled_from([900, 1500, 700_000, 700_001]),
                st.sampled_from(LAYOUTS),
                st.integers(1, 3),
            ),
            max_size=40,
        )
    ):
        position += gap
        rows.append(Row(position, (BASE + offset) * MILLI + position, layout))
    return Log(rows)


@settings(max_examples=300)
@given(logs(), st.integers(0, 60))
def test_stamps_are_unique_and_the_same_from_anywhere(log: Log, begin: int) -> None:
    whole = log.all(log.stamps())
    seen: set[tuple[str, str, int]] = set()
    for row in log.rows:
        stamp = whole[row.position]
        assert stamp >= row.time_ns // MILLI
        for point in row.layout.points:
            key = (row.layout.device, point.key, stamp)
            assert key not in seen
            seen.add(key)
    again = log.all(log.stamps(begin), begin)
    assert again == {position: stamp for position, stamp in whole.items() if position > begin}


def test_frames_in_order_of_time_are_never_looked_up() -> None:
    log = Log([Row(n, (BASE + 10 * n) * MILLI, LAYOUTS[n % 2]) for n in range(1, 500)])
    stamps = log.all(log.stamps())
    assert list(stamps.values()) == [BASE + 10 * n for n in range(1, 500)]
    assert log.asked == 1


def test_a_clock_set_back_finds_the_places_between() -> None:
    """An hour is lived twice, and a tick of the second time falls into the same millisecond as one of the first."""
    rows = [Row(n, (BASE + 1000 * n) * MILLI, LAYOUTS[0]) for n in range(1, 100)]
    rows += [Row(100 + n, (BASE + 1000 * n) * MILLI, LAYOUTS[0]) for n in range(1, 100)]
    log = Log(rows)
    stamps = log.all(log.stamps())
    assert len(set(stamps.values())) == 198
    assert [stamps[100 + n] - BASE - 1000 * n for n in range(1, 100)] == [1] * 99


def test_a_crowd_costs_no_more_than_it_may() -> None:
    count = stamps_module.CROWD + 500
    log = Log([Row(n, BASE * MILLI, LAYOUTS[0]) for n in range(1, count + 1)])
    begin = count - 20
    near_end = log.all(log.stamps(begin), begin)
    assert all(BASE <= stamp <= BASE + stamps_module.WINDOW_MS for stamp in near_end.values())
    assert len(set(near_end.values())) == 20


def test_slots_are_taken_once_and_forgotten_in_order() -> None:
    slots = Slots(kept=3)
    assert [slots.take("a", 5) for _ in range(3)] == [5, 6, 7]
    assert slots.take("b", 5) == 5  # and a's 5 is forgotten
    assert slots.take("a", 5) == 5
