"""Killed in the middle of a start, once part of the log was judged again: the next start ends as if there was none."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import SECOND, AlarmState
from tests.alerts.stage import Stage, rule

LIFE: dict[str, Any] = {"severity": "critical", "class": "life_safety"}
RULES = (
    rule("R", **LIFE),
    rule("P", on_delay="10s", off_delay="5s", **LIFE),
    rule("Q", "b", when={"is": True, "for": "7s"}),
    rule("N", "c", when={"together": [{"is": True}, {"point": "b", "is": True}], "within": "5s"}),
    rule("M", "c", suppress_when={"point": "d", "is": True}, **LIFE),
    rule("X", when={"alarm": "R"}),
    rule("Y", "d", when={"absent": {"point": "c", "is": True}, "after": {"is": True}, "by": "20s"}),
)
Script = list[tuple[str, bool, int, str]]
scripts = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.booleans(),
        st.sampled_from([1, 3, 8, 30]),
        st.sampled_from([*["set"] * 6, "save", "ack"]),
    ),
    max_size=30,
)


def play(here: Stage, script: Script) -> None:
    for point, value, wait_s, what in script:
        here.at(here.now_ns / SECOND + wait_s).tick()
        if what == "save":
            here.save()
        elif what == "ack":
            for life in here.engine.open_occurrences():
                if life.state is AlarmState.UNACKED:
                    here.do("ack", life.occurrence)
        else:
            here.set(**{point: value})


@settings(deadline=None)
@given(before=scripts, behind=scripts, outage_s=st.sampled_from([0, 5, 400, 5000]), committed=st.integers(0, 30))
def test_a_start_that_was_killed_leaves_no_trace(before: Script, behind: Script, outage_s: int, committed: int) -> None:
    ways = []
    for is_torn in (False, True):
        here = Stage(*RULES)
        play(here, before)
        if is_torn:
            for judgement in here.reload()[:committed]:
                here.commit(judgement)
        here.restart(outage_s)
        play(here, behind)
        ways.append([(event.kind, event.rule, event.source, event.at) for event in here.events])
    assert ways[0] == ways[1]
