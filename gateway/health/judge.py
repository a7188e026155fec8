"""When a device is stale or offline, and what state follows from the facts. Pure; time is an argument."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.model import SECOND, Device, Health, Quality

OFFLINE_PERIODS = 3
STALE_PERIODS = 2
SHORTEST_OFFLINE_NS = 10 * SECOND
UNAVAILABLE_NS = 5 * SECOND  # a will that comes after the next hello is contradicted within this time
SHORTEST_FIRE_OFFLINE_NS = 100 * SECOND  # GB 25506: a panel's other status is due within 100 s

# A live sample whose time is doubtful still proves that the device answers. What the broker has kept (a backlog, or the
# retained messages that come again with every connection) proves nothing of a device that speaks regularly.
HEARD = frozenset({Quality.GOOD, Quality.UNCERTAIN_CLOCK})
KEPT = frozenset({Quality.GOOD})
# Of a device that speaks only of changes it is the last word, and its availability topic tells whether it is there.
LAST_WORD = frozenset(quality for quality in Quality if not quality.is_bad)


@dataclass(frozen=True, slots=True)
class Limits:
    """Ages of the last good sample beyond which a device is stale, and offline.

    Of a device that speaks only when something changes they are compared with the time for which its link is down.
    """

    stale_ns: int
    offline_ns: int


def limits(device: Device) -> Limits:
    """Offline after max(3 periods, 10 s; fire panels 100 s); stale after max(2 periods, half of that floor)."""
    floor = SHORTEST_FIRE_OFFLINE_NS if device.system == "fire" else SHORTEST_OFFLINE_NS
    return Limits(
        stale_ns=max(STALE_PERIODS * device.poll_ns, floor // 2),
        offline_ns=max(OFFLINE_PERIODS * device.poll_ns, floor),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a device at one moment. Ages in ns of building time; `age_ns` None: never a good sample.

    `unavailable_ns` is how long its availability topic has been saying that it is not there, None while it does not.
    """

    age_ns: int | None
    up_ns: int
    ailing: bool
    unavailable_ns: int | None = None


def judge(disabled: bool, limit: Limits, facts: Facts) -> Health:
    """The state that follows. A device that was never heard is starting, then offline after the offline limit."""
    if disabled:
        return Health.DISABLED
    if facts.unavailable_ns is not None and facts.unavailable_ns >= UNAVAILABLE_NS:
        return Health.OFFLINE
    if facts.age_ns is None:
        return Health.STARTING if facts.up_ns <= limit.offline_ns else Health.OFFLINE
    if facts.age_ns > limit.offline_ns:
        return Health.OFFLINE
    if facts.age_ns > limit.stale_ns or facts.unavailable_ns is not None:
        return Health.STALE
    return Health.DEGRADED if facts.ailing else Health.ONLINE
