"""What LinkReports say of units: present errors, success over the last polls, round trips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from gateway.health.links import LinkRecord
from gateway.health.view import RoundTrips
from gateway.model import Instant, LinkError, UnitReport

WINDOW_POLLS = 100
MISSED_UNTIL_FAILING = 2


class UnitRecord:
    """One unit's newest report, and its success over the last 50 to 100 polls in two numbers of memory each."""

    __slots__ = ("_base", "_middle", "failing_since", "gone_at", "link", "report")

    def __init__(self, link: LinkRecord, report: UnitReport) -> None:
        self.link = link
        self.report = report
        self.gone_at: Instant | None = None  # since when its availability topic says that it is not there
        self.failing_since: Instant | None = None  # when its present error was first reported
        self._base = self._middle = (0, 0, 0)
        self._listen(report)

    def update(self, report: UnitReport) -> None:
        """A newer word of its link, which has been told to `link` already."""
        self._listen(report)
        if report.polls < self.report.polls:  # the driver started over
            self._base = self._middle = (0, 0, 0)
        elif report.polls - self._middle[0] >= WINDOW_POLLS // 2:
            self._base, self._middle = self._middle, (self.report.polls, self.report.good, self.report.overruns)
        self.report = report

    def _listen(self, report: UnitReport) -> None:
        if report.error is None and report.backoff_until_ns is None:
            self.failing_since = None
        elif self.failing_since is None:
            self.failing_since = self.link.report.at
        if report.available is not False:
            self.gone_at = None
        elif self.gone_at is None:  # told again (a retained word after a new connection) it is not a new departure
            told = self.link.report.at
            at_ns = told.mono_ns if report.available_at_ns is None else report.available_at_ns
            self.gone_at = Instant(at_ns, told.wall_ns - (told.mono_ns - at_ns))

    @property
    def recent(self) -> tuple[int, int, int]:
        """(polls, good, overruns) of the window."""
        polls, good, overruns = self._base
        return self.report.polls - polls, self.report.good - good, self.report.overruns - overruns

    @property
    def error(self) -> LinkError | None:
        """The present error: the unit's own, or its link's while that is down."""
        link = self.link.report
        if not link.connected and link.error is not None:
            return link.error
        return self.report.error

    def fails(self, silent_before_ns: int) -> bool:
        """It has an error now and no good answer since `silent_before_ns`: one lost poll is not a failure.

        Nor is it of a unit that is asked so seldom that its last good answer is older than that.
        """
        report = self.report
        if report.backoff_until_ns is not None:
            return True
        if self.error is None:
            return False
        if report.misses:
            return report.misses >= MISSED_UNTIL_FAILING
        return report.last_good_mono_ns is None or report.last_good_mono_ns < silent_before_ns


def success_ratio(units: Sequence[UnitRecord]) -> float | None:
    """Good polls of all units together; None before the first poll."""
    polls = good = 0
    for unit in units:
        unit_polls, unit_good, _ = unit.recent
        polls += unit_polls
        good += unit_good
    return good / polls if polls else None


def round_trips(units: Iterable[UnitReport]) -> RoundTrips:
    """Nearest-rank percentiles of the newest round trips."""
    times = sorted(chain.from_iterable(unit.rtt_ns for unit in units))
    if not times:
        return RoundTrips(None, None)
    last = len(times) - 1
    return RoundTrips(times[round(last * 0.50)], times[round(last * 0.99)])
