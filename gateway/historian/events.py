"""The journal's events as lines: one for each event of an occurrence. Pure but for the question about occurrences.

`alarm_event,site=…,zone=…,system=…,device=…[,part=…],rule=…,class=… severity=…,state_code=…,active=…,acked=…,seq=… MS`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.historian.lines import head
from gateway.historian.stamps import MILLI, Slots
from gateway.model import AlarmState, Device, Event, Occurrence, Severity

MEASUREMENT = "alarm_event"
STATE_CODES = {str(state): code for code, state in enumerate(AlarmState)}
_SEVERITIES = {severity.word: int(severity) for severity in Severity}
_ACTIVE = frozenset({AlarmState.UNACKED, AlarmState.UNACKED_REC, AlarmState.ACKED, AlarmState.ACKED_REC})
_ACKED = frozenset({AlarmState.ACKED, AlarmState.ACKED_REC, AlarmState.LATCHED_ACKED})
_KNOWN = 10_000


class EventLines:
    """Lines of events in order, without a hole. What an event does not say (its class) its occurrence does."""

    def __init__(
        self, site: str, devices: Mapping[str, Device], occurrence: Callable[[str], Occurrence | None]
    ) -> None:
        self._site = site
        self._devices = devices
        self._occurrence = occurrence
        self._heads: dict[str, str] = {}
        self._slots = Slots()

    def forget(self) -> None:
        """Begin anew at an earlier event."""
        self._slots = Slots()

    def of(self, event: Event) -> tuple[int, str] | None:
        """The stamp and the line; None for an event of the house itself, which belongs to no occurrence."""
        state = event.body.get("state")
        if event.occurrence is None or event.rule is None or event.source is None or state not in STATE_CODES:
            return None
        start = self._head(event.occurrence, event.rule, event.source)
        ms = self._slots.take(start, event.at.wall_ns // MILLI)
        severity = _SEVERITIES.get(str(event.body.get("severity")), int(Severity.JOURNAL))
        fields = (
            f"severity={severity},state_code={STATE_CODES[state]},active={int(state in _ACTIVE)}"
            f",acked={int(state in _ACKED)},seq={event.seq}"
        )
        return ms, f"{start}{fields} {ms}"

    def _head(self, occurrence: str, rule: str, source: str) -> str:
        known = self._heads.get(occurrence)
        if known is not None:
            return known
        device_id, _, part = source.partition("/")
        device = self._devices.get(device_id)
        found = self._occurrence(occurrence)
        tags = (
            ("site", self._site),
            ("zone", device.place(part or None).zone if device else None),
            ("system", found.system if found else device.system if device else None),
            ("device", device_id),
            ("part", part),
            ("rule", rule),
            ("class", str(found.class_) if found else None),
        )
        if len(self._heads) >= _KNOWN:
            self._heads.clear()
        self._heads[occurrence] = line = head(MEASUREMENT, tags)
        return line
