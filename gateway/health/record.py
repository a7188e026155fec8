"""What health remembers of one device."""

from __future__ import annotations

from gateway.health.complaint import complaint
from gateway.health.feed import Feed
from gateway.health.judge import Facts, judge, limits
from gateway.health.shared import SharedPoints
from gateway.health.silence import Silence
from gateway.health.units import UnitRecord, round_trips, success_ratio
from gateway.health.view import DeviceHealth, PointCounts
from gateway.model import HEALTH_POINT, Device, Health, Instant, Layout

_LONG_AGO_NS = -(1 << 62)


class DeviceRecord:
    """One device's feeds and units, its present state and when that began.

    `feeds` are those that share no point with another one, which is every feed of a polled device.
    """

    def __init__(self, device: Device, started: Instant) -> None:
        self.device = device
        self.layout = Layout(device.id, (HEALTH_POINT,))
        self.feeds: list[Feed] = []
        self.shared: SharedPoints | None = None
        self.units: list[UnitRecord] = []
        self.complaints: tuple[str, ...] = ()
        self.health = Health.DISABLED if device.disabled else Health.STARTING
        self.since = started
        self.started = started
        self.published: Health | None = None
        self.publish_due_ns = started.mono_ns
        self._limits = limits(device)
        self.silence = Silence(self)
        self._total = sum(1 for point in device.points if point.key != HEALTH_POINT.key)

    def join(self, layout: Layout) -> tuple[Feed, list[Layout]]:
        """A new layout, and those that it takes the place of: they have the very same points (a driver began anew)."""
        feed = Feed(layout, of_changes=not self.device.poll_ns)
        keys = {point.key for point in layout.points}
        touched = [known for known in self.feeds if any(point.key in keys for point in known.layout.points)]
        if self.shared is None and touched:
            self.shared = SharedPoints()
        if self.shared is None or not (touched or self.shared.touches(layout)):
            self.feeds.append(feed)
            return feed, []
        self.feeds = [known for known in self.feeds if known not in touched]
        replaced = [self.shared.add(member) for member in (*touched, feed)]
        return feed, [known for known in replaced if known is not None]

    def heard_keys(self) -> set[str]:
        """The points that have been said since the start, however good they were."""
        spoken = [*self.feeds, *(self.shared.feeds if self.shared is not None else ())]
        return {point.key for feed in spoken if feed.at is not None for point in feed.layout.points}

    def decide(self, now: Instant) -> Health:
        """Judge the facts at `now`; `since` moves when the state does."""
        if self.shared is not None:
            self.shared.gather()
        facts = Facts(
            age_ns=self._age_ns(now),
            up_ns=now.mono_ns - self.started.mono_ns,
            ailing=self._ails(now),
            unavailable_ns=self._unavailable_ns(now),
        )
        health = judge(self.device.disabled, self._limits, facts)
        if health is not self.health:
            self.health = health
            self.since = now
        return health

    def view(self, now: Instant) -> DeviceHealth:
        self.decide(now)
        last = self.last_good
        good, bad = self._counts(now)
        return DeviceHealth(
            device=self.device.id,
            health=self.health,
            since_wall_ns=self.since.wall_ns,
            last_good_wall_ns=None if last is None else last.wall_ns,
            age_ns=None if last is None else now.mono_ns - last.mono_ns,
            error=complaint(self, now),
            success_ratio=success_ratio(self.units),
            rtt=round_trips(self.units),
            points=PointCounts(self._total, good, bad),
        )

    @property
    def last_good(self) -> Instant | None:
        """When a good sample of it last came."""
        last = self.shared.heard if self.shared is not None else None
        for feed in self.feeds:
            if feed.good_at is not None and (last is None or feed.good_at.mono_ns > last.mono_ns):
                last = feed.good_at
        return last

    def silent_before_ns(self, now: Instant) -> int:
        """Whatever has not spoken since then is silent. What speaks only when something changes never is."""
        return now.mono_ns - self._limits.offline_ns if self.device.poll_ns else _LONG_AGO_NS

    def _age_ns(self, now: Instant) -> int | None:
        """Age of the last good sample; where none is expected, how long nothing could have come."""
        last = self.last_good
        if last is None:
            return None
        if self.device.poll_ns:
            return now.mono_ns - last.mono_ns
        return min((unit.link.down_ns(now) for unit in self.units), default=0)

    def _unavailable_ns(self, now: Instant) -> int | None:
        """How long all that it lives on has been saying that it is not there."""
        gone = [unit.gone_at.mono_ns for unit in self.units if unit.gone_at is not None]
        return now.mono_ns - max(gone) if gone and len(gone) == len(self.units) else None

    def _counts(self, now: Instant) -> tuple[int, int]:
        silent_before = self.silent_before_ns(now)
        good, bad = (0, 0) if self.shared is None else self.shared.counts(silent_before)
        for feed in self.feeds:
            more_good, more_bad = feed.counts(silent_before)
            good += more_good
            bad += more_bad
        return good, bad

    def _ails(self, now: Instant) -> bool:
        silent_before = now.mono_ns - self._limits.stale_ns
        return (
            bool(self.complaints)
            or self._counts(now)[1] > 0
            or any(unit.gone_at is not None or unit.fails(silent_before) for unit in self.units)
            or bool(self.untold(now))
        )

    def untold(self, now: Instant) -> list[UnitRecord]:
        """Those whose silence means nothing, and whose availability topic, which would tell, has never spoken."""
        if self.device.poll_ns or now.mono_ns - self.started.mono_ns <= self._limits.offline_ns:
            return []
        return [unit for unit in self.units if unit.report.available is None and unit.link.down_since_ns is None]
