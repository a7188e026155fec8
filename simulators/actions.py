"""What a scenario can do: each action is a word in the file, a typed value here, and a pure change of the building."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from simulators import charger, fire, garage, lift
from simulators.building import Building
from simulators.charger import Car, Charger
from simulators.entry import Entry
from simulators.faults import MBAP, RTU, Fault, FaultKind
from simulators.fire import Panel
from simulators.lift import Mode
from simulators.mqtt_device import MqttFault, MqttFaultKind
from simulators.mqtt_link import DeviceFaults, DeviceLink, DevicePower
from simulators.passengers import Trip
from simulators.wiring import OpenEvse, Wiring

SAFETY_CIRCUIT_OPEN = 41  # the NICE3000+'s E41
UPPER_LIMIT = 43  # E43

Change = Callable[[Building], Building]


@dataclass(frozen=True, slots=True)
class LinkFaults:
    """Faults of a unit (None: of the link) from now on; none heals it."""

    link: str
    unit: int | None
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Refusing:
    """A link that refuses (or accepts again) new connections; those that stand are reset. A broker of our own goes, and
    comes back knowing nothing; one from outside stays as it is."""

    link: str
    refusing: bool


WireAction = LinkFaults | Refusing | DeviceFaults | DeviceLink | DevicePower
WIRE_ACTIONS = (LinkFaults, Refusing, DeviceFaults, DeviceLink, DevicePower)
Action = Change | WireAction
Parser = Callable[[Entry, Wiring, float], Action]


def parse(entry: Entry, wiring: Wiring, at: float) -> Action:
    """The action that a timeline entry's `do` describes; faults with a duration end it counted from `at`."""
    word, argument = entry.only()
    if word not in ACTIONS:
        Entry(word, argument.file, argument.line, entry.path).one_of(ACTIONS)
    return ACTIONS[word](argument, wiring, at)


def _rain(entry: Entry, wiring: Wiring, at: float) -> Action:
    intensity = entry.measure("mm/h", 0, 500)
    return lambda building: replace(building, rain=replace(building.rain, heading_for=intensity))


def _pump(entry: Entry, wiring: Wiring) -> tuple[str, int]:
    name = entry.one_of(f"{zone}.pump-{number}" for zone in wiring.building.garages for number in (1, 2))
    zone, _, pump = name.partition(".")
    return zone, int(pump.removeprefix("pump-"))


def _trip(tripped: bool) -> Parser:
    def parse_trip(entry: Entry, wiring: Wiring, at: float) -> Action:
        zone, pump = _pump(entry, wiring)
        return lambda building: building.with_garage(zone, garage.trip(building.garages[zone], pump, tripped=tripped))

    return parse_trip


def _clog(clogged: bool) -> Parser:
    def parse_clog(entry: Entry, wiring: Wiring, at: float) -> Action:
        zone = entry.one_of([*wiring.building.garages, *wiring.building.gullies])
        if zone in wiring.building.gullies:
            return lambda building: building.with_gully(zone, replace(building.gullies[zone], clogged=clogged))
        return lambda building: building.with_garage(zone, replace(building.garages[zone], clogged=clogged))

    return parse_clog


def _burst(burst: bool) -> Parser:
    def parse_burst(entry: Entry, wiring: Wiring, at: float) -> Action:
        place = entry.one_of(name for name, gully in wiring.building.gullies.items() if gully.shape.pipe)
        return lambda building: building.with_gully(place, replace(building.gullies[place], burst=burst))

    return parse_burst


def _loop(cut: bool) -> Parser:
    def parse_loop(entry: Entry, wiring: Wiring, at: float) -> Action:
        name = frozenset([entry.one_of(sorted(wiring.loops))])
        return lambda building: replace(
            building, open_loops=building.open_loops | name if cut else building.open_loops - name
        )

    return parse_loop


def _on_lift(change: Callable[[lift.Lift], lift.Lift]) -> Parser:
    def parse_lift(entry: Entry, wiring: Wiring, at: float) -> Action:
        name = entry.one_of(wiring.building.lifts)
        return lambda building: building.with_lift(name, change(building.lifts[name]))

    return parse_lift


