"""What holds of every kind of condition, whatever it is fed: the examples of all kinds, one table."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.condition.build import _LEAVES, _OTHERS
from alerts.condition.columns import Columns
from alerts.condition.node import Node
from alerts.condition.spec import _MODELS, KINDS
from gateway.model import SECOND, Quality, Truth, Value
from tests.alerts.building import One

WET = {"above": "5 m", "deadband": "2 m"}
ON = {"point": "b", "is": True}
EXAMPLES: dict[str, list[Any]] = {
    "threshold": [
        WET,
        {"at_most": "5 m", "samples": 3},
        {"at_least": "5 m", "for": "10s"},
        {"above": {"point": "y", "factor": 0.5}, "deadband": "2 m"},
        {"levels": [{"above": "3 m", "deadband": "1 m"}, {"above": "7 m", "deadband": "3 m", "severity": "critical"}]},
    ],
    "state": [ON, {**ON, "samples": 2}, {**ON, "for": "5s"}],
    "rate": [
        {"rises_by": "4 m", "within": "20s", "deadband": "2 m"},
        {"falls_by": "4 m", "within": "2min", "min_span": "5s"},
    ],
    "bad_quality": [{"bad_quality": True}, {"bad_quality": ["sensor"]}],
    "stale": [{"stale": True}, {"stale": "1min"}],
    "heartbeat": [{"heartbeat": "20s"}, {**{"point": "b"}, "heartbeat": "1min"}],
    "deviation": [
        {"deviates_by": "3 m", "from": "5 m", "deadband": "1 m"},
        {"deviates_by": "3 m", "from": {"point": "y"}, "deadband": "1 m"},
        {"deviates_by": "3 m", "from": {"point": "y"}, "align": "30s"},
        {"deviates_by": "3 m", "from": {"median": "1min"}, "deadband": "1 m"},
        {"deviates_by": "3 m", "from": {"median": "6s"}},
    ],
    "flat": [
        {"flat_within": "3 m", "over": "10s", "samples": 2},
        {"flat_within": "5 m", "over": "1min", "samples": 3, "max_gap": "40s", "while": ON},
    ],
    "count": [
        {"count": 2, "of": WET, "within": "1min"},
        {"count": 3, "of": {"any": [WET, ON]}, "within": "2min", "clears_below": 1},
        {"count": 2, "of": {"point": "b", "is": True, "for": "3s"}, "within": "5min"},
    ],
    "vote": [
        {"votes": 2, "of": [WET, ON, {"point": "y", "above": "5 m"}]},
        {"votes": 2, "of": [WET, ON], "within": "20s"},
        {"votes": 2, "of": [WET, {"point": "y", "above": "5 m"}], "bad": "excluded"},
        {"votes": 2, "of": [WET, ON, {"alarm": "T-02"}], "bad": "counts", "within": "5s"},
    ],
    "together": [{"together": [WET, ON], "within": "10s", "hold": "30s"}, {"together": [ON, WET], "within": "1min"}],
    "sequence": [
        {"sequence": [WET, ON], "after": ["2s", "1min"], "hold": "10s"},
        {"sequence": [ON, WET], "after": ["0s", "30s"]},
    ],
    "absent": [
        {"absent": ON, "after": WET, "by": "20s"},
        {"absent": ON, "after": WET, "by": "20s", "sticky": True},
        {"absent": {**ON, "on_unknown": "trip"}, "after": {"alarm": "T-02"}, "by": "20s"},
    ],
    "schedule": [
        {"schedule": {"days": ["mon", "tue"], "from": "22:00", "to": "06:00"}},
        {"schedule": {"rrule": "FREQ=MONTHLY;BYDAY=1TU", "from": "09:00", "lasts": "4h"}},
    ],
    "expr": [{"expr": 'x > "5 m" and not b'}, {"expr": 'abs(x - y) > "3 m"'}],
    "alarm": [{"alarm": "T-02"}],
    "all": [
        {"all": [WET, ON]},
        {"all": [{**ON, "on_unknown": "trip"}, WET]},
        {"all": [{"stale": True}, {"point": "b", "is": False}]},
    ],
    "any": [{"any": [{"rises_by": "4 m", "within": "20s"}, ON]}, {"any": [{"alarm": "T-02"}, WET]}],
    "not": [{"not": WET}, {"not": {"alarm": "T-02"}}],
    "some": [{"n_of": 2, "these": [WET, ON, {"point": "y", "above": "5 m"}]}],
}
BUILT = {kind for kind, model in _MODELS.items() if model in _LEAVES or model in _OTHERS}
WHENS = [when for kind, whens in EXAMPLES.items() if kind in BUILT for when in whens]

ASKS_WHAT_IS_MISSING = ("bad_quality", "stale", "heartbeat", "trip", "counts", "schedule", "age")
"""These words in a condition: that a signal is gone, or the hour, may be what it waits for."""

STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 1.0, 1.0, 2.0, 5.0, 30.0, 70.0]),
        st.one_of(
            st.tuples(
                st.sampled_from(["x", "x", "y", "b"]),
                st.integers(0, 10),
                st.sampled_from([0, 0, 0, 0, Quality.UNCERTAIN_INITIAL, Quality.BAD_COMM, Quality.BAD_SENSOR]),
            ),
            st.tuples(st.just("alarm"), st.sampled_from([True, False, None])),
            st.tuples(st.just("forget"), st.sampled_from([0, 5, 300])),
            st.tuples(st.just("wait")),
        ),
    ),
    max_size=40,
)


class Player:
    """A condition as the engine asks it: at every sample, and at its own deadlines, each at its moment."""

    def __init__(self, when: Any, garbage: Value = None) -> None:
        self.one = One(when, class_="property" if "schedule" in str(when) else "life_safety")
        self.garbage = garbage
        self.now_ns = 0
        self.answer: Truth = None

    @property
    def node(self) -> Node:
        return self.one.node

    @property
    def columns(self) -> Columns:
        return self.one.columns

    def ask(self) -> Truth:
        self.answer = self.node.judge(self.columns, self.now_ns)
        return self.answer

    def until(self, at_ns: int) -> None:
        while (due := self.node.next_due()) is not None and due <= at_ns:
            assert due > self.now_ns, "a deadline lies ahead"
            self.now_ns = due
            self.answer = self.node.tick(self.columns, due)
        self.now_ns = at_ns

    def play(self, step: float, what: tuple[Any, ...]) -> Truth:
        self.until(self.now_ns + round(step * SECOND))
        name, *rest = what
        if name == "alarm":
            (self.columns.alarm_active["T-02", "d"],) = rest
        elif name == "forget":
            (outage_s,) = rest
            self.columns.forget(outage_s * SECOND)
        elif name != "wait":
            value, quality = rest
            told: Value = value > 5 if name == "b" else float(value)
            slot = self.columns.slot("d", name)
            self.columns.put(slot, self.garbage if quality >= 0x80 else told, quality, self.now_ns)
        return self.ask()

    def remembers(self) -> Any:
        return json.loads(json.dumps(self.node.snapshot(), allow_nan=False))


Steps = list[tuple[float, tuple[Any, ...]]]
every = pytest.mark.parametrize("when", WHENS, ids=str)
some = settings(deadline=None, max_examples=15)


def test_every_kind_has_its_examples() -> None:
    assert set(EXAMPLES) == set(KINDS)
    assert set(KINDS) == BUILT, "and can be built"


@every
@some
@given(steps=STEPS)
def test_asked_again_it_answers_the_same_and_remembers_the_same(when: Any, steps: Steps) -> None:
    once, twice = Player(when), Player(when)
    for step in steps:
        assert twice.play(*step) is once.play(*step)
        assert twice.ask() is once.answer
        assert twice.node.tick(twice.columns, twice.now_ns) is once.answer
        assert (twice.node.next_due(), twice.node.severity) == (once.node.next_due(), once.node.severity)
    assert once.remembers() == twice.remembers()


@every
@some
@given(steps=STEPS, cut=st.integers(0, 40))
def test_restored_from_json_it_goes_on_as_if_nothing_had_happened(when: Any, steps: Steps, cut: int) -> None:
    going, stopped = Player(when), Player(when)
    for index, step in enumerate(steps):
        if index == cut:
            again = Player(when)
            again.one.columns, again.now_ns, again.answer = stopped.columns, stopped.now_ns, stopped.answer
            again.node.restore(stopped.remembers())
            assert again.node.severity is stopped.node.severity
            assert again.ask() is stopped.ask() is going.ask()
            stopped = again
        assert going.play(*step) is stopped.play(*step)
        assert (going.node.next_due(), going.node.severity) == (stopped.node.next_due(), stopped.node.severity)
    assert going.remembers() == stopped.remembers()


@pytest.mark.parametrize(
    "when", [when for when in WHENS if not any(word in str(when) for word in ASKS_WHAT_IS_MISSING)], ids=str
)
@some
@given(steps=STEPS, quality=st.sampled_from([Quality.BAD_COMM, Quality.BAD_SENSOR, None]))
def test_what_is_unknown_makes_nothing_true(when: Any, steps: Steps, quality: Quality | None) -> None:
    """All inputs gone (None: by a restart): an answer that was not TRUE does not become TRUE, however long it lasts."""
    player = Player(when)
    for step in steps:
        player.play(*step)
    before = player.ask()
    if quality is None:
        player.columns.forget()
    else:
        for slot in range(len(player.columns.keys)):
            player.columns.put(slot, None, quality, player.now_ns)
    player.columns.alarm_active.clear()
    for wait in (0.0, 1.0, 9.0, 50.0, 500.0, 100_000.0):
        answer = player.play(wait, ("wait",))
        assert before or not answer
        before = answer


@every
@some
@given(steps=STEPS, hours=st.sampled_from([-8760, -24, -1, 1, 24, 8760]))
def test_a_clock_step_changes_nothing_but_what_reads_the_calendar(when: Any, steps: Steps, hours: int) -> None:
    still, stepped = Player(when), Player(when)
    for index, step in enumerate(steps):
        if index % 3 == 1:
            stepped.columns.label_ns += hours * 3600 * SECOND
        if still.node.on_label:
            stepped.play(*step)
            continue
        assert stepped.play(*step) is still.play(*step)
        assert stepped.node.next_due() == still.node.next_due()
    assert still.node.on_label or stepped.remembers() == still.remembers()


@every
@some
@given(steps=STEPS, part=st.floats(0, 1))
def test_before_its_deadline_nothing_changes_by_itself(when: Any, steps: Steps, part: float) -> None:
    quiet, asked = Player(when), Player(when)
    for step in steps:
        answer = quiet.play(*step)
        assert asked.play(*step) is answer
        due = asked.node.next_due()
        assert due is None or due > asked.now_ns
        ahead = step[0] if due is None else min(step[0], (due - 1 - asked.now_ns) / SECOND)
        between = asked.now_ns + math.floor(part * ahead * SECOND)
        assert asked.node.tick(asked.columns, between) is answer
    last = quiet.node.next_due()
    if last is None and not quiet.node.on_label:
        later = quiet.now_ns + 366 * 86400 * SECOND
        assert quiet.node.tick(quiet.columns, later) is quiet.answer, "without a deadline it waits for ever"


@every
@some
@given(steps=STEPS)
def test_asked_about_samples_alone_it_keeps_no_trace(when: Any, steps: Steps) -> None:
    player = Player(when)
    for step in steps:
        player.play(*step)
        other = Columns(player.columns.slots, player.columns.keys)
        for point in (7.0, 9.0, True)[: len(other.keys)]:
            other.values.append(point)
        size = len(other.keys)
        other.values = [*other.values, *[None] * size][:size]
        other.quality, other.at_ns, other.source_ns = [0] * size, [player.now_ns + 5] * size, [None] * size
        before = player.remembers(), player.node.severity
        player.node.alone(other)
        assert (player.remembers(), player.node.severity) == before
        assert player.ask() is player.answer


@every
@some
@given(steps=STEPS, garbage=st.sampled_from([0.0, 1e9, -1e9, True, math.nan]))
def test_a_bad_value_feeds_nothing(when: Any, steps: Steps, garbage: Value) -> None:
    """Whatever stands beside a BAD quality is not read."""
    clean, dirty = Player(when), Player(when, garbage)
    for step in steps:
        assert clean.play(*step) is dirty.play(*step)
    assert clean.remembers() == dirty.remembers()
