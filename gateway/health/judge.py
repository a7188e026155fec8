"""When a device or a point is stale or offline, and what state follows from the facts. Pure; time is an argument."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.model import HEALTH_POINT, SECOND, Device, Health, Quality

OFFLINE_PERIODS = 3
STALE_PERIODS = 2
SHORTEST_OFFLINE_NS = 10 * SECOND
UNAVAILABLE_NS = 5 * SECOND  # a will that comes after the next hello is contradicted within this time
SHORTEST_FIRE_OFFLINE_NS = 100 * SECOND  # GB 25506: a panel's other status is due within 100 s
NEVER_NS = 1 << 62
"""The patience with what speaks only when something changes."""

# A live sample whose time is doubtful still proves that the device answers. What the broker has kept (a backlog, or the
# retained messages that come again with every connection) proves nothing of a device that speaks regularly.
HEARD = frozenset({Quality.GOOD, Quality.UNCERTAIN_CLOCK})
KEPT = frozenset({Quality.GOOD})
# Of a device that speaks only of changes it is the last word, and its availability topic tells whether it is there.
LAST_WORD = frozenset(quality for quality in Quality if not quality.is_bad)


@dataclass(frozen=True, slots=True)
class Limits:
    """Ages of the last good sample beyond which its source is stale, and offline.

    Of what speaks only when something changes they are compared with the time for which its link is down.
    """

    stale_ns: int
    offline_ns: int


def period_limits(system: str, period_ns: int) -> Limits:
    """Offline after max(3 periods, 10 s; fire panels 100 s); stale after max(2 periods, half of that floor)."""
    floor = SHORTEST_FIRE_OFFLINE_NS if system == "fire" else SHORTEST_OFFLINE_NS
    return Limits(
        stale_ns=max(STALE_PERIODS * period_ns, floor // 2),
        offline_ns=max(OFFLINE_PERIODS * period_ns, floor),
    )


def limits(device: Device) -> Limits:
    """Those of the device's quickest points: when all of it is silent, nobody waits for the slow ones."""
    return period_limits(device.system, shortest_period(device))


def period_of(device: Device, key: str) -> int:
    """Within what time something is expected of this point; 0 when nothing is."""
    return device.periods.get(key, device.poll_ns)


def shortest_period(device: Device) -> int:
    """The shortest period of its points; 0 when nothing is expected of any."""
    periods = {period_of(device, point.key) for point in device.points if point.key != HEALTH_POINT.key}
    return min((period for period in periods if period), default=0 if periods else device.poll_ns)


def patience(device: Device, key: str) -> int:
    """For how long nothing may come of a point before it counts as silent."""
    period = period_of(device, key)
    return period_limits(device.system, period).offline_ns if period else NEVER_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a device at one moment. Ages in ns of building time.

    `heard`: there has been a good sample; `fresh` and `alive`: one of its sources is within its limit of stale, and of
    offline. `unavailable_ns` is how long its availability topic has been saying that it is not there, None while it
    does not.
    """

    heard: bool
    fresh: bool
    alive: bool
    up_ns: int
    ailing: bool
    unavailable_ns: int | None = None


def judge(disabled: bool, offline_ns: int, facts: Facts) -> Health:
    """The state that follows. A device that was never heard is starting, then offline after the offline limit."""
    if disabled:
        return Health.DISABLED
    if facts.unavailable_ns is not None and facts.unavailable_ns >= UNAVAILABLE_NS:
        return Health.OFFLINE
    if not facts.heard:
        return Health.STARTING if facts.up_ns <= offline_ns else Health.OFFLINE
    if not facts.alive:
        return Health.OFFLINE
    if not facts.fresh or facts.unavailable_ns is not None:
        return Health.STALE
    return Health.DEGRADED if facts.ailing else Health.ONLINE
