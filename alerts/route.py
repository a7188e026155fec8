"""Where the columns of a frame go: worked out once for each layout."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.condition.columns import Columns
from alerts.live import Live
from gateway.model import Frame, Health


@dataclass(frozen=True, slots=True)
class Route:
    """Where a layout's columns go, and who reads them."""

    columns: tuple[tuple[int, int], ...]
    readers: tuple[Live, ...]
    health: HealthWord | None = None

    def put(self, frame: Frame, columns: Columns) -> None:
        """The frame's samples are the newest."""
        values, quality = frame.values, frame.quality
        at_ns, source_ns = frame.at.mono_ns, frame.source_ns
        for column, slot in self.columns:
            columns.values[slot] = values[column]
            columns.quality[slot] = 0 if quality is None else quality[column]
            columns.at_ns[slot] = at_ns
            columns.source_ns[slot] = source_ns


@dataclass(frozen=True, slots=True)
class HealthWord:
    """What health's word decides: its column, the slots of the device's other points, and who reads any of them."""

    column: int
    slots: tuple[int, ...]
    readers: tuple[Live, ...]

    def is_gone(self, frame: Frame) -> bool:
        """The device is, by this word."""
        return frame.values[self.column] == Health.OFFLINE
