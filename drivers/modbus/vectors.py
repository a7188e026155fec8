"""A profile's own examples, run through the real plan and decoder. Pure."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping

from drivers.modbus.cell import Table, locate
from drivers.modbus.codec import Decoder
from drivers.modbus.plan import Block, plan
from drivers.profile import Profile, Vector, never_read
from gateway.model import Quality, Value

# registers and floats have fewer digits than the numbers people write
CLOSE = 1e-6


def vector_failures(profile: Profile) -> Iterator[tuple[int, str, str]]:
    """(index of the vector, point, sentence) of every example that the profile does not keep."""
    for index, vector in enumerate(profile.vectors):
        for key, sentence in _check(profile, vector):
            yield index, key, sentence


def _check(profile: Profile, vector: Vector) -> Iterator[tuple[str, str]]:
    image = _image(profile, vector)
    for key in [*vector.expect, *vector.bad]:
        needed = [key]
        while condition := profile.readings[needed[-1]].meaning.valid_when:
            needed.append(condition[0])
        readings = {name: profile.readings[name] for name in needed}
        blocks = plan((r.cell for r in readings.values()), profile.modbus.limits, never_read(profile))
        answers = [_answer(block, image) for block in blocks]
        if None in answers:
            yield key, f"the vector leaves out a register of {key!r}"
            continue
        values, quality = Decoder(readings, blocks).decode([answer for answer in answers if answer is not None])
        reason = Quality(quality[0]).reason if quality else None
        wanted = vector.bad.get(key)
        if reason != wanted:
            yield key, f"expected {wanted or 'a value'}, got {reason or values[0]!r}"
        elif wanted is None and not _same(values[0], vector.expect[key]):
            yield key, f"expected {vector.expect[key]!r}, got {values[0]!r}"


def _same(value: Value, expected: Value) -> bool:
    if isinstance(value, (bool, str)) or isinstance(expected, (bool, str)) or value is None or expected is None:
        return value is expected or (isinstance(value, str) and value == expected)
    return math.isclose(value, expected, rel_tol=CLOSE, abs_tol=1e-12)


def _image(profile: Profile, vector: Vector) -> dict[tuple[Table, int], int]:
    image: dict[tuple[Table, int], int] = {}
    defaults = profile.modbus
    own: dict[Table | None, Mapping[int, tuple[int, ...]]] = {
        None: vector.registers,
        Table.HOLDING: vector.holding,
        Table.INPUT: vector.input,
        Table.COIL: vector.coil,
        Table.DISCRETE: vector.discrete,
    }
    for table, rows in own.items():
        for number, words in rows.items():
            where, address = locate(number, defaults.base, table, defaults.table)
            image |= {(where, address + i): int(word) for i, word in enumerate(words)}
    return image


def _answer(block: Block, image: dict[tuple[Table, int], int]) -> bytes | None:
    words = [image.get((block.table, address)) for address in range(block.address, block.end)]
    if any(words[cell.address - block.address + i] is None for cell in block.cells for i in range(cell.words)):
        return None
    filled = [word or 0 for word in words]
    if block.table.is_bits:
        packed = sum(bit << i for i, bit in enumerate(filled))
        return packed.to_bytes((block.count + 7) // 8, "little")
    return struct.pack(f">{len(filled)}H", *filled)
