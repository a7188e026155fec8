"""The journal of a span folded into what alarm quality is measured by: lives of alarms, and how often they rang."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from alerts.companion import SUFFIX
from alerts.muted_time import MutedTime
from gateway.model import Event, Occurrence, Severity

RINGS = frozenset({"raise", "reraise"})


@dataclass(slots=True)
class Life:
    """One occurrence as its rows tell it; all times are UTC ns. `acked_ns`: the first answer to its first ringing.

    `again_ns`: when it became active again, if it had returned in between.
    """

    occurrence: str
    rule: str
    source: str
    severity: Severity
    raised_ns: int
    active_ns: int | None = None
    returned_ns: int | None = None
    acked_ns: int | None = None
    closed_ns: int | None = None
    heard: bool = True
    before: bool = False  # raised before the span
    again_ns: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.rule, self.source

    @property
    def since_ns(self) -> int:
        """Since when it has been active without a pause."""
        return self.raised_ns if self.again_ns is None else self.again_ns

    @property
    def over_ns(self) -> int | None:
        """When it stopped being active."""
        return self.closed_ns if self.returned_ns is None else self.returned_ns


@dataclass(slots=True)
class Tally:
    """What happened in [begin, end): `know` the occurrences of the span, then `take` its rows in order.

    `rings` are (time, life) of every annunciated raise and raise again; `hidden` counts the muted ones.
    """

    begin_ns: int
    end_ns: int
    lives: dict[str, Life] = field(default_factory=dict)
    rings: list[tuple[int, Life]] = field(default_factory=list)
    hidden: int = 0
    missed: int = 0
    unobserved_ns: int = 0
    starts: int = 0
    chatter: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    muted: MutedTime = field(init=False)
    _last: Event | None = None
    _active: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.muted = MutedTime(self.begin_ns, self.end_ns)

    @property
    def observed_ns(self) -> int:
        return max(0, self.end_ns - self.begin_ns - self.unobserved_ns)

    def know(self, occurrences: Iterable[Occurrence]) -> None:
        """Everything that was open within the span; of what was raised in it the rows will tell the rest."""
        for one in occurrences:
            self._active[one.occurrence] = one.active_ns
            if one.raised_ns >= self.begin_ns or (one.closed_ns is not None and one.closed_ns < self.begin_ns):
                continue
            life = Life(one.occurrence, one.rule, one.source, one.severity, one.raised_ns, one.active_ns)
            life.heard, life.before = one.announced, True
            life.returned_ns = self._earlier(one.returned_ns)
            life.acked_ns = self._earlier(one.acked_ns)
            self.lives[one.occurrence] = life

    def recall(self, events: Iterable[Event]) -> None:
        """Rows of one occurrence, in order; those from before the span say how it was muted when that began."""
        for event in events:
            if event.at.wall_ns < self.begin_ns:
                self.muted.take(event)

    def _earlier(self, at_ns: int | None) -> int | None:
        return at_ns if at_ns is not None and at_ns < self.begin_ns else None

    def take(self, event: Event) -> None:
        """The next row of the journal. Rows must come in order; those outside the span only bound what was watched."""
        if event.seq == 1:  # before the journal's first row there was no gateway
            self.unobserved_ns += max(0, min(self.end_ns, event.at.wall_ns) - self.begin_ns)
        if event.kind == "start":
            self._was_off(event)
        self._last = event
        self.muted.take(event)
        if self.begin_ns <= event.at.wall_ns < self.end_ns:
            self._count(event)

    def _was_off(self, start: Event) -> None:
        """Between the last row and a start building time leaves the downtime out; the label does not."""
        if self.begin_ns <= start.at.wall_ns < self.end_ns:
            self.starts += 1
        last = self._last
        if last is None:
            return
        span = start.at.wall_ns - last.at.wall_ns
        off_ns = span - (start.at.mono_ns - last.at.mono_ns)
        if off_ns > 0:
            begin = max(self.begin_ns, start.at.wall_ns - off_ns)
            self.unobserved_ns += max(0, min(self.end_ns, start.at.wall_ns) - begin)

    def _count(self, event: Event) -> None:
        if event.kind == "missed_while_down":
            self.missed += 1
        if event.occurrence is None or event.rule is None or event.source is None:
            return
        at, body = event.at.wall_ns, event.body
        if event.kind == "raise":
            severity = Severity[str(body.get("severity", "low")).upper()]
            active_ns = self._active.get(event.occurrence)
            self.lives[event.occurrence] = Life(event.occurrence, event.rule, event.source, severity, at, active_ns)
        life = self.lives.get(event.occurrence)
        if life is None:
            return
        if event.kind in RINGS or event.kind == "severity_up":  # what it has reached stays reached
            life.severity = min(life.severity, Severity[str(body.get("severity", life.severity.word)).upper()])
        if event.kind in RINGS:
            self._rang(life, at, body)
        elif event.kind == "return_cancelled":
            self.chatter.setdefault(life.key, []).append(at)
        elif event.kind == "return":
            life.returned_ns = at
        elif event.kind == "ack" and life.acked_ns is None:
            life.acked_ns = at
        elif event.kind == "close":
            life.closed_ns = at

    def _rang(self, life: Life, at: int, body: Any) -> None:
        again = body.get("why") == "active again"
        if life.raised_ns == at or again:
            self.chatter.setdefault(life.key, []).append(at)
        if again:
            life.returned_ns, life.again_ns = None, at
        if body.get("muted"):
            life.heard = life.heard and life.raised_ns != at
            self.hidden += 1
        else:
            self.rings.append((at, life))


def is_companion(rule: str) -> bool:
    """It says that another rule protects nobody at the moment."""
    return rule.endswith(SUFFIX)
