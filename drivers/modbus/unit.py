"""One unit of a link: what it is, what to ask it next, and how it is doing. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.assign import UnitAssignment
from drivers.modbus.cycle import Cycle, Due
from drivers.modbus.frame import Question
from drivers.modbus.identity import Identity, Unidentified
from drivers.modbus.pace import Probing
from drivers.modbus.refusals import Asked
from drivers.modbus.tally import Tally
from drivers.profile import ModbusProfile
from drivers.reconnect import Random
from gateway.model import SECOND, Frame, Instant, Quality, UnitReport

MISSED_UNTIL_DEAD = 2
# a device that is busy is asked once more after this
BUSY_PAUSE = SECOND // 10


class Unit:
    """State of one unit between questions; the driver asks, this says what and concludes.

    `spent_ns` is the time it has had on the wire, for a fair share (drivers.modbus.schedule). Before `ready_ns` it
    wants no question.
    """

    def __init__(self, assignment: UnitAssignment, now: Instant, random: Random) -> None:
        spec = assignment.spec
        profile = spec.profile
        if not isinstance(profile, ModbusProfile) or assignment.unit is None:
            raise TypeError(f"{spec.name}: {profile.profile} is no profile of registers")
        self.spec = spec
        self.tally = Tally(spec.name, assignment.unit, assignment.devices)
        self.cycles = [Cycle(pace, spec.link, assignment.unit, profile, now.mono_ns) for pace in assignment.paces]
        self._identity = (
            Identity(spec, profile, assignment.unit, assignment.paces[0], now.mono_ns)
            if getattr(profile, "identity", ())
            else None
        )
        self._turns = (self._identity.cycle,) if self._identity else tuple(self.cycles)
        self._pause_ns = profile.modbus.limits.pause or 0
        self._random = random
        self._probing: Probing | None = None
        self._hang_ups = 0
        self._missed = 0
        self._standing: Asked | None = None
        self.spent_ns = 0
        self.ready_ns = 0
        self.probe_ns: int | None = None

    # what to ask

    @property
    def dead(self) -> bool:
        """It has missed its last cycles: skipped, and only probed."""
        return self.probe_ns is not None

    @property
    def suspect(self) -> bool:
        """Its last cycle was missed: no time is spent on repeating a question."""
        return self._missed > 0

    @property
    def turns(self) -> Sequence[Cycle]:
        """What is asked while it lives: who it is, until that is known; then every pace."""
        return self._turns

    @property
    def probe(self) -> Question:
        """One cheap value."""
        for cycle in (*self._turns, *self.cycles):
            if (question := cycle.probe(self._hang_ups)) is not None:
                return question
        raise AssertionError("a unit of which nothing is asked")

    def broken_off(self, cycle: Cycle | None) -> None:
        """The connection has ended instead of an answer. It may have been closed because it was idle, so that is made
        up for; at a probe it may have been because of the register.
        """
        if cycle is None:
            self._hang_ups += 1
        elif not self.suspect:
            cycle.broken_off()

    def begin(self, cycle: Cycle, now_ns: int) -> None:
        """The due cycle begins."""
        due = cycle.begin(now_ns)
        if self._asks_who(cycle):
            self.skip(now_ns)
        else:
            self._count(due, overrun=True)

    def skip(self, now_ns: int) -> None:
        """All cycles due by now go by unasked."""
        for cycle in self.cycles:
            self._count(cycle.skip(now_ns))

    def _count(self, due: Due, *, overrun: bool = False) -> None:
        self.tally.polls += due.cycles
        if overrun:
            self.tally.overruns += due.skipped

    def _asks_who(self, cycle: Cycle) -> bool:
        return self._identity is not None and cycle is self._identity.cycle

    def asked(self, now_ns: int) -> None:
        """A question to it is over: it may want a pause before the next one."""
        if self._pause_ns:
            self.ready_ns = max(self.ready_ns, now_ns + self._pause_ns)

    def busy(self, cycle: Cycle, now_ns: int) -> bool:
        """It lives and asks to come again: True when that is done within the cycle."""
        if self.suspect or cycle.busy_again:
            return False
        cycle.busy_again = True
        self.ready_ns = max(self.ready_ns, now_ns + BUSY_PAUSE)
        return True

    # how its link is doing

    def begun(self) -> None:
        """Whoever listened is gone: what is not heard is said to be BAD once more."""
        for cycle in self.cycles:
            cycle.told = None

    def connected(self, now_ns: int, *, anew: bool) -> None:
        """The link is open (again): of the cycles that went by without it only the newest is asked.

        `anew`: it was away for a while, so that every unit may be there again.
        """
        for cycle in self.cycles:
            cycle.connected()
            self._count(cycle.catch_up(now_ns))
        if anew:
            self._missed = 0
            self._probing = None
            self._wake(now_ns)
        elif not self.dead:
            self._ask_who(now_ns)

    def alive(self, now_ns: int) -> None:
        """A probe was answered: poll at once. Its pauses go on growing until it answers a whole cycle."""
        self._missed = MISSED_UNTIL_DEAD - 1
        self._wake(now_ns)

    def _wake(self, now_ns: int) -> None:
        self.probe_ns = None
        for cycle in self.cycles:
            cycle.at_once(now_ns)
            for asked in cycle.asked:
                if asked.refusal is not None and not asked.refusal.hung_up:
                    asked.forgive(now_ns)
        self._ask_who(now_ns)

    def _ask_who(self, now_ns: int) -> None:
        if self._identity is not None:
            self._identity.ask(now_ns)
            self._turns = (self._identity.cycle,)

    # what was answered

    def answered(self, cycle: Cycle, at: Instant) -> list[Frame]:
        """A cycle has all its answers: one frame per device."""
        if self._identity is not None and cycle is self._identity.cycle:
            return self._identified(self._identity, at)
        if cycle.spoken:
            self._missed = 0
            self._probing = None
        heard = cycle.heard
        if heard and Quality.BAD_COMM not in cycle.answers:
            self.tally.cycle(at)
        frames = cycle.finish(at)
        if not heard or self._standing is not None:
            self._reconsider(heard, at.mono_ns)
        return frames

    def _identified(self, identity: Identity, at: Instant) -> list[Frame]:
        try:
            chosen = identity.judge(at)
        except Unidentified as error:
            self._missed = 0
            self._probing = None
            self.tally.failed(error, at)
            return [frame for one in self.cycles for frame in one.lost(at, Quality.BAD_CONFIG)]
        if chosen is None and identity.cycle.cold:
            identity.cycle.at_once(at.mono_ns)
            return []
        if chosen is None:
            return self.missed(at, 0, identity.cycle, silent=False)
        other = not identity.settled or chosen.variant_name != self.tally.variant
        identity.settled, self.tally.variant = True, chosen.variant_name
        for cycle in self.cycles:
            if other:
                cycle.use(chosen)
            cycle.at_once(at.mono_ns)
        self._turns = tuple(self.cycles)
        return []

    def _reconsider(self, heard: bool, now_ns: int) -> None:
        """What was refused may be there later: the device was starting, or has been programmed."""
        every = [asked for cycle in self.cycles for asked in cycle.asked]
        if heard:
            self._standing = None
            for asked in every:
                asked.forgive(now_ns)
        elif self._standing is None and all(asked.left_out(now_ns) for asked in every):
            # nothing at all would be asked any more, and the unit could die unseen
            bare = (asked for asked in every if asked.refusal is not None and not asked.refusal.hung_up)
            self._standing = min(bare, key=lambda asked: asked.optional, default=None)
            if self._standing is not None:
                self._standing.standing = True

    # what was not

    def missed(self, at: Instant, took_ns: int, cycle: Cycle | None, *, silent: bool = True) -> list[Frame]:
        """A cycle or a probe (None) in vain. After two, the unit's points are BAD, and a `silent` unit is dead.

        A pace that is missed while others are answered speaks only for its own points.
        """
        self._missed += 1
        if cycle is not None:
            cycle.abandon()
            cycle.missed += 1
            if cycle.missed < MISSED_UNTIL_DEAD:
                cycle.soon(at.mono_ns)
        if self._missed < MISSED_UNTIL_DEAD:
            late = cycle is not None and cycle.missed >= MISSED_UNTIL_DEAD and not self._asks_who(cycle)
            return list(cycle.lost(at)) if cycle is not None and late else []
        if silent:
            self._probing = self._probing or Probing(self._random)
            self.probe_ns = self._probing.after(at.mono_ns, took_ns)
        return self.lost(at)

    def lost(self, at: Instant) -> list[Frame]:
        """Every value is BAD from now on; said once. The next good values are no edges."""
        return [frame for cycle in self.cycles for frame in cycle.lost(at)]

    def report(self) -> UnitReport:
        """How it is doing."""
        refused = tuple(
            asked.refusal.report(asked.block)
            for cycle in self.cycles
            for asked in cycle.asked
            if asked.refusal is not None
        )
        return self.tally.report(self.probe_ns, self._missed, refused)
