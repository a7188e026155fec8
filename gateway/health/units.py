"""What LinkReports say of units: present errors, success over the last polls, round trips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from gateway.health.links import LinkRecord
from gateway.health.view import RoundTrips
from gateway.model import Instant, LinkError, UnitReport

WINDOW_POLLS = 100


class UnitRecord:
    """One unit's newest report, and its success over the last 50 to 100 polls in two numbers of memory each."""

    __slots__ = ("_base", "_middle", "gone_at", "link", "report")

    def __init__(self, link: LinkRecord, report: UnitReport) -> None:
        self.link = link
        self.report = report
        self.gone_at: Instant | None = None  # since when its availability topic says that it is not there
        self._base = self._middle = (0, 0)
        self._listen(report)

    def update(self, report: UnitReport) -> None:
        """A newer word of its link, which has been told to `link` already."""
        self._listen(report)
        if report.polls < self.report.polls:  # the driver started over
            self._base = self._middle = (0, 0)
        elif report.polls - self._middle[0] >= WINDOW_POLLS // 2:
            self._base, self._middle = self._middle, (self.report.polls, self.report.good)
        self.report = report

    def _listen(self, report: UnitReport) -> None:
        if report.available is not False:
            self.gone_at = None
        elif self.gone_at is None:  # told again (a retained word after a new connection) it is not a new departure
            told = self.link.report.at
            at_ns = told.mono_ns if report.available_at_ns is None else report.available_at_ns
            self.gone_at = Instant(at_ns, told.wall_ns - (told.mono_ns - at_ns))

    @property
    def recent(self) -> tuple[int, int]:
        """(polls, good) of the window."""
        return self.report.polls - self._base[0], self.report.good - self._base[1]

    @property
    def error(self) -> LinkError | None:
        """The present error: the unit's own, or its link's while that is down."""
        link = self.link.report
        if not link.connected and link.error is not None:
            return link.error
        return self.report.error

    def fails(self, silent_before_ns: int) -> bool:
        """It has an error now and no good answer since `silent_before_ns`: one lost poll is not a failure."""
        if self.error is None and self.report.backoff_until_ns is None:
            return False
        good_at = self.report.last_good_mono_ns
        return good_at is None or good_at < silent_before_ns


def success_ratio(units: Sequence[UnitRecord]) -> float | None:
    """Good polls of all units together; None before the first poll."""
    polls = good = 0
    for unit in units:
        unit_polls, unit_good = unit.recent
        polls += unit_polls
        good += unit_good
    return good / polls if polls else None


def round_trips(units: Iterable[UnitRecord]) -> RoundTrips:
    """Nearest-rank percentiles of the newest round trips."""
    times = sorted(chain.from_iterable(unit.report.rtt_ns for unit in units))
    if not times:
        return RoundTrips(None, None)
    last = len(times) - 1
    return RoundTrips(times[round(last * 0.50)], times[round(last * 0.99)])


def newest_error(units: Iterable[UnitRecord]) -> LinkError | None:
    errors = [unit.error for unit in units if unit.error is not None]
    return max(errors, key=lambda error: error.at_wall_ns, default=None)
