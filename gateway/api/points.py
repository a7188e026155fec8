"""The newest samples of the points that a listener asks for: looked at now and then, so that no frame waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.api import frames
from gateway.api.current import CurrentValue
from gateway.api.house import House
from gateway.clock import host_mono_ns
from gateway.model import SECOND, Point

# more than all live streams together may ask for
MOST_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Watched:
    """A point of a device."""

    device: str
    point: Point


class PointTexts:
    """The newest frame of each point that anybody watches, made once for all."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._made: dict[Watched, tuple[CurrentValue, bytes]] = {}

    def of(self, watched: Watched, current: CurrentValue) -> bytes:
        made, text = self._made.get(watched, (None, b""))
        if made != current:
            text = frames.point(watched.device, current, self._house.clock.now())
            self._made.pop(watched, None)
            self._made[watched] = current, text
            if len(self._made) > MOST_KEPT:
                del self._made[next(iter(self._made))]  # most likely of nobody's any more
        return text


class Points:
    """One listener's points. Between two looks only the newest sample counts."""

    def __init__(self, house: House, texts: PointTexts, watched: Sequence[Watched], every: float) -> None:
        self._house = house
        self._texts = texts
        self._told: dict[Watched, CurrentValue | None] = dict.fromkeys(watched)
        self._every_ns = int(every * SECOND)
        self._due_ns = host_mono_ns()

    @property
    def wait(self) -> float:
        """Host seconds until the next look; for ever without points."""
        return max(0, self._due_ns - host_mono_ns()) / SECOND if self._told else float("inf")

    def due(self) -> list[bytes]:
        """What is new, if it is time to look."""
        if not self._told or host_mono_ns() < self._due_ns:
            return []
        self._due_ns = host_mono_ns() + self._every_ns
        fresh = []
        for watched, told in self._told.items():
            current = self._house.current.value(watched.device, watched.point)
            if current != told:
                self._told[watched] = current
                fresh.append(self._texts.of(watched, current))
        return fresh
