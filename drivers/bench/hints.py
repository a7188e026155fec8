"""Why a point reads wrong: what it would read with another order, another type, one register further on. Pure.

Each proposal is decoded by the profile itself with one thing changed, so it is what the changed profile would say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from drivers.bench.candidates import SMALLEST, described
from drivers.bench.decoding import Registers, Said, decoded, raw_words
from drivers.meaning import Meaning
from drivers.modbus.cell import Cell, WireType, register_cell
from drivers.modbus.reading import Reading
from gateway.model import PointType, Quality, Value

MOST_HINTS = 3
WRONG = frozenset({Quality.BAD_RANGE, Quality.BAD_DECODE, Quality.BAD_UNDECLARED})
"""Reasons for which the description may be to blame, not the device."""
# beyond what meters and sensors say, where no range is declared
LARGEST = 1e7
UNLIKELY = 1e-3
_SHIFT, _BYTES, _WORDS, _TYPE, _SCALE = 2, 3, 1, 3, 4
_FACTORS = (0.1, 0.01, 0.001, 10.0)
_LETTERS = {"H": "uint16", "h": "int16", "I": "uint32", "i": "int32", "Q": "uint64", "q": "int64", "f": "float32"}
_SAME_SIZE = {"H": "h", "h": "H", "I": "if", "i": "If", "f": "Ii", "Q": "qd", "q": "Qd", "d": "Qq"}


@dataclass(frozen=True, slots=True)
class Hint:
    """One change of a point's description, and what the point would then read."""

    keys: str
    value: Value
    unit: str | None
    cost: int

    def __str__(self) -> str:
        return f"{self.keys} would read {told(self.value, self.unit)}"


@dataclass(frozen=True, slots=True)
class DeviceHint:
    """One change for all points: how many of those that say something would then be plausible, and how many are."""

    keys: str
    plausible: int
    before: int
    points: int
    example: str

    def __str__(self) -> str:
        return (
            f"{self.keys} would make {self.plausible} of {self.points} points plausible instead of {self.before}"
            f" ({self.example})"
        )


def told(value: Value, unit: str | None) -> str:
    """A value with its unit, as the bench shows it everywhere."""
    if isinstance(value, bool):
        return str(value).lower()
    return described(value) + (f" {unit}" if unit and unit != "1" else "")


def is_odd(reading: Reading, said: Said) -> bool:
    """A value that its quality lets through, and that no device measures: half of another number looks like that."""
    value = said.value
    if said.quality is not Quality.GOOD or isinstance(value, (bool, str)) or not value:
        return False
    if reading.meaning.range is not None:
        return reading.point.type is PointType.FLOAT and abs(value) < SMALLEST
    return not SMALLEST <= abs(value) <= LARGEST


def needs_hint(reading: Reading, said: Said) -> bool:
    """Whether its description should be doubted."""
    return said.quality in WRONG or is_odd(reading, said)


def point_hints(key: str, readings: Mapping[str, Reading], registers: Registers) -> list[Hint]:
    """What `key` would read if one thing about it were different, the likeliest change first."""
    found: dict[str, Hint] = {}
    reading = readings[key]
    for keys, cost, other in _changes(reading):
        if not any(_words(other, registers)):
            continue  # nothing stands there: nothing speaks for it
        said = decoded({**readings, key: other}, registers)[key]
        if said.quality is Quality.GOOD and not is_odd(other, said) and (said.value or said.value is False):
            found.setdefault(keys, Hint(keys, said.value, other.point.unit, cost))
    return sorted(found.values(), key=lambda hint: hint.cost)[:MOST_HINTS]


def around(cell: Cell) -> tuple[int, int]:
    """The registers that `point_hints` looks at: first, and first behind."""
    return max(0, cell.address - 1), min(0x10000, cell.end + 1)


def _number(reading: Reading) -> Cell | None:
    """The cell of a number in registers, None for everything else."""
    cell = reading.cell
    return None if cell is None or cell.table.is_bits or cell.format not in _SAME_SIZE else cell


def _changes(reading: Reading) -> Iterator[tuple[str, int, Reading]]:
    """(what is said differently, how unlikely that is, the reading)."""
    cell = reading.cell
    if cell is not None and cell.table.is_bits:
        for keys, moved in _moved(cell):
            yield keys, _SHIFT, replace(reading, cell=moved)
    if (cell := _number(reading)) is None:
        return
    plain = _is_plain(reading.meaning)
    for keys, cost, ordered in _orders(cell):
        if keys:
            yield keys, cost, replace(reading, cell=ordered)
        for shift, moved in _moved(ordered):
            yield ", ".join(filter(None, [keys, shift])), cost + _SHIFT, replace(reading, cell=moved)
        for letter in _SAME_SIZE[cell.format] if plain else "":
            said = f"type: {_LETTERS.get(letter, 'float64')}"
            yield ", ".join(filter(None, [said, keys])), cost + _TYPE, _typed(reading, ordered, letter)
    if plain and not reading.meaning.curves:
        for factor in _FACTORS:
            scale = float(f"{reading.meaning.scale * factor:.12g}")
            yield f"scale: {scale:g}", _SCALE, replace(reading, meaning=replace(reading.meaning, scale=scale))


