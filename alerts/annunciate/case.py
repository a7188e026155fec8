"""What is remembered of one occurrence: who has been told, what waits to be said, and who is next. JSON-able."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from gateway.model import Occurrence


class Where(StrEnum):
    """What a notice waits for."""

    GROUP = "group"  # others of its system and class
    CHATTER = "chatter"  # its alarm comes and goes: one notice in a while
    SETTLE = "settle"  # the gateway has just started
    FLOOD = "flood"  # the next digest
    MUTED = "muted"  # its time was over, but somebody has muted it meanwhile


ON = frozenset({"raise", "reraise", "severity_up"})
"""Reasons that say that it is on."""


@dataclass(slots=True)
class Waiting:
    """A notice that has not been said. `stands_for`: so many notices of the engine."""

    reason: str
    seq: int
    record: Occurrence
    where: Where
    due_ns: int | None = None
    stands_for: int = 1
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Climb:
    """A ladder being climbed: due at `due_ns`, or paused with `left_ns` to go; neither when it is at its end."""

    step: int = 0
    due_ns: int | None = None
    left_ns: int | None = None

    def pause(self, now_ns: int) -> None:
        if self.due_ns is not None:
            self.left_ns, self.due_ns = max(0, self.due_ns - now_ns), None

    def resume(self, now_ns: int) -> None:
        if self.left_ns is not None:
            self.due_ns, self.left_ns = now_ns + self.left_ns, None

    @property
    def at_end(self) -> bool:
        return self.due_ns is None and self.left_ns is None


@dataclass(slots=True)
class Case:
    """`to` have been told that it is on; `on`: and not yet that it is over. `known`: somebody was told of it at all.
    `since_ns` is its raise (mono).
    """

    occurrence: str
    rule: str
    source: str
    since_ns: int
    to: tuple[str, ...] = ()
    on: bool = False
    known: bool = False
    seq: int = 0
    waiting: Waiting | None = None
    repeats: int = 0
    repeat_ns: int | None = None
    escalation: Climb | None = None
    unresolved: Climb | None = None
    called: tuple[str, ...] = ()  # by an escalation that is part of the next digest

    @property
    def key(self) -> tuple[str, str]:
        return self.rule, self.source

    def due_ns(self) -> int | None:
        climbs = [climb.due_ns for climb in (self.escalation, self.unresolved) if climb is not None]
        waits = None if self.waiting is None else self.waiting.due_ns
        return min((due for due in (self.repeat_ns, waits, *climbs) if due is not None), default=None)


@dataclass(slots=True)
class Chatter:
    """One alarm's activations: the newest times. While it chatters, `free_ns` is when the next notice may go."""

    times: list[int] = field(default_factory=list)
    since_ns: int | None = None
    free_ns: int = 0
    count: int = 0  # activations since the last notice

    @property
    def on(self) -> bool:
        return self.since_ns is not None


@dataclass(slots=True)
class Arrival:
    at_ns: int
    occurrence: str
    rule: str
    source: str


@dataclass(slots=True)
class Flood:
    """Since `since_ns`; `first` is where it began. `told` and `digested` count the alarms of this flood."""

    since_ns: int
    first: Arrival
    digest_ns: int | None = None
    last_ns: int = 0
    digested: int = 0


@dataclass(slots=True)
class Counts:
    """What became of the engine's notices: `came` = the sum of all others + those that wait."""

    came: int = 0
    sent: int = 0  # each by itself
    digested: int = 0
    combined: int = 0  # a raise and its recovery in one
    merged: int = 0  # a newer one of the same alarm went instead
    limited: int = 0  # of an alarm that chatters
    hushed: int = 0  # muted before anybody was told, and over


@dataclass(slots=True)
class Room:
    """What belongs to no single alarm. `groups`: (system, class) → when it was last told."""

    arrivals: list[Arrival] = field(default_factory=list)
    flood: Flood | None = None
    settle_ns: int | None = None
    groups: list[tuple[str, str, int]] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)


def out(state: Case | Chatter | Room) -> Any:
    """JSON-able."""
    return msgspec.to_builtins(state)


def case_of(state: Any) -> Case:
    return msgspec.convert(state, Case)


def chatter_of(state: Any) -> Chatter:
    return msgspec.convert(state, Chatter)


def room_of(state: Any) -> Room:
    return msgspec.convert(state, Room)
