"""Who answers where: things with their measures, links with their units, channels with the signals that they carry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.resources.abc import Traversable
from typing import Any

from simulators.building import GARAGE_CONTACTS, GARAGE_LEVELS, LIFT_CONTACTS, Building
from simulators.entry import Entry, read
from simulators.garage import GarageShape, filled
from simulators.lift import LiftShape, parked

AI_CHANNELS = 6
DI_CHANNELS = 8


@dataclass(frozen=True, slots=True)
class Contact:
    """A digital input that follows a contact of a thing."""

    thing: str
    signal: str


@dataclass(frozen=True, slots=True)
class Loop:
    """An analogue input fed by a 4–20 mA transmitter spanned `low` … `high` (m)."""

    thing: str
    signal: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LiftController:
    """A NICE3000+ of a lift."""

    lift: str


@dataclass(frozen=True, slots=True)
class AnalogueModule:
    """An ADAM-6024 with the loops on its inputs."""

    loops: Mapping[int, Loop]


@dataclass(frozen=True, slots=True)
class DigitalModule:
    """An ADAM-4100 with the contacts on its inputs."""

    contacts: Mapping[int, Contact]


Unit = LiftController | AnalogueModule | DigitalModule


@dataclass(frozen=True, slots=True)
class LinkWiring:
    """One endpoint and the units behind it."""

    units: Mapping[int, Unit]
    max_connections: int | None = None


@dataclass(frozen=True, slots=True)
class Wiring:
    """The building at rest, and its links."""

    building: Building
    links: Mapping[str, LinkWiring]

    @property
    def loops(self) -> frozenset[str]:
        """Names of the current loops, `link.unit.channel`."""
        return frozenset(
            loop_name(link, unit, channel)
            for link, wired in self.links.items()
            for unit, module in wired.units.items()
            if isinstance(module, AnalogueModule)
            for channel in module.loops
        )

    @property
    def units(self) -> frozenset[str]:
        """Names of the units, `link.unit`."""
        return frozenset(f"{link}.{unit}" for link, wired in self.links.items() for unit in wired.units)


def loop_name(link: str, unit: int, channel: int) -> str:
    return f"{link}.{unit}.ai{channel}"


def load_wiring(source: Traversable) -> Wiring:
    """Read a wiring file such as config/demo/simulation.yaml; SourceError names the line that is wrong."""
    root = read(source).mapping(["links"], ["lifts", "garages"])
    lifts = {str(name): parked(_lift_shape(entry)) for name, entry in _pairs(root, "lifts")}
    garages = {}
    for name, entry in _pairs(root, "garages"):
        if name in lifts:
            entry.fail("a lift has this name already")
        garages[str(name)] = filled(_garage_shape(entry), _rest_level(entry))
    building = Building(lifts, garages)
    links = {str(name): _link(entry, building) for name, entry in root["links"].pairs()}
    return Wiring(building, links)


def _pairs(root: Mapping[str, Entry], key: str) -> list[tuple[object, Entry]]:
    return list(root[key].pairs()) if key in root else []


_LIFT_KEYS: dict[str, Callable[[Entry], float]] = {
    "floors": lambda entry: entry.integer(2, 96),
    "ground": lambda entry: entry.integer(1, 96),
    "floor_height": lambda entry: entry.measure("m", 2.4, 10),
    "rated_speed": lambda entry: entry.measure("m/s", 0.25, 10),
    "acceleration": lambda entry: entry.measure("m/s²", 0.2, 1.5),
    "rated_load": lambda entry: entry.measure("kg", 225, 5000),
    "trips_per_hour": lambda entry: entry.number(0, 600),
}
_GARAGE_KEYS: dict[str, tuple[str, Callable[[Entry], float]]] = {
    "catchment": ("catchment_m2", lambda entry: entry.measure("m²", 1)),
    "pit_area": ("pit_m2", lambda entry: entry.measure("m²", 0.1)),
    "floor_area": ("floor_m2", lambda entry: entry.measure("m²", 1)),
    "seepage": ("seepage", lambda entry: entry.measure("m³/h") / 3600),
    "pump": ("pump", lambda entry: entry.measure("m³/h") / 3600),
    "drain": ("drain", lambda entry: entry.measure("m³/h") / 3600),
}


def _lift_shape(entry: Entry) -> LiftShape:
    given = entry.mapping(["floors", "ground"], list(_LIFT_KEYS))
    numbers: dict[str, Any] = {key: _LIFT_KEYS[key](value) for key, value in given.items()}
    floors, ground = int(numbers.pop("floors")), int(numbers.pop("ground"))
    if ground > floors:
        given["ground"].fail(f"the lift has {floors} floors")
    return replace(LiftShape(floors=floors, ground=ground), **numbers)


def _garage_shape(entry: Entry) -> GarageShape:
    given = entry.mapping(optional=[*_GARAGE_KEYS, "pit_level"])
    measures: dict[str, Any] = {}
    for key, value in given.items():
        if key in _GARAGE_KEYS:
            field, measured = _GARAGE_KEYS[key]
            measures[field] = measured(value)
    return replace(GarageShape(), **measures)


def _rest_level(entry: Entry) -> float:
    given = entry.mapping(optional=[*_GARAGE_KEYS, "pit_level"])
    return given["pit_level"].measure("m", 0, GarageShape().pit_depth) if "pit_level" in given else 1.2


def _link(entry: Entry, building: Building) -> LinkWiring:
    given = entry.mapping(["units"], ["max_connections"])
    units = {}
    for number, unit in given["units"].pairs():
        if not isinstance(number, int) or not 1 <= number <= 247:  # V1.1b3 §4.1 leaves 248…255 reserved
            unit.fail("a unit's number lies within 1…247")
        units[int(number)] = _unit(unit, building)
    most = given["max_connections"].integer(1, 1000) if "max_connections" in given else None
    return LinkWiring(units, most)


def _unit(entry: Entry, building: Building) -> Unit:
    kind = entry.mapping(["kind"], ["lift", "ai", "di"])["kind"].one_of(["nice3000", "adam-6024", "adam-4100"])
    if kind == "nice3000":
        return LiftController(entry.mapping(["kind", "lift"])["lift"].one_of(building.lifts))
    if kind == "adam-6024":
        given = entry.mapping(["kind", "ai"])["ai"]
        return AnalogueModule({channel: _loop(loop, building) for channel, loop in _channels(given, AI_CHANNELS)})
    given = entry.mapping(["kind", "di"])["di"]
    return DigitalModule({channel: _contact(text, building) for channel, text in _channels(given, DI_CHANNELS)})


def _channels(entry: Entry, number: int) -> list[tuple[int, Entry]]:
    channels = []
    for channel, wired in entry.pairs():
        if not isinstance(channel, int) or not 0 <= channel < number:
            wired.fail(f"channels are numbered 0…{number - 1}")
        channels.append((int(channel), wired))
    return channels


def _loop(entry: Entry, building: Building) -> Loop:
    given = entry.mapping(["reads", "at_4_mA", "at_20_mA"])
    thing, _, signal = given["reads"].text().partition(".")
    given["reads"].one_of(f"{name}.{level}" for name in building.garages for level in GARAGE_LEVELS)
    low, high = given["at_4_mA"].measure("m", -10), given["at_20_mA"].measure("m", -10)
    if low == high:
        given["at_20_mA"].fail("the span is empty")
    return Loop(thing, signal, low, high)


def _contact(entry: Entry, building: Building) -> Contact:
    known = [f"{name}.{signal}" for name in building.lifts for signal in LIFT_CONTACTS]
    known += [f"{name}.{signal}" for name in building.garages for signal in GARAGE_CONTACTS]
    thing, _, signal = entry.one_of(known).partition(".")
    return Contact(thing, signal)
