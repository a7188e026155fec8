"""Stretches of the log and of the journal as lines, read and written in the historian's thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.historian.events import EventLines
from gateway.historian.lines import SampleLines
from gateway.historian.passes import Stretch
from gateway.historian.stamps import MILLI, Stamps
from gateway.model import Device
from gateway.store.reader import Reader
from gateway.store.samples import Samples

LINES = 4096
"""To a request; one bad line among them is found in 14 requests."""
BYTES = 1 << 20
YEAR_2020_MS = 1_577_836_800_000
_ROWS = 2000
_EVENTS = 1000
_DAY_MS = 86_400_000
_FUTURE_MS = 2 * _DAY_MS - 60_000  # VictoriaMetrics drops what lies two days ahead, saying nothing
_RETENTION_MARGIN_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Window:
    """Which times the target keeps; in milliseconds since 1970."""

    first: int = YEAR_2020_MS
    last: int = 1 << 62

    @classmethod
    def of_victoria(cls, now_wall_ns: int, retention_ns: int | None) -> Window:
        now = now_wall_ns // MILLI
        oldest = YEAR_2020_MS if retention_ns is None else now - retention_ns // MILLI + _RETENTION_MARGIN_MS
        return cls(max(oldest, YEAR_2020_MS), now + _FUTURE_MS)

    def refuses(self, ms: int) -> str | None:
        """Why the target would not keep a point of that time (`before_2020`, `retention`, `future`), or None."""
        if ms < YEAR_2020_MS:
            return "before_2020"
        if ms < self.first:
            return "retention"
        return "future" if ms > self.last else None


@dataclass(slots=True)
class Batch:
    """Lines with the number of the row that each comes from. `until`: everything up to there is in it; `outside`: what
    the target would not keep, by reason; `more`: there may be more behind it."""

    until: int
    more: bool
    lines: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    outside: dict[str, list[str]] = field(default_factory=dict)
    at_wall_ns: int | None = None

    def add(self, number: int, ms: int, lines: list[str], window: Window, judged: int) -> None:
        why = window.refuses(ms)
        if why is None:
            self.lines += lines
            self.numbers += [number] * len(lines)
        elif number > judged:
            self.outside.setdefault(why, []).extend(lines)


class SampleBatches:
    """Reads one stretch of the log. Its stamps go on where it reads on, and begin anew where it jumps back."""

    def __init__(self, samples: Samples, site: str, devices: Mapping[str, Device]) -> None:
        self._samples = samples
        self._lines = SampleLines(site, devices)
        self._stamps = Stamps(0, samples.neighbours, samples.latest)
        self._next = -1
        self._rows = 100

    def take(self, stretch: Stretch, horizon: int, window: Window) -> Batch:
        """About LINES lines behind what was sent; for the historian's thread."""
        if stretch.next != self._next:
            self._stamps = Stamps(stretch.next, self._samples.neighbours, self._samples.latest)
        until = horizon if stretch.until is None else min(stretch.until, horizon)
        found = self._samples.read(stretch.next, self._rows, until)
        full = len(found.frames) + found.damaged >= self._rows
        batch = Batch(found.until if full else until, full)
        for position, frame in found.frames:
            ms = self._stamps.of(position, frame)
            batch.add(position, ms, self._lines.of(frame, ms), window, stretch.judged)
            batch.at_wall_ns = frame.at.wall_ns
        self._next = batch.until
        if found.frames:
            width = max(1, sum(len(frame.values) for _, frame in found.frames) // len(found.frames))
            self._rows = min(max(LINES // width, 10), _ROWS)
        return batch


class EventBatches:
    """Reads the journal."""

    def __init__(self, reader: Reader, site: str, devices: Mapping[str, Device]) -> None:
        self._reader = reader
        self._lines = EventLines(site, devices, reader.occurrence)
        self._next = -1

    def take(self, stretch: Stretch, horizon: int, window: Window) -> Batch:
        if stretch.next != self._next:
            self._lines.forget()
            for event in self._reader.events(max(stretch.next - _EVENTS, 0), min(_EVENTS, stretch.next)):
                self._lines.of(event)  # what came before decides over equal milliseconds
        found = self._reader.events(stretch.next, _EVENTS)
        batch = Batch(found[-1].seq if found else stretch.next, len(found) == _EVENTS)
        for event in found:
            made = self._lines.of(event)
            if made is not None:
                batch.add(event.seq, made[0], [made[1]], window, stretch.judged)
            batch.at_wall_ns = event.at.wall_ns
        self._next = batch.until
        return batch


def cut(lines: list[str], start: int, most: int = LINES) -> int:
    """Where the request that begins at `start` ends: at most `most` lines and BYTES bytes, and at least one line."""
    size, end = 0, start
    while end < len(lines) and end - start < most:
        size += len(lines[end]) + 1  # nearly all is ASCII; a few bytes more do no harm
        if size > BYTES and end > start:
            break
        end += 1
    return end
