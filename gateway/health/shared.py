"""Points that several layouts of one device carry (messages that hold only a part): the newest word of each counts."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.health.feed import NOT_FITTED, Feed, Word, count
from gateway.health.judge import NEVER_NS
from gateway.model import Instant, Layout, Quality

_NEVER = -1


class SharedPoints:
    """The newest word of each point over all feeds that carry it, brought together when somebody asks."""

    def __init__(self) -> None:
        self.feeds: list[Feed] = []
        self.heard: Instant | None = None
        self._slots: dict[str, int] = {}
        self._at: list[Instant] = []
        self._good_at: list[Instant | None] = []
        self._quality: list[int] = []
        self._patience: list[int] = []
        self._counted: list[int] | None = None
        self._counts_until_ns = 0

    def touches(self, layout: Layout) -> bool:
        return any(point.key in self._slots for point in layout.points)

    def add(self, feed: Feed) -> Layout | None:
        """One more feed. Answers the layout that it takes the place of: one with the very same points, if there is."""
        for index, point in enumerate(feed.layout.points):
            if point.key not in self._slots:
                self._slots[point.key] = len(self._slots)
                self._at.append(Instant(0, 0))
                self._good_at.append(None)
                self._quality.append(_NEVER)
                self._patience.append(feed.patience_ns(index))
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
            for index, (slot, quality) in enumerate(
                zip(feed.slots, feed.quality or (Quality.GOOD,) * len(feed.slots), strict=False)
            ):
                self._at[slot] = at
                self._quality[slot] = quality
                self._good_at[slot] = _later(self._good_at[slot], feed.good_at_of(index))
        self._counted = None

    def tally(self, now_ns: int, into: list[int]) -> None:
        """Add its points, as a feed does. Counted anew when one has spoken, or has become silent."""
        if self._counted is None or now_ns > self._counts_until_ns:
            self._counted = [0, 0, 0, 0]
            self._counts_until_ns = NEVER_NS
            for at, quality, patience in zip(self._at, self._quality, self._patience, strict=True):
                if quality == _NEVER:
                    continue
                if now_ns - at.mono_ns > patience and quality != NOT_FITTED:
                    self._counted[1] += 1
                    self._counted[3] += 1
                    continue
                count((quality,), self._counted)
                self._counts_until_ns = min(self._counts_until_ns, at.mono_ns + patience)
        for place, number in enumerate(self._counted):
            into[place] += number

    def words(self, now_ns: int, *, only_bad: bool = False) -> Iterator[Word]:
        """Each point's last word, or only of those that are bad or silent; nothing of those that never spoke."""
        for key, slot in self._slots.items():
            quality, at = self._quality[slot], self._at[slot]
            if quality == _NEVER:
                continue
            silent = now_ns - at.mono_ns > self._patience[slot] and quality != NOT_FITTED
            if silent or quality >= Quality.BAD_COMM or not only_bad:
                yield Word(key, Quality(quality), at, self._good_at[slot], silent)


def _later(one: Instant | None, other: Instant | None) -> Instant | None:
    if one is None or other is None:
        return one or other
    return one if one.mono_ns >= other.mono_ns else other
