"""A point written now and then and read back: a target that says yes and keeps nothing is found out. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.historian.lines import head

MEASUREMENT = "canary"


@dataclass(slots=True)
class Canary:
    """Times are host time in ns. `lost` from the moment that one has not come back until one does."""

    site: str
    every_ns: int
    patience_ns: int
    lost: bool = False
    _ms: int | None = None
    _written_ns: int | None = None
    _since_ns: int = 0

    def due(self, now_ns: int) -> bool:
        """Whether a new one is to be written: the last one has had its time."""
        return self._written_ns is None or now_ns - self._written_ns >= self.every_ns

    def line(self, ms: int) -> str:
        return f"{head(MEASUREMENT, [('site', self.site)])}value=1 {ms}"

    def written(self, ms: int, now_ns: int) -> None:
        self._written_ns = now_ns
        if self._ms is None:
            self._ms, self._since_ns = ms, now_ns

    @property
    def awaited(self) -> int | None:
        """The millisecond of the one to be read back."""
        return self._ms

    def looked(self, found: bool, now_ns: int) -> None:
        """It was looked for."""
        if self._ms is None:
            return
        if found:
            self.lost, self._ms = False, None
        elif now_ns - self._since_ns >= self.patience_ns:
            self.lost, self._ms = True, None

    def forget(self) -> None:
        """The target began anew, and may have lost it as it may anything younger than a minute."""
        self._ms = self._written_ns = None
