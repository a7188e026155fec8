"""What a point did over a time, in as many pieces as a screen can show. Extremes are kept, gaps stay visible."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice, pairwise
from statistics import median_low
from typing import NamedTuple

import apsw

from gateway.model import SECOND, FrameKind, Point, PointType, Quality, Value
from gateway.store.connection import rows
from gateway.store.errors import StoreError
from gateway.store.layouts import LayoutTable
from gateway.store.packing import Cell, Flag


class Reading(NamedTuple):
    """One stored sample of a point."""

    at_ns: int
    value: Value
    quality: int
    late: bool = False  # it came long after its time, from a backlog


@dataclass(slots=True)
class Bucket:
    """The samples within [from_ns, to_ns). `count` are the not-BAD ones, and without them every number is None.

    `quality` is the worst one (uncertain is worse than good, bad than both). None means that nothing was stored: a gap
    longer than the point's usual interval explains. `last` is the last sample's value, None if that one is BAD. `late`
    of them came from a backlog: nobody saw them at their time.
    """

    from_ns: int
    to_ns: int
    count: int = 0
    bad: int = 0
    min: float | None = None
    min_ns: int | None = None
    max: float | None = None
    max_ns: int | None = None
    mean: float | None = None
    last: float | None = None
    last_ns: int | None = None
    quality: int | None = None
    late: int = 0


class Change(NamedTuple):
    at_ns: int
    value: Value
    quality: int | None
    late: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """`buckets` for numeric points, `changes` for all others: a value, from when on, and how good.

    In `changes` an entry with value None marks BAD (its quality says why) or nothing stored (quality None). When there
    are more than asked for, the newest are kept and `truncated` is set.
    """

    device: str
    point: str
    type: PointType | None
    unit: str | None
    from_ns: int
    to_ns: int
    buckets: tuple[Bucket, ...] = ()
    changes: tuple[Change, ...] = ()
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """What is asked for: a point of a device in [from, to), in at most `max_points` pieces."""

    device: str
    point: str
    from_ns: int
    to_ns: int
    max_points: int


NUMERIC = (PointType.FLOAT, PointType.INT)
_BAD = int(Quality.BAD_COMM)  # and everything above


def read_history(connection: apsw.Connection, span: Span) -> History:
    """The history of one point. One that was never stored has an empty history, of type None."""
    if span.from_ns >= span.to_ns or span.max_points < 1:
        raise StoreError("a history needs from < to and at least one point")
    columns, point = _columns(connection, span)
    empty = History(span.device, span.point, None, None, span.from_ns, span.to_ns)
    if point is None:
        return empty
    found = replace(empty, type=point.type, unit=point.unit)
    readings = _readings(connection, span, columns)
    if point.type in NUMERIC:
        return replace(found, buckets=tuple(bucketed(readings, span.from_ns, span.to_ns, span.max_points)))
    changes: deque[Change] = deque(maxlen=span.max_points)
    count = 0
    for change in changed(readings, span.from_ns, span.to_ns):
        changes.append(change)
        count += 1
    return replace(found, changes=tuple(changes), truncated=count > len(changes))


Columns = dict[int, Callable[[int, int, bytes], Cell]]

_ROWS = (
    "SELECT position, time_ns, layout, flags, blob FROM log"
    " WHERE device = (SELECT id FROM device WHERE name = ?) AND (time_ns, position) > (?, ?) AND time_ns < ?"
    " AND layout IN (SELECT value FROM json_each(?)) ORDER BY time_ns, position LIMIT ?"
)
_SLICE = 2000  # rows in memory at a time: a month of one device would be gigabytes


def _columns(connection: apsw.Connection, span: Span) -> tuple[Columns, Point | None]:
    """Where each stored layout has the point; the point as the newest of them declares it."""
    table = LayoutTable()
    table.load(connection, span.device)
    columns: Columns = {}
    newest: Point | None = None
    for number, packing in table.packings():
        for index, candidate in enumerate(packing.layout.points):
            if candidate.key == span.point:
                columns[number] = packing.column(index)
                newest = candidate
    return columns, newest


def _readings(connection: apsw.Connection, span: Span, columns: Columns) -> Iterator[Reading]:
    numbers = json.dumps(list(columns))
    at_ns, position = span.from_ns, -1
    while found := rows(connection, _ROWS, (span.device, at_ns, position, span.to_ns, numbers, _SLICE)):
        for position, at_ns, number, flags, blob in found:
            value, quality = columns[number](position, flags, blob)
            yield Reading(at_ns, value, quality, flags & Flag.KIND == FrameKind.HISTORY)


def usual_gap(readings: Iterable[Reading]) -> int:
    """The silence that counts as a gap: three of the point's usual intervals, at least 10 s (docs/design.md D22)."""
    steps = [after.at_ns - before.at_ns for before, after in pairwise(readings)]
    return max(3 * median_low(steps), 10 * SECOND) if steps else 10 * SECOND


def _with_gap(readings: Iterable[Reading]) -> tuple[int, Iterable[Reading]]:
    """The gap as the first readings show it, and all readings still to come."""
    coming = iter(readings)
    first = list(islice(coming, _SLICE))
    return usual_gap(first), chain(first, coming)


def bucketed(readings: Iterable[Reading], from_ns: int, to_ns: int, max_points: int) -> list[Bucket]:
    """At most `max_points` equal buckets, in time order. Empty ones appear only inside a gap."""
    width = -(-(to_ns - from_ns) // max_points)
    gap, readings = _with_gap(readings)
    buckets: list[Bucket] = []
    edge, last_at = from_ns, from_ns
    for reading in readings:
        at_ns = reading[0]
        if at_ns >= edge or not buckets:
            start = at_ns - (at_ns - from_ns) % width
            if at_ns - last_at > gap:
                _fill(buckets, edge, start, width, to_ns)
            bucket = Bucket(start, min(start + width, to_ns))
            buckets.append(bucket)
            edge = start + width
        _add(bucket, reading)
        last_at = at_ns
    if to_ns - last_at > gap:
        _fill(buckets, edge, to_ns, width, to_ns)
    return buckets


def _fill(buckets: list[Bucket], start: int, end: int, width: int, to_ns: int) -> None:
    buckets.extend(Bucket(at, min(at + width, to_ns)) for at in range(start, end, width))


def _add(bucket: Bucket, reading: Reading) -> None:
    at_ns, value, quality, late = reading
    bucket.late += late
    if bucket.quality is None or quality > bucket.quality:
        bucket.quality = quality
    bucket.last_ns = at_ns
    if quality >= _BAD or not isinstance(value, (int, float)):
        bucket.bad += 1
        bucket.last = None
        return
    bucket.count += 1
    bucket.last = value
    mean = bucket.mean or 0.0
    bucket.mean = mean + (value - mean) / bucket.count
    if bucket.min is None or value < bucket.min:
        bucket.min, bucket.min_ns = value, at_ns
    if bucket.max is None or value > bucket.max:
        bucket.max, bucket.max_ns = value, at_ns


def changed(readings: Iterable[Reading], from_ns: int, to_ns: int) -> Iterator[Change]:
    """The readings at which value or quality changed, and a marker at the beginning of each gap."""
    gap, readings = _with_gap(readings)
    told: tuple[Value, int | None] | None = None
    last_at = from_ns
    for at_ns, value, quality, late in readings:
        if at_ns - last_at > gap:
            told = None, None
            yield Change(last_at, None, None)
        if told != (value, quality):
            told = value, quality
            yield Change(at_ns, value, quality, late)
        last_at = at_ns
    if told is not None and to_ns - last_at > gap:
        yield Change(last_at, None, None)
