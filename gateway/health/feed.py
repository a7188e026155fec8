"""The newest frame of one layout, as health remembers it: when it came, how good its points were and last have been."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.health.judge import HEARD, KEPT, LAST_WORD, NEVER_NS, patience, period_limits, period_of
from gateway.model import Device, Frame, FrameKind, Instant, Layout, Quality

NOT_FITTED = Quality.BAD_NOT_FITTED
_REASONS = {int(quality): quality.reason or "good" for quality in Quality}
_BAD = int(Quality.BAD_COMM)


@dataclass(frozen=True, slots=True)
class Word:
    """The last word of one point: `good_at` is its last good one, `silent` when nothing came for too long since."""

    key: str
    quality: Quality
    at: Instant
    good_at: Instant | None
    silent: bool

    @property
    def reason(self) -> str:
        """`good`, `silent`, or the reason of its quality."""
        return "silent" if self.silent else _REASONS[self.quality]


class Feed:
    """One layout's newest frame. Written on the hot path, so it only keeps references; counting waits for a reader.

    A point keeps the moment at which it was last good only when it leaves that state: a good one was so just now.
    """

    __slots__ = (
        "_heard",
        "_left",
        "_patience",
        "_shortest",
        "at",
        "good_at",
        "is_new",
        "is_quiet",
        "layout",
        "limits",
        "quality",
        "slots",
    )

    def __init__(self, layout: Layout, device: Device | None = None) -> None:
        self.layout = layout
        periods = [0 if device is None else period_of(device, point.key) for point in layout.points]
        self._patience = [NEVER_NS if device is None else patience(device, point.key) for point in layout.points]
        self._shortest = min(self._patience, default=NEVER_NS)
        self.is_quiet = not any(periods)  # nothing is expected of it unless something changes
        expected = min((period for period in periods if period), default=0)
        self.limits = period_limits("" if device is None else device.system, expected)
        self._heard: frozenset[Quality] = HEARD
        self._left: dict[int, Instant] = {}
        self.at: Instant | None = None
        self.good_at: Instant | None = None
        self.quality: Sequence[int] | None = None
        self.is_new = False  # spoke since its shared points were last brought together
        self.slots: tuple[int, ...] = ()  # of its points, when it shares some with another feed

    def mixed(self, frame: Frame) -> None:
        """A frame that is not all GOOD."""
        quality = frame.quality
        if quality is None:
            raise ValueError("a frame that is all GOOD is taken without looking at it")
        heard = LAST_WORD if self.is_quiet else HEARD if frame.kind is FrameKind.LIVE else KEPT
        if quality != self.quality or heard is not self._heard:
            self._note_left(quality, heard)
            self._heard = heard
        self.at = frame.at
        self.is_new = True
        self.quality = quality
        if any(word in heard for word in quality):
            self.good_at = frame.at

    def _note_left(self, quality: Sequence[int], heard: frozenset[Quality]) -> None:
        if self.at is None:
            return
        for index, word in enumerate(quality):
            if word not in heard and (self.quality is None or self.quality[index] in self._heard):
                self._left[index] = self.at

    @property
    def is_bad(self) -> bool:
        """Its newest frame has no value at all, and says so."""
        return self.quality is not None and all(quality >= _BAD for quality in self.quality)

    def patience_ns(self, index: int) -> int:
        return self._patience[index]

    def good_at_of(self, index: int) -> Instant | None:
        """When this point was last good."""
        if self.quality is None or self.quality[index] in self._heard:
            return self.at
        return self._left.get(index)

    def may_be_silent(self, now_ns: int) -> bool:
        """The patience with one of its points at least is over."""
        return self.at is not None and now_ns - self.at.mono_ns > self._shortest

    def words(self, now_ns: int, *, only_bad: bool = False) -> Iterator[Word]:
        """Each point's last word, or only of those that are bad or silent; nothing before the first frame."""
        at = self.at
        if at is None or (only_bad and self.quality is None and not self.may_be_silent(now_ns)):
            return
        age = now_ns - at.mono_ns
        for index, quality in enumerate(self.quality or (Quality.GOOD,) * len(self.layout.points)):
            silent = age > self._patience[index] and quality != NOT_FITTED
            if silent or quality >= _BAD or not only_bad:
                yield Word(self.layout.points[index].key, Quality(quality), at, self.good_at_of(index), silent)

    def reasons(self, now_ns: int) -> Counter[str]:
        """How many points there are of each reason."""
        if self.at is None:
            return Counter()
        if self.may_be_silent(now_ns):
            return Counter(word.reason for word in self.words(now_ns))
        if self.quality is None:
            return Counter(good=len(self.layout.points))
        return Counter({_REASONS[quality]: number for quality, number in Counter(self.quality).items()})

    def tally(self, now_ns: int, into: list[int]) -> None:
        """Add its points to [good, bad, not fitted, silent]. What is silent is bad, whatever it said last."""
        if self.at is None:
            return
        age = now_ns - self.at.mono_ns
        if age <= self._shortest:
            if self.quality is None:
                into[0] += len(self.layout.points)
            else:
                count(self.quality, into)
            return
        for index, quality in enumerate(self.quality or (Quality.GOOD,) * len(self.layout.points)):
            if age > self._patience[index] and quality != NOT_FITTED:
                into[1] += 1
                into[3] += 1
            else:
                count((quality,), into)


def count(qualities: Sequence[int], into: list[int]) -> None:
    """Add to [good, bad, not fitted, …]; an uncertain value is none of these."""
    into[0] += qualities.count(0)
    for quality in qualities:
        if quality >= _BAD:
            into[2 if quality == NOT_FITTED else 1] += 1
