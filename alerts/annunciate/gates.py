"""The gates that a notice passes, chatter → settle → flood → group, and what opens them: time, or everybody heard."""

from __future__ import annotations

from alerts.annunciate import chatter as chattering
from alerts.annunciate import digest, flood
from alerts.annunciate.case import ON, Arrival, Case, Chatter, Waiting, Where
from alerts.annunciate.memory import CHATTER, Memory
from alerts.annunciate.plan import Plan, urgent
from alerts.annunciate.teller import Teller
from alerts.condition.columns import NEVER, Columns
from alerts.recorder import Recorder
from gateway.model import SECOND, Instant, Severity

LOOK_NS = SECOND  # while settling, how often it is asked whether everybody has been heard
DIGEST, FLOOD_OVER, SETTLE = ("flood_digest",), ("flood_over",), ("settle",)


class Gates:
    """Each holds a notice until its own end; whatever is urgent passes them all."""

    def __init__(self, plan: Plan, memory: Memory, teller: Teller, recorder: Recorder, columns: Columns) -> None:
        self._plan = plan
        self._options = plan.options
        self._memory = memory
        self._teller = teller
        self._recorder = recorder
        self._columns = columns

    def offer(self, case: Case, item: Waiting, at: Instant, past: Where | None = None) -> None:
        """Through the gates behind `past`, until one holds it."""
        room, hasty = self._memory.room, urgent(item.record)
        if not hasty and past is None and self._chatter_holds(case, item, at):
            return
        first = past in (None, Where.CHATTER)
        if not hasty and first and item.reason in ON and room.settle_ns is not None:
            self.wait(case, item, Where.SETTLE, None)
            return
        if first and item.reason in ("raise", "reraise"):
            self._arrive(case, at)
        if hasty:
            self._teller.say(case, item, at)
        elif room.flood is not None:
            self.wait(case, item, Where.FLOOD, None)
            self.plan_digest(at)
        elif first and item.reason in (*ON, "repeat"):
            self.wait(case, item, Where.GROUP, self._group_due(item, at))
        else:
            self._teller.say(case, item, at)

    def wait(self, case: Case, item: Waiting, where: Where, due_ns: int | None) -> None:
        item.where, item.due_ns = where, due_ns
        case.waiting = item
        self._memory.keep(case)

    def release(self, case: Case, item: Waiting, at: Instant) -> None:
        """Its wait is over. Of a group all go, whose wait ends with the first."""
        if item.where is not Where.CHATTER:
            self._release_group(item.record.system, str(item.record.class_), at)
            return
        case.waiting = None
        one = self._memory.chatters.get(case.key)
        if one is not None and one.on:
            self._let_chatter(case, item, one, at)
        self.offer(case, item, at, past=Where.CHATTER)

    # --- chatter

    def _chatter_holds(self, case: Case, item: Waiting, at: Instant) -> bool:
        one = self._memory.chatters.get(case.key)
        if one is None or not one.on:
            return False
        if at.mono_ns < one.free_ns:
            self.wait(case, item, Where.CHATTER, one.free_ns)
            return True
        self._let_chatter(case, item, one, at)
        return False

    def _let_chatter(self, case: Case, item: Waiting, one: Chatter, at: Instant) -> None:
        """The one notice of this while, with the count."""
        item.body["chattering"] = {"count": one.count}
        one.count, one.free_ns = 0, at.mono_ns + self._options.chatter.limit
        self._memory.keep_chatter(case.key, chattering.due_ns(one, self._options.chatter))

    # --- group

    def _group_due(self, item: Waiting, at: Instant) -> int:
        """High waits for its group's ten seconds; the rest also until the group's last message is some minutes old."""
        record = item.record
        due = at.mono_ns + self._plan.wait_ns(record.severity)
        if record.severity <= Severity.HIGH:
            return due
        own = (record.system, str(record.class_))
        last = [ns for system, class_, ns in self._memory.room.groups if (system, class_) == own]
        return max([due, *(ns + self._options.group.interval for ns in last)])

    def _release_group(self, system: str, class_: str, at: Instant) -> None:
        room, since = self._memory.room, at.mono_ns - self._options.group.interval
        kept = [known for known in room.groups if known[2] > since and known[:2] != (system, class_)]
        room.groups = [*kept, (system, class_, at.mono_ns)]
        self._memory.keep_room()
        self._teller.say_together(self._memory.queued((Where.GROUP.value, system, class_)), digest.GROUP, at)

    # --- flood

    def _arrive(self, case: Case, at: Instant) -> None:
        room, options = self._memory.room, self._options.flood
        began = flood.arrive(room, Arrival(at.mono_ns, case.occurrence, case.rule, case.source), options)
        self._memory.keep_room()
        if began and room.flood is not None:
            first = room.flood.first
            body = {"count": len(room.arrivals), "first_out": first.occurrence}
            self._recorder.event("flood_begin", at, None, body, (first.rule, first.source))
            for queue in list(self._memory.groups()):
                for held in self._memory.queued(queue):
                    if held.waiting is not None:
                        self.wait(held, held.waiting, Where.FLOOD, None)
                        self.plan_digest(at)
        self._memory.agenda.set(FLOOD_OVER, flood.ends_ns(room, options))

    def plan_digest(self, at: Instant) -> None:
        """Something waits for the next digest."""
        current = self._memory.room.flood
        if current is not None and current.digest_ns is None:
            soon = self._options.group.high
            current.digest_ns = flood.next_digest_ns(current, at.mono_ns, soon, self._options.flood)
            self._memory.keep_room()
            self._memory.agenda.set(DIGEST, current.digest_ns)

    def tell_flood(self, at: Instant) -> None:
        """The digest of what waits."""
        current = self._memory.room.flood
        if current is None:
            return
        current.digest_ns, current.last_ns = None, at.mono_ns
        self._memory.keep_room()
        instance = self._teller.instance((current.first.rule, current.first.source))
        pinned = None if instance is None else (current.first, instance.rule.title)
        waiting = self._memory.queued((Where.FLOOD.value,))
        current.digested += self._teller.say_together(waiting, digest.FLOOD, at, pinned)

    def end_flood(self, at: Instant) -> None:
        """Few enough have come."""
        current = self._memory.room.flood
        if current is None:
            return
        self.tell_flood(at)
        body = {"lasted_s": (at.mono_ns - current.since_ns) // SECOND, "digested": current.digested}
        self._recorder.event("flood_end", at, None, body)
        self._memory.room.flood = None
        self._memory.keep_room()
        self._memory.agenda.set(DIGEST, None)

    # --- settle

    def settle(self, now: Instant) -> None:
        """The gateway has started: what is raised until everybody has been heard is told together."""
        if self._options.settle and not self._all_heard():
            until = self._memory.room.settle_ns = now.mono_ns + self._options.settle
            self._memory.keep_room()
            self._memory.agenda.set(SETTLE, min(until, now.mono_ns + LOOK_NS))

    def look_whether_settled(self, at: Instant) -> None:
        until = self._memory.room.settle_ns
        if until is None:
            return
        if at.mono_ns < until and not self._all_heard():
            self._memory.agenda.set(SETTLE, min(until, at.mono_ns + LOOK_NS))
            return
        self._memory.room.settle_ns = None
        self._memory.keep_room()
        self._teller.say_together(self._memory.queued((Where.SETTLE.value,)), digest.START_UP, at)

    def _all_heard(self) -> bool:
        """Every input of every rule has been seen since the start."""
        return NEVER not in self._columns.quality

    # --- stopping and starting

    def rearm(self) -> None:
        """After a restore: what the agenda has to know of these gates."""
        room, agenda = self._memory.room, self._memory.agenda
        for key, one in self._memory.chatters.items():
            agenda.set((CHATTER, *key), chattering.due_ns(one, self._options.chatter))
        agenda.set(SETTLE, room.settle_ns)
        agenda.set(DIGEST, None if room.flood is None else room.flood.digest_ns)
        agenda.set(FLOOD_OVER, flood.ends_ns(room, self._options.flood))
