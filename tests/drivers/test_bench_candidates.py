"""Unknown registers: which reading of them comes first, and what is said when they may be one off."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bench.candidates import Wanted, candidates_at, described, order_of
from drivers.bench.runs import best, runs, shift_sentence, shifted

# three voltages and two currents of an SDM630, as a meter on the mains has them
MEASURED = (230.2173, 229.5411, 231.1299, 5.2, 4.9, 0.0)


def floats(*values: float, swapped: bool = False) -> list[int]:
    words: list[int] = []
    for value in values:
        pair = struct.unpack(">2H", struct.pack(">f", value))
        words += reversed(pair) if swapped else pair
    return words


def strongest(words: list[int], first: int, wanted: Wanted, named: int | None = None) -> tuple[str, str, int]:
    run = best(runs(words, first, wanted, named))[0]
    return run.first.type, run.first.order, run.address


@pytest.mark.parametrize("wanted", [Wanted(expect=230), Wanted(200, 250), Wanted()], ids=["expect", "range", "nothing"])
@pytest.mark.parametrize(("swapped", "order"), [(False, "ABCD"), (True, "CDAB")])
def test_a_meter_with_its_words_turned_round_is_read(wanted: Wanted, swapped: bool, order: str) -> None:
    words = floats(*MEASURED, swapped=swapped)
    assert strongest(words, 0, wanted, named=0) == ("float32", order, 0)
    voltages = best(runs(words, 0, wanted, 0))[0].members[:3]
    assert [round(one.value, 4) for one in voltages] == [230.2173, 229.5411, 231.1299]


def test_the_plausible_but_wrong_voltages_of_an_address_that_is_one_off_are_told() -> None:
    """devices.md 1.1: off by one together with CDAB gives voltages that look right."""
    found = best(runs(floats(*MEASURED, swapped=True), 0, Wanted(expect=230), 0))
    wrong = [run for run in found if run.address % 2]
    assert wrong, "each is a high half with its neighbour's low half"
    assert abs(wrong[0].first.value - 230) < 2
    ((run, other),) = shifted(found)
    assert (run.first.order, run.address, other.first.order, other.address) == ("CDAB", 0, "ABCD", 1)
    sentence = shift_sentence(run, other)
    assert "off by one?" in sentence
    assert "1 register further on" in sentence


def test_the_register_before_shows_that_the_manual_counts_from_one() -> None:
    """The meter's table begins at 0, the manual calls that 1: who reads from 1 on sees only halves."""
    meter = floats(*MEASURED)
    alone = best(runs(meter[1:], 1, Wanted(200, 250), 1))
    assert alone[0].address == 1
    assert shifted(alone), "and is told that it may be one off"
    with_the_one_before = best(runs(meter, 0, Wanted(200, 250), 1))
    assert (with_the_one_before[0].first.order, with_the_one_before[0].address) == ("ABCD", 0)


@pytest.mark.parametrize(
    ("words", "kind", "order", "scale", "value"),
    [
        ([2302, 2295, 2311], "uint16", "AB", 0.1, 230.2),
        ([23020, 22950, 23110], "uint16", "AB", 0.01, 230.2),
        ([230, 229, 231], "uint16", "AB", 1.0, 230.0),
        ([0xFE08, 0xF708, 0x0709], "uint16", "BA", 0.1, 230.2),
        ([0, 2302, 0, 2295, 0, 2311], "uint32", "ABCD", 0.1, 230.2),
        ([2302, 0, 2295, 0, 2311, 0], "uint32", "CDAB", 0.1, 230.2),
        ([0x0003, 0x8334], "uint32", "ABCD", 0.001, 230.196),
        ([0x2302, 0x2295, 0x2311], "bcd16", "AB", 0.1, 230.2),
        (list(struct.unpack(">4H", struct.pack(">d", 230.2173))), "float64", "ABCDEFGH", 1.0, 230.2173),
        (list(struct.unpack("<2H", struct.pack(">f", 230.2173))), "float32", "BADC", 1.0, 230.2173),
        (list(struct.unpack("<2H", struct.pack("<f", 230.2173))), "float32", "CDAB", 1.0, 230.2173),
    ],
)
def test_encodings_of_230_volts(words: list[int], kind: str, order: str, scale: float, value: float) -> None:
    first = best(runs(words, 100, Wanted(expect=230), 100))[0].first
    assert (first.type, first.order, first.scale) == (kind, order, scale)
    assert first.value == pytest.approx(value, rel=1e-6)


def test_negative_powers_and_undecided_signs() -> None:
    (first, *_) = best(runs([0xFFFF, 0xF63C], 0, Wanted(-5000, 5000), 0))
    assert (first.first.type, first.first.value) == ("int32", -2500)
    undecided = candidates_at([2302], 0, 0, Wanted(2300, 2310))[0]
    assert (undecided.type, undecided.also) == ("uint16", "int16")


def test_what_a_profile_says_of_it() -> None:
    run = best(runs([2302, 0, 2295, 0], 0, Wanted(expect=230), 0))[0]
    assert run.first.keys == "type: uint32, word_order: little, scale: 0.1"
    assert str(run).startswith(f"{run.first.keys} (CDAB) at 0, 2: 230.2, 229.5")


def test_a_register_that_could_not_be_read_is_not_taken_for_zero() -> None:
    words = [*floats(230.2), None]
    assert {one.words for one in candidates_at(words, 0, 0, Wanted())} <= {1, 2}
    assert candidates_at([None, 5], 0, 0, Wanted()) == []
    assert candidates_at([5], 0, 7, Wanted()) == []


def test_empty_registers_prove_nothing() -> None:
    assert all(run.evidence <= 8 for run in runs([0] * 8, 0, Wanted(0, 300), 0))
    assert order_of(2, "little", "little") == "DCBA"
    assert described(230.19999695) == "230.2"


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=12), st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_whatever_stands_there_candidates_fit(words: list[int], low: float, width: float) -> None:
    wanted = Wanted(low, low + width)
    for run in runs(words, 5, wanted, 5):
        assert all(low <= member.value <= low + width for member in run.members)
        assert 5 <= run.address < run.end <= 5 + len(words)
    for one, other in shifted(best(runs(words, 5, wanted, 5))):
        assert shift_sentence(one, other)


@given(st.floats(100, 400, width=32), st.sampled_from(["big", "little"]), st.sampled_from(["big", "little"]))
def test_every_order_of_a_float_is_found(value: float, byte_order: str, word_order: str) -> None:
    pairs = [struct.pack(">f", value)[at : at + 2] for at in (0, 2)]
    if byte_order == "little":
        pairs = [pair[::-1] for pair in pairs]
    if word_order == "little":
        pairs.reverse()
    words = [int.from_bytes(pair, "big") for pair in pairs]
    orders = {(one.byte_order, one.word_order) for one in candidates_at(words, 0, 0, Wanted(expect=value))}
    assert (byte_order, word_order) in orders
