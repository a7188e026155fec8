"""Silences and maintenance windows: what lies over many alarms at once, and begins and ends by itself.

A window is entered when its schedule says so and left when that occurrence of it is over by the label. Where the clock
steps back before its beginning it stays open, until its span is over; where the clock steps back into one that was
left, it stays left: each occurrence is entered once and left once. A silence ends at its label or after its span,
whichever comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from alerts import mute
from alerts.bound import Bound
from alerts.evaluator import Evaluator
from alerts.live import Live, Moment
from alerts.maintenance import MaintenanceOptions
from alerts.match import Match
from alerts.recorder import Recorder
from alerts.schedule import contains, next_edge
from gateway.model import SECOND, AlarmClass, CommandRefused, Instant, Judgement, Mute, Silence, SilenceWish

MAX_SILENCE_NS = 24 * 3600 * SECOND
MOST_SILENCES = 200
_SILENCE = TypeAdapter(Silence)


@dataclass(frozen=True, slots=True)
class _Silence:
    """A silence at work: over these places, until `until_ns` (mono) at the latest."""

    shown: Silence
    until_ns: int
    places: frozenset[int]

    @property
    def mute(self) -> Mute:
        return Mute(mute.SILENCED, self.shown.reason, self.shown.by, self.shown.until_wall_ns)


@dataclass(frozen=True, slots=True)
class _Entered:
    """An occurrence of a window that is open: until that label, or that mono time where the label has left it.

    `hours` are those by which it was entered: one whose hours were edited meanwhile is over when the new ones say so.
    """

    until_wall_ns: int | None
    until_ns: int | None
    hours: str = ""


class Covers:
    """Resident of the engine. It mutes the alarms that its covers mean and lifts them again (alerts.mute)."""

    name = "covers"

    def __init__(self, bound: Bound, evaluator: Evaluator, recorder: Recorder, mint: Callable[[Instant], str]) -> None:
        self._evaluator, self._recorder, self._mint = evaluator, recorder, mint
        evaluator.on_freed = self._lay_over
        self._bound = bound
        self._windows = {window.id: window for window in bound.windows}
        self._places = {window.id: self._meant(window.of, mute.MAINTENANCE) for window in bound.windows}
        self._silences: dict[str, _Silence] = {}
        self._entered: dict[str, _Entered] = {}
        self._left: dict[str, int] = {}  # window → end (label) of the occurrence that it was left in
        self._unread: list[str] = []  # stored silences that cannot be read any more
        self._since: Moment = (-1, -1)  # everything up to here is in the state already
        self._replaying = False
        self._due_ns: int | None = None
        self._offset: int | None = None
        self._all = False  # every alarm is to be looked at, not only those of what changes
        self._changed = False

    # --- people

    def silence(self, wish: SilenceWish, now: Instant) -> Silence:
        """Begin one; CommandRefused says why not. Alarms of life safety that it would mean are left out."""
        try:
            match = Match.model_validate(wish.of)
        except ValidationError as error:
            raise CommandRefused("invalid", f"`of`: {error.errors()[0]['msg']}") from None
        if match.empty:
            raise CommandRefused("invalid", "`of`: say what to silence: a rule, system, class, severity, place …")
        if not wish.reason.strip():
            raise CommandRefused("invalid", "a silence needs a reason")
        if not 0 < wish.for_ns <= MAX_SILENCE_NS:
            hours = MAX_SILENCE_NS // (3600 * SECOND)
            raise CommandRefused("invalid", f"silence for more than 0 s and at most {hours} h")
        if len(self._silences) >= MOST_SILENCES:
            raise CommandRefused("invalid", f"there are {MOST_SILENCES} silences already; end one first")
        places = self._meant(match, mute.SILENCED)
        self._refuse_nobody(match, places)
        shown = Silence(
            id=self._mint(now),
            of=match.to_json(),
            by=wish.by,
            reason=wish.reason,
            began_ns=now.wall_ns,
            until_wall_ns=now.wall_ns + wish.for_ns,
        )
        self._silences[shown.id] = _Silence(shown, now.mono_ns + wish.for_ns, places)
        body = {"silence": shown.id, "of": shown.of, "reason": shown.reason, "until_wall_ns": shown.until_wall_ns}
        self._recorder.event("silence", now, wish.by, body)
        self._lay(places, now, wish.by)
        ends = now.mono_ns + wish.for_ns
        # what is due already stays due: a command looks at nothing else
        self._due_ns = ends if self._due_ns is None else min(ends, self._due_ns)
        self._mark(now)
        return shown

    def unsilence(self, silence: str, by: str, now: Instant) -> Silence:
        """End one before its time."""
        ended = self._silences.pop(silence, None)
        if ended is None:
            raise CommandRefused("not_found", f"there is no silence {silence}")
        self._recorder.event("unsilence", now, by, {"silence": silence, "why": "command"})
        self._lay(ended.places, now, by)
        self._mark(now)
        return ended.shown

    def silences(self) -> list[Silence]:
        """Those that last, oldest first."""
        return [silence.shown for silence in self._silences.values()]

    # --- time

    def next_due(self) -> int | None:
        return self._due_ns

    def fire(self, at: Instant) -> None:
        """End what is over, enter what begins. Looked at again whenever the label has stepped."""
        mono = at.mono_ns
        stepped = at.wall_ns - mono != self._offset
        due = self._due_ns is not None and self._due_ns <= mono
        judged = self._replaying and (self._evaluator.position, mono) <= self._since
        if judged or not (stepped or due):
            return
        if self._idle:
            self._offset, self._due_ns = at.wall_ns - mono, None
            return
        places = self._turn(at, leave=True)
        if self._all:
            self._all = False
            places = set(range(len(self._evaluator.lives)))
        self._lay(places, at)
        self._rearm(at)

    def begin(self, now: Instant) -> None:
        """Before anything is judged after a start: enter what is open by now, so that nobody is told in between.

        What may tell is left to `fire`: what ends, and who speaks for others.
        """
        self._replaying = False
        if self._idle:
            return
        self._turn(now, leave=False)
        self._add([live.index for live in self._evaluator.lives if not live.suppresses], now, None)
        self._changed = True

    def restarted(self, now: Instant, outage_ns: int) -> None:
        lives = self._evaluator.lives
        self._all = not self._idle or any(held.kind in mute.COVERS for live in lives for held in live.alarm.mutes)
        self._offset, self._due_ns = None, now.mono_ns if self._all else None

    def pass_on(self, judgement: Judgement, at: Instant) -> None:
        """Nothing of it is changed here: a muted alarm's notices have not been born."""

    # --- memory

    def changed(self) -> bool:
        return self._changed

    def snapshot(self) -> Any:
        self._changed = False
        return {
            "silences": [
                {**_SILENCE.dump_python(one.shown, mode="json"), "until_ns": one.until_ns}
                for one in self._silences.values()
            ],
            "entered": {name: [one.until_wall_ns, one.until_ns, one.hours] for name, one in self._entered.items()},
            "left": dict(self._left),
            "since": list(self._since),
            "due_ns": self._due_ns,
        }

    def restore(self, state: Any) -> None:
        self._silences, self._unread = {}, []
        for stored in state["silences"]:
            try:
                shown = _SILENCE.validate_python({key: value for key, value in stored.items() if key != "until_ns"})
                match = Match.model_validate(shown.of)
            except ValidationError:
                self._unread.append(str(stored.get("id")))  # told when it is ended, at the next firing
                continue
            places = self._meant(match, mute.SILENCED)
            self._silences[shown.id] = _Silence(shown, stored["until_ns"], places)
        self._entered = {name: _Entered(*one) for name, one in state["entered"].items()}
        self._left = dict(state["left"])
        position, at_ns = state["since"]
        self._since, self._due_ns = (position, at_ns), state["due_ns"]
        self._replaying = True

    # --- within

    @property
    def _idle(self) -> bool:
        """There is nothing that could lie over an alarm, or has."""
        return not (self._windows or self._silences or self._entered or self._unread or self._all)

    def _meant(self, match: Match, kind: str) -> frozenset[int]:
        lives = self._evaluator.lives
        return frozenset(live.index for live in lives if mute.may_mute(live.terms, kind) and _fits(match, live))

    def _refuse_nobody(self, match: Match, places: frozenset[int]) -> None:
        if places:
            return
        lives = self._evaluator.lives
        if match.class_ is AlarmClass.LIFE_SAFETY or any(_fits(match, live) for live in lives):
            raise CommandRefused("life_safety", "a life-safety alarm cannot be silenced")
        rules = {live.instance.rule.rule for live in lives}
        devices = {live.instance.device.id: live.instance.device for live in lives}
        wrong = [f"`{key}`: {told}" for key, told in match.misnamed(rules, devices.values())]
        raise CommandRefused("invalid", "; ".join(wrong) or "there is no alarm that it means")

    def _turn(self, at: Instant, *, leave: bool) -> set[int]:
        """Enter and (with `leave`) end what is due; the places where something may have changed."""
        touched: set[int] = set()
        for window in self._windows.values():
            if self._turn_window(window, at, leave=leave):
                touched |= self._places[window.id]
        if not leave:
            return touched
        for name in [name for name in self._entered if name not in self._windows]:
            del self._entered[name]
            self._event("maintenance_over", at, {"window": name, "why": "removed"})
        for name in [name for name in self._left if name not in self._windows]:
            del self._left[name]
        for name, one in tuple(self._silences.items()):
            if one.until_ns <= at.mono_ns or one.shown.until_wall_ns <= at.wall_ns:
                del self._silences[name]
                self._event("unsilence", at, {"silence": name, "why": "expired"})
                touched |= one.places
        while self._unread:
            self._event("unsilence", at, {"silence": self._unread.pop(), "why": "unreadable"})
        return touched

    def _turn_window(self, window: MaintenanceOptions, at: Instant, *, leave: bool) -> bool:
        wall, mono, name = at.wall_ns, at.mono_ns, window.id
        entered = self._entered.get(name)
        if contains(window.schedule, wall, self._bound.zone, self._bound.holidays):
            ends = next_edge(window.schedule, wall, self._bound.zone, self._bound.holidays)
            if entered is None and ends is not None and self._left.get(name) == ends:
                return False
            standing = _Entered(ends, None if ends is None else mono + ends - wall, _hours(window))
            self._entered[name] = standing
            if entered is None:
                self._left.pop(name, None)
                self._event("maintenance", at, {**_about(window), "until_wall_ns": ends})
            return entered is None or entered.until_wall_ns != ends
        if entered is None or not leave:
            return False
        over = entered.until_wall_ns is None or wall >= entered.until_wall_ns
        edited = entered.hours != _hours(window)
        if not over and not edited and (entered.until_ns is None or mono < entered.until_ns):
            return False  # the label has stepped back before its beginning
        del self._entered[name]
        if entered.until_wall_ns is not None and not edited:
            self._left[name] = entered.until_wall_ns
        self._event("maintenance_over", at, {**_about(window), "why": "over" if over or not edited else "edited"})
        return True

    def _event(self, kind: str, at: Instant, body: Mapping[str, Any]) -> None:
        self._recorder.event(kind, at, None, body)

    def _lay(self, places: Iterable[int], at: Instant, by: str | None = None) -> None:
        """Mute and lift these. First what is added, suppressors last; then what is taken away, suppressors first:

        so nobody rings in between because who speaks for it has been muted before it, or is lifted after it.
        """
        added = self._add(places, at, by)
        for live in added:
            self._cover(live, self._wanted(live), at, by)

    def _lay_over(self, live: Live, at: Instant) -> None:
        self._cover(live, self._wanted(live), at, None)

    def _add(self, places: Iterable[int], at: Instant, by: str | None) -> Sequence[Live]:
        """Add what covers these; they are returned, suppressors first."""
        lives = self._evaluator.lives
        ordered = sorted((lives[place] for place in places), key=lambda live: (live.guards, live.index))
        for live in reversed(ordered):
            had = tuple(held for held in live.alarm.mutes if held.kind in mute.COVERS)
            more = tuple(each for each in self._wanted(live) if each not in had)
            if more:
                self._cover(live, (*had, *more), at, by)
        return ordered

    def _wanted(self, live: Live) -> tuple[Mute, ...]:
        silences = [one.mute for one in self._silences.values() if live.index in one.places]
        windows = [
            Mute(mute.MAINTENANCE, name, self._windows[name].work_order, entered.until_wall_ns)
            for name, entered in sorted(self._entered.items())
            if live.index in self._places.get(name, ())
        ]
        return tuple(dict.fromkeys((*silences, *windows)))

    def _cover(self, live: Live, covers: Sequence[Mute], at: Instant, by: str | None) -> None:
        if live.seen is not None and (self._evaluator.position, at.mono_ns) <= live.seen:
            return
        alarm, effects = mute.cover(live.alarm, covers, at, live.terms, by)
        self._evaluator.commit(live, alarm, effects, at)

    def _rearm(self, at: Instant) -> None:
        """What is due next, as the label stands."""
        wall, mono = at.wall_ns, at.mono_ns
        self._offset = wall - mono
        self._mark(at)
        dues = [min(one.until_ns, mono + one.shown.until_wall_ns - wall) for one in self._silences.values()]
        for window in self._windows.values():
            edge = next_edge(window.schedule, wall, self._bound.zone, self._bound.holidays)
            if edge is not None:
                dues.append(mono + edge - wall)
        dues += [one.until_ns for one in self._entered.values() if one.until_ns is not None and one.until_ns > mono]
        self._due_ns = min(dues, default=None)

    def _mark(self, at: Instant) -> None:
        self._since, self._changed = (self._evaluator.position, at.mono_ns), True


def _fits(match: Match, live: Live) -> bool:
    instance = live.instance
    if match.severity is not None and instance.rule.worst not in match.severity:
        return False  # what is asked to be quiet is mild: not an alarm that may turn out to be critical
    return match.fits(instance.rule, instance.device, instance.part)


def _hours(window: MaintenanceOptions) -> str:
    return window.schedule.model_dump_json(exclude_unset=True)


def _about(window: MaintenanceOptions) -> dict[str, Any]:
    reason = {"en": window.reason.en, "zh": window.reason.zh}
    return {"window": window.id, "work_order": window.work_order, "reason": reason, "of": window.of.to_json()}
