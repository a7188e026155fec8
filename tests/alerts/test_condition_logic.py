"""C11: Kleene's three values, tripping operands, escalation, other alarms, blindness."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.condition.columns import Columns, Reading
from alerts.condition.logic import All, AnyOf, Blind, Escalated, Not, OtherAlarm, Tripping
from alerts.condition.node import Node
from alerts.condition.threshold import Band, Threshold
from gateway.model import SECOND, Quality, Severity, Truth
from tests.alerts.building import One

T, F, U = True, False, None
TRUTHS = (T, F, U)


class Says(Node):
    """An operand that answers what it is told."""

    def __init__(self, truth: Truth = None, slot: int = 0) -> None:
        super().__init__(frozenset({slot}))
        self.truth = truth

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        return self.truth


def ask(node: Node, now_s: float = 0) -> Truth:
    return node.judge(Columns(), round(now_s * SECOND))


@pytest.mark.parametrize(
    ("left", "right", "both", "either"),
    [
        (T, T, T, T),
        (T, F, F, T),
        (T, U, U, T),
        (F, T, F, T),
        (F, F, F, F),
        (F, U, F, U),
        (U, T, U, T),
        (U, F, F, U),
        (U, U, U, U),
    ],
)
def test_truth_table(left: Truth, right: Truth, both: Truth, either: Truth) -> None:
    operands = [Says(left), Says(right)]
    assert ask(All(operands)) is both
    assert ask(AnyOf(operands)) is either
    assert ask(Tripping(operands, (False, False), 0)) is both


@pytest.mark.parametrize(("truth", "opposite"), [(T, F), (F, T), (U, U)])
def test_not(truth: Truth, opposite: Truth) -> None:
    assert ask(Not([Says(truth)])) is opposite


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(TRUTHS), min_size=1, max_size=6), st.randoms())
def test_algebra(truths: list[Truth], random: Any) -> None:
    operands = [Says(truth) for truth in truths]
    shuffled = random.sample(operands, len(operands))
    assert ask(All(operands)) is ask(All(shuffled))
    assert ask(AnyOf(operands)) is ask(AnyOf(shuffled))
    negated = [Not([operand]) for operand in operands]
    assert ask(Not([All(operands)])) is ask(AnyOf(negated)), "De Morgan"
    assert ask(Not([AnyOf(operands)])) is ask(All(negated))
    assert ask(All([All(operands[:1]), *operands[1:]])) is ask(All(operands))


@pytest.mark.parametrize("kind", [All, AnyOf])
def test_every_operand_is_asked(kind: type[All] | type[AnyOf]) -> None:
    asked: list[int] = []

    class Asked(Says):
        def judge(self, columns: Columns, now_ns: int) -> Truth:
            asked.append(1)
            return self.truth

    ask(kind([Asked(F), Asked(T), Asked(U)]))
    assert len(asked) == 3


def test_an_operand_trips_after_its_time_if_another_is_true() -> None:
    load, outside = Says(U), Says(F)
    node = Tripping([load, outside], (True, False), 60 * SECOND)
    assert ask(node, 0) is F
    assert node.next_due() == 60 * SECOND
    outside.truth = T
    assert ask(node, 59) is U
    assert ask(node, 60) is T
    assert node.next_due() is None
    outside.truth = U
    assert ask(node, 61) is U, "nothing else says so: a dead bus does not raise by itself"
    outside.truth = T
    load.truth = F
    assert ask(node, 62) is F
    load.truth = U
    assert ask(node, 63) is U, "known in between: the time starts again"
    assert node.next_due() == 123 * SECOND


def test_two_tripped_operands_do_not_support_each_other() -> None:
    node = Tripping([Says(U), Says(U)], (True, True), SECOND)
    ask(node, 0)
    assert ask(node, 100) is U


def test_an_operand_that_holds_stays_unknown_beside_one_that_trips() -> None:
    node = Tripping([Says(U), Says(U), Says(T)], (True, False, False), SECOND)
    ask(node, 0)
    assert ask(node, 100) is U


def test_escalation_follows_and_unknown_holds_it() -> None:
    base, all_parts = Says(T), Says(F)
    node = Escalated(base, [(all_parts, Severity.CRITICAL)])
    seen = []
    for base.truth, all_parts.truth in [(T, F), (T, T), (T, U), (U, U), (T, F), (F, T)]:
        seen.append((ask(node), node.severity))
    critical = Severity.CRITICAL
    assert seen == [(T, None), (T, critical), (T, critical), (U, critical), (T, None), (F, None)]


def test_an_escalation_that_was_never_known_is_none() -> None:
    node = Escalated(Says(T), [(Says(U), Severity.CRITICAL)])
    assert (ask(node), node.severity) == (T, None)


def test_other_alarms() -> None:
    node = OtherAlarm([("WA-01", "a"), ("WA-01", "b")])
    columns = Columns()
    assert node.judge(columns, 0) is U
    columns.alarm_active["WA-01", "a"] = False
    assert node.judge(columns, 0) is U
    columns.alarm_active["WA-01", "b"] = False
    assert node.judge(columns, 0) is F
    columns.alarm_active["WA-01", "a"] = None
    columns.alarm_active["WA-01", "b"] = True
    assert node.judge(columns, 0) is T


def test_blind_when_any_needed_input_is() -> None:
    columns = Columns()
    known, dead = columns.slot("d", "known"), columns.slot("d", "dead")
    guarded = All([Says(F, known), Says(F, dead)])
    blind = Blind(guarded)
    columns.put(known, 1, Quality.GOOD, 0)
    assert blind.judge(columns, 0) is T, "FALSE by the known half alone is no protection"
    columns.put(dead, 1, Quality.GOOD, 0)
    assert blind.judge(columns, 0) is F
    columns.put(dead, None, Quality.BAD_SENSOR, 1)
    assert blind.judge(columns, 1) is T


def test_blind_while_a_window_fills() -> None:
    one = One({"rises_by": "5 cm", "within": "1min"})
    blind = Blind(one.node)
    one.put(0, 0.0)
    assert blind.judge(one.columns, one.now_ns) is T
    for at in range(1, 40):
        one.put(at, 0.0)
    assert blind.judge(one.columns, one.now_ns) is F
    assert blind.next_due() == one.node.next_due() is not None


@pytest.mark.parametrize(
    ("when", "reading"),
    [
        ({"any": [{"point": "b", "is": True}, {"above": "5 m"}]}, (6.0, 5.0, "m")),
        ({"any": [{"point": "b", "is": True}, {"point": "b", "is": False}]}, (True, None, None)),
    ],
)
def test_the_reading_that_is_compared_is_shown(when: Any, reading: tuple[Any, ...]) -> None:
    one = One(when)
    one.put(1, True, point="b")
    one.put(1, 6.0)
    assert one.node.reading(one.columns) == reading


@pytest.mark.parametrize(
    "joined",
    [
        All,
        AnyOf,
        Not,
        lambda operands: Tripping(operands, (False, False), 0),
        lambda operands: Escalated(operands[0], [(operands[1], Severity.HIGH)]),
    ],
    ids=["all", "any", "not", "tripping", "escalated"],
)
def test_operands_are_asked_about_the_same_samples_and_time(joined: Any) -> None:
    asked: list[tuple[Columns, int]] = []

    class Asked(Says):
        def judge(self, columns: Columns, now_ns: int) -> Truth:
            asked.append((columns, now_ns))
            return self.truth

    columns = Columns()
    joined([Asked(T), Asked(T)]).judge(columns, 7)
    assert asked and all(each is columns and now_ns == 7 for each, now_ns in asked)


def test_the_time_to_trip_begins_when_the_operand_becomes_unknown() -> None:
    load, held = Says(T), Says(U)
    node = Tripping([load, held, Says(T)], (True, False, False), 60 * SECOND)
    ask(node, 0)
    load.truth = U
    ask(node, 100)
    held.truth = T
    assert ask(node, 101) is U
    assert node.next_due() == 160 * SECOND


def test_the_next_trip_is_the_earlier_one() -> None:
    first, second = Says(U), Says(F)
    node = Tripping([first, second, Says(T)], (True, True, False), 60 * SECOND)
    ask(node, 0)
    second.truth = U
    ask(node, 10)
    assert node.next_due() == 60 * SECOND


def test_a_trip_that_was_running_at_a_restart_ends_when_the_operand_is_known() -> None:
    load = Says(U)
    stopped = Tripping([load, Says(T)], (True, False), 60 * SECOND)
    ask(stopped, 0)
    node = Tripping([load, Says(T)], (True, False), 60 * SECOND)
    node.restore({"since": stopped.snapshot()["since"], "operands": [None, None]})
    load.truth = T
    ask(node, 1)
    load.truth = U
    assert ask(node, 61) is U, "the time starts again"


def test_a_snapshot_of_other_operands_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        All([Says(), Says()]).restore([None])


def escalating() -> tuple[Columns, Escalated]:
    """High from 5 m, critical while the other point is over 8 m; both clear 2 m lower."""
    columns = Columns()
    base, step = columns.slot("d", "base"), columns.slot("d", "step")
    nodes = [Threshold(slot, Band.of("at_least", limit, 2), "m") for slot, limit in ((base, 5), (step, 8))]
    return columns, Escalated(nodes[0], [(nodes[1], Severity.CRITICAL)])


def test_an_escalation_goes_on_after_a_restart() -> None:
    columns, stopped = escalating()
    columns.put(0, 6.0, Quality.GOOD, 0)
    columns.put(1, 9.0, Quality.GOOD, 0)
    stopped.judge(columns, 0)
    _, node = escalating()
    node.restore(json.loads(json.dumps(stopped.snapshot())))
    assert node.severity is Severity.CRITICAL, "held before the first sample"
    columns.put(1, None, Quality.BAD_COMM, 1)
    assert (node.judge(columns, 1), node.severity) == (T, Severity.CRITICAL), "held while the step is unknown"
    columns.put(0, 3.5, Quality.GOOD, 2)
    columns.put(1, 6.5, Quality.GOOD, 2)
    assert (node.judge(columns, 2), node.severity) == (T, Severity.CRITICAL), "both in their bands"


def test_what_has_not_escalated_has_not_after_a_restart_either() -> None:
    columns, stopped = escalating()
    _, node = escalating()
    node.restore(json.loads(json.dumps(stopped.snapshot())))
    columns.put(0, 6.0, Quality.GOOD, 0)
    assert (node.severity, node.judge(columns, 0), node.severity) == (None, T, None)


def test_an_escalation_shows_what_it_is_raised_by() -> None:
    columns, node = escalating()
    columns.put(0, 6.0, Quality.GOOD, 0)
    columns.put(1, 9.0, Quality.GOOD, 0)
    assert node.reading(columns) == Reading(6.0, 5, "m")


def test_a_dead_escalation_does_not_blind_the_alarm() -> None:
    columns, node = escalating()
    columns.put(0, 1.0, Quality.GOOD, 0)
    columns.put(1, None, Quality.BAD_COMM, 0)
    assert Blind(node).judge(columns, 0) is F


def test_blind_while_an_alarm_that_it_reads_is_unknown() -> None:
    columns = Columns()
    blind = Blind(AnyOf([All([Says(F), OtherAlarm([("WA-01", "a")])]), Says(F)]))
    columns.put(columns.slot("d", "x"), 1, Quality.GOOD, 0)
    assert blind.alarms == {("WA-01", "a")}
    assert blind.judge(columns, 0) is T
    columns.alarm_active["WA-01", "a"] = False
    assert blind.judge(columns, 0) is F


def test_the_first_bad_quality_is_blind() -> None:
    columns = Columns()
    columns.put(columns.slot("d", "x"), 1, Quality.BAD_COMM, 0)
    assert Blind(Says(F)).judge(columns, 0) is T


class _Fills(Node):
    """UNKNOWN until it has been watched for ten seconds, however its point is."""

    def __init__(self, slot: int) -> None:
        super().__init__(frozenset({slot}))
        self.answers_at: int | None = None

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        return None if self.answers_at is None or now_ns < self.answers_at else False


def test_a_window_that_fills_is_no_lost_protection_and_a_dead_sensor_is_at_once() -> None:
    columns = Columns()
    slot = columns.slot("d", "x")
    guarded = _Fills(slot)
    blind = Blind(guarded, None, 10 * SECOND)
    assert blind.judge(columns, 0) is True, "not heard at all"
    columns.put(slot, 1.0, 0, SECOND)
    assert blind.judge(columns, SECOND) is None and blind.next_due() == 11 * SECOND
    columns.put(slot, None, Quality.BAD_SENSOR, 5 * SECOND)
    assert blind.judge(columns, 5 * SECOND) is True, "no waiting for a window that cannot fill"
    columns.put(slot, 1.0, 0, 6 * SECOND)
    assert blind.judge(columns, 6 * SECOND) is None
    kept = Blind(_Fills(slot), None, 10 * SECOND)
    kept.restore(json.loads(json.dumps(blind.snapshot())))
    assert kept.tick(columns, 16 * SECOND - 1) is None
    assert kept.tick(columns, 16 * SECOND) is True, "it had its time and does not answer"
    guarded.answers_at = 12 * SECOND
    assert blind.tick(columns, 12 * SECOND) is False


def test_blind_gives_an_alarm_that_it_reads_that_alarms_own_time_also_over_a_restart() -> None:
    columns, key = Columns(), ("WA-01", "ramp")
    columns.alarm_active[key] = None
    blind, other = (Blind(OtherAlarm([key]), 60, 0, {key: 600}) for _ in range(2))
    assert (blind.judge(columns, 100), blind.next_due()) == (F, 700)
    other.restore(blind.snapshot())
    assert (other.judge(columns, 699), other.judge(columns, 700)) == (F, T)
    columns.alarm_active[key] = False
    assert other.judge(columns, 800) is F
    columns.alarm_active[key] = None
    assert (other.judge(columns, 900), other.next_due()) == (F, 1500), "lost anew, a new while"
    other.restore([None, None])
    assert other.judge(columns, 2000) is F
