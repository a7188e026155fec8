"""What health says of a device, as values."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.model import Health


@dataclass(frozen=True, slots=True)
class HealthError:
    """Why a device is not well.

    `kind` is an ErrorKind's word, or `silent`, `unavailable` (it says so itself), `resources` for the gateway.
    """

    kind: str
    message: str
    at_wall_ns: int


@dataclass(frozen=True, slots=True)
class RoundTrips:
    """Of the newest requests to all units that feed the device; None before the first answer."""

    p50_ns: int | None
    p99_ns: int | None


@dataclass(frozen=True, slots=True)
class PointCounts:
    """`total` leaves out the point `health`. What was never sampled is neither good nor bad."""

    total: int
    good: int
    bad: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceHealth:
    """The state of one device at one moment. `since_wall_ns` is when it came into this state."""

    device: str
    health: Health
    since_wall_ns: int
    last_good_wall_ns: int | None
    age_ns: int | None
    error: HealthError | None
    success_ratio: float | None
    rtt: RoundTrips
    points: PointCounts
