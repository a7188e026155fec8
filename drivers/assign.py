"""Who feeds whom: the units of every link, and what each device that a unit feeds takes from it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from drivers.conversion import ConversionError, converted, point_of
from drivers.meaning import Meaning, Step, compile_steps
from drivers.mqtt.topic import filled
from drivers.paces import number_of, split, with_needs
from drivers.profile import ChannelOptions, ModbusProfile, MqttProfile, Profile, Wire
from gateway.model import Layout


@dataclass(frozen=True)
class UnitSpec:
    """A device or a module on a link. `own_device`: the profile's points are the device's, too.

    `unit` is its number on a Modbus link, None on another; `variables` are those of its topics on an MQTT link.
    `poll_ns` is the period, or the interval within which it is expected to speak; 0 when nothing is expected.
    `units` are the numbers of its further units (by their name in the profile) where they are not the profile's own;
    `every` the periods of points that the site reads less often; `urgent` the points that rules read.
    """

    name: str
    link: str
    unit: int | None
    profile: Profile
    poll_ns: int
    own_device: bool
    variables: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, int] = field(default_factory=dict)
    every: Mapping[str, int] = field(default_factory=dict)
    urgent: frozenset[str] = frozenset()


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

    `steps` work on the picked columns; without `channels` the picks are the unit's own points, in order. `meanings`
    are what the steps were made of, one for each pick: a message may carry only some of them.
    """

    layout: Layout
    picks: tuple[int, ...]
    steps: tuple[Step, ...]
    meanings: tuple[Meaning, ...]


@dataclass(frozen=True)
class Pace:
    """Points of one unit that are read together, in one period. `urgent`: a rule reads one of them.

    `keys` are in the profile's order, and hold what the points need, too; the feeds take each point from one pace.
    """

    period_ns: int
    keys: tuple[str, ...]
    feeds: tuple[Feed, ...]
    urgent: bool = True


