"""A profile's own examples, run through the real plan and decoder. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from drivers.examples import compared
from drivers.language import Mistake
from drivers.modbus.cell import Table, locate
from drivers.modbus.codec import Decoder
from drivers.modbus.language import ModbusProfile, Vector, never_read
from drivers.modbus.plan import Block, plan
from drivers.modbus.reading import cells_of


def vector_failures(profile: ModbusProfile) -> Iterator[tuple[int, str, str]]:
    """(index of the vector, point, sentence) of every example that the profile does not keep."""
    for index, vector in enumerate(profile.vectors):
        for key, sentence in _check(profile.for_parts(vector.parts), vector):
            yield index, key, sentence


def mistakes(profile: ModbusProfile) -> Iterator[Mistake]:
    """The same with the keys that lead to the wrong word, and examples that cannot be at all."""
    for index, vector in enumerate(profile.vectors):
        try:
            for key, sentence in _check(profile.for_parts(vector.parts), vector):
                yield index, ("expect" if key in vector.expect else "bad", key), f"{key}: {sentence}"
        except ValueError as error:  # a register that there is not
            yield index, (), str(error)


def _check(profile: ModbusProfile, vector: Vector) -> Iterator[tuple[str, str]]:
    image = _image(profile, vector)
    for key in [*vector.expect, *vector.bad]:
        needed = [key, *profile.readings[key].needs]
        readings = {name: profile.readings[name] for name in needed}
        blocks = plan(cells_of(readings.values()), profile.modbus.limits, never_read(profile))
        answers = [_answer(block, image) for block in blocks]
        if None in answers:
            yield key, f"the vector leaves out a register of {key!r}"
            continue
        values, quality = Decoder(readings, blocks).decode([answer for answer in answers if answer is not None])
        if told := compared(key, values[0], quality[0] if quality else 0, vector.expect, vector.bad):
            yield key, told


def _image(profile: ModbusProfile, vector: Vector) -> dict[tuple[Table, int], int]:
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
