"""Registers that have been read, and what a profile makes of them: the bench's own way through the codec. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from drivers.modbus.cell import Cell, Table
from drivers.modbus.codec import Decoder, answer_bytes
from drivers.modbus.plan import Block
from drivers.modbus.reading import Reading
from gateway.model import Quality, Value

Registers = Mapping[tuple[Table, int], int]
"""What stands where; bits are 0 and 1. What is not in it could not be read."""


class Said(NamedTuple):
    """A point as it comes out."""

    value: Value
    quality: Quality


def unpacked(block: Block, payload: bytes) -> dict[tuple[Table, int], int]:
    """The registers (or bits) of a block's answer."""
    if block.table.is_bits:
        return {(block.table, block.address + i): payload[i // 8] >> i % 8 & 1 for i in range(block.count)}
    return {
        (block.table, block.address + i): int.from_bytes(payload[2 * i : 2 * i + 2], "big") for i in range(block.count)
    }


def raw_words(cell: Cell, registers: Registers) -> list[int] | None:
    """The registers of a cell, None when one of them is missing."""
    found = [registers.get((cell.table, address)) for address in range(cell.address, cell.end)]
    return None if None in found else [word for word in found if word is not None]


def decoded(
    readings: Mapping[str, Reading], registers: Registers, missing: Mapping[tuple[Table, int], int] | None = None
) -> dict[str, Said]:
    """Every point of `readings`; of a cell that is not in `registers`, BAD: `missing` says why, else BAD_COMM."""
    cells = dict.fromkeys(cell for reading in readings.values() if (cell := reading.cell) is not None)
    blocks = [Block(cell.table, cell.address, cell.words, (cell,)) for cell in cells]
    answers = [_answer(block, registers, missing or {}) for block in blocks]
    values, quality = Decoder(readings, blocks).decode(answers)
    marks: Sequence[int] = quality if quality is not None else [0] * len(values)
    return {key: Said(value, Quality(mark)) for key, value, mark in zip(readings, values, marks, strict=True)}


def _answer(block: Block, registers: Registers, missing: Mapping[tuple[Table, int], int]) -> bytes | int:
    (cell,) = block.cells
    words = raw_words(cell, registers)
    if words is None:
        places = ((cell.table, address) for address in range(cell.address, cell.end))
        return next((missing[place] for place in places if place in missing), int(Quality.BAD_COMM))
    if block.table.is_bits:
        packed = sum(bit << place for place, bit in enumerate(words))
        return packed.to_bytes(answer_bytes(block), "little")
    return b"".join(word.to_bytes(2, "big") for word in words)
