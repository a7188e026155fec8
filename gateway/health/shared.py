"""Points that several layouts of one device carry (messages that hold only a part): the newest word of each counts."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.health.feed import Feed
from gateway.model import Instant, Layout, Quality

_NEVER = -1


class SharedPoints:
    """The newest word of each point over all feeds that carry it, brought together when somebody asks."""

    def __init__(self) -> None:
        self.feeds: list[Feed] = []
        self.heard: Instant | None = None
        self._slots: dict[str, int] = {}
        self._at: list[Instant] = []
        self._quality: list[int] = []
        self._counted: tuple[int, int] | None = None
        self._counts_until_ns = 0

    def touches(self, layout: Layout) -> bool:
        return any(point.key in self._slots for point in layout.points)

    def add(self, feed: Feed) -> Layout | None:
        """One more feed. Answers the layout that it takes the place of: one with the very same points, if there is."""
        for point in feed.layout.points:
            if point.key not in self._slots:
                self._slots[point.key] = len(self._slots)
                self._at.append(Instant(0, 0))
                self._quality.append(_NEVER)
        feed.slots = tuple(self._slots[point.key] for point in feed.layout.points)
        feed.is_new = feed.at is not None
        self.gather()
        same = next((known for known in self.feeds if known.slots == feed.slots), None)
        if same is not None:
            self.feeds.remove(same)
        self.feeds.append(feed)
        return same.layout if same is not None else None

    def gather(self) -> None:
        """Take over what the feeds said since the last time, the oldest first."""
        spoken = [(feed.at, feed) for feed in self.feeds if feed.is_new and feed.at is not None]
        if not spoken:
            return
        spoken.sort(key=lambda item: item[0].mono_ns)
        for at, feed in spoken:
            feed.is_new = False
            if feed.good_at is not None and (self.heard is None or feed.good_at.mono_ns > self.heard.mono_ns):
                self.heard = feed.good_at
            for slot, quality in zip(feed.slots, feed.quality or (Quality.GOOD,) * len(feed.slots), strict=False):
                self._at[slot] = at
                self._quality[slot] = quality
        self._counted = None

    def counts(self, silent_before_ns: int) -> tuple[int, int]:
        """(good, bad) points, as of a feed. Counted anew when one has spoken, or has become silent."""
        if self._counted is None or silent_before_ns > self._counts_until_ns:
            good = bad = 0
            oldest: int | None = None
            for at, quality in zip(self._at, self._quality, strict=True):
                if quality == _NEVER:
                    continue
                if at.mono_ns < silent_before_ns:
                    bad += 1
                    continue
                good += quality == Quality.GOOD
                bad += quality >= Quality.BAD_COMM
                oldest = at.mono_ns if oldest is None else min(oldest, at.mono_ns)
            self._counted = good, bad
            self._counts_until_ns = silent_before_ns if oldest is None else oldest
        return self._counted

    def bad_points(self) -> Iterable[tuple[str, Quality, Instant]]:
        """The points whose last sample was BAD, with the reason and the moment."""
        for key, slot in self._slots.items():
            if self._quality[slot] >= Quality.BAD_COMM:
                yield key, Quality(self._quality[slot]), self._at[slot]

    def silent_points(self, silent_before_ns: int) -> Iterable[tuple[str, Instant]]:
        """The points of which nothing has come since `silent_before_ns`, with the moment of their last word."""
        for key, slot in self._slots.items():
            if self._quality[slot] != _NEVER and self._at[slot].mono_ns < silent_before_ns:
                yield key, self._at[slot]
