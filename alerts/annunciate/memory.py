"""The annunciator's whole state: kept in pieces, so that one alarm's change is one small row, however many stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from alerts.annunciate.agenda import Agenda
from alerts.annunciate.case import Case, Chatter, Room, Where, case_of, chatter_of, out, room_of
from alerts.live import Key

CASE, CHATTER, ROOM = "case", "chatter", "room"
_BETWEEN = "|"  # no rule and no source has it in its name


class Memory:
    """Whoever changes something says `keep` of it. Queues hold the cases that wait, in the order of their waiting."""

    def __init__(self) -> None:
        self.cases: dict[str, Case] = {}
        self.chatters: dict[Key, Chatter] = {}
        self.room = Room()
        self.agenda = Agenda()
        self._queues: dict[tuple[str, ...], dict[str, None]] = {}
        self._queue_of: dict[str, tuple[str, ...]] = {}
        self._dirty: dict[str, None] = {}

    # --- keeping

    def keep(self, case: Case) -> None:
        """It has changed: stored with this judgement, looked at again when it is due."""
        name = case.occurrence
        self.cases[name] = case
        self._dirty[f"{CASE}/{name}"] = None
        self._index(case)

    def drop(self, case: Case) -> None:
        """It is over and nothing is to be said of it any more."""
        name = case.occurrence
        self.cases.pop(name, None)
        self._dirty[f"{CASE}/{name}"] = None
        self.agenda.set((CASE, name), None)
        self._leave(name)

    def keep_chatter(self, key: Key, due_ns: int | None) -> None:
        """Its activations have changed; without a due moment they are forgotten."""
        if due_ns is None:
            self.chatters.pop(key, None)
        self._dirty[f"{CHATTER}/{_BETWEEN.join(key)}"] = None
        self.agenda.set((CHATTER, *key), due_ns)

    def keep_room(self) -> None:
        self._dirty[ROOM] = None

    def _index(self, case: Case) -> None:
        name, waiting = case.occurrence, case.waiting
        self.agenda.set((CASE, name), case.due_ns())
        queue = None if waiting is None else queue_of(waiting.where, waiting.record.system, waiting.record.class_)
        if case.called and queue is None:
            queue = (Where.FLOOD.value,)
        if queue != self._queue_of.get(name):
            self._leave(name)
            if queue is not None:
                self._queues.setdefault(queue, {})[name] = None
                self._queue_of[name] = queue

    def _leave(self, name: str) -> None:
        queue = self._queue_of.pop(name, None)
        if queue is not None:
            self._queues[queue].pop(name)
            if not self._queues[queue]:
                del self._queues[queue]

    def queued(self, queue: tuple[str, ...]) -> list[Case]:
        """Who waits there."""
        return [self.cases[name] for name in self._queues.get(queue, ())]

    def groups(self) -> Iterator[tuple[str, ...]]:
        """The queues of groups that somebody waits in."""
        return iter([queue for queue in self._queues if queue[0] == Where.GROUP])

    @property
    def held(self) -> int:
        """Notices of the engine that wait."""
        return sum(case.waiting.stands_for for name in self._queue_of if (case := self.cases[name]).waiting is not None)

    # --- storing

    @property
    def changed(self) -> bool:
        return bool(self._dirty)

    def pieces(self) -> dict[str, Any]:
        """What has changed since it was last asked; None where nothing is left."""
        found = {name: self._piece(name) for name in self._dirty}
        self._dirty = {}
        return found

    def _piece(self, name: str) -> Any:
        kind, _, of = name.partition("/")
        if kind == ROOM:
            return out(self.room)
        one = self.cases.get(of) if kind == CASE else self.chatters.get(_key(of))
        return None if one is None else out(one)

    def whole(self) -> dict[str, Any]:
        """Everything, by piece."""
        names = [f"{CASE}/{name}" for name in self.cases]
        names += [f"{CHATTER}/{_BETWEEN.join(key)}" for key in self.chatters]
        return {name: self._piece(name) for name in (ROOM, *names)}

    def put_back(self, pieces: Mapping[str, Any]) -> None:
        """Take these over; what is not named stays."""
        for name, state in pieces.items():
            kind, _, of = name.partition("/")
            if kind == ROOM:
                self.room = room_of(state)
            elif kind == CASE and state is None:
                if of in self.cases:
                    self.drop(self.cases[of])
            elif kind == CASE:
                case = self.cases[of] = case_of(state)
                self._index(case)
            elif state is None:
                self.keep_chatter(_key(of), None)
            else:
                self.chatters[_key(of)] = chatter_of(state)
        self._dirty = {}

    def due(self) -> int | None:
        return self.agenda.first()


def queue_of(where: Where, system: str, class_: str) -> tuple[str, ...]:
    """Groups wait by system and class, everybody else together."""
    return (where.value, system, str(class_)) if where is Where.GROUP else (where.value,)


def _key(text: str) -> Key:
    rule, _, source = text.partition(_BETWEEN)
    return rule, source
