"""The live stream's frames: Server-Sent Events, each made once for all who listen. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.api.answers import alarm, alarm_with_life, device_body, event_body, value_body
from gateway.api.current import CurrentValue
from gateway.api.house import House
from gateway.bus import Change, HealthChanged
from gateway.model import Event, Instant, Judgement, Occurrence

PING = b": ping\n\n"

_encode = msgspec.json.Encoder().encode  # writes no line breaks, as a `data:` line needs it


@dataclass(frozen=True, slots=True)
class Piece:
    """A frame as it goes out. `seq` is the row of the journal that it tells; None: it tells no row."""

    seq: int | None
    text: bytes


def pieces(change: Change, house: House) -> Iterator[Piece]:
    """The frames of a change: one per row of the journal, or one without a number for what moved without a row."""
    if isinstance(change, HealthChanged):
        if (device := house.by_id.get(change.device)) is not None:
            yield Piece(None, frame("health", device_body(device, house.health.brief(device.id, house.clock.now()))))
        return
    yield from _judged(change, house)


def _judged(judgement: Judgement, house: House) -> Iterator[Piece]:
    told = set()
    for event in judgement.events:
        told.add(event.occurrence)
        yield row(event, judgement.occurrences.get(event.occurrence or ""), house)
    for occurrence in judgement.occurrences.values():
        if occurrence.occurrence not in told:
            yield Piece(None, frame("alarm", {"event": None, "alarm": alarm_with_life(occurrence, house)}))


def row(event: Event, occurrence: Occurrence | None, house: House) -> Piece:
    """A row of the journal: `alarm` with the alarm that it belongs to, `journal` when it belongs to none."""
    body = event_body(event)
    if occurrence is None:
        return Piece(event.seq, frame("journal", body, event.seq))
    content = {"event": body, "alarm": alarm_with_life(occurrence, house)}
    return Piece(event.seq, frame("alarm", content, event.seq))


def point(device: str, current: CurrentValue, now: Instant) -> bytes:
    """The newest sample of a point."""
    return frame("point", {"device": device, **value_body(current, now)})


def frame(event: str, content: Any, seq: int | None = None) -> bytes:
    """One whole frame."""
    number = b"" if seq is None else b"id: %d\n" % seq
    return b"%sevent: %s\ndata: %s\n\n" % (number, event.encode(), _encode(content))


def snapshot_head(head: dict[str, Any], seq: int, retry_ms: int) -> bytes:
    """The beginning of a snapshot: its lines are one JSON object in the end, and nobody holds all of them at once."""
    opened = _encode(head)[:-1]  # its last brace comes with `snapshot_end`
    return b'retry: %d\nid: %d\nevent: snapshot\ndata: %s,"alarms":[\n' % (retry_ms, seq, opened)


def items(bodies: Iterable[dict[str, Any]], first: bool) -> bytes:
    """Elements of the snapshot's present list, each on its line; `first` when none stands there yet."""
    lines = []
    for body in bodies:
        lines.append(b"data: %s%s\n" % (b"" if first else b",", _encode(body)))
        first = False
    return b"".join(lines)


def alarm_items(rows: Iterable[Occurrence], house: House, first: bool) -> bytes:
    """Open alarms as GET /alarms shows them."""
    return items((alarm(occurrence, house) for occurrence in rows), first)


SNAPSHOT_DEVICES = b'data: ],"devices":[\n'
SNAPSHOT_END = b"data: ]}\n\n"
