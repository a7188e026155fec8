"""One unit of a link: what to ask it, what its answers mean, and how it is doing. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drivers.assign import Feed, UnitAssignment
from drivers.meaning import run_steps
from drivers.modbus.codec import Decoder, answer_bytes
from drivers.modbus.frame import Question
from drivers.modbus.pace import Probing, first_due, next_due
from drivers.modbus.plan import Block, halves, plan
from drivers.modbus.tally import Tally
from drivers.profile import ModbusProfile, never_read
from drivers.reconnect import Random
from gateway.model import SECOND, Frame, FrameKind, Instant, Quality, UnitReport, Value

MISSED_UNTIL_DEAD = 2
# a refused register may have been programmed meanwhile: it is asked for again
FORGIVE_AFTER = 60 * SECOND


@dataclass(slots=True)
class Asked:
    """A block with its question; `refused` once it has been, and cannot be cut any further."""

    block: Block
    question: Question
    refused: bool = False


class Unit:
    """State of one unit between polls; the driver asks, this says what and concludes."""

    def __init__(self, assignment: UnitAssignment, now: Instant, random: Random) -> None:
        spec = assignment.spec
        profile = spec.profile
        if not isinstance(profile, ModbusProfile) or spec.unit is None:
            raise TypeError(f"{spec.name}: {profile.profile} is no profile of registers")
        self.spec = spec
        self._number = spec.unit
        self.tally = Tally(spec.name, spec.unit, assignment.devices)
        readings = {key: profile.readings[key] for key in assignment.keys}
        self._blocks = plan((r.cell for r in readings.values()), profile.modbus.limits, never_read(profile))
        self._decoder = Decoder(readings, self._blocks)
        own = tuple(range(len(readings)))
        self._feeds = [(feed, not feed.steps and feed.picks == own) for feed in assignment.feeds]
        self._random = random
        self._probing: Probing | None = None
        self._missed = 0
        self._told_bad = False
        self._forgive_ns: int | None = None
        self._barred = False
        self._forgiven = False
        self.due_ns = first_due(spec.link, spec.poll_ns, now.mono_ns)
        self.probe_ns: int | None = None
        self.initial = True
        self.asked = [self._ask(block) for block in self._blocks]

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
    def wake_ns(self) -> int:
        """When this unit wants the link next."""
        return self.due_ns if self.probe_ns is None else self.probe_ns

    @property
    def probe(self) -> Question:
        """One cheap value."""
        cell = self._blocks[0].cells[0]
        return self._ask(Block(cell.table, cell.address, cell.words, (cell,))).question

    def advance(self, now_ns: int, *, skipping: bool = False) -> None:
        """The due cycle has begun, or (`skipping`) all cycles due by now go by unasked."""
        while self.due_ns <= now_ns:
            self.due_ns, skipped = next_due(self.due_ns, self.spec.poll_ns, now_ns)
            self.tally.polls += 1 + skipped
            if not skipping:
                self.tally.overruns += skipped
                return

    def begun(self) -> None:
        """Whoever listened is gone: a unit that is not heard is said to be BAD once more."""
        self._told_bad = False

    def connected(self, now_ns: int) -> None:
        """The link is open (again): of the cycles that went by without it only the newest is asked."""
        self.initial = True
        gone = max(0, (now_ns - self.due_ns) // self.spec.poll_ns)
        self.due_ns += gone * self.spec.poll_ns
        self.tally.polls += gone

    def _ask(self, block: Block) -> Asked:
        size = answer_bytes(block)
        return Asked(block, Question(self._number, block.table.function, block.address, block.count, size))

    # what was answered

    def answered(self, answers: Sequence[bytes | int], at: Instant) -> list[Frame]:
        """A cycle's answers in the order of `asked` (bytes, or the quality of a failed block): one frame per device."""
        self._missed = 0
        self.probe_ns = self._probing = None
        self._told_bad = False
        heard = any(isinstance(answer, bytes) for answer in answers)
        if heard and Quality.BAD_COMM not in answers:
            self.tally.cycle(at)
        values, quality = self._decoder.decode(answers)
        kind = FrameKind.INITIAL if self.initial else FrameKind.LIVE
        self.initial = False
        frames = [
            Frame(feed.layout, values, at, quality, kind=kind) if whole else _picked(feed, values, quality, at, kind)
            for feed, whole in self._feeds
        ]
        self._reconsider(answers, heard, at.mono_ns)
        return frames

    def refused(self, asked: Asked, cut: bool, now: Instant) -> bool:
        """The device has no such registers: True when the block was cut in two, False when it is left out now."""
        parts = halves(asked.block) if cut else None
        at = next(i for i, one in enumerate(self.asked) if one is asked)
        if parts is None:
            self.asked[at].refused = True
            if self._forgive_ns is None:
                self._forgive_ns = now.mono_ns + FORGIVE_AFTER
            return False
        self.asked[at : at + 1] = [self._ask(part) for part in parts]
        self._decoder.replan([one.block for one in self.asked])
        return True

    def _reconsider(self, answers: Sequence[bytes | int], heard: bool, now_ns: int) -> None:
        """What was refused may be there later: the device was starting, or has been programmed."""
        if not heard and all(one.refused for one in self.asked):
            # nothing at all would be asked any more, and the unit could die unseen
            self.asked[0].refused = False
            self._barred = True
        elif (heard and self._barred) or (self._forgive_ns is not None and now_ns >= self._forgive_ns):
            self._forgive()
        elif self._forgiven and Quality.BAD_COMM not in answers:
            self._forgiven = False
            if Quality.BAD_CONFIG not in answers and len(self.asked) != len(self._blocks):
                # all of it is there now: asked for in as few blocks as at first
                self.asked = [self._ask(block) for block in self._blocks]
                self._decoder.replan(self._blocks)

    def _forgive(self) -> None:
        self._forgive_ns = None
        self._barred = False
        self._forgiven = True
        for asked in self.asked:
            asked.refused = False

    # what was not

    def missed(self, at: Instant, took_ns: int, *, silent: bool = True) -> list[Frame]:
        """A cycle or a probe in vain. After two, the unit's points are BAD, and a `silent` unit is dead."""
        self._missed += 1
        if self._missed < MISSED_UNTIL_DEAD:
            return []
        if silent:
            self._probing = self._probing or Probing(self._random)
            self.probe_ns = self._probing.after(at.mono_ns, took_ns)
        return self.lost(at)

    def alive(self, now_ns: int) -> None:
        """A probe was answered, or the link is a new one: poll at once."""
        self.probe_ns = self._probing = None
        self._missed = 0
        self.due_ns = first_due(self.spec.link, self.spec.poll_ns, now_ns)

    def lost(self, at: Instant) -> list[Frame]:
        """Every value is BAD from now on; said once. The next good values are no edges."""
        self.initial = True
        if self._told_bad:
            return []
        self._told_bad = True
        return [
            Frame(feed.layout, [None] * len(feed.picks), at, [int(Quality.BAD_COMM)] * len(feed.picks))
            for feed, _ in self._feeds
        ]

    def report(self) -> UnitReport:
        return self.tally.report(self.probe_ns)


def _picked(feed: Feed, values: list[Value], quality: list[int] | None, at: Instant, kind: FrameKind) -> Frame:
    picked = [values[pick] for pick in feed.picks]
    bad = {} if quality is None else {i: quality[pick] for i, pick in enumerate(feed.picks) if quality[pick]}
    return Frame(feed.layout, picked, at, run_steps(feed.steps, picked, bad), kind=kind)
