"""What the bus carries: committed judgements and changes of health."""

from gateway.bus import Change, HealthChanged

__all__ = ["Change", "HealthChanged"]
