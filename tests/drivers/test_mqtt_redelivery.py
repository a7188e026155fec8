"""Duplicates, conflicts and the memory for them."""

from __future__ import annotations

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
