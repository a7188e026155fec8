"""Duplicates, conflicts and the memory for them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drivers.mqtt.redelivery import REMEMBERED, Memory, Seen
from gateway.model import Frame, Instant, Layout, Point, PointType


def layout(*names: str) -> Layout:
    return Layout("d", tuple(Point(name, PointType.FLOAT) for name in names))


LAYOUT = layout("a", "b")


def test_the_same_moment_and_values_are_a_duplicate() -> None:
    memory = Memory()
    assert memory.judge(LAYOUT, 1, None, [1.0, 2.0]) is Seen.NEW
    assert memory.judge(LAYOUT, 1, None, [1.0, 2.0]) is Seen.DUPLICATE
    assert memory.judge(LAYOUT, 2, None, [1.0, 2.0]) is Seen.NEW


def test_the_same_moment_with_other_values_replaces() -> None:
    memory = Memory()
    memory.judge(LAYOUT, 1, None, [1.0, 2.0])
    assert memory.judge(LAYOUT, 1, None, [1.0, 3.0]) is Seen.REPLACES
    assert memory.judge(LAYOUT, 1, None, [1.0, 3.0]) is Seen.DUPLICATE


def test_a_clock_of_whole_seconds() -> None:
    """Open, closed, open within a second: the last one stands. Sent again by the broker, none of them is new."""
    memory = Memory()
    said = [memory.judge(LAYOUT, 1, None, [value, 0.0]) for value in (1.0, 0.0, 1.0)]
    assert said == [Seen.NEW, Seen.REPLACES, Seen.REPLACES]
    assert {memory.judge(LAYOUT, 1, None, [value, 0.0], True) for value in (1.0, 0.0, 1.0)} == {Seen.DUPLICATE}
    assert memory.judge(LAYOUT, 1, None, [0.5, 0.0], True) is Seen.REPLACES


def test_messages_with_other_points_of_the_same_moment_are_no_conflict() -> None:
    memory = Memory()
    assert memory.judge(layout("a"), 1, None, [1.0]) is Seen.NEW
    assert memory.judge(layout("b"), 1, None, [2.0]) is Seen.NEW


def test_the_first_content_of_an_event_stands() -> None:
    memory = Memory()
    assert memory.judge(LAYOUT, 1, "e", [1.0, 2.0]) is Seen.NEW
    assert memory.judge(LAYOUT, 1, "e", [1.0, 2.0]) is Seen.DUPLICATE
    assert memory.judge(LAYOUT, 1, "e", [1.0, 3.0]) is Seen.CONFLICT
    assert memory.judge(LAYOUT, 9, "e", [1.0, 2.0]) is Seen.DUPLICATE
    assert memory.judge(LAYOUT, None, "f", [1.0, 2.0]) is Seen.NEW


def test_two_events_of_one_moment_are_two() -> None:
    memory = Memory()
    assert memory.judge(LAYOUT, 1, "e", [1.0, 2.0]) is Seen.NEW
    assert memory.judge(LAYOUT, 1, "f", [1.0, 3.0]) is Seen.NEW


def test_without_time_and_id_a_message_that_is_sent_again_is_known_by_its_bytes() -> None:
    memory = Memory()
    assert not memory.message("t", b"1", redelivered=False)
    assert not memory.message("t", b"1", redelivered=False)  # twice the same value is no duplicate
    assert memory.message("t", b"1", redelivered=True)
    assert memory.message("t", b"1", redelivered=True)
    assert not memory.message("t", b"1", redelivered=True)  # taken twice, sent again twice: this one is new
    assert not memory.message("t", b"2", redelivered=True)
    assert not memory.message("u", b"1", redelivered=True)


def test_what_is_remembered_is_bounded() -> None:
    memory = Memory()
    for number in range(3 * REMEMBERED):
        assert memory.judge(LAYOUT, number, None, [1.0, 2.0]) is Seen.NEW
        assert not memory.message("t", b"%d" % number, redelivered=False)
        assert memory.judge(LAYOUT, None, f"e{number}", [1.0, 2.0]) is Seen.NEW
        memory.judge(layout("a"), number, None, [1.0])
    assert len(memory._known) == REMEMBERED
    assert len(memory._digests) == len(memory._order) == REMEMBERED
    assert len(memory._numbers) <= 4 * REMEMBERED and len(memory._contents) == 2


def test_the_store_fills_it_again() -> None:
    stored = layout("a", "b")  # equal, but another object
    frames = [Frame(stored, [float(n), 2.0], Instant(n, n), source_ns=n) for n in range(5, 0, -1)]
    frames.append(Frame(stored, [7.0, 8.0], Instant(0, 0)))
    memory = Memory()
    memory.refill(frames)
    assert memory.judge(LAYOUT, 3, None, [3.0, 2.0]) is Seen.DUPLICATE
    assert memory.judge(LAYOUT, 3, None, [4.0, 2.0]) is Seen.REPLACES
    memory.refill([Frame(stored, [9.0, 2.0], Instant(9, 9), source_ns=2)])
    assert memory.judge(LAYOUT, 2, None, [2.0, 2.0], True) is Seen.DUPLICATE
    assert memory.judge(LAYOUT, 4, "id", [4.0, 2.0]) is Seen.DUPLICATE  # ids are not stored: the moment tells
    assert memory.judge(LAYOUT, 6, None, [3.0, 2.0]) is Seen.NEW
    assert memory.restored(LAYOUT, [7.0, 8.0])
    assert not memory.restored(LAYOUT, [7.0, 8.0])  # once for each that was stored


@given(st.lists(st.tuples(st.binary(max_size=2), st.booleans()), max_size=600))
def test_never_more_duplicates_than_were_taken(messages: list[tuple[bytes, bool]]) -> None:
    memory = Memory()
    taken: dict[bytes, int] = {}
    for payload, redelivered in messages:
        if memory.message("t", payload, redelivered):
            assert redelivered and taken[payload] > 0
            taken[payload] -= 1
        else:
            taken[payload] = taken.get(payload, 0) + 1