def _is_plain(meaning: Meaning) -> bool:
    """The raw number is the value, but for its scale."""
    odd = (meaning.codes, meaning.bits, meaning.field, meaning.decode)
    return not meaning.truth and all(one is None for one in odd)


def _typed(reading: Reading, cell: Cell, letter: str) -> Reading:
    floating = letter in "fd"
    meaning = replace(reading.meaning, floating=floating, sentinels={})
    return replace(reading, cell=replace(cell, format=letter), meaning=meaning)


def _moved(cell: Cell) -> Iterator[tuple[str, Cell]]:
    for by in (-1, 1):
        if cell.address + by >= 0 and cell.end + by <= 0x10000:
            moved = replace(cell, address=cell.address + by)
            yield f"address one {'lower' if by < 0 else 'higher'} ({moved.address} on the wire)", moved


def orders_of(cell: Cell) -> tuple[bool, bool]:
    """(byte order is little, word order is little) of a cell."""
    words = cell.order == "<"
    return cell.swapped != words, words


def _orders(cell: Cell) -> Iterator[tuple[str, int, Cell]]:
    """The cell in every order, its own one first, with the keys that differ from it."""
    own_bytes, own_words = orders_of(cell)
    for turn_words in (False, True) if cell.words > 1 else (False,):
        for turn_bytes in (False, True):
            little_bytes, little_words = own_bytes != turn_bytes, own_words != turn_words
            keys = [f"word_order: {'little' if little_words else 'big'}"] if turn_words else []
            keys += [f"byte_order: {'little' if little_bytes else 'big'}"] if turn_bytes else []
            yield ", ".join(keys), _WORDS * turn_words + _BYTES * turn_bytes, _ordered(cell, little_bytes, little_words)


def _ordered(cell: Cell, little_bytes: bool, little_words: bool) -> Cell:
    made = register_cell(
        cell.table, cell.address, WireType.UINT32, little_bytes=little_bytes, little_words=little_words
    )
    return replace(cell, swapped=made.swapped, order=made.order)


def device_hints(readings: Mapping[str, Reading], registers: Registers) -> list[DeviceHint]:
    """Changes that would hold for the whole device, its orders or all addresses one lower or higher; several only when
    nothing tells which of them is right.
    """
    numbers = {key: one for key, one in readings.items() if _number(one) is not None and any(_words(one, registers))}
    if len(numbers) < 2:
        return []
    now = decoded(readings, registers)
    before = sum(_is_plausible(numbers[key], now[key]) for key in numbers)
    found = []
    for keys, cost in _device_changes():
        changed = {key: _as_changed(reading, keys) for key, reading in readings.items()}
        said = decoded(changed, registers)
        plausible = [key for key in numbers if _is_plausible(changed[key], said[key])]
        wrong = len(numbers) - len(plausible)
        if len(plausible) > before and wrong * 2 <= len(numbers) - before:
            key = next((key for key in plausible if not _is_plausible(numbers[key], now[key])), plausible[0])
            example = f"{key} {told(said[key].value, readings[key].point.unit)}"
            hint = DeviceHint(_said_of(keys, readings), len(plausible), before, len(numbers), example)
            found.append((cost, hint))
    best = max((hint.plausible for _, hint in found), default=0)
    return [hint for _, hint in sorted(found, key=lambda one: one[0]) if hint.plausible == best][:MOST_HINTS]


def _words(reading: Reading, registers: Registers) -> list[int]:
    return [] if reading.cell is None else raw_words(reading.cell, registers) or []


_Change = tuple[bool, bool, int]
"""(words turned, bytes turned, addresses moved by)."""


def _device_changes() -> Iterator[tuple[_Change, int]]:
    for words in (False, True):
        for swap in (False, True):
            for by in (0, -1, 1):
                if words or swap or by:
                    yield (words, swap, by), _WORDS * words + _BYTES * swap + _SHIFT * abs(by)


def _as_changed(reading: Reading, change: _Change) -> Reading:
    words, swap, by = change
    cell = reading.cell
    if cell is None:
        return reading
    if _number(reading) is not None:
        little_bytes, little_words = orders_of(cell)
        cell = _ordered(cell, little_bytes != swap, little_words != (words and cell.words > 1))
    address = cell.address + by
    if address >= 0 and address + cell.words <= 0x10000:
        cell = replace(cell, address=address)
    return replace(reading, cell=cell)


def _said_of(change: _Change, readings: Mapping[str, Reading]) -> str:
    words, swap, by = change
    cells = [cell for reading in readings.values() if (cell := _number(reading)) is not None]
    long = next((cell for cell in cells if cell.words > 1), cells[0])
    little_bytes, little_words = orders_of(long)
    keys = [f"word_order: {'big' if little_words else 'little'}"] if words else []
    keys += [f"byte_order: {'big' if little_bytes else 'little'}"] if swap else []
    keys += [f"every address one {'lower' if by < 0 else 'higher'}"] if by else []
    return ", ".join(keys)


def _is_plausible(reading: Reading, said: Said) -> bool:
    """Stricter than `is_odd`: of many points few are so small, and each change is counted in the same way."""
    value = said.value
    if said.quality is not Quality.GOOD or is_odd(reading, said):
        return False
    return not isinstance(value, float) or value == 0 or abs(value) >= UNLIKELY
