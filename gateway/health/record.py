"""What health remembers of one device."""

from __future__ import annotations

from gateway.health.feed import Feed
from gateway.health.judge import Facts, judge, limits
from gateway.health.units import UnitRecord, newest_error, round_trips, success_ratio
from gateway.health.view import DeviceHealth, HealthError, PointCounts
from gateway.model import HEALTH_POINT, SECOND, Device, Health, Instant, Layout, Quality

SHOWN_BAD_POINTS = 3


class DeviceRecord:
    """One device's feeds and units, its present state and when that began."""

    def __init__(self, device: Device, started: Instant) -> None:
        self.device = device
        self.layout = Layout(device.id, (HEALTH_POINT,))
        self.feeds: list[Feed] = []
        self.units: list[UnitRecord] = []
        self.complaints: tuple[str, ...] = ()
        self.health = Health.DISABLED if device.disabled else Health.STARTING
        self.since = started
        self.published: Health | None = None
        self.publish_due_ns = started.mono_ns
        self._started = started
        self._limits = limits(device)
        self._total = sum(1 for point in device.points if point.key != HEALTH_POINT.key)

    def join(self, layout: Layout) -> Feed:
        """A new layout replaces those that it shares a point with (a driver planned its blocks anew)."""
        keys = {point.key for point in layout.points}
        self.feeds = [feed for feed in self.feeds if keys.isdisjoint(point.key for point in feed.layout.points)]
        feed = Feed(layout)
        self.feeds.append(feed)
        return feed

    def decide(self, now: Instant) -> Health:
        """Judge the facts at `now`; `since` moves when the state does."""
        last = self._last_good()
        facts = Facts(
            age_ns=None if last is None else now.mono_ns - last.mono_ns,
            up_ns=now.mono_ns - self._started.mono_ns,
            ailing=self._ails(now),
        )
        health = judge(self.device.disabled, self._limits, facts)
        if health is not self.health:
            self.health = health
            self.since = now
        return health

    def view(self, now: Instant) -> DeviceHealth:
        self.decide(now)
        last = self._last_good()
        good, bad = self._counts(now)
        return DeviceHealth(
            device=self.device.id,
            health=self.health,
            since_wall_ns=self.since.wall_ns,
            last_good_wall_ns=None if last is None else last.wall_ns,
            age_ns=None if last is None else now.mono_ns - last.mono_ns,
            error=self._error(now),
            success_ratio=success_ratio(self.units),
            rtt=round_trips(self.units),
            points=PointCounts(self._total, good, bad),
        )

    def _last_good(self) -> Instant | None:
        return max((feed.good_at for feed in self.feeds if feed.good_at is not None), default=None)

    def _counts(self, now: Instant) -> tuple[int, int]:
        silent_before = now.mono_ns - self._limits.offline_ns
        counts = [feed.counts(silent_before) for feed in self.feeds]
        return sum(good for good, _ in counts), sum(bad for _, bad in counts)

    def _ails(self, now: Instant) -> bool:
        silent_before = now.mono_ns - self._limits.stale_ns
        return (
            bool(self.complaints) or self._counts(now)[1] > 0 or any(unit.fails(silent_before) for unit in self.units)
        )

    def _error(self, now: Instant) -> HealthError | None:
        if self.health is Health.DISABLED:
            return None
        if (error := newest_error(self.units)) is not None:
            return HealthError(error.kind.value, error.message, error.at_wall_ns)
        if self.complaints:
            return HealthError("resources", "; ".join(self.complaints), self.since.wall_ns)
        return self._silent_or_bad(now)

    def _silent_or_bad(self, now: Instant) -> HealthError | None:
        last = self._last_good()
        if self.health in (Health.STALE, Health.OFFLINE):
            quiet_since = last or self._started
            seconds = (now.mono_ns - quiet_since.mono_ns) // SECOND
            return HealthError("silent", f"no good sample for {seconds} s", quiet_since.wall_ns)
        bad = [(feed, key, quality) for feed in self.feeds for key, quality in feed.bad_points()]
        if not bad:
            return None
        shown = ", ".join(f"{key} ({quality.reason})" for _, key, quality in bad[:SHOWN_BAD_POINTS])
        more = f" and {len(bad) - SHOWN_BAD_POINTS} more" if len(bad) > SHOWN_BAD_POINTS else ""
        kind = "sensor" if any(quality is Quality.BAD_SENSOR for _, _, quality in bad) else "decode"
        at = max(feed.at.wall_ns for feed, _, _ in bad if feed.at is not None)
        return HealthError(kind, f"bad: {shown}{more}", at)
