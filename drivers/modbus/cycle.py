"""One pace of one unit: when it is due, what it asks, how far its present cycle has come, what its answers mean. Pure.

A cycle may be interrupted between two questions: its unit wants a pause, or has had its share of a slow bus.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from drivers.assign import Feed, Pace
from drivers.meaning import run_steps
from drivers.modbus.blocks import blocks_of
from drivers.modbus.cell import Cell
from drivers.modbus.codec import Decoder, answer_bytes
from drivers.modbus.frame import Question
from drivers.modbus.pace import first_due, next_due
from drivers.modbus.plan import Block, Rules, halves
from drivers.modbus.refusals import Asked
from drivers.modbus.warm_up import WarmUp
from drivers.profile import ModbusProfile
from gateway.model import SECOND, Frame, FrameKind, Instant, Quality, Value

# looking for the one register that a device refuses must not take the link from its other units
CUTS_PER_CYCLE = 16
# a cycle that was missed is tried again after this, or in its own period where that is shorter
SOON = 5 * SECOND
# an optional register may be answered with silence; this often, and it counts as refused
SILENCES = 2
# a connection may end at any question; so often at the same one, and it is because of that
HANG_UPS = 2


@dataclass(frozen=True, slots=True)
class Due:
    """What has fallen due: cycles in all, and those of them that nobody asks any more."""

    cycles: int
    skipped: int


class Cycle:
    """State of one pace between its cycles and within one."""

    def __init__(self, pace: Pace, link: str, number: int, profile: ModbusProfile, now_ns: int) -> None:
        self.period_ns = pace.period_ns
        self.urgent = pace.urgent
        self._keys = pace.keys
        self._feeds = [(feed, not feed.steps and feed.picks == tuple(range(len(pace.keys)))) for feed in pace.feeds]
        self._link = link
        self._number = number
        self.due_ns = first_due(link, pace.period_ns, now_ns)
        self.since_ns = self.due_ns
        self.initial = True
        self.missed = 0
        self.told: Quality | None = None
        self.answers: list[bytes | int] = []
        self.running = False
        self.spoken = False
        self.cold = False
        self.busy_again = False
        self.repeats = 0
        self._again = self._early = self._quiet = False
        self.use(profile)

    def use(self, profile: ModbusProfile) -> None:
        """Read by this profile from now on."""
        readings = {key: profile.readings[key] for key in self._keys}
        limits = profile.modbus.limits
        self._limits = limits
        self._timeout_ns = limits.timeout
        self._blocks = blocks_of(profile, self._keys)
        self._decoder = Decoder(readings, self._blocks)
        self._warm_up = WarmUp(list(readings.values()))
        self._cells = [reading.cell for reading in readings.values()]
        fitted = {cell for cell, reading in zip(self._cells, readings.values(), strict=True) if not reading.optional}
        self._optional = {cell for cell in self._cells if cell is not None and cell not in fitted}
        self._fitted: set[Cell] = set()
        self.asked = [self._ask(block) for block in self._blocks]
        self._cut = False
        self._cuts = 0

    # when

    @property
    def wake_ns(self) -> int:
        """When it wants the link: at once while it is under way."""
        return self.since_ns if self.running else self.due_ns

    def begin(self, now_ns: int) -> Due:
        """A due cycle begins."""
        self.since_ns = self.due_ns
        if self._early:
            self.due_ns = first_due(self._link, self.period_ns, now_ns)
        self._early = False
        self.due_ns, skipped = next_due(self.due_ns, self.period_ns, now_ns)
        self.abandon()
        self.running = True
        return Due(1 + skipped, skipped)

    def skip(self, now_ns: int) -> Due:
        """All cycles due by now go by unasked, and one under way is given up."""
        self.abandon()
        gone = 0 if now_ns < self.due_ns else 1 + (now_ns - self.due_ns) // self.period_ns
        self.due_ns += gone * self.period_ns
        return Due(gone, gone)

    def soon(self, now_ns: int) -> None:
        """It was missed once: that is not left for a long period."""
        if self.due_ns > now_ns + SOON:
            self.due_ns, self._early = now_ns + SOON, True

    def broken_off(self) -> None:
        """Its connection has ended: begun again as soon as there is a new one."""
        self._again = True

    def catch_up(self, now_ns: int) -> Due:
        """Of the cycles that have gone by only the newest is asked, and the one that was broken off."""
        if self._again:
            self._again = False
            self.at_once(now_ns)
            return Due(0, 0)
        gone = max(0, (now_ns - self.due_ns) // self.period_ns)
        self.due_ns += gone * self.period_ns
        return Due(gone, gone)

    def at_once(self, now_ns: int) -> None:
        self.abandon()
        self.due_ns = first_due(self._link, self.period_ns, now_ns)

    def abandon(self) -> None:
        self.running = self.spoken = self.busy_again = self._quiet = False
        self.repeats = 0
        self.answers = []
        self._cuts = 0

    def connected(self) -> None:
        """A new connection: what comes first is no edge."""
        self.abandon()
        self.initial = True
        self._warm_up.begin()

    # what to ask

    def probe(self, number: int) -> Question | None:
        """One cheap value that the device is not known to refuse; None when nothing is asked of it at all.

        By `number` it is another one: the device may hang up at the first.
        """
        if not self.asked:
            return None
        found = [one for one in self.asked if one.refusal is None and not one.optional] or self.asked[:1]
        cells = found[number % len(found)].block.cells
        cell = cells[-1 if number // len(found) % 2 else 0]
        return self._ask(Rules(self._limits).block([cell])).question

    def next(self, now_ns: int) -> Asked | None:
        """The next question of the cycle under way, None when it has all its answers."""
        while len(self.answers) < len(self.asked):
            asked = self.asked[len(self.answers)]
            if asked.left_out(now_ns):
                self.answers.append(asked.verdict)
            elif self._quiet and asked.optional and asked.silences:
                self.answers.append(Quality.BAD_COMM)  # one silence a cycle: the others wait for the next
            else:
                return asked
        return None

    def _ask(self, block: Block) -> Asked:
        question = Question(
            self._number, block.table.function, block.address, block.count, answer_bytes(block), self._timeout_ns
        )
        fitted = not self._fitted.isdisjoint(block.cells)
        return Asked(block, question, optional=self._optional.issuperset(block.cells), fitted=fitted)

    # what was answered

    def answered(self, asked: Asked, payload: bytes) -> None:
        self.answers.append(payload)
        self.spoken = True
        asked.silences = asked.hang_ups = self.repeats = 0
        if asked.optional and not asked.fitted:
            asked.fitted = True
            self._fitted.update(asked.block.cells)

    def failed(self) -> None:
        """The device has answered that it cannot."""
        self.answers.append(Quality.BAD_COMM)
        self.spoken = True
        self.repeats = 0

    def refused(self, asked: Asked, why: str, now: Instant, *, cut: bool = True, hung_up: bool = False) -> None:
        """The device has no such registers: the block is cut in two, or left out from now on."""
        self.spoken = self.spoken or not hung_up
        self.repeats = 0
        parts = halves(asked.block, self._limits) if cut and not asked.standing else None
        if parts is None:
            asked.refused(why, now, hung_up=hung_up)
            self.answers.append(asked.verdict)
        elif self._cuts < CUTS_PER_CYCLE or hung_up:
            self._cuts += 1
            self._replace(asked, parts, hang_ups=HANG_UPS - 1 if hung_up else 0)
        else:
            # which of them it refuses is not known yet
            self.answers.append(Quality.BAD_COMM if asked.optional else asked.verdict)

    def unanswered(self, asked: Asked, now: Instant, *, silent: bool) -> bool:
        """No answer: True when the cycle goes on, because nobody expects the device to have these registers.

        `silent`: nothing came at all, which may be its way to say that it has not.
        """
        if not asked.optional or not self.heard:
            return False
        self.repeats = 0
        asked.silences += silent
        self._quiet = self._quiet or silent
        if asked.silences < SILENCES:
            self.answers.append(Quality.BAD_COMM)
        elif (parts := halves(asked.block, self._limits)) is not None and not asked.standing:
            self._replace(asked, parts, silences=1)
        else:
            self.refused(asked, "no answer", now, cut=False)
        return True

    def _replace(self, asked: Asked, parts: Iterable[Block], *, silences: int = 0, hang_ups: int = 0) -> None:
        at = next(i for i, one in enumerate(self.asked) if one is asked)
        self.asked[at : at + 1] = [self._ask(part) for part in parts]
        for one in self.asked[at : at + 2]:
            one.silences, one.hang_ups = silences, hang_ups
        self._cut = True
        self._decoder.replan([one.block for one in self.asked])

    def hung_up(self, asked: Asked, why: str, now: Instant) -> bool:
        """The device has closed the connection instead of an answer: True when that is because of these registers.

        Then the cycle is begun again without them as soon as there is a new connection.
        """
        asked.hang_ups += 1
        if not asked.optional and asked.hang_ups < HANG_UPS:
            return False
        self.refused(asked, f"hung up: {why}", now, hung_up=True)
        self.broken_off()
        return True

    @property
    def unfinished(self) -> bool:
        """It still has questions, or verdicts to take over."""
        return len(self.answers) < len(self.asked)

    @property
    def heard(self) -> bool:
        """Something was answered with its value."""
        return any(isinstance(answer, bytes) for answer in self.answers)

    def values(self, at: Instant) -> tuple[list[Value], list[int] | None]:
        """The columns of a cycle that has all its answers."""
        if not self._warm_up:
            return self._decoder.decode(self.answers)
        discarded = self._warm_up.discarded(self._unread(), at.mono_ns)
        self.cold = bool(discarded)
        return self._decoder.decode(self.answers, discarded)

    def finish(self, at: Instant) -> list[Frame]:
        """A cycle that has all its answers: one frame per device. It is over then."""
        values, quality = self.values(at)
        kind = FrameKind.INITIAL if self.initial else FrameKind.LIVE
        self.initial, self.told, self.missed = False, None, 0
        frames = [
            Frame(feed.layout, values, at, quality, kind=kind) if whole else _picked(feed, values, quality, at, kind)
            for feed, whole in self._feeds
        ]
        self._mend()
        self.abandon()
        return frames

    def _unread(self) -> set[int]:
        failed = {
            cell
            for asked, answer in zip(self.asked, self.answers, strict=True)
            if isinstance(answer, int)
            for cell in asked.block.cells
        }
        return {slot for slot, cell in enumerate(self._cells) if cell is None or cell in failed}

    def _mend(self) -> None:
        """What is answered again is no longer refused; when that is all of it, it is asked in as few blocks as ever."""
        mended = False
        for asked, answer in zip(self.asked, self.answers, strict=True):
            if asked.refusal is not None and isinstance(answer, bytes):
                asked.refusal, asked.standing, mended = None, False, True
        if mended and self._cut and all(isinstance(answer, bytes) for answer in self.answers):
            self.asked = [self._ask(block) for block in self._blocks]
            self._cut = False
            self._decoder.replan(self._blocks)

    def lost(self, at: Instant, reason: Quality = Quality.BAD_COMM) -> Iterator[Frame]:
        """Every value is BAD from now on, for this reason; said once. The next good values are no edges."""
        self.initial = True
        if self.told != reason:
            self.told = reason
            for feed, _ in self._feeds:
                yield Frame(feed.layout, [None] * len(feed.picks), at, [int(reason)] * len(feed.picks))


def _picked(feed: Feed, values: Sequence[Value], quality: list[int] | None, at: Instant, kind: FrameKind) -> Frame:
    picked = [values[pick] for pick in feed.picks]
    bad = {} if quality is None else {i: quality[pick] for i, pick in enumerate(feed.picks) if quality[pick]}
    return Frame(feed.layout, picked, at, run_steps(feed.steps, picked, bad), kind=kind)
