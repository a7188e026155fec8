"""What lives in the engine beside the alarms and has a memory of its own: kept and brought back like an instance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

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
        """Look at (and change) what is about to be committed: `judgement` is the recorder's, still in the making."""

    def changed(self) -> bool:
        """Its state differs from what was taken last and must be stored with this judgement."""

    def snapshot(self) -> Any:
        """The whole state, JSON-able; `changed` is False after it."""

    def restore(self, state: Any) -> None:
        """Take over a snapshot."""

    def restarted(self, now: Instant, outage_ns: int) -> None:
        """The log is judged; from here on it is live."""


@runtime_checkable
class InPieces(Resident, Protocol):
    """A resident whose state is too large to be stored whole with each change. `snapshot` is all pieces by name."""

    def pieces(self) -> Mapping[str, Any]:
        """Those that have changed since they were taken last, None for one that is gone; `changed` is False after it.

        `restore` takes them over one by one, on top of a whole snapshot.
        """


def take(resident: Resident, moment: Moment) -> InstanceSnapshot:
    """Its whole state."""
    return _stored(resident.name, resident.snapshot(), moment)


def take_changed(resident: Resident, moment: Moment) -> list[InstanceSnapshot]:
    """What of it must be stored with this judgement."""
    if not isinstance(resident, InPieces):
        return [take(resident, moment)]
    return [_stored(f"{resident.name}/{name}", state, moment) for name, state in resident.pieces().items()]


def _stored(name: str, state: Any, moment: Moment) -> InstanceSnapshot:
    position, at_ns = moment
    return InstanceSnapshot(RULE, name, position, {"at_ns": at_ns, "state": state})


def put_back(residents: Iterable[Resident], stored: Iterable[InstanceSnapshot]) -> None:
    """Each goes on from its newest snapshot, and the pieces that are as new."""
    by_name = {resident.name: resident for resident in residents}
    newest: dict[str, InstanceSnapshot] = {}
    for one in stored:
        known = newest.get(one.source)
        if known is None or _moment(one) >= _moment(known):
            newest[one.source] = one
    for name, one in newest.items():
        if name in by_name:
            by_name[name].restore(one.state["state"])
    for name, one in newest.items():
        whose, _, piece = name.partition("/")
        whole = newest.get(whose)
        if piece and whose in by_name and (whole is None or _moment(one) >= _moment(whole)):
            by_name[whose].restore({piece: one.state["state"]})


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
