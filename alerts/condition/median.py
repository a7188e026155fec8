"""The median of a point's samples in a sliding window, in bounded memory."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Sequence

STEPS = 240
"""A window keeps at most about so many samples: of a quicker point the newest one of each step."""


class Recent:
    """The samples of (newest − within, newest], one of each step, and their median.

    `every_ns` is the period in which samples come: `is_enough` once half of those that a whole window would keep are
    there, so that a lost link leaves no median of two samples.
    """

    __slots__ = ("_enough", "_samples", "_sorted", "_step_ns", "within_ns")

    def __init__(self, within_ns: int, every_ns: int) -> None:
        self.within_ns = within_ns
        self._step_ns = within_ns // STEPS
        self._enough = max(within_ns / max(self._step_ns, every_ns) / 2, 1)
        self._samples: deque[tuple[int, float]] = deque()
        self._sorted: list[float] = []

    @property
    def is_enough(self) -> bool:
        return len(self._samples) >= self._enough

    def add(self, at_ns: int, value: float) -> None:
        """A sample that is newer than all others."""
        if self._samples and self._samples[-1][0] // self._step_ns == at_ns // self._step_ns:
            self._remove(self._samples.pop()[1])
        self._samples.append((at_ns, value))
        insort(self._sorted, value)

    def forget(self, until_ns: int) -> None:
        """Samples of this time and older ones are gone."""
        while self._samples and self._samples[0][0] <= until_ns:
            self._remove(self._samples.popleft()[1])

    def _remove(self, value: float) -> None:
        del self._sorted[bisect_left(self._sorted, value)]

    def age(self, by_ns: int) -> None:
        """All samples are so much older."""
        self._samples = deque((at - by_ns, value) for at, value in self._samples)

    def clear(self) -> None:
        self._samples.clear()
        self._sorted.clear()

    @property
    def median(self) -> float:
        """Of two in the middle the mean; IndexError when there is none."""
        middle = len(self._sorted) // 2
        if len(self._sorted) % 2:
            return self._sorted[middle]
        return (self._sorted[middle - 1] + self._sorted[middle]) / 2

    def snapshot(self) -> list[list[float]]:
        return [[at, value] for at, value in self._samples]

    def restore(self, samples: Iterable[Sequence[float]]) -> None:
        self._samples = deque((int(at), value) for at, value in samples)
        self._sorted = sorted(value for _, value in self._samples)
