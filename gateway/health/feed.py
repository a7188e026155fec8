"""The newest frame of one layout, as health remembers it: when it came and how good its points were."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.health.judge import HEARD, KEPT, LAST_WORD
from gateway.model import Frame, FrameKind, Instant, Layout, Quality


class Feed:
    """One layout's newest frame. Written on the hot path, so it only keeps references; counting waits for a reader."""

    __slots__ = ("at", "good_at", "is_new", "layout", "of_changes", "quality", "slots")

    def __init__(self, layout: Layout, *, of_changes: bool = False) -> None:
        self.layout = layout
        self.of_changes = of_changes  # its device speaks only of changes
        self.at: Instant | None = None
        self.good_at: Instant | None = None
        self.quality: Sequence[int] | None = None
        self.is_new = False  # spoke since its shared points were last brought together
        self.slots: tuple[int, ...] = ()  # of its points, when it shares some with another feed

    def mixed(self, frame: Frame) -> None:
        """A frame that is not all GOOD."""
        self.at = frame.at
        self.is_new = True
        self.quality = frame.quality
        heard = LAST_WORD if self.of_changes else HEARD if frame.kind is FrameKind.LIVE else KEPT
        if frame.quality is not None and any(quality in heard for quality in frame.quality):
            self.good_at = frame.at

    @property
    def is_bad(self) -> bool:
        """Its newest frame has no value at all, and says so."""
        return self.quality is not None and all(quality >= Quality.BAD_COMM for quality in self.quality)

    def counts(self, silent_before_ns: int) -> tuple[int, int]:
        """(good, bad) points. What has not spoken since `silent_before_ns` is bad, whatever it said last."""
        points = len(self.layout.points)
        if self.at is None:
            return 0, 0
        if self.at.mono_ns < silent_before_ns:
            return 0, points
        if self.quality is None:
            return points, 0
        good = sum(1 for quality in self.quality if quality == Quality.GOOD)
        bad = sum(1 for quality in self.quality if quality >= Quality.BAD_COMM)
        return good, bad

    def bad_points(self) -> list[tuple[str, Quality, Instant]]:
        """The points whose last sample was BAD, with the reason and the moment."""
        if self.at is None or self.quality is None:
            return []
        return [
            (point.key, Quality(quality), self.at)
            for point, quality in zip(self.layout.points, self.quality, strict=False)
            if quality >= Quality.BAD_COMM
        ]
