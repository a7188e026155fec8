"""Committed changes as plain lines for a terminal, both languages side by side."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from unicodedata import east_asian_width

from gateway.app.changes import Change, HealthChanged
from gateway.app.texts import texts
from gateway.model import Event, Health, Instant, Judgement, Occurrence, Value


class Lines:
    """Turns changes into lines; `zone` is the building's."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def of(self, change: Change) -> Iterator[str]:
        if isinstance(change, HealthChanged):
            yield from self._health(change)
        else:
            yield from self._judgement(change)

    def _health(self, change: HealthChanged) -> Iterator[str]:
        if change.now is Health.STARTING:
            return
        why = f"  ({change.why})" if change.why else ""
        yield f"{self._time(change.at)}  {_wide(_both(change.now), 24)}{'':<10}{change.device}{why}"

    def _judgement(self, judgement: Judgement) -> Iterator[str]:
        for event in judgement.events:
            shown = judgement.occurrences.get(event.occurrence or "")
            if shown is not None and event.kind in texts():
                yield self._alarm(event, shown)

    def _alarm(self, event: Event, alarm: Occurrence) -> str:
        parts = [
            self._time(event.at),
            _wide(_both(event.kind), 22),
            f"{alarm.severity.word:<8}",
            f"{alarm.source:<18}",
            alarm.rule,
            f"{alarm.title.en} · {alarm.title.zh}",
        ]
        if event.kind in {"raise", "reraise", "severity_up"} and isinstance(alarm.value, float):
            parts.append(_reading(alarm))
        muted = [_both("muted")] if event.body.get("muted") else []
        reasons = [event.by, *muted, *event.body.get("causes", ())]
        if any(reasons):
            parts.append(f"({', '.join(filter(None, reasons))})")
        return "  ".join(parts)

    def _time(self, at: Instant) -> str:
        return datetime.fromtimestamp(at.wall_ns / 1e9, UTC).astimezone(self._zone).strftime("%H:%M:%S")


def _wide(text: str, columns: int) -> str:
    """Padded to so many columns of a terminal, where a Chinese character takes two."""
    taken = sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
    return text + " " * max(0, columns - taken)


def _both(key: str) -> str:
    text = texts()[key]
    return f"{text.en} {text.zh}"


def _reading(alarm: Occurrence) -> str:
    unit = f" {alarm.unit}" if alarm.unit else ""
    limit = f" ({_both('limit')} {_shown(alarm.limit)}{unit})" if alarm.limit is not None else ""
    return f"{_shown(alarm.value)}{unit}{limit}"


def _shown(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
