"""What a device refuses: cut down to the register that is not there, left out, and asked for again later. Pure.

Again after a minute (it may have been starting), then less and less often, daily in the end.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.modbus.frame import Question
from drivers.modbus.plan import Block
from gateway.model import SECOND, Instant, Quality, Refused

AGAIN_FIRST = 60 * SECOND
AGAIN_LAST = 86_400 * SECOND
GROWTH = 4


@dataclass(slots=True)
class Refusal:
    """Since when a block is left out, and until when. `hung_up`: the device closed the connection instead."""

    why: str
    since: Instant
    hung_up: bool = False
    pause_ns: int = AGAIN_FIRST
    again_ns: int = 0

    def until(self, now_ns: int) -> None:
        """Left out for as long as it has earned by now."""
        self.again_ns = now_ns + self.pause_ns
        self.pause_ns = min(GROWTH * self.pause_ns, AGAIN_LAST)

    def report(self, block: Block) -> Refused:
        """What health hears of it."""
        return Refused(str(block), self.why, self.since.wall_ns, self.again_ns)


@dataclass(slots=True)
class Asked:
    """A block with its question. `optional`: nobody expects the device to have it; `fitted`: but it has answered."""

    block: Block
    question: Question
    optional: bool = False
    fitted: bool = False
    refusal: Refusal | None = None
    standing: bool = False  # asked although it is refused: there is nothing else to ask
    silences: int = 0
    hang_ups: int = 0

    def left_out(self, now_ns: int) -> bool:
        """It is not asked in this cycle."""
        return self.refusal is not None and not self.standing and now_ns < self.refusal.again_ns

    @property
    def verdict(self) -> Quality:
        """What the values of a refused block are. What was there once is not called absent: it is lost."""
        return Quality.BAD_NOT_FITTED if self.optional and not self.fitted else Quality.BAD_CONFIG

    def refused(self, why: str, now: Instant, *, hung_up: bool = False) -> None:
        """The device has said no (again)."""
        if self.refusal is None:
            self.refusal = Refusal(why, now)
        self.refusal.why, self.refusal.hung_up = why, hung_up
        if not self.standing:
            self.refusal.until(now.mono_ns)

    def forgive(self, now_ns: int) -> None:
        """Ask for it again now, as if it had been refused for the first time."""
        self.standing = False
        if self.refusal is not None:
            self.refusal.pause_ns, self.refusal.again_ns = AGAIN_FIRST, now_ns
