"""The block plan: every cell once, no limit broken, nothing forbidden touched."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.blocks import blocks_of
from drivers.modbus.cell import Cell, Table
from drivers.modbus.plan import Block, halves, plan, unreadable
from drivers.profile import Limits
from tests.drivers.made import profile

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
    max_values=st.none() | st.integers(1, 40),
    gap=st.integers(0, 124),
    align=st.sampled_from([1, 1, 2, 4]),
    one_value=st.booleans(),
)
spans = st.lists(st.tuples(st.integers(0, 1600), st.integers(0, 8)).map(lambda t: (t[0], t[0] + t[1])), max_size=6)
boundaries = st.lists(st.integers(0, 1610), max_size=6)


@given(cells(), limits, spans, boundaries, st.integers(0, 5))
def test_plan(
    wanted: list[Cell], allowed: Limits, forbidden: list[tuple[int, int]], borders: list[int], every: int
) -> None:
    # a profile refuses points that nothing can ask for
    barred = {cell for cell, _ in unreadable(wanted, allowed, forbidden, borders)}
    wanted = [cell for cell in wanted if cell not in barred]
    apart = wanted[::every] if every else []
    blocks = plan(wanted, allowed, forbidden, borders, apart=apart)
    assert sorted(cell for block in blocks for cell in block.cells) == sorted(wanted)
    kinds = [{cell in apart for cell in block.cells} for block in blocks]
    assert all(len(kind) == 1 for kind in kinds)
    for block, kind in zip(blocks, kinds, strict=True):
        own = (block.cells[0].address, block.cells[-1].end)
        assert True in kind or not any(
            cell.table is block.table and cell.address < own[1] and own[0] < cell.end for cell in apart
        )
    assert kinds == sorted(kinds, key=lambda kind: True in kind), "what need not be there is asked last"
    for block in blocks:
        align = 1 if block.table.is_bits else allowed.align
        assert all(cell.table is block.table and block.address <= cell.address for cell in block.cells)
        assert block.cells[0].address - block.address < align and block.end - block.cells[-1].end < align
        assert block.address % align == block.count % align == 0
        assert block.count <= (allowed.max_bits if block.table.is_bits else allowed.max_registers)
        assert not any(low < block.end and block.address <= high for low, high in forbidden)
        assert not any(block.address < border < block.end for border in borders)
        assert len(block.cells) <= (1 if allowed.one_value else allowed.max_values or 2000)
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


def words(
    *spans: tuple[int, int],
    forbidden: tuple[tuple[int, int], ...] = (),
    borders: tuple[int, ...] = (),
    **given: Any,
) -> list[tuple[int, int]]:
    """(address, registers) of cells, planned."""
    wanted = [Cell(Table.HOLDING, address, size, FORMATS[size]) for address, size in spans]
    return [(block.address, block.count) for block in plan(wanted, Limits(**given), forbidden, borders)]


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


@pytest.mark.parametrize(
    ("spans", "given", "blocks"),
    [
        # a request begins at a boundary, and none goes across
        ([(0x20, 2), (0x22, 2), (0x24, 2)], {"borders": (0x22,)}, [(0x20, 2), (0x22, 4)]),
        ([(0x20, 1), (0x23, 1)], {"borders": (0x22,)}, [(0x20, 1), (0x23, 1)]),
        ([(0x20, 1), (0x22, 1)], {"borders": (0x20, 0x23)}, [(0x20, 3)]),
        # Eastron: an odd start or count is refused
        ([(3, 1)], {"align": 2}, [(2, 2)]),
        ([(3, 2)], {"align": 2}, [(2, 4)]),
        ([(0, 2), (2, 2)], {"align": 2, "max_registers": 5}, [(0, 4)]),
        ([(1, 2), (4, 1)], {"align": 2, "max_registers": 5}, [(0, 4), (4, 2)]),
        ([(1, 1), (4, 1)], {"align": 4, "borders": (4,)}, [(0, 4), (4, 4)]),
        # aligned, a request must not reach what is forbidden
        ([(2, 1), (4, 1)], {"align": 2, "forbidden": ((6, 6),)}, [(2, 4)]),
        ([(2, 1), (5, 1)], {"align": 2, "forbidden": ((4, 4),)}, [(2, 2), (4, 2)]),
        # as many values as the device answers at once, each counted once however it is read
        ([(0, 1), (1, 1), (2, 1)], {"max_values": 2}, [(0, 2), (2, 1)]),
        ([(0, 2), (2, 2), (4, 2), (6, 2)], {"max_values": 3}, [(0, 6), (6, 2)]),
    ],
)
def test_limits(spans: list[tuple[int, int]], given: dict[str, Any], blocks: list[tuple[int, int]]) -> None:
    assert words(*spans, **given) == blocks


def test_several_readings_of_a_register_count_as_one_value() -> None:
    cells = [Cell(Table.HOLDING, 7, 1, "H"), Cell(Table.HOLDING, 7, 1, "xB"), Cell(Table.HOLDING, 8, 1, "H")]
    assert [block.count for block in plan(cells, Limits(max_values=2))] == [2]


@pytest.mark.parametrize(
    ("span", "given", "words"),
    [
        ((2, 4), {"borders": (4,)}, "the request for 2 … 5 would go across 4"),
        ((2, 1), {"forbidden": ((3, 3),), "limits": {"align": 2}}, "2 … 3 would touch 3 … 3, which stands in"),
        ((1, 4), {"limits": {"align": 2, "max_registers": 4}}, "6 registers do not fit into one request of at most 4"),
        ((65534, 1), {"limits": {"align": 7}}, "would end behind the last register"),
    ],
)
def test_what_nothing_can_ask_for_is_told(span: tuple[int, int], given: dict[str, Any], words: str) -> None:
    cell = Cell(Table.HOLDING, span[0], span[1], FORMATS[span[1]])
    limits = Limits(**given.get("limits", {}))
    ((found, why),) = unreadable([cell], limits, given.get("forbidden", ()), given.get("borders", ()))
    assert found is cell and words in why


def test_limits_are_told_in_the_manuals_numbers() -> None:
    limits = Limits.model_validate({"never_read": [[40011, 40012]], "never_cross": [40005, 40101]})
    assert limits.forbidden("ref") == ((10, 11),) and limits.boundaries("ref") == (4, 100)
    assert Limits.model_validate({"never_read": [7], "never_cross": [9, 3]}).boundaries(1) == (2, 8)
    with pytest.raises(ValueError, match="at least as many `max_registers`"):
        Limits(align=4, max_registers=3)
    with pytest.raises(ValueError, match="`max_period` must not be shorter than `min_period`"):
        Limits.model_validate({"min_period": "5s", "max_period": "4s"})


def test_requests_of_a_profile() -> None:
    made = profile(
        {
            "a": {"address": 41, "type": "uint32"},
            "b": {"address": 44},
            "c": {"address": 47},
            "d": {"address": 61},
        },
        {"base": 1, "limits": {"never_cross": [43], "never_read": [[50, 52]], "align": 2}},
    )
    asked = [(block.address, block.count) for block in blocks_of(made, made.readings)]
    assert asked == [(40, 2), (42, 6), (60, 2)]


def test_what_need_not_be_there_is_not_read_across_and_a_shared_register_is_no_question_of_its_own() -> None:
    one, two, three = (Cell(Table.HOLDING, address, 1, "H") for address in (1, 2, 3))
    blocks = plan([one, two, three], Limits(), apart=[two])
    assert [(block.address, block.count) for block in blocks] == [(1, 1), (3, 1), (2, 1)]
    low = Cell(Table.HOLDING, 2, 1, "xB")
    assert [(block.address, block.count) for block in plan([one, two, low, three], Limits(), apart=[low])] == [(1, 3)]
    coil = Cell(Table.COIL, 2, 1, "?")
    assert [block.count for block in plan([one, three, coil], Limits(), apart=[coil])] == [3, 1]
