"""What a scenario can do: each action is a word in the file, a typed value here, and a pure change of the building."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from simulators import garage, lift
from simulators.building import Building
from simulators.entry import Entry
from simulators.faults import Fault, FaultKind
from simulators.lift import Mode
from simulators.passengers import Trip
from simulators.wiring import Wiring

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
    """A link that refuses (or accepts again) new connections; those that stand are reset."""

    link: str
    refusing: bool


Action = Change | LinkFaults | Refusing


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


def _trip(tripped: bool) -> Callable[[Entry, Wiring, float], Action]:
    def parse_trip(entry: Entry, wiring: Wiring, at: float) -> Action:
        zone, pump = _pump(entry, wiring)
        return lambda building: building.with_garage(zone, garage.trip(building.garages[zone], pump, tripped=tripped))

    return parse_trip


def _clog(clogged: bool) -> Callable[[Entry, Wiring, float], Action]:
    def parse_clog(entry: Entry, wiring: Wiring, at: float) -> Action:
        zone = entry.one_of(wiring.building.garages)
        return lambda building: building.with_garage(zone, replace(building.garages[zone], clogged=clogged))

    return parse_clog


def _loop(cut: bool) -> Callable[[Entry, Wiring, float], Action]:
    def parse_loop(entry: Entry, wiring: Wiring, at: float) -> Action:
        name = frozenset([entry.one_of(sorted(wiring.loops))])
        return lambda building: replace(
            building, open_loops=building.open_loops | name if cut else building.open_loops - name
        )

    return parse_loop


def _on_lift(change: Callable[[lift.Lift], lift.Lift]) -> Callable[[Entry, Wiring, float], Action]:
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


def _fault(entry: Entry, wiring: Wiring, at: float) -> Action:
    given = entry.mapping(["of", "kind"], ["probability", "lasts", "seconds", "code"])
    link, unit = _place(given["of"], wiring)
    lasts = given["lasts"].seconds() if "lasts" in given else None
    try:
        fault = Fault(
            FaultKind(given["kind"].one_of(kind.value for kind in FaultKind)),
            probability=given["probability"].number(0, 1) if "probability" in given else 1.0,
            seconds=given["seconds"].number() if "seconds" in given else 2.0,
            code=given["code"].integer(0, 0xFFFF) if "code" in given else None,
        )
    except ValueError as error:
        entry.fail(str(error))
    return LinkFaults(link, unit, (fault if lasts is None else replace(fault, end=at + lasts),))


def _heal(entry: Entry, wiring: Wiring, at: float) -> Action:
    return LinkFaults(*_place(entry, wiring), ())


def _place(entry: Entry, wiring: Wiring) -> tuple[str, int | None]:
    link, _, unit = entry.one_of([*wiring.links, *sorted(wiring.units)]).partition(".")
    return link, int(unit) if unit else None


def _refusing(refusing: bool) -> Callable[[Entry, Wiring, float], Action]:
    return lambda entry, wiring, at: Refusing(entry.one_of(wiring.links), refusing)


ACTIONS: dict[str, Callable[[Entry, Wiring, float], Action]] = {
    "rain": _rain,
    "trip": _trip(True),
    "reset": _trip(False),
    "clog": _clog(True),
    "unclog": _clog(False),
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
    "fault": _fault,
    "heal": _heal,
    "refuse": _refusing(True),
    "admit": _refusing(False),
}
