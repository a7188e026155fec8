"""An edited rule: nothing is told before its condition has answered, and then only what has changed."""

from __future__ import annotations

import pytest

from alerts.amended import edited, told
from gateway.model import AlarmState
from tests.alerts.stage import Stage, rule
from tests.alerts.test_lifecycle import NOW, alarm, terms

S = AlarmState


@pytest.mark.parametrize(
    ("state", "then"),
    [(S.UNACKED, S.UNACKED), (S.UNACKED_REC, S.UNACKED), (S.ACKED_REC, S.ACKED), (S.LATCHED_ACKED, S.LATCHED_ACKED)],
)
def test_what_is_shown_stays_until_it_has_answered(state: S, then: S) -> None:
    before = alarm(state)
    after = edited(before, NOW, terms())
    assert after.state is then
    assert after.life is before.life, "no row has shown it yet"
    shown, effects = told(after, NOW, terms())
    assert shown.life is not None and shown.life.state is then
    assert [effect.notice for effect in effects if effect.notice] == []


def test_what_is_pending_begins_anew() -> None:
    after = edited(alarm(S.PENDING), NOW, terms())
    assert (after.state, after.life, after.due_ns) == (S.NORMAL, None, None)


@pytest.mark.parametrize(("values", "told_of"), [({"c": False}, []), ({"c": True}, ["reraise"])], ids=["over", "on"])
def test_who_suppressed_it_no_more_did_so_until_it_has_answered(values: dict[str, bool], told_of: list[str]) -> None:
    """A raise and its end about nothing are two notices too many."""
    other = rule("P", "b")
    stage = Stage(other, rule("R", suppressed_by=["P"]))
    stage.at(0).set(a=True, b=True, **values)
    stage.at(1).succeed((other, rule("R", on={"system": "test"}, when={"point": "c", "is": True})))
    assert stage.told() == told_of and stage.life().mutes == ()
    assert stage.rows().count("unsuppress") == 1
