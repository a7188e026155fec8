"""The journal's read side in the shape that the API asks for."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.model import Event, Occurrence, Severity
from gateway.store.reader import Reader


class Records:
    """Blocking; called in the API's worker threads."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def occurrences(
        self,
        *,
        state: str | None = None,
        system: str | None = None,
        severity: Severity | None = None,
        open_only: bool = True,
        after: str | None = None,
        limit: int = 100,
    ) -> Sequence[Occurrence]:
        return self._reader.occurrences(
            state=state, system=system, severity=severity, open_only=open_only, after=after, limit=limit
        )

    def occurrence(self, occurrence: str) -> Occurrence | None:
        return self._reader.occurrence(occurrence)

    def events(self, after: int, limit: int) -> Sequence[Event]:
        return self._reader.events(after, limit)
