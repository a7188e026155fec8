"""The block plan: which registers are asked for together. Pure.

A gap is bridged when it is short and nothing in it is forbidden: one request costs as much as some 100 registers.
Reading across undefined registers is refused by some devices, so a profile narrows `gap`, or sets `one_value`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from drivers.modbus.cell import Cell, Table
from drivers.modbus.limits import Limits


@dataclass(frozen=True, slots=True)
class Block:
    """One request, and the cells that its answer holds, by rising address."""

    table: Table
    address: int
    count: int
    cells: tuple[Cell, ...]

    @property
    def end(self) -> int:
        return self.address + self.count

    def __str__(self) -> str:
        last = f"…{self.end - 1}" if self.count > 1 else ""
        return f"{self.table} {self.address}{last}"


def plan(cells: Iterable[Cell], limits: Limits, forbidden: Sequence[tuple[int, int]] = ()) -> tuple[Block, ...]:
    """Blocks that cover every cell once, within the limits, touching no register of `forbidden` (ends included)."""
    blocks: list[Block] = []
    run: list[Cell] = []
    for cell in sorted(set(cells)):
        if run and not _joins(run, cell, limits, forbidden):
            blocks.append(_block(run))
            run = []
        run.append(cell)
    if run:
        blocks.append(_block(run))
    return tuple(blocks)


def halves(block: Block) -> tuple[Block, Block] | None:
    """The block in two, cut between registers; None when there is only one value in it."""
    starts = sorted({cell.address for cell in block.cells})
    if len(starts) < 2:
        return None
    cut = starts[len(starts) // 2]
    return (
        _block([cell for cell in block.cells if cell.address < cut]),
        _block([cell for cell in block.cells if cell.address >= cut]),
    )


def _block(cells: Sequence[Cell]) -> Block:
    address = cells[0].address
    return Block(cells[0].table, address, max(cell.end for cell in cells) - address, tuple(cells))


def _joins(run: list[Cell], cell: Cell, limits: Limits, forbidden: Sequence[tuple[int, int]]) -> bool:
    if cell.table is not run[0].table:
        return False
    end = run[-1].end
    if cell.address < end:
        return True  # several readings of one register
    if limits.one_value:
        return False
    cap = limits.max_bits if cell.table.is_bits else limits.max_registers
    if cell.address - end > limits.gap or cell.end - run[0].address > cap:
        return False
    return not any(low < cell.address and end <= high for low, high in forbidden)
