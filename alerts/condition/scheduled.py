"""C12: the site's local time lies within a schedule."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, tzinfo

from alerts.condition.columns import Columns
from alerts.condition.node import Node
from alerts.schedule import Schedule, contains, next_edge
from gateway.model import Truth


class Scheduled(Node):
    """TRUE within a window, else FALSE, by the UTC label of building time; asked again at once when that steps."""

    __slots__ = ("_due", "_from_ns", "_holidays", "_inside", "_schedule", "_until_ns", "_zone")

    def __init__(self, schedule: Schedule, zone: tzinfo, holidays: Collection[date]) -> None:
        super().__init__()
        self.on_label = True
        self._schedule = schedule
        self._zone = zone
        self._holidays = frozenset(holidays)
        self._inside = False
        self._from_ns = 0  # `_inside` is true of [from, until) in UTC
        self._until_ns: int | None = 0
        self._due: int | None = None

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        wall_ns = now_ns + columns.label_ns
        if wall_ns < self._from_ns or (self._until_ns is not None and wall_ns >= self._until_ns):
            self._inside = contains(self._schedule, wall_ns, self._zone, self._holidays)
            self._from_ns, self._until_ns = wall_ns, next_edge(self._schedule, wall_ns, self._zone, self._holidays)
        self._due = None if self._until_ns is None else self._until_ns - columns.label_ns
        return self._inside

    def next_due(self) -> int | None:
        return self._due
