"""A profile's point with everything inherited: its cell on the wire and the meaning of what is read there. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from drivers.meaning import Meaning
from drivers.modbus.cell import Cell
from drivers.modbus.parts import Place
from gateway.model import Point


@dataclass(frozen=True, slots=True)
class Reading:
    """Where a point is read and what is made of it.

    `cell` is None for what is not read: a point that is computed from others, or that this device has not.
    `unit` is which of the device's units has it: a name of `modbus.units`, a number (of a part), or None: its own.
    `needs` are all the points that must be read with it, also those that they need in turn; `every_ns` is its own
    period; an `optional` point need not be there.
    `warm_up` is (reads to discard after a connect, pause in ns after which they begin anew; 0: after none).
    """

    point: Point
    cell: Cell | None
    meaning: Meaning
    unit: str | int | None = None
    needs: tuple[str, ...] = ()
    every_ns: int | None = None
    optional: bool = False
    warm_up: tuple[int, int] | None = None


def absent(reading: Reading) -> Reading:
    """The same point on a device that has not got it."""
    return Reading(reading.point, None, Meaning(absent=True), unit=reading.unit, every_ns=reading.every_ns)


def moved(reading: Reading, was: str, part: str, first: Place, place: Place) -> Reading:
    """The reading of the part `was`, which stands at `first`, as that of another part, which stands at `place`."""

    def name(key: str) -> str:
        return part + key.removeprefix(was) if key.startswith(f"{was}/") else key

    meaning = reading.meaning.renamed(name)
    if meaning.field is not None and place.shift is not None:
        meaning = replace(meaning, field=(place.shift, meaning.field[1]))
    cell, by = reading.cell, place.address - first.address
    return replace(
        reading,
        point=replace(reading.point, part=part),
        cell=cell and replace(cell, address=cell.address + by),
        meaning=meaning,
        unit=reading.unit if place.unit is None else place.unit,
        needs=tuple(map(name, reading.needs)),
    )


def cells_of(readings: Iterable[Reading]) -> list[Cell]:
    """The cells of those that are read."""
    return [reading.cell for reading in readings if reading.cell is not None]
