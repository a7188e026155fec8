"""What health remembers of one device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gateway.health.feed import Feed, Word
from gateway.health.judge import Facts, judge, limits
from gateway.health.shared import SharedPoints
from gateway.health.silence import Silence
from gateway.health.units import UnitRecord
from gateway.health.view import PointCounts, PointSummary
from gateway.model import HEALTH_POINT, Device, Health, Instant, Layout, Text


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
        self.complaints: tuple[Text, ...] = ()
        self.health = Health.DISABLED if device.disabled else Health.STARTING
        self.since = started
        self.started = started
        self.published: Health | None = None
        self.publish_due_ns = started.mono_ns
        self._limits = limits(device)
        self.is_expected = bool(device.poll_ns or any(device.periods.values()))
        self.silence = Silence(self)
        self._total = sum(1 for point in device.points if point.key != HEALTH_POINT.key)

    def join(self, layout: Layout) -> tuple[Feed, list[Layout]]:
        """A new layout, and those that it takes the place of: they have the very same points (a driver began anew)."""
        feed = Feed(layout, self.device)
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
        return {point.key for feed in self._all_feeds() if feed.at is not None for point in feed.layout.points}

    def decide(self, now: Instant) -> Health:
        """Judge the facts at `now`; `since` moves when the state does."""
        if self.shared is not None:
            self.shared.gather()
        fresh, alive = self._signs_of_life(now)
        facts = Facts(
            heard=self.last_good is not None,
            fresh=fresh,
            alive=alive,
            up_ns=now.mono_ns - self.started.mono_ns,
            ailing=self._ails(now),
            unavailable_ns=self._unavailable_ns(now),
        )
        health = judge(self.device.disabled, self._limits.offline_ns, facts)
        if health is not self.health:
            self.health = health
            self.since = now
        return health

    @property
    def last_good(self) -> Instant | None:
        """When a good sample of it last came."""
        last = self.shared.heard if self.shared is not None else None
        for feed in self.feeds:
            if feed.good_at is not None and (last is None or feed.good_at.mono_ns > last.mono_ns):
                last = feed.good_at
        return last

    def words(self, now: Instant, *, only_bad: bool = False) -> Iterator[Word]:
        """The last word of each point that has spoken since the start, or only of those that are bad or silent."""
        for feed in self.feeds:
            yield from feed.words(now.mono_ns, only_bad=only_bad)
        if self.shared is not None:
            self.shared.gather()
            yield from self.shared.words(now.mono_ns, only_bad=only_bad)

    def counts(self, now: Instant) -> PointCounts:
        """How its points are."""
        tally = [0, 0, 0, 0]
        for feed in self.feeds:
            feed.tally(now.mono_ns, tally)
        if self.shared is not None:
            self.shared.tally(now.mono_ns, tally)
        return PointCounts(self._total, *tally)

    def summary(self, now: Instant) -> PointSummary:
        """Its points by the reason of their quality."""
        found: Counter[str] = Counter()
        for feed in self.feeds:
            found.update(feed.reasons(now.mono_ns))
        if self.shared is not None:
            self.shared.gather()
            found.update(word.reason for word in self.shared.words(now.mono_ns))
        found["unheard"] = max(0, self._total - found.total())
        last = self.last_good
        return PointSummary(self.counts(now).bad, found, None if last is None else last.wall_ns)

    def _all_feeds(self) -> list[Feed]:
        return self.feeds if self.shared is None else [*self.feeds, *self.shared.feeds]

    def _signs_of_life(self, now: Instant) -> tuple[bool, bool]:
        """(fresh, alive): whether one of its sources is within its limits."""
        fresh = alive = False
        for feed in self._all_feeds():
            if feed.good_at is None:
                continue
            age = now.mono_ns - feed.good_at.mono_ns
            limit = feed.limits
            if feed.is_bad and self.is_expected:  # a source that says itself that it has nothing left: nobody waits
                limit = self._limits
            elif feed.is_quiet:
                age = self._unreachable_ns(now)
            fresh |= age <= limit.stale_ns
            alive |= age <= limit.offline_ns
        if self.shared is not None and self.shared.heard is not None:  # perhaps in a layout that another has replaced
            age = now.mono_ns - self.shared.heard.mono_ns if self.is_expected else self._unreachable_ns(now)
            fresh |= age <= self._limits.stale_ns
            alive |= age <= self._limits.offline_ns
        return fresh, alive

    def _unreachable_ns(self, now: Instant) -> int:
        """For how long none of its units could have said anything."""
        return min((unit.link.down_ns(now) for unit in self.units), default=0)

    def _unavailable_ns(self, now: Instant) -> int | None:
        """How long all that it lives on has been saying that it is not there."""
        gone = [unit.gone_at.mono_ns for unit in self.units if unit.gone_at is not None]
        return now.mono_ns - max(gone) if gone and len(gone) == len(self.units) else None

    def _ails(self, now: Instant) -> bool:
        return (
            bool(self.complaints)
            or self.counts(now).bad > 0
            or bool(self.failing(now))
            or any(unit.gone_at is not None for unit in self.units)
            or bool(self.untold(now))
        )

    def failing(self, now: Instant) -> list[UnitRecord]:
        """Those of its units that have an error, and have had it for a while."""
        silent_before = now.mono_ns - self._limits.stale_ns
        return [unit for unit in self.units if unit.fails(silent_before)]

    def untold(self, now: Instant) -> list[UnitRecord]:
        """Those whose silence means nothing, and whose availability topic, which would tell, has never spoken."""
        if self.is_expected or now.mono_ns - self.started.mono_ns <= self._limits.offline_ns:
            return []
        return [unit for unit in self.units if unit.report.available is None and unit.link.down_since_ns is None]
