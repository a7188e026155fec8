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
    """Fed with every committed frame, which it counts (`frames`); history is never current.

    A message may carry some of a device's points only: those that it does not carry stay as they were.
    """

    def __init__(self, devices: Sequence[Device]) -> None:
        self.frames = 0
        self._devices = {device.id: device for device in devices}
        # of each device its layouts, the one that spoke last at the end
        self._newest: dict[str, dict[Layout, Frame]] = {device.id: {} for device in devices}
        self._columns: dict[Layout, dict[str, int]] = {}

    def observe(self, frame: Frame) -> None:
        self.frames += 1
        if frame.kind is FrameKind.HISTORY:
            return
        frames = self._newest.get(frame.layout.device)
        if frames is None:
            return
        if frames.pop(frame.layout, None) is None:
            self._join(frames, frame.layout)
        frames[frame.layout] = frame

    def values(self, device: str) -> list[CurrentValue]:
        """Every declared point of the device, in its order; KeyError when there is no such device."""
        newest: dict[str, CurrentValue] = {}
        for frame in self._newest[device].values():
            for index, point in enumerate(frame.layout.points):
                newest[point.key] = _sample(frame, point, index)
        return [newest.get(point.key, CurrentValue(point)) for point in self._devices[device].points]

    def value(self, device: str, point: Point) -> CurrentValue:
        """One declared point of a device; KeyError when there is no such device."""
        for frame in reversed(self._newest[device].values()):
            index = self._columns[frame.layout].get(point.key)
            if index is not None:
                return _sample(frame, frame.layout.points[index], index)
        return CurrentValue(point)

    def _join(self, frames: dict[Layout, Frame], layout: Layout) -> None:
        """Layouts of which nothing can be the newest any more are forgotten."""
        self._columns[layout] = {point.key: index for index, point in enumerate(layout.points)}
        for known in [known for known in frames if self._columns[known].keys() <= self._columns[layout].keys()]:
            del frames[known]
            del self._columns[known]


def _sample(frame: Frame, point: Point, index: int) -> CurrentValue:
    quality = Quality.GOOD if frame.quality is None else Quality(frame.quality[index])
    return CurrentValue(point, frame.values[index], quality, frame.at, frame.source_ns)
