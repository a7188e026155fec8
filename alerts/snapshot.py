"""The engine's state as JSON and back: alarms through pydantic's reading of the dataclasses, columns by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from alerts.alarm import Alarm
from alerts.condition.columns import Columns
from alerts.live import NOTHING, Key, Live, Moment
from alerts.pulse import Past
from gateway.model import InstanceSnapshot, Occurrence

_ALARM = TypeAdapter(Alarm)
_PAST = TypeAdapter(Past)


def take(live: Live, moment: Moment, epoch: int) -> InstanceSnapshot:
    """The whole state of one instance, judged up to `moment` (or, while the log is judged, farther already)."""
    return InstanceSnapshot(*live.key, *_taken(live, moment, epoch))


def take_with_inputs(live: Live, moment: Moment, columns: Columns) -> InstanceSnapshot:
    """The same with the samples it was judged by.

    The log may lack them: a frame with consequences is logged after their commit, others overtake it meanwhile, and a
    crash in between would leave this state beside older samples, whose answer is another one.
    """
    position, state = _taken(live, moment, columns.epoch)
    state["inputs"] = [_point(columns, slot) for slot in sorted(live.slots) if columns.quality[slot] >= 0]
    return InstanceSnapshot(*live.key, position, state)


def _taken(live: Live, moment: Moment, epoch: int) -> tuple[int, dict[str, Any]]:
    position, at_ns = moment if live.seen is None else max(moment, live.seen)
    state = {
        "hash": live.instance.condition_hash,
        "measures": live.instance.measures,
        "at_ns": at_ns,
        "epoch": epoch,
        "alarm": _alarm_of_live(live),
        "condition": live.condition.snapshot(),
        "due_ns": live.condition_due_ns,
    }
    if (hush := hush_out(live)) is not None:
        state["hush"] = hush
    if live.past != NOTHING:
        state["past"] = _PAST.dump_python(live.past, mode="json")
    return position, state


def leftover(key: Key, alarm: Alarm, moment: Moment) -> InstanceSnapshot:
    """What is stored of an instance that is no more."""
    position, at_ns = moment
    state = {"hash": "", "at_ns": at_ns, "epoch": 0, "alarm": _alarm_out(alarm), "condition": None, "due_ns": None}
    return InstanceSnapshot(*key, position, state)


def _alarm_of_live(live: Live) -> Any:
    """Written once for as long as it is the same: each checkpoint asks for all of them, and few have changed."""
    if live.written is None or live.written[0] is not live.alarm:
        live.written = live.alarm, _alarm_out(live.alarm)
    return live.written[1]


def _alarm_out(alarm: Alarm) -> Any:
    return _ALARM.dump_python(alarm, mode="json", exclude_defaults=True)


def put_back(live: Live, snapshot: InstanceSnapshot) -> None:
    """Go on where the snapshot was taken. A condition that has changed since starts afresh and marks it edited.

    So does one whose points are measured otherwise by now: a window with values of two units shows a rise that never
    was.
    """
    live.alarm = alarm_of(snapshot)
    if (past := snapshot.state.get("past")) is not None:
        live.past = _PAST.validate_python(past)
    other = measured_otherwise(live, snapshot)
    hush = snapshot.state.get("hush")
    hush_in(live, {**hush, "hash": ""} if other and hush else hush)
    live.edited = other or snapshot.state["hash"] != live.instance.condition_hash
    if live.edited:
        return
    try:
        live.condition.restore(snapshot.state["condition"])
        # not asked of the condition: it need not know before it has judged again
        live.condition_due_ns = snapshot.state["due_ns"]
    except (ValueError, TypeError, KeyError, IndexError):
        # another version's memory of a condition: as good as a changed one
        live.edited = True


def measured_otherwise(live: Live, snapshot: InstanceSnapshot) -> bool:
    """The numbers of then cannot be compared with those of now. (An earlier version did not say what they were.)"""
    here = live.instance.measures
    return bool(snapshot.state.get("measures", here) != here)


def hush_out(live: Live) -> Any:
    """What it remembers of its rule's `suppress_when`; None where there is none, or it is another's."""
    hush = live.hush
    if hush is None or live.guards:
        return None
    asked = hush.condition.snapshot()
    state = {"hash": live.instance.hush_hash, "on": hush.on, "due_ns": hush.due_ns, "condition": asked}
    return state if hush.unknown_ns is None else {**state, "unknown_ns": hush.unknown_ns}


def hush_in(live: Live, state: Mapping[str, Any] | None) -> None:
    """Go on suppressing, until its condition says otherwise. One that has changed is asked afresh."""
    hush = live.hush
    if hush is None or live.guards or state is None:
        return
    hush.on, hush.unknown_ns = state["on"], state.get("unknown_ns")
    if state["hash"] != live.instance.hush_hash:
        return
    try:
        hush.condition.restore(state["condition"])
        hush.due_ns = state["due_ns"]
    except (ValueError, TypeError, KeyError, IndexError):
        return  # another version's memory of a condition: as good as a changed one


def alarm_of(snapshot: InstanceSnapshot) -> Alarm:
    """The alarm in a snapshot; ValueError when it is not one."""
    try:
        return _ALARM.validate_python(snapshot.state["alarm"])
    except ValidationError as error:
        raise ValueError(f"the stored state of {snapshot.rule} on {snapshot.source} cannot be read: {error}") from error


def newest(snapshots: Iterable[InstanceSnapshot]) -> dict[Key, InstanceSnapshot]:
    """Of each instance the snapshot that has seen most: by log position, then by time."""
    best: dict[Key, InstanceSnapshot] = {}
    for snapshot in snapshots:
        known = best.get((snapshot.rule, snapshot.source))
        if known is None or moment_of(snapshot) >= moment_of(known):
            best[snapshot.rule, snapshot.source] = snapshot
    return best


def moment_of(snapshot: InstanceSnapshot) -> Moment:
    """How far it has judged."""
    return snapshot.position, snapshot.state["at_ns"]


def orphan(occurrence: Occurrence) -> Alarm:
    """An alarm of which only the open occurrence is known."""
    return Alarm(
        state=occurrence.state,
        condition=None,
        severity=occurrence.severity,
        value=occurrence.value,
        peak=occurrence.peak,
        limit=occurrence.limit,
        unit=occurrence.unit,
        told=occurrence.announced and occurrence.returned_ns is None,
        life=occurrence,
    )


def columns_out(columns: Columns) -> dict[str, Any]:
    """Every slot by device and point: value, quality, mono and source time."""
    points = [_point(columns, slot) for slot in range(len(columns.keys)) if columns.quality[slot] >= 0]
    return {"epoch": columns.epoch, "points": points}


def _point(columns: Columns, slot: int) -> list[Any]:
    value, quality = columns.values[slot], columns.quality[slot]
    return [*columns.keys[slot], value, quality, columns.at_ns[slot], columns.source_ns[slot]]


def columns_in(columns: Columns, state: Mapping[str, Any]) -> None:
    """Put the samples back into the slots that still exist."""
    columns.epoch = state.get("epoch", 0)
    points_in(columns, state.get("points", ()))


def points_in(columns: Columns, points: Iterable[Sequence[Any]]) -> None:
    """Put these samples into the slots that still exist, where they are newer than what is there."""
    for device, key, value, quality, at_ns, source_ns in points:
        slot = columns.slots.get((device, key))
        if slot is not None and at_ns > columns.at_ns[slot]:
            columns.put(slot, value, quality, at_ns, source_ns)
