"""Health: the one place that decides online, degraded, stale, offline, disabled, starting (docs/design.md D22)."""

from gateway.health.book import HealthBook
from gateway.health.gateway import GatewayStatus, SinkFigures, problems, verdict
from gateway.health.judge import Limits, limits
from gateway.health.points import gateway_points
from gateway.health.units import round_trips
from gateway.health.view import (
    DeviceHealth,
    HealthError,
    LinkHealth,
    PointCounts,
    PointHealth,
    PointSummary,
    RoundTrips,
    UnitHealth,
)

__all__ = [
    "DeviceHealth",
    "GatewayStatus",
    "HealthBook",
    "HealthError",
    "Limits",
    "LinkHealth",
    "PointCounts",
    "PointHealth",
    "PointSummary",
    "RoundTrips",
    "SinkFigures",
    "UnitHealth",
    "gateway_points",
    "limits",
    "problems",
    "round_trips",
    "verdict",
]
