"""Which points of a unit are read together: by the number of the unit that has them, and by their period. Pure.

A point is read no more often than it asks for, but what another one needs is read as often as the fastest that needs
it; and every pace also reads what its own points need, so that judge and judged are of one moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from drivers.language import AnyReading
from drivers.modbus.reading import Reading
from drivers.profile import ModbusProfile

Split = Mapping[int, Mapping[int, tuple[str, ...]]]
"""Number of the unit → period → the points that are read then, in the profile's order."""


def with_needs(readings: Mapping[str, AnyReading], keys: Iterable[str]) -> set[str]:
    """`keys` and everything without which they could not be judged, scaled or computed."""
    found: set[str] = set()
    waiting = list(keys)
    while waiting:
        if (key := waiting.pop()) not in found:
            found.add(key)
            waiting += needs(readings[key])
    return found


def needs(reading: AnyReading) -> tuple[str, ...]:
    """The points that must be read together with this one."""
    return reading.meaning.needs


def split(
    profile: ModbusProfile, keys: Iterable[str], own: int, units: Mapping[str, int], periods: Mapping[str, int]
) -> Split:
    """The points of `keys` (with their needs), apart by number and period, without what they only need.

    `own` is the number of the device itself, `units` those of its further units by name, `periods` of every key.
    """
    readings = profile.readings
    wanted = with_needs(readings, keys)
    period = dict(periods)
    for key in wanted:
        if not needs(readings[key]):
            continue
        for need in with_needs(readings, [key]):
            period[need] = min(period[need], periods[key])
    made: defaultdict[int, defaultdict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for key in readings:
        if key in wanted:
            made[number_of(readings, key, own, units)][period[key]].append(key)
    asking = [number for number, paces in made.items() if any(_asks(readings, keys) for keys in paces.values())]
    for number in [number for number in made if asking and number not in asking]:
        # constants, and what this variant has not: somebody else's frames carry them
        for every, idle in made.pop(number).items():
            made[asking[0]][every] = _in_order(readings, [*made[asking[0]][every], *idle])
    return {
        number: {every: tuple(found) for every, found in sorted(_read(readings, paces).items())}
        for number, paces in made.items()
    }


def number_of(readings: Mapping[str, Reading], key: str, own: int, units: Mapping[str, int]) -> int:
    """The number that is asked for this point; KeyError for a unit that nobody has given a number."""
    reading = readings[key]
    at = reading.unit
    if reading.cell is None and at is None and (needed := needs(reading)):
        return number_of(readings, needed[0], own, units)
    return own if at is None else at if isinstance(at, int) else units[at]


def _read(readings: Mapping[str, Reading], paces: Mapping[int, list[str]]) -> dict[int, list[str]]:
    """Paces of which each asks for something: the points of others go with the fastest."""
    made = {every: keys for every, keys in paces.items() if _asks(readings, keys)}
    if not made:
        return dict(paces)
    idle = [key for every, keys in paces.items() if every not in made for key in keys]
    if idle:
        made[min(made)] = _in_order(readings, [*made[min(made)], *idle])
    return made


def _asks(readings: Mapping[str, Reading], keys: Iterable[str]) -> bool:
    """Some register must be read to have these points."""
    keys = list(keys)
    own = any(readings[key].cell is not None for key in keys)
    return own or any(readings[key].cell is not None for key in with_needs(readings, keys))


def _in_order(readings: Mapping[str, Reading], keys: Iterable[str]) -> list[str]:
    wanted = set(keys)
    return [key for key in readings if key in wanted]
