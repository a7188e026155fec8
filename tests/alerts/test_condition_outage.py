"""A restart: what happened before lies farther back by the time off, what was answered is held, nothing breaks."""

from __future__ import annotations

import json

import pytest

from alerts.condition.columns import Columns, Reading
from alerts.condition.count import EDGES, Count
from alerts.condition.flat import STEPS, Spread
from alerts.condition.median import Recent
from alerts.condition.node import Node
from alerts.condition.rate import Rate, Window
from alerts.condition.state import Consecutive, Lasting
from alerts.condition.stretched import Stretched
from alerts.condition.together import OCCURRENCES, Sequence, Together
from gateway.model import SECOND, Severity, Truth
from tests.alerts.building import One
from tests.alerts.telling import Says

T, F, U = True, False, None
S = SECOND


def two() -> tuple[Says, Says]:
    return Says(0), Says(1)


def columns() -> Columns:
    made = Columns()
    made.slot("d", "a")
    made.slot("d", "b")
    return made


def tell(node: Node, table: Columns, at_s: int, says: tuple[Says, Says], *words: Truth) -> Truth:
    for operand, word in zip(says, words, strict=True):
        operand.truth = word
    return node.judge(table, at_s * S)


@pytest.mark.parametrize(("off_s", "truth"), [(5, True), (6, False)])
def test_two_that_became_true_around_an_outage_are_as_far_apart_as_the_clock_says(off_s: int, truth: bool) -> None:
    says, table = two(), columns()
    node = Together(says[0], says[1], 10 * S, 0, life_safety=True)
    tell(node, table, 0, says, F, F)
    tell(node, table, 5, says, T, F)
    table.forget(off_s * S)
    tell(node, table, 9, says, T, F)
    assert tell(node, table, 10, says, T, T) is truth


@pytest.mark.parametrize(("lost_s", "truth"), [(15, True), (16, False)])
def test_what_became_true_in_an_outage_may_have_done_so_at_its_beginning(lost_s: int, truth: bool) -> None:
    says, table = two(), columns()
    node = Together(says[0], says[1], 10 * S, 0, life_safety=True)
    tell(node, table, 0, says, F, F)
    tell(node, table, 5, says, T, F)
    table.forget(3600 * S)
    assert tell(node, table, lost_s, says, T, T) is truth


def test_an_older_first_that_ended_before_an_outage_does_not_count_behind_it() -> None:
    says, table = two(), columns()
    node = Sequence(says[0], says[1], 30 * S, 3600 * S, 5 * S, life_safety=True)
    for at, word in ((0, F), (1, T), (2, F), (10, T), (12, F)):
        tell(node, table, at, says, word, F)
    table.forget(20 * S)
    assert tell(node, table, 14, says, F, T) is False, "both occurrences ended long before"


def test_a_first_that_still_counts_is_followed_behind_an_outage() -> None:
    says, table = two(), columns()
    node = Sequence(says[0], says[1], 0, 3600 * S, 60 * S, life_safety=True)
    for at, word in ((0, F), (1, T), (2, F)):
        tell(node, table, at, says, word, F)
    table.forget(20 * S)
    assert tell(node, table, 14, says, F, T) is True


def test_when_it_began_and_ended_lies_farther_back() -> None:
    says, table = two(), columns()
    node = Stretched(says[0], 5 * S)
    for at, word in ((0, F), (1, T), (4, F)):
        says[0].truth = word
        node.judge(table, at * S)
    node.age(2 * S)
    assert (node.rose_ns, node.ended_ns) == (-1 * S, 2 * S)
    assert [node.judge(table, 6 * S), node.judge(table, 7 * S)] == [True, False]


def test_a_step_of_a_flat_window_goes_on_behind_a_short_outage() -> None:
    spread = Spread(STEPS * 10)
    spread.add(100, 1.0)
    spread.age(3)
    spread.add(104, 2.0)
    assert spread.snapshot() == [97, [[97, 104, 1.0, 2.0, 2]]]
    spread.add(107, 3.0)
    assert spread.snapshot() == [97, [[97, 104, 1.0, 2.0, 2], [107, 107, 3.0, 3.0, 1]]], "a step ends behind ten"


