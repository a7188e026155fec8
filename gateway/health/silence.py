"""Points of which nothing comes any more, while others of their device still do: said as BAD, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gateway.model import HEALTH_POINT, SECOND, Frame, Health, Instant, Layout, Quality

if TYPE_CHECKING:
    from gateway.health.record import DeviceRecord

_SPEAKING = frozenset({Health.ONLINE, Health.DEGRADED, Health.STALE})
EVERY_NS = 10 * SECOND
_Keys = tuple[str, ...]


class Silence:
    """Of one device. What a sensor said last would pass for the present for as long as its neighbours speak.

    Of a device that is offline its health says it all.
    """

    def __init__(self, record: DeviceRecord) -> None:
        self._record = record
        self._layouts: dict[_Keys, Layout] = {}
        self._told: dict[_Keys, Instant] = {}
        self._asked_of_never = False
        self.due_ns = record.started.mono_ns

    def frames(self, now: Instant) -> list[Frame]:
        """What has become silent since the last time; it is looked for every ten seconds."""
        record = self._record
        if now.mono_ns < self.due_ns or not record.device.poll_ns:
            return []
        self.due_ns = now.mono_ns + EVERY_NS
        if record.decide(now) not in _SPEAKING:
            return []
        found = []
        for keys, last in self._silent(now):
            if self._told.get(keys) == last:
                continue
            self._told[keys] = last
            size = len(keys)
            found.append(Frame(self._layout(keys), (None,) * size, now, (int(Quality.BAD_COMM),) * size))
        return found

    def _silent(self, now: Instant) -> Iterator[tuple[_Keys, Instant]]:
        """(points, their last word); what never spoke since the start once."""
        record, before_ns = self._record, self._record.silent_before_ns(now)
        for feed in record.feeds:
            if feed.at is not None and feed.at.mono_ns < before_ns and not feed.is_bad:
                yield tuple(point.key for point in feed.layout.points), feed.at
        if record.shared is not None:
            for key, last in record.shared.silent_points(before_ns):
                yield (key,), last
        if not self._asked_of_never and record.started.mono_ns < before_ns:
            self._asked_of_never = True
            heard = record.heard_keys() | {HEALTH_POINT.key}
            if never := tuple(key for point in record.device.points if (key := point.key) not in heard):
                yield never, record.started

    def _layout(self, keys: _Keys) -> Layout:
        layout = self._layouts.get(keys)
        if layout is None:
            wanted = frozenset(keys)
            points = tuple(point for point in self._record.device.points if point.key in wanted)
            layout = self._layouts[keys] = Layout(self._record.device.id, points)
        return layout
