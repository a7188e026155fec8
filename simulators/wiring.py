"""Who answers where: things with their measures, links with their units, channels with the signals that they carry."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable

from simulators.building import GARAGE_CONTACTS, LIFT_CONTACTS, Building, level_names
from simulators.entry import Entry, read
from simulators.things import THINGS, building_at_rest

AI_CHANNELS = 6
DI_CHANNELS = 8
SENSOR_COIL = "ct"
"""The name of a residual-current relay's only channel."""


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


@dataclass(frozen=True, slots=True)
class FirePanel:
    """A Notifier panel behind a MODBUS-GW that refuses, or `marks_absent`, what is not programmed."""

    panel: str
    marks_absent: bool = False


@dataclass(frozen=True, slots=True)
class FeederMeter:
    """An SDM630 in a feeder."""

    feeder: str


@dataclass(frozen=True, slots=True)
class ResidualRelay:
    """An Acrel ASJ around a feeder, set to `rated` mA and warning at `warning` percent of it."""

    feeder: str
    rated: int = 300
    warning: int = 50


@dataclass(frozen=True, slots=True)
class ChargingStation:
    """A KEBA P30 in front of a charging point."""

    charger: str


@dataclass(frozen=True, slots=True)
class OpenEvse:
    """An OpenEVSE that publishes a charging point under `base` and announces itself as `announce`."""

    charger: str
    base: str
    announce: str


@dataclass(frozen=True, slots=True)
class SubmersibleLevel:
    """A Milesight EM500-SWL in water, heard through a ChirpStack application each `every` seconds from `start` on."""

    thing: str
    signal: str
    application: str
    dev_eui: str
    every: int = 60
    start: int = 5
    battery: float = 98.0


Unit = LiftController | AnalogueModule | DigitalModule | FirePanel | FeederMeter | ResidualRelay | ChargingStation
MqttDevice = OpenEvse | SubmersibleLevel


@dataclass(frozen=True, slots=True)
class LinkWiring:
    """One endpoint and what is behind it: units of a Modbus link, or devices that publish to a broker.

    `serial` is the baud rate of the line that its units share; the endpoint then is a serial server (RTU over TCP).
    """

    units: Mapping[int, Unit]
    max_connections: int | None = None
    devices: Mapping[str, MqttDevice] = field(default_factory=dict)
    serial: int | None = None


@dataclass(frozen=True, slots=True)
class Wiring:
    """The building at rest, and its links."""

    building: Building
    links: Mapping[str, LinkWiring]

    @property
    def loops(self) -> frozenset[str]:
        """Names of the sensor lines that can break, `link.unit.channel`."""
        names = set()
        for link, wired in self.links.items():
            for number, unit in wired.units.items():
                if isinstance(unit, AnalogueModule):
                    names |= {loop_name(link, number, f"ai{channel}") for channel in unit.loops}
                elif isinstance(unit, ResidualRelay):
                    names.add(loop_name(link, number, SENSOR_COIL))
        return frozenset(names)

    @property
    def units(self) -> frozenset[str]:
        """Names of the units, `link.unit`."""
        return frozenset(f"{link}.{unit}" for link, wired in self.links.items() for unit in wired.units)

    @property
    def devices(self) -> Mapping[str, MqttDevice]:
        """What publishes to a broker, by the name `link.device`."""
        return {
            f"{link}.{name}": device for link, wired in self.links.items() for name, device in wired.devices.items()
        }


def loop_name(link: str, unit: int, channel: str) -> str:
    return f"{link}.{unit}.{channel}"


def load_wiring(source: Traversable) -> Wiring:
    """Read a wiring file such as config/demo/simulation.yaml; SourceError names the line that is wrong."""
    root = read(source).mapping(["links"], THINGS)
    building = building_at_rest(root)
    return Wiring(building, {str(name): _link(entry, building) for name, entry in root["links"].pairs()})


def _link(entry: Entry, building: Building) -> LinkWiring:
    given = entry.mapping(optional=["units", "max_connections", "serial", "devices"])
    if "devices" in given:
        if len(given) > 1:
            entry.fail("a link has units (Modbus) or devices (MQTT), not both")
        devices = {str(name): _device(device, building) for name, device in given["devices"].pairs()}
        if not devices:
            entry.fail("nobody publishes here")
        return LinkWiring({}, None, devices)
    given = entry.mapping(["units"], ["max_connections", "serial"])
    units = {}
    for number, unit in given["units"].pairs():
        # V1.1b3 §4.1 leaves 248…255 reserved; devices that are alone on their address answer to 255 all the same
        if not isinstance(number, int) or not (1 <= number <= 247 or number == 255):
            unit.fail("a unit's number lies within 1…247, or is 255")
        units[int(number)] = _unit(unit, building)
    most = given["max_connections"].integer(1, 1000) if "max_connections" in given else None
    baud = given["serial"].mapping(["baud"])["baud"].integer(300, 921_600) if "serial" in given else None
    return LinkWiring(units, most, serial=baud)


