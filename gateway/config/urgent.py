"""Which points of a unit rules read: they come first when a bus is short of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from alerts.bind import Bound
from drivers.assign import ChannelSpec, LinkAssignment, Pace, UnitSpec

Urgent = Mapping[str, frozenset[str]]
"""Unit → its points that rules and their companions read, directly or through channels."""


def urgent_points(units: Iterable[UnitSpec], channels: Iterable[ChannelSpec], bound: Bound) -> Urgent:
    """For every unit; most have some, a meter for the bills has none."""
    source = {(channel.device, channel.key): (channel.unit, channel.point) for channel in channels}
    read: defaultdict[str, set[str]] = defaultdict(set)
    for instance in bound.instances:
        for slot in instance.condition.slots:
            device, key = bound.columns.keys[slot]
            unit, point = source.get((device, key), (device, key))
            read[unit].add(point)
    return {unit.name: frozenset(read.get(unit.name, ())) & unit.profile.readings.keys() for unit in units}


def with_urgent(assignments: Mapping[str, LinkAssignment], urgent: Urgent) -> dict[str, LinkAssignment]:
    """What `assign` would have made, had it known them: to ask it again would cost as much as the first time."""
    specs: dict[str, UnitSpec] = {}
    made = {}
    for link, assignment in assignments.items():
        units = []
        for unit in assignment.units:
            wanted = urgent[unit.spec.name]
            if (spec := specs.get(unit.spec.name)) is None:
                spec = specs[unit.spec.name] = replace(unit.spec, urgent=wanted)
            paces = tuple(replace(pace, urgent=not wanted.isdisjoint(_fed(pace))) for pace in unit.paces)
            units.append(replace(unit, spec=spec, paces=paces))
        made[link] = replace(assignment, units=tuple(units))
    return made


def _fed(pace: Pace) -> set[str]:
    """The points whose samples come from this pace, without those that they only need."""
    return {pace.keys[pick] for feed in pace.feeds for pick in feed.picks}
