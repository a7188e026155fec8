"""Frames judged once more by other rules, or by the same: when each alarm would have come. Pure."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from alerts.bound import Bound
from alerts.engine import AlarmEngine
from alerts.ulid import encode
from gateway.model import SECOND, Event, Frame, Instant, Judgement

Key = tuple[str, str]
"""(rule, source)."""
WEEK_NS = 7 * 86_400 * SECOND
ALIKE_NS = 30 * SECOND
"""Two activations of one alarm that are no farther apart are the same one."""
_ACTIVATIONS = frozenset({"raise", "reraise"})


class Activation(NamedTuple):
    """An alarm became active. `muted`: nobody was told."""

    rule: str
    source: str
    wall_ns: int
    severity: str
    muted: bool

    @property
    def key(self) -> Key:
        return self.rule, self.source


def activations(events: Iterable[Event]) -> list[Activation]:
    """Of rows of the journal those with which an alarm became active; not those that only tell again that it is."""
    found = []
    for event in events:
        if event.kind not in _ACTIVATIONS or event.rule is None or event.source is None:
            continue
        if event.kind == "reraise" and event.body.get("why") != "active again":
            continue
        severity, muted = str(event.body.get("severity", "")), bool(event.body.get("muted"))
        found.append(Activation(event.rule, event.source, event.at.wall_ns, severity, muted))
    return found


@dataclass(frozen=True)
class Judged:
    """What came of it. `frames` were judged, from `began` to `ended`; `errors`: rules that could not be judged."""

    activations: tuple[Activation, ...]
    frames: int
    began: Instant | None
    ended: Instant | None
    errors: tuple[str, ...] = ()

    @property
    def span_ns(self) -> int:
        """Building time that was judged: what the gateway was off does not count."""
        return 0 if self.began is None or self.ended is None else self.ended.mono_ns - self.began.mono_ns

    def per_week(self, number: int) -> float | None:
        """So many in this span are so many a week; None when there is no span."""
        return number * WEEK_NS / self.span_ns if self.span_ns else None


def judge_again(bound: Bound, frames: Iterable[Frame], starts: Sequence[Instant] = ()) -> Judged:
    """Everything that the rules make of the frames, in their order; nobody acknowledges or resets anything.

    `starts`: when the gateway was started within them; what it was off is an outage then as it was.
    """
    ids = itertools.count(1)
    engine = AlarmEngine(bound, 1, lambda at: encode(at.wall_ns // 10**6, next(ids)))
    waiting = sorted(starts)
    events: list[Event] = []
    began: Instant | None = None
    last: Instant | None = None
    number = 0
    for number, frame in enumerate(frames, 1):
        while waiting and waiting[0].mono_ns <= frame.at.mono_ns:
            start = waiting.pop(0)
            if last is not None:
                outage_ns = max(0, (start.wall_ns - start.mono_ns) - (last.wall_ns - last.mono_ns))
                events += engine.restarted(Instant(max(start.mono_ns, last.mono_ns), start.wall_ns), outage_ns).events
        if last is not None:
            events += _due(engine, frame.at, number)
        events += engine.judge(frame, number).events
        began, last = began or frame.at, frame.at
    errors = dict.fromkeys(
        f"{event.body['rule']}/{event.body['source']}: {event.body['error']}"
        for event in events
        if event.kind == "rule_error"
    )
    return Judged(tuple(activations(events)), number, began, last, tuple(errors))


def _due(engine: AlarmEngine, until: Instant, position: int) -> list[Event]:
    """What falls due before the next frame, at its own moments."""
    events: list[Event] = []
    before: int | None = None
    while (due := engine.next_due()) is not None and due < until.mono_ns and due != before:
        at = Instant(due, due + until.wall_ns - until.mono_ns)
        judgement: Judgement = engine.tick(at, position - 1)
        events += judgement.events
        before = due
    return events


@dataclass(frozen=True)
class Compared:
    """One alarm: when it came then, and when it would have come with these rules; `both` came alike."""

    key: Key
    both: tuple[Activation, ...]
    only_was: tuple[Activation, ...]
    only_would: tuple[Activation, ...]

    @property
    def alike(self) -> bool:
        return not (self.only_was or self.only_would)


def compare(was: Iterable[Activation], would: Iterable[Activation]) -> list[Compared]:
    """By alarm; in each the activations are paired in their order, where they lie close enough together."""
    before, after = _by_key(was), _by_key(would)
    return [_compared(key, before.get(key, []), after.get(key, [])) for key in sorted({*before, *after})]


def _by_key(found: Iterable[Activation]) -> Mapping[Key, list[Activation]]:
    by_key: dict[Key, list[Activation]] = defaultdict(list)
    for one in found:
        by_key[one.key].append(one)
    return {key: sorted(ones, key=lambda one: one.wall_ns) for key, ones in by_key.items()}


def _compared(key: Key, was: list[Activation], would: list[Activation]) -> Compared:
    both: list[Activation] = []
    alone: list[Activation] = []
    rest = list(was)
    for one in would:
        near = next((other for other in rest if abs(other.wall_ns - one.wall_ns) <= ALIKE_NS), None)
        if near is None:
            alone.append(one)
        else:
            rest.remove(near)
            both.append(one)
    return Compared(key, tuple(both), tuple(rest), tuple(alone))


def within(events: Iterable[Event], from_wall_ns: int, to_wall_ns: int) -> Iterator[Event]:
    """Those of this span."""
    return (event for event in events if from_wall_ns <= event.at.wall_ns <= to_wall_ns)
