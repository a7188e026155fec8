"""Down-sampling keeps the extremes, shows the gaps, and invents nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import SECOND, Frame, FrameKind, Layout, Point, PointType, Quality, Value
from gateway.store.errors import StoreError
from gateway.store.history import Change, Reading, bucketed, changed, usual_gap
from gateway.store.samples import Samples
from tests.store.material import MIXED, WALL, frame, layout


def stored(path: Path, *frames: Frame) -> Samples:
    async def write() -> None:
        samples = Samples.open(path)
        for one in frames:
            samples.append(samples.reserve(), one)
        await samples.close()

    asyncio.run(write())
    return Samples.open(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tele.db"


readings = st.lists(
    st.tuples(
        st.integers(0, 10_000),
        st.none() | st.floats(-1e9, 1e9),
        st.sampled_from([Quality.GOOD, Quality.UNCERTAIN_CLOCK, Quality.BAD_COMM, Quality.BAD_SENSOR]),
    ),
    max_size=60,
).map(
    lambda rows: [
        Reading(at, None if quality.is_bad else (0.0 if value is None else value), int(quality))
        for at, value, quality in sorted(rows, key=lambda row: row[0])
    ]
)


@settings(deadline=None)  # the machine is shared
@given(readings, st.integers(1, 50), st.integers(1, 10))
def test_buckets_keep_what_matters(given_readings: list[Reading], max_points: int, scale: int) -> None:
    scaled = [r._replace(at_ns=r.at_ns * scale * SECOND // 100) for r in given_readings]
    end = 10_001 * scale * SECOND // 100
    buckets = bucketed(scaled, 0, end, max_points)
    assert len(buckets) <= max_points
    assert all(a.to_ns <= b.from_ns for a, b in pairwise(buckets))
    assert all(0 <= b.from_ns < b.to_ns <= end for b in buckets)
    assert sum(b.count + b.bad for b in buckets) == len(scaled)
    for bucket in buckets:
        inside = [r for r in scaled if bucket.from_ns <= r.at_ns < bucket.to_ns]
        good = [r for r in inside if not Quality(r.quality).is_bad]
        values = [float(r.value) for r in good if r.value is not None]
        assert (bucket.count, bucket.bad) == (len(good), len(inside) - len(good))
        assert bucket.quality == max((r.quality for r in inside), default=None)
        assert (bucket.min, bucket.max) == ((min(values), max(values)) if values else (None, None))
        assert bucket.last == (inside[-1].value if inside else None)
        if values:
            assert bucket.mean == pytest.approx(sum(values) / len(values), rel=1e-6, abs=1e-3)
            assert Reading(bucket.min_ns or 0, bucket.min, 0)[:2] in [r[:2] for r in good]
            assert Reading(bucket.max_ns or 0, bucket.max, 0)[:2] in [r[:2] for r in good]


def steady(*spans: tuple[int, int], step: int = 1) -> list[Reading]:
    return [Reading(at * SECOND, 1.0, 0) for begin, end in spans for at in range(begin, end, step)]


def test_a_single_point_still_has_both_extremes() -> None:
    values = [3.0, -7.0, 4.0, 99.0, 5.0]
    (bucket,) = bucketed([Reading(n * SECOND, v, 0) for n, v in enumerate(values)], 0, 5 * SECOND, 1)
    assert (bucket.min, bucket.min_ns, bucket.max, bucket.max_ns) == (-7.0, SECOND, 99.0, 3 * SECOND)
    assert bucket.mean == pytest.approx(20.8)
    assert (bucket.last, bucket.count) == (5.0, 5)


def test_silence_is_a_gap_and_slow_polling_is_not() -> None:
    gap = bucketed(steady((0, 40), (70, 100)), 0, 100 * SECOND, 100)
    assert [b.from_ns // SECOND for b in gap if b.quality is None] == list(range(40, 70))
    assert len(gap) == 100
    slow = bucketed(steady((0, 100), step=10), 0, 100 * SECOND, 100)
    assert [b.from_ns // SECOND for b in slow] == list(range(0, 100, 10))
    assert usual_gap(steady((0, 100), step=10)) == 30 * SECOND


def test_silence_before_the_first_and_after_the_last_sample_is_a_gap_too() -> None:
    buckets = bucketed(steady((50, 60)), 0, 100 * SECOND, 10)
    assert [(b.from_ns // SECOND, b.quality) for b in buckets] == [
        (at, 0 if at == 50 else None) for at in range(0, 100, 10)
    ]
    assert all(b.quality is None for b in bucketed([], 0, 100 * SECOND, 10))


def test_bad_samples_are_shown_and_never_bridged() -> None:
    bad = [Reading(at * SECOND, None, Quality.BAD_SENSOR) for at in range(40, 60)]
    buckets = bucketed(sorted(steady((0, 40), (60, 100)) + bad), 0, 100 * SECOND, 10)
    assert [(b.count, b.bad, b.mean) for b in buckets[4:6]] == [(0, 10, None), (0, 10, None)]
    assert {b.quality for b in buckets[4:6]} == {Quality.BAD_SENSOR}
    assert (buckets[4].last, buckets[4].last_ns) == (None, 49 * SECOND)


def test_changes_of_a_switch() -> None:
    def at(second: int, value: Value, quality: int = 0) -> Reading:
        return Reading(second * SECOND, value, quality)

    told = [at(0, False), at(1, False), at(2, True), at(3, None, Quality.BAD_COMM), at(4, True), at(40, True)]
    assert list(changed(told, 0, 41 * SECOND)) == [
        Change(0, False, 0),
        Change(2 * SECOND, True, 0),
        Change(3 * SECOND, None, Quality.BAD_COMM),
        Change(4 * SECOND, True, 0),
        Change(4 * SECOND, None, None),
        Change(40 * SECOND, True, 0),
    ]
    assert list(changed([], 0, SECOND)) == []


def test_one_column_is_read_by_device_and_time(path: Path) -> None:
    frames = [frame(layout(name), at, [at, -at, 0.5]) for at in range(100) for name in ("a", "b")]
    samples = stored(path, *frames)
    history = samples.history("b", "p1", WALL + 10 * SECOND, WALL + 20 * SECOND, 1)
    assert (history.type, history.unit) == (PointType.FLOAT, "m")
    (bucket,) = history.buckets
    assert (bucket.count, bucket.min, bucket.max) == (10, -19, -10)
    assert (bucket.from_ns, bucket.to_ns) == (WALL + 10 * SECOND, WALL + 20 * SECOND)


def test_switches_and_enumerations_are_changes(path: Path) -> None:
    modes = ["automatic", "automatic", "inspection", "inspection", "automatic"]
    samples = stored(path, *(frame(MIXED, n, [1.0, n, n == 2, mode]) for n, mode in enumerate(modes)))
    span = ("lift-1", "mode", WALL, WALL + 5 * SECOND)
    history = samples.history(*span, 100)
    assert [(c.at_ns - WALL, c.value) for c in history.changes] == [
        (0, "automatic"),
        (2 * SECOND, "inspection"),
        (4 * SECOND, "automatic"),
    ]
    assert (history.buckets, history.truncated) == ((), False)
    newest = samples.history(*span, 2)
    assert (len(newest.changes), newest.truncated, newest.changes[-1].value) == (2, True, "automatic")
    door = samples.history("lift-1", "door_open", WALL, WALL + 5 * SECOND, 100)
    assert [c.value for c in door.changes] == [False, True, False]


def test_late_frames_stand_at_their_own_time(path: Path) -> None:
    one = layout()
    samples = stored(path, frame(one, 1000, [5.0] * 3, source_ns=WALL + SECOND), frame(one, 1001, [6.0] * 3))
    (bucket,) = samples.history("sump-b2", "p0", WALL, WALL + 2 * SECOND, 1).buckets
    assert (bucket.last, bucket.last_ns) == (5.0, WALL + SECOND)


def test_what_came_from_a_backlog_is_shown_as_that(path: Path) -> None:
    one = layout()
    late = replace(frame(one, 1000, [5.0] * 3, source_ns=WALL + SECOND), kind=FrameKind.HISTORY)
    first = replace(frame(one, 2, [6.0] * 3), kind=FrameKind.INITIAL)
    (bucket,) = stored(path, late, first).history("sump-b2", "p0", WALL, WALL + 3 * SECOND, 1).buckets
    assert (bucket.count, bucket.late) == (2, 1)
    switch = path.with_name("switch.db")
    was = replace(frame(MIXED, 9, [1.0, 1, True, "automatic"]), source_ns=WALL + SECOND, kind=FrameKind.HISTORY)
    samples = stored(switch, was, frame(MIXED, 2, [1.0, 1, False, "automatic"]))
    changes = samples.history("lift-1", "door_open", WALL, WALL + 3 * SECOND, 10).changes
    assert [(change.value, change.late) for change in changes] == [(True, True), (False, False)]


def test_a_point_is_found_through_layouts_that_changed(path: Path) -> None:
    before = Layout("d", (Point("level", PointType.FLOAT, "cm"),))
    after = Layout("d", (Point("other", PointType.FLOAT), Point("level", PointType.FLOAT, "m")))
    samples = stored(path, frame(before, 1, [1.0]), frame(after, 2, [9.0, 2.0]))
    history = samples.history("d", "level", WALL, WALL + 3 * SECOND, 3)
    assert [b.last for b in history.buckets] == [1.0, 2.0]
    assert history.unit == "m"


def test_what_was_never_stored_has_an_empty_history(path: Path) -> None:
    samples = stored(path, frame(layout(), 1))
    for device, point in (("nobody", "p0"), ("sump-b2", "nothing")):
        history = samples.history(device, point, WALL, WALL + SECOND, 10)
        assert (history.type, history.buckets, history.changes) == (None, (), ())


@pytest.mark.parametrize(("begin", "end", "points"), [(1, 1, 10), (2, 1, 10), (0, 1, 0)])
def test_senseless_questions_are_refused(path: Path, begin: int, end: int, points: int) -> None:
    with pytest.raises(StoreError, match="from < to"):
        stored(path).history("d", "p", begin, end, points)


def test_a_history_longer_than_a_slice_is_read_in_slices(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.store.history._SLICE", 7)
    one = layout()
    twice = [frame(one, at // 2, [at, 0.0, 0.0]) for at in range(100)]  # two frames at each moment
    samples = stored(path, *twice)
    buckets = samples.history("sump-b2", "p0", WALL, WALL + 50 * SECOND, 50).buckets
    assert [(b.min, b.max, b.count) for b in buckets] == [(2 * n, 2 * n + 1, 2) for n in range(50)]
