"""Duplicates, conflicts and the memory for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.mqtt.redelivery import REMEMBERED, Memory, Seen
from gateway.model import Frame, FrameKind, Instant, Layout, Point, PointType


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


def test_without_time_and_id_a_message_that_is_sent_again_is_known_by_its_number_and_bytes() -> None:
    memory = Memory()
    assert not memory.message("t", b"1", 1, redelivered=False)
    assert not memory.message("t", b"1", 2, redelivered=False)  # twice the same value is no duplicate
    assert memory.message("t", b"1", 1, redelivered=True)
    assert memory.message("t", b"1", 2, redelivered=True)
    assert memory.message("t", b"1", 1, redelivered=True)  # its acknowledgement was lost once more
    assert not memory.message("t", b"1", 3, redelivered=True)  # never taken
    assert not memory.message("t", b"2", 1, redelivered=True)
    assert not memory.message("u", b"1", 2, redelivered=True)


def test_what_is_remembered_is_bounded() -> None:
    memory = Memory()
    for number in range(3 * REMEMBERED):
        assert memory.judge(LAYOUT, number, None, [1.0, 2.0]) is Seen.NEW
        assert not memory.message("t", b"%d" % number, number + 1, redelivered=False)
        assert memory.judge(LAYOUT, None, f"e{number}", [1.0, 2.0]) is Seen.NEW
        memory.judge(layout("a"), number, None, [1.0])
    assert len(memory._known) == REMEMBERED
    assert len(memory._taken) == REMEMBERED
    assert len(memory._numbers) <= 4 * REMEMBERED and len(memory._contents) == 2


def test_the_store_fills_it_again() -> None:
    stored = layout("a", "b")  # equal, but another object
    frames = [Frame(stored, [float(n), 2.0], Instant(n, n), source_ns=n) for n in range(5, 0, -1)]
    frames.append(Frame(stored, [7.0, 8.0], Instant(0, 0)))
    frames.append(Frame(stored, [7.5, 8.0], Instant(0, 0), kind=FrameKind.INITIAL))
    frames.append(Frame(stored, [9.0, 8.0], Instant(-1, -1)))
    memory = Memory()
    memory.refill(frames, since_ns=0)
    assert memory.judge(LAYOUT, 3, None, [3.0, 2.0]) is Seen.DUPLICATE
    assert memory.judge(LAYOUT, 3, None, [4.0, 2.0]) is Seen.REPLACES
    memory.refill([Frame(stored, [9.0, 2.0], Instant(9, 9), source_ns=2)], since_ns=0)
    assert memory.judge(LAYOUT, 2, None, [2.0, 2.0], True) is Seen.DUPLICATE
    assert memory.judge(LAYOUT, 4, "id", [4.0, 2.0]) is Seen.DUPLICATE  # ids are not stored: the moment tells
    assert memory.judge(LAYOUT, 6, None, [3.0, 2.0]) is Seen.NEW
    assert memory.restored(LAYOUT, [7.0, 8.0])
    assert not memory.restored(LAYOUT, [7.0, 8.0])  # once for each that was stored
    assert not memory.restored(LAYOUT, [7.5, 8.0])  # a backlog's end restated it: no message
    assert not memory.restored(LAYOUT, [9.0, 8.0])  # so long ago that it was acknowledged


@given(st.lists(st.tuples(st.binary(max_size=1), st.integers(1, 5), st.booleans()), max_size=600))
def test_what_is_called_a_duplicate_was_the_last_one_taken_with_its_number(
    messages: list[tuple[bytes, int, bool]],
) -> None:
    memory = Memory()
    taken: dict[int, bytes] = {}
    for payload, mid, redelivered in messages:
        again = memory.message("t", payload, mid, redelivered)
        assert again == (redelivered and taken.get(mid) == payload)
        taken[mid] = payload


@pytest.mark.parametrize(
    ("first", "again", "seen"),
    [
        ((1, "e", 1.0), (1, "e", 1.0), Seen.DUPLICATE),
        ((1, "e", 1.0), (1, "e", 2.0), Seen.CONFLICT),
        ((1, "e", 1.0), (2, "e", 1.0), Seen.DUPLICATE),  # the id says it, whatever the time
        ((1, "e", 1.0), (None, "e", 2.0), Seen.CONFLICT),
        ((None, "e", 1.0), (1, "e", 1.0), Seen.DUPLICATE),
        ((None, "e", 1.0), (1, None, 1.0), Seen.NEW),  # its moment was never said
        ((None, "e", 1.0), (None, "f", 1.0), Seen.NEW),
        ((1, "e", 1.0), (1, None, 1.0), Seen.DUPLICATE),  # said with an id, it has a moment all the same
        ((1, "e", 1.0), (1, None, 2.0), Seen.REPLACES),
        ((1, None, 1.0), (1, "e", 1.0), Seen.DUPLICATE),
        ((1, None, 1.0), (1, "e", 2.0), Seen.NEW),  # another event of the same moment
        ((1, "e", 1.0), (1, "f", 2.0), Seen.NEW),
        ((1, None, 1.0), (1, None, 1.0), Seen.DUPLICATE),
        ((1, None, 1.0), (1, None, 2.0), Seen.REPLACES),
        ((1, None, 1.0), (2, None, 1.0), Seen.NEW),
        ((1, "1", 1.0), (1, "2", 2.0), Seen.NEW),
        ((None, None, 1.0), (None, None, 1.0), Seen.NEW),  # bytes alone say nothing
    ],
)
def test_what_the_second_of_two_is(
    first: tuple[int | None, str | None, float], again: tuple[int | None, str | None, float], seen: Seen
) -> None:
    memory = Memory()
    assert memory.judge(LAYOUT, first[0], first[1], [first[2]]) is Seen.NEW
    assert memory.judge(layout("a", "b"), again[0], again[1], [again[2]]) is seen  # equal points, another object


@pytest.mark.parametrize("other", [layout("a"), layout("b", "a"), Layout("other", LAYOUT.points)])
def test_a_moment_and_an_id_are_of_one_device_and_its_points(other: Layout) -> None:
    memory = Memory()
    memory.judge(LAYOUT, 1, "e", [1.0])
    assert memory.judge(other, 1, None, [1.0]) is Seen.NEW
    assert memory.judge(other, 2, "e", [2.0]) is Seen.NEW


def test_a_redelivery_that_says_something_else_replaces() -> None:
    """Nothing was replaced before it, so it cannot be that."""
    memory = Memory()
    memory.judge(LAYOUT, 1, None, [1.0])
    assert memory.judge(LAYOUT, 1, None, [2.0], redelivered=True) is Seen.REPLACES


def test_all_that_one_moment_said_is_known_when_it_is_sent_again_up_to_a_bound() -> None:
    memory = Memory()
    for value in range(18):
        memory.judge(LAYOUT, 1, None, [float(value)])
    seen = [memory.judge(LAYOUT, 1, None, [float(value)], redelivered=True) for value in range(17, 0, -1)]
    assert set(seen) == {Seen.DUPLICATE}
    assert memory.judge(LAYOUT, 1, None, [0.0], redelivered=True) is Seen.REPLACES  # the 17th before the newest


def test_a_moment_that_is_forgotten_is_forgotten_with_all_it_said() -> None:
    memory = Memory()
    memory.judge(LAYOUT, 0, None, [1.0])
    memory.judge(LAYOUT, 0, None, [2.0])
    for moment in range(1, REMEMBERED + 1):
        assert memory.judge(LAYOUT, moment, None, [0.0]) is Seen.NEW
    assert not memory._earlier
    assert memory.judge(LAYOUT, 0, None, [3.0]) is Seen.NEW
    assert memory.judge(LAYOUT, 0, None, [1.0], redelivered=True) is Seen.REPLACES


@pytest.mark.parametrize("by_id", [True, False])
def test_exactly_the_newest_records_are_remembered(by_id: bool) -> None:
    def judge(number: int) -> Seen:
        return memory.judge(LAYOUT, None if by_id else number, f"e{number}" if by_id else None, [1.0])

    memory = Memory()
    for number in range(REMEMBERED):
        assert judge(number) is Seen.NEW
    assert {judge(number) for number in range(REMEMBERED)} == {Seen.DUPLICATE}
    assert judge(REMEMBERED) is Seen.NEW  # one more: the oldest has to go
    assert judge(1) is Seen.DUPLICATE
    assert judge(0) is Seen.NEW


def test_exactly_the_newest_packet_numbers_are_remembered() -> None:
    memory = Memory()
    for mid in range(1, REMEMBERED + 1):
        memory.message("t", b"1", mid, redelivered=False)
    assert not memory.message("t", b"2", 1, redelivered=False)  # the broker uses a number again: now it is the newest
    assert not memory.message("t", b"1", REMEMBERED + 1, redelivered=False)
    assert memory.message("t", b"2", 1, redelivered=True)
    assert memory.message("t", b"1", 3, redelivered=True)
    assert not memory.message("t", b"1", 2, redelivered=True)  # the oldest had to go


def test_a_message_that_is_known_again_does_not_become_newer() -> None:
    memory = Memory()
    for mid in range(1, REMEMBERED + 1):
        memory.message("t", b"1", mid, redelivered=False)
    assert memory.message("t", b"1", 1, redelivered=True)
    memory.message("t", b"1", REMEMBERED + 1, redelivered=False)
    assert not memory.message("t", b"1", 1, redelivered=True)


def test_layouts_are_forgotten_but_not_what_they_said() -> None:
    """The store gives back objects of its own with every refill: they do not pile up."""
    memory = Memory()
    memory.judge(LAYOUT, 1, None, [1.0])
    others = [layout("a", "b") for _ in range(5 * REMEMBERED)]
    for one in others:
        assert memory.judge(one, 1, None, [1.0]) is Seen.DUPLICATE
    assert len(memory._numbers) == 4 * REMEMBERED
    assert LAYOUT not in memory._numbers and others[-1] in memory._numbers  # the oldest go
    assert memory.judge(LAYOUT, 1, None, [1.0]) is Seen.DUPLICATE
    assert len(memory._contents) == 1


@pytest.mark.parametrize("stored", [0, 1, 2, 3, 5])
def test_a_record_without_time_and_id_is_restored_as_often_as_it_was_stored(stored: int) -> None:
    memory = Memory()
    memory.refill([Frame(layout("a", "b"), [1.0, 2.0], Instant(n, n)) for n in range(stored, 0, -1)], since_ns=0)
    assert [memory.restored(LAYOUT, [1.0, 2.0]) for _ in range(6)] == [n < stored for n in range(6)]
    assert not memory.restored(layout("a"), [1.0, 2.0])


@pytest.mark.parametrize(
    ("kind", "received", "known"),
    [
        (FrameKind.LIVE, 10, True),
        (FrameKind.LIVE, 9, False),  # acknowledged for certain
        (FrameKind.HISTORY, 10, True),
        (FrameKind.HISTORY, 9, False),
        (FrameKind.INITIAL, 10, False),  # restated is not received
    ],
)
def test_which_stored_records_without_a_time_may_come_again(kind: FrameKind, received: int, known: bool) -> None:
    memory = Memory()
    memory.refill([Frame(LAYOUT, [1.0], Instant(received, received), kind=kind)], since_ns=10)
    assert memory.restored(LAYOUT, [1.0]) is known


@pytest.mark.parametrize("kind", list(FrameKind))
def test_a_stored_record_with_a_time_is_known_however_long_ago_it_came(kind: FrameKind) -> None:
    memory = Memory()
    memory.refill([Frame(LAYOUT, [1.0], Instant(9, 9), kind=kind, source_ns=5)], since_ns=10)
    assert memory.judge(LAYOUT, 5, None, [1.0]) is Seen.DUPLICATE
    assert not memory.restored(LAYOUT, [1.0])


def test_a_refill_takes_the_newest_and_leaves_them_in_their_order() -> None:
    frames = [Frame(LAYOUT, [1.0], Instant(n, n), source_ns=n) for n in range(2 * REMEMBERED, 0, -1)]
    memory = Memory()
    memory.refill(frames, since_ns=0)
    oldest = REMEMBERED + 1
    assert memory.judge(LAYOUT, oldest, None, [1.0]) is Seen.DUPLICATE
    assert memory.judge(LAYOUT, 2 * REMEMBERED, None, [1.0]) is Seen.DUPLICATE
    assert memory.judge(LAYOUT, 2 * REMEMBERED + 1, None, [1.0]) is Seen.NEW  # for it the oldest goes, no other
    assert memory.judge(LAYOUT, oldest + 1, None, [1.0]) is Seen.DUPLICATE
    assert memory.judge(LAYOUT, oldest, None, [1.0]) is Seen.NEW


def test_a_refill_counts_only_the_newest_without_a_time() -> None:
    frames = [Frame(LAYOUT, [float(n)], Instant(n, n)) for n in range(2 * REMEMBERED, 0, -1)]
    memory = Memory()
    memory.refill(frames, since_ns=0)
    assert memory.restored(LAYOUT, [float(REMEMBERED + 1)])
    assert not memory.restored(LAYOUT, [float(REMEMBERED)])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), max_size=60))
def test_of_one_moment_the_last_content_stands(records: list[tuple[int, int, bool]]) -> None:
    """Unless the broker sends again what was replaced already."""
    memory = Memory()
    said: dict[int, list[int]] = {}
    for moment, value, redelivered in records:
        before = said.setdefault(moment, [])
        seen = memory.judge(LAYOUT, moment, None, [value], redelivered)
        if not before:
            assert seen is Seen.NEW
        elif before[-1] == value or (redelivered and value in before[-17:]):
            assert seen is Seen.DUPLICATE
        else:
            assert seen is Seen.REPLACES
        if seen is not Seen.DUPLICATE:
            before.append(value)
