"""What must not be among the points of one device: forbidden registers, overlapping values, shared bits. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import combinations, pairwise

from drivers.language import PointFault
from drivers.modbus.cell import LAST_ADDRESS, Cell, Table
from drivers.modbus.encoding import sentinel_table
from drivers.modbus.parts import Template
from drivers.modbus.plan import Rules
from drivers.modbus.points import ModbusDefaults
from drivers.modbus.reading import Reading

Wrong = tuple[str, str, str]
"""(key of a point, its key that is wrong, sentence)"""


def default_faults(defaults: ModbusDefaults) -> Iterator[PointFault]:
    """What is wrong with what holds for every point."""
    limits, base = defaults.limits, defaults.base
    first = base if isinstance(base, int) else 0
    last = LAST_ADDRESS + (first or 400_001)
    numbers = [(("never_read", i), span) for i, span in enumerate(limits.never_read)]
    numbers += [(("never_cross", i), (number, number)) for i, number in enumerate(limits.never_cross)]
    for place, (low, high) in numbers:
        if not first <= low <= high <= last:
            yield PointFault(("modbus", "limits", *place), "there is no such register")
    for wire, said in defaults.sentinels.items():
        try:
            sentinel_table(said, wire, wire.size)
        except ValueError as error:
            yield PointFault(("modbus", "sentinels", wire.value), str(error))


def forbidden(readings: Mapping[str, Reading], defaults: ModbusDefaults) -> Iterator[Wrong]:
    """Points that no request may read."""
    spans = defaults.limits.forbidden(defaults.base)
    rules = Rules(defaults.limits, spans, defaults.limits.boundaries(defaults.base))
    for key, reading in readings.items():
        if (cell := reading.cell) is None:
            continue
        if any(cell.address <= high and low < cell.end for low, high in spans):
            yield key, "address", "this register stands in `never_read`"
        elif (why := rules.broken([cell])) is not None:
            yield key, "address", f"{why} (counted from 0 as sent on the wire)"


def overlapping(readings: Mapping[str, Reading]) -> Iterator[Wrong]:
    """Values that begin in the middle of another one."""
    by_unit: dict[tuple[str, Table], list[tuple[Cell, str]]] = defaultdict(list)
    for key, reading in readings.items():
        if reading.cell is not None:
            by_unit[str(reading.unit), reading.cell.table].append((reading.cell, key))
    for cells in by_unit.values():
        for (one, key), (two, other) in pairwise(sorted(cells, key=lambda item: (item[0].address, item[0].words))):
            if two.address < one.end and (one.address, one.words) != (two.address, two.words):
                told = (
                    f"{other!r} (registers {two.address}…{two.end - 1}) overlaps"
                    f" {key!r} (registers {one.address}…{one.end - 1}), counted from 0 as sent on the wire"
                )
                yield other, "address", told


def sharing_bits(readings: Mapping[str, Reading], meant: Collection[str], bit_base: int) -> Iterator[Wrong]:
    """Ranges of bits that share some with another one's, and are not the same; `meant` are points that may."""
    by_register: dict[tuple[str, Cell], list[str]] = defaultdict(list)
    for key, reading in readings.items():
        if reading.cell is not None and reading.meaning.bits is not None:
            by_register[str(reading.unit), reading.cell].append(key)
    for keys in by_register.values():
        if len(keys) < 2:
            continue
        gates = {readings[key].meaning.gate for key in keys}
        spans = {key: _span(readings[key]) for key in keys}
        for key, other in combinations(keys, 2):
            one, two = spans[key], spans[other]
            apart = one == two or one[1] < two[0] or two[1] < one[0]
            gate = any(low == high and low in gates for low, high in (one, two))
            if not (apart or gate or key in meant or other in meant):
                low, high = max(one[0], two[0]) + bit_base, min(one[1], two[1]) + bit_base
                bits = f"bit {low} of this register is" if low == high else f"bits {low} … {high} of this register are"
                told = f"{bits} also part of {key!r}; if that is meant, say `overlaps: true`"
                yield other, "bit" if two[0] == two[1] else "bits", told


def _span(reading: Reading) -> tuple[int, int]:
    shift, mask = reading.meaning.bits or (0, 0)
    low = shift + (reading.meaning.field[0] if reading.meaning.field else 0)
    return low, low + mask.bit_length() - 1


def sharing_parts(template: Template, firsts: Iterable[Reading]) -> str | None:
    """Parts that would show the same registers or states: a step was forgotten, or is too short."""
    spans: dict[Table, set[tuple[int, int]]] = defaultdict(set)
    for reading in firsts:
        if (cell := reading.cell) is not None:
            spans[cell.table].add((0, 1) if template.packed else (cell.address, cell.end))
    for of_table in spans.values():
        if (found := template.shared(of_table)) is not None:
            one, other, place = found
            what = f"state {place}, counted from the first" if template.packed else f"register {place}, counted from 0"
            return f"{one!r} and {other!r} would share the {what}"
    return None