def _travel(entry: Entry, wiring: Wiring, at: float) -> Action:
    given = entry.mapping(["lift", "from", "to", "people"])
    name = given["lift"].one_of(wiring.building.lifts)
    floors = wiring.building.lifts[name].shape.floors
    trip = Trip(given["from"].integer(1, floors), given["to"].integer(1, floors), given["people"].integer(1, 30))
    if trip.origin == trip.destination:
        given["to"].fail("they are there already")

    def board(building: Building) -> Building:
        car = building.lifts[name]
        return building.with_lift(name, replace(car, waiting=(*car.waiting, trip)))

    return board


def _mode(entry: Entry, wiring: Wiring, at: float) -> Action:
    given = entry.mapping(["lift", "is"])
    name = given["lift"].one_of(wiring.building.lifts)
    mode = Mode(given["is"].one_of(mode.value for mode in Mode))
    return lambda building: building.with_lift(name, lift.set_mode(building.lifts[name], mode))


def _plug_in(entry: Entry, wiring: Wiring, at: float) -> Action:
    given = entry.mapping(["charger", "current", "energy"])
    name = given["charger"].one_of(wiring.building.chargers)
    car = Car(given["current"].measure("A", 6, 63), given["energy"].measure("kWh", 0.1, 200))
    return lambda building: building.with_charger(name, charger.plug_in(building.chargers[name], car))


def _on_charger(change: Callable[[Charger], Charger]) -> Parser:
    def parse_charger(entry: Entry, wiring: Wiring, at: float) -> Action:
        name = entry.one_of(wiring.building.chargers)
        return lambda building: building.with_charger(name, change(building.chargers[name]))

    return parse_charger


def _bad_contact(entry: Entry, wiring: Wiring, at: float) -> Action:
    given = entry.mapping(["charger", "times"])
    name, times = given["charger"].one_of(wiring.building.chargers), given["times"].number(1, 50)
    return lambda building: building.with_charger(name, replace(building.chargers[name], contact=times))


def _burning(change: Callable[[Panel, str], Panel]) -> Parser:
    def parse_zone(entry: Entry, wiring: Wiring, at: float) -> Action:
        panels = wiring.building.panels
        zone = entry.one_of(dict.fromkeys(zone for panel in panels.values() for zone in panel.zones))
        name = next(name for name, panel in panels.items() if zone in panel.zones)
        return lambda building: building.with_panel(name, change(building.panels[name], zone))

    return parse_zone


def _on_panel(change: Callable[[Panel], Panel]) -> Parser:
    def parse_panel(entry: Entry, wiring: Wiring, at: float) -> Action:
        name = entry.one_of(wiring.building.panels)
        return lambda building: building.with_panel(name, change(building.panels[name]))

    return parse_panel


def _on_point(**changes: Any) -> Parser:
    """A change of a panel's point `panel.L1D1`; only modules have valves."""
    only_modules = "shut" in changes

    def parse_point(entry: Entry, wiring: Wiring, at: float) -> Action:
        panels = wiring.building.panels
        points = [f"{name}.{point}" for name, panel in panels.items() for point in panel.modules]
        if not only_modules:
            points += [f"{name}.{point}" for name, panel in panels.items() for point in panel.detectors]
        name, _, point = entry.one_of(points).partition(".")

        def change(building: Building) -> Building:
            panel = building.panels[name]
            if point in panel.modules:
                return building.with_panel(name, panel.with_module(point, replace(panel.modules[point], **changes)))
            return building.with_panel(name, panel.with_detector(point, replace(panel.detectors[point], **changes)))

        return change

    return parse_point


def _fault(entry: Entry, wiring: Wiring, at: float) -> Action:
    given = entry.mapping(["of", "kind"], ["probability", "lasts", "seconds", "code"])
    end = at + given["lasts"].seconds() if "lasts" in given else math.inf
    link, place = _place(given["of"], wiring)
    if wiring.links[link].devices:
        return DeviceFaults(link, place, (_device_fault(entry, wiring, f"{link}.{place}", end),))
    try:
        fault = Fault(
            FaultKind(given["kind"].one_of(kind.value for kind in FaultKind)),
            probability=given["probability"].number(0, 1) if "probability" in given else 1.0,
            seconds=given["seconds"].number() if "seconds" in given else 2.0,
            code=given["code"].integer(0, 0xFFFF) if "code" in given else None,
            end=end,
        )
        (MBAP if wiring.links[link].serial is None else RTU).require(fault.kind)
    except ValueError as error:
        entry.fail(str(error))
    return LinkFaults(link, int(place) if place else None, (fault,))


