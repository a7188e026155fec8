"""What health says of devices, points, units and links, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.model import Health, LinkReport, Quality, Text, UnitReport


@dataclass(frozen=True, slots=True)
class HealthError:
    """Why a device is not well. `message` is for programs and logs, `why` the whole sentence for people.

    `kind` is an ErrorKind's word, the reason of bad points (`config`, `no_value`, …), or `silent`, `unavailable` (it
    says so itself), `overrun` (its bus is too slow), `not_fitted` (never an error), `resources` of the gateway.
    """

    kind: str
    message: str
    at_wall_ns: int
    why: Text


@dataclass(frozen=True, slots=True)
class RoundTrips:
    """Of the newest requests to all units that feed the device; None before the first answer."""

    p50_ns: int | None
    p99_ns: int | None


@dataclass(frozen=True, slots=True)
class PointCounts:
    """`total` leaves out the point `health`. What was never sampled is neither good nor bad.

    `bad` includes those that are `silent`: nothing came of them for too long. What is not fitted is not bad.
    """

    total: int
    good: int
    bad: int
    not_fitted: int = 0
    silent: int = 0


@dataclass(frozen=True, slots=True)
class PointSummary:
    """Counts for those who watch many devices: `reasons` of the points' qualities, `good`, `silent` or `unheard`."""

    bad: int
    reasons: Mapping[str, int]
    last_good_wall_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitHealth:
    """A unit as its driver reported it, and `why` it is not well, in a sentence; None when it is."""

    link: str
    endpoint: str
    report: UnitReport
    rtt: RoundTrips
    why: Text | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkHealth:
    """A link as its driver reported it, and `why` it is down; None when it is not."""

    report: LinkReport
    units: tuple[UnitHealth, ...]
    why: Text | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PointHealth:
    """One point at one moment. `quality` None: nothing has been said of it since the start.

    `period_ns` is the time within which something is expected of it, 0 when nothing is. `silent`: nothing came for
    three of these. `why` is a sentence whenever it is not simply good.
    """

    key: str
    quality: Quality | None
    period_ns: int
    last_good_wall_ns: int | None
    age_ns: int | None
    silent: bool
    why: Text | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceHealth:
    """The state of one device at one moment. `since_wall_ns` is when it came into this state.

    `causes` are all troubles, the nearest first, which is `error`; `notes` are worth knowing and no trouble.
    """

    device: str
    health: Health
    since_wall_ns: int
    last_good_wall_ns: int | None
    age_ns: int | None
    causes: tuple[HealthError, ...]
    notes: tuple[HealthError, ...]
    success_ratio: float | None
    rtt: RoundTrips
    points: PointCounts

    @property
    def error(self) -> HealthError | None:
        """The nearest trouble; None when there is none to tell."""
        return self.causes[0] if self.causes else None
