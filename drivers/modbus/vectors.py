"""A profile's own examples, run through the real plan and decoder. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence

from drivers.adaptation import Adaptation
from drivers.examples import compared
from drivers.language import Mistake
from drivers.modbus.cell import Table, locate
from drivers.modbus.codec import Decoder
from drivers.modbus.language import Image, ModbusProfile, Vector
from drivers.modbus.plan import Block, plan
from drivers.modbus.reading import cells_of
from gateway.model import Quality, Value

Registers = Mapping[tuple[Table, int], int]
Images = Mapping[str | int | None, Registers]
"""The registers of each unit; None: the device's own."""


def vector_failures(profile: ModbusProfile) -> Iterator[tuple[int, str, str]]:
    """(index of the vector, point, sentence) of every example that the profile does not keep."""
    for index, vector in enumerate(profile.vectors):
        for key, sentence in _check(profile, vector):
            yield index, key, sentence


def mistakes(profile: ModbusProfile) -> Iterator[Mistake]:
    """The same with the keys that lead to the wrong word, and examples that cannot be at all."""
    for index, vector in enumerate(profile.vectors):
        try:
            for key, sentence in _check(profile, vector):
                place = (key,) if key == "variant" else ("expect" if key in vector.expect else "bad", key)
                yield index, place, f"{key}: {sentence}"
        except ValueError as error:  # a register that there is not, a parameter that is missing
            yield index, (), str(error)


def _check(profile: ModbusProfile, vector: Vector) -> Iterator[tuple[str, str]]:
    images = _images(profile, vector)
    said = profile.for_parts(vector.parts).adapted(Adaptation(parameters=vector.parameters), "UTC")
    subject: ModbusProfile | None = said
    identity = _decoded(said, said.identity, images) if said.identity else None
    if identity is not None:
        subject = said.chosen({key: value for key, (value, _) in identity.items()})
        found = subject.variant_name if subject else None
        if vector.variant not in (None, found):
            yield "variant", f"expected {vector.variant!r}, but its identity says {found!r}"
            return
    elif vector.variant is not None:
        subject = said.adapted(Adaptation(parameters=vector.parameters, variant=vector.variant), "UTC")
    for key in [*vector.expect, *vector.bad]:
        if subject is None:  # none of its variants: nothing is read as a value
            outcome: tuple[Value, int] | None = (None, Quality.BAD_CONFIG)
        else:
            decoded = _decoded(subject, [key], images)
            outcome = None if decoded is None else decoded[key]
        if outcome is None:
            yield key, f"the vector leaves out a register of {key!r}"
        elif told := compared(key, *outcome, vector.expect, vector.bad):
            yield key, told


def _decoded(profile: ModbusProfile, keys: Sequence[str], images: Images) -> dict[str, tuple[Value, int]] | None:
    """(value, quality) of these points, which stand in one unit; None when a register is not there."""
    wanted = list(dict.fromkeys(key for own in keys for key in (own, *profile.readings[own].needs)))
    readings = {key: profile.readings[key] for key in wanted}
    image = images.get(readings[keys[0]].unit, {})
    limits, base = profile.modbus.limits, profile.modbus.base
    blocks = plan(cells_of(readings.values()), limits, limits.forbidden(base), limits.boundaries(base))
    answers = [_answer(block, image) for block in blocks]
    if None in answers:
        return None
    values, quality = Decoder(readings, blocks).decode([answer for answer in answers if answer is not None])
    marks = quality or [0] * len(values)
    return dict(zip(readings, zip(values, marks, strict=True), strict=True))


def _images(profile: ModbusProfile, vector: Vector) -> Images:
    images: dict[str | int | None, Registers] = {unit: _image(profile, image) for unit, image in vector.units.items()}
    images[None] = _image(profile, vector)
    return images


def _image(profile: ModbusProfile, said: Image) -> Registers:
    image: dict[tuple[Table, int], int] = {}
    defaults = profile.modbus
    own: dict[Table | None, Mapping[int, tuple[int, ...]]] = {
        None: said.registers,
        Table.HOLDING: said.holding,
        Table.INPUT: said.input,
        Table.COIL: said.coil,
        Table.DISCRETE: said.discrete,
    }
    for table, rows in own.items():
        for number, words in rows.items():
            where, address = locate(number, defaults.base, table, defaults.table)
            image |= {(where, address + i): int(word) for i, word in enumerate(words)}
    return image


def _answer(block: Block, image: Registers) -> bytes | None:
    words = [image.get((block.table, address)) for address in range(block.address, block.end)]
    if any(words[cell.address - block.address + i] is None for cell in block.cells for i in range(cell.words)):
        return None
    filled = [word or 0 for word in words]
    if block.table.is_bits:
        packed = sum(bit << i for i, bit in enumerate(filled))
        return packed.to_bytes((block.count + 7) // 8, "little")
    return struct.pack(f">{len(filled)}H", *filled)
