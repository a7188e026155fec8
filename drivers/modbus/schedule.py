"""Which unit of a link goes next, in building time. Pure.

What rules read goes before trends, and within both the unit that has had the least of the wire: when a bus is short of
time a slow unit waits for the quick ones, not the other way round. Nobody waits for ever: a cycle that has been passed
over for long goes first, but such cycles, and probes of dead units, together have only a share of the wire.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from drivers.modbus.cycle import Cycle
from drivers.modbus.pace import PROBE_REST
from drivers.modbus.unit import Unit
from gateway.model import SECOND

# after this on the wire a unit lets others go first, between two of its questions
SLICE = SECOND // 5
# passed over for so many of its periods, or for so long
AGED_PERIODS = 3
AGED = 60 * SECOND
AGED_PROBE = 20 * SECOND
# one part of the wire in (1 + 4) for all that have been passed over
AGED_REST = 4

FAR = 1 << 63


class Turn(NamedTuple):
    """`cycle` is None for the probe of a dead unit. `aged`: it goes first because it has waited for long."""

    unit: Unit
    cycle: Cycle | None
    aged: bool = False


class Schedule:
    """The units of one link, and what each has had."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self._units = units
        self._level_ns = 0
        self._aged_ns = 0
        self._probes_ns = 0
        self.wake_ns = 0

    @property
    def all_dead(self) -> bool:
        return all(unit.dead for unit in self._units)

    def next(self, now_ns: int) -> Turn | None:
        """Whose turn it is; None when nobody is due, and `wake_ns` then says when somebody will be."""
        found: Turn | None = None
        best = (0, 0, 0)
        wake_ns = FAR
        for unit in self._units:
            spent_ns = max(unit.spent_ns, self._level_ns)
            for cycle in unit.turns if unit.probe_ns is None else (None,):
                since_ns = cycle.wake_ns if cycle is not None else self._probe_ns(unit)
                at_ns = max(since_ns, unit.ready_ns)
                if at_ns > now_ns:
                    wake_ns = min(wake_ns, at_ns)
                    continue
                urgent = cycle is not None and cycle.urgent
                aged = not urgent and now_ns - since_ns >= _patience(cycle)
                rank = (0, since_ns, 0) if aged and now_ns >= self._aged_ns else (1 if urgent else 2, spent_ns, at_ns)
                if found is None or rank < best:
                    found, best = Turn(unit, cycle, aged), rank
        self.wake_ns = wake_ns
        if found is not None:
            if best[0]:
                self._level_ns = best[1]
            found.unit.spent_ns = max(found.unit.spent_ns, self._level_ns)
        return found

    def _probe_ns(self, unit: Unit) -> int:
        """When a dead unit is probed: where others live, all probes together have a share of the wire."""
        probe_ns = unit.probe_ns or 0
        return probe_ns if probe_ns >= self._probes_ns or self.all_dead else self._probes_ns

    def took(self, turn: Turn, began_ns: int, ended_ns: int) -> None:
        """The turn, or a part of it, is over."""
        took_ns = ended_ns - began_ns
        turn.unit.spent_ns += took_ns
        if turn.aged:
            self._aged_ns = ended_ns + AGED_REST * took_ns
        if turn.cycle is None and turn.unit.dead:
            self._probes_ns = ended_ns + PROBE_REST * took_ns


def _patience(cycle: Cycle | None) -> int:
    return AGED_PROBE if cycle is None else min(AGED_PERIODS * cycle.period_ns, AGED)
