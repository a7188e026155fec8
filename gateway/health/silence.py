"""Points of which nothing comes any more, while others of their device still do: said as BAD, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gateway.health.judge import patience
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
        self._never: dict[str, int] | None = None  # points that have not spoken yet, with their patience
        self.due_ns = record.started.mono_ns

    def frames(self, now: Instant) -> list[Frame]:
        """What has become silent since the last time; it is looked for every ten seconds."""
        record = self._record
        if now.mono_ns < self.due_ns or not record.is_expected:
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
        record = self._record
        for feed in record.feeds:
            if feed.at is not None and feed.may_be_silent(now.mono_ns) and not feed.is_bad:
                silent = tuple(word.key for word in feed.words(now.mono_ns, only_bad=True) if word.silent)
                if silent:
                    yield silent, feed.at
        if record.shared is not None:
            for word in record.shared.words(now.mono_ns, only_bad=True):
                if word.silent:
                    yield (word.key,), word.at
        if never := self._never_heard(now):
            yield never, record.started

    def _never_heard(self, now: Instant) -> _Keys:
        """The points that have not spoken within their time since the start; each is said once."""
        record = self._record
        if self._never is None:
            points = (point.key for point in record.device.points if point.key != HEALTH_POINT.key)
            self._never = {key: patience(record.device, key) for key in points}
        if not self._never:
            return ()
        for key in record.heard_keys() & self._never.keys():
            del self._never[key]
        up_ns = now.mono_ns - record.started.mono_ns
        found = tuple(key for key, patience_ns in self._never.items() if up_ns > patience_ns)
        for key in found:
            del self._never[key]
        return found

    def _layout(self, keys: _Keys) -> Layout:
        layout = self._layouts.get(keys)
        if layout is None:
            wanted = frozenset(keys)
            points = tuple(point for point in self._record.device.points if point.key in wanted)
            layout = self._layouts[keys] = Layout(self._record.device.id, points)
        return layout
