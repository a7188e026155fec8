"""A condition that is made of others reads what they read, needs what they need, and is asked when they must be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from alerts.condition.absent import Missing
from alerts.condition.columns import Columns, Reading
from alerts.condition.count import Count
from alerts.condition.flat import Flat
from alerts.condition.logic import All, AnyOf, Blind, Escalated, Not, Tripping
from alerts.condition.node import Node
from alerts.condition.state import Consecutive, Lasting
from alerts.condition.stretched import Stretched
from alerts.condition.together import Sequence, Together
from alerts.condition.vote import SomeOf, Vote
from gateway.model import Severity, Truth


class Inner(Node):
    """Reads slot 1 and an alarm, needs nothing; is on the calendar, has a due time, and notes when it was asked."""

    def __init__(self) -> None:
        super().__init__(frozenset({1}), frozenset({("T-09", "d")}))
        self.needs = frozenset()
        self.on_label = True
        self.truth: Truth = False
        self.asked: list[int] = []
        self.kept: Any = None

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        self.asked.append(now_ns)
        return self.truth

    def next_due(self) -> int | None:
        return 77

    def snapshot(self) -> Any:
        return "kept"

    def restore(self, state: Any) -> None:
        self.kept = state

    def reading(self, columns: Columns) -> Reading:
        return Reading(3, 4, "m")


class Plain(Node):
    """FALSE; reads slot 0."""

    def __init__(self) -> None:
        super().__init__(frozenset({0}))

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        return False


Make = Callable[[Node], Node]
WITH_PLAIN: dict[str, Make] = {
    "all": lambda node: All([Plain(), node]),
    "any": lambda node: AnyOf([Plain(), node]),
    "tripping": lambda node: Tripping([Plain(), node], [False, True], 5),
    "some of": lambda node: SomeOf([Plain(), node], 1),
    "vote": lambda node: Vote([[Plain()], [node]], 1, 0, "unknown", 5),
    "together": lambda node: Together(Plain(), node, 5, 0, life_safety=False),
    "sequence": lambda node: Sequence(Plain(), node, 0, 5, 0, life_safety=False),
    "absent": lambda node: Missing(node, Plain(), 5, sticky=False, trip=False, unknown_for_ns=5, counts_downtime=False),
    "absent after": lambda node: Missing(
        Plain(), node, 5, sticky=False, trip=False, unknown_for_ns=5, counts_downtime=False
    ),
    "flat": lambda node: Flat(0, 1.0, 1200, 2, gap_ns=100, unit=None, gate=node),
}
AROUND: dict[str, Make] = {
    "not": lambda node: Not([node]),
    "count": lambda node: Count(node, 2, 1, 50),
    "stretched": lambda node: Stretched(node, 5),
    "consecutive": lambda node: Consecutive(node, 1, 2),
    "lasting": lambda node: Lasting(node, 5, 5),
}
MADE = WITH_PLAIN | AROUND


@pytest.mark.parametrize("name", MADE)
def test_it_reads_and_needs_what_is_inside(name: str) -> None:
    inner = Inner()
    node = MADE[name](inner)
    own = frozenset({0}) if name in WITH_PLAIN else frozenset()
    assert node.slots == own | {1}
    assert node.alarms == {("T-09", "d")}
    assert node.needs == own, "a question about quality needs nothing, wrapped or not"
    assert node.on_label is True, "asked again when the clock steps"
    found, todo = [], [node]
    while todo:
        found.append(todo.pop())
        todo += found[-1].inside()
    assert inner in found


@pytest.mark.parametrize("name", MADE)
def test_what_is_not_on_the_calendar_is_not_asked_when_the_clock_steps(name: str) -> None:
    assert MADE[name](Plain()).on_label is False


@pytest.mark.parametrize("name", MADE)
def test_what_is_inside_is_asked_at_the_time(name: str) -> None:
    inner = Inner()
    columns = Columns()
    columns.slot("d", "a")
    columns.slot("d", "b")
    MADE[name](inner).judge(columns, 42)
    assert set(inner.asked) == {42}


@pytest.mark.parametrize("name", sorted(MADE.keys() - {"consecutive", "lasting"}))
def test_it_is_due_when_what_is_inside_is(name: str) -> None:
    assert MADE[name](Inner()).next_due() == 77


@pytest.mark.parametrize("name", MADE)
def test_what_is_inside_is_kept_and_restored(name: str) -> None:
    inner = Inner()
    MADE[name](inner).restore(MADE[name](Inner()).snapshot())
    assert inner.kept == "kept"


@pytest.mark.parametrize("name", ["not", "stretched", "consecutive", "lasting", "all", "any", "together"])
def test_it_shows_what_is_inside(name: str) -> None:
    assert MADE[name](Inner()).reading(Columns()) == Reading(3, 4, "m")


def test_a_flat_line_without_a_gate_is_made_of_nothing_else() -> None:
    node = Flat(0, 1.0, 1200, 2, gap_ns=100, unit=None, gate=None)
    assert (node.inside(), node.slots, node.needs, node.alarms, node.on_label) == ((), {0}, {0}, frozenset(), False)


def test_an_escalation_is_blind_only_without_its_base() -> None:
    base, step = Plain(), Inner()
    node = Escalated(base, [(step, Severity.HIGH)])
    assert (node.slots, node.needs, node.on_label) == ({0, 1}, {0}, True)
    columns = Columns()
    columns.slot("d", "a")
    node.judge(columns, 42)
    assert step.asked == [42]


def test_a_companion_is_asked_with_what_it_guards() -> None:
    inner = Inner()
    node = Blind(inner)
    assert (node.slots, node.alarms, node.on_label, node.next_due()) == ({1}, {("T-09", "d")}, True, 77)
    assert node.inside() == (inner,)
    assert Blind(Plain()).on_label is False
    columns = Columns(alarm_active={("T-09", "d"): False})
    assert node.judge(columns, 42) is False and inner.asked == [42]
    inner.truth = None
    assert node.judge(columns, 43) is True
    columns.alarm_active.clear()
    inner.truth = False
    assert node.judge(columns, 44) is True, "an alarm that it reads is not known"


def test_a_point_of_its_own_is_missing_when_its_time_is_up() -> None:
    node = Blind(Plain(), after_ns=5)
    columns = Columns()
    columns.slot("d", "a")
    assert node.judge(columns, 10) is True and node.next_due() == 15
    assert [node.by_itself(at) for at in (10, 14, 15)] == [False, False, True]
    columns.put(0, 1.0, 0, 16)
    node.judge(columns, 16)
    assert node.by_itself(100) is False
