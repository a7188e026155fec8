"""Which points of a unit rules read: they come first when a bus is short of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from alerts.bind import Bound
from drivers.assign import ChannelSpec, UnitSpec


def with_urgent(units: Iterable[UnitSpec], channels: Iterable[ChannelSpec], bound: Bound) -> dict[str, UnitSpec]:
    """The units by name, each with the points that rules and their companions read, directly or through channels."""
    source = {(channel.device, channel.key): (channel.unit, channel.point) for channel in channels}
    read: defaultdict[str, set[str]] = defaultdict(set)
    for instance in bound.instances:
        for slot in instance.condition.slots:
            device, key = bound.columns.keys[slot]
            unit, point = source.get((device, key), (device, key))
            read[unit].add(point)
    return {unit.name: replace(unit, urgent=_own(unit, read)) for unit in units}


def _own(unit: UnitSpec, read: Mapping[str, set[str]]) -> frozenset[str]:
    return frozenset(read.get(unit.name, ())) & unit.profile.readings.keys()
