"""Who feeds whom: the units of every link, and what each device that a unit feeds takes from it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from drivers.conversion import ConversionError, converted, point_of
from drivers.meaning import Step, compile_steps
from drivers.profile import ChannelOptions, Profile
from gateway.model import Layout, Point


@dataclass(frozen=True)
class UnitSpec:
    """A device or a module on a link. `own_device`: the profile's points are the device's, too."""

    name: str
    link: str
    unit: int
    profile: Profile
    poll_ns: int
    own_device: bool


@dataclass(frozen=True)
class ChannelSpec:
    """A device's point that comes from `point` of the unit named `unit`."""

    device: str
    key: str
    unit: str
    point: str
    options: ChannelOptions


@dataclass(frozen=True)
class Feed:
    """What one device takes from one unit: `picks` are columns of the unit's points, `steps` then give their meaning.

    `steps` work on the picked columns; without `channels` the picks are the unit's own points, in order.
    """

    layout: Layout
    picks: tuple[int, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class UnitAssignment:
    """Everything needed to poll one unit. `keys` are the points to read: a module's idle channels stay unread."""

    spec: UnitSpec
    keys: tuple[str, ...]
    feeds: tuple[Feed, ...]

    @property
    def devices(self) -> tuple[str, ...]:
        return tuple(feed.layout.device for feed in self.feeds)


@dataclass(frozen=True)
class LinkAssignment:
    link: str
    units: tuple[UnitAssignment, ...]

    @property
    def layouts(self) -> tuple[Layout, ...]:
        return tuple(feed.layout for unit in self.units for feed in unit.feeds)


class AssignmentError(ValueError):
    """Units and channels that do not fit together."""


def assign(units: Sequence[UnitSpec], channels: Sequence[ChannelSpec]) -> dict[str, LinkAssignment]:
    """Per link everything its driver needs, layouts included; AssignmentError with a sentence when it cannot be."""
    _check_units(units)
    known = {unit.name: unit for unit in units}
    taken: dict[str, list[ChannelSpec]] = defaultdict(list)
    for channel in channels:
        if channel.unit not in known:
            raise AssignmentError(f"{channel.device}.{channel.key}: there is no module or device {channel.unit!r}")
        taken[channel.unit].append(channel)
    by_link: dict[str, list[UnitAssignment]] = defaultdict(list)
    for unit in units:
        by_link[unit.link].append(_unit(unit, taken[unit.name]))
    result = {link: LinkAssignment(link, tuple(members)) for link, members in by_link.items()}
    _check_twice(layout for assignment in result.values() for layout in assignment.layouts)
    return result


def _unit(unit: UnitSpec, channels: Sequence[ChannelSpec]) -> UnitAssignment:
    keys = _keys(unit, channels)
    column = {key: index for index, key in enumerate(keys)}
    by_device: dict[str, list[ChannelSpec]] = defaultdict(list)
    if unit.own_device:
        by_device[unit.name] = []
    for channel in channels:
        by_device[channel.device].append(channel)
    return UnitAssignment(
        unit,
        keys,
        tuple(_feed(device, unit, wanted, column) for device, wanted in by_device.items()),
    )


def _keys(unit: UnitSpec, channels: Sequence[ChannelSpec]) -> tuple[str, ...]:
    readings = unit.profile.readings
    wanted = {channel.point for channel in channels}
    if unknown := wanted - readings.keys():
        raise AssignmentError(f"{unit.name} ({unit.profile.profile}) has no point {min(unknown)!r}")
    if unit.own_device or not wanted:
        return tuple(readings)
    # a value that another one judges cannot be had without its judge
    for key in [*wanted]:
        while (condition := readings[key].meaning.valid_when) and condition[0] not in wanted:
            key = condition[0]  # noqa: PLW2901 - follows the chain
            wanted.add(key)
    return tuple(key for key in readings if key in wanted)


def _feed(device: str, unit: UnitSpec, channels: Sequence[ChannelSpec], column: dict[str, int]) -> Feed:
    points: list[Point] = []
    picks: list[int] = []
    readings = unit.profile.readings
    if unit.own_device and device == unit.name:
        points += [reading.point for reading in readings.values()]
        picks += [column[key] for key in readings]
    own = len(points)
    meanings = []
    for channel in channels:
        source = readings[channel.point].point
        try:
            made = converted(channel.options, source.type, source.unit)
            points.append(point_of(channel.key, made, source.codes))
        except ConversionError as error:
            raise AssignmentError(f"{device}.{channel.key}: {error.key}: {error}") from None
        except ValueError as error:
            raise AssignmentError(f"{device}.{channel.key}: {error}") from None
        picks.append(column[channel.point])
        meanings.append(made.meaning())
    return Feed(Layout(device, tuple(points)), tuple(picks), compile_steps(meanings, {}, first=own))


def _check_units(units: Sequence[UnitSpec]) -> None:
    names: set[str] = set()
    addresses: dict[tuple[str, int], str] = {}
    for unit in units:
        # 0 is broadcast; 248–255 are reserved on serial lines (V1.02 §2.2), but single TCP devices answer to them
        if not 1 <= unit.unit <= 255:
            raise AssignmentError(f"{unit.name}: a unit lies within 1 … 255, got {unit.unit}")
        if unit.name in names:
            raise AssignmentError(f"{unit.name}: there are two modules or devices of this name")
        names.add(unit.name)
        other = addresses.setdefault((unit.link, unit.unit), unit.name)
        if other != unit.name:
            raise AssignmentError(f"{unit.name}: {other} already is unit {unit.unit} of link {unit.link}")


def _check_twice(layouts: Iterable[Layout]) -> None:
    seen: set[tuple[str, str]] = set()
    for layout in layouts:
        for point in layout.points:
            if (layout.device, point.key) in seen:
                raise AssignmentError(f"{layout.device} would have the point {point.key!r} twice")
            seen.add((layout.device, point.key))
