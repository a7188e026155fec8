"""Alarms that come and go: counted, flagged on their occurrence, journalled when it begins and when it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from alerts.alarm import Effect, record
from alerts.annunciate import chatter as chattering
from alerts.annunciate.case import Chatter
from alerts.annunciate.memory import Memory
from alerts.annunciate.options import ChatterOptions
from alerts.live import Key, Live
from alerts.recorder import Recorder
from gateway.model import SECOND, Event, Instant


class Restless:
    """Watches every alarm, muted ones too: what chatters unheard chatters all the same."""

    def __init__(self, options: ChatterOptions, memory: Memory, recorder: Recorder, lives: Mapping[Key, Live]) -> None:
        self._options = options
        self._memory = memory
        self._recorder = recorder
        self._lives = lives

    def hear(self, key: Key, event: Event) -> None:
        """A row of this alarm."""
        if not chattering.is_activation(event):
            return
        one = self._memory.chatters.setdefault(key, Chatter())
        began = chattering.activate(one, event.at.mono_ns, self._options)
        self._memory.keep_chatter(key, chattering.due_ns(one, self._options))
        if began:
            body = {"count": one.count, "within_s": self._options.within // SECOND}
            self._mark(key, True, event.at, "chatter_begin", body)
        elif one.on:
            self._mark(key, True, event.at)  # a new life of an alarm that chatters

    def quiet(self, key: Key, at: Instant) -> None:
        """Nothing has come of it for long enough."""
        one = self._memory.chatters.get(key)
        if one is not None and one.since_ns is not None:
            self._mark(key, False, at, "chatter_end", {"lasted_s": (at.mono_ns - one.since_ns) // SECOND})
        self._memory.keep_chatter(key, None)

    def _mark(
        self, key: Key, on: bool, at: Instant, kind: str | None = None, body: Mapping[str, Any] | None = None
    ) -> None:
        live = self._lives.get(key)
        if live is None or live.alarm.life is None:
            if kind is not None:
                self._recorder.event(kind, at, None, body or {}, key)
            return
        if kind is None and live.alarm.life.chattering is on:
            return
        live.alarm = replace(live.alarm, life=replace(live.alarm.life, chattering=on))
        if (shown := record(live.alarm)) is not None:
            self._recorder.effects(live, [Effect(kind, shown, body or {})], at)
            self._recorder.touch(live)
