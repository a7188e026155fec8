"""The block plan: which registers are asked for together. Pure.

A gap is bridged when it is short and nothing in it is forbidden: one request costs as much as some 100 registers.
Reading across undefined registers is refused by some devices, so a profile narrows `gap`, or sets `one_value`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from drivers.modbus.cell import LAST_ADDRESS, Cell, Table
from drivers.modbus.limits import Limits

Spans = Sequence[tuple[int, int]]


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


@dataclass(frozen=True, slots=True)
class Rules:
    """What a request must keep: `forbidden` spans (ends included) and `boundaries` are addresses on the wire.

    No request reads across the registers of `avoided` from one of its cells to the next.
    """

    limits: Limits
    forbidden: Spans = ()
    boundaries: Sequence[int] = ()
    avoided: Collection[tuple[Table, int]] = ()

    def span(self, cells: Sequence[Cell]) -> tuple[int, int]:
        """(first register, the one behind the last) of the request that asks for `cells`."""
        first, end = cells[0].address, max(cell.end for cell in cells)
        align = 1 if cells[0].table.is_bits else self.limits.align
        return first - first % align, end + -end % align

    def broken(self, cells: Sequence[Cell]) -> str | None:
        """Why `cells` cannot be one request, None when they can."""
        first, end = self.span(cells)
        bits = cells[0].table.is_bits
        cap = self.limits.max_bits if bits else self.limits.max_registers
        if end - first > cap:
            return f"{end - first} {'bits' if bits else 'registers'} do not fit into one request of at most {cap}"
        for low, high in self.forbidden:
            if low < end and first <= high:
                return f"the request for {first} … {end - 1} would touch {low} … {high}, which stands in `never_read`"
        for boundary in self.boundaries:
            if first < boundary < end:
                return f"the request for {first} … {end - 1} would go across {boundary}, which stands in `never_cross`"
        if end > LAST_ADDRESS + 1:
            return f"the request for {first} … {end - 1} would end behind the last register there is"
        return None

    def block(self, cells: Sequence[Cell]) -> Block:
        first, end = self.span(cells)
        return Block(cells[0].table, first, end - first, tuple(cells))


def plan(
    cells: Iterable[Cell],
    limits: Limits,
    forbidden: Spans = (),
    boundaries: Sequence[int] = (),
    *,
    apart: Collection[Cell] = (),
) -> tuple[Block, ...]:
    """Blocks that cover every cell once, within the limits.

    The cells in `apart` (but for those on a register with others) are in no request for others, not even as a gap, and
    go last. A cell that nothing can ask for within the limits (see `unreadable`) has a block of its own.
    """
    wanted = set(cells)
    rest = wanted - set(apart)
    shared = _registers(rest) if len(rest) < len(wanted) else set()
    own = {cell for cell in wanted - rest if shared.isdisjoint(_registers([cell]))}
    return (
        *_blocks(wanted - own, Rules(limits, forbidden, boundaries, _registers(own))),
        *_blocks(own, Rules(limits, forbidden, boundaries)),
    )


def unreadable(
    cells: Iterable[Cell], limits: Limits, forbidden: Spans = (), boundaries: Sequence[int] = ()
) -> Iterator[tuple[Cell, str]]:
    """The cells that cannot be asked for within the limits, with a sentence (registers as sent on the wire)."""
    rules = Rules(limits, forbidden, boundaries)
    for cell in sorted(set(cells)):
        if (why := rules.broken([cell])) is not None:
            yield cell, why


def halves(block: Block, limits: Limits | None = None) -> tuple[Block, Block] | None:
    """The block in two, cut between registers; None when there is only one value in it."""
    starts = sorted({cell.address for cell in block.cells})
    if len(starts) < 2:
        return None
    cut = starts[len(starts) // 2]
    rules = Rules(limits or Limits())
    return (
        rules.block([cell for cell in block.cells if cell.address < cut]),
        rules.block([cell for cell in block.cells if cell.address >= cut]),
    )


def _blocks(cells: Collection[Cell], rules: Rules) -> Iterator[Block]:
    run: list[Cell] = []
    values = 0
    for cell in sorted(cells):
        if run and not _joins(run, values, cell, rules):
            yield rules.block(run)
            run = []
        values = 1 if not run else values + (cell.address != run[-1].address)
        run.append(cell)
    if run:
        yield rules.block(run)


def _joins(run: Sequence[Cell], values: int, cell: Cell, rules: Rules) -> bool:
    limits = rules.limits
    if cell.table is not run[0].table:
        return False
    end = run[-1].end
    if cell.address < end:
        return True  # several readings of one register
    if limits.one_value or cell.address - end > limits.gap or (limits.max_values and values >= limits.max_values):
        return False
    if rules.avoided and any((cell.table, register) in rules.avoided for register in range(end, cell.end)):
        return False
    return rules.broken([run[0], run[-1], cell]) is None


def _registers(cells: Iterable[Cell]) -> set[tuple[Table, int]]:
    return {(cell.table, register) for cell in cells for register in range(cell.address, cell.end)}
