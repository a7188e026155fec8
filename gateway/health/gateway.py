"""The gateway as a device: its own numbers as points, and what they say of it. Pure; the app passes the numbers in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from gateway.health.links import LinkRecord, Pulse
from gateway.health.points import OFFLINE_SHARE, SINK, gateway_points
from gateway.model import GATEWAY_DEVICE, HEALTH_POINT, SECOND, Device, Frame, Instant, Layout, Quality, Text, Value
from gateway.texts import both, joined

DISK_NEARLY_FULL = 85.0
LOOP_LAG_S = 1.0
LOOP_STUCK_S = 5.0
OUTBOX_LONG = 1000
QUEUE_LONG = 10_000
SINK_BEHIND_S = 600.0
MOST_NAMED = 5
STARTS_WITHIN_NS = 3600 * SECOND


class SinkFigures(Protocol):
    """What the historian says of itself; its own status will do."""

    @property
    def behind_s(self) -> float: ...
    @property
    def refused(self) -> str | None: ...
    @property
    def lost(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStatus:
    """The gateway's own numbers. `notices_late`: one of a critical or high alarm waits for longer than a minute;
    `notices_lost` counts those that were given up since start. `disk_used` is a percentage, None when the file
    system does not say. `samples_dropped` counts since start. `reload_refused`: the last reload was, and the rules
    of before it go on. `storage_slow`, `storage_fault`: one write takes for too long; storage refuses, or it takes
    for much too long. `clock_synced`: the host's clock has a time server, None when that is not known.
    `unclean_starts_ns` (mono) are starts without a stop before them. `faulty_rules` cannot be judged
    somewhere: rule → where and why. `historian` is None when the site has none.
    `failed` names what makes the gateway useless (the writer is stuck, storage refuses), `degraded` what somebody
    must look at although it judges and tells: each a short clause.
    """

    disk_used: float | None
    outbox_pending: int
    queue_depth: int
    loop_lag_s: float
    samples_dropped: int = 0
    notices_late: bool = False
    notices_lost: int = 0
    reload_refused: bool = False
    storage_slow: bool = False
    storage_fault: bool = False
    clock_synced: bool | None = None
    unclean_starts_ns: tuple[int, ...] = ()
    faulty_rules: Mapping[str, Text] = field(default_factory=dict)
    historian: SinkFigures | None = None
    failed: tuple[Text, ...] = ()
    degraded: tuple[Text, ...] = ()


class GatewayRecord:
    """What health remembers of the gateway itself. Its points are those of its device; what it lacks is not told."""

    def __init__(self, device: Device | None) -> None:
        points = gateway_points({}, historian=False) if device is None else device.points
        self.layout = Layout(GATEWAY_DEVICE, tuple(point for point in points if point.key != HEALTH_POINT.key))
        self._link_keys = [point.key for point in self.layout.points if point.part not in (None, SINK)]
        self.status = GatewayStatus(disk_used=None, outbox_pending=0, queue_depth=0, loop_lag_s=0.0)
        self._dropped = Pulse()
        self._lost = Pulse()
        self._said: tuple[Value, ...] | None = None

    def frame(self, status: GatewayStatus, links: Mapping[str, LinkRecord], now: Instant) -> Frame:
        """The numbers, and what the links say, as one frame of the device `gateway`."""
        self.status = status
        self._dropped.count(status.samples_dropped, now)
        self._lost.count(status.notices_lost, now)
        return self._framed(self._values(links, now), now)

    def news(self, links: Mapping[str, LinkRecord], now: Instant) -> Frame | None:
        """The last numbers with what the links say now, if the last frame said otherwise."""
        values = self._values(links, now)
        return None if self._said in (None, values) else self._framed(values, now)

    def _framed(self, values: tuple[Value, ...], now: Instant) -> Frame:
        self._said = values
        quality = None
        if None in values:
            quality = tuple(Quality.BAD_NO_VALUE if value is None else Quality.GOOD for value in values)
        return Frame(self.layout, values, now, quality)

    def _values(self, links: Mapping[str, LinkRecord], now: Instant) -> tuple[Value, ...]:
        told = self._own(now) | self._of_links(links, now)
        return tuple(told.get(point.key) for point in self.layout.points)

    def problems(self, now: Instant) -> tuple[Text, ...]:
        """Why the gateway is not at its best; empty when it is."""
        return problems(self.status, dropping=self._dropped.is_on(now))

    def verdict(self, now: Instant) -> str:
        """`ok`, `degraded` or `failed`, by the numbers alone."""
        return verdict(self.status, dropping=self._dropped.is_on(now))

    def _own(self, now: Instant) -> dict[str, Value]:
        status = self.status
        told: dict[str, Value] = {
            "disk_used": status.disk_used,
            "outbox_pending": status.outbox_pending,
            "notices_late": status.notices_late or self._lost.is_on(now),
            "queue_depth": status.queue_depth,
            "loop_lag": status.loop_lag_s,
            "samples_dropped": self._dropped.is_on(now),
            "reload_refused": status.reload_refused,
            "storage_slow": status.storage_slow,
            "storage_fault": status.storage_fault,
            "clock_synced": status.clock_synced is not False,  # nobody knows: nothing to tell
            "unclean_starts": sum(at > now.mono_ns - STARTS_WITHIN_NS for at in status.unclean_starts_ns),
            "rule_fault": bool(status.faulty_rules),
        }
        if status.historian is not None:
            told[f"{SINK}/sink_behind"] = float(status.historian.behind_s)
            told[f"{SINK}/sink_refused"] = status.historian.refused is not None
            told[f"{SINK}/sink_lost"] = status.historian.lost
        return told

    def _of_links(self, links: Mapping[str, LinkRecord], now: Instant) -> dict[str, Value]:
        # a link that has not reported yet is not up, and nothing went wrong on it
        told: dict[str, Value] = {key: 0.0 if key.endswith(OFFLINE_SHARE) else False for key in self._link_keys}
        for link, record in links.items():
            told |= {f"{link}/{name}": value for name, value in record.said(now).items()}
        return told


def problems(status: GatewayStatus, *, dropping: bool = False) -> tuple[Text, ...]:
    """Why the gateway is not at its best; empty when it is. `dropping`: samples were lost within the last minute."""
    found = [*status.failed, *status.degraded]
    if status.disk_used is not None and status.disk_used > DISK_NEARLY_FULL:
        found.append(both("gateway_disk", used=f"{status.disk_used:.0f}"))
    if status.outbox_pending > OUTBOX_LONG:
        found.append(both("gateway_outbox", count=status.outbox_pending))
    if status.notices_late:
        found.append(both("gateway_notices_late"))
    if status.queue_depth > QUEUE_LONG:
        found.append(both("gateway_queue", count=status.queue_depth))
    if status.loop_lag_s > LOOP_LAG_S:
        found.append(both("gateway_late", lag=f"{status.loop_lag_s:.1f}"))
    if status.reload_refused:
        found.append(both("gateway_reload_refused"))
    if status.faulty_rules:
        found.append(both("gateway_rules_fail", rules=_named(status.faulty_rules)))
    if dropping:
        found.append(both("gateway_dropping", count=f"{status.samples_dropped:,}"))
    return (*found, *_of_sink(status.historian))


def _named(faulty: Mapping[str, Text]) -> Text:
    """The first of them, with where and why."""
    first = [both("gateway_rule_fails", rule=rule, why=why) for rule, why in islice(faulty.items(), MOST_NAMED)]
    return joined(first if len(faulty) <= MOST_NAMED else [*first, Text("…", "…")])


def _of_sink(sink: SinkFigures | None) -> tuple[Text, ...]:
    if sink is None:
        return ()
    found = []
    if sink.refused is not None:
        found.append(both("sink_refuses", message=sink.refused))
    if sink.lost:
        found.append(both("sink_loses"))
    if sink.behind_s > SINK_BEHIND_S:
        found.append(both("sink_behind", minutes=f"{sink.behind_s / 60:.0f}"))
    return tuple(found)


def verdict(status: GatewayStatus, *, dropping: bool = False) -> str:
    """`ok`, `degraded` or `failed`, for /healthz and the watchdog."""
    if status.failed or status.loop_lag_s > LOOP_STUCK_S:
        return "failed"
    return "degraded" if problems(status, dropping=dropping) else "ok"