def _lift_controller(entry: Entry, building: Building) -> Unit:
    return LiftController(entry.mapping(["kind", "lift"])["lift"].one_of(building.lifts))


def _analogue(entry: Entry, building: Building) -> Unit:
    given = entry.mapping(["kind", "ai"])["ai"]
    return AnalogueModule({channel: _loop(loop, building) for channel, loop in _channels(given, AI_CHANNELS)})


def _digital(entry: Entry, building: Building) -> Unit:
    given = entry.mapping(["kind", "di"])["di"]
    return DigitalModule({channel: _contact(text, building) for channel, text in _channels(given, DI_CHANNELS)})


def _fire_panel(entry: Entry, building: Building) -> Unit:
    given = entry.mapping(["kind", "panel"], ["not_programmed"])
    marks = given["not_programmed"].one_of(["refused", "0xFFFF"]) == "0xFFFF" if "not_programmed" in given else False
    return FirePanel(given["panel"].one_of(building.panels), marks)


def _meter(entry: Entry, building: Building) -> Unit:
    return FeederMeter(entry.mapping(["kind", "feeder"])["feeder"].one_of(building.feeders))


def _residual(entry: Entry, building: Building) -> Unit:
    given = entry.mapping(["kind", "feeder"], ["set", "warn_at"])
    rated = round(given["set"].measure("mA", 30, 30_000)) if "set" in given else 300
    warning = round(given["warn_at"].measure("%", 1, 100)) if "warn_at" in given else 50
    return ResidualRelay(given["feeder"].one_of(building.feeders), rated, warning)


def _station(entry: Entry, building: Building) -> Unit:
    return ChargingStation(entry.mapping(["kind", "charger"])["charger"].one_of(building.chargers))


_UNITS: dict[str, tuple[Callable[[Entry, Building], Unit], tuple[str, ...]]] = {
    "nice3000": (_lift_controller, ("lift",)),
    "adam-6024": (_analogue, ("ai",)),
    "adam-4100": (_digital, ("di",)),
    "notifier-gw": (_fire_panel, ("panel", "not_programmed")),
    "sdm630": (_meter, ("feeder",)),
    "acrel-asj": (_residual, ("feeder", "set", "warn_at")),
    "keba-p30": (_station, ("charger",)),
}


def _unit(entry: Entry, building: Building) -> Unit:
    keys = sorted({key for _, keys in _UNITS.values() for key in keys})
    kind = entry.mapping(["kind"], keys)["kind"].one_of(_UNITS)
    return _UNITS[kind][0](entry, building)


def _device(entry: Entry, building: Building) -> MqttDevice:
    evse = ["charger", "base", "announce"]
    sensor = ["reads", "application", "dev_eui"]
    kind = entry.mapping(["kind"], [*evse, *sensor, "every", "start", "battery"])["kind"]
    if kind.one_of(["openevse", "em500-swl"]) == "openevse":
        given = entry.mapping(["kind", *evse])
        charger = given["charger"].one_of(building.chargers)
        return OpenEvse(charger, _topic(given["base"]), _topic(given["announce"]))
    given = entry.mapping(["kind", *sensor], ["every", "start", "battery"])
    thing, _, signal = given["reads"].one_of(level_names(building)).partition(".")
    return SubmersibleLevel(
        thing,
        signal,
        _topic(given["application"]),
        _eui(given["dev_eui"]),
        _whole_seconds(given["every"], 1) if "every" in given else 60,
        _whole_seconds(given["start"], 0) if "start" in given else 5,
        given["battery"].measure("%", 0, 100) if "battery" in given else 98.0,
    )


def _topic(entry: Entry) -> str:
    name = entry.text()
    if re.search(r"[#+\s\x00]", name) or name.strip("/") != name:
        entry.fail(f"a topic's part has no blanks, no wildcards and no slash at its ends, got {name!r}")
    return name


def _eui(entry: Entry) -> str:
    name = entry.text()
    if not re.fullmatch(r"[0-9a-f]{16}", name):
        entry.fail(f"an EUI has 16 digits 0…9, a…f, got {name!r}")
    return name


def _whole_seconds(entry: Entry, least: int) -> int:
    seconds = entry.seconds()
    if seconds != int(seconds) or seconds < least:
        entry.fail(f"whole seconds, at least {least}, are expected, got {entry.value!r}")
    return int(seconds)


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
    given["reads"].one_of(level_names(building))
    low, high = given["at_4_mA"].measure("m", -10), given["at_20_mA"].measure("m", -10)
    if low == high:
        given["at_20_mA"].fail("the span is empty")
    return Loop(thing, signal, low, high)


def _contact(entry: Entry, building: Building) -> Contact:
    known = [f"{name}.{signal}" for name in building.lifts for signal in LIFT_CONTACTS]
    known += [f"{name}.{signal}" for name in building.garages for signal in GARAGE_CONTACTS]
    thing, _, signal = entry.one_of(known).partition(".")
    return Contact(thing, signal)
