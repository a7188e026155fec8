"""How long open alarms were muted within a span, by kind, as the journal's rows tell it (K11). Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from alerts.lifecycle import ACTIVE
from alerts.mute import KINDS, MAINTENANCE, OUT_OF_SERVICE, SHELVED, SILENCED, SUPPRESSED
from gateway.model import Event

_TOLD = frozenset({"raise", "reraise", "severity_up"})
"""Rows that name everything that mutes the alarm."""
_TIMED = frozenset({"unshelve", "in_service"})
_ROWS = {
    "shelve": SHELVED,
    "unshelve": SHELVED,
    "out_of_service": OUT_OF_SERVICE,
    "in_service": OUT_OF_SERVICE,
    "suppress": SUPPRESSED,
    "unsuppress": SUPPRESSED,
    "silence": SILENCED,
    "unsilence": SILENCED,
    "maintenance": MAINTENANCE,
    "maintenance_over": MAINTENANCE,
}


@dataclass(slots=True)
class MutedTime:
    """In [begin, end): `take` the rows of what was open then, in order; those from before it say what it began with.

    `expired_active` counts shelves and permits that ran out while the alarm was still on.
    """

    begin_ns: int
    end_ns: int
    expired_active: int = 0
    _since: dict[tuple[str, str], int] = field(default_factory=dict)
    _ns: Counter[str] = field(default_factory=Counter)

    def take(self, event: Event) -> None:
        """The next row. What comes behind the span says nothing of it."""
        at, body = event.at.wall_ns, event.body
        if event.occurrence is None or at >= self.end_ns:
            return
        if event.kind == "close":
            self._exactly(event.occurrence, (), at)
        elif event.kind in _TOLD:
            self._exactly(event.occurrence, body.get("muted", ()), at)
        elif (kind := _ROWS.get(event.kind)) is not None:
            self._turn(event.occurrence, kind, self._is_on(event), at)
        if event.kind in _TIMED and body.get("why") == "expired" and at >= self.begin_ns:
            self.expired_active += body.get("state") in ACTIVE

    def hours(self) -> dict[str, float]:
        """By kind, of all alarms together; what still lasts counts up to the end of the span."""
        total = Counter(self._ns)
        for (_, kind), since in self._since.items():
            total[kind] += self.end_ns - max(self.begin_ns, since)
        return {kind: hours for kind in KINDS if (hours := round(total[kind] / 3.6e12, 4))}

    @staticmethod
    def _is_on(event: Event) -> bool:
        if event.kind in ("shelve", "out_of_service"):
            return True
        return bool(event.body.get("causes") or event.body.get("reasons"))

    def _exactly(self, occurrence: str, kinds: tuple[str, ...] | list[str], at: int) -> None:
        for kind in KINDS:
            self._turn(occurrence, kind, kind in kinds, at)

    def _turn(self, occurrence: str, kind: str, on: bool, at: int) -> None:
        key = occurrence, kind
        if on:
            self._since.setdefault(key, at)
        elif (since := self._since.pop(key, None)) is not None:
            self._ns[kind] += max(0, at - max(self.begin_ns, since)) if at > self.begin_ns else 0
