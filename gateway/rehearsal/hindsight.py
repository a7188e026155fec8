"""What a rule saw at a time: it, and whatever it asks, judge the stored frames of then once more.

The replay begins empty, so long before the moment asked for that every window and delay has been filled; what devices
said last before is put first, so that what is said only when it changes is known. The rules are those in force now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from alerts.bound import Bound, Instance
from alerts.condition.spec import walk
from alerts.engine import AlarmEngine
from alerts.explain import Explanation, Operand, explain, tree, with_since
from alerts.live import Key
from alerts.rule import Rule
from gateway.model import SECOND, Frame, Instant, Truth
from gateway.near import hint
from gateway.rehearsal.stored import StoredFrames

MARGIN_NS = 300 * SECOND
LONGEST_NS = 24 * 3600 * SECOND
RECALLED = 20
"""Frames of a device before the beginning: the layouts of its paces and of its health."""


@dataclass(frozen=True, slots=True)
class Hindsight:
    """The explanation, from when on was judged, and how many frames; `damaged` ones could not be read."""

    explanation: Explanation
    began: Instant
    frames: int
    damaged: int


class NotWatched(Exception):  # noqa: N818 - an answer
    """The rule does not watch that source, or nothing is stored of then; the message says why."""


def needed(rules: Sequence[Rule], wanted: str) -> list[Rule]:
    """The rule, and those whose alarms it asks for or that suppress it, however far; in their order. Empty: unknown."""
    by_name = {rule.rule: rule for rule in rules}
    found: set[str] = set()
    open_ = [wanted.partition("/")[0]]
    while open_:
        name = open_.pop()
        if name in found or name not in by_name:
            continue
        found.add(name)
        for each in (by_name[name], *by_name[name].here.values()):
            open_ += each.suppressed_by
            for _, when in each.conditions:
                open_ += [other for _, spec, _ in walk(when) for _, other in spec.asked_rules()]
        open_ += [rule.rule for rule in rules if rule.inhibits is not None and name in rule.inhibits.rules]
    return [rule for rule in rules if rule.rule in found]


def bound_for(bound: Bound, key: Key) -> Bound:
    """Of these instances only the alarm and those that its answer hangs on; empty when it is not there."""
    by_key = {(instance.rule.rule, instance.source): instance for instance in bound.instances}
    kept: set[Key] = set()
    open_ = [key]
    while open_:
        name = open_.pop()
        if name in kept or name not in by_key:
            continue
        kept.add(name)
        open_ += _asked(by_key[name])
    return replace(bound, instances=tuple(one for one in bound.instances if (one.rule.rule, one.source) in kept))


def _asked(instance: Instance) -> Iterator[Key]:
    yield from instance.condition.alarms
    yield from instance.suppressed_by
    if instance.companion_of is not None:
        yield instance.companion_of


def look_back(
    bound: Bound, key: Key, frames: StoredFrames, at_wall_ns: int, starts: Iterable[Instant] = ()
) -> Hindsight:
    """The alarm at that moment. `bound` is fresh (of the rules `needed`); `starts` are the gateway's starts until then.

    NotWatched when the alarm is not in `bound` or nothing is stored of its devices up to then.
    """
    only = bound_for(bound, key)
    if not any((one.rule.rule, one.source) == key for one in only.instances):
        why = [one.why for one in bound.unbound if one.rule == key[0] and one.source in (key[1], None)]
        raise NotWatched("; ".join(dict.fromkeys(why)) or f"there is no such source{_near(bound, key)}")
    return _Replay(only, key, frames, at_wall_ns).run(starts)


def _near(bound: Bound, key: Key) -> str:
    return hint(key[1], [one.source for one in bound.instances if one.rule.rule == key[0]])


class _Replay:
    """One engine with few rules, over the frames that these read."""

    def __init__(self, bound: Bound, key: Key, frames: StoredFrames, at_wall_ns: int) -> None:
        self._engine = AlarmEngine(replace(bound, annunciation=None, windows=()))
        self._live, self._columns = self._engine.at_work(*key)
        self._stored, self._at_wall_ns = frames, at_wall_ns
        asked = [each for one in bound.instances for each in (one.condition, one.hush) if each is not None]
        slots = {slot for each in asked for slot in each.slots}
        self._devices = sorted({bound.columns.keys[slot][0] for slot in slots})
        self._span_ns = min(_span(bound.instances), LONGEST_NS)
        self._answers: dict[int, tuple[Truth, Instant]] = {}

    def run(self, starts: Iterable[Instant]) -> Hindsight:
        count, began, last = 0, None, None
        coming = sorted(starts, reverse=True)
        for position, frame in self._frames():
            while coming and coming[-1] <= frame.at:
                start = coming.pop()
                if last is not None:
                    self._start(start, last[0])
            self._tick(frame.at, position - 1)
            self._engine.judge(frame, position)
            self._look(frame.at)
            count, began, last = count + 1, began or frame.at, (position, frame.at)
        if last is None or began is None:
            raise NotWatched("nothing is stored of its devices up to then")
        now = self._moment(last[1])
        while coming and coming[-1] <= now:
            self._start(coming.pop(), last[0])
        self._tick(now, last[0])
        condition = with_since(self._look(now), {n: since for n, (_, since) in self._answers.items()})
        return Hindsight(explain(self._live, self._columns, now, condition), began, count, self._stored.damaged)

    def _frames(self) -> Iterator[tuple[int, Frame]]:
        begin = self._at_wall_ns - self._span_ns
        before = [each for device in self._devices for each in self._stored.before(device, begin, RECALLED)]
        yield from sorted(before, key=lambda each: each[0])
        last = max((position for position, _ in before), default=-1)
        for position, frame in self._stored.frames(begin, self._at_wall_ns, self._devices):
            if position > last:
                yield position, frame

    def _moment(self, last: Instant) -> Instant:
        """The moment asked for, in building time: the label is that of the last frame."""
        passed = max(0, self._at_wall_ns - last.wall_ns)
        return Instant(last.mono_ns + passed, last.wall_ns + passed)

    def _start(self, at: Instant, position: int) -> None:
        """The gateway was started then: nothing is known until it is said again."""
        self._tick(at, position)
        self._engine.restarted(at, 0)
        self._look(at)

    def _tick(self, until: Instant, position: int) -> None:
        """What becomes due on the way is looked at, at its own time."""
        while (due := self._engine.next_due()) is not None and due < until.mono_ns:
            at = Instant(due, due + until.wall_ns - until.mono_ns)
            self._engine.tick(at, position)
            self._look(at)
            if self._engine.next_due() == due:
                break
        self._engine.tick(until, position)

    def _look(self, at: Instant) -> Operand:
        condition = self._live.instance.condition
        told = tree(condition, self._columns, at.mono_ns)  # type: ignore[arg-type]
        for number, one in enumerate(told.all()):
            known = self._answers.get(number)
            if known is None or known[0] is not one.answer:
                self._answers[number] = one.answer, at
        return told


def _span(instances: Iterable[Instance]) -> int:
    """How long before its moment the replay must begin: all that its alarms wait for, one behind the other."""
    longest: dict[str, int] = {}
    for one in instances:
        fills = max((spec.fills_ns for _, when in one.rule.conditions for _, spec, _ in walk(when)), default=0)
        wanted = fills + one.rule.on_delay + one.rule.off_delay + one.unknown_for_ns
        longest[one.rule.rule] = max(wanted, longest.get(one.rule.rule, 0))
    return sum(longest.values()) + MARGIN_NS
