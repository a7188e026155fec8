"""The gateway as a device: its own numbers as points, and what they say of it. Pure; the app passes the numbers in."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.model import GATEWAY_DEVICE, Frame, Instant, Layout, Point, PointType, Quality

DISK_NEARLY_FULL = 85.0
LOOP_LAG_S = 1.0
LOOP_STUCK_S = 5.0
OUTBOX_LONG = 1000
QUEUE_LONG = 10_000

GATEWAY_POINTS = (
    Point("disk_used", PointType.FLOAT, "%"),
    Point("outbox_pending", PointType.INT),
    Point("queue_depth", PointType.INT),
    Point("loop_lag", PointType.FLOAT, "s"),
)
GATEWAY_LAYOUT = Layout(GATEWAY_DEVICE, GATEWAY_POINTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStatus:
    """The gateway's own numbers. `disk_used` is a percentage, None when the file system does not say.

    `failed` names what makes the gateway useless (the writer is stuck, storage refuses), `degraded` what somebody must
    look at although it judges and tells: each a short clause.
    """

    disk_used: float | None
    outbox_pending: int
    queue_depth: int
    loop_lag_s: float
    failed: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()


def gateway_frame(status: GatewayStatus, now: Instant) -> Frame:
    """The numbers as one frame of the device `gateway`."""
    values = (status.disk_used, status.outbox_pending, status.queue_depth, status.loop_lag_s)
    quality = None
    if status.disk_used is None:
        quality = (Quality.BAD_NO_VALUE, Quality.GOOD, Quality.GOOD, Quality.GOOD)
    return Frame(GATEWAY_LAYOUT, values, now, quality)


def problems(status: GatewayStatus) -> tuple[str, ...]:
    """Why the gateway is not at its best; empty when it is."""
    found = [*status.failed, *status.degraded]
    if status.disk_used is not None and status.disk_used > DISK_NEARLY_FULL:
        found.append(f"the disk is {status.disk_used:.0f} % full")
    if status.outbox_pending > OUTBOX_LONG:
        found.append(f"{status.outbox_pending} notices wait")
    if status.queue_depth > QUEUE_LONG:
        found.append(f"{status.queue_depth} frames wait for the writer")
    if status.loop_lag_s > LOOP_LAG_S:
        found.append(f"the event loop is {status.loop_lag_s:.1f} s late")
    return tuple(found)


def verdict(status: GatewayStatus) -> str:
    """`ok`, `degraded` or `failed`, for /healthz and the watchdog."""
    if status.failed or status.loop_lag_s > LOOP_STUCK_S:
        return "failed"
    return "degraded" if problems(status) else "ok"
