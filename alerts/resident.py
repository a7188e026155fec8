"""What lives in the engine beside the alarms and has a memory of its own: kept and brought back like an instance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from alerts.live import Moment
from gateway.model import InstanceSnapshot, Instant, Judgement

RULE = "*"
"""Under this rule its state is stored; no rule can be called so."""


class Resident(Protocol):
    """Pure; time is an argument. What it does goes through the recorder, so it is committed with its own new state."""

    @property
    def name(self) -> str: ...

    def next_due(self) -> int | None:
        """The mono time at which `fire` has something to do."""

    def fire(self, at: Instant) -> None:
        """Do what is due at `at`; called at that very moment of building time, in order with everything else."""

    def pass_on(self, judgement: Judgement, at: Instant) -> None:
        """Look at (and change) what is about to be committed."""

    def changed(self) -> bool:
        """Its state differs from what was taken last and must be stored with this judgement."""

    def snapshot(self) -> Any:
        """The whole state, JSON-able; `changed` is False after it."""

    def restore(self, state: Any) -> None:
        """Take over a snapshot."""

    def restarted(self, now: Instant, outage_ns: int) -> None:
        """The log is judged; from here on it is live."""


def take(resident: Resident, moment: Moment) -> InstanceSnapshot:
    position, at_ns = moment
    return InstanceSnapshot(RULE, resident.name, position, {"at_ns": at_ns, "state": resident.snapshot()})


def put_back(residents: Iterable[Resident], stored: Iterable[InstanceSnapshot]) -> None:
    """Each goes on from its newest snapshot."""
    by_name = {resident.name: resident for resident in residents}
    newest: dict[str, InstanceSnapshot] = {}
    for one in stored:
        known = newest.get(one.source)
        if known is None or _moment(one) >= _moment(known):
            newest[one.source] = one
    for name, one in newest.items():
        if name in by_name:
            by_name[name].restore(one.state["state"])


def split(snapshots: Iterable[InstanceSnapshot]) -> tuple[list[InstanceSnapshot], list[InstanceSnapshot]]:
    """(alarms', residents')."""
    alarms: list[InstanceSnapshot] = []
    residents: list[InstanceSnapshot] = []
    for one in snapshots:
        (residents if one.rule == RULE else alarms).append(one)
    return alarms, residents


def earliest(residents: Sequence[Resident]) -> int | None:
    """When the first of them has something to do."""
    return min((due for resident in residents if (due := resident.next_due()) is not None), default=None)


def _moment(one: InstanceSnapshot) -> Moment:
    return one.position, one.state["at_ns"]
