"""The newest sample of every point, for readers. The hot path keeps one reference per frame and looks at nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.model import Device, Frame, FrameKind, Instant, Layout, Point, Quality, Value


@dataclass(frozen=True, slots=True)
class CurrentValue:
    """A point and its newest sample. `quality` None: never sampled since start."""

    point: Point
    value: Value = None
    quality: Quality | None = None
    at: Instant | None = None
    source_ns: int | None = None


class CurrentValues:
    """Fed with every committed frame, which it counts (`frames`); history is never current."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self.frames = 0
        self._devices = {device.id: device for device in devices}
        self._newest: dict[str, dict[Layout, Frame]] = {device.id: {} for device in devices}

    def observe(self, frame: Frame) -> None:
        self.frames += 1
        if frame.kind is FrameKind.HISTORY:
            return
        frames = self._newest.get(frame.layout.device)
        if frames is None:
            return
        if frame.layout not in frames:
            self._replace(frames, frame.layout)
        frames[frame.layout] = frame

    def values(self, device: str) -> list[CurrentValue]:
        """Every declared point of the device, in its order; KeyError when there is no such device."""
        newest: dict[str, CurrentValue] = {}
        for frame in self._newest[device].values():
            for index, point in enumerate(frame.layout.points):
                quality = Quality.GOOD if frame.quality is None else Quality(frame.quality[index])
                newest[point.key] = CurrentValue(point, frame.values[index], quality, frame.at, frame.source_ns)
        return [newest.get(point.key, CurrentValue(point)) for point in self._devices[device].points]

    @staticmethod
    def _replace(frames: dict[Layout, Frame], layout: Layout) -> None:
        """A new layout ends those that it shares a point with: the driver planned its blocks anew."""
        keys = {point.key for point in layout.points}
        for known in [known for known in frames if any(point.key in keys for point in known.points)]:
            del frames[known]
