"""Where the columns of a frame go: worked out once for each layout."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.live import Live


@dataclass(frozen=True, slots=True)
class Route:
    """Where a layout's columns go, and who reads them."""

    columns: tuple[tuple[int, int], ...]
    readers: tuple[Live, ...]
    health: HealthWord | None = None


@dataclass(frozen=True, slots=True)
class HealthWord:
    """What health's word decides: its column, the slots of the device's other points, and who reads any of them."""

    column: int
    slots: tuple[int, ...]
    readers: tuple[Live, ...]
