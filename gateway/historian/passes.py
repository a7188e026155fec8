"""How far the sending has come: stretches of the log and of the journal, each with what is confirmed of it. Pure.

What the target has said yes to is `delivered`; it is `confirmed` only 60 s later, because VictoriaMetrics says yes and
forgets the last seconds when it is killed. Only what is confirmed is saved, and after any error sending goes on from
there.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field

_MOST_HOLES = 64


@dataclass(slots=True)
class Stretch:
    """Numbers behind `confirmed`, up to `until` (None: without end). `judged`: what stands up to there and could not
    be sent is kept aside already. `at_wall_ns`: the wall time of the newest row read."""

    confirmed: int
    judged: int = 0
    until: int | None = None
    next: int = 0
    at_wall_ns: int | None = None
    marks: deque[tuple[int, int]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.next = max(self.next, self.confirmed)

    def delivered(self, number: int, now_ns: int) -> None:
        """Everything up to there is taken."""
        self.next = number
        self.judged = max(self.judged, number)
        self.marks.append((now_ns, number))

    def confirm(self, before_ns: int) -> bool:
        """What was taken before that moment stays taken; whether that is news."""
        before = self.confirmed
        while self.marks and self.marks[0][0] <= before_ns:
            self.confirmed = self.marks.popleft()[1]
        return self.confirmed != before

    def resume(self) -> None:
        """Begin again at what is confirmed."""
        self.next = self.confirmed
        self.marks.clear()

    def left(self, horizon: int) -> bool:
        """Whether anything is still to be sent, when rows stand up to `horizon`."""
        return self.next < (horizon if self.until is None else min(self.until, horizon))

    @property
    def done(self) -> bool:
        return self.until is not None and self.confirmed >= self.until


@dataclass(slots=True)
class Progress:
    """The newest samples go first (`live`); what stands before them is caught up meanwhile, stretch by stretch."""

    live: Stretch
    holes: list[Stretch]
    journal: Stretch

    @classmethod
    def parse(cls, text: str | None) -> Progress:
        """What was saved; from the beginning of everything when nothing was, or nothing readable."""
        try:
            told = json.loads(text or "")
            live, holes, journal = (
                Stretch(*_numbers(told["live"])),
                [Stretch(*_numbers(one)) for one in told["holes"]],
                Stretch(*_numbers(told["journal"])),
            )
        except (ValueError, KeyError, TypeError):
            return cls(Stretch(0), [], Stretch(0))
        return cls(live, holes, journal)

    def text(self) -> str:
        def told(one: Stretch) -> list[int | None]:
            return [one.confirmed, one.judged, one.until]

        return json.dumps(
            {"live": told(self.live), "holes": [told(h) for h in self.holes], "journal": told(self.journal)}
        )

    @property
    def stretches(self) -> list[Stretch]:
        return [self.live, self.journal, *self.holes]

    def split(self, horizon: int) -> bool:
        """Let what stands up to `horizon` be caught up, and send the newest from there on; whether it was done."""
        live = self.live
        if not live.left(horizon):
            return False
        if self.holes and self.holes[-1].until == live.confirmed and live.judged <= live.confirmed == live.next:
            # nothing of it was taken: the hole before it grows, or a week of refused writes would use them all up
            self.holes[-1].until = horizon
        elif len(self.holes) < _MOST_HOLES:
            live.until = horizon
            self.holes.append(live)
        else:
            return False
        self.live = Stretch(horizon, horizon)
        return True

    def resume(self) -> None:
        for one in self.stretches:
            one.resume()

    def confirm(self, before_ns: int) -> bool:
        """Confirm what was taken before a moment and forget what is done; whether there is anything to save."""
        moved = [one.confirm(before_ns) for one in self.stretches]
        kept = [hole for hole in self.holes if not hole.done]
        moved.append(len(kept) < len(self.holes))
        self.holes = kept
        return any(moved)


def _numbers(told: list[int | None]) -> tuple[int, int, int | None]:
    confirmed, judged, until = told
    if not isinstance(confirmed, int) or not isinstance(judged, int) or not isinstance(until, int | None):
        raise TypeError
    return confirmed, judged, until
