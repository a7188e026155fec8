"""The block plan: every cell once, no limit broken, nothing forbidden touched."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.cell import Cell, Table
from drivers.modbus.plan import Block, halves, plan
from drivers.profile import Limits

FORMATS = {1: "H", 2: "I", 4: "Q"}


@st.composite
def cells(draw: st.DrawFn) -> list[Cell]:
    taken: dict[tuple[Table, int], Cell] = {}
    for _ in range(draw(st.integers(1, 60))):
        table = draw(st.sampled_from(list(Table)))
        words = 1 if table.is_bits else draw(st.sampled_from([1, 1, 2, 4]))
        cell = Cell(table, draw(st.integers(0, 400)) * 4, words, "?" if table.is_bits else FORMATS[words])
        taken.setdefault((table, cell.address), cell)
    return list(taken.values())


limits = st.builds(
    Limits,
    max_registers=st.integers(4, 125),
    max_bits=st.integers(1, 2000),
    gap=st.integers(0, 124),
    one_value=st.booleans(),
)
spans = st.lists(st.tuples(st.integers(0, 1600), st.integers(0, 8)).map(lambda t: (t[0], t[0] + t[1])), max_size=6)


@given(cells(), limits, spans)
def test_plan(wanted: list[Cell], allowed: Limits, forbidden: list[tuple[int, int]]) -> None:
    # a profile refuses points in forbidden registers
    wanted = [c for c in wanted if not any(c.address <= high and low < c.end for low, high in forbidden)]
    blocks = plan(wanted, allowed, forbidden)
    assert sorted(cell for block in blocks for cell in block.cells) == sorted(wanted)
    for block in blocks:
        assert all(cell.table is block.table and block.address <= cell.address for cell in block.cells)
        assert block.cells[0].address == block.address
        assert block.cells[-1].end == block.end
        assert block.count <= (allowed.max_bits if block.table.is_bits else allowed.max_registers)
        assert not any(low < block.end and block.address <= high for low, high in forbidden)
        assert not allowed.one_value or len(block.cells) == 1
        for one, two in zip(block.cells, block.cells[1:], strict=False):
            assert two.address - one.end <= allowed.gap


@given(cells())
def test_halving_ends_at_single_values_and_loses_none(wanted: list[Cell]) -> None:
    blocks = list(plan(wanted, Limits()))
    singles: list[Block] = []
    while blocks:
        block = blocks.pop()
        parts = halves(block)
        if parts is None:
            singles.append(block)
            continue
        assert parts[0].cells + parts[1].cells == block.cells
        assert parts[0].end <= parts[1].address
        blocks += parts
    assert sorted(cell for block in singles for cell in block.cells) == sorted(wanted)


def block_words(**given: Any) -> list[tuple[int, int]]:
    wanted = [Cell(Table.HOLDING, address, 1, "H") for address in (0, 16, 33, 51)]
    return [(block.address, block.count) for block in plan(wanted, Limits(**given))]


def test_defaults() -> None:
    assert block_words() == [(0, 34), (51, 1)]
    assert block_words(gap=15) == [(0, 17), (33, 1), (51, 1)]
    assert block_words(gap=0) == [(0, 1), (16, 1), (33, 1), (51, 1)]
    assert block_words(gap=124, max_registers=51) == [(0, 34), (51, 1)]


def test_bits_of_one_register_are_one_question_even_one_by_one() -> None:
    two_readings = [Cell(Table.HOLDING, 7, 1, "H"), Cell(Table.HOLDING, 7, 1, "xB")]
    assert [block.count for block in plan(two_readings, Limits(one_value=True))] == [1]


def words(*spans: tuple[int, int], forbidden: tuple[tuple[int, int], ...] = (), **given: Any) -> list[tuple[int, int]]:
    """(address, registers) of cells, planned."""
    wanted = [Cell(Table.HOLDING, address, size, FORMATS[size]) for address, size in spans]
    return [(block.address, block.count) for block in plan(wanted, Limits(**given), forbidden)]


def test_a_request_may_be_as_long_as_the_limit_wherever_it_stands() -> None:
    assert words((5000, 1), (5009, 1), max_registers=10) == [(5000, 10)]
    assert words((5000, 1), (5010, 1), max_registers=10) == [(5000, 1), (5010, 1)]
    assert words((10, 2), (12, 2), max_registers=3) == words((10, 2), (12, 2), one_value=True) == [(10, 2), (12, 2)]
    coils = [Cell(Table.COIL, address, 1, "?") for address in (0, 9)]
    assert len(plan(coils, Limits(max_registers=1, max_bits=10))) == 1
    assert len(plan(coils, Limits(max_bits=9))) == 2


def test_only_a_forbidden_register_in_the_gap_parts_two_cells() -> None:
    assert words((10, 1), (14, 1), forbidden=((3, 4), (20, 30))) == [(10, 5)]
    for low, high in ((11, 11), (13, 13), (11, 13)):
        assert words((10, 1), (14, 1), forbidden=((low, high),)) == [(10, 1), (14, 1)]


def test_two_values_are_halved_into_one_each() -> None:
    block = Block(Table.HOLDING, 10, 4, (Cell(Table.HOLDING, 10, 1, "H"), Cell(Table.HOLDING, 13, 1, "H")))
    parts = halves(block)
    assert parts is not None and [(part.address, part.count) for part in parts] == [(10, 1), (13, 1)]


def test_a_block_names_its_first_and_last_register() -> None:
    assert [str(Block(Table.HOLDING, 10, count, ())) for count in (1, 2, 4)] == [
        "holding 10",
        "holding 10…11",
        "holding 10…13",
    ]
