"""Timestamps in milliseconds, no two of a series alike, and the same ones at every sending. Pure but for its questions.

A frame's stamp is the first millisecond, from its own time on, that no frame before it in the log has taken for one of
the same points. So it follows from the log alone, wherever batches begin and however often a frame is sent. Nearly all
frames are later than all before them, which needs no looking up; for the others (a clock set back, a backlog with times
of its own) the log is asked what stands near them in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.model import Frame, Layout

MILLI = 1_000_000
WINDOW_MS = 1000
CROWD = 2000
"""More frames of a device than this in two seconds are not kept apart from each other any more."""
AHEAD_MS = 600_000


class Neighbour(Protocol):
    @property
    def time_ns(self) -> int: ...
    @property
    def layout(self) -> Layout: ...


class Neighbours(Protocol):
    """Rows of a device with a time in [from, to] and a position below `before`, in order of position."""

    def __call__(self, device: str, from_ns: int, to_ns: int, before: int, limit: int, /) -> Sequence[Neighbour]: ...


class Latest(Protocol):
    """The latest time of the same rows; None when there are none."""

    def __call__(self, device: str, from_ns: int, to_ns: int, before: int, /) -> int | None: ...


class _Known:
    """What is known of a device: of the rows before the beginning none lies within [floor, until] or the second before;
    of those since then each layout's latest stamp."""

    __slots__ = ("floor", "since", "taken", "until")

    def __init__(self) -> None:
        self.since = self.floor = 0
        self.until = -1
        self.taken: dict[Layout, int] = {}


class Stamps:
    """Stamps of frames in order of position, without a hole, behind `begin`."""

    def __init__(self, begin: int, neighbours: Neighbours, latest: Latest) -> None:
        self._begin = begin
        self._neighbours = neighbours
        self._latest = latest
        self._devices: dict[str, _Known] = {}
        self._keys: dict[Layout, frozenset[str]] = {}

    def of(self, position: int, frame: Frame) -> int:
        layout = frame.layout
        ms = (frame.at.wall_ns if frame.source_ns is None else frame.source_ns) // MILLI
        known = self._devices.get(layout.device)
        if known is None:
            known = self._devices[layout.device] = _Known()
        if ms > known.until:
            self._learn(known, layout.device, ms)
        if ms < known.floor or ms < known.since or self._is_taken(known, layout, ms):
            ms = self._search(position, layout, ms)
        if ms > known.taken.get(layout, -1):
            known.taken[layout] = ms
        return ms

    def _learn(self, known: _Known, device: str, ms: int) -> None:
        """Look ahead once for the next minutes, instead of once for each frame."""
        known.since, known.until = ms, ms + AHEAD_MS
        latest = self._latest(device, (ms - WINDOW_MS) * MILLI, (known.until + 1) * MILLI, self._begin + 1)
        known.floor = 0 if latest is None else latest // MILLI + WINDOW_MS

    def _is_taken(self, known: _Known, layout: Layout, ms: int) -> bool:
        if len(known.taken) == 1 and layout in known.taken:
            return ms <= known.taken[layout]
        return any(ms <= stamp and self._share(layout, other) for other, stamp in known.taken.items())

    def _search(self, position: int, layout: Layout, ms: int) -> int:
        from_ns, to_ns = (ms - WINDOW_MS) * MILLI, (ms + WINDOW_MS) * MILLI
        near = self._neighbours(layout.device, from_ns, to_ns, position, CROWD + 1)
        if len(near) > CROWD:
            later = self._neighbours(layout.device, ms * MILLI, to_ns, position, 1)
            return ms + position % WINDOW_MS if later else ms
        taken: dict[int, list[Layout]] = {}
        for row in near:
            taken.setdefault(self._free(taken, row.layout, row.time_ns // MILLI), []).append(row.layout)
        return self._free(taken, layout, ms)

    def _free(self, taken: dict[int, list[Layout]], layout: Layout, ms: int) -> int:
        while any(self._share(layout, other) for other in taken.get(ms, ())):
            ms += 1
        return ms

    def _share(self, one: Layout, other: Layout) -> bool:
        return one is other or not self._names(one).isdisjoint(self._names(other))

    def _names(self, layout: Layout) -> frozenset[str]:
        names = self._keys.get(layout)
        if names is None:
            if len(self._keys) >= 10_000:
                self._keys.clear()
            names = self._keys[layout] = frozenset(point.key for point in layout.points)
        return names


class Slots:
    """The same for what comes in order and is never looked up: the first free millisecond of a series."""

    def __init__(self, kept: int = 4096) -> None:
        self._taken: dict[tuple[str, int], None] = {}
        self._kept = kept

    def take(self, series: str, ms: int) -> int:
        while (series, ms) in self._taken:
            ms += 1
        self._taken[series, ms] = None
        if len(self._taken) > self._kept:
            del self._taken[next(iter(self._taken))]
        return ms
