"""What the journal keeps, as rows and JSON; and what it gives back. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.model import Checkpoint, Event, InstanceSnapshot, Instant, Judgement, Notice, Occurrence

_occurrence = msgspec.json.Decoder(Occurrence)
_notice = msgspec.json.Decoder(Notice)
_checkpoint = msgspec.json.Decoder(Checkpoint)
_mapping = msgspec.json.Decoder(dict[str, Any])

GENESIS = bytes(32)
"""What the hash of the first event's row covers as its predecessor."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restart begins from. `instances` are the newest state of every instance: the checkpoint's, overtaken by
    what was committed since. `next_seq` follows the journal's last event. `last` is the last known moment."""

    checkpoint: Checkpoint | None
    instances: tuple[InstanceSnapshot, ...]
    open_occurrences: tuple[Occurrence, ...]
    next_seq: int
    last: Instant | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice on its way through one channel. `key` is the same at every try."""

    id: int
    channel: str
    key: str
    notice: Notice
    attempts: int


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a notice on one channel. `channel` None: it was for nobody."""

    notice: Notice
    channel: str | None
    state: str | None
    attempts: int | None
    next_wall_ns: int | None
    done_wall_ns: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Token:
    name: str
    role: str
    created_wall_ns: int
    expires_wall_ns: int | None
    revoked_wall_ns: int | None


def encode(value: object) -> str:
    """JSON of a model type."""
    return msgspec.json.encode(value).decode()


def occurrence_of(json: str) -> Occurrence:
    return _occurrence.decode(json)


def notice_of(json: str) -> Notice:
    return _notice.decode(json)


def checkpoint_of(json: bytes) -> Checkpoint:
    return _checkpoint.decode(json)


def mapping_of(json: str) -> Mapping[str, Any]:
    return _mapping.decode(json)


NoticeRow = tuple[str, int, int, str, tuple[str, ...] | None]
"""Key, number, wall time, JSON, and the channels that it is for (None: all)."""
EventRow = tuple[int, int, int, str, str | None, str | None, str | None, str | None, str]


def event_row(event: Event) -> EventRow:
    at, text = event.at, encode(event.body)
    return event.seq, at.mono_ns, at.wall_ns, event.kind, event.occurrence, event.rule, event.source, event.by, text


def event_of(row: EventRow) -> Event:
    seq, mono_ns, wall_ns, kind, occurrence, rule, source, by, body = row
    return Event(
        seq=seq,
        at=Instant(mono_ns, wall_ns),
        kind=kind,
        occurrence=occurrence,
        rule=rule,
        source=source,
        by=by,
        body=mapping_of(body),
    )


def chained(previous: bytes, row: EventRow) -> bytes:
    """The hash of an event's row, which covers the hash before it: a row changed or taken out breaks all later ones."""
    return hashlib.sha256(previous + msgspec.json.encode(row)).digest()


@dataclass(frozen=True, slots=True)
class Entry:
    """A judgement as rows, made before it is queued, so that what is committed is what was judged."""

    events: tuple[EventRow, ...]
    occurrences: tuple[tuple[Any, ...], ...]
    instances: tuple[tuple[str, str, int, str], ...]
    notices: tuple[NoticeRow, ...]


def entry_of(judgement: Judgement) -> Entry:
    return Entry(
        tuple(event_row(event) for event in judgement.events),
        tuple(_occurrence_row(o) for o in sorted(judgement.occurrences.values(), key=lambda o: o.closed_ns is None)),
        tuple((i.rule, i.source, i.position, encode(i.state)) for i in judgement.instances),
        tuple((notice_key(n), n.seq, n.at.wall_ns, encode(n), n.to) for n in judgement.notices),
    )


def notice_key(notice: Notice) -> str:
    """The same notice has the same key at every sending, so that a receiver can drop a repetition."""
    key = f"{notice.occurrence.occurrence}-{notice.seq}-{notice.reason}"
    return f"{key}-{notice.step}" if notice.step else key


def repeats(notice: NoticeRow) -> tuple[str, str] | None:
    """Between which keys (half-open) everything lies that a repetition says again; None for all else."""
    row, repeat, _ = notice[0].partition("-repeat-")
    return (f"{row}-", f"{row}.") if repeat else None  # `.` follows `-`


def _occurrence_row(o: Occurrence) -> tuple[Any, ...]:
    return (
        o.occurrence,
        o.rule,
        o.source,
        o.system,
        int(o.severity),
        str(o.class_),
        str(o.state),
        o.raised_ns,
        o.closed_ns,
        o.seq,
        encode(o),
    )
