"""A sender's own count of its messages: what is missing, what began anew (MQ12)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.mqtt.codec import DeviceCodec
from drivers.mqtt.sequence import FURTHEST, OUT_OF_ORDER, Sequence
from drivers.profile import parse_profile
from tests.drivers.mqtt_fake import HEAD, link, scene, spec

COUNTED = parse_profile(
    {
        "profile": "counted",
        **HEAD,
        "mqtt": {"topic": "t/{id}", "sequence": {"path": "n"}, "expect_every": "10s"},
        "points": {"level": {"path": "level"}},
    }
)


@pytest.mark.parametrize(
    ("numbers", "missed", "restarts"),
    [
        ([7], 0, 0),
        ([7, 8, 9], 0, 0),
        ([7, 8, 8, 9], 0, 0),
        ([7, 10], 2, 0),
        ([7, 10, 8, 9, 11], 2, 0),  # they came another way; a count of losses never goes back
        ([500, 0, 1, 2], 0, 1),
        ([500, 0, 5], 4, 1),
        ([1, 1 + FURTHEST], FURTHEST - 1, 0),
        ([1, 2 + FURTHEST], 0, 1),
        ([5, (1 << 63) - 1, 6, 7], 0, 2),
        ([20, 4, 5], 0, 1),
        ([20, 5, 21], 0, 0),
    ],
)
def test_mq12_numbers_that_jump(numbers: list[int], missed: int, restarts: int) -> None:
    sequence = Sequence()
    for number in numbers:
        sequence.heard(number)
    assert (sequence.missed, sequence.restarts) == (missed, restarts)


@pytest.mark.parametrize(
    ("step", "missed", "restarts", "newest"),
    [
        (1, 0, 0, True),
        (2, 1, 0, True),
        (FURTHEST, FURTHEST - 1, 0, True),
        (FURTHEST + 1, 0, 1, True),  # nobody loses so many: the count was set
        (0, 0, 0, False),
        (-1, 0, 0, False),
        (1 - OUT_OF_ORDER, 0, 0, False),
        (-OUT_OF_ORDER, 0, 1, True),  # nobody is so late: the count began anew
        (-FURTHEST, 0, 1, True),
    ],
)
def test_mq12_what_a_step_means_and_where_the_count_goes_on(
    step: int, missed: int, restarts: int, newest: bool
) -> None:
    sequence = Sequence()
    for number in (FURTHEST, FURTHEST + step):
        sequence.heard(number)
    assert (sequence.missed, sequence.restarts) == (missed, restarts)
    sequence.heard((FURTHEST + step if newest else FURTHEST) + 1)
    assert (sequence.missed, sequence.restarts) == (missed, restarts)


@given(st.lists(st.integers(0, 200), min_size=1, max_size=60))
def test_what_is_said_again_counts_for_nothing(numbers: list[int]) -> None:
    once, twice = Sequence(), Sequence()
    for number in numbers:
        once.heard(number)
        twice.heard(number)
        twice.heard(number)
    assert (once.missed, once.restarts) == (twice.missed, twice.restarts)


@given(st.lists(st.integers(-40, 40), min_size=1, max_size=60), st.integers(0, 1 << 40))
def test_where_a_count_began_says_nothing(steps: list[int], start: int) -> None:
    low, high = Sequence(), Sequence()
    at = 0
    for step in steps:
        at += step
        low.heard(at)
        high.heard(start + at)
    assert (low.missed, low.restarts) == (high.missed, high.restarts)


@given(st.sets(st.integers(0, 500), min_size=1))
def test_what_came_and_what_is_missing_make_the_whole(heard: set[int]) -> None:
    sequence = Sequence()
    for number in sorted(heard):
        sequence.heard(number)
    assert len(heard) + sequence.missed == max(heard) - min(heard) + 1
    assert sequence.restarts == 0


@pytest.mark.parametrize(
    ("said", "number"),
    [
        (0, 0),
        (12, 12),
        ((1 << 63) - 1, (1 << 63) - 1),
        (1 << 63, None),
        (-1, None),
        (1.5, None),
        ("7", None),
        (True, None),
    ],
)
def test_mq12_only_a_count_is_a_count(said: object, number: int | None) -> None:
    (unit,) = link(spec("a", COUNTED)).units
    decoded = DeviceCodec(unit).decode("t/a", json.dumps({"n": said, "level": 1.0}).encode())
    assert decoded.number == number
    assert [record.values for record in decoded.records] == [[1.0]]
    assert decoded.ignored_fields == 0


async def test_mq12_gaps_are_counted_on_the_link() -> None:
    async with scene(spec("a", COUNTED)) as on:
        for number in (1, 2, 5, 5, 0):
            on.says("t/a", {"n": number, "level": float(number)})
        on.says("t/a", {"n": 100, "level": 1.0}, retain=True)  # what the broker keeps is no news
        await on.turn(1)
        assert (on.report.counts["missed"], on.report.counts["restarts"]) == (2, 0)
        on.says("t/a", {"n": 40_000, "level": 1.0})
        await on.turn(1)
        assert (on.report.counts["missed"], on.report.counts["restarts"]) == (2, 1)
