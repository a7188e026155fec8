"""What the bus carries: committed judgements and changes of health."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.model import Health, Instant, Judgement


@dataclass(frozen=True, slots=True)
class HealthChanged:
    """A device came into another state of health. `was` None: the first word after start."""

    device: str
    was: Health | None
    now: Health
    why: str | None
    at: Instant


Change = Judgement | HealthChanged