@dataclass(frozen=True)
class UnitAssignment:
    """Everything needed to read one unit: a module's idle channels stay unread.

    `unit` is the number that is asked: a device that answers as several units has an assignment for each, all with its
    `spec`. `paces` are by rising period; what comes in messages has one.
    """

    spec: UnitSpec
    unit: int | None
    paces: tuple[Pace, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The points of all paces, each once."""
        return tuple(dict.fromkeys(key for pace in self.paces for key in pace.keys))

    @property
    def feeds(self) -> tuple[Feed, ...]:
        """The feeds of all paces."""
        return tuple(feed for pace in self.paces for feed in pace.feeds)

    @property
    def devices(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(feed.layout.device for feed in self.feeds))


@dataclass(frozen=True)
class LinkAssignment:
    link: str
    units: tuple[UnitAssignment, ...]

    @property
    def wire(self) -> Wire:
        """All units of a link are on one wire."""
        return self.units[0].spec.profile.wire

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
        by_link[unit.link] += _unit(unit, taken[unit.name])
    result = {link: LinkAssignment(link, tuple(members)) for link, members in by_link.items()}
    _check_twice(layout for assignment in result.values() for layout in assignment.layouts)
    return result


def _unit(unit: UnitSpec, channels: Sequence[ChannelSpec]) -> list[UnitAssignment]:
    profile = unit.profile
    keys = _keys(unit, channels)
    if not isinstance(profile, ModbusProfile) or unit.unit is None:
        return [UnitAssignment(unit, unit.unit, (_pace(unit, unit.poll_ns, keys, channels),))]
    units = further_units(unit, profile)
    periods = {
        key: max(unit.poll_ns, reading.every_ns or 0, unit.every.get(key, 0))
        for key, reading in profile.readings.items()
    }
    return [
        UnitAssignment(unit, number, tuple(_pace(unit, every, own, channels) for every, own in paces.items()))
        for number, paces in split(profile, keys, unit.unit, units, periods).items()
    ]


def further_units(unit: UnitSpec, profile: ModbusProfile) -> Mapping[str, int]:
    """The numbers of a device's further units by their names: the profile's, where the site does not give its own."""
    return {**profile.modbus.units, **unit.units}


def _keys(unit: UnitSpec, channels: Sequence[ChannelSpec]) -> tuple[str, ...]:
    readings = unit.profile.readings
    wanted = {channel.point for channel in channels}
    if unknown := wanted - readings.keys():
        raise AssignmentError(f"{unit.name} ({unit.profile.profile}) has no point {min(unknown)!r}")
    if unit.own_device or not wanted:
        return tuple(readings)
    # a value that another one judges cannot be had without its judge
    needed = with_needs(readings, wanted)
    return tuple(key for key in readings if key in needed)


def _pace(unit: UnitSpec, period_ns: int, own: Sequence[str], channels: Sequence[ChannelSpec]) -> Pace:
    """The pace from which the samples of `own` come; it also reads what they need."""
    needed = with_needs(unit.profile.readings, own)
    keys = tuple(key for key in unit.profile.readings if key in needed)
    column = {key: index for index, key in enumerate(keys)}
    by_device: dict[str, list[ChannelSpec]] = defaultdict(list)
    if unit.own_device:
        by_device[unit.name] = []
    for channel in channels:
        if channel.point in own:
            by_device[channel.device].append(channel)
    feeds = tuple(_feed(device, unit, own, wanted, column) for device, wanted in by_device.items())
    return Pace(period_ns, keys, feeds, urgent=not unit.urgent.isdisjoint(own))


def _feed(
    device: str, unit: UnitSpec, own: Sequence[str], channels: Sequence[ChannelSpec], column: dict[str, int]
) -> Feed:
    readings = unit.profile.readings
    inherited = own if unit.own_device and device == unit.name else ()
    points = [readings[key].point for key in inherited]
    picks = [column[key] for key in inherited]
    meanings: list[Meaning] = []
    for channel in channels:
        source = readings[channel.point].point
        try:
            made = converted(channel.options, source.type, source.unit, source.counter)
            points.append(point_of(channel.key, made, source.codes))
        except ConversionError as error:
            raise AssignmentError(f"{device}.{channel.key}: {error.key}: {error}") from None
        except ValueError as error:
            raise AssignmentError(f"{device}.{channel.key}: {error}") from None
        picks.append(column[channel.point])
        meanings.append(made.meaning())
    steps = compile_steps(meanings, {}, first=len(inherited))
    return Feed(Layout(device, tuple(points)), tuple(picks), steps, (*[Meaning()] * len(inherited), *meanings))


def _check_units(units: Sequence[UnitSpec]) -> None:
    names: set[str] = set()
    wires: dict[str, UnitSpec] = {}
    addresses: dict[tuple[str, int | str], str] = {}
    for unit in units:
        if unit.name in names:
            raise AssignmentError(f"{unit.name}: there are two modules or devices of this name")
        names.add(unit.name)
        if not unit.profile.readings:
            hint = f"; name its parts ({unit.profile.part_hint})" if unit.profile.part_hint else ""
            raise AssignmentError(f"{unit.name}: nothing would be read from it{hint}")
        first = wires.setdefault(unit.link, unit)
        if first.profile.wire != unit.profile.wire:
            told = f"{first.name} speaks {first.profile.wire}, {unit.name} {unit.profile.wire}"
            raise AssignmentError(f"{unit.name}: a link is one wire, but on {unit.link} {told}")
        for address, words in _addresses(unit):
            other = addresses.setdefault((unit.link, address), unit.name)
            if other != unit.name:
                raise AssignmentError(f"{unit.name}: {other} already {words} of link {unit.link}")


def _addresses(unit: UnitSpec) -> list[tuple[int | str, str]]:
    """What only one unit of a link can have: its number, or its topics; with the words for it."""
    if isinstance(unit.profile, MqttProfile):
        if unit.unit is not None:
            raise AssignmentError(f"{unit.name}: messages have topics, no unit; got unit {unit.unit}")
        try:
            unit.profile.check_variables(unit.variables)
        except ValueError as error:
            raise AssignmentError(f"{unit.name}: {error}") from None
        templates = {reading.topic for reading in unit.profile.readings.values()}
        topics = [filled(template, unit.variables) for template in templates]
        if len(set(topics)) < len(topics):
            raise AssignmentError(f"{unit.name}: with these variables two of its topics are one")
        return [(topic, f"speaks on the topic {topic}") for topic in sorted(topics)]
    return [(number, f"is unit {number}") for number in _numbers(unit, unit.profile)]


def _numbers(unit: UnitSpec, profile: Profile) -> tuple[int, ...]:
    """Every number that the device answers to, each once."""
    if not isinstance(profile, ModbusProfile) or unit.unit is None:
        raise AssignmentError(f"{unit.name}: a unit lies within 1 … 255, got {unit.unit}")
    further = further_units(unit, profile)
    try:
        readings = profile.readings
        numbers = [number_of(readings, key, unit.unit, further) for key in readings]
    except KeyError as error:
        raise AssignmentError(f"{unit.name}: nobody says which number its unit {error} has") from None
    for number in (unit.unit, *numbers):
        # 0 is broadcast; 248–255 are reserved on serial lines (V1.02 §2.2), but single TCP devices answer to them
        if not 1 <= number <= 255:
            raise AssignmentError(f"{unit.name}: a unit lies within 1 … 255, got {number}")
    return tuple(dict.fromkeys((unit.unit, *numbers)))


def _check_twice(layouts: Iterable[Layout]) -> None:
    seen: set[tuple[str, str]] = set()
    for layout in layouts:
        for point in layout.points:
            if (layout.device, point.key) in seen:
                raise AssignmentError(f"{layout.device} would have the point {point.key!r} twice")
            seen.add((layout.device, point.key))
