"""Packed rows give back what was put in, and say so when they cannot."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import Layout, Point, PointType, Quality, Value
from gateway.store.errors import CorruptRow
from gateway.store.packing import Flag, Packing
from tests.store.material import MIXED, layout

CODES = ("automatic", "inspection", "火警")
INTEGERS = st.integers(-(2**63), 2**64 - 1)
ANY_VALUE: dict[PointType, st.SearchStrategy[Value]] = {
    PointType.BOOL: st.none() | st.booleans(),
    PointType.INT: st.none() | INTEGERS | st.integers(-300, 300),
    PointType.FLOAT: st.none() | st.floats(allow_nan=False),
    PointType.ENUM: st.none() | st.sampled_from(CODES) | st.text(st.characters(codec="utf-8")),
    PointType.TEXT: st.none() | st.text(st.characters(codec="utf-8")),
}
# the ones that a healthy device sends: mostly struct rows
GOOD_VALUE: dict[PointType, st.SearchStrategy[Value]] = {
    PointType.BOOL: st.booleans(),
    PointType.INT: st.integers(-(2**31), 2**31 - 1),
    PointType.FLOAT: st.floats(allow_nan=False),
    PointType.ENUM: st.sampled_from(CODES),
    PointType.TEXT: st.text(st.characters(codec="utf-8")),
}


@st.composite
def rows(draw: st.DrawFn) -> tuple[Layout, list[Value], list[int] | None]:
    types = draw(st.lists(st.sampled_from(list(PointType)), min_size=1, max_size=12))
    points = tuple(Point(f"p{n}", t, codes=CODES if t is PointType.ENUM else ()) for n, t in enumerate(types))
    values = draw(st.sampled_from([ANY_VALUE, GOOD_VALUE]))
    qualities = st.lists(st.sampled_from(list(Quality)).map(int), min_size=len(types), max_size=len(types))
    same = st.sampled_from(list(Quality)).map(lambda q: [int(q)] * len(types))
    return Layout("d", points), [draw(values[t]) for t in types], draw(st.none() | same | qualities)


def same_types(left: list[Value], right: list[Value]) -> bool:
    return [type(v) for v in left] == [type(v) for v in right]


@settings(deadline=None)  # the machine is shared
@given(rows(), st.integers(0, 2**62), st.integers(0, 7))
def test_a_row_comes_back_as_it_was(row: tuple[Layout, list[Value], Any], position: int, kind: int) -> None:
    of, values, quality = row
    packing = Packing(of, 3)
    flags, blob = packing.pack(position, values, quality, kind)
    assert flags & 7 == kind
    unpacked, marks = packing.unpack(position, flags, blob)
    assert unpacked == values
    assert same_types(unpacked, values)
    assert marks == quality
    for index, value in enumerate(values):
        assert packing.column(index)(position, flags, blob) == (value, quality[index] if quality else Quality.GOOD)


@settings(deadline=None)  # the machine is shared
@given(rows(), st.data())
def test_no_flipped_bit_goes_unseen(row: tuple[Layout, list[Value], Any], data: st.DataObject) -> None:
    of, values, quality = row
    packing = Packing(of, 3)
    flags, blob = packing.pack(7, values, quality, 0)
    bit = data.draw(st.integers(0, len(blob) * 8 - 1))
    broken = bytearray(blob)
    broken[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CorruptRow, match="7 of d is damaged"):
        packing.unpack(7, flags, bytes(broken))
    with pytest.raises(CorruptRow):
        packing.column(0)(7, flags, bytes(broken))


def test_a_row_belongs_to_its_position_and_layout() -> None:
    packing = Packing(MIXED, 3)
    flags, blob = packing.pack(7, [1.5, 3, True, "inspection"], None, 0)
    for other in (Packing(MIXED, 4), packing):
        with pytest.raises(CorruptRow):
            other.unpack(8 if other is packing else 7, flags, blob)
    for short in (b"", blob[:3], blob[:-1]):
        with pytest.raises(CorruptRow):
            packing.unpack(7, flags, short)


def test_healthy_rows_have_fixed_places() -> None:
    flags, blob = Packing(MIXED, 1).pack(1, [1.5, 3, True, "inspection"], None, 0)
    assert (flags, len(blob)) == (0, 8 + 4 + 1 + 1 + 4)


def test_one_bad_value_makes_a_free_row_and_one_quality_for_all_takes_a_byte() -> None:
    packing = Packing(MIXED, 1)
    flags, blob = packing.pack(1, [None, None, None, None], [Quality.BAD_COMM] * 4, 0)
    assert flags == Flag.FREE | Flag.QUALITY | Flag.SAME_QUALITY
    assert len(blob) == 5 + 1 + 4
    flags, _ = packing.pack(1, [1.0, 2, None, "inspection"], [0, 0, Quality.BAD_SENSOR, 0], 0)
    assert flags == Flag.FREE | Flag.QUALITY


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, "lone \ud800"])
def test_a_value_that_no_row_can_hold_is_kept_as_bad(value: Value) -> None:
    packing = Packing(Layout("d", (Point("a", PointType.FLOAT), Point("b", PointType.INT))), 1)
    flags, blob = packing.pack(1, [1.5, value], None, 0)
    assert packing.unpack(1, flags, blob) == ([1.5, None], [Quality.GOOD, Quality.BAD_DECODE])


def test_infinities_and_nan_survive() -> None:
    packing = Packing(layout(floats=3), 1)
    flags, blob = packing.pack(1, [math.inf, -math.inf, math.nan], None, 0)
    values, _ = packing.unpack(1, flags, blob)
    assert values[:2] == [math.inf, -math.inf]
    assert isinstance(values[2], float) and math.isnan(values[2])


@pytest.mark.parametrize(("values", "quality"), [([1.0], None), ([1.0] * 3, [0] * 2), ([], None)])
def test_a_frame_that_does_not_fit_its_layout_is_refused(values: list[Value], quality: list[int] | None) -> None:
    with pytest.raises(ValueError, match="as many values as its layout"):
        Packing(layout(floats=3), 1).pack(1, values, quality, 0)


def test_numbers_take_the_type_of_their_point() -> None:
    packing = Packing(Layout("d", (Point("a", PointType.FLOAT), Point("b", PointType.BOOL))), 1)
    values, _ = packing.unpack(1, *packing.pack(1, [3, 1], None, 0))
    assert values == [3.0, True]
    assert same_types(values, [3.0, True])
