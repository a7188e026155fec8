"""History: samples that came too late to be current (D21). They move no state; a life-safety pulse among them is told.

A store-and-forward sensor, or a broker's queue, brings what was said while the link was down. Nobody can act on it any
more and it would clear or raise the wrong thing, but that there was a fire signal at 03:12 must stand in the journal:
`missed_while_down`, once for each pulse, without alarm and notice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from alerts.condition.columns import NEVER, Columns, Reading
from alerts.live import Live
from alerts.recorder import Recorder
from gateway.model import Frame, Truth

KIND = "missed_while_down"


class Remembrance:
    """Judges a history frame by itself: its samples are all that conditions see, and none of them keeps anything."""

    def __init__(self, columns: Columns, recorder: Recorder) -> None:
        self._now = columns
        self._past = Columns(columns.slots, columns.keys)
        self._recorder = recorder

    def judge(self, frame: Frame, columns: Sequence[tuple[int, int]], readers: Sequence[Live], position: int) -> None:
        """`columns` are (column, slot) of the frame, `readers` whoever reads one of them."""
        past, quality = self._past, frame.quality
        if not past.values:  # most buildings never see any history
            size = len(self._now.values)
            past.values, past.source_ns = [None] * size, [None] * size
            past.quality, past.at_ns = [NEVER] * size, [NEVER] * size
        for column, slot in columns:
            past.put(slot, frame.values[column], 0 if quality is None else quality[column], frame.at.mono_ns)
        for live in readers:
            if live.remembers and (live.seen is None or (position, frame.at.mono_ns) > live.seen):
                self._take(live, frame)
        for _, slot in columns:
            past.quality[slot] = NEVER

    def _take(self, live: Live, frame: Frame) -> None:
        truth, reading = self._ask(live)
        before = live.past
        if truth is None or (truth is False and not before.on):
            return
        live.past = replace(before, on=truth)
        at_ns = frame.at.wall_ns if frame.source_ns is None else frame.source_ns
        stands = live.alarm.life is not None or live.alarm.condition is True
        if not truth or before.on or stands or before.covers(at_ns):
            return
        live.past = replace(before, on=True, told_ns=at_ns)
        body = {"value": reading.value, "limit": reading.limit, "unit": reading.unit, "at_wall_ns": at_ns}
        self._recorder.event(KIND, frame.at, None, body, live.key)
        # stored with its position: the log judged again does not tell it again
        self._recorder.touch(live)

    def _ask(self, live: Live) -> tuple[Truth, Reading]:
        try:
            return live.condition.alone(self._past), live.condition.reading(self._past)
        except Exception:  # noqa: BLE001 - a bad rule is told of by its live samples, and must not blind the others
            return None, Reading()
