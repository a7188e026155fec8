"""A rule of the catalogue at one severity: what raises it, and the nearest that must not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.model import Severity
from tests.alerts.whole import Story, on

C, H, M, L, J = Severity
LIFT, WATER, SLOW, PANEL, PUMPS = "lift-1", "water-east", "pit-slow", "panel-1", "fire-pumps"
CHARGER, FEED, SOCKET, CABINET, GATEWAY = "charger-1", "transformer", "socket", "cabinet", "gateway"
HOUR, DAY = 3600, 86_400


@dataclass(frozen=True)
class Pair:
    """`raises` brings the rule on the source to this severity; `quiet` does not."""

    rule: str
    severity: Severity
    source: str
    raises: Story
    quiet: Story

    @property
    def name(self) -> str:
        return f"{self.rule} {self.severity.word} {self.source}"


def point(rule: str, severity: Severity, device: str, key: str, raises: Any, quiet: Any, seconds: float = 0) -> Pair:
    """One point with a value that raises after `seconds`, and one that does not, however long."""
    own = f"{device}/{key.rpartition('/')[0]}" if "/" in key else device
    look = 10 + seconds + 1
    return Pair(
        rule, severity, own, [on(device, 10, {key: raises}), look], [on(device, 10, {key: quiet}), look + 2 * seconds]
    )


def for_long(rule: str, severity: Severity, device: str, key: str, value: Any, seconds: float) -> Pair:
    """One point that must be so for a while: for three quarters of it, it must not."""
    own = f"{device}/{key.rpartition('/')[0]}" if "/" in key else device
    before = not value if isinstance(value, bool) else None
    begun = on(device, 10, {key: value})
    rest = [on(device, 10 + 0.75 * seconds, {key: before})] if before is not None else []
    return Pair(rule, severity, own, [begun, 10 + seconds + 1], [begun, *rest, 10 + (2 if rest else 0.75) * seconds])
