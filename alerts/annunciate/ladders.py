"""Who is called when nobody acknowledges an alarm, or when it is still there after its time to respond."""

from __future__ import annotations

from alerts.annunciate.case import ON, Case, Climb, Where
from alerts.annunciate.gates import Gates
from alerts.annunciate.memory import Memory
from alerts.annunciate.plan import Ladder, Plan, urgent
from alerts.annunciate.teller import UNANSWERED, Teller
from alerts.live import Key
from gateway.model import AlarmState, Instant, Occurrence

RESOLVING = frozenset({AlarmState.ACKED, AlarmState.ACKED_REC})
_CLIMBING = UNANSWERED | {AlarmState.LATCHED_UNACKED}


class Ladders:
    """Each case climbs at most one of each kind. Any mute pauses it; it goes on with what was left."""

    def __init__(self, plan: Plan, memory: Memory, teller: Teller, gates: Gates) -> None:
        self._plan = plan
        self._memory = memory
        self._teller = teller
        self._gates = gates
        self._known: dict[Key, tuple[Ladder | None, Ladder | None]] = {}

    def of(self, key: Key) -> tuple[Ladder | None, Ladder | None]:
        """(while nobody acknowledges it, while it is not resolved)."""
        found = self._known.get(key)
        if found is None:
            instance = self._teller.instance(key)
            found = self._known[key] = (self._plan.escalation(instance), self._plan.unresolved(instance))
        return found

    def begin(self, case: Case, why: object, at: Instant) -> None:
        """It is on, or worse: from the lowest rung, unless it has only been muted meanwhile."""
        case.unresolved = None
        if why != "lifted" or case.escalation is None or case.escalation.at_end:
            ladder = self.of(case.key)[0]
            case.escalation = None if ladder is None else Climb(0, at.mono_ns + ladder.steps[0].after_ns)

    def follow(self, case: Case, shown: Occurrence, at: Instant) -> None:
        """As the alarm stands: acknowledged, over, muted or heard again."""
        if shown.state not in _CLIMBING:
            case.escalation = None
        if shown.state not in RESOLVING:
            case.unresolved = None
        elif case.unresolved is None:
            case.unresolved = self._begin_resolving(case, at)
        if shown.state not in _CLIMBING and shown.state not in RESOLVING:
            case.called = ()
        for climb in (case.escalation, case.unresolved):
            if climb is not None and shown.mutes:
                climb.pause(at.mono_ns)
            elif climb is not None:
                climb.resume(at.mono_ns)

    def _begin_resolving(self, case: Case, at: Instant) -> Climb | None:
        ladder, instance = self.of(case.key)[1], self._teller.instance(case.key)
        if ladder is None or instance is None or instance.rule.guidance is None:
            return None
        over_ns = case.since_ns + instance.rule.guidance.time_to_respond
        return Climb(0, max(at.mono_ns, over_ns + ladder.steps[0].after_ns))

    def ring(self, case: Case, at: Instant) -> None:
        """Whatever rung is due."""
        escalation, unresolved = self.of(case.key)
        if (climb := case.escalation) is not None and climb.due_ns is not None and climb.due_ns <= at.mono_ns:
            case.called = self._step(case, climb, escalation, "unacknowledged", at)
        if (climb := case.unresolved) is not None and climb.due_ns is not None and climb.due_ns <= at.mono_ns:
            case.called = self._step(case, climb, unresolved, "unresolved", at)

    def _step(self, case: Case, climb: Climb, ladder: Ladder | None, name: str, at: Instant) -> tuple[str, ...]:
        """Call the next one. Who is to be called by the next digest instead."""
        shown, climb.due_ns = self._teller.shown(case), None
        if shown is None or ladder is None or climb.step >= len(ladder.steps):  # the site has another ladder by now
            return case.called
        step = ladder.steps[climb.step]
        climb.step += 1
        if climb.step < len(ladder.steps):
            climb.due_ns = at.mono_ns + ladder.steps[climb.step].after_ns - step.after_ns
        flooded = self._memory.room.flood is not None and not urgent(shown)
        waiting = case.waiting
        if not flooded and waiting is not None and waiting.reason in ON and waiting.where is not Where.MUTED:
            self._teller.say(case, waiting, at)  # nobody is called for what nobody has been told of
        self._teller.call(case, (climb.step, len(ladder.steps)), step.to, name, at, now=not flooded)
        if not flooded:
            return case.called
        self._gates.plan_digest(at)
        return self._plan.ordered({*case.called, *step.to})
