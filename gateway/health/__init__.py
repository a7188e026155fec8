"""Health: the one place that decides online, degraded, stale, offline, disabled, starting (docs/design.md D22)."""

from gateway.health.book import HealthBook
from gateway.health.gateway import GATEWAY_POINTS, GatewayStatus, gateway_frame, problems, verdict
from gateway.health.judge import Limits, limits
from gateway.health.view import DeviceHealth, HealthError, PointCounts, RoundTrips

__all__ = [
    "GATEWAY_POINTS",
    "DeviceHealth",
    "GatewayStatus",
    "HealthBook",
    "HealthError",
    "Limits",
    "PointCounts",
    "RoundTrips",
    "gateway_frame",
    "limits",
    "problems",
    "verdict",
]
