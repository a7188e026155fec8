"""Says things: notices and rows of the journal, and what follows for the case. It decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alerts.alarm import record
from alerts.annunciate import digest, wording
from alerts.annunciate.case import ON, Arrival, Case, Waiting, Where
from alerts.annunciate.digest import Digest, Item
from alerts.annunciate.memory import Memory
from alerts.annunciate.plan import Plan
from alerts.bound import Instance
from alerts.live import Key, Live
from alerts.recorder import Recorder
from gateway.model import AlarmState, Instant, Notice, Occurrence, Text

UNANSWERED = frozenset({AlarmState.UNACKED, AlarmState.UNACKED_REC})
RAISED_AND_RECOVERED = "raised_and_recovered"
ROW_IDS = 100
_ENDS = frozenset({"recover", "returned", RAISED_AND_RECOVERED})


class Teller:
    """`out` is what has been said and not yet handed over for the outbox."""

    def __init__(self, plan: Plan, recorder: Recorder, lives: Mapping[Key, Live], memory: Memory) -> None:
        self.out: list[Notice] = []
        self._plan = plan
        self._recorder = recorder
        self._lives = lives
        self._memory = memory

    # --- looking

    def instance(self, key: Key) -> Instance | None:
        """The rule on its source; None when it is no more."""
        live = self._lives.get(key)
        return None if live is None else live.instance

    def shown(self, case: Case) -> Occurrence | None:
        """The occurrence as it is now; None when it is over."""
        live = self._lives.get(case.key)
        if live is None or live.alarm.life is None or live.alarm.life.occurrence != case.occurrence:
            return None
        return record(live.alarm)

    def to(self, case: Case, reason: str) -> tuple[str, ...]:
        """Whom this goes to: an end to those who were told of the beginning, everything else by the routes."""
        if reason in ("recover", "returned"):
            return case.to
        return self._plan.to(self.instance(case.key))

    # --- saying

    def say(self, case: Case, item: Waiting, at: Instant) -> bool:
        """One notice about one alarm. False: somebody has muted it meanwhile, and it waits for that to end."""
        shown = self.shown(case) or item.record
        if self._park(case, item, shown):
            return False
        case.waiting = None
        to = self.to(case, item.reason)
        body = item.body | self._words(case, item, shown, at)
        step = case.repeats if item.reason == "repeat" else 0
        self.out.append(Notice(seq=item.seq, reason=item.reason, occurrence=shown, at=at, to=to, step=step, body=body))
        self._account(item, "sent")
        self._settled(case, item, shown, to, at)
        return True

    def say_together(
        self, cases: Sequence[Case], kind: str, at: Instant, first: tuple[Arrival, Text] | None = None
    ) -> int:
        """What these wait for as one notice for each channel, and a row `digest`. One alone is said by itself.

        The number of alarms that have been told.
        """
        items: list[Item] = []
        for case in cases:
            waiting, shown = case.waiting, self.shown(case)
            about = shown or (None if waiting is None else waiting.record)
            if about is None or (waiting is not None and self._park(case, waiting, about)):
                continue
            to = () if waiting is None else self.to(case, waiting.reason)
            if waiting is not None:
                items.append(Item(case, waiting.reason, about, to))
            if called := tuple(channel for channel in case.called if channel not in to):
                items.append(Item(case, "escalate", about, called))
        if len(items) == 1 and (waiting := items[0].case.waiting) is not None:
            items[0].case.called = ()
            self.say(items[0].case, waiting, at)
        elif items:
            self._say_digests(digest.compose(items, kind, first), items, kind, at)
        return len(items)

    def _say_digests(self, digests: Sequence[Digest], items: Sequence[Item], kind: str, at: Instant) -> None:
        whole = digest.body_of(items, kind)
        row = {key: whole[key] for key in ("kind", "count", "reasons", "rules", "systems")}
        seq = self._recorder.event("digest", at, None, row | {"occurrences": whole["occurrences"][:ROW_IDS]})
        for step, one in enumerate(digests):
            self.out.append(
                Notice(seq=seq, reason="digest", occurrence=one.about, at=at, to=one.to, step=step, body=one.body)
            )
        for item in items:
            case, waiting = item.case, item.case.waiting
            case.called, case.waiting = (), None
            if item.reason == "escalate":
                case.to, case.on, case.known = self._plan.ordered({*case.to, *item.to}), True, True
                self._memory.keep(case)
            elif waiting is not None:
                self._account(waiting, "digested")
                self._settled(case, waiting, item.record, item.to, at)

    def call(
        self, case: Case, step: tuple[int, int], to: tuple[str, ...], ladder: str, at: Instant, *, now: bool
    ) -> None:
        """A step (which, of how many) of a ladder: its row, and its notice unless that is for the next digest."""
        shown = self.shown(case)
        if shown is None:
            return
        key = "escalate" if ladder == "unacknowledged" else "unresolved"
        body: dict[str, Any] = {"ladder": ladder, "step": step[0], "of": step[1]}
        seq = self._recorder.event("escalate", at, None, body | {"to": list(to)}, case.key, occurrence=case.occurrence)
        if not now:
            return
        body["text"] = wording.body(wording.of_alarm(key, shown, at.mono_ns - case.since_ns))
        case.to = self._plan.ordered({*case.to, *to})
        case.on = True
        self.out.append(Notice(seq=seq, reason="escalate", occurrence=shown, at=at, to=to, step=step[0], body=body))

    # --- what follows

    def _park(self, case: Case, item: Waiting, shown: Occurrence) -> bool:
        """Nobody is told that a muted alarm is on. (That it is over they are told, if they knew of it.)"""
        if not shown.mutes or item.reason not in ON:
            return False
        item.where, item.due_ns = Where.MUTED, None
        case.waiting = item
        self._memory.keep(case)
        return True

    def _settled(self, case: Case, item: Waiting, shown: Occurrence, to: tuple[str, ...], at: Instant) -> None:
        """It has been told."""
        if item.reason in ON:
            case.to, case.on, case.known, case.seq = self._plan.ordered({*case.to, *to}), True, True, item.seq
            intervals = self._plan.repeat(shown.severity)
            unanswered = bool(intervals) and shown.state in UNANSWERED
            case.repeats, case.repeat_ns = 0, at.mono_ns + intervals[0] if unanswered else None
        elif item.reason in ("recover", RAISED_AND_RECOVERED):
            case.known = True
            case.to, case.on, case.repeat_ns = (), False, None  # whoever hears that it is on again hears the next end
        self.keep_or_drop(case, shown)

    def keep_or_drop(self, case: Case, shown: Occurrence) -> None:
        """What is over is forgotten, once everybody has been told so."""
        if shown.closed_ns is not None and case.waiting is None and not case.on:
            self._memory.drop(case)
        else:
            self._memory.keep(case)

    def _account(self, item: Waiting, fate: str) -> None:
        if not item.stands_for:
            return
        counts = self._memory.room.counts
        fate = "combined" if item.reason == RAISED_AND_RECOVERED and fate == "sent" else fate
        setattr(counts, fate, getattr(counts, fate) + item.stands_for)
        self._memory.keep_room()

    @staticmethod
    def _words(case: Case, item: Waiting, shown: Occurrence, at: Instant) -> dict[str, Any]:
        """What people are told besides the alarm itself."""
        if item.reason in _ENDS:
            ended = at.wall_ns if shown.returned_ns is None else shown.returned_ns
            span = max(0, ended - shown.raised_ns)
            said = {
                "duration_s": span // 10**9,
                "acked_by": shown.acked_by,
                "peak": shown.peak,
                "unit": shown.unit,
            }
            text = wording.of_end(item.reason, shown, span)
        elif item.reason == "repeat":
            said, text = {}, wording.of_alarm("repeat", shown, at.mono_ns - case.since_ns)
        else:
            said, text = {}, None
        if (chattering := item.body.get("chattering")) is not None:
            more = wording.say("chattering", count=chattering["count"])
            text = wording.joined([text or shown.title, more])
        return said if text is None else said | {"text": wording.body(text)}
