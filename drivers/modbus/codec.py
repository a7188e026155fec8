"""From the bytes of answers to columns of values with their quality. Pure, and compiled once per plan.

A block is one or two calls of `struct.unpack`; what has to be done to a point then is done in columns
(drivers.meaning).
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from operator import itemgetter
from struct import Struct
from typing import Any

from drivers.meaning import Marks, compile_steps, run_steps
from drivers.modbus.cell import Cell
from drivers.modbus.plan import Block
from drivers.modbus.reading import Reading

NOTHING: Mapping[int, int] = {}
# coils and discrete inputs: the first in the lowest bit of the first byte (§6.1)
_BITS = tuple(tuple(bool(byte >> bit & 1) for bit in range(8)) for byte in range(256))


def answer_bytes(block: Block) -> int:
    """How many bytes the answer to this block holds (§6.1–§6.4: the byte count)."""
    return (block.count + 7) // 8 if block.table.is_bits else 2 * block.count


class BlockReader:
    """Raw values of one block's cells, in the order of `block.cells`, from the bytes of its answer."""

    __slots__ = ("_bits", "_layers", "_size")

    def __init__(self, block: Block) -> None:
        self._size = len(block.cells)
        self._bits = [cell.address - block.address for cell in block.cells] if block.table.is_bits else None
        self._layers = [] if block.table.is_bits else _layers(block)

    def read(self, payload: bytes) -> Sequence[Any]:
        if self._bits is not None:
            flags = [flag for byte in payload for flag in _BITS[byte]]
            return [flags[bit] for bit in self._bits]
        if len(self._layers) == 1:
            swapped, struct, _ = self._layers[0]
            return struct.unpack(_swap(payload) if swapped else payload)
        raw: list[Any] = [None] * self._size
        turned = _swap(payload)
        for swapped, struct, slots in self._layers:
            for slot, value in zip(slots, struct.unpack(turned if swapped else payload), strict=True):
                raw[slot] = value
        return raw


def _swap(payload: bytes) -> bytes:
    words = array("H", payload)
    words.byteswap()
    return words.tobytes()


def _layers(block: Block) -> list[tuple[bool, Struct, list[int]]]:
    """Structs over the whole block, as many as byte orders and cells on the same register need."""
    open_layers: list[tuple[bool, str, list[int]]] = []
    for slot, cell in enumerate(block.cells):
        for swapped, order, slots in open_layers:
            if (swapped, order) == (cell.swapped, cell.order) and block.cells[slots[-1]].end <= cell.address:
                slots.append(slot)
                break
        else:
            open_layers.append((cell.swapped, cell.order, [slot]))
    return [
        (swapped, Struct(_format(order, block, [block.cells[slot] for slot in slots])), slots)
        for swapped, order, slots in open_layers
    ]


def _format(order: str, block: Block, cells: Sequence[Cell]) -> str:
    pieces = [order]
    at = block.address
    for cell in cells:
        pieces += ["2x" * (cell.address - at), cell.format]
        at = cell.end
    return "".join([*pieces, "2x" * (block.end - at)])


class Decoder:
    """Columns of a unit's points. `keys` are the points of the columns, in order."""

    def __init__(self, readings: Mapping[str, Reading], blocks: Sequence[Block]) -> None:
        self.keys = tuple(readings)
        slot_of = {key: slot for slot, key in enumerate(self.keys)}
        self._steps = compile_steps([reading.meaning for reading in readings.values()], slot_of)
        self._readings = tuple(readings.values())
        self.replan(blocks)

    def replan(self, blocks: Sequence[Block]) -> None:
        """Take the cells from other blocks (a refused block has been cut)."""
        self._readers = [BlockReader(block) for block in blocks]
        self._sizes = [len(block.cells) for block in blocks]
        cells = [cell for block in blocks for cell in block.cells]
        index = {cell: i for i, cell in enumerate(cells)}
        # what is not read has its slot, too: behind all that is
        picks = [len(cells) if reading.cell is None else index[reading.cell] for reading in self._readings]
        self._picks = picks
        self._unread = len(cells) in picks
        self._in_order = picks == list(range(len(cells)))
        self._get = itemgetter(*picks) if len(picks) > 1 else None

    def decode(
        self, answers: Sequence[bytes | int], discarded: Mapping[int, int] = NOTHING
    ) -> tuple[list[Any], list[int] | None]:
        """Values and qualities (None: all GOOD). An answer is the bytes of a block, or the quality of its failure.

        `discarded` are the slots whose raw values count for nothing, with their qualities.
        """
        raw: list[Any] = []
        failed: dict[int, int] = {}
        for answer, reader, size in zip(answers, self._readers, self._sizes, strict=True):
            if isinstance(answer, int):
                failed.update(dict.fromkeys(range(len(raw), len(raw) + size), answer))
                raw += [None] * size
            else:
                raw += reader.read(answer)
        bad: Marks = {slot: failed[pick] for slot, pick in enumerate(self._picks) if pick in failed} if failed else {}
        if self._unread:
            raw.append(None)
        if not self._in_order:
            raw = list(self._get(raw)) if self._get else [raw[pick] for pick in self._picks]
        for slot, reason in discarded.items():
            if slot not in bad:
                raw[slot], bad[slot] = None, reason
        return raw, run_steps(self._steps, raw, bad)
