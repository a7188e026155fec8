"""What conditions read, and what they are: the table of current values and the condition's protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from gateway.model import Severity, Truth, Value

NEVER = -1
"""The quality of a slot that has no sample since start: every read of it is UNKNOWN."""
BAD = 0x80
"""The first BAD quality; 0 … 0x7F (GOOD and UNCERTAIN) can be judged."""


class Reading(NamedTuple):
    """What to show beside an alarm: the measured value and the limit it is compared with, in one unit."""

    value: Value = None
    limit: Value = None
    unit: str | None = None


@dataclass(slots=True)
class Columns:
    """The newest sample of every point that a rule reads, one slot each; one table per engine.

    `slots` maps (device, point key) to the slot, `keys` back. `at_ns` is the building time (mono) of the slot's newest
    sample and tells a condition whether it has seen that sample before. `alarm_active` is kept by the engine: True
    while that alarm (rule, source) is active, False while it is not, None (or no entry) while it is not known.
    `alarm_hushed` are the active ones that their own rule's `suppress_when` keeps silent.
    `epoch` counts how often the past was forgotten: windows do not reach over it; `outage_ns` is how long the gateway
    was off before the newest one. `late_ns` holds when (mono) a slot was last heard with a sample that came too late to
    be current. `label_ns` added to building time is its UTC label; only conditions on the calendar read it, and they
    are asked again when it steps.
    """

    slots: dict[tuple[str, str], int] = field(default_factory=dict)
    keys: list[tuple[str, str]] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    quality: list[int] = field(default_factory=list)
    at_ns: list[int] = field(default_factory=list)
    source_ns: list[int | None] = field(default_factory=list)
    alarm_active: dict[tuple[str, str], Truth] = field(default_factory=dict)
    alarm_hushed: set[tuple[str, str]] = field(default_factory=set)
    epoch: int = 0
    outage_ns: int = 0
    late_ns: dict[int, int] = field(default_factory=dict)
    label_ns: int = 0

    def slot(self, device: str, key: str) -> int:
        """The slot of a point, made at the first asking."""
        slot = self.slots.setdefault((device, key), len(self.values))
        if slot == len(self.values):
            self.keys.append((device, key))
            self.values.append(None)
            self.quality.append(NEVER)
            self.at_ns.append(NEVER)
            self.source_ns.append(None)
        return slot

    def put(self, slot: int, value: Value, quality: int, at_ns: int, source_ns: int | None = None) -> None:
        """A new sample."""
        self.values[slot] = value
        self.quality[slot] = quality
        self.at_ns[slot] = at_ns
        self.source_ns[slot] = source_ns

    def known(self, slot: int) -> bool:
        """The slot holds a sample that can be judged."""
        return 0 <= self.quality[slot] < BAD

    def forget(self, outage_ns: int = 0) -> None:
        """After a restart: every input is UNKNOWN until its fresh sample, and windows begin again.

        `outage_ns` is how long the gateway was off. Building time leaves that out, so a window across it would
        see a whole night's change in one second.
        """
        self.quality[:] = [NEVER] * len(self.quality)
        self.late_ns.clear()
        self.outage_ns = outage_ns
        self.epoch += 1


class Condition(Protocol):
    """A rule's question on one source: TRUE, FALSE or UNKNOWN. Time is an argument; nothing else is read.

    `judge` and `tick` may be called again with the same columns and time without changing the answer or the state:
    a sample is recognised by its `at_ns` and counts once.
    """

    @property
    def slots(self) -> frozenset[int]:
        """The points it reads."""

    @property
    def alarms(self) -> frozenset[tuple[str, str]]:
        """The other alarms (rule, source) it reads."""

    @property
    def on_label(self) -> bool:
        """It reads the UTC label: asked again whenever that has stepped."""

    @property
    def severity(self) -> Severity | None:
        """The highest tripped level's severity, held while UNKNOWN; None when the rule's own severity holds."""

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        """The answer after a new sample in one of `slots` or a change of one of `alarms`."""

    def tick(self, columns: Columns, now_ns: int) -> Truth:
        """The answer after time has passed."""

    def alone(self, columns: Columns) -> Truth:
        """The answer to these samples alone, without memory and without a trace; UNKNOWN where it needs more."""

    def next_due(self) -> int | None:
        """The mono time at which `tick` may answer differently without a new sample."""

    def snapshot(self) -> Any:
        """The whole state, JSON-able."""

    def restore(self, state: Any) -> None:
        """Take over a snapshot of a condition with the same `condition_hash`."""

    def reading(self, columns: Columns) -> Reading:
        """The measured value and its limit."""
