"""K11: how long open alarms were muted, by kind, from the rows that the engine itself writes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.muted_time import MutedTime
from gateway.model import SECOND, Event, Instant
from tests.alerts.stage import Stage, level_rule, rule

WALL = 1_700_000_000 * SECOND
HOUR = 3600


def rows(found: list[tuple[float, str, dict[str, Any]]], occurrence: str = "A") -> MutedTime:
    """The span is [0 h, 10 h)."""
    muted = MutedTime(WALL, WALL + 10 * HOUR * SECOND)
    for number, (at_h, kind, body) in enumerate(found, 1):
        at = Instant(0, WALL + round(at_h * HOUR * SECOND))
        muted.take(Event(seq=number, at=at, kind=kind, occurrence=occurrence, rule="R", source="d", body=body))
    return muted


SHELF: list[tuple[float, str, dict[str, Any]]] = [(1, "raise", {}), (2, "shelve", {}), (5, "unshelve", {})]


@pytest.mark.parametrize(
    ("found", "hours"),
    [
        ([], {}),
        (SHELF, {"shelved": 3}),
        (SHELF[:2], {"shelved": 8}),  # it lasts
        ([(-3, "shelve", {}), (5, "unshelve", {})], {"shelved": 5}),  # since before the span
        ([(-3, "shelve", {}), (-1, "unshelve", {})], {}),
        ([(2, "shelve", {}), (12, "unshelve", {})], {"shelved": 8}),
        ([(11, "shelve", {})], {}),
        ([(2, "shelve", {}), (3, "shelve", {}), (4, "unshelve", {})], {"shelved": 2}),  # a longer one instead
        ([(2, "shelve", {}), (4, "close", {})], {"shelved": 2}),
        ([(1, "raise", {"muted": ["suppressed", "silenced"]}), (2, "close", {})], {"suppressed": 1, "silenced": 1}),
        ([(1, "raise", {"muted": ["journal"]}), (2, "close", {})], {}),
        ([(1, "raise", {"muted": ["suppressed"]}), (3, "reraise", {"why": "lifted"})], {"suppressed": 2}),
        (
            [
                (1, "suppress", {"causes": ["A"]}),
                (2, "suppress", {"causes": ["A", "B"]}),
                (4, "unsuppress", {"causes": ["B"]}),
                (7, "unsuppress", {"causes": []}),
            ],
            {"suppressed": 6},
        ),
        ([(1, "silence", {"reasons": ["x"]}), (2, "unsilence", {"reasons": []})], {"silenced": 1}),
        ([(1, "maintenance", {"reasons": ["w"]}), (3, "maintenance_over", {"reasons": []})], {"maintenance": 2}),
        ([(1, "shelve", {}), (1, "out_of_service", {}), (2, "unshelve", {"why": "life_safety"})],
         {"shelved": 1, "out_of_service": 9}),
    ],
)  # fmt: skip
def test_hours_by_kind(found: list[tuple[float, str, dict[str, Any]]], hours: dict[str, float]) -> None:
    assert rows(found).hours() == hours


def test_what_ran_out_while_the_alarm_was_on_is_counted() -> None:
    gone = {"why": "expired", "state": "rtn_unacked"}
    still = {"why": "expired", "state": "acked"}
    ended = {"why": "command", "state": "acked"}
    found = [(1.0, "unshelve", gone), (2.0, "unshelve", still), (3.0, "in_service", still), (4.0, "unshelve", ended)]
    assert rows(found).expired_active == 2
    assert rows([(-1, "unshelve", still)]).expired_active == 0


@given(st.lists(st.tuples(st.integers(-40, 140), st.booleans()), max_size=20))
def test_shelves_are_as_long_as_their_quarters_of_an_hour(turns: list[tuple[int, bool]]) -> None:
    """Counted once more, quarter by quarter."""
    ordered = sorted(turns, key=lambda turn: turn[0])
    found = [(quarter / 4, "shelve" if on else "unshelve", dict[str, Any]()) for quarter, on in ordered]
    plain = sum(next((on for at, on in reversed(ordered) if at <= quarter), False) for quarter in range(40)) / 4
    assert rows(found).hours().get("shelved", 0.0) == plain


def taken(stage: Stage, begin_s: float, end_s: float) -> MutedTime:
    muted = MutedTime(stage.wall + round(begin_s * SECOND), stage.wall + round(end_s * SECOND))
    for event in stage.events:
        muted.take(event)
    return muted


def test_what_its_own_device_suppresses_is_still_muted_when_it_has_become_life_safety() -> None:
    own = {"suppress_when": {"point": "b", "is": True}, "unknown_for": "1h"}
    stage = Stage(rule("R", severity="high", **own))
    stage.at(0).set(a=True, b=True)
    stage.do("shelve", comment="c", for_ns=2 * HOUR * SECOND)
    stage.at(1).set(a=False, b=True)
    life = {"class": "life_safety", "severity": "critical", "latching": False}
    stage.at(HOUR).succeed((rule("R", **life, **own),))
    assert [held.kind for held in stage.life().mutes] == ["suppressed"]
    assert taken(stage, 0, 2 * HOUR).hours() == {"shelved": 1, "suppressed": 2}


def test_the_rows_of_the_engine_itself() -> None:
    """Shelved, suppressed and silenced, told by what the engine journals."""
    stage = Stage(
        level_rule("LOW", "0.03 m", suppressed_by=["HIGH"]),
        level_rule("HIGH", "0.1 m"),
        rule("R", on={"system": "test"}, when={"point": "a", "is": True}),
    )
    stage.at(0).set(level=0.05, a=True)
    stage.do("shelve", stage.life("R").occurrence, comment="c", for_ns=HOUR * SECOND)
    stage.at(HOUR).set(level=0.5)
    stage.at(3 * HOUR).set(level=0.05)
    stage.silence(for_s=HOUR / 2, rule="HIGH")
    assert stage.life("HIGH").mutes and not stage.life("R").mutes
    stage.at(5 * HOUR).tick()
    assert taken(stage, 0, 5 * HOUR).hours() == {"shelved": 1, "suppressed": 2, "silenced": 0.5}
    assert taken(stage, HOUR / 2, 2 * HOUR).hours() == {"shelved": 0.5, "suppressed": 1}
    assert taken(stage, 0, 5 * HOUR).expired_active == 1