def _device_fault(entry: Entry, wiring: Wiring, device: str, end: float) -> MqttFault:
    given = entry.mapping(["of", "kind"], ["lasts", "seconds"])
    kind = MqttFaultKind(given["kind"].one_of(kind.value for kind in MqttFaultKind))
    of_sensors = kind in (MqttFaultKind.WRONG_CLOCK, MqttFaultKind.SENSOR_ERROR)
    if of_sensors and isinstance(wiring.devices.get(device), OpenEvse):
        given["kind"].fail("an OpenEVSE says no times and no probe's errors")
    seconds = given["seconds"].number(-math.inf) if "seconds" in given else MqttFault(kind).seconds
    return MqttFault(kind, end, seconds)


def _heal(entry: Entry, wiring: Wiring, at: float) -> Action:
    link, place = _place(entry, wiring)
    if wiring.links[link].devices:
        return DeviceFaults(link, place, ())
    return LinkFaults(link, int(place) if place else None, ())


def _place(entry: Entry, wiring: Wiring) -> tuple[str, str | None]:
    link, _, place = entry.one_of([*wiring.links, *sorted(wiring.units), *wiring.devices]).partition(".")
    return link, place or None


def _refusing(refusing: bool) -> Parser:
    return lambda entry, wiring, at: Refusing(entry.one_of(wiring.links), refusing)


def _on_device(act: Callable[[str, str], Action]) -> Parser:
    def parse_device(entry: Entry, wiring: Wiring, at: float) -> Action:
        link, _, device = entry.one_of(wiring.devices).partition(".")
        return act(link, device)

    return parse_device


ACTIONS: dict[str, Parser] = {
    "rain": _rain,
    "trip": _trip(True),
    "reset": _trip(False),
    "clog": _clog(True),
    "unclog": _clog(False),
    "burst": _burst(True),
    "mend": _burst(False),
    "open_loop": _loop(True),
    "close_loop": _loop(False),
    "travel": _travel,
    "strand": _on_lift(lambda car: lift.strand(car, SAFETY_CIRCUIT_OPEN)),
    "rescue": _on_lift(lift.rescue),
    "overtravel": _on_lift(lambda car: lift.overtravel(car, UPPER_LIMIT)),
    "fail_mains": _on_lift(lambda car: replace(car, mains=False)),
    "restore_mains": _on_lift(lambda car: replace(car, mains=True)),
    "jam_door": _on_lift(lambda car: replace(car, door_stuck=True)),
    "free_door": _on_lift(lambda car: replace(car, door_stuck=False)),
    "hall_fire": _on_lift(lambda car: replace(car, hall_fire=True)),
    "hall_fire_over": _on_lift(lambda car: replace(car, hall_fire=False)),
    "mode": _mode,
    "plug_in": _plug_in,
    "unplug": _on_charger(charger.unplug),
    "stop_session": _on_charger(lambda each: replace(each, stopped=True)),
    "bad_contact": _bad_contact,
    "good_contact": _on_charger(lambda each: replace(each, contact=1.0)),
    "stick_relay": _on_charger(lambda each: replace(each, relay_stuck=True)),
    "free_relay": _on_charger(lambda each: replace(each, relay_stuck=False)),
    "ignite": _burning(fire.ignite),
    "extinguish": _burning(fire.extinguish),
    "reset_panel": _on_panel(fire.reset),
    "lose_panel": _on_panel(lambda panel: replace(panel, lost=True)),
    "return_panel": _on_panel(lambda panel: replace(panel, lost=False)),
    "disable_point": _on_point(disabled=True),
    "enable_point": _on_point(disabled=False),
    "lose_point": _on_point(missing=True),
    "return_point": _on_point(missing=False),
    "shut_valve": _on_point(shut=True),
    "open_valve": _on_point(shut=False),
    "fault": _fault,
    "heal": _heal,
    "refuse": _refusing(True),
    "admit": _refusing(False),
    "silence": _on_device(lambda link, device: DeviceFaults(link, device, (MqttFault(MqttFaultKind.SILENT),))),
    "speak": _on_device(lambda link, device: DeviceFaults(link, device, ())),
    "cut_link": _on_device(lambda link, device: DeviceLink(link, device, cut=True)),
    "join_link": _on_device(lambda link, device: DeviceLink(link, device, cut=False)),
    "power_off": _on_device(lambda link, device: DevicePower(link, device, on=False)),
    "power_on": _on_device(lambda link, device: DevicePower(link, device, on=True)),
}
