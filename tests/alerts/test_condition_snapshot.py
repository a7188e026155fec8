"""A condition restored from its snapshot goes on exactly like the one that was never stopped."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import Point, PointType, Quality
from tests.alerts.building import One

CONDITIONS: list[Any] = [
    {"at_least": "5 m", "deadband": "2 m"},
    {"above": "5 m", "deadband": "2 m", "samples": 3},
    {"levels": [{"above": "3 m", "deadband": "1 m"}, {"above": "7 m", "deadband": "3 m", "severity": "critical"}]},
    {"above": {"point": "y", "factor": 0.5}, "deadband": "2 m"},
    {"rises_by": "4 m", "within": "20s", "deadband": "2 m"},
    {"all": [{"point": "b", "is": True, "on_unknown": "trip"}, {"above": "5 m", "deadband": "2 m"}]},
    {"any": [{"not": {"point": "b", "is": True, "samples": 2}}, {"point": "y", "above": "8 m", "deadband": "4 m"}]},
]
SAMPLES = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 2, 5, 30]),
        st.sampled_from(["x", "y", "b"]),
        st.integers(0, 10),
        st.sampled_from([0, 0, 0, Quality.BAD_COMM, Quality.BAD_SENSOR]),
    ),
    max_size=40,
)


@pytest.mark.parametrize("when", CONDITIONS, ids=str)
@settings(deadline=None, max_examples=40)
@given(samples=SAMPLES, cut=st.integers(0, 40))
def test_restored_at_any_point(when: Any, samples: list[tuple[int, str, int, int]], cut: int) -> None:
    going, stopped = One(when), One(when)
    at = 0
    for index, (step, point, value, quality) in enumerate(samples):
        at += step
        if index == cut:
            state = json.loads(json.dumps(stopped.node.snapshot()))
            again = One(when)
            again.columns = stopped.columns
            again.node.restore(state)
            stopped = again
        told: Any = value > 5 if point == "b" else value
        assert going.put(at, told, quality, point) is stopped.put(at, told, quality, point)
        assert going.node.severity is stopped.node.severity
        assert going.node.next_due() == stopped.node.next_due()
    assert going.node.snapshot() == stopped.node.snapshot()


@settings(deadline=None, max_examples=40)
@given(samples=SAMPLES)
@pytest.mark.parametrize("when", CONDITIONS, ids=str)
def test_asking_again_changes_nothing(when: Any, samples: list[tuple[int, str, int, int]]) -> None:
    once, twice = One(when), One(when)
    at = 0
    for step, point, value, quality in samples:
        at += step
        told: Any = value > 5 if point == "b" else value
        answer = once.put(at, told, quality, point)
        assert twice.put(at, told, quality, point) is answer
        assert twice.tick(at) is answer
    assert once.node.snapshot() == twice.node.snapshot()


def test_a_window_of_bools_is_no_condition() -> None:
    assert One({"is": True}, Point("x", PointType.BOOL)).node.snapshot() is None
