"""Committed changes as plain lines for a terminal, both languages side by side."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from unicodedata import east_asian_width

from gateway.bus import Change, HealthChanged
from gateway.model import Event, Health, Instant, Judgement, Occurrence, Value
from gateway.texts import texts

_OF_MANY = frozenset({"digest", "flood_begin", "flood_end"})
"""Rows about many alarms together."""


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
            if event.kind not in texts():
                continue
            shown = judgement.occurrences.get(event.occurrence or "")
            if event.kind in _OF_MANY:
                yield self._many(event, judgement)
            elif shown is not None:
                yield self._alarm(event, shown)
            elif event.rule is not None:
                yield self._past(event)

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
            parts.append(_reading(alarm.value, alarm.limit, alarm.unit))
        muted = [_both("muted")] if event.body.get("muted") else []
        reasons = [event.by, *muted, *event.body.get("causes", ())]
        if any(reasons):
            parts.append(f"({', '.join(filter(None, reasons))})")
        return "  ".join(parts)

    def _many(self, event: Event, judgement: Judgement) -> str:
        """A row about many alarms; of a digest what its first notice says."""
        said = next(
            (one.body["text"] for one in judgement.notices if one.seq == event.seq and "text" in one.body), None
        )
        text = "" if said is None else f"{said['en']} · {said['zh']}"
        return f"{self._time(event.at)}  {_wide(_both(event.kind), 22)}{text}".rstrip()

    def _past(self, event: Event) -> str:
        """A rule's row without an alarm: what was TRUE once and is told of too late; the end says when it was."""
        body = event.body
        parts = [
            self._time(event.at),
            _wide(_both(event.kind), 22),
            f"{'':<8}",
            f"{event.source:<18}",
            str(event.rule),
        ]
        if body.get("value") is not None:
            parts.append(_reading(body["value"], body.get("limit"), body.get("unit")))
        if body.get("at_wall_ns") is not None:
            parts.append(f"({self._moment(body['at_wall_ns'])})")
        return "  ".join(parts)

    def _time(self, at: Instant) -> str:
        return f"{self._local(at.wall_ns):%H:%M:%S}"

    def _moment(self, wall_ns: int) -> str:
        return f"{self._local(wall_ns):%Y-%m-%d %H:%M:%S}"

    def _local(self, wall_ns: int) -> datetime:
        return datetime.fromtimestamp(wall_ns / 1e9, UTC).astimezone(self._zone)


def _wide(text: str, columns: int) -> str:
    """Padded to so many columns of a terminal, where a Chinese character takes two."""
    taken = sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
    return text + " " * max(0, columns - taken)


def _both(key: str) -> str:
    text = texts()[key]
    return f"{text.en} {text.zh}"


def _reading(value: Value, limit: Value, unit: str | None) -> str:
    of = f" {unit}" if unit else ""
    beside = f" ({_both('limit')} {_shown(limit)}{of})" if limit is not None else ""
    return f"{_shown(value)}{of}{beside}"


def _shown(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
