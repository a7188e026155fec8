"""What became of every sample that was handed in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Samples since start. received = stored + unchanged + duplicate + quarantined + dropped + those still queued."""

    received: int = 0
    stored: int = 0
    unchanged: int = 0
    duplicate: int = 0
    quarantined: int = 0
    dropped: int = 0

    @property
    def settled(self) -> int:
        return self.stored + self.unchanged + self.duplicate + self.quarantined + self.dropped
