"""What one call to the engine changes, gathered into one Judgement; the journal's numbers come from here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from alerts import snapshot
from alerts.alarm import Effect
from alerts.changed import changed
from alerts.condition.columns import Columns
from alerts.live import NOT_IN_REPLAY, Key, Live, Moment
from gateway.model import Event, InstanceSnapshot, Instant, Judgement, Notice, Occurrence

NOBODY = (None, None)
_WITH_READING = frozenset({"raise", "reraise", "severity_up", "return", "close"})


class Recorder:
    """One counter for every row of the journal."""

    def __init__(self, next_seq: int) -> None:
        self.next_seq = next_seq
        self._judgement = Judgement()
        self._touched: set[int] = set()

    def event(
        self,
        kind: str,
        at: Instant,
        by: str | None,
        body: Mapping[str, Any],
        key: Key | tuple[None, None] = NOBODY,
        *,
        occurrence: str | None = None,
    ) -> int:
        """A row that changes no occurrence, and its number; `key` is the alarm (rule, source) that it is about, if any,
        `occurrence` its life.
        """
        rule, source = key
        seq = self.next_seq
        return self._row(
            Event(seq=seq, at=at, kind=kind, occurrence=occurrence, rule=rule, source=source, by=by, body=body)
        )

    def effects(self, live: Live, effects: Sequence[Effect], at: Instant) -> None:
        """Rows, records and notices of one transition; the open occurrence learns its newest row's number."""
        for effect in effects:
            shown = self._publish(effect, at, live.key)
            if shown is None:
                continue
            life = live.alarm.life
            if life is not None and life.occurrence == shown.occurrence:
                live.alarm = changed(live.alarm, life=changed(life, seq=shown.seq))
            elif shown.closed_ns is not None:
                live.closed = shown

    def orphan(self, effects: Sequence[Effect], at: Instant, left: InstanceSnapshot) -> None:
        """The end of an alarm that no rule speaks for any more, and what is left of its instance."""
        for effect in effects:
            self._publish(effect, at, (left.rule, left.source))
        self._judgement.instances.append(left)

    @property
    def pending(self) -> Judgement:
        """The judgement in the making: its rows, records and notices so far. Not to be kept."""
        return self._judgement

    def touch(self, live: Live) -> None:
        """Its state must be stored with this judgement, and that of all whose judgement can follow from it.

        Otherwise a replay would let them see this state while they judge frames from before it.
        """
        self._touched.add(live.index)
        self._touched.update(live.closure)

    def touch_all(self, lives: Iterable[Live]) -> None:
        """The state of every instance must be stored."""
        self._touched.update(live.index for live in lives)

    def take(self, lives: Sequence[Live], moment: Moment, columns: Columns) -> Judgement:
        """The judgement, once; the next one begins empty."""
        done, self._judgement = self._judgement, Judgement()
        if self._touched:
            touched = [lives[index] for index in sorted(self._touched)]
            self._touched = set()
            kept = (live for live in touched if live.seen != NOT_IN_REPLAY)
            done.instances.extend(snapshot.take_with_inputs(live, moment, columns) for live in kept)
        return done

    def _publish(self, effect: Effect, at: Instant, key: Key) -> Occurrence | None:
        shown = effect.record
        if shown is None:
            self.event(effect.kind or "", at, effect.by, effect.body, key)
            return None
        if effect.kind is not None:
            shown = changed(shown, seq=self._row_of(effect.kind, shown, effect, at))
        elif known := self._judgement.occurrences.get(shown.occurrence):
            shown = changed(shown, seq=known.seq)
        self._judgement.occurrences[shown.occurrence] = shown
        if effect.notice is not None:
            self._judgement.notices.append(Notice(seq=shown.seq, reason=effect.notice, occurrence=shown, at=at))
        return shown

    def _row_of(self, kind: str, shown: Occurrence, effect: Effect, at: Instant) -> int:
        body = {"state": str(shown.state), "severity": shown.severity.word, **effect.body}
        if kind in _WITH_READING:
            body |= {"value": shown.value, "peak": shown.peak, "limit": shown.limit, "unit": shown.unit}
        return self._row(
            Event(
                seq=self.next_seq,
                at=at,
                kind=kind,
                occurrence=shown.occurrence,
                rule=shown.rule,
                source=shown.source,
                by=effect.by,
                body=body,
            )
        )

    def _row(self, event: Event) -> int:
        self._judgement.events.append(event)
        self.next_seq += 1
        return event.seq
