"""What one unit did since start, counted; health draws the conclusions."""

from __future__ import annotations

from collections import Counter, deque

from drivers.base import DriverError
from drivers.modbus.exceptions import ExceptionAnswer
from gateway.model import ErrorKind, Instant, LinkError, Refused, UnitReport

_ROUND_TRIPS = 64


class Tally:
    """Counters of one unit. A poll is one due cycle, whether it was asked or skipped; good means answered in full."""

    def __init__(self, name: str, unit: int, devices: tuple[str, ...]) -> None:
        self._name = name
        self._unit = unit
        self._devices = devices
        self._errors: Counter[ErrorKind] = Counter()
        self._exceptions: Counter[str] = Counter()
        self._rtt: deque[int] = deque(maxlen=_ROUND_TRIPS)
        self._error: LinkError | None = None
        self._last_error: LinkError | None = None
        self._last_good: Instant | None = None
        self.polls = 0
        self.good = 0
        self.overruns = 0
        self.variant: str | None = None

    def answered(self, rtt_ns: int) -> None:
        """A request was answered with its value."""
        self._rtt.append(rtt_ns)
        self._error = None

    def cycle(self, at: Instant) -> None:
        """A due cycle was answered in full."""
        self.good += 1
        self._last_good = at

    def failed(self, error: DriverError, at: Instant) -> bool:
        """A request failed; True when that is news."""
        self._errors[error.kind] += 1
        if isinstance(error, ExceptionAnswer):
            self._exceptions[error.name] += 1
        news = self._error is None or self._error.kind is not error.kind
        self._error = self._last_error = LinkError(error.kind, error.message, at.wall_ns)
        return news

    def report(self, backoff_until_ns: int | None, misses: int, refused: tuple[Refused, ...]) -> UnitReport:
        """All of it, with what only the unit itself knows."""
        return UnitReport(
            name=self._name,
            unit=self._unit,
            devices=self._devices,
            polls=self.polls,
            good=self.good,
            errors=dict(self._errors),
            error=self._error,
            last_error=self._last_error,
            last_good_mono_ns=self._last_good.mono_ns if self._last_good else None,
            last_good_wall_ns=self._last_good.wall_ns if self._last_good else None,
            rtt_ns=tuple(self._rtt),
            backoff_until_ns=backoff_until_ns,
            overruns=self.overruns,
            exceptions=dict(self._exceptions),
            misses=misses,
            refused=refused,
            variant=self.variant,
        )