def test_a_window_that_has_seen_nothing_shows_nothing() -> None:
    for when in (
        {"flat_within": "1 m", "over": "20s", "samples": 3},
        {"rises_by": "4 m", "within": "20s"},
        {"deviates_by": "3 m", "from": {"median": "20s"}},
        {"deviates_by": "3 m", "from": {"point": "y"}},
    ):
        one = One(when)
        assert one.node.reading(one.columns).value is None, when


def test_one_sample_is_a_median() -> None:
    recent = Recent(100, 100)
    recent.add(1, 5.0)
    assert recent.is_enough and recent.median == 5.0


def test_a_counter_goes_on_behind_a_restart_within_its_round() -> None:
    """It has gone round before the restart; the numbers behind it must not pass for a reset."""
    table = columns()

    def made() -> Rate:
        return Rate(0, 1, 50.0, 0.0, window=Window(100 * S, 10 * S, 60 * S), unit=None, counter=100.0)

    node = made()
    for at, value in ((0, 80.0), (10, 95.0), (20, 5.0)):
        table.put(0, value, 0, at * S)
        node.judge(table, at * S)
    again = made()
    again.restore(json.loads(json.dumps(node.snapshot())))
    for each in (node, again):
        table.put(0, 25.0, 0, 30 * S)
        each.judge(table, 30 * S)
        assert each.reading(table).value == pytest.approx(45 / 30 * 100, abs=1e-3)


class Severe(Says):
    def __init__(self) -> None:
        super().__init__(0)
        self.severity = Severity.CRITICAL


def test_the_severity_is_held_behind_a_restart() -> None:
    for make in (lambda node: Consecutive(node, 0, 2), lambda node: Lasting(node, 5, 5)):
        node = make(Severe())
        node.restore(make(Severe()).snapshot())
        assert node.severity is Severity.CRITICAL
        node = make(Severe())
        node.judge(columns(), 1)
        assert node.severity is Severity.CRITICAL, "UNKNOWN holds it"


@pytest.mark.parametrize(("lost_s", "back_s", "truth"), [(5, 11, True), (4, 9, True), (4, 10, False)])
def test_a_time_that_had_run_out_before_the_link_was_lost_stays_run_out(lost_s: int, back_s: int, truth: bool) -> None:
    says = Says(0)
    node = Lasting(says, 5 * S, 5 * S)
    table = columns()
    for at, word in ((0, T), (lost_s, U), (back_s, T)):
        says.truth = word
        answer = node.judge(table, at * S)
    assert answer is truth


@pytest.mark.parametrize("off", [False, True])
def test_what_is_remembered_is_bounded_before_and_behind_an_outage(off: bool) -> None:
    says, table = two(), columns()
    count = Count(says[0], 1000, 1000, 10**9 * S)
    sequence = Sequence(says[0], says[1], 0, 10**9 * S, 0, life_safety=True)
    for at in range(2 * (OCCURRENCES + 100)):
        if off and at == 11:
            table.forget(S)
        says[0].truth, says[1].truth = bool(at % 2), F
        count.judge(table, at * S)
        sequence.judge(table, at * S)
    assert len(count.snapshot()[3]) == EDGES
    assert len(sequence.snapshot()[0]) == OCCURRENCES


def test_a_sample_of_the_same_time_widens_and_is_not_counted() -> None:
    spread = Spread(STEPS * 10)
    for value in (1.0, 5.0, 3.0):
        spread.add(100, value)
    assert (spread.count, spread.width) == (1, 4.0)
    spread.add(99, 9.0)
    assert (spread.count, spread.width) == (1, 4.0), "an older one is not taken"


def test_an_older_sample_takes_no_median_back() -> None:
    one = One({"deviates_by": "3 m", "from": {"median": "20s"}})
    for at in range(30):
        one.put(at, 5.0)
    assert one.put(30, 5.0) is False
    before = one.node.snapshot()
    one.put(10, 9.0)
    assert one.node.snapshot()[2] == before[2]


def test_a_window_is_open_at_its_begin() -> None:
    recent = Recent(1000, 10)
    for at in (100, 200, 300):
        recent.add(at, float(at))
    recent.forget(200)
    assert recent.snapshot() == [[300, 300.0]]
    recent.forget(299)
    assert recent.median == 300.0


def test_an_empty_reading_is_a_reading() -> None:
    assert Says(0).reading(columns()) == Reading()
